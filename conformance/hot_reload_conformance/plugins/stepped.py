"""An awaitable that is passed on to the loop step by step, and where it waits."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Container, Generator
from typing import Any


class Stepped:
    """Awaits ``awaitable``, and stops at each of its suspensions to look.

    ``suspended`` is given what waits, for ``place_inside``; what it returns is raised there,
    in place of the wait. Each step runs inside a ``step()``.
    """

    def __init__(
        self,
        awaitable: Any,
        suspended: Callable[[Any], Exception | None],
        step: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        # A coroutine is stepped itself, so that one can see where it waits.
        self.steps = awaitable if inspect.iscoroutine(awaitable) else awaitable.__await__()
        self._suspended = suspended
        self._in_step = step

    def __await__(self) -> Generator[Any, Any, Any]:
        thrown: BaseException | None = None
        while True:
            try:
                with self._in_step():
                    awaited = self._step(thrown)
            except StopIteration as end:
                return end.value
            thrown = self._suspended(self.steps)
            if thrown is not None:
                continue
            try:
                yield awaited
            except BaseException as error:
                thrown = error

    def _step(self, thrown: BaseException | None) -> Any:
        if thrown is None:
            return next(self.steps) if inspect.isgenerator(self.steps) else self.steps.send(None)
        if not hasattr(self.steps, "throw"):
            raise thrown
        return self.steps.throw(thrown)


def place_inside(waiting: Any, sources: Container[str]) -> str | None:
    """The innermost place in ``sources`` at which a coroutine, ``waiting``, waits."""
    found = None
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is None:
            break
        if frame.f_code.co_filename in sources:
            found = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        inner = frame.f_locals.get("self")
        if isinstance(inner, Stepped):
            waiting = inner.steps
            continue
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
    return found
