"""Watching one event loop: who made which task, who armed which timer."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Callable, Container
from types import FrameType
from typing import Any


class LoopWatch:
    """Notes the tasks and timers of ``loop`` that are made from files in ``sources``.

    The loop's own methods are wrapped on the object, no class is replaced. Only weak
    references are kept, so that watching keeps no generation alive.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, sources: Container[str]) -> None:
        self._loop = loop
        self._sources = sources
        self._tasks: weakref.WeakKeyDictionary[asyncio.Task[Any], str] = weakref.WeakKeyDictionary()
        self._timers: list[tuple[weakref.ref[asyncio.TimerHandle], str]] = []
        self._wrap("create_task", self._made_task)
        self._wrap("call_at", self._armed_timer)

    def tasks(self) -> dict[asyncio.Task[Any], str]:
        """The tasks that still run, each with the place in the plugin that made it."""
        return {task: place for task, place in list(self._tasks.items()) if not task.done()}

    def timers(self) -> list[str]:
        """The places in the plugin that armed a timer which is still to come."""
        armed = ((ref(), place) for ref, place in self._timers)
        return [
            place
            for handle, place in armed
            # Whether the loop still has it: one that is due and has not run yet acts, too.
            if handle is not None and not handle.cancelled() and getattr(handle, "_scheduled", True)
        ]

    def _wrap(self, name: str, note: Callable[[Any, str], None]) -> None:
        original = getattr(self._loop, name)

        def wrapped(*arguments: Any, **keywords: Any) -> Any:
            made = original(*arguments, **keywords)
            place = calling_place(sys._getframe(1), self._sources)
            if place:
                note(made, place)
            return made

        setattr(self._loop, name, wrapped)

    def _made_task(self, task: asyncio.Task[Any], place: str) -> None:
        self._tasks[task] = place

    def _armed_timer(self, handle: asyncio.TimerHandle, place: str) -> None:
        self._timers.append((weakref.ref(handle), place))


def calling_place(frame: FrameType | None, sources: Container[str]) -> str | None:
    """``file:line`` of whoever called into asyncio, if that is one of ``sources``."""
    while frame is not None and "/asyncio/" in frame.f_code.co_filename:
        # asyncio.sleep and asyncio.timeout arm timers of their own and call them off again.
        if frame.f_code.co_name in ("sleep", "reschedule", "wait_for", "_wait"):
            return None
        frame = frame.f_back
    if frame is None or frame.f_code.co_filename not in sources:
        return None
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def place_in(frame: FrameType | None, sources: Container[str]) -> str | None:
    """``file:line`` of the innermost frame that lies in ``sources``."""
    while frame is not None:
        if frame.f_code.co_filename in sources:
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return None
