"""Cascades: whoever needs a plugin follows its reload, and all commit or none does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from tests.hot_reload.runtime.test_engine import Stepper

from hot_reload import Engine, Settings
from hot_reload.errors import EngineMisuse
from hot_reload.outcome import (
    Deferred,
    Failed,
    Loaded,
    RefusalReason,
    Refused,
    RolledBack,
    Stage,
    Swapped,
    Unchanged,
    Unloaded,
)
from hot_reload_fixtures import Gate, collect_garbage
from hot_reload_fixtures.recorder import Phase

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench

POINTS = {
    "import": Stage.IMPORT,
    "construct": Stage.CONSTRUCT,
    "setup": Stage.SETUP,
    "start": Stage.START,
    "get_reload_state": Stage.CAPTURE,
    "set_reload_state": Stage.RESTORE,
    "health_check": Stage.HEALTH,
    "on_reload": Stage.ON_RELOAD,
}
EDGES = {"base": (), "left": ("base",), "right": ("base",), "top": ("left", "right"), "lone": ()}
"""A diamond, and one that has nothing to do with it."""


def write(
    bench: Bench, name: str, version: str = "1.0", needs: Sequence[str] = (), **options: Any
) -> None:
    """A plugin that answers with its own version and those of the modules it imports."""
    tops = [each.partition(">")[0].partition("<")[0] for each in needs]
    imports = "".join(f"import {top}\n" for top in tops)
    seen = ", ".join(f"{top}.seen()" for top in tops)
    # The bench's head uses VERSION at the top of the module; `seen` is how others look in.
    extra = f"""
    dependencies = {list(needs)!r}

    def handle(self, request):
        self.count += 1
        return seen()


def seen():
    return (NAME, VERSION, {seen})

"""
    path = bench.plugin(name, version, extra=extra + options.pop("extra", ""), **options)
    path.write_text(imports + path.read_text())


def write_all(bench: Bench, **options: Any) -> None:
    for name, needs in EDGES.items():
        write(bench, name, needs=needs, **options)


def entered(bench: Bench, since: int, *hooks: str) -> list[tuple[str, str]]:
    """Which of ``hooks`` were entered, in order, from entry ``since`` on."""
    entries = bench.recorder.order[since:]
    return [(e.plugin, e.hook) for e in entries if e.phase is Phase.ENTER and e.hook in hooks]


async def load_all(bench: Bench, engine: Engine, names: Sequence[str] = tuple(EDGES)) -> None:
    for name in names:
        outcome = await engine.load(bench.plugins.path(name))
        assert isinstance(outcome, Loaded), outcome.describe()


def tree(base: str = "1.0", top: str = "1.0", sides: str = "1.0") -> tuple[Any, ...]:
    """What ``top`` answers where these versions serve."""
    low = ("base", base)
    return ("top", top, ("left", sides, low), ("right", sides, low))


async def test_f16_dependents_follow_in_order_and_only_they(bench: Bench) -> None:
    """HR-DEPS-01, 02, 03."""
    write_all(bench)
    async with Engine() as engine:
        await load_all(bench, engine)
        write(bench, "base", "2.0")
        since = len(bench.recorder.order)
        outcome = await engine.reload("base")
        assert isinstance(outcome, Swapped)
        assert [each.plugin for each in outcome.cascade] == ["left", "right", "top"]
        assert all(isinstance(each, Swapped) for each in outcome.cascade)
        assert "with it, since they need it: 'left', 'right', 'top'" in outcome.describe()
        assert await engine.use("top") == tree("2.0")
        assert await engine.use("lone") == ("lone", "1.0")
        starts = [name for name, _ in entered(bench, since, "start")]
        stops = [name for name, _ in entered(bench, since, "stop")]
        assert starts == ["base", "left", "right", "top"]
        assert stops == ["top", "left", "right", "base"]
        assert engine.status("lone").running.generation == 5  # type: ignore[union-attr]
        assert engine.status("top").last_outcome == outcome.cascade[2]
        collect_garbage()
        assert engine.lingering() == ()


@pytest.mark.parametrize("culprit", ["base", "left", "top"])
@pytest.mark.parametrize("point", POINTS)
async def test_f16_one_that_fails_rolls_all_of_them_back(
    bench: Bench, culprit: str, point: str
) -> None:
    """HR-DEPS-04, HR-ROLL-02."""
    write_all(bench)
    async with Engine() as engine:
        await load_all(bench, engine)
        await engine.call(None)
        plugins = {name: engine.plugin(name) for name in EDGES}
        write(bench, "base", "2.0")
        bench.faults.at(culprit, point, raises=ValueError("no"))
        outcome = await engine.reload("base")
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is POINTS[point]
        assert outcome.failure.plugin == (None if culprit == "base" else culprit)
        for each in outcome.cascade:
            assert isinstance(each, RolledBack)
            assert each.failure.plugin == (None if culprit == each.plugin else culprit)
        assert {name: engine.plugin(name) for name in EDGES} == plugins
        assert await engine.use("top") == tree()
        assert engine.plugin("top").count == 2
        for name, number in bench.live:
            hooks = bench.hooks(name, number)
            stopped = 1 if number > 5 and "setup" in hooks else 0
            assert hooks.count("stop") == hooks.count("teardown") == stopped, (name, number)
        del plugins
        collect_garbage()
        assert engine.lingering() == ()
        assert isinstance(await engine.reload("base"), Swapped)
        assert await engine.use("top") == tree("2.0")


async def test_a_failure_names_who_failed(bench: Bench) -> None:
    write_all(bench)
    async with Engine() as engine:
        await load_all(bench, engine)
        write(bench, "base", "2.0")
        bench.faults.at("left", "start", raises=ValueError("no"))
        outcome = await engine.reload("base")
        assert "rolled back at start of 'left': start raised ValueError: no" in outcome.describe()
        assert "still running: 1.0 sha256:" in outcome.describe()


async def test_f16_a_level_starts_side_by_side(bench: Bench) -> None:
    write_all(bench)
    async with Engine() as engine:
        await load_all(bench, engine)
        write(bench, "base", "2.0")
        gates = {"left": Gate(), "right": Gate()}
        for name, gate in gates.items():
            bench.faults.at(name, "start", blocks=gate)
        reload = asyncio.create_task(engine.reload("base"))
        for gate in gates.values():
            await gate.reached()  # both, though neither was let through
        for gate in gates.values():
            gate.open()
        assert isinstance(await reload, Swapped)


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("dependencies = ['nowhere']", "plugin 'left' needs 'nowhere', which is not loaded"),
        ("dependencies = ['top']", "the dependencies form a cycle: left -> top -> left"),
        ("dependencies = ['base>=2']", "needs 'base' in >=2, but it is 1.0"),
    ],
)
async def test_f16_what_cannot_be_satisfied_is_named(bench: Bench, source: str, cause: str) -> None:
    """HR-DEPS-05, 06, 09."""
    write_all(bench)
    async with Engine() as engine:
        await load_all(bench, engine)
        bench.plugin("left", "2.0", extra=f"\n    {source}\n")
        outcome = await engine.reload("left")
        assert isinstance(outcome, RolledBack)
        assert cause in outcome.failure.cause
        assert await engine.use("top") == tree()


async def test_f16_a_version_that_a_dependent_does_not_admit_is_refused(bench: Bench) -> None:
    """HR-DEPS-06, and before anything of it is started."""
    write(bench, "base")
    write(bench, "user", needs=["base<2"])
    async with Engine() as engine:
        await load_all(bench, engine, ["base", "user"])
        write(bench, "base", "2.0")
        outcome = await engine.reload("base")
        assert isinstance(outcome, RolledBack)
        assert "plugin 'user' needs 'base' in <2, but it is 2.0" in outcome.failure.cause
        assert all("start" not in bench.hooks(name, n) for name, n in bench.live if n > 2)
        # Both at once fit again.
        write(bench, "user", "2.0", needs=["base>=2"])
        outcomes = await engine.reload_many(["user", "base"])
        assert list(outcomes) == ["user", "base"]
        assert await engine.use("user") == ("user", "2.0", ("base", "2.0"))


async def test_f16_edges_change_with_the_version(bench: Bench) -> None:
    """HR-DEPS-07: the new ones for the start, the old ones for the stop."""
    for name, needs in {"a": (), "b": ("a",)}.items():
        write(bench, name, needs=needs)
    async with Engine() as engine:
        await load_all(bench, engine, ["a", "b"])
        write(bench, "a", "2.0", needs=["b"])
        write(bench, "b", "2.0")
        since = len(bench.recorder.order)
        outcomes = await engine.reload_many()
        assert all(isinstance(each, Swapped) for each in outcomes.values())
        assert entered(bench, since, "start") == [("b", "start"), ("a", "start")]
        assert entered(bench, since, "stop") == [("b", "stop"), ("a", "stop")]
        assert await engine.use("a") == ("a", "2.0", ("b", "2.0"))
        write(bench, "b", "3.0")
        assert [each.plugin for each in (await engine.reload("b")).cascade] == ["a"]
        write(bench, "a", "3.0")  # which drops the dependency
        assert isinstance(await engine.reload("a"), Swapped)
        write(bench, "b", "4.0")
        assert (await engine.reload("b")).cascade == ()


async def test_f16_a_batch_reloads_each_once(bench: Bench) -> None:
    """HR-DEPS-08."""
    write_all(bench)
    async with Engine() as engine:
        await load_all(bench, engine)
        for name in ("base", "top", "lone"):
            write(bench, name, "2.0", needs=EDGES[name])
        bench.live.clear()
        outcomes = await engine.reload_many(["top", "lone", "right", "base"])
        assert sorted(name for name, _ in bench.live) == sorted(EDGES)
        assert list(outcomes) == ["top", "lone", "right", "base"]
        assert all(isinstance(each, Swapped) for each in outcomes.values())
        followed = {name: [each.plugin for each in outcomes[name].cascade] for name in outcomes}
        assert followed == {"top": [], "lone": [], "right": [], "base": ["left"]}
        assert await engine.use("top") == tree("2.0", "2.0")
        again = await engine.reload_many()
        assert all(isinstance(each, Unchanged) for each in again.values())


async def test_a_batch_tells_of_each_that_was_asked_for_once(bench: Bench) -> None:
    write_all(bench)
    async with Engine() as engine:
        await load_all(bench, engine)
        write(bench, "base", "2.0")
        told: list[Any] = []
        engine.listen(told.append)
        await engine.reload_many(["base", "top", "lone", "nobody"])
        for kind in ("OperationStarted", "OperationEnded"):
            names = [each.plugin for each in told if type(each).__name__ == kind]
            assert sorted(names) == ["base", "lone", "nobody", "top"]
        assert {each.plugin for each in told} == {*EDGES, "nobody"}


async def test_a_batch_refuses_what_is_not_loaded_and_does_the_rest(bench: Bench) -> None:
    write(bench, "base")
    async with Engine() as engine:
        await load_all(bench, engine, ["base"])
        write(bench, "base", "2.0")
        outcomes = await engine.reload_many(["nobody", "base"])
        assert isinstance(outcomes["nobody"], Refused)
        assert isinstance(outcomes["base"], Swapped)
        assert await engine.reload_many([]) == {}


async def test_f20_independent_plugins_reload_beside_each_other(bench: Bench) -> None:
    names = [f"p{number}" for number in range(5)]
    for name in names:
        bench.plugin(name)
    async with Engine() as engine:
        await load_all(bench, engine, names)
        gates = {name: Gate() for name in names}
        for name in names:
            bench.plugin(name, "2.0")
            bench.faults.at(name, "start", blocks=gates[name])
        batch = asyncio.create_task(engine.reload_many())
        for gate in gates.values():
            await gate.reached()
        for gate in gates.values():
            gate.open()
        assert all(isinstance(each, Swapped) for each in (await batch).values())


async def test_one_that_fails_in_a_batch_leaves_the_independent_ones(bench: Bench) -> None:
    write_all(bench)
    async with Engine() as engine:
        await load_all(bench, engine)
        write(bench, "base", "2.0")
        write(bench, "lone", "2.0")
        bench.faults.at("top", "start", raises=ValueError("no"))
        outcomes = await engine.reload_many()
        assert {name for name, each in outcomes.items() if each.success} == {"lone"}


async def test_a_module_that_is_imported_without_being_declared_is_told(bench: Bench) -> None:
    write(bench, "base")
    bench.plugins.write(
        "user",
        "import base\nclass User:\n    version = '1'\n"
        "    def handle(self, r): return base.VERSION\n",
    )
    async with Engine() as engine:
        await load_all(bench, engine, ["base"])
        outcome = await engine.load(bench.plugins.path("user"))
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.METADATA
        assert "it imports the plugin 'base', which it does not declare" in outcome.failure.cause
        assert outcome.failure.hint == "add 'base' to its dependencies"


async def test_dependencies_that_only_the_running_plugin_knows(bench: Bench) -> None:
    write(bench, "base")
    bench.plugins.write(
        "user",
        "import base\nclass User:\n    version = '1'\n"
        "    @property\n    def dependencies(self): return ['base']\n"
        "    def handle(self, r): return base.VERSION\n",
    )
    async with Engine() as engine:
        await load_all(bench, engine, ["base", "user"])
        write(bench, "base", "2.0")
        assert isinstance(await engine.reload("base"), Swapped)
        assert await engine.use("user") == "2.0"


async def test_a_batch_in_which_only_the_running_plugin_knows_that_it_comes_later(
    bench: Bench,
) -> None:
    """Whoever is built first imports the other's new generation all the same."""
    write(bench, "zeta")
    bench.plugin("alpha")
    async with Engine() as engine:
        await load_all(bench, engine, ["zeta", "alpha"])
        write(bench, "zeta", "2.0")
        bench.plugins.write(
            "alpha",
            "import zeta\nclass Alpha:\n    version = '2'\n    name = 'alpha'\n"
            "    @property\n    def dependencies(self): return ['zeta']\n"
            "    def handle(self, r): return zeta.VERSION\n",
        )
        outcomes = await engine.reload_many(["alpha", "zeta"])
        # They had nothing to do with each other before: two transactions, tried until it fits.
        assert all(each.success for each in outcomes.values()), outcomes
        assert await engine.use("alpha") == "2.0"


async def test_k3_a_plugin_loaded_while_what_it_needs_is_swapped_gets_the_new_one(
    bench: Bench,
) -> None:
    write(bench, "base")
    write(bench, "user", needs=["base"])
    async with Engine() as engine:
        await load_all(bench, engine, ["base"])
        gate = Gate()
        bench.faults.at("user", "start", blocks=gate)
        load = asyncio.create_task(engine.load(bench.plugins.path("user")))
        await gate.reached()
        write(bench, "base", "2.0")
        assert isinstance(await engine.reload("base"), Swapped)
        gate.open()
        assert isinstance(await load, Loaded)
        assert await engine.use("user") == ("user", "1.0", ("base", "2.0"))
        deferred = [each for each in engine.history if isinstance(each, Deferred)]
        assert deferred == []  # the history tells what came of it


async def test_k3_a_swap_during_which_somebody_came_to_need_it_takes_him_along(
    bench: Bench,
) -> None:
    write(bench, "base")
    write(bench, "user", needs=["base"])
    async with Engine() as engine:
        await load_all(bench, engine, ["base"])
        write(bench, "base", "2.0")
        gate = Gate()
        bench.faults.at("base", "start", blocks=gate, version="2.0")
        reload = asyncio.create_task(engine.reload("base"))
        await gate.reached()
        await load_all(bench, engine, ["user"])
        gate.open()
        outcome = await reload
        assert isinstance(outcome, Swapped)
        assert [each.plugin for each in outcome.cascade] == ["user"]
        assert await engine.use("user") == ("user", "1.0", ("base", "2.0"))


async def test_neighbours_that_never_rest_are_given_up_on(bench: Bench) -> None:
    write(bench, "base")
    write(bench, "user", needs=["base"])
    async with Engine() as engine:
        await load_all(bench, engine, ["base"])

        async def meddle() -> None:
            await engine.reload("base", force=True)

        bench.things["meddle"] = lambda: engine_task(engine)
        bench.plugins.write(
            "restless",
            "import base\nfrom bench_probe import bench\nclass P:\n    version = '1'\n"
            "    dependencies = ['base']\n    def handle(self, r): return 1\n"
            "    async def start(self): await bench.things['meddle']()\n",
        )

        def engine_task(engine: Engine) -> asyncio.Task[Any]:
            import contextvars

            return asyncio.get_running_loop().create_task(meddle(), context=contextvars.Context())

        outcome = await engine.load(bench.plugins.path("restless"))
        assert isinstance(outcome, Refused)
        assert outcome.reason is RefusalReason.RESTLESS
        assert "ask again when they are at rest" in outcome.explanation
        assert engine.names == ("base",)


@pytest.mark.parametrize("policy", ["blue-green", "stop-first"])
async def test_k8_a_cascade_cancelled_at_every_step(bench: Bench, policy: str) -> None:
    """HR-RACE-01: all old or all new, nothing held, and the next operation works."""
    in_time, steps, committed = True, 0, 0
    while in_time:
        steps += 1
        write(bench, "base", policy=policy)
        write(bench, "user", needs=["base"])
        bench.live.clear()
        async with Engine() as engine:
            await load_all(bench, engine, ["base", "user"])
            await engine.call(None)
            write(bench, "base", "2.0", policy=policy)
            in_time, _ = await Stepper(steps).run(engine.reload("base"))
            name, version, (_, seen) = await engine.use("user")
            assert (name, version) == ("user", "1.0")
            assert (await engine.use("base"))[1] == seen
            committed += seen == "2.0" and in_time
            assert engine.plugin("user").count == 2
            for plugin, number in bench.live:
                hooks = bench.hooks(plugin, number)
                serves = engine.plugin(plugin).number == number
                stopped = 0 if serves or "setup" not in hooks else 1
                assert hooks.count("stop") == stopped, (steps, plugin, number, hooks)
            assert engine.lingering() == ()
            write(bench, "base", "3.0", policy=policy)
            outcome = await engine.reload("base")
            assert isinstance(outcome, Swapped), (steps, outcome.describe())
        bench.recorder = type(bench.recorder)()
    assert steps > 20
    assert committed  # cancelled while it retired the old ones, too


async def test_f11_who_needs_a_stop_first_plugin_stops_before_it(bench: Bench) -> None:
    write_all(bench)
    write(bench, "left", needs=["base"], policy="stop-first")
    async with Engine() as engine:
        await load_all(bench, engine)
        write(bench, "left", "2.0", needs=["base"], policy="stop-first")
        since = len(bench.recorder.order)
        assert isinstance(await engine.reload("left"), Swapped)
        order = entered(bench, since, "start", "stop")
        assert order == [("top", "stop"), ("left", "stop"), ("left", "start"), ("top", "start")]
        assert await engine.use("top") == (
            *("top", "1.0", ("left", "2.0", ("base", "1.0"))),
            ("right", "1.0", ("base", "1.0")),
        )
        assert engine.lingering() == ()


@pytest.mark.parametrize("culprit", ["left", "top"])
@pytest.mark.parametrize("point", ["setup", "start", "set_reload_state", "on_reload"])
async def test_f11_a_stop_first_cascade_comes_back_whole(
    bench: Bench, culprit: str, point: str
) -> None:
    write_all(bench)
    write(bench, "left", needs=["base"], policy="stop-first")
    async with Engine() as engine:
        await load_all(bench, engine)
        await engine.call(None)
        write(bench, "left", "2.0", needs=["base"], policy="stop-first")
        bench.faults.at(culprit, point, raises=ValueError("no"))
        outcome = await engine.reload("left")
        assert isinstance(outcome, RolledBack), outcome.describe()
        assert await engine.use("top") == tree()
        assert engine.plugin("top").count == 2
        assert engine.lingering() == ()
        assert isinstance(await engine.reload("left"), Swapped)


async def test_f11_a_stop_first_cascade_that_cannot_come_back_has_failed(bench: Bench) -> None:
    write(bench, "base", policy="stop-first")
    write(bench, "user", needs=["base"])
    async with Engine() as engine:
        await load_all(bench, engine, ["base", "user"])
        await engine.call(None)
        write(bench, "base", "2.0", policy="stop-first")
        bench.faults.at("base", "start", raises=ValueError("no"), times=2)
        outcome = await engine.reload("base")
        assert isinstance(outcome, Failed)
        (user,) = outcome.cascade
        assert isinstance(user, Failed)
        assert "plugin 'user' needs 'base', which is not loaded" in user.rollback_failure.cause
        assert engine.status("base").failed
        assert engine.status("user").failed
        assert isinstance(await engine.reload("base"), Loaded)
        assert isinstance(await engine.reload("user"), Loaded)
        assert await engine.use("user") == ("user", "1.0", ("base", "2.0"))
        assert engine.plugin("user").count == 2  # its state was kept for it
        assert engine.lingering() == ()


async def test_f32_what_others_need_is_unloaded_with_them_or_not_at_all(bench: Bench) -> None:
    """HR-GUARD-04."""
    write_all(bench)
    async with Engine() as engine:
        await load_all(bench, engine)
        refused = await engine.unload("base")
        assert isinstance(refused, Refused)
        assert refused.reason is RefusalReason.HAS_DEPENDENTS
        since = len(bench.recorder.order)
        outcome = await engine.unload("base", cascade=True)
        assert isinstance(outcome, Unloaded)
        assert [each.plugin for each in outcome.cascade] == ["left", "right", "top"]
        assert engine.names == ("lone",)
        stops = [name for name, _ in entered(bench, since, "stop")]
        assert stops == ["top", "left", "right", "base"]
        assert engine.lingering() == ()


async def test_f32_a_cascade_does_not_take_the_last_sink(bench: Bench) -> None:
    write(bench, "base")
    write(bench, "user", needs=["base"], sink="sync")
    async with Engine() as engine:
        await load_all(bench, engine, ["base", "user"])
        refused = await engine.unload("base", cascade=True)
        assert isinstance(refused, Refused)
        assert refused.reason is RefusalReason.LAST_SINK
        # Nor do two that are no sinks any more, each of which was not the last.
        write(bench, "other", needs=["base"], sink="sync")
        await load_all(bench, engine, ["other"])
        for name in ("user", "other"):
            write(bench, name, "2.0", needs=["base"])
        write(bench, "base", "2.0")
        outcome = await engine.reload("base")
        assert isinstance(outcome, Swapped)  # followers are made of the bytes that run
        outcomes = await engine.reload_many(["base", "user", "other"], force=True)
        assert all(isinstance(each, RolledBack) for each in outcomes.values())


async def test_the_engine_closes_dependents_first(bench: Bench) -> None:
    write(bench, "a")
    write(bench, "b")
    async with Engine() as engine:
        await load_all(bench, engine, ["a", "b"])
        write(bench, "a", "2.0", needs=["b"])
        await engine.reload("a")
        since = len(bench.recorder.order)
    assert entered(bench, since, "stop") == [("a", "stop"), ("b", "stop")]


async def test_f51_a_new_configuration_reaches_those_it_is_for(bench: Bench) -> None:
    """HR-CONF-01, 05, 06."""
    write_all(bench)
    async with Engine() as engine:
        await load_all(bench, engine)
        write(bench, "left", "2.0", needs=["base"])  # an edit that nobody asked for
        config = {"depth": [1]}
        outcomes = await engine.reconfigure({"left": config, "lone": config})
        config["depth"].append(2)
        assert all(isinstance(each, Swapped) for each in outcomes.values())
        assert [each.plugin for each in outcomes["left"].cascade] == ["top"]
        assert engine.plugin("left").context.config == {"depth": [1]}
        assert await engine.use("left") == ("left", "1.0", ("base", "1.0"))
        same = await engine.reconfigure({"left": {"depth": [1]}})
        assert isinstance(same["left"], Unchanged)
        assert isinstance(await engine.reload("left"), Swapped)
        assert engine.plugin("left").context.config == {"depth": [1]}
        gone = await engine.reconfigure({"nobody": {}})
        assert isinstance(gone["nobody"], Refused)


async def test_f51_a_new_configuration_comes_with_new_code_where_it_is_reread(
    bench: Bench,
) -> None:
    write_all(bench)
    async with Engine() as engine:
        await load_all(bench, engine)
        write(bench, "left", "2.0", needs=["base"])
        write(bench, "lone", "2.0")
        outcomes = await engine.reconfigure({"left": {"n": 1}, "lone": {"n": 1}}, reread=["left"])
        assert all(isinstance(each, Swapped) for each in outcomes.values())
        assert await engine.use("left") == ("left", "2.0", ("base", "1.0"))
        assert engine.status("lone").running.version == "1.0"  # type: ignore[union-attr]
        same = await engine.reconfigure({"left": {"n": 1}}, reread=["left"])
        assert isinstance(same["left"], Unchanged)
        other = await engine.reconfigure({"left": {"n": 2}}, reread=["left"])
        assert isinstance(other["left"], Swapped)
        assert engine.plugin("left").context.config == {"n": 2}
        with pytest.raises(EngineMisuse, match="reread names 'base', which configs has nothing"):
            await engine.reconfigure({"left": {}}, reread=["base"])


async def test_f51_an_empty_configuration_is_one_for_a_plugin_that_failed_too(
    bench: Bench,
) -> None:
    write(bench, "base", policy="stop-first")
    async with Engine() as engine:
        await engine.load(bench.plugins.path("base"), config={"n": 1})
        write(bench, "base", "2.0", policy="stop-first")
        bench.faults.at("base", "start", raises=ValueError("no"), times=2)
        assert isinstance(await engine.reload("base"), Failed)
        outcomes = await engine.reconfigure({"base": {}})
        assert isinstance(outcomes["base"], Loaded)
        assert engine.plugin("base").context.config == {}


async def test_f51_one_that_refuses_its_configuration_keeps_all_as_they_were(
    bench: Bench,
) -> None:
    """HR-CONF-03: they have nothing to do with each other but the one change of config."""
    write_all(bench)
    async with Engine() as engine:
        await load_all(bench, engine)
        bench.faults.at("lone", "construct", raises=ValueError("depth must be positive"))
        outcomes = await engine.reconfigure({"left": {"n": 1}, "lone": {"n": 1}})
        assert all(isinstance(each, RolledBack) for each in outcomes.values())
        assert engine.plugin("left").context.config == {}
        assert engine.plugin("lone").context.config == {}


async def test_f19_the_whole_reload_has_a_deadline(bench: Bench) -> None:
    bench.plugin()
    settings = Settings(hook_deadline_seconds=10, reload_deadline_seconds=15)
    async with Engine(clock=bench.clock, settings=settings) as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0")
        gates = [Gate(), Gate()]
        bench.faults.at("counter", "start", blocks=gates[0], version="2.0")
        bench.faults.at("counter", "health_check", blocks=gates[1], version="2.0")
        reload = asyncio.create_task(engine.reload("counter"))
        await gates[0].reached()
        bench.clock.advance(9)
        gates[0].open()
        await gates[1].reached()
        bench.clock.advance(7)
        outcome = await reload
        assert isinstance(outcome, RolledBack)
        assert "still running at its deadline of 6 s" in outcome.failure.cause
        assert await engine.call(None) == ["1.0"]


async def test_f19_a_hook_is_not_begun_when_the_time_of_the_reload_is_over(bench: Bench) -> None:
    bench.plugin(asynchronous=False)
    settings = Settings(reload_deadline_seconds=15)
    async with Engine(clock=bench.clock, settings=settings) as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.things["advance"] = lambda: bench.clock.advance(16)
        bench.plugin(
            version="2.0",
            asynchronous=False,
            hooks=("start", "stop"),
            extra="\n    def setup(self):\n        bench.things['advance']()\n",
        )
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert "the whole reload was still under way after 15 s" in outcome.failure.cause
        assert bench.hooks("counter", 2) == ("construct", "stop")


async def test_a_follower_s_own_broken_file_is_not_forgotten(bench: Bench) -> None:
    write(bench, "base")
    write(bench, "user", needs=["base"])
    async with Engine() as engine:
        await load_all(bench, engine, ["base", "user"])
        bench.plugins.write("user", "def broken(:\n")
        await engine.reload("user")
        write(bench, "base", "2.0")
        assert isinstance(await engine.reload("base"), Swapped)
        assert "SyntaxError" in (engine.status("user").error or "")


async def test_a_missing_dependency_that_is_imported_is_named_as_one(bench: Bench) -> None:
    """HR-DEPS-09: not as a distribution that somebody should install."""
    write(bench, "user", needs=["nowhere"])
    async with Engine() as engine:
        outcome = await engine.load(bench.plugins.path("user"))
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.METADATA
        assert "plugin 'user' needs 'nowhere', which is not loaded" in outcome.failure.cause
        assert "pip" not in str(outcome.failure)


async def test_f51_true_for_one_is_a_change(bench: Bench) -> None:
    write(bench, "base")
    async with Engine() as engine:
        await engine.load(bench.plugins.path("base"), config={"on": 1})
        outcomes = await engine.reconfigure({"base": {"on": True}})
        assert isinstance(outcomes["base"], Swapped)
        assert engine.plugin("base").context.config["on"] is True


async def test_f16_what_was_not_read_since_another_could_not_be_is_rolled_back_too(
    bench: Bench,
) -> None:
    """Not told as unchanged: its edit does not serve."""
    write(bench, "base")
    write(bench, "user", needs=["base"])
    async with Engine() as engine:
        await load_all(bench, engine, ["base", "user"])
        bench.plugins.path("base").unlink()
        write(bench, "user", "2.0", needs=["base"])
        outcomes = await engine.reload_many(["base", "user"])
        assert all(isinstance(each, RolledBack) for each in outcomes.values()), outcomes
        assert isinstance(outcomes["user"], RolledBack)
        assert outcomes["user"].failure.plugin == "base"
        assert await engine.use("user") == ("user", "1.0", ("base", "1.0"))


async def test_f11_a_cascade_stops_first_only_what_has_to_be(bench: Bench) -> None:
    """The others serve on until the commit, and whatever fails before it."""
    write_all(bench)
    write(bench, "left", needs=["base"], policy="stop-first")
    async with Engine() as engine:
        await load_all(bench, engine)
        await engine.call(None)
        kept = {name: engine.plugin(name) for name in ("base", "right")}
        write(bench, "base", "2.0")
        bench.faults.at("base", "start", raises=ValueError("no"), version="2.0")
        since = len(bench.recorder.order)
        assert isinstance(await engine.reload("base"), RolledBack)
        stops = entered(bench, since, "stop")
        assert stops[:2] == [("top", "stop"), ("left", "stop")]
        assert ("right", "stop") not in stops
        assert {name: engine.plugin(name) for name in kept} == kept
        kept.clear()
        assert await engine.use("top") == tree()
        assert engine.plugin("left").count == 1
        since = len(bench.recorder.order)
        assert isinstance(await engine.reload("base"), Swapped)
        assert entered(bench, since, "start", "stop") == [
            ("top", "stop"),
            ("left", "stop"),
            *((name, "start") for name in ("base", "left", "right", "top")),
            ("right", "stop"),
            ("base", "stop"),
        ]
        assert await engine.use("top") == tree("2.0")
        assert engine.lingering() == ()


BROKEN = "def start(self): raise ValueError"


async def test_w20_o6_what_a_dependency_was_to_blame_for_is_forgotten_when_that_is_mended(
    bench: Bench,
) -> None:
    write(bench, "base")
    write(bench, "user", needs=["base"])
    base = bench.plugins.path("base")
    async with Engine() as engine:
        await load_all(bench, engine, ("base", "user"))
        for asked in (["base"], ["base", "user"]):
            for text in ("def (", f"class Base:\n    version = '2.0'\n    {BROKEN}\n"):
                good = base.read_text()
                base.write_text(text)
                assert not (await engine.reload_many(asked))["base"].success
                told = engine.status("user").error
                assert told is not None
                assert "rolled back" in told
                base.write_text(good + "\n")
                assert (await engine.reload("base")).success
                assert engine.status("user").error is None


async def test_w20_o6_an_error_in_its_own_file_is_one_until_that_is_mended(bench: Bench) -> None:
    write(bench, "base")
    write(bench, "user", needs=["base"])
    path = bench.plugins.path("user")
    async with Engine() as engine:
        await load_all(bench, engine, ("base", "user"))
        good = path.read_text()
        path.write_text("def (")
        assert not (await engine.reload("user")).success
        own = engine.status("user").error
        base = bench.plugins.path("base")
        text = base.read_text()
        base.write_text("def (")
        assert not (await engine.reload("base")).success
        assert engine.status("user").error == own
        base.write_text(text + "\n")
        assert (await engine.reload("base")).success
        assert engine.status("user").error == own
        path.write_text(good)
        assert (await engine.reload("user")).success
        assert engine.status("user").error is None


async def test_k7_an_engine_closes_with_a_dependent_that_failed(bench: Bench) -> None:
    write(bench, "base", policy="stop-first")
    write(bench, "user", needs=["base"])
    engine = Engine()
    async with engine:
        await load_all(bench, engine, ("base", "user"))
        bench.faults.at("base", "start", raises=ValueError("the new one"))
        bench.faults.at("user", "start", raises=ValueError("the old one again"), times=None)
        write(bench, "base", "2.0", policy="stop-first")
        await engine.reload("base")
        assert engine.status("user").failed
        assert not engine.status("base").failed
        outcome = await engine.unload("base")
        assert isinstance(outcome, Refused)
    with pytest.raises(EngineMisuse, match="closed"):
        _ = engine.counts
    await engine.close()
