"""One item for each clause that the state machine of its profile can judge.

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
from hot_reload_conformance.verdict import Exploration

ITEMS: dict[str, Sequence[Claim]] = {
    # core
    "HR-LOAD-04": (),
    "HR-LOAD-05": (Claim.RELOAD,),
    "HR-LOAD-06": (Claim.RELOAD,),
    "HR-LOAD-07": (Claim.RELOAD,),
    "HR-SWAP-01": (),
    "HR-SWAP-07": (Claim.RELOAD,),
    "HR-ROLL-01": (),
    "HR-ROLL-02": (Claim.RELOAD, Claim.HOOKS),
    "HR-ROLL-03": (Claim.RELOAD,),
    "HR-ROLL-04": (),
    "HR-ROLL-05": (),
    "HR-ROLL-07": (Claim.RELOAD,),
    "HR-RACE-02": (),
    "HR-ISO-01": (Claim.RELOAD,),
    # stateful
    "HR-STATE-01": (Claim.RELOAD,),
    "HR-STATE-02": (Claim.RELOAD,),
    "HR-STATE-04": (Claim.RELOAD,),
    "HR-STATE-05": (Claim.RELOAD,),
    # pipeline
    "HR-FLOW-01": (),
    "HR-FLOW-02": (),
    "HR-FLOW-03": (),
    "HR-FLOW-04": (Claim.RELOAD, Claim.HOOKS),
    "HR-FLOW-05": (Claim.RELOAD, Claim.HOOKS),
    "HR-FLOW-06": (),
    "HR-FLOW-07": (),
    "HR-FLOW-08": (),
    "HR-FLOW-11": (Claim.RELOAD, Claim.SINKS),
    "HR-GUARD-01": (),
    "HR-GUARD-03": (Claim.RELOAD,),
    # graph
    "HR-DEPS-01": (Claim.RELOAD,),
    "HR-DEPS-02": (Claim.RELOAD, Claim.HOOKS),
    "HR-DEPS-03": (Claim.RELOAD, Claim.HOOKS),
    "HR-DEPS-04": (Claim.RELOAD,),
    "HR-DEPS-07": (Claim.RELOAD,),
    "HR-GUARD-04": (Claim.UNLOAD,),
    # watching: in virtual time only
    "HR-WATCH-01": (Claim.CLOCK,),
    "HR-WATCH-03": (Claim.CLOCK,),
    "HR-WATCH-04": (),
    "HR-WATCH-05": (),
    "HR-WATCH-12": (Claim.CLOCK,),
    "HR-WATCH-13": (Claim.CLOCK,),
    "HR-LIMIT-01": (Claim.WATCH,),
    "HR-LIMIT-02": (Claim.WATCH,),
    "HR-LIMIT-03": (Claim.WATCH,),
    # configuration
    "HR-CONF-01": (),
    "HR-CONF-02": (),
    "HR-CONF-03": (),
    "HR-CONF-04": (),
    # operations
    "HR-OBS-02": (Claim.RELOAD,),
    "HR-OBS-03": (Claim.RELOAD,),
    "HR-OBS-04": (),
    "HR-OBS-05": (Claim.RELOAD,),
}
"""The clauses by machine, and what they need beyond their own claims."""


def _register(code: str, needs: Sequence[Claim]) -> None:
    @check(code, kind=Kind.MACHINE, needs=needs, deadline_seconds=120.0)
    def machine(subject: HostSubject, budget: Budget) -> Exploration:
        from hot_reload_conformance.exploration.machine import exploration

        return exploration(subject, code, budget)


for _code, _needs in ITEMS.items():
    _register(_code, _needs)
