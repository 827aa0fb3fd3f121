"""FLOW-08, continued: what a sink raised for stands in the host's counters."""

from __future__ import annotations

from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import turns
from hot_reload_conformance.checks.sinks import KEEPER, added
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation

EVENTS = 6
RAISED = 4
"""For so many of them it raises; the others it takes."""


@dataclass(frozen=True)
class Tally:
    """The host's own counters of events that it accepted, and that a sink did not take."""

    total: int | None
    """None: it has no such counter."""
    of_sink: int | None
    """The same of one sink, where the host counts by name."""


async def counted(case: Case, spec: PluginSpec) -> None:
    """Have ``spec``, a sink beside others, raise for some events, and look at the counters.

    Raises:
        NotClaimed: the adapter shows no counter of drops.
    """
    await added(case, KEEPER)
    await added(case, spec)
    before = await _tally(case, spec.name)
    if before.total is None and before.of_sink is None:
        raise NotClaimed(
            "a counter of dropped events: add dropped(), or dropped_by_sink(), to the adapter, "
            "where its host counts what a sink raised for, as dropped or as failed"
        )
    case.recording.plan("receive", raising(PlannedError), plugin=spec.name, times=RAISED)
    for _ in range(EVENTS):
        try:
            await case.emit("p1")
        except Violation:
            raise CannotJudge("what a sink raises comes back to whoever emits") from None
    await case.settle()
    await turns()
    if case.recording.pending():
        case.recording.unplanned()
        raise CannotJudge(f"a sink was to raise {RAISED} times, and was not given so many events")
    got = {d.sequence for d in case.recording.deliveries if d.plugin == spec.name}
    missing = len({each.sequence for each in case.accepted} - got)
    now = await _tally(case, spec.name)
    case.tell(f"{missing} of {len(case.accepted)} events were not taken", seen=str(now))
    _expect(case, spec, before, now, missing)
    if Claim.RELOAD not in case.claims:
        return
    await case.reloaded(spec.at("v2"))
    after = await _tally(case, spec.name)
    for was, is_now in ((now.total, after.total), (now.of_sink, after.of_sink)):
        case.expect(
            was is None or is_now is None or is_now >= was,
            f"a sink was reloaded, and the count of what it had dropped before went down from {was}"
            f" to {is_now}: the counters go with the generation, and belong to the host",
            expected=f"{was} or more",
            seen=is_now,
        )


def _expect(case: Case, spec: PluginSpec, before: Tally, now: Tally, missing: int) -> None:
    told = f"of {len(case.accepted)} accepted events a sink raised for {RAISED}"
    for what, was, is_now in (
        ("in all", before.total, now.total),
        (f"by the name {spec.name!r}", before.of_sink, now.of_sink),
    ):
        if was is None or is_now is None:
            continue
        more = is_now - was
        case.expect(
            more >= missing,
            f"{told}: {missing} never reached it, and the host counts {more} as dropped {what}. "
            "An event that a sink raised for is neither delivered nor counted, and the counters "
            "say that nothing was lost",
            expected="accepted = delivered + counted as dropped",
            seen=f"{len(case.accepted)} accepted, {len(case.accepted) - missing} delivered, {more} "
            "dropped",
        )
        case.expect(
            more <= missing,
            f"{told}: {missing} never reached it, and the host counts {more} as dropped {what}, "
            "more than were",
            expected="accepted = delivered + counted as dropped",
            seen=f"{len(case.accepted)} accepted, {len(case.accepted) - missing} delivered, {more} "
            "dropped",
        )


async def _tally(case: Case, name: str) -> Tally:
    adapter = case.adapter
    total = None
    if type(adapter).dropped is not HostAdapter.dropped:
        total = await case.guarded(adapter.dropped(), "dropped")
    by_sink = await case.guarded(adapter.dropped_by_sink(), "dropped_by_sink")
    return Tally(total, None if by_sink is None else by_sink.get(name, 0))
