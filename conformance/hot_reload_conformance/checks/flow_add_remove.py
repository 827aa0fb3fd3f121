"""FLOW-06 and 07: what an addition and a removal of a sink promise as they return."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeAlias

from hot_reload_conformance.adapter import Claim, Event
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.flow_lives import first, lives
from hot_reload_conformance.checks.sink_operations import adding, removing
from hot_reload_conformance.checks.sinks import KEEPER, SUBJECT, added, removed
from hot_reload_conformance.checks.under_traffic import Doing, judge, run
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

Removal: TypeAlias = Callable[[Case], Awaitable[None]]
"""Removes a sink, and judges what that promised."""
BACKLOG = 40
"""Events at one go, more than a host can deliver while it takes a removal up."""


@check("HR-FLOW-06")
async def add_sees_all_after(case: Case, _: Any) -> None:
    doing = Doing("after the addition of a sink had returned", adding, alone=True)
    reports = await run(case, doing)
    if not reports["subject"].accepted:
        raise CannotJudge("no event was accepted after the addition had returned")
    judge(case, doing, reports, "lost", "missed")


async def _removed(case: Case) -> None:
    doing = Doing("after the removal of a sink had returned", removing)
    reports = await run(case, doing)
    judge(case, doing, reports, "unexpected", "still got")
    before = Doing("accepted before its removal began", removing)
    judge(case, before, {"subject": reports["subject"]}, "lost", "never got")
    if Claim.HOOKS not in case.claims or "old flush" not in case.adapter.hook_order:
        return
    moments, deliveries = lives(case, SUBJECT.name)["v1"]
    flush = first(moments, "flush", "begin")
    case.expect(
        flush is not None and all(d.order < flush.order for d in deliveries),
        "a sink was removed without a flush after its last event: what it buffered is lost",
        expected="flush after the last event",
        seen=[str(each) for each in moments] or "no flush",
    )


async def _removed_behind(case: Case) -> None:
    """The sink has not taken all that was accepted when its removal is asked for."""
    await added(case, KEEPER)
    await added(case, replace(SUBJECT, awaits=True))
    dropped = await case.guarded(case.adapter.dropped(), "dropped")
    accepted: set[int] = set()

    async def burst() -> None:  # at one go: where emit does not wait, nobody else gets a turn
        for sequence in range(1, BACKLOG + 1):
            event = Event("log", producer="burst", sequence=sequence)
            if await case.adapter.emit(event) is not False:
                accepted.add(sequence)

    await case.guarded(burst(), "emit")
    case.tell(f"emit {BACKLOG} events at one go", seen=f"{len(accepted)} accepted")
    await removed(case, SUBJECT)
    got = {
        each.sequence
        for each in case.recording.deliveries
        if (each.plugin, each.producer) == (SUBJECT.name, "burst")
    }
    if not got and dict(case.adapter.render(SUBJECT)) != dict(
        case.adapter.render(replace(SUBJECT, awaits=True))
    ):
        raise NotClaimed("sinks that are coroutines: have render() leave `spec.awaits` alone")
    dropped = await case.guarded(case.adapter.dropped(), "dropped") - dropped
    lost = sorted(accepted - got)
    some = f"{', '.join(map(str, lost[:8]))}" + (" and more" if len(lost) > 8 else "")
    case.expect(
        len(lost) <= dropped,
        f"a sink was removed while it was behind, and {len(lost)} of {len(accepted)} events that "
        f"were accepted before never reached it, nor were counted as dropped: {some}",
        expected="removal waits until what was accepted before is delivered, or counts it",
        seen=f"{len(got)} delivered, {dropped} dropped",
    )


@check(
    "HR-FLOW-07",
    variants=[Variant("", _removed), Variant("a sink that is behind", _removed_behind)],
)
async def remove_sees_none_after(case: Case, removal: Removal) -> None:
    await removal(case)
