"""FLOW: what a host owes to the events that it accepted, while sinks come, go and change.

Each check runs the same operations under the same traffic and judges one thing in
the accounts. The sink ``subject`` is operated on; ``keeper`` stands beside it.
"""

from __future__ import annotations

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.flow_again import given_again
from hot_reload_conformance.checks.flow_closing import losses
from hot_reload_conformance.checks.sink_operations import doings
from hot_reload_conformance.checks.under_traffic import Doing, judge, run
from hot_reload_conformance.contract.clause import Kind


def _losing(adapter: type[HostAdapter]) -> list[Variant]:
    return [*doings(adapter), *losses(adapter)]


@check("HR-FLOW-01", variants=_losing, also=(Kind.PROPERTY, Kind.REAL))
async def no_loss(case: Case, doing: Doing) -> None:
    judge(case, doing, await run(case, doing), "lost", "lost")


def _doubling(adapter: type[HostAdapter]) -> list[Variant]:
    return [*doings(adapter), *given_again(adapter)]


@check("HR-FLOW-02", variants=_doubling, also=(Kind.PROPERTY, Kind.REAL))
async def no_duplicate(case: Case, doing: Doing) -> None:
    judge(case, doing, await run(case, doing), "duplicated", "got a second time")


@check("HR-FLOW-03", variants=doings, also=(Kind.PROPERTY, Kind.REAL))
async def order(case: Case, doing: Doing) -> None:
    judge(case, doing, await run(case, doing), "reordered", "got after a later one")
