"""The clauses of the reload contract, version 1.0: every one, whether it has a check or not.

A module for each section holds its clauses; here they are put together, in the order of
the documents. Never weaken a sentence to make something pass.
"""

from __future__ import annotations

from collections.abc import Mapping

from hot_reload_conformance.contract import (
    conf,
    ctrl,
    deps,
    flow,
    guard,
    iso,
    leak,
    limit,
    load,
    obs,
    plug,
    proc,
    race,
    roll,
    state,
    swap,
    watch,
)
from hot_reload_conformance.contract.clause import Clause

CONTRACT_VERSION = "1.0"

_ALL: tuple[Clause, ...] = (
    *load.CLAUSES,
    *swap.CLAUSES,
    *roll.CLAUSES,
    *state.CLAUSES,
    *flow.CLAUSES,
    *guard.CLAUSES,
    *deps.CLAUSES,
    *watch.CLAUSES,
    *limit.CLAUSES,
    *conf.CLAUSES,
    *obs.CLAUSES,
    *race.CLAUSES,
    *leak.CLAUSES,
    *iso.CLAUSES,
    *proc.CLAUSES,
    *ctrl.CLAUSES,
    *plug.CLAUSES,
)

CONTRACT: Mapping[str, Clause] = {clause.code: clause for clause in _ALL}
"""Every clause by its code, in the order of the documents."""

BY_SLUG: Mapping[str, Clause] = {clause.slug: clause for clause in _ALL}
"""Every clause by its slug; slugs are unique."""
