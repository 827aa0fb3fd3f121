"""Standstill: a run in which the subject blocks its thread is interrupted, and told like any other.

A lock that is taken twice, a queue that stays empty, an endless loop: no virtual time ends them.
The alarm of the bench does (``bench.alarm``), armed for each run; every step of the simulated loop
is progress. Only a main thread can be interrupted, on systems with timer signals: elsewhere
whoever blocks hangs.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hot_reload_conformance.bench.alarm import Alarm, Overdue, alarm, outermost, watched
from hot_reload_conformance.bench.isolation import user_interrupts
from hot_reload_conformance.bench.stall import Stalls
from hot_reload_conformance.simulation.failure import BLOCKED, ESCAPE, Failure, Run
from hot_reload_conformance.simulation.loop import SimulationLoop
from hot_reload_conformance.simulation.oracle import Oracle, Trace
from hot_reload_conformance.simulation.script import Script
from hot_reload_conformance.simulation.subject import Subject
from hot_reload_conformance.simulation.telling import begun
from hot_reload_conformance.verdict import Step

BLOCKED_SECONDS = 10.0
"""How long a subject may make no step, in real time; a host twice as long as it declares for an
operation."""

_memories: list[Stalls] = []


@dataclass(slots=True, repr=False)
class UnderWay:
    """One run, as the alarm sees it: how far it is, and what is known of it where it stands."""

    script: Script
    watch: Alarm | None = None
    subject: Subject | None = None
    oracle: Oracle | None = None
    loop: SimulationLoop | None = None
    closing: bool = False
    """Its subject was told to close."""
    trace: Trace = field(default_factory=Trace)
    """What was decided before it blocked."""
    escapes: tuple[str, ...] = ()
    """What it had left the simulation for by then."""
    lines: tuple[str, ...] = ()
    """The subject's story, once it was interrupted."""

    @property
    def progress(self) -> int:
        """Steps of the loop: they are the run's turns."""
        return self.loop.steps if self.loop is not None else 0

    def standing(self) -> tuple[str, ...]:
        """Asked by the alarm where nothing goes on: what led there is kept, as it is by now."""
        if self.oracle is None or self.loop is None or self.watch is None:
            return ()  # its subject is only being made
        if self.watch.stall is None:  # what it does that contains the interruption is not told
            self.trace = self.oracle.trace(self.loop.steps, self.loop.time())
            self.escapes = tuple(map(str, self.loop.fence.escapes))
        return ()

    # What the bench tells of the case in which it was interrupted

    @property
    def doing(self) -> str:
        return f"the simulated script {self.script}"

    @property
    def story(self) -> tuple[Step, ...]:
        return tuple(begun(self.run, self.lines))

    @property
    def replay(self) -> str:
        return self.run.replay

    @property
    def run(self) -> Run:
        """It, without what came of it."""
        return Run(self.script, self.trace)


def seconds_of(subject: Subject) -> float:
    """How long ``subject`` may make no step."""
    return float(getattr(subject, "blocked_seconds", BLOCKED_SECONDS))


def memory() -> Stalls | None:
    """Where this sitting's subject has stalled; None: nobody remembers it."""
    return _memories[-1] if _memories and watched() and not outermost() else None


@contextlib.contextmanager
def sitting(stalls: Stalls | None = None) -> Iterator[None]:
    """Many runs of one subject: where it has stalled it is not waited for again, and Ctrl-C ends
    them also where the subject contains it.

    Raises:
        KeyboardInterrupt: the process was sent SIGINT meanwhile.
    """
    if not watched():
        yield
        return
    with user_interrupts():
        _memories.append(stalls or (_memories[-1] if _memories else Stalls()))
        try:
            yield
        finally:
            _memories.pop()


def alone() -> contextlib.AbstractContextManager[None]:
    """A sitting of a single run, where there is none around it."""
    return contextlib.nullcontext() if _memories else sitting()


def interrupted(under_way: UnderWay, watch: Alarm) -> Run:
    """What a run came to that ``watch`` had to interrupt."""
    stall = watch.stall
    assert stall is not None
    told = Failure(
        BLOCKED,
        f"the subject blocked its thread at {stall.where}",
        expected="control returned to the event loop",
        seen="a blocked thread",
        story=under_way.lines,
        traceback=stall.describe(),
    )
    if under_way.escapes:
        # Whoever waits for what the simulation refused to another thread waits in vain.
        told = Failure(
            ESCAPE, f"left the simulation for {'; '.join(under_way.escapes)}", story=told.story
        )
    elif not stall.own:
        at = f": {stall.frames[-1]}" if stall.frames else ""
        told = Failure(
            ESCAPE,
            f"nothing went on for {stall.seconds:g} s, and no line of the subject's was being run"
            f"{at}",
            story=told.story,
        )
    return Run(under_way.script, under_way.trace, told)


def lines_of(under_way: UnderWay, seconds: float) -> tuple[str, ...]:
    """The subject's story; it may well block there too, by the same lock."""
    if under_way.subject is None:
        return ()
    try:
        with alarm(seconds, memory()):
            return under_way.subject.story()
    except Overdue:
        return ("(its story() blocks as well)",)


def note(under_way: UnderWay, watch: Alarm) -> str:
    """What is added to an exception that ended the run from outside, as a deadline's does."""
    stall = watch.stall
    assert stall is not None
    at = stall.where or (str(stall.frames[-1]) if stall.frames else "an unknown place")
    return (
        f"the simulation stood at {at}\nscript: {under_way.script}\n"
        f"replay: {under_way.replay}\n{stall.describe()}"
    )


def from_outside(error: BaseException) -> bool:
    """Whether ``error`` is none of the subject's: the alarm's, the user's own Ctrl-C, what a
    signal's handler raised, or what pytest's ``skip``, ``xfail`` and ``exit`` raise."""
    if isinstance(error, Overdue) or type(error) is KeyboardInterrupt:
        return True
    pytest: Any = sys.modules.get("pytest")
    if pytest is not None and isinstance(
        error, (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception)
    ):
        return True
    handlers = {
        getattr(handler, "__code__", None)
        for handler in map(signal.getsignal, signal.valid_signals())
        if callable(handler)
    }
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code in handlers:
            return True
        frame = frame.tb_next
    return False
