"""PLUG-11, simulated: a flush that comes while the sink is sending by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.check import check
from hot_reload_conformance.checks.plug_data import NO_OBSERVE
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.subject import PluginUnderTest
from hot_reload_conformance.verdict import CannotJudge, Finding, NotClaimed

if TYPE_CHECKING:
    from hot_reload_conformance.plugins.simulated_sink import SimulatedSink

EVENTS = 40
"""More than any script writes."""


@check("HR-PLUG-11", kind=Kind.SIMULATION, explores=True, deadline_seconds=60.0)
def flush_delivers(plugin: PluginUnderTest, budget: Budget) -> Finding | None:
    from hot_reload_conformance.checks.interleavings import explored
    from hot_reload_conformance.plugins.case import PluginCase
    from hot_reload_conformance.plugins.simulated_sink import KINDS, SCRIPTS, simulated_sink

    if plugin.subject.observe is None:
        raise NotClaimed(NO_OBSERVE)

    flushes = 0

    def seen(sink: SimulatedSink) -> None:
        nonlocal flushes
        flushes += sink.flushes

    events = PluginCase(plugin, plugin.path.parent, budget).events(EVENTS)
    factory = simulated_sink(plugin, events, seen)
    found = explored("HR-PLUG-11", factory, SCRIPTS, KINDS, budget)
    if found is None and not flushes:
        raise CannotJudge(
            "not verified: in the simulation no flush came so far that its events could be looked "
            "at. Mend first what the examples of HR-PLUG-11 find"
        )
    return found
