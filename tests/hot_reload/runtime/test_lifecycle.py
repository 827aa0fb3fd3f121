"""The hook runner: what a hook does, it does to itself."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from hot_reload import Settings
from hot_reload.errors import HookFailed, HookTimeout
from hot_reload.runtime.fault import Origin
from hot_reload.runtime.lifecycle import HookCall, HookRunner
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


@pytest.mark.parametrize("first", ["the hook", "the deadline"])
async def test_an_end_at_the_very_deadline(
    runner: HookRunner, hot_reload_clock: ManualClock, first: str
) -> None:
    """Both come before whoever waits has had a turn: neither is in the other's way."""
    loop = asyncio.get_running_loop()
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    try:
        awaited: asyncio.Future[None] = loop.create_future()
        waiting = asyncio.create_task(runner.wait(awaited, 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert hot_reload_clock.pending == 1
        if first == "the hook":
            awaited.set_result(None)
            hot_reload_clock.advance(1)
        else:
            hot_reload_clock.advance(1)
            awaited.set_result(None)
        assert await waiting
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(None)
    assert not told


async def test_who_waited_in_vain_leaves_nothing_behind(
    runner: HookRunner, hot_reload_clock: ManualClock
) -> None:
    class Counting(asyncio.Future[None]):
        callbacks = 0

        def add_done_callback(self, *given: Any, **options: Any) -> None:
            super().add_done_callback(*given, **options)
            self.callbacks += 1

        def remove_done_callback(self, callback: Any, /) -> int:
            self.callbacks -= 1
            return super().remove_done_callback(callback)

    awaited = Counting()
    waiting = asyncio.create_task(runner.wait(awaited, 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert awaited.callbacks == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    late = asyncio.create_task(runner.wait(awaited, 1))
    await hot_reload_clock.advance_async(1)
    assert await late is False
    assert awaited.callbacks == hot_reload_clock.pending == 0


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


class Posing:
    """What it is, it says itself; and raises as it is asked."""

    @property
    def __class__(self) -> type:
        raise ZeroDivisionError("nobody knows")

    @__class__.setter
    def __class__(self, _: type) -> None:
        raise AssertionError


async def test_an_answer_that_raises_as_it_is_looked_at_is_a_fault(runner: HookRunner) -> None:
    with pytest.raises(HookFailed, match="what stop returned raised ZeroDivisionError") as caught:
        await runner.call("stop", Posing)
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_h16_a_hook_that_returns_the_task_it_was_called_in(
    runner: HookRunner, hot_reload_clock: ManualClock
) -> None:
    """It would wait for its own caller, and take him along at its deadline."""
    task = asyncio.current_task()
    with pytest.raises(HookFailed, match="start returned the task that it was called in"):
        await runner.call("start", asyncio.current_task)
    assert task is not None
    assert not task.cancelling()
    assert hot_reload_clock.pending == 0


async def test_h4_a_missed_deadline_names_the_line_at_which_it_waits(
    runner: HookRunner, hot_reload_clock: ManualClock
) -> None:
    async def inner() -> None:
        await asyncio.Event().wait()  # here

    async def start() -> None:
        await inner()

    origin = Origin(frozenset({__file__}))
    call = asyncio.ensure_future(runner.call("start", start, origin=origin))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    hot_reload_clock.advance(6)
    with pytest.raises(HookTimeout) as caught:
        await call
    assert caught.value.file == __file__
    assert caught.value.line == inner.__code__.co_firstlineno + 1


def test_a_call_that_is_on_its_way_has_not_begun() -> None:
    call = HookCall(lambda: None)
    assert not call.begun
    call()
    assert call.begun


def test_what_a_function_raises_is_its_own() -> None:
    def fails() -> None:
        raise MemoryError

    for function, kind in ((fails, MemoryError), ([].pop, IndexError), (len, TypeError)):
        call = HookCall(function)
        with pytest.raises(kind):
            call()
        assert call.begun


def test_what_is_raised_on_the_way_to_a_function_is_not_its_own() -> None:
    class Full(tuple[object, ...]):
        def __iter__(self) -> Iterator[object]:
            raise MemoryError

    call = HookCall(lambda: None, Full())
    with pytest.raises(MemoryError):
        call()
    assert not call.begun


async def test_a_coroutine_has_begun_when_it_is_stepped(runner: HookRunner) -> None:
    async def hook() -> str:
        return "done"

    call = HookCall(hook)
    call()
    assert not call.begun
    call.close()
    assert not call.begun
    call = HookCall(hook)
    assert await runner.run("stop", call) == "done"
    assert call.begun


async def test_a_hook_whose_task_somebody_cancels_before_its_first_step_is_closed(
    runner: HookRunner,
) -> None:
    async def hook() -> None:
        raise AssertionError

    def cancel_others() -> None:
        for task in asyncio.all_tasks() - {me}:
            task.cancel()

    call, me = HookCall(hook), asyncio.current_task()
    asyncio.get_running_loop().call_soon(cancel_others)
    with pytest.raises(HookFailed, match="stop cancelled its own task"):
        await runner.run("stop", call)
    assert inspect.getcoroutinestate(call.answer) == inspect.CORO_CLOSED


async def test_a_task_that_is_cancelled_before_its_hook_began_says_so(runner: HookRunner) -> None:
    begun: list[str] = []

    async def hook() -> None:
        begun.append("hook")

    call = HookCall(hook)
    caller = asyncio.create_task(runner.run("stop", call))
    await asyncio.sleep(0)  # the hook's own task is there, and has had no step
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert call.begun is bool(begun)


async def test_an_interruption_of_the_engine_is_no_fault_of_the_hook(
    runner: HookRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the hook does not go on beside whatever is done next."""

    async def hook() -> None:
        seen.append("began")
        await Gate().enter()

    seen: list[str] = []
    wait, waits = HookRunner.wait, iter([KeyboardInterrupt])

    async def interrupted(self: HookRunner, awaited: Any, seconds: float) -> bool:
        for kind in waits:
            raise kind
        return await wait(self, awaited, seconds)

    monkeypatch.setattr(HookRunner, "wait", interrupted)
    call = HookCall(hook)
    with pytest.raises(KeyboardInterrupt):
        await runner.run("stop", call)
    assert not call.begun
    assert seen == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


class Full(tuple[object, ...]):
    """Arguments that memory does not suffice for."""

    def __iter__(self) -> Iterator[object]:
        raise MemoryError


async def test_what_is_raised_before_a_call_has_begun_is_no_fault_of_the_hook(
    runner: HookRunner,
) -> None:
    with pytest.raises(MemoryError):
        await runner.run("stop", HookCall(lambda: None, Full()))


async def test_what_is_raised_as_an_answer_is_looked_at_is_not_the_hooks_that_has_not_begun(
    runner: HookRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hook() -> None:
        raise AssertionError

    def interrupted(_: object) -> bool:
        raise MemoryError

    monkeypatch.setattr(inspect, "isawaitable", interrupted)
    call = HookCall(hook)
    with pytest.raises(MemoryError):
        await runner.run("stop", call)
    assert not call.begun
    call.close()


async def test_a_task_that_there_is_no_memory_for_is_no_fault_of_the_hook(
    runner: HookRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hook() -> None:
        raise AssertionError

    def interrupted(work: Coroutine[Any, Any, Any]) -> None:
        work.close()
        raise MemoryError

    call = HookCall(hook)
    with monkeypatch.context() as patched:
        patched.setattr(asyncio.get_running_loop(), "create_task", interrupted)
        with pytest.raises(MemoryError):
            await runner.run("stop", call)
    assert not call.begun
    call.close()


async def test_an_await_that_does_not_come_to_the_hook_is_no_fault_of_it(
    runner: HookRunner,
) -> None:
    """As where the stack is full: the coroutine that is awaited has had no step."""

    async def hook() -> None:
        raise AssertionError

    class Call(HookCall):
        begun = False

    class Unreachable:
        def __await__(self) -> Iterator[None]:
            raise MemoryError

    with pytest.raises(MemoryError):
        await runner.run("stop", Call(Unreachable))
    call = HookCall(Unreachable)
    with pytest.raises(HookFailed, match="stop raised MemoryError"):
        await runner.run("stop", call)
