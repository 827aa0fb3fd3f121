"""How many examples a state machine needs: ``python tests/benchmarks/machine_budget.py``.

Each specimen that a machine can find is explored with nothing but what Hypothesis draws, under
several seeds, up to the first finding; the table says in how many examples what share of them
is found. The scripts that come first in a real run are then counted on top.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.exploration.invariants import INVARIANTS
from hot_reload_conformance.exploration.machine import exploration
from hot_reload_conformance.exploration.plan import PLANS, plan_of
from hot_reload_conformance.specimens.registry import all_specimens
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CannotJudge, KitError, NotClaimed

MOST = 40
STEPS = (15, 25)
AT = (2, 4, 6, 8, 10, 15, 20, 30, MOST)


@dataclass(frozen=True)
class Found:
    """In which example the bug was found; 0: in none."""

    name: str
    code: str
    example: int


def tried(adapter: type[HostAdapter], code: str, seed: int, steps: int) -> int:
    """The number of the first example that finds something, or 0."""
    most = MOST * plan_of(code).cost
    budget = Budget(examples=most, steps=steps, seed=seed, shrink=False)
    try:
        found = exploration(HostSubject(adapter), code, budget)
    except (CannotJudge, KitError, NotClaimed):
        return 0
    return found.explored.examples if found.finding and found.explored else 0


def scripted(adapter: type[HostAdapter], code: str) -> bool:
    """Whether the scripts alone find it."""
    try:
        answer = exploration(HostSubject(adapter), code, Budget(examples=1, steps=1, shrink=False))
    except (CannotJudge, KitError, NotClaimed):
        return False
    return answer.finding is not None


def subjects(only: str) -> Iterator[tuple[str, type[HostAdapter], str]]:
    for each in all_specimens():
        if each.code in INVARIANTS and only in each.adapter.__module__:
            yield each.name, each.adapter, each.code


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--only", default="", help="a part of the specimens' module")
    given = options.parse_args()
    every = list(subjects(given.only))
    by_script = {name for name, adapter, code in every if scripted(adapter, code)}
    print(f"{len(every)} specimens; the scripts alone find {len(by_script)}")
    for machine, plan in list(PLANS.items()):
        PLANS[machine] = replace(plan, seeds=())
    for steps in STEPS:
        found = [
            Found(name, code, tried(adapter, code, seed, steps))
            for name, adapter, code in every
            for seed in range(given.seeds)
        ]
        hits = [each for each in found if each.example]
        findable = {each.name for each in hits} | by_script
        print(f"{steps} steps: {len({each.name for each in hits})} found by what is drawn")
        for at in AT:
            share = sum(each.example <= at for each in hits) / max(1, len(findable) * given.seeds)
            rest = [e for e in found if e.name in findable - by_script]
            late = sum(0 < each.example <= at for each in rest) / max(1, len(rest))
            print(f"  {at:>3} examples: {share:6.1%}; of those that no script finds {late:6.1%}")
        for name in sorted(findable - by_script):
            print(f"    {name}: {[each.example for each in found if each.name == name]}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
