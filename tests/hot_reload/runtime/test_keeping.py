"""State that outlives the process: saved before it is handed over, and at the end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hot_reload import Engine, StateFiles
from hot_reload.errors import EngineMisuse, StateError
from hot_reload.outcome import Loaded, RolledBack, Stage, Swapped, Unloaded
from hot_reload.ports import SavedState
from hot_reload.settings import Settings
from hot_reload_fixtures import Gate

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench

MIGRATES = """
    def migrate_state(self, state, version):
        return {"count": state["count"] * 10}
"""


class Store:
    """A store in memory that a test can break and hold up."""

    def __init__(self) -> None:
        self.states: dict[str, SavedState] = {}
        self.saved: list[tuple[str, object, str]] = []
        self.fault: BaseException | None = None
        self.hangs = False

    async def save(self, plugin: str, saved: SavedState) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault
        self.saved.append((plugin, saved.state, saved.version))
        self.states[plugin] = saved

    async def load(self, plugin: str) -> SavedState | None:
        if self.fault is not None:
            raise self.fault
        return self.states.get(plugin)


async def test_f14_state_outlives_the_process(bench: Bench, tmp_path: Path) -> None:
    bench.plugin()
    async with Engine(state_store=StateFiles(tmp_path)) as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.call("count")
        await engine.call("count")
    async with Engine(state_store=StateFiles(tmp_path)) as engine:
        outcome = await engine.load(bench.plugins.path("counter"), restore=True)
        assert isinstance(outcome, Loaded), outcome
        assert await engine.call("count") == ["1.0 3"]


async def test_f14_a_load_that_does_not_ask_for_it_begins_anew(bench: Bench) -> None:
    store = Store()
    bench.plugin()
    store.states["counter"] = SavedState({"count": 7}, "1.0")
    async with Engine(state_store=store) as engine:
        await engine.load(bench.plugins.path("counter"))
        assert await engine.call("count") == ["1.0 1"]


async def test_f14_saved_state_of_another_version_is_migrated(bench: Bench) -> None:
    store = Store()
    store.states["counter"] = SavedState({"count": 1}, "1.0")
    bench.plugin(version="2.0", extra=MIGRATES)
    async with Engine(state_store=store) as engine:
        await engine.load(bench.plugins.path("counter"), restore=True)
        assert await engine.call("count") == ["2.0 11"]


async def test_f14_it_is_found_under_the_name_that_the_plugin_gives_itself(bench: Bench) -> None:
    store = Store()
    store.states["counter"] = SavedState({"count": 1}, "1.0")
    bench.plugin(file="another_file")
    async with Engine(state_store=store) as engine:
        await engine.load(bench.plugins.path("another_file"), restore=True)
        assert await engine.call("count") == ["1.0 2"]


async def test_f14_nothing_saved_is_nothing_restored(bench: Bench) -> None:
    bench.plugin()
    async with Engine(state_store=Store()) as engine:
        outcome = await engine.load(bench.plugins.path("counter"), restore=True)
        assert isinstance(outcome, Loaded)
        assert "set_reload_state" not in bench.hooks("counter", 1)


async def test_f14_restoring_needs_a_store(bench: Bench) -> None:
    bench.plugin()
    async with Engine() as engine:
        with pytest.raises(EngineMisuse, match="restore=True needs a store"):
            await engine.load(bench.plugins.path("counter"), restore=True)
        assert engine.names == ()


async def test_f14_a_reload_saves_before_it_hands_over(bench: Bench) -> None:
    store = Store()
    bench.plugin()
    async with Engine(state_store=store) as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.call("count")
        bench.faults.at("counter", "set_reload_state", raises=RuntimeError("no"))
        assert isinstance(await engine.reload("counter", force=True), RolledBack)
        assert store.saved == [("counter", {"count": 1}, "1.0")]
        assert isinstance(await engine.reload("counter", force=True), Swapped)
        await engine.call("count")
        assert isinstance(await engine.unload("counter"), Unloaded)
        assert [state for _, state, _ in store.saved] == [{"count": 1}, {"count": 1}, {"count": 2}]


async def test_f14_a_plugin_without_state_saves_nothing(bench: Bench) -> None:
    store = Store()
    bench.plugin(state=False)
    async with Engine(state_store=store) as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.reload("counter", force=True)
    assert store.saved == []


@pytest.mark.parametrize("policy", ["blue-green", "stop-first"])
async def test_f15_a_save_that_fails_stops_the_reload_before_anything_changes(
    bench: Bench, policy: str
) -> None:
    store = Store()
    bench.plugin(policy=policy)
    async with Engine(state_store=store) as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.call("count")
        store.fault = StateError("cannot save the state: No space left on device", hint="make room")
        old = engine.plugin("counter")
        outcome = await engine.reload("counter", force=True)
        assert isinstance(outcome, RolledBack), outcome
        assert outcome.failure.stage is Stage.CAPTURE
        assert outcome.failure.cause == "cannot save the state: No space left on device"
        assert outcome.failure.hint == "make room"
        assert engine.plugin("counter") is old
        assert "stop" not in bench.hooks("counter", 1)
        assert await engine.call("count") == ["1.0 2"]
        store.fault = None
        assert isinstance(await engine.reload("counter", force=True), Swapped)
        assert await engine.call("count") == ["1.0 3"]


async def test_f15_a_real_directory_that_cannot_be_written(bench: Bench, tmp_path: Path) -> None:
    bench.plugin()
    async with Engine(state_store=StateFiles(tmp_path / "state")) as engine:
        await engine.load(bench.plugins.path("counter"))
        os.rename(tmp_path / "state", tmp_path / "gone")
        outcome = await engine.reload("counter", force=True)
        assert isinstance(outcome, RolledBack)
        assert "cannot save the state to" in outcome.describe()
        assert "No such file or directory" in outcome.describe()
        unloaded = await engine.unload("counter")
        assert isinstance(unloaded, Unloaded)
        assert [each.stage for each in unloaded.warnings] == [Stage.CAPTURE]
    assert bench.hooks("counter", 1)[-3:] == ("flush", "stop", "teardown")


async def test_f15_a_store_that_hangs_ends_at_the_hook_deadline(bench: Bench) -> None:
    store = Store()
    bench.plugin()
    settings = Settings(hook_deadline_seconds=5.0)
    async with Engine(state_store=store, clock=bench.clock, settings=settings) as engine:
        await engine.load(bench.plugins.path("counter"))
        store.hangs = True
        reload = asyncio.create_task(engine.reload("counter", force=True))
        await bench.clock.advance_async(5.2)
        outcome = await reload
        assert isinstance(outcome, RolledBack)
        assert "saving the state was still running at its deadline of 5 s" in outcome.describe()
        assert await engine.call("?") == ["1.0"]
        store.hangs = False


@pytest.mark.parametrize("fault", [ValueError("x"), SystemExit(3), asyncio.CancelledError()])
async def test_f15_whatever_a_store_raises_ends_the_reload_alone(
    bench: Bench, fault: BaseException
) -> None:
    store = Store()
    bench.plugin()
    async with Engine(state_store=store) as engine:
        await engine.load(bench.plugins.path("counter"))
        store.fault = fault
        outcome = await engine.reload("counter", force=True)
        assert isinstance(outcome, RolledBack)
        assert f"saving the state raised {type(fault).__name__}" in outcome.describe()
        store.fault = None
        assert isinstance(await engine.reload("counter", force=True), Swapped)


async def test_s9_a_damaged_file_stops_the_load_and_says_so(bench: Bench, tmp_path: Path) -> None:
    bench.plugin()
    states = StateFiles(tmp_path)
    async with Engine(state_store=states) as engine:
        await engine.load(bench.plugins.path("counter"))
    states.path("counter").write_bytes(states.path("counter").read_bytes()[:-2])
    async with Engine(state_store=states) as engine:
        outcome = await engine.load(bench.plugins.path("counter"), restore=True)
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.RESTORE
        assert "torn or was changed" in outcome.describe()
        assert engine.names == ()
        assert isinstance(await engine.load(bench.plugins.path("counter")), Loaded)


async def test_s11_what_arrives_while_it_is_unloaded_is_in_the_saved_state(bench: Bench) -> None:
    """Read after the drain: what was inside of it counts."""
    store = Store()
    bench.plugin(
        extra="""
    async def handle(self, request):
        await bench.gates["inside"].enter()
        self.count += 1
        return self.count
"""
    )
    gate = bench.gates["inside"] = Gate()
    async with Engine(state_store=store) as engine:
        await engine.load(bench.plugins.path("counter"))
        call = asyncio.create_task(engine.call("count"))
        await gate.reached()
        unload = asyncio.create_task(engine.unload("counter"))
        for _ in range(10):
            await asyncio.sleep(0)
        assert store.saved == []
        gate.open()
        assert await call == [1]
        await unload
    assert store.saved == [("counter", {"count": 1}, "1.0")]


async def test_f14_f05_a_first_use_takes_up_the_state_of_an_earlier_process(
    bench: Bench, tmp_path: Path
) -> None:
    for expected in ("1.0 1", "1.0 2"):
        async with Engine(state_store=StateFiles(tmp_path)) as engine:
            engine.register(bench.plugin(), restore=True)
            assert await engine.use("counter", "count") == expected
    async with Engine() as engine:
        with pytest.raises(EngineMisuse, match="restore=True needs a store"):
            engine.register(bench.plugin(), restore=True)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    assert not Engine().keeps_state
    assert Engine(state_store=StateFiles(tmp_path)).keeps_state
    with pytest.raises(EngineMisuse, match=r"state_store is a str; give one such as StateFiles"):
        Engine(state_store="state")  # type: ignore[arg-type]  # the mistake
