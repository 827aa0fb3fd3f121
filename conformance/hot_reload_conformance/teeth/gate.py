"""The gate: what must be true of the kit's teeth, for a sample or for all of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from hot_reload_conformance.check import all_checks
from hot_reload_conformance.contract.clause import Level
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.teeth.quarry import correct_subjects, specimens
from hot_reload_conformance.teeth.trial import Order, Scope, Trial

EXCUSED: Mapping[str, str] = {
    "HR-LOAD-01": "a host that breaks it does not pass the adapter's self-test, so the verdict "
    "is a kit-error before any clause is asked",
}
"""MUST clauses with a check and no specimen, and why."""


TRIES = 25
"""Seeds that a specimen gets in the gate: some are killed by chance, at the rate that the matrix
gives; of those that are killed one time in six one in a hundred gets away."""


def unbitten() -> list[str]:
    """The MUST clauses that have a check, and no specimen that names them."""
    named = {each.code for each in specimens().values()}
    checked = {each.clause.code: each.clause for each in all_checks()}
    return [
        code
        for code, clause in checked.items()
        if clause.level is Level.MUST and code not in named and code not in EXCUSED
    ]


def unchecked() -> list[str]:
    """The clauses that have no check yet."""
    checked = {each.clause.code for each in all_checks()}
    return [code for code in CONTRACT if code not in checked]


def orders(profile: str, seed: int, sample: int | None) -> list[Order]:
    """The trials of the gate; ``sample`` specimens and as many checks on correct subjects.

    None: every specimen, and every correct subject against every MUST clause.
    """
    if sample is None:
        return [
            *(Order(name, Scope.NAMED, profile, seed, tries=TRIES) for name in specimens()),
            *(Order(name, Scope.CORRECT, profile, seed) for name in correct_subjects()),
        ]
    dice = random.Random(seed)
    pairs = [
        (name, check.id)
        for name, subject in correct_subjects().items()
        for check in subject.checks
        if check.clause.level is Level.MUST and _asked_for(name, check.needs)
    ]
    wrong = dice.sample(sorted(specimens()), min(sample, len(specimens())))
    right = dice.sample(sorted(pairs), min(sample, len(pairs)))
    return [
        *(Order(name, Scope.NAMED, profile, seed, tries=TRIES) for name in wrong),
        *(Order(name, Scope.CORRECT, profile, seed, check) for name, check in right),
    ]


def _asked_for(name: str, needs: frozenset[object]) -> bool:
    """Whether the correct subject claims what the check needs: a skip would prove nothing."""
    subject = correct_subjects()[name].subject
    return not isinstance(subject, type) or needs <= subject.claims


def problems(trials: Iterable[Trial]) -> list[str]:
    """What is wrong, one line each; [] where the gate is open."""
    found = [f"{code} ({CONTRACT[code].slug}) is a MUST and kills nothing" for code in unbitten()]
    for trial in trials:
        name = trial.order.subject
        said = "; ".join(trial.said)
        if trial.order.scope is Scope.CORRECT:
            if trial.killed_by or said:
                found.append(f"false alarm on {name}, which is correct: {said}")
        elif not trial.killed_by:
            specimen = specimens()[name]
            found.append(
                f"{name} is not killed by {specimen.code} with the words {specimen.says!r} "
                f"(seed {trial.order.seed}): {said or 'every check passed'}"
            )
    return found
