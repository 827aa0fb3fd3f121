"""Operations: turns, and what happens to their tasks when somebody else meddles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hot_reload import Engine
from hot_reload.outcome import Swapped
from hot_reload.runtime.operations import Turns
from hot_reload_fixtures import Gate

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench


async def test_a_turn_is_had_by_one_at_a_time_in_the_order_of_asking() -> None:
    turns = Turns()
    order: list[str] = []
    gate = Gate()

    async def work(name: str) -> None:
        async with turns.of("counter"):
            order.append(f"{name} in")
            await gate.enter()
            order.append(f"{name} out")

    tasks = [asyncio.create_task(work(name)) for name in "abc"]
    await gate.reached()
    async with turns.of("other"):  # names do not wait for each other
        assert order == ["a in"]
    tasks[1].cancel()
    gate.open()
    await asyncio.wait(tasks)
    assert order == ["a in", "a out", "c in", "c out"]
    assert turns._locks == {}  # nothing is kept of a name that nobody uses


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
