"""The loop: plain asyncio under way 0, virtual time, and what it tells of those who get stuck."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import random
import weakref
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import pytest

from hot_reload_conformance.simulation.failure import (
    CRASH,
    DEADLOCK,
    LEFTOVER,
    LIVELOCK,
    UNRETRIEVED,
)
from hot_reload_conformance.simulation.loop import SimulatedClock, simulation
from hot_reload_conformance.simulation.oracle import Deviation
from hot_reload_conformance.simulation.simulate import run, simulate
from hot_reload_conformance.simulation.sources import RandomWalk, Replay, Zero
from hot_reload_conformance.simulation.subject import MAIN, Task

Main = Callable[[], Coroutine[Any, Any, object]]


def noting(log: list[str]) -> Main:
    """Three tasks, a timer, a callback and a future, which note what they do."""

    async def worker(name: str) -> None:
        for turn in range(3):
            log.append(f"{name}{turn}")
            await asyncio.sleep(0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(log.append, "callback 1")
        loop.call_soon(log.append, "callback 2")
        loop.call_later(0.01, log.append, "timer")
        tasks = [asyncio.create_task(worker(name)) for name in "abc"]
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        await future
        log.append("future")
        await asyncio.gather(*tasks)
        await asyncio.sleep(0.02)
        log.append("end")

    return main


def test_way_0_is_plain_asyncio() -> None:
    plain: list[str] = []
    asyncio.run(noting(plain)())
    simulated: list[str] = []
    assert run(noting(simulated)).failure is None
    assert simulated == plain


def test_handles_of_callbacks_are_as_asyncio_s() -> None:
    ran: list[object] = []
    colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")

    def note(what: str) -> None:
        ran.append((what, colour.get()))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        colour.set("red")
        inherited = loop.call_soon(note, "inherited")
        given = loop.call_soon(note, "given", context=contextvars.Context())
        cancelled = loop.call_soon(note, "cancelled")
        cancelled.cancel()
        assert [each.cancelled() for each in (inherited, given, cancelled)] == [False, False, True]
        assert "note" in repr(inherited)
        await asyncio.sleep(0)

    assert run(main).failure is None
    assert ran == [("inherited", "red"), ("given", "none")]


def test_a_callback_that_raises_is_named() -> None:
    def unlucky() -> None:
        raise OSError("no disk")

    async def main() -> None:
        asyncio.get_running_loop().call_soon(unlucky)
        await asyncio.sleep(0)

    failure = run(main).failure
    assert failure is not None
    assert failure.kind == UNRETRIEVED
    assert "unlucky" in failure.message
    assert "OSError: no disk" in failure.message


def test_a_subject_looks_after_every_single_step() -> None:
    """Whatever is asked of a host while it runs is asked there."""
    looked: list[int] = []

    class Looks(Task):
        def look(self) -> None:
            looked.append(simulation().steps)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(5):
            loop.call_soon(int)
            await asyncio.gather(*(asyncio.sleep(0) for _ in range(3)))

    done = simulate(lambda: contextlib.nullcontext(Looks(main)), MAIN, RandomWalk(3))
    assert done.failure is None
    during = looked[:-1]  # and once more when all of the script is over
    assert len(during) > 30
    assert during == list(range(during[0], during[0] + len(during)))


@pytest.mark.parametrize("collects", [True, False])
def test_nothing_is_collected_until_the_subject_is_gone(collects: bool) -> None:
    """A collection in mid-run finalizes at another moment in each run; one that finds the subject
    in use goes over all of it in vain."""
    seen: list[tuple[bool, bool]] = []
    subjects: list[weakref.ref[Task]] = []

    class Witness(list[object]):
        def __del__(self) -> None:
            seen.append((gc.isenabled(), subjects[0]() is None))

    async def main() -> None:
        assert not gc.isenabled()

    @contextlib.contextmanager
    def fresh() -> Iterator[Task]:
        subject = Task(main)
        subjects.append(weakref.ref(subject))
        circle = Witness()
        circle.append(circle)
        del circle
        yield subject
        del subject
        assert not gc.isenabled()

    before = gc.isenabled(), gc.get_threshold()
    (gc.enable if collects else gc.disable)()
    gc.collect()
    gc.set_threshold(1)  # whoever allows it has it at once
    try:
        assert simulate(fresh, MAIN).failure is None
        assert gc.isenabled() is collects
        gc.collect()
    finally:
        gc.set_threshold(*before[1])
        (gc.enable if before[0] else gc.disable)()
    assert seen == [(collects, True)]


def test_no_time_passes_but_virtual_time_does() -> None:
    times: list[float] = []

    async def main() -> None:
        clock = SimulatedClock(asyncio.get_running_loop())
        await asyncio.sleep(1000)
        times.append(clock.now())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(500):
                await asyncio.Event().wait()
        times.append(clock.now())

    assert run(main).failure is None
    assert times == [1000, 1500]


def test_a_deviation_changes_which_task_goes_next() -> None:
    plain: list[str] = []
    run(noting(plain))
    other: list[str] = []
    trace = run(noting(other), Replay([Deviation(0, 1)])).trace
    assert str(trace) == "0:1"
    assert trace.deviations[0].kind == "schedule"
    assert other != plain
    assert sorted(other) == sorted(plain)


@pytest.mark.parametrize("seed", range(30))
def test_callbacks_and_a_task_s_own_steps_keep_their_order(seed: int) -> None:
    log: list[str] = []
    assert run(noting(log), RandomWalk(seed)).failure is None
    assert log.index("callback 1") < log.index("callback 2")
    for name in "abc":
        assert [each for each in log if each[0] == name and len(each) == 2] == [
            f"{name}0",
            f"{name}1",
            f"{name}2",
        ]


def test_random_walks_differ() -> None:
    seen = set()
    for seed in range(30):
        log: list[str] = []
        run(noting(log), RandomWalk(seed))
        seen.add(tuple(log))
    assert len(seen) > 10


def test_the_same_seed_is_the_same_run() -> None:
    first, second = (run(noting([]), RandomWalk(7), record=True) for _ in range(2))
    assert first.trace.log
    assert first.same_as(second)


def test_a_deadlock_names_who_waits_where() -> None:
    async def left(first: asyncio.Lock, second: asyncio.Lock) -> None:
        async with first:
            await asyncio.sleep(0)
            async with second:
                pass

    async def main() -> None:
        one, two = asyncio.Lock(), asyncio.Lock()
        await asyncio.gather(
            asyncio.create_task(left(one, two), name="left"),
            asyncio.create_task(left(two, one), name="right"),
        )

    failure = run(main).failure
    assert failure is not None
    assert failure.kind == DEADLOCK
    assert "'left' in acquire" in failure.message
    assert "'right' in acquire" in failure.message
    assert "test_loop.py:" in failure.message


def test_a_livelock_ends() -> None:
    async def main() -> None:
        while True:  # noqa: ASYNC110  # it is what a livelock is
            await asyncio.sleep(0)

    failure = run(main, max_steps=500).failure
    assert failure is not None
    assert failure.kind == LIVELOCK
    assert "500 steps" in failure.message


def test_who_polls_for_what_takes_time_is_no_livelock() -> None:
    """A drain that asks again at each turn is no bug, though no time passes in a turn here."""

    async def polls() -> None:
        slow = [asyncio.ensure_future(asyncio.sleep(0.01)) for _ in range(3)]
        while not all(each.done() for each in slow):  # noqa: ASYNC110 - what is tested
            await asyncio.sleep(0)

    found = run(polls)
    assert found.failure is None, found.describe()
    assert found.trace.virtual_seconds == 0.01
    again = run(polls)
    assert again.same_as(found)


def test_waiting_for_ever_by_timers_ends_too() -> None:
    async def main() -> None:
        while True:  # noqa: ASYNC110  # as above, in virtual time
            await asyncio.sleep(100)

    failure = run(main).failure
    assert failure is not None
    assert failure.kind == LIVELOCK
    assert "virtual time" in failure.message


def test_leftover_tasks_are_told() -> None:
    async def main() -> None:
        main.task = asyncio.create_task(asyncio.Event().wait(), name="forgotten")  # type: ignore[attr-defined]

    failure = run(main).failure
    assert failure is not None
    assert failure.kind == LEFTOVER
    assert "forgotten" in failure.message


@pytest.mark.parametrize("kept", [True, False])
def test_exceptions_nobody_retrieved_are_told(kept: bool) -> None:
    async def fails() -> None:
        raise LookupError("nobody asks")

    tasks = []

    async def main() -> None:
        task = asyncio.create_task(fails(), name="lonely")
        if kept:
            tasks.append(task)
        del task
        await asyncio.sleep(1)

    failure = run(main).failure
    assert failure is not None
    assert failure.kind == UNRETRIEVED
    assert "nobody asks" in failure.message


def test_an_exception_out_of_main_is_the_failure() -> None:
    async def main() -> None:
        raise LookupError("lost")

    failure = run(main).failure
    assert failure is not None
    assert (failure.kind, failure.message) == (CRASH, "LookupError: lost")


def test_exiting_from_a_task_is_a_failure_and_not_an_exit() -> None:
    async def main() -> None:
        raise SystemExit(3)

    failure = run(main).failure
    assert failure is not None
    assert failure.kind == CRASH
    assert "SystemExit" in failure.message


def test_the_user_s_own_interrupt_gets_through() -> None:
    async def main() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(main)


def test_sets_of_tasks_have_one_order() -> None:
    """asyncio.wait returns sets; by id() their order would be chance."""

    async def nothing() -> None: ...

    orders = []

    async def main() -> None:
        names = [f"t{number}" for number in range(20)]
        done, _ = await asyncio.wait([asyncio.create_task(nothing(), name=n) for n in names])
        orders.append([task.get_name() for task in done])

    kept = []
    for number in range(5):
        kept.append([object() for _ in range(number * 37)])  # moves what comes after in memory
        run(main)
    assert orders[0] == [f"t{number}" for number in range(20)]
    assert all(each == orders[0] for each in orders)


def test_a_loop_that_runs_is_refused_in_words() -> None:
    async def main() -> None: ...

    async def outer() -> None:
        run(main)

    with pytest.raises(RuntimeError, match="brings its own"):
        asyncio.run(outer())


def test_there_is_no_simulation_outside_of_one() -> None:
    async def outer() -> None:
        simulation()

    with pytest.raises(RuntimeError, match="no simulation runs here"):
        asyncio.run(outer())


def test_a_task_factory_of_the_subject_is_used() -> None:
    made = []

    class Own(asyncio.Task[Any]):
        pass

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
        made.append(coro)
        return Own(coro, loop=loop, **options)

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(factory)
        await asyncio.gather(*(asyncio.create_task(asyncio.sleep(0)) for _ in range(3)))

    assert run(main, RandomWalk(1)).failure is None
    assert len(made) == 3


class Picks(Zero):
    """Takes any of the ready tasks, and remembers which."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.picked: object = None

    def choose(self, kind: str, n: int, label: str, options: Sequence[Any]) -> int:
        choice = self._chance.randrange(n)
        self.picked = options[choice]
        return choice


@pytest.mark.parametrize("seed", range(10))
def test_the_task_that_is_chosen_goes_next_whatever_stands_between(seed: int) -> None:
    """Callbacks stand in the same queue: the place there is not the place among the tasks."""
    source = Picks(seed)
    workers: list[asyncio.Task[None]] = []
    seen: list[bool] = []

    async def worker() -> None:
        for turns_left in reversed(range(7)):
            if source.picked in workers:
                seen.append(source.picked is asyncio.current_task())
            source.picked = None
            for _ in range(len(seen) % 3):
                asyncio.get_running_loop().call_soon(int)
            if turns_left:
                await asyncio.sleep(0)

    async def main() -> None:
        workers.extend(asyncio.ensure_future(worker()) for _ in range(5))
        await asyncio.gather(*workers)

    assert run(main, source).failure is None
    assert len(seen) > 15
    assert all(seen)
