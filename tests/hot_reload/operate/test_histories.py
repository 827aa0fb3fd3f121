"""Whatever is done with an engine: health, metrics, audit and events tell the same, and all of it.

Histories of good, broken, refused, forced and cancelled operations on a real engine, against
a model that is a list of verdicts.
"""

from __future__ import annotations

import asyncio
import gc
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hot_reload import AuditLog, Engine, Health, Metrics, acting_as
from hot_reload.events import LifecycleEvent, OperationEnded, OperationStarted, StageEntered
from hot_reload.operate.attempt import Verdict, verdict_of
from hot_reload.operate.health import HealthState
from hot_reload.outcome import Outcome

from .conftest import Stage, stage_in
from .test_metrics import read, total, value

NAMES = ("one", "two")
KINDS = (
    *("good", "same", "forced", "broken", "raising", "cancelled", "unknown", "again"),
    *("toggled", "last sink", "anew", "together"),
)
histories = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(NAMES)), max_size=12)


class Theatre:
    """An engine with all that operates it, and the model: the verdicts that must be told."""

    def __init__(self, stage: Stage, engine: Engine, folder: Path) -> None:
        self.stage = stage
        self.engine = engine
        self.path = folder / "audit.jsonl"
        self.health = Health(engine)
        self.audit = AuditLog(engine, self.path)
        self.metrics = Metrics(engine, audit=self.audit)
        self.events: list[LifecycleEvent] = []
        self.expected: list[Verdict] = []
        self.versions = 0
        self.closed = False
        engine.listen(self.events.append)

    async def act(self, kind: str, name: str) -> None:
        engine, stage = self.engine, self.stage
        if kind == "good":
            self.edit(name)
            await self.told(name, Verdict.SUCCESS, await engine.reload(name))
        elif kind in ("same", "forced"):
            outcome = await engine.reload(name, force=kind == "forced")
            # What lies on disk may be what a failed reload has left there.
            await self.told(name, verdict_of(outcome), outcome)
        elif kind == "broken":
            stage.broken(name)
            await self.told(name, Verdict.FAILURE, await engine.reload(name))
        elif kind == "raising":
            self.edit(name)
            stage.raises[name, self.version] = SystemExit("no")
            await self.told(name, Verdict.FAILURE, await engine.reload(name))
        elif kind == "cancelled":
            self.edit(name)
            await stage.cancelled(stage.gate(name, self.version), engine.reload(name))
            stage.gate(name, self.version).open()
            self.expected.append(Verdict.CANCELLED)
        elif kind == "unknown":
            await self.told(None, Verdict.REFUSED, await engine.reload("nobody"))
        elif kind == "again":
            path = stage.plugins.path(name)
            await self.told(name, Verdict.REFUSED, await engine.load(path))
        elif kind == "toggled":
            await self.told(None, Verdict.SUCCESS, await engine.disable(name))
            await self.told(name, Verdict.SUCCESS, await engine.enable(name))
        elif kind == "last sink":
            await self.told(None, Verdict.REFUSED, await engine.unload("sink"))
        elif kind == "anew":
            await self.told(None, Verdict.SUCCESS, await engine.unload(name))
            self.edit(name)
            path = stage.plugins.path(name)
            await self.told(name, Verdict.SUCCESS, await engine.load(path))
        else:
            for each in NAMES:
                self.edit(each)
            both = await asyncio.gather(*(engine.reload(each) for each in NAMES))
            for each, outcome in zip(NAMES, both, strict=True):
                await self.told(each, Verdict.SUCCESS, outcome)

    def edit(self, name: str) -> None:
        self.versions += 1
        self.stage.plugin(name, self.version)

    @property
    def version(self) -> str:
        return f"{self.versions}.0"

    async def told(self, name: str | None, verdict: Verdict, outcome: Outcome) -> None:
        """Expect ``verdict``; what the result says runs is what answers (HR-OBS-04)."""
        assert verdict_of(outcome) is verdict, outcome.describe()
        self.expected.append(verdict)
        if name is not None:
            assert outcome.running is not None
            assert await self.engine.use(name) == outcome.running.version

    def check(self) -> None:
        """All who tell say the same as the model."""
        series = read(self.metrics)
        expected = Counter(self.expected)
        for verdict in Verdict:
            labels = {"result": verdict.value}
            assert total(series, "results_total", **labels) == expected[verdict]
            assert total(series, "duration_seconds_count", **labels) == expected[verdict]
        assert total(series, "attempts_total") == len(self.expected)  # HR-OBS-02
        assert total(series, "in_progress") == 0
        assert value(series, "audit_records_total") == len(self.expected)
        records = [json.loads(line) for line in self.path.read_text().splitlines()]
        assert Counter(each["verdict"] for each in records) == Counter(
            verdict.value for verdict in self.expected
        )
        assert sorted(each["attempt"] for each in records) == self.attempts()  # HR-OBS-05
        report = self.health.report()
        assert not report.reloading  # HR-OBS-01
        for plugin in report.plugins:
            status = self.engine.status(plugin.name)
            assert (plugin.running, plugin.error) == (status.running, status.error)  # HR-OBS-06
            assert plugin.last is not None
        degraded = any(each.error for each in report.plugins)
        state = HealthState.DEGRADED if degraded else HealthState.OK
        assert report.state is (HealthState.CLOSED if self.closed else state)

    def attempts(self) -> list[int]:
        """The attempts, each with one start and one terminal event around its stages (OBS-03)."""
        numbers = sorted({each.attempt for each in self.events})
        for number in numbers:
            first, *between, last = [each for each in self.events if each.attempt == number]
            assert isinstance(first, OperationStarted)
            assert isinstance(last, OperationEnded)
            assert all(isinstance(each, StageEntered) for each in between)
            moments = [each.at_seconds for each in (first, *between, last)]
            assert moments == sorted(moments)
        return numbers


async def play(history: list[tuple[str, str]], folder: Path) -> None:
    with stage_in(folder / "plugins") as stage:
        async with Engine() as engine:
            theatre = Theatre(stage, engine, folder)
            with acting_as("alice"):
                for name in NAMES:
                    theatre.edit(name)
                    path = stage.plugins.path(name)
                    await theatre.told(name, Verdict.SUCCESS, await engine.load(path))
                sink = stage.plugin("sink", roles=("sink",))
                await theatre.told(None, Verdict.SUCCESS, await engine.load(sink))
            before = read(theatre.metrics)
            for kind, name in history:
                await theatre.act(kind, name)
                theatre.check()
                after = read(theatre.metrics)
                for series, number in before.items():
                    if "plugin" not in dict(series[1]) and series[0].endswith(("_total", "_count")):
                        assert after[series] >= number, series  # nothing goes down
                before = after
            # HR-OBS-07: with health, metrics, audit, events and history all held.
            held = (theatre, engine.history, theatre.health.report(), theatre.metrics.render())
            assert engine.lingering() == ()
            assert value(read(theatre.metrics), "generations_lingering") == 0
            del held
        theatre.expected += [Verdict.SUCCESS] * 3  # the close unloads the three
        theatre.closed = True
        theatre.check()


@pytest.fixture
def _small_heap() -> Iterator[None]:
    """Full collections are what this spends its time on: what was there before needs none."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("_small_heap")
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories)
def test_f60_hr_obs_01_to_07_all_who_tell_tell_the_same(history: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(history, Path(folder)))


@pytest.mark.usefixtures("_small_heap")
def test_f60_one_history_with_everything_in_it(tmp_path: Path) -> None:
    """The property above, where chance leaves nothing out."""
    asyncio.run(play([(kind, name) for kind in KINDS for name in NAMES], tmp_path))
