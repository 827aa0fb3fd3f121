"""The subject: what is simulated, as the simulation sees it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeAlias

from hot_reload_conformance.simulation.script import Op, Script
from hot_reload_conformance.verdict import Violation


class Broken(Violation):
    """An invariant of a subject does not hold; ``name`` says which."""

    def __init__(
        self, name: str, message: str, *, expected: object = "", seen: object = ""
    ) -> None:
        super().__init__(message, expected=expected, seen=seen)
        self.name = name


class Subject(Protocol):
    """What is simulated. A fresh one is made for each run; it never leaves its loop.

    A method that raises ``Broken`` ends the run as a failure; anything else that comes
    out of one does too, as a crash.
    """

    async def open(self) -> None:
        """Get ready. Nothing is explored yet."""

    async def perform(self, op: Op) -> None:
        """Do one operation; several run at the same time. Note what came of it."""

    def look(self) -> None:
        """Asked after every step of the loop: does everything hold that must always hold?"""

    async def finish(self) -> None:
        """Asked when all operations have ended: does the outcome make sense?"""

    async def close(self) -> None:
        """Let go of everything: tasks that still run afterwards are leftovers."""

    def story(self) -> tuple[str, ...]:
        """What happened, line by line."""


SubjectFactory: TypeAlias = Callable[[], "contextlib.AbstractContextManager[Subject]"]
"""Gives the context in which a fresh subject lives, such as a folder; entered for each run."""


class Task:
    """The simplest subject: one coroutine function, for ``of_main``. It knows no operations."""

    def __init__(self, main: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self._main = main

    async def open(self) -> None: ...

    async def perform(self, op: Op) -> None:
        await self._main()

    def look(self) -> None: ...

    async def finish(self) -> None: ...

    async def close(self) -> None: ...

    def story(self) -> tuple[str, ...]:
        return ()


MAIN = Script((), (Op("main"),))
"""The only script of ``of_main``."""


def of_main(main: Callable[[], Coroutine[Any, Any, object]]) -> SubjectFactory:
    """``main`` as a subject, whose only script is ``main``."""
    return lambda: contextlib.nullcontext(Task(main))
