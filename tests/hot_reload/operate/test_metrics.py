"""Metrics: Prometheus reads them, they conserve, they never go down, and they are bounded."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterable

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from hot_reload import Engine, Health, Metrics, Watcher
from hot_reload.events import OperationEnded
from hot_reload_fixtures import PluginDirectory

from .conftest import Stage

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(metrics: Metrics) -> Series:
    """Every sample, as Prometheus' own parser reads it."""
    return {
        (sample.name.removeprefix("hot_reload_"), tuple(sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(metrics.render())
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float:
    return series[name, tuple(sorted(labels.items()))]


def total(series: Series, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(v for (n, found), v in series.items() if n == name and wanted <= set(found))


def plugins_named(series: Iterable[tuple[str, tuple[tuple[str, str], ...]]]) -> set[str]:
    return {label for _, labels in series for key, label in labels if key == "plugin"}


async def test_f60_hr_obs_02_every_kind_of_end_is_counted_and_timed(
    stage: Stage, engine: Engine
) -> None:
    metrics = Metrics(engine)
    await engine.load(stage.plugin("sink", roles=("sink",)))
    await engine.load(stage.plugin())
    stage.broken()
    await engine.reload("counter")
    stage.plugin(version="2.0")
    await engine.reload("counter")
    await engine.unload("sink")
    stage.plugin(version="3.0")
    await stage.cancelled(stage.gate("counter", "3.0"), engine.reload("counter"))
    series = read(metrics)
    for operation, result, count in (
        ("load", "success", 2),
        ("reload", "success", 1),
        ("reload", "failure", 1),
        ("reload", "cancelled", 1),
        ("unload", "refused", 1),
        ("reload", "refused", 0),
    ):
        labels = {"operation": operation, "result": result}
        assert value(series, "results_total", **labels) == count, labels
        assert total(series, "duration_seconds_count", **labels) == count, labels
    assert value(series, "attempts_total", operation="reload") == 3
    assert total(series, "attempts_total") == total(series, "results_total") == 6
    assert total(series, "in_progress") == 0
    assert value(series, "stage_failures_total", stage="syntax") == 1
    assert total(series, "stage_failures_total") == 1
    assert value(series, "plugin_results_total", plugin="counter", result="failure") == 1
    assert value(series, "plugin_results_total", plugin="sink", result="refused") == 1


async def test_f60_a_reload_that_runs_is_in_progress(stage: Stage, engine: Engine) -> None:
    metrics = Metrics(engine)
    await engine.load(stage.plugin())
    gate = stage.gate("counter", "2.0")
    stage.plugin(version="2.0")
    reload = asyncio.create_task(engine.reload("counter"))
    await gate.reached()
    late = Metrics(engine)  # it has not heard how the reload began
    series = read(metrics)
    assert value(series, "in_progress", operation="reload") == 1
    assert value(series, "attempts_total", operation="reload") == 1
    assert total(series, "results_total", operation="reload") == 0
    gate.open()
    await reload
    for each in (metrics, late):
        series = read(each)
        assert value(series, "in_progress", operation="reload") == 0
        assert value(series, "attempts_total", operation="reload") == 1
        assert total(series, "results_total", operation="reload") == 1


async def test_f60_events_are_those_of_the_engine_s_counts(stage: Stage, engine: Engine) -> None:
    metrics = Metrics(engine)
    await engine.load(stage.plugin("sink", roles=("sink",)))
    stage.plugins.write(
        "sieve",
        "class Sieve:\n    version = '1'\n    def filter(self, event): return event != 'hide'\n",
    )
    await engine.load(stage.plugins.path("sieve"))
    for event in ("a", "hide", "break", "b"):
        assert engine.emit(event)
    series = read(metrics)
    assert value(series, "events_accepted_total") == 4
    assert value(series, "events_filtered_total") == 1
    assert value(series, "events_dropped_total") == 1
    assert value(series, "event_errors_total") == 1
    assert value(series, "plugin_events_filtered_total", plugin="sieve") == 1
    assert value(series, "plugin_events_dropped_total", plugin="sink") == 1
    assert value(series, "plugin_event_errors_total", plugin="sink") == 1
    assert value(series, "plugin_event_errors_total", plugin="sieve") == 0


async def test_f60_what_runs_and_how_many_generations(stage: Stage, engine: Engine) -> None:
    metrics = Metrics(engine)
    loaded = await engine.load(stage.plugin())
    assert loaded.new is not None
    running = {"version": "1.0", "sha256": loaded.new.sha256, "generation": "1"}
    series = read(metrics)
    assert value(series, "plugin_info", plugin="counter", **running) == 1
    assert value(series, "generations_serving") == 1
    assert value(series, "generations_lingering") == 0
    held = engine.plugin("counter")
    stage.plugin(version="2.0")
    await engine.reload("counter")
    engine.lingering()  # a full collection
    series = read(metrics)
    ((_, labels),) = [each for each in series if each[0] == "plugin_info"]
    assert ("generation", "2") in labels
    assert value(series, "generations_serving") == 1
    assert value(series, "generations_lingering") == 1
    assert held is not None
    del held
    engine.lingering()
    assert value(read(metrics), "generations_lingering") == 0


async def test_f60_a_disabled_and_a_failing_plugin_are_seen(stage: Stage, engine: Engine) -> None:
    metrics = Metrics(engine)
    await engine.load(stage.plugin())
    await engine.disable("counter")
    stage.broken()
    await engine.reload("counter")
    series = read(metrics)
    assert value(series, "plugin_enabled", plugin="counter") == 0
    assert value(series, "plugin_error", plugin="counter") == 1
    assert value(series, "plugin_failed", plugin="counter") == 0


async def test_f60_series_of_an_unloaded_plugin_go_and_totals_stay(
    stage: Stage, engine: Engine
) -> None:
    metrics = Metrics(engine)
    await engine.load(stage.plugin("other"))
    before = read(metrics)
    for _ in range(3):
        await engine.load(stage.plugin())
        during = read(metrics)
        assert plugins_named(during) == {"counter", "other"}
        # It begins anew: nothing is kept of a plugin that is gone.
        assert value(during, "plugin_results_total", plugin="counter", result="success") == 1
        await engine.unload("counter")
        after = read(metrics)
        assert plugins_named(after) == {"other"}
        for name in ("attempts_total", "results_total", "duration_seconds_count"):
            assert total(after, name) == total(before, name) + 2
        before = after


async def test_f60_names_that_nobody_has_make_no_series(stage: Stage, engine: Engine) -> None:
    metrics = Metrics(engine)
    path = stage.broken("bad")
    await engine.load(path, name="bad0")
    await engine.reload("nobody")
    few = len(read(metrics))
    for number in range(50):
        await engine.load(path, name=f"bad{number}")
        await engine.reload(f"nobody{number}")
    assert len(read(metrics)) == few
    assert plugins_named(read(metrics)) == set()
    assert total(read(metrics), "results_total", result="refused") == 51
    stage.plugins.write("bad", "class Bad:\n    version = '1'\n")
    await engine.load(path, name="bad7")
    assert value(read(metrics), "plugin_results_total", plugin="bad7", result="failure") == 0


async def test_f60_two_engines_beside_each_other_and_none_in_the_default_registry(
    stage: Stage, engine: Engine
) -> None:
    first = Metrics(engine)
    async with Engine() as other:
        second = Metrics(other)
        again = Metrics(engine)
        await other.load(stage.plugin())
        assert total(read(second), "attempts_total") == 1
        assert total(read(first), "attempts_total") == 0
        again.close()
    default = {each.name for each in REGISTRY.collect()}
    assert not [name for name in default if name.startswith("hot_reload")]


async def test_f60_after_close_of_the_engine_the_totals_are_there(stage: Stage) -> None:
    async with Engine() as engine:
        metrics = Metrics(engine)
        await engine.load(stage.plugin("sink", roles=("sink",)))
        engine.emit("a")
    series = read(metrics)
    assert value(series, "results_total", operation="unload", result="success") == 1
    assert value(series, "events_accepted_total") == 1
    assert plugins_named(series) == set()
    assert value(series, "generations_serving") == 0


async def test_f60_closed_they_count_no_more(stage: Stage, engine: Engine) -> None:
    metrics = Metrics(engine)
    metrics.close()
    metrics.close()
    await engine.load(stage.plugin())
    assert total(read(metrics), "attempts_total") == 0


async def test_f60_a_deferred_reload_is_one_attempt_of_its_own(
    stage: Stage, engine: Engine
) -> None:
    metrics = Metrics(engine)
    await engine.load(stage.plugin("other"))
    extra = "    async def on_reload(self): await self.context.engine.reload('other', force=True)\n"
    extra += "    def __init__(self, context): self.context = context\n"
    await engine.load(stage.plugin(extra=extra))
    followed = asyncio.Event()
    engine.listen(
        lambda event: (
            followed.set()
            if isinstance(event, OperationEnded) and event.plugin == "other"
            else None
        )
    )
    stage.plugin(version="2.0", extra=extra)
    assert (await engine.reload("counter")).success
    await followed.wait()
    series = read(metrics)
    assert value(series, "attempts_total", operation="reload") == 2
    assert value(series, "results_total", operation="reload", result="success") == 2
    assert value(series, "results_total", operation="reload", result="deferred") == 0


async def test_f60_watchers_by_number(stage: Stage, engine: Engine) -> None:
    watchers = [Watcher(engine, [stage.plugins.root]), Watcher(engine, [stage.plugins.root / "x"])]
    series = read(Metrics(engine, watchers=watchers))
    assert value(series, "watcher_restarts_total", watcher="0") == 0
    assert value(series, "watcher_running", watcher="1") == 0
    assert value(series, "watcher_degraded", watcher="1") == 1
    assert value(series, "watcher_errors", watcher="0") == 0
    assert value(series, "watcher_errors", watcher="1") == 1


async def test_f60_a_plugin_s_version_cannot_break_the_text(stage: Stage, engine: Engine) -> None:
    metrics = Metrics(engine)
    await engine.load(stage.plugin(version="1.0+a.b"))
    assert [k for k in read(metrics) if ("version", "1.0+a.b") in k[1]]


WITHOUT = """
import sys
sys.modules["prometheus_client"] = None
import hot_reload
assert hot_reload.Health
try:
    hot_reload.Metrics
except ModuleNotFoundError as error:
    print(error)
"""


@pytest.mark.parametrize("module", ["hot_reload.Metrics"])
def test_f60_without_the_extra_one_is_told_what_to_install(module: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60, check=True
    )
    assert module in ended.stdout
    assert "pip install 'pytest-hot-reload[metrics]'" in ended.stdout


async def test_f60_another_thread_may_ask_while_plugins_come_and_go(
    hot_reload_dir: PluginDirectory,
) -> None:
    """A server of metrics has threads: what it read the name of may be gone by then."""

    class Moving(Engine):
        @property
        def names(self) -> tuple[str, ...]:
            return ("gone", *super().names, "gone_too")

    async with Moving() as engine:
        metrics, health = Metrics(engine), Health(engine)
        source = "class P:\n    version = '1'\n    def handle(self, r): return r\n"
        (await engine.load(hot_reload_dir.write("stays", source))).unwrap()
        text = await asyncio.to_thread(metrics.render)
        assert 'hot_reload_plugin_enabled{plugin="stays"} 1.0' in text
        assert "hot_reload_generations_serving 1.0" in text
        report = await asyncio.to_thread(health.report)
        assert [each.name for each in report.plugins] == ["stays"]
