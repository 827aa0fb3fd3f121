"""Plugins that are registered, and those that they need: loaded when they are wanted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hot_reload import Engine
from hot_reload.errors import OperationFailed
from hot_reload.outcome import Loaded, RolledBack, Swapped
from hot_reload_fixtures import Gate

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench


def needing(*names: str) -> str:
    return f"    dependencies = {list(names)!r}\n"


async def test_f05_a_first_use_loads_the_registered_plugins_that_it_needs(bench: Bench) -> None:
    async with Engine() as engine:
        engine.register(bench.plugin("geo"))
        engine.register(bench.plugin("map", extra=needing("geo")))
        engine.register(bench.plugin("tour", extra=needing("map", "geo")))
        engine.register(bench.plugin("other"))
        assert await engine.use("tour") == "1.0"
        assert engine.names == ("geo", "map", "tour")
        assert not engine.status("other").loaded


async def test_f05_a_load_and_a_reload_are_first_uses_of_what_is_needed(bench: Bench) -> None:
    async with Engine() as engine:
        engine.register(bench.plugin("geo"))
        engine.register(bench.plugin("words"))
        outcome = await engine.load(bench.plugin("map", extra=needing("geo")))
        assert isinstance(outcome, Loaded)
        bench.plugin("map", "2.0", extra=needing("geo", "words"))
        assert isinstance(await engine.reload("map"), Swapped)
        assert engine.names == ("geo", "map", "words")


async def test_f05_what_is_registered_is_told_as_such(bench: Bench) -> None:
    async with Engine() as engine:
        engine.register(bench.plugin())
        for call in (engine.reload, engine.enable, engine.disable, engine.unload):
            outcome = await call("counter")
            assert "'counter' is registered, and not loaded yet; use it" in outcome.describe()
        assert await engine.use("counter") == "1.0"
        assert (await engine.disable("counter")).success


async def test_f05_many_first_uses_share_the_loads_of_what_they_need(bench: Bench) -> None:
    gate = Gate()
    bench.faults.at("geo", "start", blocks=gate)
    async with Engine() as engine:
        engine.register(bench.plugin("geo"))
        engine.register(bench.plugin("map", extra=needing("geo")))
        engine.register(bench.plugin("tour", extra=needing("geo")))
        wanted = ["map", "tour", "geo", "map", "tour", "geo"]
        uses = [asyncio.create_task(engine.use(each)) for each in wanted]
        await gate.reached()
        uses[0].cancel()
        gate.open()
        answers = await asyncio.gather(*uses, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert answers[1:] == ["1.0"] * 5
        assert sorted(name for name, _ in bench.live) == ["geo", "map", "tour"]


async def test_f05_the_failure_of_what_it_needs_is_told(bench: Bench) -> None:
    bench.faults.at("geo", "start", raises=ValueError("no port"))
    async with Engine() as engine:
        engine.register(bench.plugin("geo"))
        engine.register(bench.plugin("map", extra=needing("geo")))
        with pytest.raises(OperationFailed, match=r"geo. rolled back at start: .*no port"):
            await engine.use("map")
        assert await engine.use("map") == "1.0", "the next use tries again"


async def test_f05_a_circle_of_registered_plugins_is_told_and_waits_for_nobody(
    bench: Bench,
) -> None:
    async with Engine() as engine:
        engine.register(bench.plugin("one", extra=needing("two")))
        engine.register(bench.plugin("two", extra=needing("one")))
        engine.register(bench.plugin("self", extra=needing("self")))
        uses = [engine.use(each) for each in ("one", "two", "self", "two", "one")]
        answers = await asyncio.gather(*uses, return_exceptions=True)
        assert [type(each) for each in answers] == [OperationFailed] * 5
        assert "needs 'one', which is not loaded" in str(answers[0])
        assert engine.names == ()


async def test_f05_what_was_registered_and_loaded_meanwhile_is_used(bench: Bench) -> None:
    gate = Gate()
    bench.faults.at("geo", "start", blocks=gate)
    async with Engine() as engine:
        engine.register(bench.plugin("geo"))
        mapped = bench.plugin("map")
        engine.register(mapped)
        bench.plugin("map", extra=needing("geo"))
        use = asyncio.create_task(engine.use("map"))
        await gate.reached()
        bench.plugin("map")
        (await engine.load(mapped)).unwrap()
        gate.open()
        assert await use == "1.0"


async def test_f05_a_registered_file_that_cannot_be_read_is_told(bench: Bench) -> None:
    async with Engine() as engine:
        path = bench.plugin("geo")
        engine.register(path)
        engine.register(bench.plugin("map", extra=needing("geo")))
        path.unlink()
        with pytest.raises(OperationFailed, match="load of 'geo' rolled back at read"):
            await engine.use("map")
        outcome = await engine.load(bench.plugins.root / "map.py", name="again")
        assert isinstance(outcome, RolledBack)
        assert "needs 'geo', which is not loaded" in outcome.describe()


async def test_f05_what_is_needed_and_was_loaded_meanwhile_is_not_loaded_again(
    bench: Bench,
) -> None:
    gate = Gate()
    bench.faults.at("geo", "start", blocks=gate)
    async with Engine() as engine:
        engine.register(bench.plugin("geo"))
        words = bench.plugin("words")
        engine.register(words)
        engine.register(bench.plugin("map", extra=needing("geo", "words")))
        use = asyncio.create_task(engine.use("map"))
        await gate.reached()
        (await engine.load(words)).unwrap()
        gate.open()
        assert await use == "1.0"
        assert engine.names == ("words", "geo", "map")
