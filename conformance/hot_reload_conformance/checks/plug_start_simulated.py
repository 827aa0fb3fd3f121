"""PLUG-06, simulated: a start that is broken off while what it has begun goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.check import check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.subject import PluginUnderTest
from hot_reload_conformance.verdict import CannotJudge, Finding, NotClaimed

if TYPE_CHECKING:
    from hot_reload_conformance.checks.half_starts import HalfStart

SUSPENSIONS_TRIED = 6


@check("HR-PLUG-06", kind=Kind.SIMULATION, explores=True, deadline_seconds=60.0)
def half_start_released(plugin: PluginUnderTest, budget: Budget) -> Finding | None:
    from hot_reload_conformance.checks.half_starts import KINDS, WHOLE, half_starts
    from hot_reload_conformance.checks.interleavings import explored
    from hot_reload_conformance.simulation.failure import ESCAPE
    from hot_reload_conformance.simulation.simulate import simulate

    most = 0
    whole: list[HalfStart] = []

    def seen(start: HalfStart) -> None:
        nonlocal most
        whole.append(start)
        most = max(most, start.suspensions)

    def scripts() -> Iterator[str]:
        for number in range(1, SUSPENSIONS_TRIED + 1):
            if most < number:
                return  # it waits fewer times than that
            yield f"start {number}; cancel"
            yield f"start {number}; cancel 0.5"
            yield f"fail {number}"

    factory = half_starts(plugin, seen)
    plain = simulate(factory, WHOLE)
    if plain.failure is not None and plain.failure.kind == ESCAPE:
        raise NotClaimed(
            "simulation: the plugin's start leaves it, so its interleavings were not judged (the "
            f"examples are): {plain.failure}"
        )
    error = whole[0].error or plain.failure
    if error is not None:
        raise CannotJudge(f"not verified: start(), stop() and start() again end by {error!r}")
    return explored("HR-PLUG-06", factory, scripts(), KINDS, budget)
