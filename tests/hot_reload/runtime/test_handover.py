"""What goes from one generation to the next beside its state: its version, its connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hot_reload import Engine
from hot_reload.errors import EngineMisuse
from hot_reload.hooks import ADOPT_CONNECTION, Hook
from hot_reload.outcome import (
    Failed,
    Failure,
    Loaded,
    RolledBack,
    Stage,
    StateCarried,
    Swapped,
    Unloaded,
)
from hot_reload.runtime.generation import Generation
from hot_reload.runtime.lifecycle import HookCall, HookRunner
from hot_reload.runtime.steps import Steps
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


async def test_k8_a_handover_and_a_release_that_are_interrupted_go_on_where_they_were(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No connection is lost on its way back, and each cleanup runs once."""
    bench.plugin(extra=CONNECTED)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        engine.plugin("counter").open()
        wire = bench.things["wire"]
        done: list[str] = []
        bench.plugin(version="2.0", extra=CONNECTED)
        bench.faults.at("counter", "on_reload", raises=ValueError("no"), version="2.0")
        guarded, interrupts = Steps.guarded, [MemoryError()]

        async def interrupted(
            self: Steps, generation: Generation, hook: Hook, *arguments: Any
        ) -> list[Failure]:
            if hook is ADOPT_CONNECTION and interrupts:
                raise interrupts.pop()
            return await guarded(self, generation, hook, *arguments)

        monkeypatch.setattr(Steps, "guarded", interrupted)
        with pytest.raises(MemoryError):
            await engine.reload("counter")
        assert engine.plugin("counter").context.connections == {"wire": wire}
        assert bench.things["adopted"] == [2, 1]
        assert wire.closed == 0

        def fails() -> None:
            done.append("fails")
            raise ValueError

        context = engine.plugin("counter").context
        context.add_cleanup(lambda: done.append("last"))
        context.add_cleanup(fails)
        failed, ends = HookRunner.run, [MemoryError()]

        async def ended(self: HookRunner, what: str, call: HookCall, **named: Any) -> Any:
            try:
                return await failed(self, what, call, **named)
            finally:
                if what == "a cleanup" and ends:
                    raise ends.pop()

        monkeypatch.setattr(HookRunner, "run", ended)
        bench.plugin(version="3.0")
        with pytest.raises(MemoryError):
            await engine.reload("counter")
        del context
        assert done == ["fails", "last"]
        assert wire.closed == 1
        assert await engine.call("?") == ["3.0"]


KEEPS_ITS_OWN = """
    def start(self):
        self.context.register_connection("wire", bench.things["own"])

    def adopt_connection(self, connection_id, connection):
        raise AssertionError
"""


async def test_f15_one_that_the_new_generation_has_of_its_own_is_not_taken_over(
    bench: Bench,
) -> None:
    bench.plugin(extra=CONNECTED)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        engine.plugin("counter").open()
        wire = bench.things["wire"]
        bench.things["own"] = own = type(wire)()
        hooks = ("setup", "health_check", "on_reload", "stop")
        bench.plugin(version="2.0", hooks=hooks, extra=KEEPS_ITS_OWN)
        assert isinstance(await engine.reload("counter"), Swapped)
        assert engine.plugin("counter").context.connections == {"wire": own}
        assert (wire.closed, own.closed) == (1, 0)


HAS_NO_ROOM = """
    def start(self):
        self.context.connections = Full()

    def adopt_connection(self, connection_id, connection):
        raise AssertionError


class Full(dict):
    def __setitem__(self, key, value):
        raise MemoryError
"""


async def test_f15_one_that_was_on_its_way_when_memory_ran_out_stays_where_it_was(
    bench: Bench,
) -> None:
    bench.plugin(extra=CONNECTED)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        plugin = engine.plugin("counter")
        plugin.open()
        wire = bench.things["wire"]
        hooks = ("setup", "health_check", "on_reload", "stop")
        bench.plugin(version="2.0", hooks=hooks, extra=HAS_NO_ROOM)
        with pytest.raises(MemoryError):
            await engine.reload("counter")
        assert engine.plugin("counter") is plugin
        assert plugin.context.connections == {"wire": wire}
        assert "adopted" not in bench.things, "it was never given away, and is not given back"
        bench.plugin(version="3.0", extra=CONNECTED)
        assert isinstance(await engine.reload("counter"), Swapped)
        assert engine.plugin("counter").connection is wire
        assert wire.closed == 0
