"""The invariants of all machines: what each clause asks after every operation."""

from __future__ import annotations

from hot_reload_conformance.exploration.account_invariants import ACCOUNTS
from hot_reload_conformance.exploration.config_invariants import CONFIGURATION
from hot_reload_conformance.exploration.core_invariants import CORE
from hot_reload_conformance.exploration.edge_invariants import EDGES_CHANGE
from hot_reload_conformance.exploration.graph_invariants import GRAPH
from hot_reload_conformance.exploration.handover_invariants import HANDOVERS
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.load_invariants import LOADS
from hot_reload_conformance.exploration.operations_invariants import OPERATIONS
from hot_reload_conformance.exploration.pipeline_invariants import PIPELINE
from hot_reload_conformance.exploration.roll_invariants import FAILURES
from hot_reload_conformance.exploration.sink_invariants import ONE_SINK
from hot_reload_conformance.exploration.stateful_invariants import STATEFUL
from hot_reload_conformance.exploration.watch_invariants import WATCHING

INVARIANTS: dict[str, type[Invariant]] = {
    each.code: each
    for each in (
        *CORE,
        *LOADS,
        *FAILURES,
        *STATEFUL,
        *HANDOVERS,
        *PIPELINE,
        *ONE_SINK,
        *GRAPH,
        *EDGES_CHANGE,
        *WATCHING,
        *CONFIGURATION,
        *OPERATIONS,
        *ACCOUNTS,
    )
}
"""By the code of the clause that each stands for."""
