"""The operations on sinks that a host can be asked for under traffic, good and failing ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hot_reload_conformance.adapter import Claim, HostAdapter
from hot_reload_conformance.bench.begin import to_its_end
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import IF_LACKING, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.check import Variant
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.flow_closing import closings
from hot_reload_conformance.checks.flow_drawn import drawn
from hot_reload_conformance.checks.flow_queued import queued
from hot_reload_conformance.checks.flow_staged import staged
from hot_reload_conformance.checks.sinks import SUBJECT, added, removed
from hot_reload_conformance.checks.stages import stages
from hot_reload_conformance.checks.under_traffic import ALL_THE_TIME, Doing, Operation, Windows
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import CannotJudge, NotClaimed


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
        begun = asyncio.ensure_future(to_its_end(case.adapter.reload(SUBJECT.ref)))
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
    await removed(case, SUBJECT)
    return {"keeper": {}, "subject": {"until": before, "none_after": traffic.mark()}}


def doings(adapter: type[HostAdapter]) -> list[Variant]:
    """Every operation that this host can be asked for under traffic."""
    state = Claim.STATE in adapter.claims
    found = [
        Variant("reload", Doing("while it was reloaded", reloading())),
        Variant("addition", Doing("as a sink was added", adding, alone=True)),
        Variant("removal", Doing("as a sink was removed", removing)),
        *closings(adapter),
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
    return [*found, *staged(adapter), *queued(adapter)]
