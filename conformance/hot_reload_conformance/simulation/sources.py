"""Sources of decisions: from plain asyncio over chance and search to an exact replay."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hot_reload_conformance.simulation.oracle import (
    CANCEL,
    CLOCK,
    FAULT,
    LATENCY,
    SCHEDULE,
    Deviation,
)

RATES: Mapping[str, float] = {
    SCHEDULE: 0.3,
    LATENCY: 0.15,
    FAULT: 0.02,
    CANCEL: 0.02,
    CLOCK: 0.01,
}
"""How often a random walk deviates, by kind. Mishaps are rare, or nothing else is ever seen."""


class Zero:
    """Plain asyncio, and no mishap."""

    def choose(self, kind: str, n: int, label: str, options: Sequence[Any]) -> int:
        return 0


class RandomWalk:
    """Deviates by chance: each kind at its own rate, each way alike."""

    def __init__(self, seed: int, rates: Mapping[str, float] = RATES) -> None:
        self._random = random.Random(seed).random
        # There is a walk for every run, and nearly all of them have the usual rates.
        self._rates = RATES if rates is RATES else {k: rates.get(k, 0.0) for k in RATES}

    def choose(self, kind: str, n: int, label: str, options: Sequence[Any]) -> int:
        drawn = self._random()
        rate = self._rates[kind]
        if drawn >= rate:
            return 0
        # What was drawn is spread evenly below the rate: no second draw is needed.
        return 1 + int(drawn / rate * (n - 1))


class Latencies(RandomWalk):
    """Only durations vary: what a slow disk or network does, and no more."""

    def __init__(self, seed: int, rate: float = 0.4) -> None:
        super().__init__(seed, {LATENCY: rate})


class Pct:
    """Probabilistic concurrency testing: random priorities of tasks, and a few changes of them.

    A bug that needs ``depth`` orderings is found with a probability of at least
    1 / (tasks · horizon^(depth - 1)) in each run (Burckhardt and others, ASPLOS 2010).
    ``horizon`` is the number of schedule decisions, as a run before has measured it
    (``Trace.schedule_decisions``). The other kinds go as in a random walk.
    """

    def __init__(
        self, seed: int, *, horizon: int, depth: int = 3, rates: Mapping[str, float] = RATES
    ) -> None:
        if horizon < 1 or depth < 1:
            raise ValueError(f"horizon {horizon} and depth {depth} must be at least 1")
        self._chance = random.Random(seed)
        self._walk = RandomWalk(seed, {**rates, SCHEDULE: 0.0})
        self._changes = {self._chance.randrange(horizon) for _ in range(depth - 1)}
        self._asked = 0
        self._lowest = 0.0

    def choose(self, kind: str, n: int, label: str, options: Sequence[Any]) -> int:
        if kind != SCHEDULE:
            return self._walk.choose(kind, n, label, options)
        if len(options) > n:
            options = options[:n]
        try:
            # A task carries its priority itself: looking it up elsewhere would cost twice as
            # much, at every step.
            priorities = [each.priority for each in options]
        except AttributeError:
            priorities = [self._priority(each) for each in options]
        place = priorities.index(max(priorities))
        asked = self._asked
        self._asked = asked + 1
        if asked in self._changes:
            self._lowest -= 1.0
            options[place].priority = priorities[place] = self._lowest
            place = priorities.index(max(priorities))
        return place

    def _priority(self, task: Any) -> float:
        """What ``task`` carries; one that is met for the first time is given one."""
        priority: float = getattr(task, "priority", self._chance.random())
        task.priority = priority
        return priority


class Plan:
    """A list of numbers, one for each decision, taken modulo the ways; 0 when it is used up.

    For Hypothesis: draw ``lists(integers(0, 3))`` outside of the run, and give it here.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = iter(numbers)

    def choose(self, kind: str, n: int, label: str, options: Sequence[Any]) -> int:
        return next(self._numbers, 0) % n


class Replay:
    """Deviates exactly where it is told. A way that there is not any more is passed over."""

    def __init__(self, deviations: Iterable[Deviation]) -> None:
        self._choices = {each.index: each.choice for each in deviations}
        self._asked = 0

    def choose(self, kind: str, n: int, label: str, options: Sequence[Any]) -> int:
        choice = self._choices.get(self._asked, 0)
        self._asked += 1
        return choice if choice < n else 0
