"""FLOW: operations on one sink that are drawn, good and failing ones, in between bursts."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence

from hot_reload_conformance.adapter import PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

STEPS = 7
BURST = 20
"""Events that are emitted in one go, at most."""


def drawn(
    seed: int, spec: PluginSpec, faults: Sequence[Fault]
) -> Callable[[Case, Traffic], Awaitable[None]]:
    """Reloads of ``spec``, of which some meet one of ``faults``, and bursts of events.

    Raises, as it runs:
        CannotJudge: no reload of them worked.
    """

    async def steps(case: Case, traffic: Traffic) -> None:
        dice = random.Random((case.budget.seed or 0) * 1000 + seed)
        worked = 0
        for number in range(2, 2 + STEPS):
            version = spec.at(f"v{number}")
            if dice.random() < 0.5:
                await traffic.burst(dice.randint(1, BURST))
            if faults and dice.random() < 0.5:
                # Whether it fails as planned, and what it says, is other clauses' matter.
                with contextlib.suppress(NotClaimed, CannotJudge):
                    await dice.choice(faults).strike(case, version)
                case.recording.unplanned()
                continue
            case.write(version)
            worked += (await case.reload(spec.ref)).ok
        if not worked:
            raise CannotJudge(f"of {STEPS} reloads none worked, though some of the edits were good")

    return steps
