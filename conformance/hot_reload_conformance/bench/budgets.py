"""Budgets: how much a run spends, and those that have a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a profile of the run spends.

    ``examples`` and ``steps`` are a machine's, on top of its own scripts; how they were chosen
    stands in ``docs/reference/state-machines.md``.
    """

    name: str = "quick"
    examples: int = 10
    steps: int = 25
    repeats: int = 5
    """How often checks of the kind "after N reloads" reload."""
    real_time: bool = False
    """Judge watches that do not take the kit's clock as well: seconds to minutes each."""
    simulated_runs: int = 12
    """How often the simulation runs each of its scripts, with other decisions each time."""
    check_seconds: float | None = None
    """How long the variants of one check may take together on a slow host; None: run them all."""
    seed: int | None = None
    replay: str = ""
    """What a machine or a simulation replays instead of exploring: what follows ``CODE=`` in a
    finding's replay."""
    shrink: bool = True
    """False for expected failures: any example will do."""
    database: str = ""
    """Where a machine's failing examples are kept, to begin with the next time: folders and URLs
    of Redis servers, a line each; "": nowhere."""


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
