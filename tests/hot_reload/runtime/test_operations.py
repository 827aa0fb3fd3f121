"""Operations: turns, and what happens to their tasks when somebody else meddles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hot_reload import Engine
from hot_reload.outcome import Swapped, Unchanged
from hot_reload.runtime.operations import Turns
from hot_reload_fixtures import Gate

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench


async def test_a_turn_is_had_by_one_at_a_time_in_the_order_of_asking() -> None:
    turns = Turns()
    order: list[str] = []
    gate = Gate()

    async def work(name: str) -> None:
        async with turns.of(lambda: ["counter"]):
            order.append(f"{name} in")
            await gate.enter()
            order.append(f"{name} out")

    tasks = [asyncio.create_task(work(name)) for name in "abc"]
    await gate.reached()
    async with turns.of(lambda: ["other"]):  # names do not wait for each other
        assert order == ["a in"]
    tasks[1].cancel()
    gate.open()
    await asyncio.wait(tasks)
    assert order == ["a in", "a out", "c in", "c out"]
    assert turns._locks == {}  # nothing is kept of a name that nobody uses


async def test_a_turn_on_many_is_had_when_all_of_them_are_free() -> None:
    turns, order, gate = Turns(), [], Gate()

    async def work(label: str, *names: str) -> None:
        async with turns.of(lambda: names):
            order.append(label)
            await gate.enter()

    tasks = [
        asyncio.create_task(work(label, *names))
        for label, names in {"b": "b", "ab": "ab", "ba": "ba", "c": "c"}.items()
    ]
    await gate.reached()
    assert order == ["b", "c"]
    gate.open()
    await asyncio.wait(tasks)
    assert order == ["b", "c", "ab", "ba"]
    assert turns._locks == {}


async def test_a_turn_is_on_what_the_names_are_when_it_comes() -> None:
    turns, order, gate = Turns(), [], Gate()
    names = ["a"]

    async def first() -> None:
        async with turns.of(lambda: ["a"]):
            names.append("b")
            await gate.enter()

    async def second() -> None:
        async with turns.of(lambda: names):
            order.append("second")

    tasks = [asyncio.create_task(first()), asyncio.create_task(second())]
    await gate.reached()
    async with turns.of(lambda: ["b"]):
        gate.open()
        await asyncio.wait(tasks[:1])
        await asyncio.sleep(0)
        assert order == []  # it waits for b as well now
    await asyncio.wait(tasks)
    assert order == ["second"]
    assert turns._locks == {}


async def test_somebody_who_cancels_the_operations_own_task_rolls_it_back(bench: Bench) -> None:
    """As a plugin or a host does that cancels every task it can find."""
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0")
        gate = Gate()
        bench.faults.at("counter", "start", blocks=gate, version="2.0")
        reload = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        (task,) = (t for t in asyncio.all_tasks() if t.get_name() == "reload of 'counter'")
        task.cancel()
        with pytest.raises(asyncio.CancelledError, match="the reload of 'counter' was cancelled"):
            await reload
        assert await engine.call("?") == ["1.0"]
        assert bench.hooks("counter", 2)[-2:] == ("stop", "teardown")
        assert isinstance(await engine.reload("counter"), Swapped)


async def test_a_storm_of_requests_is_one_reload_and_one_that_follows(bench: Bench) -> None:
    """HR-LIMIT-05; HR-RACE-03: the one that follows serves what was written last."""
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        gate = Gate()
        bench.faults.at("counter", "start", blocks=gate, version="2.0")
        bench.plugin(version="2.0")
        first = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        storm = []
        for number in range(3, 33):
            bench.plugin(version=f"{number}.0")
            storm.append(asyncio.create_task(engine.reload("counter")))
            await asyncio.sleep(0)
        storm[0].cancel()  # the others want it still
        await asyncio.wait(storm[:1])
        assert storm[0].cancelled()
        gate.open()
        await first
        outcomes = [await each for each in storm[1:]]
        assert len({id(each) for each in outcomes}) == 1
        assert isinstance(outcomes[0], Swapped)
        assert await engine.call("?") == ["32.0"]
        assert [number for _, number in bench.live] == [1, 2, 3]
        assert engine._operations._waiting == {}


async def test_a_request_of_which_all_who_wait_are_cancelled_is_not_done(bench: Bench) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        gate = Gate()
        bench.faults.at("counter", "start", blocks=gate, version="2.0")
        bench.plugin(version="2.0")
        first = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        storm = [asyncio.create_task(engine.reload("counter")) for _ in range(3)]
        await asyncio.sleep(0)
        bench.plugin(version="3.0")
        for each in storm:
            each.cancel()
        await asyncio.wait(storm)
        gate.open()
        await first
        assert await engine.call("?") == ["2.0"]
        assert engine._operations._waiting == {}


async def test_requests_that_differ_do_not_share(bench: Bench) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        same, forced = await asyncio.gather(
            engine.reload("counter"), engine.reload("counter", force=True)
        )
        assert isinstance(same, Unchanged)
        assert isinstance(forced, Swapped)
