"""One transaction: a swap that fails anywhere leaves the old generation as it was."""

from __future__ import annotations

import asyncio
import enum
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hot_reload import Engine, Settings
from hot_reload.errors import SourceError
from hot_reload.outcome import (
    Deferred,
    Failed,
    Loaded,
    RolledBack,
    Stage,
    StateCarried,
    Swapped,
    Unchanged,
    Unloaded,
)
from hot_reload.runtime.pipeline import Pipeline
from hot_reload.runtime.steps import is_healthy
from hot_reload.source.snapshot import DiskFiles
from hot_reload_fixtures import EXCEPTIONS, Census, OverlayFiles, collect_garbage

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench

STAGES = {
    "import": Stage.IMPORT,
    "construct": Stage.CONSTRUCT,
    "setup": Stage.SETUP,
    "start": Stage.START,
    "get_reload_state": Stage.CAPTURE,
    "set_reload_state": Stage.RESTORE,
    "health_check": Stage.HEALTH,
    "on_reload": Stage.ON_RELOAD,
}
OF_OLD = {"get_reload_state"}
BEFORE_START = {"import", "construct"}
HANGING = [point for point in STAGES if point not in BEFORE_START]

GOOD = "class Counter:\n    version = '1.0'\n    def handle(self, request): return 'v1'\n"

BROKEN_SOURCES = {
    "empty": (b"", Stage.READ, "is empty"),
    "blank": (b"  \n\n", Stage.READ, "is empty"),
    "syntax": (b"def f(:\n", Stage.SYNTAX, "SyntaxError"),
    "import error": (b"import no_such_dependency_of_mine\n", Stage.IMPORT, "no_such_dep"),
    "no plugin": (b"x = 1\n", Stage.PLUGIN, "no plugin in the module"),
    "two plugins": (
        b"class A:\n    version = '1'\nclass B:\n    version = '1'\n",
        Stage.PLUGIN,
        "two plugins in one module: A and B",
    ),
    "module that raises when looked at": (
        b"def __getattr__(name): raise OSError('looked at ' + name)\n",
        Stage.PLUGIN,
        "OSError: looked at register",
    ),
    "no version": (
        b"class A:\n    metadata = {'name': 'counter'}\n    def handle(self, r): pass\n",
        Stage.METADATA,
        "declares no version",
    ),
    "bad version": (b"class A:\n    version = 'new'\n", Stage.METADATA, "PEP 440"),
    "raising metadata": (
        b"class A:\n    version = '1'\n    @property\n    def metadata(self): raise OSError('x')\n",
        Stage.METADATA,
        "its metadata raised OSError",
    ),
    "raising role method": (
        b"class A:\n    version = '1'\n    roles = ['redactor']\n    n = 0\n    @property\n"
        b"    def redact(self):\n        A.n += 1\n        if A.n > 1: raise OSError('x')\n"
        b"        return str\n",
        Stage.METADATA,
        "its metadata raised OSError",
    ),
    "async transform": (
        b"class A:\n    version = '1'\n    async def enrich(self, event): return await event\n",
        Stage.METADATA,
        "cannot await",
    ),
    "generator hook": (
        b"class A:\n    version = '1'\n    def start(self): yield\n",
        Stage.METADATA,
        "generator",
    ),
    "another name": (
        b"class A:\n    name = 'other'\n    version = '1'\n",
        Stage.METADATA,
        "calls itself 'other'",
    ),
    "create gives None": (
        b"def create(config): return None\n",
        Stage.CONSTRUCT,
        "returned None",
    ),
    "register is a generator": (
        b"class A:\n    version = '1'\ndef register(app, context): yield A()\n",
        Stage.CONSTRUCT,
        "gave a generator, not a plugin",
    ),
    "register gives a class": (
        b"class A:\n    version = '1'\ndef register(app, context): return A\n",
        Stage.CONSTRUCT,
        "returned the class A, not a plugin",
    ),
    "register gives its context": (
        b"PLUGIN_META = {'version': '1'}\ndef register(app, context): return context\n",
        Stage.CONSTRUCT,
        "gave a PluginContext, not a plugin",
    ),
    "create gives a tuple": (
        b"PLUGIN_META = {'version': '1'}\ndef create(config): return (1, 2)\n",
        Stage.CONSTRUCT,
        "gave a tuple, not a plugin",
    ),
    "write without the event": (
        b"class A:\n    version = '1'\n    def write(self): pass\n",
        Stage.METADATA,
        "A.write does not fit: too many positional arguments",
    ),
    "generator write": (
        b"class A:\n    version = '1'\n    def write(self, event): yield event\n",
        Stage.METADATA,
        "A.write is a generator: it would never run",
    ),
    "asynchronous generator filter": (
        b"class A:\n    version = '1'\n    async def filter(self, event): yield True\n",
        Stage.METADATA,
        "A.filter is a generator: it would never run",
    ),
    "missing plugin dependency": (
        b"class A:\n    version = '1'\n    dependencies = ['geo']\n",
        Stage.METADATA,
        "needs 'geo', which is not loaded",
    ),
    "health answer that cannot be judged": (
        b"class No:\n    def __bool__(self): raise OSError('neither')\n"
        b"class A:\n    version = '1'\n    def health_check(self): return No()\n",
        Stage.HEALTH,
        "OSError: neither",
    ),
    "health answer that cannot be shown": (
        b"class No:\n    def __bool__(self): return False\n"
        b"    def __repr__(self): raise OSError('hidden')\n"
        b"class A:\n    version = '1'\n    def health_check(self): return No()\n",
        Stage.HEALTH,
        "OSError: hidden",
    ),
}


@pytest.fixture
def quick(bench: Bench) -> dict[str, Any]:
    return {"clock": bench.clock, "settings": Settings(hook_deadline_seconds=5)}


async def serving(engine: Engine, name: str = "counter") -> list[Any]:
    return await engine.call("?", plugin=name)


async def assert_old_untouched(bench: Bench, engine: Engine, plugin: object) -> None:
    """HR-ROLL-01, 02, 05: the same object serves with its state, and the next good edit loads."""
    assert engine.plugin("counter") is plugin
    assert await engine.call("count") == ["1.0 2"]
    touched = set(bench.hooks("counter", 1)) - {"construct", "setup", "start", "health_check"}
    assert touched <= {"get_reload_state"}
    running = engine.status("counter").running
    assert running is not None
    assert running.version == "1.0"
    bench.plugin(version="3.0")
    assert isinstance(await engine.reload("counter"), Swapped)
    assert await serving(engine) == ["3.0"]
    assert engine.status("counter").error is None


@pytest.mark.parametrize("point", STAGES)
@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
async def test_f10_a_fault_at_any_stage_rolls_back(
    bench: Bench, point: str, kind: type[BaseException], asynchronous: bool
) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        plugin = engine.plugin("counter")
        await engine.call("count")
        bench.plugin(version="2.0", asynchronous=asynchronous)
        version = "1.0" if point in OF_OLD else "2.0"
        bench.faults.at("counter", point, raises=kind("boom"), version=version)
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is STAGES[point]
        assert kind.__name__ in outcome.failure.cause
        assert outcome.failure.file == str(bench.plugins.path("counter"))
        assert outcome.failure.line
        assert "still running: 1.0 sha256:" in outcome.describe()
        released = () if point in BEFORE_START else ("stop", "teardown")
        assert bench.hooks("counter", 2)[-2:] == released or not released
        assert bench.recorder.count("counter@g2.stop") == len(released) // 2
        await assert_old_untouched(bench, engine, plugin)
        del plugin
        bench.recorder._tracked.clear()
        assert engine.lingering() == ()


@pytest.mark.parametrize("point", HANGING)
@pytest.mark.parametrize("swallows", [False, True], ids=["honours", "swallows"])
async def test_H4_H5_H7_S1_a_hook_that_hangs_ends_at_its_deadline(
    bench: Bench, quick: dict[str, Any], point: str, swallows: bool
) -> None:
    bench.plugin()
    async with Engine(**quick) as engine:
        await engine.load(bench.plugins.path("counter"))
        plugin = engine.plugin("counter")
        await engine.call("count")
        bench.plugin(version="2.0")
        version = "1.0" if point in OF_OLD else "2.0"
        fault: dict[str, Any] = {"swallows_cancellation": True} if swallows else {"hangs": True}
        bench.faults.at("counter", point, version=version, **fault)
        reload = asyncio.create_task(engine.reload("counter"))
        await bench.clock.advance_async(4.9)
        assert not reload.done()
        await bench.clock.advance_async(0.1 + (0.1 if swallows else 0))
        outcome = await reload
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is STAGES[point]
        assert "deadline of 5 s" in outcome.failure.cause
        assert ("leaked task" in outcome.failure.cause) is swallows
        await assert_old_untouched(bench, engine, plugin)
        bench.faults.release()


@pytest.mark.parametrize("case", BROKEN_SOURCES)
async def test_a_broken_source_fails_the_reload_and_the_first_load(
    bench: Bench, case: str, hot_reload_census: Any
) -> None:
    data, stage, cause = BROKEN_SOURCES[case]
    path = bench.plugins.write("counter", GOOD)
    files = OverlayFiles(DiskFiles())
    async with Engine(files=files) as engine:
        await engine.load(path)
        plugin = engine.plugin("counter")
        files.replace(path, data)
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack), outcome
        assert (outcome.failure.stage, cause in outcome.failure.cause) == (stage, True), outcome
        assert engine.plugin("counter") is plugin
        files.clear()
        assert isinstance(await engine.reload("counter"), Unchanged)
        assert engine.status("counter").error is None  # HR-ROLL-06
    async with Engine(files=files) as engine:
        files.replace(path, data)
        before = hot_reload_census()
        outcome = await engine.load(path, name="counter" if case == "another name" else None)
        if case != "another name":  # on a first load any name will do
            assert isinstance(outcome, RolledBack), outcome
            assert engine.names == ()
            growth = Census.growth(before, hot_reload_census())
            assert growth.clean, growth.describe()
        files.clear()
        assert (await engine.load(path, name="again")).success


async def test_I1_F24_a_missing_dependency_names_the_command_that_installs_it(bench: Bench) -> None:
    path = bench.plugins.write("counter", "import no_such_dependency_of_mine\n")
    async with Engine() as engine:
        outcome = await engine.load(path)
    assert isinstance(outcome, RolledBack)
    assert outcome.failure.hint
    assert "pip install no_such_dependency_of_mine" in outcome.failure.hint
    assert (outcome.failure.file, outcome.failure.line) == (str(path), 1)


async def test_f10_the_hooks_run_in_the_declared_order(bench: Bench) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        assert bench.hooks("counter", 1) == ("construct", "setup", "start", "health_check")
        bench.plugin(version="2.0")
        swapped = await engine.reload("counter")
        assert isinstance(swapped, Swapped)
        assert swapped.state is StateCarried.CARRIED
    bench.recorder.assert_order(
        "counter@g2.construct",
        "counter@g2.setup:exit",
        "counter@g2.start:exit",
        "counter@g1.get_reload_state:exit",
        "counter@g2.set_reload_state:exit",
        "counter@g2.health_check:exit",
        "counter@g2.on_reload:exit",
        "counter@g1.flush:exit",
        "counter@g1.stop:exit",
        "counter@g1.teardown:exit",
        "counter@g2.flush",
        "counter@g2.stop",
        "counter@g2.teardown",
    )
    for hook in ("setup", "start", "stop", "teardown", "flush"):
        assert bench.recorder.count(f"counter@g2.{hook}") == 1


@pytest.mark.parametrize("hook", ["flush", "stop", "teardown"])
@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
async def test_H8_H9_a_failing_shutdown_of_the_old_is_a_warning(
    bench: Bench, hook: str, kind: type[BaseException]
) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0")
        bench.faults.at("counter", hook, raises=kind("boom"), version="1.0")
        outcome = await engine.reload("counter")
        assert isinstance(outcome, Swapped)
        (warning,) = outcome.warnings
        assert warning.stage.value == hook
        assert kind.__name__ in warning.cause
        assert bench.hooks("counter", 1)[-3:] == ("flush", "stop", "teardown")
        assert await serving(engine) == ["2.0"]


@pytest.mark.parametrize("hook", ["flush", "stop", "teardown"])
async def test_H10_a_hanging_shutdown_of_the_old_holds_nobody_up(
    bench: Bench, quick: dict[str, Any], hook: str
) -> None:
    bench.plugin()
    bench.plugin("other")
    async with Engine(**quick) as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.load(bench.plugins.path("other"))
        bench.plugin(version="2.0")
        bench.faults.at("counter", hook, swallows_cancellation=True, version="1.0")
        reload = asyncio.create_task(engine.reload("counter"))
        await bench.clock.settle()
        assert await serving(engine) == ["2.0"]  # committed, though the old one still stops
        assert (await engine.reload("other")).success
        await bench.clock.advance_async(5.2)
        outcome = await reload
        assert isinstance(outcome, Swapped)
        assert "leaked task" in outcome.warnings[0].cause
        assert bench.hooks("counter", 1)[-3:] == ("flush", "stop", "teardown")


async def test_a_clean_up_that_fails_in_turn_hides_no_cause(bench: Bench) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0")
        bench.faults.at("counter", "start", raises=ValueError("the cause"), version="2.0")
        bench.faults.at("counter", "stop", raises=SystemExit("the clean-up"), version="2.0")
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.START
        assert "the cause" in outcome.failure.cause
        assert "the clean-up" in outcome.warnings[0].cause


async def test_H3_a_half_started_generation_is_stopped_once(bench: Bench) -> None:
    bench.things["port"] = []
    path = bench.plugin(hooks=("stop",), extra=_HALF_START)
    async with Engine() as engine:
        outcome = await engine.load(path)
        assert isinstance(outcome, RolledBack)
        assert bench.things["port"] == []
        assert bench.hooks("counter", 1).count("stop") == 1
        assert engine.names == ()
    assert bench.hooks("counter", 1).count("stop") == 1


_HALF_START = """
    async def start(self):
        bench.things["port"].append(self.number)
        self.context.add_cleanup(lambda: bench.things["port"].remove(self.number))
        raise OSError("late")
"""


async def test_H1_a_failing_constructor_releases_what_it_registered(bench: Bench) -> None:
    bench.things["cleaned"] = 0
    path = bench.plugins.write("counter", _GREEDY)
    async with Engine() as engine:
        outcome = await engine.load(path)
        assert isinstance(outcome, RolledBack)
        assert (outcome.failure.stage, bench.things["cleaned"]) == (Stage.CONSTRUCT, 1)


_GREEDY = """
from bench_probe import bench
def clean(): bench.things["cleaned"] += 1
class Greedy:
    version = "1"
    def __init__(self, context):
        context.add_cleanup(clean)
        raise ValueError("no")
"""


class Told(enum.Enum):
    UP = "up"
    DOWN = "down"


@pytest.mark.parametrize(
    ("answer", "healthy"),
    [
        (None, True),
        (True, True),
        (False, False),
        ({"healthy": True}, True),
        ({"healthy": False, "status": "ok"}, False),
        ({"status": "OK"}, True),
        ({"status": "down"}, False),
        ({}, True),
        (0, False),
        ({"healthy": "no"}, False),
        ({"healthy": None, "status": "ok"}, False),
        ({"status": Told.DOWN}, False),
        ({"status": True}, True),
        ("down", False),
        ("Healthy", True),
        (Told.DOWN, False),
        (Told.UP, True),
        ((False, "no disk"), False),
        ((True, ""), True),
        (SimpleNamespace(healthy=False), False),
        (SimpleNamespace(status="up"), True),
        (SimpleNamespace(status=Told.DOWN), False),
        (object(), True),
    ],
)
def test_H7_what_a_health_answer_means(answer: object, healthy: bool) -> None:
    assert is_healthy(answer) is healthy


async def test_H7_an_unhealthy_new_generation_rolls_back(bench: Bench) -> None:
    path = bench.plugins.write("counter", GOOD)
    async with Engine() as engine:
        await engine.load(path)
        bench.plugins.write(
            "counter", GOOD + "    def health_check(self): return {'status': 'x'}\n"
        )
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert "health_check answered {'status': 'x'}" in outcome.failure.cause
        assert await serving(engine) == ["v1"]


async def test_unchanged_bytes_do_nothing_and_force_reloads_them(bench: Bench) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        assert isinstance(await engine.reload("counter"), Unchanged)
        assert len(bench.live) == 1
        assert isinstance(await engine.reload("counter", force=True), Swapped)
        assert len(bench.live) == 2


async def test_F1_a_deleted_file_rolls_back(bench: Bench) -> None:
    path = bench.plugins.write("counter", GOOD)
    async with Engine() as engine:
        await engine.load(path)
        bench.plugins.delete("counter")
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.READ
        assert "file missing" in outcome.failure.cause
        assert await serving(engine) == ["v1"]
        bench.plugins.write("counter", GOOD.replace("v1", "v2"))
        assert (await engine.reload("counter")).success


async def test_F14_a_read_error_rolls_back(bench: Bench) -> None:
    path = bench.plugins.write("counter", GOOD)
    files = OverlayFiles(DiskFiles())
    async with Engine(files=files) as engine:
        await engine.load(path)
        files.fail(path, OSError(5, "Input/output error"))
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert "Input/output error" in outcome.failure.cause
        files.fail(path, SourceError("made up"))
        assert "made up" in (await engine.reload("counter")).describe()
        assert await serving(engine) == ["v1"]


async def test_an_old_generation_is_collected_and_nothing_grows(
    bench: Bench, hot_reload_census: Any
) -> None:
    bench.plugin(sink="sync")
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.reload("counter", force=True)
        before = hot_reload_census()
        for round_ in range(20):
            bench.plugin(version=f"2.{round_}", sink="sync")
            bench.faults.at("counter", "on_reload", raises=ValueError, version=f"2.{round_}")
            assert isinstance(await engine.reload("counter"), RolledBack)
            assert isinstance(await engine.reload("counter", force=True), Swapped)
        growth = Census.growth(before, hot_reload_census())
        assert growth.clean, growth.describe()
        assert engine.lingering() == ()


async def test_f22_a_listener_hears_one_start_and_one_end(bench: Bench) -> None:
    bench.plugin()
    heard: list[Any] = []
    async with Engine() as engine:
        engine.listen(heard.append)
        await engine.load(bench.plugins.path("counter"))
        stages = [each.stage for each in heard if hasattr(each, "stage")]
        assert stages == [
            Stage.READ,
            Stage.SYNTAX,
            Stage.IMPORT,
            Stage.PLUGIN,
            Stage.CONSTRUCT,
            Stage.METADATA,
            Stage.SETUP,
            Stage.START,
            Stage.HEALTH,
            Stage.COMMIT,
        ]
        assert type(heard[0]).__name__ == "OperationStarted"
        assert type(heard[-1]).__name__ == "OperationEnded"
        assert isinstance(heard[-1].outcome, Loaded)


# Stop-first


async def stop_first(bench: Bench, **options: Any) -> None:
    bench.plugin(policy="stop-first", **options)


async def test_f11_stop_first_stops_the_old_before_it_starts_the_new(bench: Bench) -> None:
    await stop_first(bench)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.call("count")
        await stop_first(bench, version="2.0")
        outcome = await engine.reload("counter")
        assert isinstance(outcome, Swapped)
        assert outcome.state is StateCarried.CARRIED
        assert await engine.call("count") == ["2.0 2"]
        bench.recorder.assert_order(
            "counter@g1.get_reload_state:exit",
            "counter@g1.flush:exit",
            "counter@g1.stop:exit",
            "counter@g2.start",
            "counter@g2.set_reload_state",
            "counter@g2.on_reload:exit",
            "counter@g1.teardown",
        )
        assert engine.lingering() == ()


@pytest.mark.parametrize("point", ["setup", "start", "set_reload_state", "on_reload"])
async def test_f11_stop_first_brings_the_old_back(bench: Bench, point: str) -> None:
    await stop_first(bench)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.call("count")
        await stop_first(bench, version="2.0")
        bench.faults.at("counter", point, raises=SystemExit("no"), version="2.0")
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is STAGES[point]
        assert await engine.call("count") == ["1.0 2"]
        assert bench.hooks("counter", 2)[-2:] == ("stop", "teardown")
        assert bench.recorder.count("counter@g1.stop") == 1
        assert engine.lingering() == ()
        await stop_first(bench, version="3.0")
        assert isinstance(await engine.reload("counter"), Swapped)


async def test_stop_first_with_a_failing_capture_never_stops_the_old(bench: Bench) -> None:
    await stop_first(bench)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await stop_first(bench, version="2.0")
        bench.faults.at("counter", "get_reload_state", raises=ValueError, version="1.0")
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.CAPTURE
        assert "stop" not in bench.hooks("counter", 1)
        assert await serving(engine) == ["1.0"]


async def test_f11_stop_first_that_cannot_be_undone_is_a_declared_failure(bench: Bench) -> None:
    bench.plugin("other", sink="sync")
    bench.gates["counter"] = gate = _opened()
    await stop_first(bench, sink="async")
    async with Engine() as engine:
        await engine.load(bench.plugins.path("other"))
        await engine.load(bench.plugins.path("counter"))
        await engine.call("count", plugin="counter")
        await stop_first(bench, version="2.0", sink="async")
        bench.faults.at("counter", "start", raises=ValueError("new"), version="2.0")
        bench.faults.at("counter", "start", raises=ValueError("old"), version="1.0")
        outcome = await engine.reload("counter")
        assert isinstance(outcome, Failed)
        assert "new" in outcome.failure.cause
        assert "old" in outcome.rollback_failure.cause
        assert engine.status("counter").failed
        assert engine.status("counter").running is None
        assert engine.lingering() == ()
        engine.emit("kept for the next generation")
        # A failed plugin gets nothing; the next good edit heals it, with the state.
        await stop_first(bench, version="3.0", sink="async")
        assert isinstance(await engine.reload("counter"), Loaded)
        assert await engine.call("count", plugin="counter") == ["3.0 2"]
        assert not engine.status("counter").failed
        engine.emit("seen")
        await engine.settle()
        assert bench.events("counter") == ["seen"]
        assert gate.is_open


async def test_an_interruption_of_the_engine_does_not_fail_what_is_brought_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names no line of the plugin's: the old one is brought back all the same."""
    await stop_first(bench)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await stop_first(bench, version="2.0")
        bench.faults.at("counter", "start", raises=ValueError("new"), version="2.0")
        interrupts = iter([MemoryError])

        def interrupted(answer: object) -> bool:
            for each in interrupts:
                raise each
            return True

        monkeypatch.setattr("hot_reload.runtime.steps.is_healthy", interrupted)
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert "new" in outcome.failure.cause
        assert await serving(engine) == ["1.0"]
        assert list(interrupts) == []
        assert bench.hooks("counter", 3)[-2:] == ("stop", "teardown")
        assert engine.lingering() == ()


async def test_a_failed_plugin_without_state_hooks_heals_too_and_can_be_unloaded(
    bench: Bench,
) -> None:
    await stop_first(bench, state=False)
    async with Engine() as engine:
        for heal in (True, False):
            await engine.load(bench.plugins.path("counter"))
            await stop_first(bench, state=False, version="2.0")
            bench.faults.at("counter", "start", raises=ValueError("new"), version="2.0")
            bench.faults.at("counter", "start", raises=ValueError("old"), version="1.0")
            assert isinstance(await engine.reload("counter"), Failed)
            bench.faults.at("counter", "start", raises=ValueError("again"), version="2.0")
            assert isinstance(await engine.reload("counter"), RolledBack)
            if heal:
                assert isinstance(await engine.reload("counter"), Loaded)
            assert isinstance(await engine.unload("counter"), Unloaded)
            assert engine.names == ()
            await stop_first(bench, state=False)


async def test_stop_first_cancelled_in_the_new_start_brings_the_old_back(bench: Bench) -> None:
    await stop_first(bench)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await stop_first(bench, version="2.0")
        gate = _closed()
        bench.faults.at("counter", "start", blocks=gate, version="2.0")
        reload = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        reload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reload
        assert await serving(engine) == ["1.0"]
        assert bench.hooks("counter", 2)[-2:] == ("stop", "teardown")
        assert engine.lingering() == ()
        assert isinstance(await engine.reload("counter"), Swapped)


async def test_stop_first_cancelled_in_the_old_stop_goes_on_to_an_end(bench: Bench) -> None:
    await stop_first(bench)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await stop_first(bench, version="2.0")
        gate = _closed()
        bench.faults.at("counter", "stop", blocks=gate, version="1.0")
        reload = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        reload.cancel()
        await asyncio.sleep(0)
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await reload
        # Never the stopped generation itself.
        assert await serving(engine) == ["2.0"]
        assert bench.recorder.count("counter@g1.stop:exit") == 1


def _closed() -> Any:
    from hot_reload_fixtures import Gate

    return Gate()


def _opened() -> Any:
    gate = _closed()
    gate.open()
    return gate


async def test_H13_a_hook_that_asks_for_its_own_reload_is_deferred(bench: Bench) -> None:
    bench.things["answers"] = []
    bench.plugin(hooks=("stop",), extra=_SELF_RELOAD)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        (answer,) = bench.things["answers"]
        assert isinstance(answer, Deferred)
        assert "a hook of 'counter' asked for it" in answer.explanation
        await bench.clock.settle()
        # The deferred one found the bytes unchanged, so nothing asked again.
        assert isinstance(engine.history[-1], Unchanged)
        assert len(bench.things["answers"]) == 1


_SELF_RELOAD = """
    async def start(self):
        answer = await self.context.engine.reload(self.context.name)
        bench.things["answers"].append(answer)
"""


# State on its way


HOARDER = """
from bench_probe import bench
class Hoarder:
    name, version = "hoarder", {version!r}
    def __init__(self): self.jobs = []
    def handle(self, request):
        self.jobs.append(request)
        return list(self.jobs)
    def get_reload_state(self): return bench.things.get("state", self.jobs)
    def set_reload_state(self, state):
        self.jobs = state
        if bench.things.get("refuse"): raise ValueError("not this version's state")
    def stop(self): self.jobs.append("the old one's last word")
"""


async def test_S5_the_generations_share_no_mutable_state(bench: Bench) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugins.write("hoarder", HOARDER.format(version="1")))
        await engine.call("a")
        bench.plugins.write("hoarder", HOARDER.format(version="2"))
        outcome = await engine.reload("hoarder")
        assert isinstance(outcome, Swapped)
        assert outcome.state is StateCarried.CARRIED
        assert await engine.call("b") == [["a", "b"]]


@pytest.mark.parametrize("policy", ["blue-green", "stop-first"])
async def test_S6_S7_S8_a_restore_that_raises_halfway_leaves_the_olds_state(
    bench: Bench, policy: str
) -> None:
    source = HOARDER + f"    swap_policy = {policy!r}\n"
    async with Engine() as engine:
        await engine.load(bench.plugins.write("hoarder", source.format(version="1")))
        await engine.call("a")
        bench.plugins.write("hoarder", source.format(version="2"))
        if policy == "blue-green":
            bench.things["refuse"] = True
            outcome = await engine.reload("hoarder")
            assert isinstance(outcome, RolledBack)
            assert outcome.failure.stage is Stage.RESTORE
            assert "not this version's state" in outcome.failure.cause
            assert await engine.call("b") == [["a", "b"]]
            bench.things["refuse"] = False
        assert isinstance(await engine.reload("hoarder"), Swapped)
        assert (await engine.call("c"))[0][0] == "a"
        assert "last word" not in str(await engine.call("d"))


@pytest.mark.parametrize("policy", ["blue-green", "stop-first"])
async def test_S2_S3_S4_S12_state_that_cannot_be_carried_names_the_path(
    bench: Bench, policy: str
) -> None:
    source = HOARDER + f"    swap_policy = {policy!r}\n"
    loop: list[Any] = []
    loop.append(loop)
    async with Engine() as engine:
        await engine.load(bench.plugins.write("hoarder", source.format(version="1")))
        bench.plugins.write("hoarder", source.format(version="2"))
        states = {
            "$['a'][1] cannot be carried: a _thread.lock": {"a": [1, threading.Lock()]},
            "$[0] cannot be carried: it holds itself": loop,
            "own class Hoarder, which is replaced too": [engine.plugin("hoarder")],
        }
        for text, state in states.items():
            bench.things["state"] = state
            outcome = await engine.reload("hoarder")
            assert isinstance(outcome, RolledBack)
            assert outcome.failure.stage is Stage.CAPTURE
            assert text in outcome.failure.cause
            assert await engine.call("x")
        del states, state
        bench.things["state"] = None
        outcome = await engine.reload("hoarder")
        assert isinstance(outcome, Swapped)
        if policy == "blue-green":
            assert outcome.state is StateCarried.NOTHING_TO_CARRY


async def test_S13_a_capture_that_changes_the_old_is_the_plugins_own_affair(bench: Bench) -> None:
    """What get_reload_state itself changed is not undone: the engine only reads (HR-ROLL-02)."""
    source = HOARDER.replace(
        'return bench.things.get("state", self.jobs)', "return [self.jobs.pop()]"
    )
    async with Engine() as engine:
        await engine.load(bench.plugins.write("hoarder", source.format(version="1")))
        plugin = engine.plugin("hoarder")
        await engine.call("a")
        bench.plugins.write("hoarder", source.format(version="2"))
        bench.things["refuse"] = True
        assert isinstance(await engine.reload("hoarder"), RolledBack)
        assert engine.plugin("hoarder") is plugin
        assert await engine.call("b") == [["b"]]


async def test_without_state_hooks_nothing_is_carried_and_it_is_said(bench: Bench) -> None:
    path = bench.plugins.write("counter", GOOD)
    async with Engine() as engine:
        await engine.load(path)
        outcome = await engine.reload("counter", force=True)
        assert isinstance(outcome, Swapped)
        assert outcome.state is StateCarried.NO_HOOKS


@pytest.mark.parametrize(
    ("hook", "text"),
    [
        ("start = 3", "is a int, not callable"),
        ("def start(self, port): pass", "does not fit"),
        ("async def start(self): yield", "is a generator"),
        ("def setup(self): pass\n    def initialize(self): pass", "names of one hook"),
    ],
)
async def test_H12_a_hook_that_cannot_be_called_is_named(
    bench: Bench, hook: str, text: str
) -> None:
    async with Engine() as engine:
        outcome = await engine.load(bench.plugins.write("counter", f"{GOOD}    {hook}\n"))
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.METADATA
        assert text in outcome.failure.cause
        assert outcome.failure.file == str(bench.plugins.path("counter"))


async def test_H11_stop_runs_once_for_each_generation_however_it_ends(bench: Bench) -> None:
    bench.plugin(hooks=("start", "stop"))
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        for version, fails in (("2.0", "start"), ("3.0", "construct"), ("4.0", None)):
            bench.plugin(version=version, hooks=("start", "stop"))
            if fails:
                bench.faults.at("counter", fails, raises=ValueError, version=version)
            await engine.reload("counter")
        await engine.unload("counter")
    stops = [bench.recorder.count(f"counter@g{number}.stop") for number in (1, 2, 3, 4)]
    assert stops == [1, 1, 0, 1]


def test_T9_a_source_of_many_megabytes_is_refused_by_its_size(
    bench: Bench, hot_reload_engine: Any
) -> None:
    path = bench.plugins.write("counter", GOOD)
    with path.open("ab") as file:
        file.write(b"# x\n" * 1_100_000)

    async def scenario(engine: Engine) -> str:
        return (await engine.load(path)).describe()

    assert "more than 4194304" in hot_reload_engine.run(scenario)


async def test_an_engine_with_a_failed_plugin_closes(bench: Bench) -> None:
    await stop_first(bench)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await stop_first(bench, version="2.0")
        for version in ("1.0", "2.0"):
            bench.faults.at("counter", "start", raises=ValueError, version=version)
        assert isinstance(await engine.reload("counter"), Failed)
    assert bench.recorder.count("counter@g1.stop") == 1


async def test_a_module_body_that_cancels_the_operation_leaves_the_old(bench: Bench) -> None:
    path = bench.plugins.write("counter", GOOD)
    async with Engine() as engine:
        await engine.load(path)
        bench.plugins.write("counter", f"{GOOD}import asyncio\nasyncio.current_task().cancel()\n")
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert "cancelled the task that it was called in" in outcome.failure.cause
        assert outcome.failure.file == str(path)
        assert await serving(engine) == ["v1"]


@pytest.mark.parametrize(
    ("head", "cause"),
    [
        ("def start", "start cancelled the task that it was called in"),
        ("async def start", "start cancelled its own task"),
    ],
)
async def test_a_hook_that_cancels_its_task_is_told_with_its_line(
    bench: Bench, head: str, cause: str
) -> None:
    text = f"import asyncio\n{GOOD}\n    {head}(self):\n        asyncio.current_task().cancel()\n"
    path = bench.plugins.write("counter", text)
    async with Engine() as engine:
        outcome = await engine.load(path)
        assert isinstance(outcome, RolledBack)
        assert cause in outcome.failure.cause
        line = next(n for n, each in enumerate(text.splitlines(), 1) if head in each)
        assert (outcome.failure.file, outcome.failure.line) == (str(path), line)
        assert "return or raise" in (outcome.failure.hint or "")


def struck_once(monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> list[str]:
    """Let memory run out at the end of the next call of a method; what was struck is told."""
    real, struck = getattr(kind, name), list[str]()

    def strike(self: Any, *arguments: Any) -> Any:
        answer = real(self, *arguments)
        if not struck:
            struck.append(name)
            raise MemoryError
        return answer

    monkeypatch.setattr(kind, name, strike)
    return struck


async def test_k8_a_commit_that_is_interrupted_is_a_commit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.plugin(sink="sync")
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0", sink="sync")
        struck = struck_once(monkeypatch, Pipeline, "place")
        with pytest.raises(MemoryError):
            await engine.reload("counter")
        assert struck == ["place"]
        assert await serving(engine) == ["2.0"]
        assert engine.emit("x")
        assert bench.written == [("counter", "2.0", "x")]
        assert bench.hooks("counter", 1)[-3:] == ("flush", "stop", "teardown")
        assert bench.recorder.count("counter@g1.stop") == 1
        assert bench.recorder.count("counter@g2.start") == 1
        await asyncio.sleep(0)  # the step that was woken by what was raised refers to it
        collect_garbage()
        assert engine.lingering() == ()


async def test_k8_a_way_back_that_is_interrupted_is_gone_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one was made again before that; it is not made a second time."""
    await stop_first(bench)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await stop_first(bench, version="2.0")
        bench.faults.at("counter", "start", raises=ValueError("no"), version="2.0")
        struck = struck_once(monkeypatch, Pipeline, "place")
        with pytest.raises(MemoryError):
            await engine.reload("counter")
        assert struck == ["place"]
        assert await serving(engine) == ["1.0"]
        assert [generation for _, generation in bench.live] == [1, 2, 3]
        assert bench.recorder.count("counter@g1.stop") == 1
        assert bench.recorder.count("counter@g3.start") == 1
        await asyncio.sleep(0)  # the step that was woken by what was raised refers to it
        collect_garbage()
        assert engine.lingering() == ()


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        ("    dependencies = ['geo']\n", "needs 'geo', which is not loaded"),
        ("    dependencies = ['counter']\n", "cycle: counter -> counter"),
        ("    def __init__(self, db): pass\n", "it wants db"),
    ],
)
async def test_a_refusal_of_one_plugin_names_its_file(bench: Bench, more: str, cause: str) -> None:
    path = bench.plugins.write("counter", GOOD + more)
    async with Engine() as engine:
        outcome = await engine.load(path)
        assert isinstance(outcome, RolledBack)
        assert cause in outcome.failure.cause
        assert outcome.failure.file == str(path)
