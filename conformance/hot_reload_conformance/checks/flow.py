"""FLOW: what a host owes to the events that it accepted, while sinks come, go and change.

Each check runs the same operations under the same traffic and judges one thing in
the accounts. The sink ``subject`` is operated on; ``keeper`` stands beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec
from hot_reload_conformance.bench.begin import begin
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import IF_LACKING, Hold, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.flow_drawn import drawn
from hot_reload_conformance.checks.observe import NOT_HOOKS
from hot_reload_conformance.checks.stages import stages
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.recording import Delivery, Moment
from hot_reload_conformance.verdict import CannotJudge, KitError, NotClaimed, Violation
from hot_reload_fixtures.ledger import Mark
from hot_reload_fixtures.ledger_report import LedgerReport
from hot_reload_fixtures.stamp import Stamped

KEEPER = PluginSpec(name="keeper", sink=True)
SUBJECT = PluginSpec(name="subject", sink=True)


BURST = 20
"""Events that are emitted in one go."""

Windows: TypeAlias = dict[str, dict[str, Mark]]
"""For each sink to judge, the arguments of ``Traffic.report``: from when and until when."""
Operation: TypeAlias = Callable[[Case, Traffic], Awaitable[Windows]]
ALL_THE_TIME: Windows = {"keeper": {}, "subject": {}}


@dataclass(frozen=True)
class Doing:
    """One operation under traffic. ``text`` begins the sentence "…, the sink lost"."""

    text: str
    run: Operation
    state: bool = False
    alone: bool = False
    """Only the keeper is there before."""
    threads: bool = False
    raised: int = 0
    """How many writes of the subject raise: each may cost its own event."""

    @property
    def spec(self) -> PluginSpec:
        return SUBJECT.at("v1", state=self.state)


async def run(case: Case, doing: Doing) -> dict[str, LedgerReport]:
    """Do it under traffic; the accounts of each sink that was there.

    Raises:
        CannotJudge: nothing was accepted, or the host counted drops as its own.
    """
    threads: tuple[str, ...] = ()
    if doing.threads:
        if Claim.THREADS not in case.claims:
            raise NotClaimed("producers in threads: claim 'threads' if emit() is safe from them")
        threads = ("t1", "t2")
    await added(case, KEEPER)
    if not doing.alone:
        await added(case, doing.spec)
    dropped = await _dropped(case)
    async with Traffic(case, threads=threads) as traffic:
        windows = await doing.run(case, traffic)
    for note in traffic.notes:
        case.tell(f"note: {note}")
    reports = {sink: traffic.report(sink, **window) for sink, window in windows.items()}
    # What its write raised for, a host may count as dropped.
    dropped = await _dropped(case) - dropped - doing.raised
    if dropped > 0 and sum(len(report.lost) for report in reports.values()) <= dropped:
        raise CannotJudge(f"the host counts {dropped} events as dropped under light traffic")
    return reports


async def _dropped(case: Case) -> int:
    try:
        return await case.guarded(case.adapter.dropped(), "dropped")
    except (KitError, Violation):
        if not case.closed:
            raise
        return 0  # a host that is closed need not answer any more


def judge(case: Case, doing: Doing, reports: dict[str, LedgerReport], kind: str, verb: str) -> None:
    """No sink's accounts show ``kind``: ``lost``, ``duplicated``, ``reordered``, ``unexpected``."""
    for sink, report in reports.items():
        stamps: Sequence[Stamped] = getattr(report, kind)
        if kind == "lost" and sink == SUBJECT.name:
            stamps = stamps[doing.raised :]
        case.expect(
            not stamps,
            f"{doing.text}, the sink {sink!r} {verb} {len(stamps)} of {report.accepted} accepted "
            f"events: {named(stamps)}",
            expected=f"no event {kind}",
            seen=report.describe(),
        )


def named(stamps: Sequence[Stamped], limit: int = 8) -> str:
    """``p1#17, p1#18``, and how many more."""
    more = len(stamps) - limit
    return ", ".join(str(each) for each in stamps[:limit]) + (f" and {more} more" * (more > 0))


async def added(case: Case, spec: PluginSpec) -> None:
    """Write and add a sink, as a precondition."""
    case.write(spec)
    reply = await case.add_sink(spec.ref)
    case.expect(
        reply.ok,
        f"a good sink {spec.ref} {spec.version} is not added: {reply.everything or 'no word why'}",
        expected="added",
        seen="refused",
    )


# The operations


def reloading(*, state: bool = False, times: int = 1) -> Operation:
    async def operation(case: Case, _: Traffic) -> Windows:
        for number in range(2, 2 + times):
            await case.reloaded(SUBJECT.at(f"v{number}", state=state))
        return ALL_THE_TIME

    return operation


def raising_once(*, state: bool) -> Operation:
    """A reload in which the new one's first write raises: of an event that was held, perhaps."""

    async def operation(case: Case, _: Traffic) -> Windows:
        case.write(SUBJECT.at("v2", state=state))
        case.recording.plan("receive", raising(PlannedError), plugin=SUBJECT.name, version="v2")
        await case.reload(SUBJECT.ref)  # a host may take it for a failure, if it loses nothing
        await turns()
        return ALL_THE_TIME

    return operation


def failing(fault: Fault, state: bool) -> Operation:
    async def operation(case: Case, _: Traffic) -> Windows:
        await fault.strike(case, SUBJECT.at("v2", state=state))
        return ALL_THE_TIME

    return operation


def several(seed: int, faults: Sequence[Fault], state: bool) -> Operation:
    async def operation(case: Case, traffic: Traffic) -> Windows:
        await drawn(seed, SUBJECT.at("v1", state=state), faults)(case, traffic)
        return ALL_THE_TIME

    return operation


def cancelled(owner: str, what: str, state: bool) -> Operation:
    async def operation(case: Case, _: Traffic) -> Windows:
        case.write(SUBJECT.at("v2", state=state))
        begun = begin(_operation(case.adapter.reload(SUBJECT.ref)), as_task=True)
        came = (SUBJECT.name, "v2" if owner == "new" else "v1", what, "begin")
        cancels = 0

        def cancel(moment: Moment) -> None:
            nonlocal cancels
            if (moment.plugin, moment.version, moment.what, moment.phase) == came and not cancels:
                cancels += 1
                begun.cancel()

        case.recording.listeners.append(cancel)
        done, _waiting = await patiently({begun}, 5)
        case.recording.listeners.remove(cancel)
        case.tell(f"reload {SUBJECT.ref}, cancelled in {owner} {what}")
        if not cancels:
            raise CannotJudge(
                f"the reload never came to {owner} {what}, so it was not cancelled{IF_LACKING}"
            )
        case.expect(
            bool(done),
            f"a reload cancelled in {owner} {what} did not end within 5 s",
            expected="an end",
            seen="still running",
        )
        return ALL_THE_TIME

    return operation


async def _operation(operation: Awaitable[Any]) -> Any:
    return await operation


async def adding(case: Case, traffic: Traffic) -> Windows:
    await added(case, SUBJECT)
    return {"keeper": {}, "subject": {"since": traffic.mark()}}


async def adding_in_vain(case: Case, _: Traffic) -> Windows:
    case.recording.plan("start", raising(PlannedError), plugin=SUBJECT.name)
    case.write(SUBJECT)
    await case.add_sink(SUBJECT.ref)
    if case.recording.pending():
        raise NotClaimed("a failing addition: this host's sinks have no start hook")
    return {"keeper": {}}


async def removing(case: Case, traffic: Traffic) -> Windows:
    before = traffic.mark()
    reply = await case.remove_sink(SUBJECT.ref)
    case.expect(
        reply.ok,
        f"one of two sinks is not removed: {reply.everything or 'no word why'}",
        expected="removed",
        seen="refused",
    )
    return {"keeper": {}, "subject": {"until": before, "none_after": traffic.mark()}}


async def closing(case: Case, traffic: Traffic) -> Windows:
    windows: Windows = {}

    async def close() -> None:
        # In one go: what the host has queued is still there as it is closed.
        await traffic.burst(BURST)
        windows["keeper"] = windows["subject"] = {"until": traffic.mark()}
        await case.adapter.close()

    case.closed = True
    case.tell("the host is closed")
    await case.guarded(close(), "close")
    return windows


def doings(adapter: type[HostAdapter]) -> list[Variant]:
    """Every operation that this host can be asked for under traffic."""
    state = Claim.STATE in adapter.claims
    found = [
        Variant("reload", Doing("while it was reloaded", reloading())),
        Variant("addition", Doing("as a sink was added", adding, alone=True)),
        Variant("removal", Doing("as a sink was removed", removing)),
        Variant("close", Doing("as the host was closed", closing)),
        Variant("failed addition", Doing("as an addition failed", adding_in_vain, alone=True)),
        Variant("reloads", Doing("while it was reloaded five times", reloading(times=5))),
        Variant(
            "reloads under threads",
            Doing("while it was reloaded under threads", reloading(times=3), threads=True),
        ),
    ]
    if state:
        text = "while it was reloaded with its state"
        found.append(Variant("reload with state", Doing(text, reloading(state=True), state)))
        found.append(
            Variant(
                "reloads with state under threads",
                Doing(f"{text} under threads", reloading(state=True, times=3), state, threads=True),
            )
        )
    text = "while it was reloaded, and the new one's first write raised"
    doing = Doing(text, raising_once(state=state), state, raised=1)
    found.append(Variant("reload, its first write raises", doing))
    seen: set[str] = set()
    for each in stages(adapter, kinds=(PlannedError,), hangs=False):
        fault: Fault = each.value
        if fault.stage not in seen:
            seen.add(fault.stage)
            text = f"while its reload failed at {fault.stage}"
            found.append(
                Variant(f"failed at {fault.stage}", Doing(text, failing(fault, state), state))
            )
    faults = [each.value for each in stages(adapter, kinds=(PlannedError,), hangs=False)]
    text = "in reloads that were drawn, good and failing ones"
    for seed in range(3):
        doing = Doing(text, several(seed, faults, state), state)
        found.append(Variant(f"drawn, seed {seed}", doing))
    if Claim.CANCEL in adapter.claims and Claim.HOOKS in adapter.claims:
        for moment in adapter.hook_order:
            owner, what = moment.split()
            if what not in ("construct", "setup") and (state or "reload_state" not in what):
                text = f"while its reload was cancelled in {owner} {what}"
                doing = Doing(text, cancelled(owner, what, state), state)
                found.append(Variant(f"cancelled in {moment}", doing))
    return found


# The checks


@check("HR-FLOW-01", variants=doings, also=(Kind.PROPERTY, Kind.REAL))
async def no_loss(case: Case, doing: Doing) -> None:
    judge(case, doing, await run(case, doing), "lost", "lost")


@check("HR-FLOW-02", variants=doings, also=(Kind.PROPERTY, Kind.REAL))
async def no_duplicate(case: Case, doing: Doing) -> None:
    judge(case, doing, await run(case, doing), "duplicated", "got a second time")


@check("HR-FLOW-03", variants=doings, also=(Kind.PROPERTY, Kind.REAL))
async def order(case: Case, doing: Doing) -> None:
    judge(case, doing, await run(case, doing), "reordered", "got after a later one")


_IN_FLIGHT = "delivery"
_CLOSES = "close"
_RETIRING = (
    Variant("reload", (Doing("", reloading()), "")),
    Variant("removal", (Doing("", removing), "")),
    Variant("reload, flush raises", (Doing("", reloading()), "flush")),
    Variant("reload, stop raises", (Doing("", reloading()), "stop")),
    Variant("reload, a delivery in flight", (Doing("", reloading()), _IN_FLIGHT)),
    Variant("the host closes", (Doing("", removing), _CLOSES)),
)


@check("HR-FLOW-04", variants=_RETIRING, needs=(Claim.HOOKS,))
async def drain_before_stop(case: Case, value: tuple[Doing, str]) -> None:
    doing, fails = value
    if fails == _IN_FLIGHT:
        await _delivery_in_flight(case)
    elif fails == _CLOSES:
        await _closing(case)
    else:
        if fails:
            case.recording.plan(fails, raising(PlannedError), plugin=SUBJECT.name, version="v1")
        await run(case, doing)
    moments, deliveries = lives(case, SUBJECT.name)["v1"]
    flush, stop = _first(moments, "flush", "begin"), _first(moments, "stop", "begin")
    if fails == _CLOSES and flush is None and stop is None:
        raise NotClaimed("a close that stops what is loaded: close() of this adapter does not")
    if flush is None and "old flush" not in case.adapter.hook_order:
        raise NotClaimed("flush: this host declares no such hook in its hook_order")
    case.expect(
        flush is not None,
        "as the host was closed a sink was stopped without a flush"
        if fails == _CLOSES
        else "the old generation of a sink was stopped without a flush",
        expected="flush, then stop",
        seen=[str(each) for each in moments],
    )
    case.expect(
        stop is not None,
        "the old generation of a sink was never stopped"
        + (" as the host was closed" * (fails == _CLOSES))
        + (f" after its {fails} raised" if fails not in ("", _IN_FLIGHT, _CLOSES) else ""),
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


@check("HR-FLOW-05", variants=doings, needs=(Claim.HOOKS,))
async def nothing_outside_lifetime(case: Case, doing: Doing) -> None:
    await run(case, doing)
    judged = 0
    for version, (moments, deliveries) in lives(case, SUBJECT.name).items():
        started, stopped = _first(moments, "start", "end"), _first(moments, "stop", "begin")
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


@check("HR-FLOW-06")
async def add_sees_all_after(case: Case, _: Any) -> None:
    doing = Doing("after the addition of a sink had returned", adding, alone=True)
    reports = await run(case, doing)
    if not reports["subject"].accepted:
        raise CannotJudge("no event was accepted after the addition had returned")
    judge(case, doing, reports, "lost", "missed")


BACKLOG = 40
"""Events at one go, more than a host can deliver while it takes a removal up."""


@check("HR-FLOW-07", variants=[Variant("", False), Variant("a sink that is behind", True)])
async def remove_sees_none_after(case: Case, behind: bool) -> None:
    if behind:
        await _removed_behind(case)
        return
    doing = Doing("after the removal of a sink had returned", removing)
    reports = await run(case, doing)
    judge(case, doing, reports, "unexpected", "still got")
    before = Doing("accepted before its removal began", removing)
    judge(case, before, {"subject": reports["subject"]}, "lost", "never got")
    if Claim.HOOKS not in case.claims or "old flush" not in case.adapter.hook_order:
        return
    moments, deliveries = lives(case, SUBJECT.name)["v1"]
    flush = _first(moments, "flush", "begin")
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
    reply = await case.remove_sink(SUBJECT.ref)
    case.expect(
        reply.ok,
        f"one of two sinks is not removed: {reply.everything or 'no word why'}",
        expected="removed",
        seen="refused",
    )
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


def _first(moments: Sequence[Moment], what: str, phase: str) -> Moment | None:
    return next((each for each in moments if (each.what, each.phase) == (what, phase)), None)
