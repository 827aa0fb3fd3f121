"""The hook runner: what a hook does, it does to itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hot_reload import Settings
from hot_reload.errors import HookFailed, HookTimeout
from hot_reload.runtime.lifecycle import HookRunner
from hot_reload_fixtures import EXCEPTIONS, Gate, ManualClock


@pytest.fixture
def runner(hot_reload_clock: ManualClock) -> HookRunner:
    return HookRunner(hot_reload_clock, Settings(hook_deadline_seconds=5))


async def test_what_a_hook_returns(runner: HookRunner, hot_reload_clock: ManualClock) -> None:
    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value + 1

    assert await runner.call("hook", lambda value: value, 1) == 1
    assert await runner.call("hook", later, 1) == 2
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    future.set_result(3)
    assert await runner.call("hook", lambda: future) == 3
    assert hot_reload_clock.pending == 0


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("when", ["at once", "in the coroutine", "after an await"])
async def test_I3_I4_I5_I6_whatever_it_raises_is_a_fault(
    runner: HookRunner, kind: type[BaseException], when: str
) -> None:
    def at_once() -> None:
        raise kind("boom")

    async def inside() -> None:
        if when == "after an await":
            await asyncio.sleep(0)
        raise kind("boom")

    with pytest.raises(HookFailed, match=f"start raised {kind.__name__}") as caught:
        await runner.call("start", at_once if when == "at once" else inside)
    assert caught.value.__cause__ is caught.value.__context__ is None
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_I6_generator_exit(runner: HookRunner) -> None:
    def leave() -> None:
        raise GeneratorExit

    with pytest.raises(HookFailed, match="GeneratorExit"):
        await runner.call("start", leave)


async def test_a_deadline_of_its_own(runner: HookRunner, hot_reload_clock: ManualClock) -> None:
    hung = asyncio.create_task(runner.call("start", Gate().enter, deadline_seconds=1))
    await hot_reload_clock.advance_async(0.9)
    assert not hung.done()
    await hot_reload_clock.advance_async(0.1)
    with pytest.raises(HookTimeout, match=r"deadline of 1 s$"):
        await hung
    assert hot_reload_clock.pending == 0


async def test_H5_a_hook_that_swallows_cancellation_is_left_behind(
    runner: HookRunner, hot_reload_clock: ManualClock
) -> None:
    end = asyncio.Event()

    async def stubborn() -> None:
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue

    hung = asyncio.create_task(runner.call("stop", stubborn))
    await hot_reload_clock.advance_async(5)
    assert not hung.done()  # the grace
    await hot_reload_clock.advance_async(0.1)
    with pytest.raises(HookTimeout, match="swallowed its cancellation, and is left behind"):
        await hung
    end.set()
    await hot_reload_clock.settle()


async def test_the_callers_cancellation_cancels_the_hook(
    runner: HookRunner, hot_reload_clock: ManualClock
) -> None:
    seen: list[str] = []
    gate = Gate()

    async def hook() -> None:
        try:
            await gate.enter()
        finally:
            await asyncio.sleep(0)
            seen.append("released")

    caller = asyncio.create_task(runner.call("start", hook))
    await gate.reached()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert seen == ["released"]  # the caller goes on only when the hook has let go
    assert hot_reload_clock.pending == 0


async def test_waiting_for_what_is_done_sets_no_timer(
    runner: HookRunner, hot_reload_clock: ManualClock
) -> None:
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    assert await runner.wait(done, 1)
    assert hot_reload_clock.pending == 0


@pytest.mark.parametrize("when", ["at once", "then awaits", "in its last step"])
async def test_H16_a_hook_that_cancels_the_task_it_runs_in(runner: HookRunner, when: str) -> None:
    def cancel() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async def inside() -> None:
        cancel()
        if when == "then awaits":
            await asyncio.sleep(0)

    with pytest.raises(HookFailed, match=r"[cC]ancel"):
        await runner.call("start", cancel if when == "at once" else inside)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    await asyncio.sleep(0)  # nothing is left to arrive
