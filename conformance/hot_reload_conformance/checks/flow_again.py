"""FLOW-02 where a sink raises behind the taking of an event: it has it, whatever it says."""

from __future__ import annotations

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import turns
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.check import Variant
from hot_reload_conformance.checks.sinks import SUBJECT
from hot_reload_conformance.checks.under_traffic import ALL_THE_TIME, Doing, Windows
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge

_RAISED = 3


def given_again(adapter: type[HostAdapter]) -> list[Variant]:
    """Where a host may take an event for undelivered."""
    text = "behind writes that raised once they had taken their event"
    return [Variant("a write raises at its end", Doing(text, _raising_at_its_end, raised=_RAISED))]


async def _raising_at_its_end(case: Case, traffic: Traffic) -> Windows:
    fault = raising(PlannedError)
    case.recording.plan("receive:end", fault, plugin=SUBJECT.name, times=_RAISED)
    await turns(60)
    await traffic.burst(_RAISED + 1)
    await case.settle()
    if case.recording.pending():
        raise CannotJudge("a sink was to raise, and was not given so many events")
    return ALL_THE_TIME
