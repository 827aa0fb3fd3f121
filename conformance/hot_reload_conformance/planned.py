"""What the kit plans for plugins: the actions, and the exceptions that they raise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

Action: TypeAlias = Callable[[Any], "Awaitable[None] | None"]
"""Done with the plugin's ``Probe`` when a plan's moment comes; may raise, and may be async where
the hook is."""


class PlannedError(Exception):
    """An ordinary exception that the kit made a plugin raise."""


class PlannedExit(SystemExit):
    """``sys.exit()`` called by a plugin."""


class PlannedInterrupt(KeyboardInterrupt):
    """KeyboardInterrupt raised by a plugin; told apart from the user's own Ctrl-C."""


class PlannedCancel(asyncio.CancelledError):
    """CancelledError raised by a plugin, though nobody cancelled it."""


class PlannedBase(BaseException):
    """A bare BaseException of a plugin's own."""


def raising(kind: type[BaseException], text: str = "planned by the kit") -> Action:
    """An action that raises a fresh ``kind(text)``."""

    def action(_: object) -> None:
        raise kind(text)

    return action
