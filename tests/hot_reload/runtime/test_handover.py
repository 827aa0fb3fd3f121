"""What goes from one generation to the next beside its state: its version, its connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hot_reload import Engine
from hot_reload.errors import EngineMisuse
from hot_reload.outcome import Failed, Loaded, RolledBack, Stage, StateCarried, Swapped, Unloaded
from hot_reload_fixtures import collect_garbage

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench

MIGRATES = """
    async def migrate_state(self, state, version):
        bench.things.setdefault("migrated", []).append((VERSION, version))
        await bench.faults.arrive(NAME, "migrate_state", VERSION)
        return {"count": state["count"] * 10}
"""
CONNECTED = """
    connection = None

    def open(self):
        self.connection = bench.things["wire"] = Wire()
        self.context.register_connection("wire", self.connection)

    async def adopt_connection(self, connection_id, connection):
        assert connection_id == "wire"
        bench.things.setdefault("adopted", []).append(self.number)
        self.connection = connection
        await bench.faults.arrive(NAME, "adopt_connection", VERSION)


class Wire:
    closed = 0

    async def close(self):
        self.closed += 1
"""


async def test_f14_state_of_another_version_is_migrated(bench: Bench) -> None:
    """HR-STATE-09."""
    bench.plugin(extra=MIGRATES)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.call("count")
        assert isinstance(await engine.reload("counter", force=True), Swapped)
        assert "migrated" not in bench.things  # it is of the same version
        bench.plugin(version="2.0", extra=MIGRATES)
        outcome = await engine.reload("counter")
        assert isinstance(outcome, Swapped)
        assert outcome.state is StateCarried.CARRIED
        assert await engine.call("count") == ["2.0 11"]
        assert bench.things["migrated"] == [("2.0", "1.0")]


async def test_f14_a_migration_that_refuses_rolls_back(bench: Bench) -> None:
    bench.plugin(extra=MIGRATES)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.call("count")
        bench.plugin(version="2.0", extra=MIGRATES)
        bench.faults.at("counter", "migrate_state", raises=ValueError("too old"), version="2.0")
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.MIGRATE
        assert "migrate_state raised ValueError: too old" in outcome.failure.cause
        assert await engine.call("count") == ["1.0 2"]


async def test_f14_rescued_state_is_migrated_too(bench: Bench) -> None:
    bench.plugin(policy="stop-first", extra=MIGRATES)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.call("count")
        bench.plugin(version="2.0", policy="stop-first", extra=MIGRATES)
        bench.faults.at("counter", "start", raises=OSError("no"), times=2)
        assert isinstance(await engine.reload("counter"), Failed)
        assert isinstance(await engine.reload("counter"), Loaded)
        assert await engine.call("count") == ["2.0 11"]


@pytest.mark.parametrize("policy", ["blue-green", "stop-first"])
@pytest.mark.parametrize("state", [True, False])
async def test_f15_a_connection_goes_to_the_new_generation(
    bench: Bench, policy: str, state: bool
) -> None:
    """HR-STATE-10."""
    bench.plugin(policy=policy, state=state, extra=CONNECTED)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        engine.plugin("counter").open()
        wire = bench.things["wire"]
        for number in range(2, 5):
            bench.plugin(version=f"{number}.0", policy=policy, state=state, extra=CONNECTED)
            assert isinstance(await engine.reload("counter"), Swapped)
            assert engine.plugin("counter").connection is wire
        assert bench.things["adopted"] == [2, 3, 4]
        assert wire.closed == 0
        assert isinstance(await engine.unload("counter"), Unloaded)
        assert wire.closed == 1
        bench.things.clear()
        del wire
        collect_garbage()
        assert engine.lingering() == ()


@pytest.mark.parametrize("policy", ["blue-green", "stop-first"])
@pytest.mark.parametrize("point", ["start", "adopt_connection", "health_check", "on_reload"])
async def test_f15_a_connection_goes_back_where_the_reload_fails(
    bench: Bench, policy: str, point: str
) -> None:
    bench.plugin(policy=policy, extra=CONNECTED)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        engine.plugin("counter").open()
        wire = bench.things["wire"]
        bench.plugin(version="2.0", policy=policy, extra=CONNECTED)
        bench.faults.at("counter", point, raises=ValueError("no"), version="2.0")
        assert isinstance(await engine.reload("counter"), RolledBack)
        plugin = engine.plugin("counter")
        assert plugin.connection is wire
        assert plugin.context.connections == {"wire": wire}
        assert wire.closed == 0
        assert isinstance(await engine.reload("counter"), Swapped)
        assert engine.plugin("counter").connection is wire
        assert wire.closed == 0


async def test_f15_one_that_nobody_adopts_is_closed_with_its_owner(bench: Bench) -> None:
    bench.plugin(extra=CONNECTED)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        engine.plugin("counter").open()
        bench.plugin(version="2.0")
        assert isinstance(await engine.reload("counter"), Swapped)
        assert bench.things["wire"].closed == 1
        assert "adopted" not in bench.things


async def test_f15_an_old_one_that_does_not_take_it_back_is_told_of(bench: Bench) -> None:
    bench.plugin(extra=CONNECTED)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        engine.plugin("counter").open()
        bench.plugin(version="2.0", extra=CONNECTED)
        bench.faults.at("counter", "on_reload", raises=ValueError("no"), version="2.0")
        bench.faults.at("counter", "adopt_connection", raises=OSError("no hands"), version="1.0")
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.ON_RELOAD
        assert ["OSError: no hands" in each.cause for each in outcome.warnings] == [True]
        assert await engine.call("?") == ["1.0"]


async def test_f15_each_connection_has_an_id_of_its_own(bench: Bench) -> None:
    bench.plugin(extra=CONNECTED)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        plugin: Any = engine.plugin("counter")
        plugin.open()
        plugin.context.register_connection("plain", object())  # it has nothing to close
        with pytest.raises(EngineMisuse, match="'counter' has a connection 'wire' already"):
            plugin.open()
