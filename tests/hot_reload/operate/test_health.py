"""Health tells the truth: while a reload runs, after it, whatever came of it, and at the end."""

from __future__ import annotations

import asyncio
import json

from hot_reload import AuditLog, Engine, Health, Settings, Watcher
from hot_reload.operate.attempt import Verdict
from hot_reload.operate.health import ABSENT_KEPT, HealthReport, HealthState
from hot_reload.outcome import Operation, Refused, RolledBack, Swapped
from hot_reload.outcome import Stage as StageOf

from .conftest import Stage


def only(report: HealthReport) -> tuple[str, Verdict]:
    (plugin,) = report.plugins
    assert plugin.last is not None
    return plugin.last.result, plugin.last.verdict


async def test_f60_hr_obs_01_it_says_what_runs_while_it_runs(stage: Stage, engine: Engine) -> None:
    health = Health(engine, wall_clock=stage.wall_clock)
    await engine.load(stage.plugin())
    assert not health.report().reloading
    gate = stage.gate("counter", "2.0")
    stage.plugin(version="2.0")
    reload = asyncio.create_task(engine.reload("counter"))
    await gate.reached()
    report = health.report()
    (running,) = report.in_progress
    assert (running.plugin, running.operation) == ("counter", Operation.RELOAD)
    assert running.stage is StageOf.START
    assert running.since < report.at
    (plugin,) = report.plugins
    assert plugin.running is not None
    assert plugin.running.version == "1.0"  # the old one serves meanwhile
    gate.open()
    assert isinstance(await reload, Swapped)
    report = health.report()
    assert not report.reloading
    assert report.state is HealthState.OK
    assert only(report) == ("swapped", Verdict.SUCCESS)


async def test_f60_hr_obs_01_not_after_failure_nor_cancellation(
    stage: Stage, engine: Engine
) -> None:
    health = Health(engine)
    await engine.load(stage.plugin())
    stage.broken()
    outcome = await engine.reload("counter")
    assert isinstance(outcome, RolledBack)
    report = health.report()
    assert not report.reloading
    assert only(report) == ("rolledback", Verdict.FAILURE)
    assert report.state is HealthState.DEGRADED
    (reason,) = report.reasons
    assert outcome.describe() in reason
    stage.plugin(version="3.0")
    await stage.cancelled(stage.gate("counter", "3.0"), engine.reload("counter"))
    report = health.report()
    assert not report.reloading
    assert only(report) == ("cancelled", Verdict.CANCELLED)
    assert report.plugins[0].last is not None
    assert "still runs" in str(report.plugins[0].last.error)
    stage.gate("counter", "3.0").open()
    assert (await engine.reload("counter")).success
    assert health.report().state is HealthState.OK
    assert health.report().reasons == ()


async def test_f60_hr_obs_06_what_runs_by_version_and_hash(stage: Stage, engine: Engine) -> None:
    health = Health(engine)
    loaded = await engine.load(stage.plugin())
    refused = await engine.load(stage.plugins.path("counter"))
    assert isinstance(refused, Refused)
    await engine.disable("counter")
    (plugin,) = health.report().plugins
    assert plugin.running == loaded.new
    assert (plugin.enabled, plugin.failed, plugin.error) == (False, False, None)
    assert plugin.last is not None
    assert plugin.last.operation is Operation.DISABLE
    told = health.report().as_dict()
    assert json.loads(json.dumps(told)) == told
    assert loaded.new is not None
    assert told["plugins"][0]["running"]["sha256"] == loaded.new.sha256
    assert told["state"] == "ok"
    assert told["reloading"] is False


async def test_f60_a_refusal_is_the_last_result_and_degrades_nothing(
    stage: Stage, engine: Engine
) -> None:
    health = Health(engine)
    await engine.load(stage.plugin("sink", roles=("sink",)))
    await engine.unload("sink")
    report = health.report()
    assert only(report) == ("refused", Verdict.REFUSED)
    assert report.state is HealthState.OK
    await engine.reload("nobody")
    assert health.report().absent == {}


async def test_f60_a_load_that_failed_is_missed_until_it_is_there(
    stage: Stage, engine: Engine
) -> None:
    health = Health(engine)
    path = stage.broken("ctr")
    await engine.load(path)
    report = health.report()
    assert list(report.absent) == ["ctr"]
    assert report.state is HealthState.DEGRADED
    # The file's name is all that is known of it until it says what it is called.
    stage.plugins.write("ctr", "class C:\n    name, version = 'counter', '1'\n")
    assert (await engine.load(path)).success
    report = health.report()
    assert report.absent == {}
    assert report.state is HealthState.OK
    other = stage.broken("other")
    await engine.load(other)
    health.dismiss("other")
    assert health.report().state is HealthState.OK


async def test_f60_what_it_remembers_is_bounded(stage: Stage, engine: Engine) -> None:
    health = Health(engine)
    path = stage.broken("bad")
    for number in range(ABSENT_KEPT + 5):
        await engine.load(path, name=f"bad{number}")
    absent = list(health.report().absent)
    assert len(absent) == ABSENT_KEPT
    assert absent[-1] == f"bad{ABSENT_KEPT + 4}"


async def test_f60_an_unloaded_plugin_leaves_nothing_behind(stage: Stage, engine: Engine) -> None:
    health = Health(engine)
    await engine.load(stage.plugin())
    await engine.unload("counter")
    report = health.report()
    assert (report.plugins, report.absent) == ((), {})


async def test_f60_the_watch_and_the_audit_are_part_of_it(stage: Stage, engine: Engine) -> None:
    watcher = Watcher(engine, [stage.plugins.root, stage.plugins.root / "gone"])
    audit = AuditLog(engine, stage.plugins.root / "audit.jsonl")
    health = Health(engine, watchers=[watcher], audit=audit)
    report = health.report()
    assert report.state is HealthState.DEGRADED
    assert report.reasons[0] == "watch: not started"
    assert "is not there" in report.reasons[1]
    assert report.audit is not None
    assert report.audit.error is None
    assert report.as_dict()["watchers"][0]["running"] is False


async def test_f60_hr_obs_01_after_close_it_says_closed(stage: Stage) -> None:
    async with Engine() as engine:
        health = Health(engine)
        await engine.load(stage.plugin())
        stage.broken("bad")
        await engine.load(stage.plugins.path("bad"))
        await engine.close()
        report = health.report()
    assert report.state is HealthState.CLOSED
    assert (report.plugins, report.in_progress, report.reasons) == ((), (), ())
    assert json.dumps(report.as_dict())


async def test_f60_made_during_a_reload_it_sees_that_one_from_its_next_stage(
    stage: Stage, engine: Engine
) -> None:
    await engine.load(stage.plugin())
    gate = stage.gate("counter", "2.0")
    stage.plugin(version="2.0", extra="    def health_check(self): return True\n")
    reload = asyncio.create_task(engine.reload("counter"))
    await gate.reached()
    health = Health(engine)
    seen: list[HealthReport] = []
    engine.listen(lambda _: seen.append(health.report()))
    gate.open()
    await reload
    assert [each.operation for each in seen[0].in_progress] == [None]
    assert not health.report().reloading
    assert only(health.report()) == ("swapped", Verdict.SUCCESS)


async def test_f60_closed_it_hears_nothing_more(stage: Stage, engine: Engine) -> None:
    health = Health(engine)
    health.close()
    health.close()
    await engine.load(stage.plugin())
    assert health.report().plugins[0].last is None


async def test_f60_it_says_that_no_event_passes_without_a_required_redactor(stage: Stage) -> None:
    async with Engine(settings=Settings(required_redactors=("counter", "mask"))) as engine:
        health = Health(engine)
        await engine.load(stage.plugin())  # of this name, and no redactor
        found = health.report()
        assert found.state is HealthState.DEGRADED
        assert [each.split("'")[1] for each in found.reasons] == ["counter", "mask"]
        source = "class Mask:\n    version = '1'\n    def redact(self, event): return event\n"
        await engine.load(stage.plugins.write("mask", source))
        (reason,) = health.report().reasons
        assert "no event passes: the required redactor 'counter'" in reason
        await engine.disable("mask")
        assert len(health.report().reasons) == 2
