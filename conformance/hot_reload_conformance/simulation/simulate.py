"""One run: a fresh subject, a script, a source of decisions, and what came of it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.bench.alarm import Alarm, Overdue, alarm, forgive, goes_on, outermost
from hot_reload_conformance.bench.isolation import user_goes_on
from hot_reload_conformance.simulation.escape import Fence, SimulationEscape
from hot_reload_conformance.simulation.failure import (
    CRASH,
    DEADLOCK,
    ESCAPE,
    LEFTOVER,
    LIVELOCK,
    UNRETRIEVED,
    Failure,
    Run,
)
from hot_reload_conformance.simulation.host import hosts
from hot_reload_conformance.simulation.loop import (
    Deadlock,
    Livelock,
    SimulationLoop,
)
from hot_reload_conformance.simulation.oracle import Oracle, Source
from hot_reload_conformance.simulation.script import Op, Script
from hot_reload_conformance.simulation.sources import Zero
from hot_reload_conformance.simulation.standstill import (
    BLOCKED_SECONDS,
    UnderWay,
    alone,
    from_outside,
    interrupted,
    lines_of,
    memory,
    note,
    seconds_of,
)
from hot_reload_conformance.simulation.subject import MAIN, Broken, Subject, SubjectFactory, of_main
from hot_reload_conformance.simulation.waiting import where

MAX_STEPS = 20_000
MAX_VIRTUAL_SECONDS = 3_600.0


def simulate(
    subject: SubjectFactory | type[HostAdapter],
    script: Script | str,
    source: Source | None = None,
    *,
    record: bool = False,
    max_steps: int = MAX_STEPS,
) -> Run:
    """Run ``script`` on a fresh subject, every choice made by ``source`` (None: plain asyncio).

    An adapter's class is as good as ``hosts(adapter)``.

    No real time passes in it. ``record`` keeps each decision in the trace, which costs time.
    Not to be called where an event loop runs: this is a plain function.

    A subject that blocks its thread and makes no step for ten seconds, or for twice what its
    adapter declares for an operation, is interrupted: the failure ``blocked`` names the line. Only
    a main thread can be, on systems with timer signals; in other threads, and on Windows, it hangs.
    What is not the subject's comes out: Ctrl-C, what a signal's handler raises (the deadline of
    pytest-timeout), and pytest's ``skip``, ``xfail`` and ``exit``.

    Raises:
        RuntimeError: an event loop is running in this thread.
    """
    if isinstance(script, str):
        script = Script.parse(script)
    if isinstance(subject, type):
        subject = hosts(subject)
    # A collection in mid-run would finalize at a moment that the next run does not have.
    enabled = gc.isenabled()
    gc.disable()
    try:
        with alone():
            return _watched(subject, script, source or Zero(), record, max_steps)
    finally:
        # Not before nothing refers to the subject any more: what a collection finds in use is
        # looked at twice again before it goes.
        if enabled:
            gc.enable()


def run(
    main: Callable[[], Coroutine[Any, Any, object]],
    source: Source | None = None,
    *,
    record: bool = False,
    max_steps: int = MAX_STEPS,
) -> Run:
    """Run one coroutine function in the simulation; an exception out of it is the failure.

    For what needs no script: ``hunt`` takes ``of_main(main)`` as its subject.
    """
    return simulate(of_main(main), MAIN, source, record=record, max_steps=max_steps)


def _watched(
    subject: SubjectFactory, script: Script, source: Source, record: bool, max_steps: int
) -> Run:
    goes_on()  # what it is to be part of may be over
    user_goes_on()
    under_way, given_seconds = UnderWay(script), outermost()
    watch: Alarm | None = None
    try:
        with alarm(given_seconds or BLOCKED_SECONDS, memory()) as watch:
            watch.case, under_way.watch = under_way, watch
            with subject() as under_way.subject:
                if not given_seconds:
                    watch.grant(seconds_of(under_way.subject))
                return _run(under_way, source, record, max_steps)
    except Overdue:
        if watch is None or watch.stall is None:
            raise
        under_way.lines = lines_of(under_way, watch.seconds)
        if not given_seconds:
            return interrupted(under_way, watch)
        if not under_way.escapes:
            raise  # what interrupts it ends those around it
        forgive()
        return interrupted(under_way, watch)
    except BaseException as error:
        if watch is not None and watch.stall is not None:
            error.add_note(note(under_way, watch))
        raise


def _run(under_way: UnderWay, source: Source, record: bool, max_steps: int) -> Run:
    subject, script = under_way.subject, under_way.script
    assert subject is not None
    if asyncio._get_running_loop() is not None:
        raise RuntimeError(
            "an event loop runs here already, and a simulation brings its own: call simulate() "
            "from a plain function, or from a thread without a loop"
        )
    oracle = Oracle(source, kinds=script.kinds, record=record)
    fence = Fence()
    loop = SimulationLoop(oracle, fence=fence, max_steps=max_steps, max_seconds=MAX_VIRTUAL_SECONDS)
    loop.exploring = False
    under_way.oracle, under_way.loop = oracle, loop
    with fence.up():
        try:
            main = loop.create_task(_play(loop, subject, script, under_way))
            failure = _failure_of(loop, subject, main)
            trace = oracle.trace(loop.steps, loop.time())
            if failure is not None and failure.kind == ESCAPE:
                _let_go(loop, subject, main, under_way)
        finally:
            try:
                loop.abandon()
            finally:
                loop.close()
    return Run(script, trace, failure)


def _let_go(
    loop: SimulationLoop, subject: Subject, main: asyncio.Task[None], under_way: UnderWay
) -> None:
    """Let a subject close that has left the simulation: the end of the loop ends its tasks, but no
    thread, socket or process."""
    loop.over()

    async def closed() -> None:
        if under_way.closing:
            await asyncio.wait({main})
        else:
            main.cancel()
            await subject.close()

    try:
        loop.run_until_complete(closed())
    except BaseException as error:  # it was not judged, and is not now
        if from_outside(error):
            raise


def _failure_of(loop: SimulationLoop, subject: Subject, main: asyncio.Task[None]) -> Failure | None:
    def failed(kind: str, error: BaseException, message: str = "") -> Failure:
        return Failure(
            kind,
            message or str(error),
            expected=getattr(error, "expected", ""),
            seen=getattr(error, "seen", ""),
            story=subject.story(),
        )

    try:
        loop.run_until_complete(main)
    except Broken as error:
        found: Failure | None = failed(error.name, error)
    except Deadlock as error:
        found = failed(DEADLOCK, error)
    except Livelock as error:
        found = failed(LIVELOCK, error)
    except SimulationEscape as error:
        found = failed(ESCAPE, error)
    except KeyboardInterrupt as error:
        if from_outside(error):
            raise
        found = failed(CRASH, error, f"{type(error).__name__} ended the event loop")
    except BaseException as error:
        if from_outside(error):
            raise
        found = failed(CRASH, error, f"{type(error).__name__}: {error}")
    else:
        found = _left_behind(loop, subject)
    if loop.fence.escapes:
        # The subject may have contained the error; what it did then proves nothing.
        words = "; ".join(map(str, loop.fence.escapes))
        return Failure(ESCAPE, f"left the simulation for {words}", story=subject.story())
    return found


def _left_behind(loop: SimulationLoop, subject: Subject) -> Failure | None:
    loop.drain()
    left = [where(task) for task in loop.unfinished()]
    if left:
        return Failure(
            LEFTOVER, f"still running after close: {'; '.join(left)}", story=subject.story()
        )
    lost = loop.unretrieved()
    if lost:
        return Failure(UNRETRIEVED, f"nobody heard of: {'; '.join(lost)}", story=subject.story())
    return None


async def _play(
    loop: SimulationLoop, subject: Subject, script: Script, under_way: UnderWay
) -> None:
    await subject.open()
    for op in script.given:
        await subject.perform(op)
    loop.after_each_step(subject.look)
    loop.exploring = True

    async def one(op: Op) -> None:
        if len(script.operations) > 1:
            await loop.pause(f"before {op}")
        await subject.perform(op)

    tasks = []
    for op in script.operations:
        task = loop.create_task(one(op), name=str(op))
        tasks.append(task)
        loop.may_be_cancelled(task, str(op))
    try:
        if tasks:
            await asyncio.wait(tasks)
    finally:
        loop.exploring = False
        loop.after_each_step(None)
    for task in tasks:
        if not task.cancelled():
            task.result()
    subject.look()
    await subject.finish()
    under_way.closing = True
    await subject.close()
