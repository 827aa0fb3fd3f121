"""FLOW, continued: a drain ends, and what it could not deliver is accounted for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.flow_bounds import BOUND_SECONDS, EVENTS, patient, spec_of
from hot_reload_conformance.checks.hang import Stand
from hot_reload_conformance.checks.sinks import KEEPER, added, named
from hot_reload_conformance.verdict import CannotJudge, NotClaimed
from hot_reload_fixtures.stamp import Stamped


@dataclass(frozen=True)
class Hung:
    """A retirement in which flush hangs, and perhaps a delivery too."""

    operation: str = "reload"
    swallows: bool = False
    awaits: bool = False


_HUNG = (
    Variant("reload", Hung()),
    Variant("reload, flush swallows its cancellation", Hung(swallows=True)),
    Variant("reload, a delivery hangs too", Hung(awaits=True)),
    Variant("removal", Hung("removal")),
)


@check("HR-FLOW-09", variants=_HUNG, needs=(Claim.HOOKS,))
async def bounded_drain(case: Case, hung: Hung) -> None:
    if "old flush" not in case.adapter.hook_order:
        raise NotClaimed("flush: this host declares no such hook in its hook_order")
    spec = spec_of(case, hung.awaits)
    await added(case, KEEPER)
    await added(case, spec)
    stand = Stand(hung.swallows)
    case.recording.plan("flush", stand, plugin=spec.name, version="v1")
    if hung.awaits:
        case.recording.plan("receive", stand, plugin=spec.name, version="v1")
    try:
        await _drained(case, hung, stand, spec)
    finally:
        stand.let_go.set()


async def _drained(case: Case, hung: Hung, stand: Stand, spec: PluginSpec) -> None:
    before = dict(await case.adapter.dropped_by_sink() or {})
    for _ in range(EVENTS):
        await case.emit("p1")
    await turns()
    case.write(spec.at("v2"))
    operation = case.reload if hung.operation == "reload" else case.remove_sink
    running = asyncio.ensure_future(operation(spec.ref))
    # Its flush and its drain, each with its deadline, and as much again for the rest.
    bound = BOUND_SECONDS + 2 * case.ports.hook_deadline_seconds + case.ports.drain_deadline_seconds
    done, _ = await patiently({running}, bound)
    if stand.undrivable:
        raise NotClaimed("a hanging flush: this host's hooks are synchronous")
    case.expect(
        bool(done),
        f"a {hung.operation} did not end within {bound:g} s: a flush that hangs has no deadline",
        expected="an end at the deadline of flush",
        seen="still waiting",
    )
    running.result()
    if case.recording.pending():
        raise CannotJudge("the flush that was to hang never began, so nothing was seen")
    accepted = list(case.accepted)
    if hung.operation == "reload":
        for _ in range(EVENTS):
            await case.emit("p1")
        accepted = list(case.accepted)
    await case.settle()
    _rescued_or_counted(case, spec.name, accepted, before, await case.adapter.dropped_by_sink())


def _rescued_or_counted(
    case: Case, name: str, accepted: list[Event], before: Any, now: Any
) -> None:
    got = {(d.producer, d.sequence) for d in case.recording.deliveries if d.plugin == name}
    lost = [
        Stamped(e.producer, e.sequence) for e in accepted if (e.producer, e.sequence) not in got
    ]
    if lost and now is None:
        raise CannotJudge(
            f"{len(lost)} events never arrived, and the adapter does not say what was counted as "
            "dropped: add dropped_by_sink() to it"
        )
    counted = dict(now or {}).get(name, 0) - before.get(name, 0)
    case.expect(
        len(lost) <= counted,
        f"after a flush that hung, {len(lost)} of {len(accepted)} accepted events neither reached "
        f"the new generation nor were counted as dropped by the sink {name!r}: {named(lost)}",
        expected=f"at most {counted} missing, as many as were counted",
        seen=f"{len(lost)} missing",
    )


def _drains(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant("a sink", (False, False)), Variant("a coroutine", (True, False))]
    if Claim.STATE in adapter.claims:
        found.append(Variant("a sink with state", (False, True)))
        found.append(Variant("a coroutine with state", (True, True)))
    return found


@check("HR-FLOW-10", variants=_drains, ports=patient)
async def drain_counts_own_work(case: Case, value: tuple[bool, bool]) -> None:
    if Claim.RELOAD not in case.claims:
        raise NotClaimed("reload")
    awaits, state = value
    spec = spec_of(case, awaits, state)
    await added(case, KEEPER)
    await added(case, spec)
    stop = asyncio.Event()
    sequences, accepted = itertools.count(1), list[int]()

    async def produce() -> None:
        while not stop.is_set():
            for _ in range(3):  # always more than what a slow sink takes up in one turn
                sequence = next(sequences)
                event = Event("log", producer="p1", sequence=sequence)
                if await case.adapter.emit(event) is not False:
                    accepted.append(sequence)
            await asyncio.sleep(0)

    producer = asyncio.ensure_future(produce())
    await turns()
    case.write(spec.at("v2"))
    reload = asyncio.ensure_future(case.reload(spec.ref))
    # In a host that waits for all events it goes on as long as the traffic: keep it short.
    done, _ = await patiently({reload}, BOUND_SECONDS / 2)
    stop.set()
    await patiently({producer}, BOUND_SECONDS)
    if not done:
        await patiently({reload}, BOUND_SECONDS)
    case.expect(
        bool(done),
        f"a reload under constant traffic did not end within {BOUND_SECONDS / 2:g} s: its drain "
        "waits for events that are not the old generation's",
        expected="an end once the old one's own events are through",
        seen="an end only after the traffic ended" if reload.done() else "no end",
    )
    case.expect(reload.result().ok, f"a reload under traffic failed: {reload.result().everything}")
    if not accepted:
        raise CannotJudge("the host accepted none of the events that were emitted")
