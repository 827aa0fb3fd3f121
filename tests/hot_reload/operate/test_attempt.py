"""Attempts: what each outcome counts as, how far an attempt came, and who followed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hot_reload import AuditLog, Engine, Health, Metrics
from hot_reload.errors import EngineMisuse
from hot_reload.events import OperationEnded, OperationStarted, StageEntered
from hot_reload.operate.attempt import (
    Attempts,
    Verdict,
    followers,
    is_open,
    loaded_now,
    running_now,
    utc_now,
    verdict_of,
)
from hot_reload.operate.record import record_of
from hot_reload.outcome import (
    Deferred,
    Failed,
    Failure,
    Loaded,
    Operation,
    Outcome,
    RefusalReason,
    Refused,
    RolledBack,
    StateCarried,
    Swapped,
    Unchanged,
)
from hot_reload.outcome import Stage as StageOf

from .conftest import Stage
from .test_metrics import read, value

BROKE = Failure(StageOf.START, "no")
RELOAD = Operation.RELOAD


@dataclass(frozen=True, slots=True, kw_only=True)
class SwappedWithOthers(Swapped):
    """A swap that others followed."""

    cascade: tuple[Outcome, ...] = ()


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (None, Verdict.CANCELLED),
        (Loaded(operation=RELOAD, plugin="a"), Verdict.SUCCESS),
        (Unchanged(operation=RELOAD, plugin="a"), Verdict.SUCCESS),
        (RolledBack(operation=RELOAD, plugin="a", failure=BROKE), Verdict.FAILURE),
        (
            Failed(operation=RELOAD, plugin="a", failure=BROKE, rollback_failure=BROKE),
            Verdict.FAILURE,
        ),
        (
            Refused(operation=RELOAD, plugin="a", reason=RefusalReason.LAST_SINK, explanation="no"),
            Verdict.REFUSED,
        ),
        (Deferred(operation=RELOAD, plugin="a", explanation="later"), Verdict.DEFERRED),
    ],
)
def test_f60_each_outcome_counts_as_one_thing(outcome: Outcome | None, verdict: Verdict) -> None:
    assert verdict_of(outcome) is verdict


@pytest.mark.parametrize(
    ("entered", "reached"),
    [
        ((StageOf.READ, StageOf.START, StageOf.STOP, StageOf.RELEASE), StageOf.START),
        ((StageOf.START, StageOf.COMMIT, StageOf.DRAIN, StageOf.STOP), StageOf.STOP),
        ((StageOf.CAPTURE, StageOf.FLUSH, StageOf.STOP, StageOf.START), StageOf.START),
        ((StageOf.DRAIN, StageOf.FLUSH), StageOf.FLUSH),
        ((), None),
    ],
)
def test_f60_how_far_an_attempt_came(entered: tuple[StageOf, ...], reached: StageOf | None) -> None:
    attempts = Attempts(Engine(), utc_now)
    attempts.hear(OperationStarted(1, RELOAD, "a", 1.0))
    for stage in entered:
        attempts.hear(StageEntered(1, "a", stage, 1.5))
    assert attempts.running[1].stage is (entered[-1] if entered else None)
    ended = attempts.hear(OperationEnded(1, RELOAD, "a", 3.0, None))
    assert ended is not None
    assert ended.began.reached is reached
    assert ended.duration_seconds == 2.0
    assert attempts.running == {}


async def test_f60_what_followed_is_told_of_each_plugin(stage: Stage, engine: Engine) -> None:
    for name in ("base", "counter"):
        await engine.load(stage.plugin(name))
    health, metrics = Health(engine), Metrics(engine)
    failed = RolledBack(operation=RELOAD, plugin="counter", failure=BROKE)
    outcome = SwappedWithOthers(
        operation=RELOAD, plugin="base", state=StateCarried.NO_HOOKS, cascade=(failed,)
    )
    assert followers(outcome) == (failed,)
    ended = OperationEnded(9, RELOAD, "base", 1.0, outcome)
    for hear in (health._hear, metrics._hear):
        hear(ended)
    last = {each.name: each.last for each in health.report().plugins}
    assert last["counter"] is not None
    assert last["counter"].failure == BROKE
    assert last["base"] is not None
    assert last["base"].verdict is Verdict.SUCCESS
    series = read(metrics)
    assert value(series, "plugin_results_total", plugin="counter", result="failure") == 1
    assert value(series, "results_total", operation="reload", result="success") == 1
    told = Attempts(engine, utc_now).hear(ended)
    assert told is not None
    (followed,) = record_of(told, "host", None)["cascade"]
    assert (followed["plugin"], followed["result"]) == ("counter", "rolledback")


async def test_f60_a_closed_or_unopened_engine_has_nothing_loaded(stage: Stage) -> None:
    unopened = Engine()
    assert not is_open(unopened)
    for make in (Health, Metrics, lambda engine: AuditLog(engine, stage.plugins.root / "a")):
        with pytest.raises(EngineMisuse, match="not open"):
            make(unopened)
    async with Engine() as engine:
        await engine.load(stage.plugin())
        assert loaded_now(engine) == ("counter",)
        assert running_now(engine, "counter") is not None
        assert running_now(engine, "nobody") is None
    assert loaded_now(engine) == ()
