"""FLOW-04 and 05: what a generation of a sink is given, and when in its life."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.observe import NOT_HOOKS
from hot_reload_conformance.checks.sink_operations import doings, reloading, removing
from hot_reload_conformance.checks.sinks import KEEPER, SUBJECT, added, named
from hot_reload_conformance.checks.under_traffic import Doing, Operation, run
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.recording import Delivery, Moment
from hot_reload_conformance.verdict import CannotJudge, NotClaimed
from hot_reload_fixtures.stamp import Stamped

Life: TypeAlias = tuple[list[Moment], list[Delivery]]


def lives(case: Case, name: str) -> dict[str, Life]:
    """For each version of ``name``: the moments of its life, and what was delivered to it.

    Its life is an instance's, or the module's own where a plugin is a module of functions.
    """
    found: dict[str, Life] = {}
    for moment in list(case.recording.moments):
        if moment.plugin == name and moment.what not in NOT_HOOKS:
            found.setdefault(moment.version, ([], []))[0].append(moment)
    for delivery in list(case.recording.deliveries):
        if delivery.plugin == name:
            found.setdefault(delivery.version, ([], []))[1].append(delivery)
    return found


def first(moments: Sequence[Moment], what: str, phase: str) -> Moment | None:
    return next((each for each in moments if (each.what, each.phase) == (what, phase)), None)


@dataclass(frozen=True)
class Retirement:
    """A way in which the first generation of the subject comes to its end."""

    bring_about: Callable[[Case], Awaitable[None]]
    unflushed: str = "the old generation of a sink was stopped without a flush"
    unstopped: str = "the old generation of a sink was never stopped"
    left_alone: str = ""
    """What a host does not claim that runs neither flush nor stop here; "": it has to."""


def _under_traffic(operation: Operation, fails: str = "") -> Retirement:
    """``operation``, with events all the while; ``fails`` is the old one's hook that raises."""

    async def bring_about(case: Case) -> None:
        if fails:
            case.recording.plan(fails, raising(PlannedError), plugin=SUBJECT.name, version="v1")
        await run(case, Doing("", operation))

    if not fails:
        return Retirement(bring_about)
    return Retirement(bring_about, unstopped=f"{Retirement.unstopped} after its {fails} raised")


async def _closing(case: Case) -> None:
    """The host closes behind events that its sink was given."""
    await added(case, SUBJECT)
    for _ in range(3):
        await case.emit()
    case.tell("close the host")
    case.closed = True
    await case.guarded(case.adapter.close(), "close")


async def _delivery_in_flight(case: Case) -> None:
    """A reload of a sink that is at work on an event, and ends it once the reload is begun."""
    spec = replace(SUBJECT, awaits=True)
    if dict(case.adapter.render(spec)) == dict(case.adapter.render(SUBJECT)):
        raise NotClaimed("sinks that are coroutines: have render() obey `spec.awaits`")
    await added(case, KEEPER)
    await added(case, spec)
    hold = Hold()
    case.recording.plan("receive", hold, plugin=SUBJECT.name, version="v1")
    emitting = asyncio.ensure_future(case.emit())
    arrival = asyncio.ensure_future(hold.gate.reached())
    await patiently({arrival}, 2)
    arrival.cancel()
    reload = None
    try:
        if hold.refused or not hold.gate.arrived:
            raise NotClaimed("a delivery that waits: this host's sinks are no coroutines")
        case.write(spec.at("v2"))
        reload = asyncio.ensure_future(case.reload(spec.ref))
        await turns(60)
    finally:
        hold.open()
        waiting: list[asyncio.Future[Any]] = [emitting, *([reload] if reload else [])]
        await patiently(waiting, 5)
    await case.settle()
    if not reload.done() or not reload.result().ok:
        raise CannotJudge("the reload of a sink that was at work on an event did not succeed")


_RETIREMENTS = {
    "reload": _under_traffic(reloading()),
    "removal": _under_traffic(removing),
    "reload, flush raises": _under_traffic(reloading(), "flush"),
    "reload, stop raises": _under_traffic(reloading(), "stop"),
    "reload, a delivery in flight": Retirement(_delivery_in_flight),
    "the host closes": Retirement(
        _closing,
        unflushed="as the host was closed a sink was stopped without a flush",
        unstopped=f"{Retirement.unstopped} as the host was closed",
        left_alone="a close that stops what is loaded: close() of this adapter does not",
    ),
}


@check(
    "HR-FLOW-04",
    variants=[Variant(name, each) for name, each in _RETIREMENTS.items()],
    needs=(Claim.HOOKS,),
)
async def drain_before_stop(case: Case, retirement: Retirement) -> None:
    await retirement.bring_about(case)
    moments, deliveries = lives(case, SUBJECT.name)["v1"]
    flush, stop = first(moments, "flush", "begin"), first(moments, "stop", "begin")
    if retirement.left_alone and flush is None and stop is None:
        raise NotClaimed(retirement.left_alone)
    if flush is None and "old flush" not in case.adapter.hook_order:
        raise NotClaimed("flush: this host declares no such hook in its hook_order")
    case.expect(
        flush is not None,
        retirement.unflushed,
        expected="flush, then stop",
        seen=[str(each) for each in moments],
    )
    case.expect(
        stop is not None,
        retirement.unstopped,
        expected="flush, then stop",
        seen=[str(each) for each in moments],
    )
    assert flush is not None
    assert stop is not None
    flushed = [each for each in moments if each.what == "flush" and each.phase != "begin"]
    case.expect(
        bool(flushed) and flushed[-1].order < stop.order,
        "stop of the old generation of a sink began before its flush had ended",
        expected="flush, then stop",
        seen=[str(each) for each in moments],
    )
    late = [Stamped(d.producer, d.sequence) for d in deliveries if d.order > flush.order]
    case.expect(
        not late,
        f"the old generation of a sink got {len(late)} events after its flush began, "
        f"which nobody flushes: {named(late)}",
        expected="flush after the last event",
        seen=named(late),
    )


@check("HR-FLOW-05", variants=doings, needs=(Claim.HOOKS,))
async def nothing_outside_lifetime(case: Case, doing: Doing) -> None:
    await run(case, doing)
    judged = 0
    for version, (moments, deliveries) in lives(case, SUBJECT.name).items():
        started, stopped = first(moments, "start", "end"), first(moments, "stop", "begin")
        judged += started is not None
        early = [d for d in deliveries if started is None or d.order < started.order]
        late = [d for d in deliveries if stopped is not None and d.order > stopped.order]
        for these, when in (
            (early, "before its start had returned"),
            (late, "after its stop began"),
        ):
            stamps = [Stamped(d.producer, d.sequence) for d in these]
            case.expect(
                not stamps,
                f"{doing.text}, its generation {version} got {len(stamps)} events {when}: "
                f"{named(stamps)}",
                expected="events only between start and stop",
                seen=named(stamps),
            )
    if not judged and not doing.alone:
        raise NotClaimed("start: this host's sinks have no start hook that the probe could see")
