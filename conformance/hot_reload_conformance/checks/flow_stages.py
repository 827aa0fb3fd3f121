"""FLOW-11: one event goes through one generation of a plugin, at all of its stages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.sinks import KEEPER, added, named
from hot_reload_conformance.checks.stages import stages
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.recording import Pass
from hot_reload_conformance.verdict import CannotJudge, NotClaimed
from hot_reload_fixtures.stamp import Stamped

ROLES = ("filter", "enricher", "processor", "redactor")
STAGES = PluginSpec(name="stages", roles=ROLES)


@dataclass(frozen=True)
class Change:
    """What is done to the plugin of all stages under traffic."""

    text: str
    reloads: int = 1
    fault: Fault | None = None
    cancelled: bool = False
    state: bool = False
    threads: bool = False
    raises: bool = False
    """The redactor raises at one event before the reload and at one behind it."""
    redactor: str = ""
    """The host closes, with a redactor of this name …"""
    redactor_first: bool = False
    """… that was loaded before all others, or after them."""
    beside: bool = False
    """Two plugins of one role, of which each is reloaded in its turn."""


def _closes() -> list[Variant]:
    """Whatever order a host stops its plugins in, one of them has the redactor before the sink."""
    return [
        Variant(
            f"close, {name!r} loaded {'first' if first else 'last'}",
            Change("while the host closed", redactor=name, redactor_first=first),
        )
        for name in ("a-redactor", "z-redactor")
        for first in (True, False)
    ]


def _changes(adapter: type[HostAdapter]) -> Sequence[Variant]:
    if Claim.RELOAD not in adapter.claims:
        return [Variant("no reload", Change("at rest", reloads=0)), *_closes()]
    found = _closes()
    found += [
        Variant("reload", Change("while it was reloaded")),
        Variant("reloads", Change("while it was reloaded three times", 3)),
    ]
    change = Change("while it was reloaded, and its redactor raised", raises=True)
    found.append(Variant("the redactor raises", change))
    found.append(Variant("two of one role", Change("after a reload", beside=True)))
    if Claim.THREADS in adapter.claims:
        change = Change("while it was reloaded under threads", 3, threads=True)
        found.append(Variant("reloads under threads", change))
    if Claim.STATE in adapter.claims:
        change = Change("while it was reloaded with its state", 2, state=True)
        found.append(Variant("reloads with state", change))
    if Claim.CANCEL in adapter.claims and "start" in adapter.stages:
        change = Change("while its reload was cancelled in start", cancelled=True)
        found.append(Variant("cancelled in start", change))
    seen = set()
    for each in stages(adapter, kinds=(PlannedError,), hangs=False):
        fault: Fault = each.value
        if fault.stage not in seen:
            seen.add(fault.stage)
            change = Change(f"while its reload failed at {fault.stage}", fault=fault)
            found.append(Variant(f"failed at {fault.stage}", change))
    return found


@check("HR-FLOW-11", variants=_changes, needs=(Claim.SINKS,))
async def stages_agree(case: Case, change: Change) -> None:
    if change.redactor:
        await _as_it_closes(case, change)
        return
    if change.beside:
        await _one_order(case)
        return
    spec = STAGES.at("v1", state=change.state or _about_state(change))
    await added(case, KEEPER)
    await case.loaded(spec)
    threads = ("t1", "t2") if change.threads else ()
    async with Traffic(case, threads=threads) as traffic:
        if change.raises:
            for version in ("v1", "v2"):
                fault = raising(PlannedError)
                case.recording.plan("redactor", fault, plugin=spec.name, version=version)
        if change.fault is not None:
            await change.fault.strike(case, spec.at("v2"))
        elif change.cancelled:
            await _cancelled(case, spec)
        else:
            for number in range(2, 2 + change.reloads):
                await case.reloaded(spec.at(f"v{number}"))
    _took_part(case, traffic)
    if change.raises and case.recording.pending():
        raise CannotJudge("no event reached the redactor that was to raise")
    _redacted(case, change)
    if not change.raises:  # such an event has not passed all stages, and is to go nowhere
        _one_set(case, change)


async def _as_it_closes(case: Case, change: Change) -> None:
    redactor = PluginSpec(name=change.redactor, roles=("redactor",))
    if change.redactor_first:
        await case.loaded(redactor)
    await added(case, KEEPER)
    await case.loaded(PluginSpec(name="bystander"))
    if not change.redactor_first:
        await case.loaded(redactor)
    async with Traffic(case) as traffic:
        case.tell("close the host")
        case.closed = True
        await case.guarded(case.adapter.close(), "close")
    _took_part(case, traffic)
    _redacted(case, change)


async def _one_order(case: Case) -> None:
    """Who of two comes first is the host's to say, and stays so."""
    await added(case, KEEPER)
    names = ("first", "second")
    for name in names:
        await case.loaded(PluginSpec(name=name, roles=("processor",)))
    usual = await _way_of_one(case)
    if len(usual) < 2:
        raise NotClaimed("stages: no event went through both; have render() obey `spec.roles`")
    for name in names:
        await case.reloaded(PluginSpec(name=name, version="v2", roles=("processor",)))
        way = await _way_of_one(case)
        case.expect(
            way == usual,
            f"after a reload of {name!r} events pass the processors of two plugins in another "
            f"order than before: {', '.join(way) or 'none of them'}, not {', '.join(usual)}",
            expected=", ".join(usual),
            seen=", ".join(way),
        )


async def _way_of_one(case: Case) -> list[str]:
    """The plugins whose stages one event passes, in their order."""
    before = len(case.recording.passes)
    await case.emit()
    await case.settle()
    return [each.plugin for each in case.recording.passes[before:]]


def _took_part(case: Case, traffic: Traffic) -> None:
    if not traffic.accepted():
        raise CannotJudge("the host accepted none of the events that were emitted")
    if not case.recording.passes:
        raise NotClaimed("stages: no event went through a stage; have render() obey `spec.roles`")


def _about_state(change: Change) -> bool:
    return change.fault is not None and "reload_state" in change.fault.stage


async def _cancelled(case: Case, spec: PluginSpec) -> None:
    hold = Hold()
    case.recording.plan("start", hold, plugin=spec.name, version="v2")
    case.write(spec.at("v2"))
    reload = asyncio.ensure_future(case.adapter.reload(spec.ref))
    try:
        await hold.reached(reload)
        reload.cancel()
        await turns()
    finally:
        hold.open()
    await patiently({reload}, 2)


def _redacted(case: Case, change: Change) -> None:
    """The redactor stands before every event from the first to the last."""
    bare = [
        Stamped(d.producer, d.sequence)
        for d in case.recording.deliveries
        if d.value != probe.REDACTED
    ]
    case.expect(
        not bare,
        f"{change.text}, {len(bare)} events reached a sink without having passed the redactor: "
        f"{named(bare)}" + (" (drop an event at which a redactor raised)" * change.raises),
        expected="no event unredacted, at any moment",
        seen=named(bare),
    )


def _one_set(case: Case, change: Change) -> None:
    """Each event passed each stage once, in one order, and all of them in one instance."""
    usual: list[str] = []
    ways: dict[tuple[str, int], list[Pass]] = {}
    for each in case.recording.passes:
        ways.setdefault((each.producer, each.sequence), []).append(each)
    for (producer, sequence), passes in ways.items():
        stamp = Stamped(producer, sequence)
        seen = ", ".join(f"{each.role} {each.version}#{each.serial}" for each in passes)
        case.expect(
            len({each.serial for each in passes}) == 1,
            f"{change.text}, the event {stamp} went through stages of two generations of one "
            f"plugin: {seen}",
            expected="all stages of one generation",
            seen=seen,
        )
        roles = [each.role for each in passes]
        case.expect(
            sorted(roles) == sorted(ROLES),
            f"{change.text}, the event {stamp} did not pass each stage of the plugin once: {seen}",
            expected="each stage once",
            seen=seen,
        )
        # In which order is the host's to say, by what it does before anything changes.
        usual = usual or roles
        case.expect(
            roles == usual,
            f"{change.text}, the event {stamp} passed the stages of the plugin in another order "
            f"than the events before it: {', '.join(roles)}, not {', '.join(usual)}",
            expected=", ".join(usual),
            seen=seen,
        )
