"""LOAD-08, simulated: who waits for a first load, and one of them is cancelled, or it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.check import check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Finding, NotClaimed

if TYPE_CHECKING:
    from hot_reload_conformance.checks.first_uses import FirstUses


@check("HR-LOAD-08", kind=Kind.SIMULATION, explores=True, deadline_seconds=60.0)
def one_load_for_many_waiters(subject: HostSubject, budget: Budget) -> Finding | None:
    from hot_reload_conformance.checks.first_uses import KINDS, first_uses, scripts
    from hot_reload_conformance.checks.interleavings import explored

    shared = False

    def seen(host: FirstUses) -> None:
        nonlocal shared
        shared |= host.shared

    factory = first_uses(subject.factory, seen)
    found = explored("HR-LOAD-08", factory, scripts(subject.adapter), KINDS, budget)
    if found is None and not shared and not budget.replay:
        raise NotClaimed(
            "simulation: a first use of this host never waits, so no two can wait for one load"
        )
    return found
