"""The alarm: interrupts a main thread that does not go on.

No task, and so no deadline of asyncio's, can end a call that never returns: a lock that is taken
twice, a queue that stays empty, an endless loop. A timer signal can: its handler runs in the
thread itself, wherever that stands, and what it raises comes out of the very line.

What goes on is never interrupted, however long it takes: each turn of a loop counts, and each
fresh case. Who makes none is looked at ``LOOKS`` times, and as the looks are the process's own,
one that is not given the processor is not taken for one that hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from hot_reload_conformance.bench.stall import Place, Stall, Stalls, frames_of, is_own, own_of

LOOKS = 20
"""How often in its time a thread is looked at before it has stalled."""
KNOWN_LOOKS = 2
"""The same for one that stands in a line in which it stalled before."""
_BEAT_SECONDS = 0.1
_signal: Any = sys.modules["_signal"]
set_handler: Callable[[int, Any], Any] = _signal.signal
handler_of: Callable[[int], Any] = _signal.getsignal
"""``signal``'s own make enums of what they take and give: twenty times slower, and each of a
hundred thousand simulated runs sets two handlers and puts them back."""
_now = time.monotonic
"""Taken before a simulation puts its fence around the clock: the alarm is no part of what runs."""


class Overdue(BaseException):
    """Raised into a thread that does not go on."""


@dataclass(slots=True)
class _Turns:
    count: int = 0
    asleep: bool = False
    """A loop waits, and something will wake it at its time."""


_turns = _Turns()


@dataclass(slots=True, repr=False)  # signal.signal() asks for it each time, and a case is long
class Alarm:
    """One time of watching the main thread."""

    seconds: float
    stalls: Stalls
    stall: Stall | None = None
    """Set once it was interrupted."""
    case: Any = None
    """The latest case that began under it; its ``progress``, if it has one, counts as turns."""
    until: float = 0.0
    """When somebody else's deadline comes, by ``time.monotonic``; 0: there is none."""
    outside: FrameType | None = None
    """The frame in which it was set: what hangs stands below."""
    _began: float = field(default_factory=_now)
    _turns: int = field(default_factory=lambda: _turns.count)
    _looks: int = 0
    _strikes: int = 0
    _lines: set[Place] = field(default_factory=set)
    """The subject's own lines in which it was seen."""

    def grant(self, seconds: float) -> None:
        """Let so many seconds pass without progress from now on."""
        self.seconds = seconds
        if _running and _running[-1] is self:
            self.arm()

    def arm(self) -> None:
        """Look again in a while."""
        seconds = self.seconds / LOOKS
        if self.until:
            seconds = min(seconds, max(0.001, self.until - _now()))
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def look(self, _signal: int, frame: FrameType | None) -> None:
        """The handler of the signal: raises ``Overdue`` into a thread that has stalled."""
        if self.until and _now() >= self.until:
            self.until = 0.0  # the user's deadline comes first; his plugin raises right after
            self.stall = self.stall or self._seen(frame)
            self._lines.clear()  # nothing is learned: it may only have been slow
            self.arm()
            raise Overdue
        self.arm()
        turns = _turns.count + getattr(self.case, "progress", 0)
        if turns != self._turns or _turns.asleep:
            self._turns, self._looks = turns, 0
            self._lines.clear()
            return
        self._looks += 1
        seen = self._seen(frame)
        self._lines.update(seen.own[-1:])
        if self._looks < (KNOWN_LOOKS if seen.known or self._strikes else LOOKS):
            return
        self._looks = 0
        self._strikes += 1
        self.stall = self.stall or seen
        if self._strikes > 1:
            _at_its_next_line(frame, self.outside)
        raise Overdue

    def _seen(self, frame: FrameType | None) -> Stall:
        frames = frames_of(frame, self.outside)
        own = own_of(frames)
        inside = tuple(self.case.standing()) if hasattr(self.case, "standing") else ()
        return Stall(self.seconds, frames, own, self.stalls.known(own), inside, self._looks)

    def learned(self) -> None:
        """Keep for the next time in which lines it was seen."""
        if self._strikes:
            self.stalls.count += 1
            self.stalls.seconds += _now() - self._began
            self.stalls.places |= self._lines


_running: list[Alarm] = []


def goes_on(case: Any = None) -> None:
    """Tell that there is progress: a fresh ``case`` begins, or its next operation.

    Raises:
        Overdue: what it is to be part of was interrupted already, and is only to end.
    """
    _turns.count += 1
    if any(each.stall is not None for each in _running):
        raise Overdue
    if case is not None and _running:
        _running[-1].case = case


def outermost() -> float:
    """The seconds of the alarm around all others here; 0: there is none."""
    return _running[0].seconds if _running and watched() else 0.0


def forgive() -> None:
    """What interrupted an alarm inside of the running ones ends none of these."""
    for each in _running:
        each.stall = None


def watched() -> bool:
    """Whether a blocked thread would be interrupted: main threads of systems with signals."""
    return threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")


@contextlib.contextmanager
def alarm(
    seconds: float,
    stalls: Stalls | None = None,
) -> Iterator[Alarm]:
    """Interrupt the main thread where it does not go on for ``seconds``; elsewhere nothing can.

    ``stalls`` keeps what is learned for the next time. One inside another has the other's
    memory, and what interrupts it ends both.

    Raises:
        Overdue: it was interrupted; also where a host contained that, and went on.
    """
    outer = _running[-1] if _running else None
    if stalls is None:
        stalls = outer.stalls if outer is not None else Stalls()
    made = Alarm(seconds, stalls)
    if not watched():
        yield made
        return
    made.outside = sys._getframe(2)  # beyond contextlib's
    tracing, began = sys.gettrace(), made._began
    # pytest-timeout uses the same timer for the whole item: what it had left is put back.
    before = set_handler(signal.SIGALRM, made.look)
    rest, interval = signal.setitimer(signal.ITIMER_REAL, 0)
    if outer is not None:
        made.until = outer.until
    elif rest:
        made.until = began + rest
    _running.append(made)
    try:
        made.arm()
        yield made
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _running.remove(made)
        set_handler(signal.SIGALRM, before)
        sys.settrace(tracing)
        made.outside = None
        made.learned()
        if outer is not None:
            if made.stall is not None and outer.stall is None:
                outer.stall = made.stall
                outer.case = outer.case if made.case is None else made.case
            outer.arm()
        elif rest:
            left = began + rest - _now()
            if left > 0:
                signal.setitimer(signal.ITIMER_REAL, left, interval)
            else:
                signal.raise_signal(signal.SIGALRM)  # now: a moment later it hits pytest itself
        # A host that contains every exception contained this one too, and went on.
        if made.stall is not None:
            raise Overdue


def _at_its_next_line(frame: FrameType | None, outside: FrameType | None) -> None:
    """Have ``Overdue`` raised at each next line as well, of all that stand on the way.

    ``while True: try: ... except BaseException: pass`` contains whatever is raised inside the
    ``try``; the line that contains it is outside.
    """

    def line(_frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            raise Overdue
        return line

    while frame is not None and frame is not outside:
        if is_own(frame.f_code.co_filename):  # the kit's have to put back what they changed
            frame.f_trace = line
        frame = frame.f_back
    sys.settrace(lambda *_: None)


@contextlib.contextmanager
def counted(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Count the turns of ``loop`` as progress."""
    selector: Any = getattr(loop, "_selector", None)
    if selector is None:
        # A loop that is written in C shows its turns to nobody: it is asked for a sign of life.
        def beat() -> None:
            _turns.count += 1
            loop.call_later(_BEAT_SECONDS, beat)

        loop.call_soon(beat)
        yield
        return
    select = selector.select

    def selected(timeout: float | None = None) -> Any:
        _turns.count += 1
        _turns.asleep = bool(timeout)
        try:
            return select(timeout)
        finally:
            _turns.asleep = False

    selector.select = selected
    try:
        yield
    finally:
        del selector.select
