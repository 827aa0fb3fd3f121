"""From inside what a call comes, and whom a closed gate holds."""

from __future__ import annotations

import asyncio

import pytest

from hot_reload.runtime import calls
from hot_reload.runtime.calls import CallGates, Leases


async def test_what_runs_inside_what() -> None:
    assert calls.inside_hook() is calls.inside_any() is None
    with calls.inside("a", hook=False, leases=Leases()):
        assert calls.inside_hook() is None
        assert calls.inside_handler("a")
        assert not calls.inside_handler("b")
        with calls.inside("b", hook=True):
            assert calls.inside_hook() == "b"
            assert calls.inside_any() == "b"
            assert calls.inside_handler("a")
            assert calls.holds_lease("a")
            assert not calls.holds_lease("b")
            assert calls.held_by_hook()
        assert calls.inside_hook() is None
    assert calls.inside_any() is None


async def test_a_task_that_a_hook_started_is_free_when_the_hook_has_ended() -> None:
    begin, end = asyncio.Event(), asyncio.Event()
    seen: list[object] = []

    async def background() -> None:
        seen.append((calls.inside_hook(), calls.held_by_hook()))
        begin.set()
        await end.wait()
        seen.append((calls.inside_hook(), calls.held_by_hook()))

    with calls.inside("a", hook=True):
        task = asyncio.create_task(background())
        await begin.wait()
    end.set()
    await task
    # Inside, but the hook does not wait for it; afterwards not even that.
    assert seen == [("a", False), (None, False)]


async def test_adopting_a_task_outside_of_everything_is_harmless() -> None:
    calls.adopt_task()
    assert not calls.held_by_hook()


async def passes(gates: CallGates, plugin: str) -> bool:
    task = asyncio.create_task(gates.passed(plugin))
    for _ in range(3):
        await asyncio.sleep(0)
    done = task.done()
    task.cancel()
    await asyncio.wait({task})
    return done


async def test_a_closed_gate_holds_calls_to_its_plugin_alone() -> None:
    gates = CallGates()
    assert await passes(gates, "a")
    gates.close("a")
    gates.close("a")
    assert not await passes(gates, "a")
    assert await passes(gates, "b")
    waiting = asyncio.create_task(gates.passed("a"))
    await asyncio.sleep(0)
    gates.open("a")
    gates.close("a")  # closed again before the waiter had its turn
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    gates.open("a")
    gates.open("a")
    await waiting


@pytest.mark.parametrize(
    ("hook", "lease", "free"), [(True, False, True), (False, True, True), (False, False, False)]
)
async def test_whom_the_gate_waits_for_passes(hook: bool, lease: bool, free: bool) -> None:
    gates = CallGates()
    gates.close("a")

    async def inside() -> bool:
        with calls.inside("a", hook=hook, leases=Leases() if lease else None):
            try:
                async with asyncio.timeout(0):
                    await gates.passed("a")
            except TimeoutError:
                return False
            return True

    assert await inside() is free


async def test_nobody_is_inside_of_what_a_task_was_in_that_has_ended() -> None:
    """As where a signal strikes at the very line that leaves."""
    seen: list[str | None] = []
    go_on = asyncio.Event()

    async def background() -> None:
        seen.append(calls.inside_any())
        await go_on.wait()
        seen.append(calls.inside_any())

    started: list[asyncio.Task[None]] = []

    async def operation() -> None:
        calls.inside("a", hook=True).__enter__()  # and never left
        started.append(asyncio.create_task(background()))
        await asyncio.sleep(0)

    await asyncio.create_task(operation())
    go_on.set()
    await started[0]
    assert seen == ["a", None]


async def _ended(task: asyncio.Task[None]) -> bool:
    for _ in range(4):
        await asyncio.sleep(0)
    return task.done()


async def test_who_waits_for_calls_waits_for_each_of_them_left_or_ended() -> None:
    leases, ends = Leases(), [asyncio.Event() for _ in range(3)]

    async def call(end: asyncio.Event, leave: bool) -> None:
        inside = calls.inside("a", hook=False, leases=leases)
        inside.__enter__()
        await end.wait()
        if leave:
            inside.leave()

    tasks = [
        asyncio.create_task(call(end, leave))
        for end, leave in zip(ends, (False, True, False), strict=True)
    ]
    await asyncio.sleep(0)
    waiting = asyncio.create_task(leases.returned())
    for end in ends:
        assert not leases.idle
        assert not await _ended(waiting)
        end.set()
    assert await _ended(waiting)
    assert leases.idle
    await asyncio.gather(*tasks)


async def test_who_waits_goes_on_to_the_next_call_where_the_task_of_one_has_ended() -> None:
    leases, ends = Leases(), dict[calls.Inside, asyncio.Event]()

    async def call() -> None:
        inside = calls.inside("a", hook=False, leases=leases)
        ends[inside] = asyncio.Event()
        inside.__enter__()
        await ends[inside].wait()

    tasks = [asyncio.create_task(call()) for _ in range(2)]
    await asyncio.sleep(0)
    waiting = asyncio.create_task(leases.returned())
    await asyncio.sleep(0)
    first, second = leases._calls  # in no order but that in which they are waited for
    ends[first].set()
    assert not await _ended(waiting)
    ends[second].set()
    assert await _ended(waiting)
    await asyncio.gather(*tasks)


async def test_a_call_without_a_task_is_waited_for_until_it_is_left() -> None:
    """As one that is driven by hand, from a callback of the loop."""
    leases = Leases()
    entered: list[calls.Inside] = []

    def enter() -> None:
        entered.append(calls.inside("a", hook=False, leases=leases))
        entered[0].__enter__()

    asyncio.get_running_loop().call_soon(enter)
    await asyncio.sleep(0)
    assert entered[0].owner is None
    waiting = asyncio.create_task(leases.returned())
    assert not await _ended(waiting)
    entered[0].leave()
    assert await _ended(waiting)


async def test_a_leave_that_was_interrupted_as_it_told_the_waiter_is_done_again() -> None:
    leases = Leases()
    inside = calls.inside("a", hook=False, leases=leases)
    inside.__enter__()
    waiting = asyncio.create_task(leases.returned())
    await asyncio.sleep(0)
    assert leases._over is not None
    leases._over.set_result(None)  # the line before the interruption
    inside.leave()
    assert await _ended(waiting)
    assert calls.inside_any() is None
