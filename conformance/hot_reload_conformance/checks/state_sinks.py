"""STATE-02 for sinks: what the old generation took after its state was read is lost with it."""

from __future__ import annotations

from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.check import Variant
from hot_reload_conformance.checks.flow_queued import renders_coroutines
from hot_reload_conformance.checks.sinks import SUBJECT, added, named
from hot_reload_conformance.verdict import CannotJudge, NotClaimed
from hot_reload_fixtures.stamp import Stamped

INSIDE = "inside"
"""The producer that emits at the begin and the end of each hook."""


@dataclass(frozen=True)
class Deliveries:
    """Events for a sink that has state, before, while and after it is reloaded."""

    awaits: bool
    """Its write is a coroutine, which a host may well deliver to on another way."""

    @property
    def spec(self) -> PluginSpec:
        return SUBJECT.at("v1", state=True, awaits=self.awaits)


def of_sinks(adapter: type[HostAdapter]) -> list[Variant]:
    """The variants, for hosts that have sinks."""
    if Claim.SINKS not in adapter.claims:
        return []
    return [
        Variant("a sink", Deliveries(awaits=False)),
        Variant("a sink that is a coroutine", Deliveries(awaits=True)),
    ]


async def no_lost_delivery(case: Case, doing: Deliveries) -> None:
    """No event reaches the old generation between the end of its reading and the commit."""
    recording, spec = case.recording, doing.spec
    if doing.awaits:
        renders_coroutines(case, spec)
    await added(case, spec)
    async with Traffic(case, hooks=INSIDE) as traffic:
        await case.reloaded(spec.at("v2"))
    if not traffic.accepted():
        raise CannotJudge("the host accepted none of the events that were emitted")
    hook = (spec.name, "v1", "get_reload_state", "end")
    read = [m.order for m in recording.moments if (m.plugin, m.version, m.what, m.phase) == hook]
    if not read:
        raise NotClaimed("a sink with state: this host's reload reads none of one")
    got = [each for each in recording.deliveries if each.plugin == spec.name]
    if not got:
        raise CannotJudge("no event reached the sink that was reloaded")
    # What is emitted in the middle of a hook, on its own thread, may be the plugin's own doing:
    # a host whose lock that thread holds lets it through, and nobody else's.
    late = [
        Stamped(each.producer, each.sequence)
        for each in got
        if each.version == "v1" and each.order > read[-1] and each.producer != INSIDE
    ]
    case.expect(
        not late,
        f"the old generation of a sink was given {len(late)} events after its state had been "
        f"read: {named(late)}. What it counted or kept of them is not in the new one",
        expected="events held back, or given to the new generation, from when the state is read",
        seen=f"{named(late)} in v1, behind its get_reload_state",
    )
