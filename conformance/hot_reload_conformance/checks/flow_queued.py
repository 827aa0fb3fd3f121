"""FLOW for sinks that are coroutines: what is queued for one was accepted, and is delivered."""

from __future__ import annotations

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import turns
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.check import Variant
from hot_reload_conformance.checks.flow_drawn import BURST
from hot_reload_conformance.checks.sinks import added, removed
from hot_reload_conformance.checks.under_traffic import Doing, Windows
from hot_reload_conformance.probe import Probe
from hot_reload_conformance.verdict import NotClaimed
from hot_reload_fixtures.ledger import Mark

_TURNS = 3
"""Of the loop, for each event of the burst."""
SLOW = PluginSpec(name="slow", sink=True, awaits=True)


def queued(adapter: type[HostAdapter]) -> list[Variant]:
    """The variants, for hosts that have sinks: an operation right behind a burst."""
    text = "as a sink that is a coroutine was removed behind a burst"
    found = [Variant("a coroutine is removed", Doing(text, _removed))]
    if Claim.RELOAD in adapter.claims:
        text = "while a sink that is a coroutine was reloaded behind a burst"
        found.append(Variant("a coroutine reloads", Doing(text, _reloaded)))
    return found


def renders_coroutines(case: Case, spec: PluginSpec) -> None:
    """Raise where this host's sinks are no coroutines.

    Raises:
        NotClaimed: ``render`` makes the same of ``spec``, whatever it says.
    """
    plain = spec.at(spec.version, awaits=False)
    if dict(case.adapter.render(spec)) == dict(case.adapter.render(plain)):
        raise NotClaimed(
            "a sink that is a coroutine: have render() obey `spec.awaits`, if the host has such"
        )


async def _removed(case: Case, traffic: Traffic) -> Windows:
    window = {"since": await _burst(case, traffic), "until": traffic.mark()}
    await removed(case, SLOW)
    return {"keeper": {}, "slow": {**window, "none_after": traffic.mark()}}


async def _reloaded(case: Case, traffic: Traffic) -> Windows:
    since = await _burst(case, traffic)
    await case.reloaded(SLOW.at("v2"))
    return {"keeper": {}, "slow": {"since": since}}


async def _slowly(_: Probe) -> None:
    await turns(_TURNS)


async def _burst(case: Case, traffic: Traffic) -> Mark:
    renders_coroutines(case, SLOW)
    await added(case, SLOW)
    # Else its task might empty the queue in one go, as soon as anything waits.
    case.recording.plan("receive", _slowly, plugin=SLOW.name, times=BURST)
    since = traffic.mark()
    await traffic.burst(BURST)
    return since
