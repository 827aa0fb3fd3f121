"""Interleavings of a subject that a check makes itself: explored, confirmed, told, replayed."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.simulation.failure import ESCAPE, Run
from hot_reload_conformance.simulation.hunt import OtherPython, StaleReplay, replay, runs_of, told
from hot_reload_conformance.simulation.script import Script
from hot_reload_conformance.simulation.simulate import simulate
from hot_reload_conformance.simulation.subject import SubjectFactory
from hot_reload_conformance.simulation.telling import finding_of
from hot_reload_conformance.verdict import CannotJudge, Finding, KitError, NotClaimed


def explored(
    code: str,
    subject: SubjectFactory,
    scripts: Iterable[str],
    kinds: Collection[str],
    budget: Budget,
) -> Finding | None:
    """The first failure of one of ``kinds``, as short as it gets; None: there was none.

    Failures of other kinds are other clauses' matter. With ``budget.replay`` only that is run.

    Raises:
        NotClaimed: the subject leaves the simulation.
        CannotJudge: one trace went two ways.
        KitError: what is to be replayed cannot be.
    """
    for run in _runs(subject, scripts, budget):
        if run.failure is None:
            continue
        if run.failure.kind == ESCAPE:
            raise NotClaimed(
                "simulation: the subject leaves it, so its interleavings were not judged (the "
                f"examples are): {run.failure}"
            )
        if run.failure.kind not in kinds:
            continue
        if budget.replay:
            return finding_of(code, run, None)
        result = told(subject, run, 1, budget.shrink)
        if result.found is None:
            raise CannotJudge(result.describe())
        return finding_of(code, result.found, result.original)
    return None


def _runs(subject: SubjectFactory, scripts: Iterable[str], budget: Budget) -> Iterator[Run]:
    if budget.replay:
        try:
            yield replay(subject, budget.replay)
        except (OtherPython, StaleReplay, ValueError) as error:
            raise KitError(str(error)) from error
        return
    for line in scripts:
        plain = simulate(subject, Script.parse(line))
        more = runs_of(subject, plain, budget.seed or 0, budget.simulated_runs - 1)
        yield from itertools.chain([plain], more)
