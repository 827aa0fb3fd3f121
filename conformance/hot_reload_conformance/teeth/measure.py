"""The whole measurement: which trials it is made of, and the file that grows meanwhile."""

from __future__ import annotations

import datetime
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hot_reload_conformance.teeth.matrix import Matrix
from hot_reload_conformance.teeth.pool import trials
from hot_reload_conformance.teeth.quarry import correct_subjects, specimens
from hot_reload_conformance.teeth.trial import Order, Scope, Trial


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured. What a file holds already counts, and is not done again."""

    profiles: Sequence[str] = ("quick",)
    seeds: int = 20
    """How often each specimen meets the clause that it names, in each profile."""
    crossings: int = 1
    """How often each specimen meets every clause, in the first profile."""
    correct: int = 0
    """How often each correct subject meets every MUST clause, in the first profile."""

    def orders(self) -> list[Order]:
        """The cheap ones first: a measurement that is cut short is then still worth something."""
        profile = self.profiles[0]
        return [
            *(
                Order(name, Scope.NAMED, each, seed)
                for each in self.profiles
                for seed in range(self.seeds)
                for name in specimens()
            ),
            *_turns(Scope.ALL, _one_of_each_first(), profile, self.crossings),
            *_turns(Scope.CORRECT, correct_subjects(), profile, self.correct),
        ]


def _one_of_each_first() -> list[str]:
    """The specimens, the first of each clause before the second of any."""
    before: Counter[str] = Counter()
    ranked: list[tuple[int, int, str]] = []
    for place, (name, specimen) in enumerate(specimens().items()):
        ranked.append((before[specimen.code], place, name))
        before[specimen.code] += 1
    return [name for _, _, name in sorted(ranked)]


def _turns(scope: Scope, names: Iterable[str], profile: str, times: int) -> Iterable[Order]:
    return [
        Order(name, scope, profile, seed)
        for seed, name in itertools.product(range(times), list(names))
    ]


SAVED_EVERY = 20


def measure(
    extent: Extent, file: Path, jobs: int, on_trial: Callable[[Trial, int], None]
) -> Matrix:
    """Do what ``file`` does not hold yet; it is written as the trials end.

    ``on_trial`` is told of each trial, and of how many there are in all.

    Raises:
        ValueError: ``file`` is no kill matrix.
    """
    matrix = Matrix.read(file).trimmed()
    orders = matrix.wanted(extent.orders())
    for number, trial in enumerate(trials(orders, jobs), 1):
        matrix.add(trial)
        matrix.made = datetime.date.today().isoformat()
        on_trial(trial, len(orders))
        if number % SAVED_EVERY == 0:
            matrix.write(file)
    matrix.write(file)
    return matrix
