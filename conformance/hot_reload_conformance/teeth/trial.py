"""A trial: one subject held against checks under one seed, and what came of it.

Trials are plain data and are asked for by plain data, so that they cross processes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from hot_reload_conformance.bench.budgets import BUDGETS
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.contract.clause import Kind, Level
from hot_reload_conformance.teeth.quarry import Quarry, correct_subjects, specimens
from hot_reload_conformance.verdict import Verdict


class Scope(enum.Enum):
    """What a subject is held against."""

    NAMED = "named"
    """The checks of the clause that the specimen names, until one says the right words."""
    ALL = "all"
    """Every check there is for such a subject, but for machines: each of those judges a clause
    that examples judge too, and takes as long as ten of them."""
    CORRECT = "correct"
    """Every check of a MUST clause, on a correct subject."""


@dataclass(frozen=True, slots=True)
class Order:
    """A trial that is to be made."""

    subject: str
    scope: Scope
    profile: str
    seed: int
    check: str = ""
    """With ``Scope.CORRECT``: only the check of this id."""
    tries: int = 1
    """With ``Scope.NAMED``: so many seeds from ``seed`` on, until one kills it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of an order."""

    order: Order
    killed_by: tuple[str, ...] = ()
    """The codes of the clauses that failed; with ``Scope.NAMED`` at most the one that it names,
    and only in the right words."""
    judged: int = 0
    """How many checks came to a verdict: pass or fail."""
    said: tuple[str, ...] = ()
    """What was said where it should not have been, or instead of the right words."""


def budget_of(profile: str, seed: int) -> Budget:
    """The budget of ``profile``. Nothing is shrunk: whether it is found is all that counts.

    Raises:
        KeyError: there is no such profile.
    """
    return replace(BUDGETS[profile], seed=seed, shrink=False)


def tried(order: Order) -> Trial:
    """Make the trial. The order of a run, one process, no state kept."""
    if order.tries > 1:
        made = tried(replace(order, tries=1))
        for seed in range(order.seed + 1, order.seed + order.tries):
            if made.killed_by:
                break
            made = tried(replace(order, seed=seed, tries=1))
        return replace(made, order=order)
    budget = budget_of(order.profile, order.seed)
    if order.scope is Scope.CORRECT:
        return _on_correct(order, correct_subjects()[order.subject], budget)
    specimen = specimens()[order.subject]
    return (
        _by_named(order, specimen, budget)
        if order.scope is Scope.NAMED
        else _by_all(order, specimen, budget)
    )


def _by_named(order: Order, specimen: Quarry, budget: Budget) -> Trial:
    """Variant by variant, for the first that says it: the others would only take time."""
    said: list[str] = []
    judged = 0
    for check in specimen.named_checks:
        for variant in specimen.variants(check):
            result = specimen.judged(check, budget, only=variant)
            judged += result.verdict in (Verdict.PASS, Verdict.FAIL)
            if any(specimen.says in found.message for found in result.findings):
                return Trial(order, (specimen.code,), judged)
            if result.verdict is not Verdict.PASS:
                said.append(_line(check.id, variant, result.verdict, result.reason))
    return Trial(order, (), judged, tuple(said))


def _by_all(order: Order, specimen: Quarry, budget: Budget) -> Trial:
    killers: dict[str, None] = {}
    judged = 0
    for check in specimen.checks:
        if check.kind is Kind.MACHINE or check.clause.code in killers:
            continue  # a second check of the clause could add nothing
        result = specimen.judged(check, budget, stop_at_first=True)
        judged += result.verdict in (Verdict.PASS, Verdict.FAIL)
        if result.verdict is Verdict.FAIL:
            killers[check.clause.code] = None
    return Trial(order, tuple(killers), judged)


def _on_correct(order: Order, subject: Quarry, budget: Budget) -> Trial:
    fired: dict[str, None] = {}
    said: list[str] = []
    judged = 0
    for check in subject.checks:
        if check.clause.level is not Level.MUST or order.check not in ("", check.id):
            continue
        result = subject.judged(check, budget)
        judged += result.verdict in (Verdict.PASS, Verdict.FAIL)
        if result.verdict not in (Verdict.PASS, Verdict.NOT_CLAIMED):
            # Neither a verdict that could not be found out is a right answer here.
            fired[check.clause.code] = None
            variant = result.findings[0].variant if result.findings else ""
            said.append(_line(check.id, variant, result.verdict, result.reason))
    return Trial(order, tuple(fired), judged, tuple(said))


def _line(check: str, variant: str, verdict: Verdict, reason: str) -> str:
    where = f"{check}[{variant}]" if variant else check
    return f"{where}: {verdict.value} {reason}".strip()
