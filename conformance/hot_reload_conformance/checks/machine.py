"""One item of the state machine for each clause that it can judge.

Each explores by itself with nothing but its own invariant armed, so that one
failure masks no other. Hypothesis is imported as the first of them runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.check import check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Finding

ITEMS: dict[str, Sequence[Claim]] = {
    "HR-SWAP-01": (),
    "HR-SWAP-07": (Claim.RELOAD,),
    "HR-ROLL-01": (),
    "HR-STATE-01": (Claim.RELOAD,),
    "HR-FLOW-01": (),
    "HR-FLOW-02": (),
    "HR-FLOW-03": (),
    "HR-GUARD-01": (),
}
"""The clauses, and what the machine needs beyond their own claims."""


def _register(code: str, needs: Sequence[Claim]) -> None:
    @check(code, kind=Kind.MACHINE, needs=needs, deadline_seconds=120.0)
    def machine(subject: HostSubject, budget: Budget) -> Finding | None:
        from hot_reload_conformance.exploration.machine import explore

        return explore(subject, code, budget)


for _code, _needs in ITEMS.items():
    _register(_code, _needs)
