"""Operations: what happens to their tasks when somebody else meddles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hot_reload import Engine
from hot_reload.outcome import Swapped, Unchanged
from hot_reload_fixtures import Gate

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench


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


async def test_who_asks_while_a_cancelled_request_ends_is_not_cancelled_with_it(
    bench: Bench,
) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        gate = Gate()
        bench.faults.at("counter", "start", blocks=gate, version="2.0")
        bench.plugin(version="2.0")
        first = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        waits = asyncio.create_task(engine.reload("counter"))
        await asyncio.sleep(0)
        waits.cancel()
        bench.plugin(version="3.0")
        asks = asyncio.create_task(engine.reload("counter"))
        await asyncio.wait([waits])
        assert waits.cancelled()
        gate.open()
        assert isinstance(await asks, Swapped)
        assert (await first).success
        assert await engine.call("?") == ["3.0"]
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
