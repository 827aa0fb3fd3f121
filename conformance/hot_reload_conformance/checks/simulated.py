"""One item of the simulation for each clause that interleavings can break.

All of a subject's items share one exploration of each script, each with its own
kinds of failure: see ``simulation.clauses`` for which, and ``simulation.study``.
"""

from __future__ import annotations

from collections.abc import Sequence

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.check import check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.simulation.clauses import JUDGED
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Finding


def _register(code: str, needs: Sequence[Claim]) -> None:
    @check(code, kind=Kind.SIMULATION, explores=True, needs=needs, deadline_seconds=240.0)
    def simulated(subject: HostSubject, budget: Budget) -> Finding | None:
        from hot_reload_conformance.simulation.study import study_of

        study = study_of(subject, budget)
        if budget.replay:
            return study.replay(code, budget.replay)
        return study.judge(code, shrink=budget.shrink)


for _code, _judged in JUDGED.items():
    _register(_code, tuple(_judged.needs))
