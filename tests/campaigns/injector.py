"""An injector: sees each line of the engine that runs, and raises at one of them."""

from __future__ import annotations

import collections
import contextlib
import dis
import functools
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hot_reload

ENGINE = str(Path(hot_reload.__file__).parent)
ARRIVALS_BY_ONE_WAY = 2
"""A line that is come to again by the same way, as in a loop, is another point so often."""

LOCKING = "runtime/dispatch.py"
"""The one module with locks of threads; for what that means here see ``fault_at_every_line``."""

CALLING = "runtime/services.py"
CALLS = frozenset({"call", "use", "_ask"})
"""The functions by which a service is called."""


class Point(NamedTuple):
    """The ``arrival``-th time that the engine comes to a line, from 1."""

    file: str
    line: int
    arrival: int = 1

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}, arrival {self.arrival}"


class Injector:
    """Without ``at`` it notes the points, with it it raises ``fault`` there, once.

    A point is each line, and each again as often as it is come to by another way: through
    other lines of the engine that called it.
    """

    def __init__(self, at: Point | None = None, fault: BaseException | None = None) -> None:
        self.points: list[Point] = []
        self.fired = False
        self._at = at
        self._paused = False
        self._fault = fault
        self._arrivals: collections.Counter[tuple[str, int]] = collections.Counter()
        self._ways: collections.Counter[tuple[tuple[str, int], ...]] = collections.Counter()

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        if monitored := sys.version_info >= (3, 12):
            self._monitor()
        else:
            sys.settrace(self._frame)
        try:
            yield
        finally:
            if monitored:
                self._unmonitor()
            else:
                sys.settrace(None)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """What runs in this block is not what the campaign is about."""
        self._paused, before = True, self._paused
        try:
            yield
        finally:
            self._paused = before

    def disarm_for_good(self) -> None:
        """Let go of the frames that the exception went through."""
        if self._fault is not None:
            self._fault.__traceback__ = self._fault.__context__ = None

    def _line(self, frame: types.FrameType) -> None:
        if self._paused or _leaves_a_lock(frame.f_code, frame.f_lasti) or _is_a_call(frame):
            return
        place = frame.f_code.co_filename, frame.f_lineno
        if self._at is None:
            self._arrivals[place] += 1
            way = tuple(_way(frame))
            self._ways[way] += 1
            if self._ways[way] <= ARRIVALS_BY_ONE_WAY:
                self.points.append(Point(*place, self._arrivals[place]))
        elif place == self._at[:2] and not self.fired:
            self._arrivals[place] += 1
            if self._arrivals[place] == self._at.arrival:
                self.fired = True
                if sys.version_info < (3, 12):
                    sys.settrace(None)  # it has seen what it was to see
                assert self._fault is not None
                raise self._fault

    def _frame(self, frame: types.FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(ENGINE):
            return None

        def trace(frame: types.FrameType, event: str, argument: object) -> Any:
            if event == "line":
                self._line(frame)
            return trace

        return trace

    def _monitor(self) -> None:
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        tool = monitoring.DEBUGGER_ID
        monitoring.use_tool_id(tool, "campaign")

        def line(code: types.CodeType, number: int) -> Any:
            if not code.co_filename.startswith(ENGINE):
                return monitoring.DISABLE
            return self._line(sys._getframe(1))

        monitoring.register_callback(tool, monitoring.events.LINE, line)
        monitoring.set_events(tool, monitoring.events.LINE)
        monitoring.restart_events()

    def _unmonitor(self) -> None:
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        monitoring.set_events(monitoring.DEBUGGER_ID, 0)
        monitoring.free_tool_id(monitoring.DEBUGGER_ID)


@functools.cache
def _leaves_a_lock(code: types.CodeType, offset: int) -> bool:
    """Whether the line that begins at ``offset`` is that of a ``with`` on a thread's lock which
    is being left, and no point: see ``LOCKING``."""
    if not code.co_filename.endswith(LOCKING):
        return False
    following = [each for each in dis.get_instructions(code) if each.offset >= offset][:6]
    names = [each.opname for each in following]
    arguments = [each.argval for each in following]
    return "WITH_EXCEPT_START" in names or any(
        arguments[place : place + 3] == [None] * 3
        and names[place : place + 3] == ["LOAD_CONST"] * 3
        for place in range(4)
    )


def _is_a_call(frame: types.FrameType) -> bool:
    """Whether it is of a caller's call to a service; not what the service does in turn."""
    both = (frame, frame.f_back)
    return any(
        each.f_code.co_filename.endswith(CALLING) and each.f_code.co_name in CALLS
        for each in both
        if each is not None
    )


def _way(frame: types.FrameType | None) -> Iterator[tuple[str, int]]:
    while frame is not None:
        if frame.f_code.co_filename.startswith(ENGINE):
            yield frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
