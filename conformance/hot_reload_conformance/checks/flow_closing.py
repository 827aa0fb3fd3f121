"""FLOW as the host is closed: what it took is delivered, and what it cannot deliver it refuses."""

from __future__ import annotations

from hot_reload_conformance.adapter import Claim, Event, HostAdapter
from hot_reload_conformance.bench.begin import to_its_end
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.check import Variant
from hot_reload_conformance.checks.flow_bounds import until
from hot_reload_conformance.checks.flow_drawn import BURST
from hot_reload_conformance.checks.under_traffic import Doing, Windows
from hot_reload_conformance.verdict import NotClaimed

BACKLOG = 1_500
"""Events at one go, more than a host's own thread gets through before the close reaches it."""


def closings(adapter: type[HostAdapter]) -> list[Variant]:
    """The ways in which a host is closed while events are under way."""
    found = [Variant("close", Doing("as the host was closed", closing))]
    if Claim.THREADS in adapter.claims:
        doing = Doing("as the host was closed behind a backlog", _closing_behind_much)
        found.append(Variant("close behind a backlog", doing))
    return found


async def closing(case: Case, traffic: Traffic, count: int = BURST) -> Windows:
    windows: Windows = {}

    async def close() -> None:
        # In one go: what the host has queued is still there as it is closed.
        await traffic.burst(count)
        windows["keeper"] = windows["subject"] = {"until": traffic.mark()}
        await case.adapter.close()

    case.closed = True
    case.tell("the host is closed")
    await case.guarded(close(), "close")
    return windows


async def _closing_behind_much(case: Case, traffic: Traffic) -> Windows:
    return await closing(case, traffic, BACKLOG)


def losses(adapter: type[HostAdapter]) -> list[Variant]:
    """What can cost a host events beside its operations."""
    doing = Doing("after the host was closed", emitted_behind)
    return [Variant("emit behind the close", doing)]


async def emitted_behind(case: Case, traffic: Traffic) -> Windows:
    """Whoever is told True has handed the event over."""
    windows = await closing(case, traffic)
    event = Event("log", producer="late", sequence=1)
    ended = await case.guarded(to_its_end(case.adapter.emit(event)), "emit")
    if ended.error is None and ended.value is None:
        raise NotClaimed(
            "a refusal of events: emit() of this adapter returns neither True nor False"
        )
    if ended.error is None and ended.value is not False:

        def got() -> bool:
            return any(each.producer == event.producer for each in case.recording.deliveries)

        await until(got)
        case.expect(
            got(),
            "an event was emitted after the host was closed; emit accepted it, and no sink ever "
            "got it: whoever emits believes that it is safe",
            expected="a refusal (False, or an exception), or a delivery",
            seen=f"emit returned {ended.value!r}, and nothing was delivered",
        )
    return windows
