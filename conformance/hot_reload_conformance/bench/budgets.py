"""The budgets by name: how much a run spends."""

from __future__ import annotations

from collections.abc import Mapping

from hot_reload_conformance.bench.case import Budget

BUDGETS: Mapping[str, Budget] = {
    "quick": Budget(name="quick"),
    "ci": Budget(name="ci", examples=100, steps=50, repeats=20, simulated_runs=60, real_time=True),
    "nightly": Budget(
        name="nightly", examples=1000, steps=100, repeats=50, simulated_runs=400, real_time=True
    ),
}
"""Quick answers while one works; ci gates a merge; nightly looks for what is rare."""
