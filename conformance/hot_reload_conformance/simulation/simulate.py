"""One run: a fresh subject, a script, a source of decisions, and what came of it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

from hot_reload_conformance.adapter import HostAdapter
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
        return _in_context(subject, script, source or Zero(), record, max_steps)
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


def _in_context(
    subject: SubjectFactory, script: Script, source: Source, record: bool, max_steps: int
) -> Run:
    with subject() as each:
        return _run(each, script, source, record, max_steps)


def _run(subject: Subject, script: Script, source: Source, record: bool, max_steps: int) -> Run:
    if asyncio._get_running_loop() is not None:
        raise RuntimeError(
            "an event loop runs here already, and a simulation brings its own: call simulate() "
            "from a plain function, or from a thread without a loop"
        )
    oracle = Oracle(source, kinds=script.kinds, record=record)
    fence = Fence()
    loop = SimulationLoop(oracle, fence=fence, max_steps=max_steps, max_seconds=MAX_VIRTUAL_SECONDS)
    loop.exploring = False
    with fence.up():
        try:
            failure = _failure_of(loop, subject, script)
            trace = oracle.trace(loop.steps, loop.time())
        finally:
            loop.abandon()
            loop.close()
    return Run(script, trace, failure)


def _failure_of(loop: SimulationLoop, subject: Subject, script: Script) -> Failure | None:
    def failed(kind: str, error: BaseException, message: str = "") -> Failure:
        return Failure(
            kind,
            message or str(error),
            expected=getattr(error, "expected", ""),
            seen=getattr(error, "seen", ""),
            story=subject.story(),
        )

    try:
        loop.run_until_complete(_play(loop, subject, script))
    except Broken as error:
        found: Failure | None = failed(error.name, error)
    except Deadlock as error:
        found = failed(DEADLOCK, error)
    except Livelock as error:
        found = failed(LIVELOCK, error)
    except SimulationEscape as error:
        found = failed(ESCAPE, error)
    except KeyboardInterrupt as error:
        if type(error) is KeyboardInterrupt:
            raise  # the user's own
        found = failed(CRASH, error, f"{type(error).__name__} ended the event loop")
    except BaseException as error:
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


async def _play(loop: SimulationLoop, subject: Subject, script: Script) -> None:
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
    await subject.close()
