"""The budgets by name: how much a run spends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hot_reload_conformance.bench.case import Budget

BUDGETS: Mapping[str, Budget] = {
    "quick": Budget(name="quick", check_seconds=2.0),
    "ci": Budget(name="ci", examples=100, steps=50, repeats=20, simulated_runs=60, real_time=True),
    "nightly": Budget(
        name="nightly", examples=1000, steps=100, repeats=50, simulated_runs=400, real_time=True
    ),
}
"""Quick answers while one works; ci gates a merge; nightly looks for what is rare."""


def budget_of(profile: str, *, whole: bool) -> Budget:
    """The budget called ``profile``; ``whole`` where checks were named: none of them is thinned.

    Raises:
        KeyError: there is none of that name.
    """
    budget = BUDGETS[profile]
    return replace(budget, check_seconds=None) if whole else budget
