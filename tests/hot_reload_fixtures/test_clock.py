"""ManualClock: order, exactness, tasks between timers, limits."""

from __future__ import annotations

import asyncio
import gc
import math
import weakref

import pytest

from hot_reload.ports import Clock
from hot_reload_fixtures import ManualClock


def test_it_is_a_clock_by_the_protocol() -> None:
    clock: Clock = ManualClock(5.0)
    assert clock.now() == 5.0


def test_a_timer_runs_when_its_time_has_come_and_not_before() -> None:
    clock, seen = ManualClock(), list[float]()
    clock.call_later(5.0, lambda: seen.append(clock.now()))
    assert clock.advance(4.999_999_999) == 0
    assert seen == []
    assert clock.advance(0.000_000_001) == 1
    assert seen == [5.0]
    assert clock.pending == 0


def test_ten_tenths_are_one_second() -> None:
    clock, seen = ManualClock(), list[float]()
    clock.call_later(1.0, lambda: seen.append(clock.now()))
    for _ in range(10):
        clock.advance(0.1)
    assert clock.now() == 1.0
    assert seen == [1.0]


def test_timers_of_one_time_run_in_the_order_they_were_set() -> None:
    clock, seen = ManualClock(), list[int]()
    for number in range(100):
        clock.call_later(1.0, lambda number=number: seen.append(number))  # type: ignore[misc]
    clock.advance(1.0)
    assert seen == list(range(100))


def test_what_a_callback_sets_runs_in_the_same_advance_at_its_own_time() -> None:
    clock, seen = ManualClock(), list[float]()

    def tick() -> None:
        seen.append(clock.now())
        if len(seen) < 3:
            clock.call_later(1.0, tick)

    clock.call_later(1.0, tick)
    assert clock.advance(10.0) == 3
    assert seen == [1.0, 2.0, 3.0]
    assert clock.now() == 10.0


def test_a_zero_delay_waits_for_the_next_advance() -> None:
    clock, seen = ManualClock(), list[str]()
    clock.call_later(0.0, lambda: seen.append("ran"))
    assert seen == []
    clock.advance(0.0)
    assert seen == ["ran"]


def test_cancel_is_harmless_twice_and_after_running_and_lets_go() -> None:
    clock = ManualClock()

    class Plugin:
        def tick(self) -> None:
            raise AssertionError("was cancelled")

    plugin = Plugin()
    gone = weakref.ref(plugin)
    timer = clock.call_later(1.0, plugin.tick)
    ran = clock.call_later(0.5, lambda: None)
    clock.advance(0.5)
    ran.cancel()
    timer.cancel()
    timer.cancel()
    assert clock.pending == 0
    del plugin
    gc.collect()
    assert gone() is None, "a cancelled timer keeps its callback alive"
    clock.advance(1.0)


def test_a_raising_callback_stops_the_clock_there_and_keeps_the_rest() -> None:
    clock, seen = ManualClock(), list[str]()
    clock.call_later(1.0, lambda: [][0])
    clock.call_later(2.0, lambda: seen.append("later"))
    with pytest.raises(IndexError):
        clock.advance(5.0)
    assert clock.now() == 1.0
    assert clock.pending == 1
    clock.advance(1.0)
    assert seen == ["later"]


def test_a_float_remainder_does_not_spin_at_one_instant() -> None:
    clock, due = ManualClock(), 0.1 + 0.2

    def again() -> None:
        if clock.now() < due:
            clock.call_later(due - clock.now(), again)

    clock.call_later(0.3, again)
    assert clock.now() + 0.3 < due
    assert clock.advance(1.0) == 2


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_impossible_times_are_refused(seconds: float) -> None:
    clock = ManualClock()
    with pytest.raises(ValueError, match="finite number of seconds"):
        clock.advance(seconds)


def test_a_storm_of_timers_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hot_reload_fixtures.clock._TIMERS_AT_ONE_INSTANT_LIMIT", 50)
    clock = ManualClock()

    def breed() -> None:
        clock.call_later(0.0, breed)

    breed()
    with pytest.raises(RuntimeError, match=r"more than 50 timers ran at 0\.0 s"):
        clock.advance(1.0)


async def test_advance_async_lets_tasks_run_between_timers() -> None:
    clock, seen = ManualClock(), list[float]()

    async def worker() -> None:
        for _ in range(3):
            await clock.sleep(1.0)
            for _ in range(20):
                await asyncio.sleep(0)
            seen.append(clock.now())

    task = asyncio.create_task(worker())
    assert await clock.advance_async(3.0) == 3
    assert seen == [1.0, 2.0, 3.0]
    assert task.done()


async def test_cancelling_a_sleep_leaves_no_timer() -> None:
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(10.0))
    await clock.settle()
    assert clock.pending == 1
    task.cancel()
    assert await clock.settle()
    assert clock.pending == 0
    assert task.cancelled()


async def test_settle_is_bounded_and_says_so() -> None:
    clock = ManualClock()

    async def spin() -> None:
        while True:  # noqa: ASYNC110  a task that spins is what is tested
            await asyncio.sleep(0)

    task = asyncio.create_task(spin())
    assert not await clock.settle(turns=20)
    task.cancel()
    assert await clock.settle(turns=20)


async def test_settle_sees_work_that_breeds_work() -> None:
    clock, seen = ManualClock(), list[int]()

    async def chain(depth: int) -> None:
        seen.append(depth)
        if depth:
            await asyncio.create_task(chain(depth - 1))

    task = asyncio.create_task(chain(50))
    assert await clock.settle()
    assert task.done()
    assert len(seen) == 51
