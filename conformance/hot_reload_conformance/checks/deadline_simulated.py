"""LIMIT-04, simulated: a hook that was given up comes back into what the host does by then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.check import check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CannotJudge, Finding, NotClaimed

if TYPE_CHECKING:
    from hot_reload_conformance.checks.late_hooks import LateHooks


@check(
    "HR-LIMIT-04",
    kind=Kind.SIMULATION,
    explores=True,
    needs=(Claim.RELOAD, Claim.HOOKS),
    deadline_seconds=120.0,
)
def hook_deadline(subject: HostSubject, budget: Budget) -> Finding | None:
    from hot_reload_conformance.checks.interleavings import explored
    from hot_reload_conformance.checks.late_hooks import KINDS, late_hooks, scripts

    judged = undrivable = False

    def seen(host: LateHooks) -> None:
        nonlocal judged, undrivable
        judged |= host.judged
        undrivable |= host.undrivable

    lines = scripts(subject.adapter)
    if not lines:
        raise NotClaimed("no stage 'start' in `stages`: there is no hook that could hang")
    found = explored("HR-LIMIT-04", late_hooks(subject.factory, seen), lines, KINDS, budget)
    if undrivable:
        raise NotClaimed("a hook that waits: this host calls its hooks synchronously")
    if found is None and not judged and not budget.replay:
        raise CannotJudge("not verified: in no simulated run a hook was given up and came back")
    return found
