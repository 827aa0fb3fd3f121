"""The public base class of plugins; extending it is a convenience, not a duty."""

from __future__ import annotations

from typing import ClassVar


class Plugin:
    """A plugin of the reference engine.

    Give it a ``version`` and the methods of its role: ``write(self, event)`` makes it
    a sink, ``handle(self, request)`` a service, ``enrich``, ``process`` and ``redact``
    return the event that goes on, ``filter`` says whether it does. Every hook of
    ``hot_reload.hooks`` is optional, and may be ``def`` or ``async def``.
    """

    name: ClassVar[str | None] = None
    """None: the name of the file."""
    version: ClassVar[str]
    """PEP 440; every plugin declares one."""
