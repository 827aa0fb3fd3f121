"""The study: one exploration of a subject, script by script, shared by all clauses.

A script is explored when the first clause asks about it, with every invariant armed;
whatever kind of failure was met is no longer asked then, so that none masks another.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.stall import Stalls
from hot_reload_conformance.simulation.clauses import (
    CANCELLED_RELOAD,
    FAILED_RELOAD,
    JUDGED,
    Judged,
)
from hot_reload_conformance.simulation.failure import BLOCKED, ESCAPE, Run
from hot_reload_conformance.simulation.fitting import needed_claims, needed_stages
from hot_reload_conformance.simulation.happenings import WAITED, Happenings
from hot_reload_conformance.simulation.host import hosts
from hot_reload_conformance.simulation.hunt import OtherPython, StaleReplay, replay, runs_of, told
from hot_reload_conformance.simulation.invariants import ALL, NEXT_OPERATION, SERIAL
from hot_reload_conformance.simulation.script import Script
from hot_reload_conformance.simulation.scripts import FIXED_SCRIPTS
from hot_reload_conformance.simulation.simulate import simulate
from hot_reload_conformance.simulation.sources import Replay
from hot_reload_conformance.simulation.standstill import sitting
from hot_reload_conformance.simulation.telling import finding_of
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CannotJudge, Finding, KitError, NotClaimed

MAX_KEPT = 8
"""So many studies are kept: a run judges one subject after the other, by many clauses each."""


@dataclass(slots=True)
class Explored:
    """What the runs of one script showed."""

    runs: int = 0
    found: dict[str, Run] = field(default_factory=dict)
    """The first failure of each kind."""
    facts: Counter[str] = field(default_factory=Counter)
    escaped: Run | None = None
    blocked: Run | None = None
    """It had to be interrupted; nothing more was asked of it."""


class Study:
    """The simulations of one subject under one budget. Used from one thread."""

    def __init__(self, subject: HostSubject, budget: Budget) -> None:
        self._subject = subject
        self._budget = budget
        self._explored: dict[Script, Explored] = {}
        self._stalls = Stalls()

    def scripts(self, judged: Judged) -> list[Script]:
        """The fixed scripts that are about a clause, and that the subject's claims allow."""
        return [
            each
            for each in FIXED_SCRIPTS
            if judged.scripts(each)
            and needed_claims(each) <= self._subject.claims
            and needed_stages(each) <= {*self._subject.adapter.stages}
        ]

    def explored(self, script: Script) -> Explored:
        """What simulations of ``script`` show; each script is explored once."""
        if script not in self._explored:
            self._explored[script] = self._explore(script)
        return self._explored[script]

    def _explore(self, script: Script) -> Explored:
        result = Explored()
        asked = set(ALL)

        def seen(happenings: Happenings) -> None:
            result.facts.update(happenings.facts())

        subject = hosts(self._subject.factory, invariants=asked, seen=seen)
        plain = simulate(subject, script)
        more = runs_of(subject, plain, self._budget.seed or 0, self._budget.simulated_runs - 1)
        for run in itertools.chain([plain], more):
            result.runs += 1
            failing = run
            while failing.failure is not None:
                kind = failing.failure.kind
                if kind == ESCAPE:
                    result.escaped = failing
                    return result
                if kind == BLOCKED:
                    result.blocked = failing
                    return result
                result.found.setdefault(kind, failing)
                if kind not in asked:
                    break  # the loop itself told it, and would again
                asked.discard(kind)
                failing = simulate(subject, script, Replay(run.trace.deviations))
        return result

    def judge(self, code: str, *, shrink: bool = True) -> Finding | None:
        """What the study says of the clause ``code``; None: it held in every run.

        A host that blocks its thread breaks every clause that asks for the script in which it does.

        Raises:
            NotClaimed: no script fits, or the host leaves the simulation.
            CannotJudge: one trace went two ways, or nothing was verified.
        """
        with sitting(self._stalls):
            return self._judge(code, shrink)

    def _judge(self, code: str, shrink: bool) -> Finding | None:
        judged = JUDGED[code]
        scripts = self.scripts(judged)
        if not scripts:
            raise NotClaimed("no script of the simulation about this fits the claims")
        facts: Counter[str] = Counter()
        left_to_others: set[Script] = set()
        for script in scripts:
            explored = self.explored(script)
            if explored.escaped is not None:
                raise NotClaimed(
                    "simulation: the host leaves it, so its interleavings were not judged (the "
                    f"examples are): {explored.escaped.failure}"
                )
            if explored.blocked is not None:
                return finding_of(code, explored.blocked, None)
            facts += explored.facts
            for kind in judged.kinds:
                if kind not in explored.found:
                    continue
                if judged.overlap and self._breaks_one_by_one(script, kind):
                    left_to_others.add(script)
                    continue
                return self._finding(code, kind, explored.found[kind], shrink)
        if (
            judged.fact == FAILED_RELOAD
            and not facts[judged.fact]
            and not any(map(_plans, scripts))
        ):
            raise NotClaimed(
                "simulation: no reload of this host can be made to fail in it: its `stages` name "
                "none that a plugin fails at while it starts, and nothing of it awaits where a "
                "fault could be injected"
            )
        if judged.fact == CANCELLED_RELOAD and not facts[judged.fact] and not facts[WAITED]:
            raise NotClaimed(
                "simulation: a reload of this host never waits, so nobody can cancel one that has "
                "begun: drop the claim `cancel`"
            )
        if judged.fact and not facts[judged.fact]:
            runs = sum(self.explored(each).runs for each in scripts)
            raise CannotJudge(f"not verified: in {runs} simulated runs there was no {judged.fact}")
        if left_to_others == set(scripts):
            raise CannotJudge(
                "not verified: in each script the host comes to a wrong end where the operations "
                "come one after the other too. Mend that first: see what the other clauses find, "
                "HR-OBS-04 and HR-ROLL-01 among them"
            )
        return None

    def _breaks_one_by_one(self, script: Script, kind: str) -> bool:
        """Whether the host breaks that way without any overlap, in the script's order or in
        the opposite one."""
        subject = hosts(self._subject.factory, invariants=_alone(kind))
        backwards = replace(script, operations=script.operations[::-1])
        runs = (simulate(subject, each.one_by_one()) for each in (script, backwards))
        return any(run.failure is not None and run.failure.kind == kind for run in runs)

    def _finding(self, code: str, kind: str, run: Run, shrink: bool) -> Finding:
        # As little as possible is asked, so that shrinking is not led astray by another failure
        # of the same host; but some show only behind what another question does.
        for asked in (_alone(kind), set(JUDGED[code].kinds) & set(ALL), {*ALL} - {kind}, {*ALL}):
            subject = hosts(self._subject.factory, invariants=asked)
            again = simulate(subject, run.script, Replay(run.trace.deviations))
            if again.failure is None or again.failure.kind != kind:
                continue
            result = told(subject, again, 1, shrink)
            if result.found is not None:
                return finding_of(code, result.found, result.original)
            raise CannotJudge(result.describe())
        raise CannotJudge(f"the host does not do the same twice; first: {run.describe()}")

    def replay(self, code: str, text: str) -> Finding | None:
        """Run what a finding's replay says; what it finds of the clause, or None.

        Raises:
            KitError: it cannot be replayed here; the message says why.
        """
        kinds = set(JUDGED[code].kinds)
        subject = hosts(self._subject.factory, invariants=_with_basis(kinds & set(ALL)))
        try:
            with sitting(self._stalls):
                run = replay(subject, text)
        except (OtherPython, StaleReplay, ValueError) as error:
            raise KitError(str(error)) from error
        if run.failure is not None and not run.failure.judges:
            raise NotClaimed(f"simulation: {run.failure}")
        if run.failure is None or run.failure.kind not in (*kinds, BLOCKED):
            return None
        return finding_of(code, run, None)


def _plans(script: Script) -> bool:
    """Whether a version in ``script`` is written to fail, so that no fault has to be injected."""
    return any(set("!~") & set(op.value) for op in script.operations)


def _alone(kind: str) -> set[str]:
    return _with_basis({kind} & set(ALL))


def _with_basis(kinds: Iterable[str]) -> set[str]:
    """The next operation is judged from the state that a serial order explains."""
    asked = set(kinds)
    return asked | {SERIAL} if asked == {NEXT_OPERATION} else asked


_studies: dict[object, Study] = {}


def study_of(subject: HostSubject, budget: Budget) -> Study:
    """The study that all clauses of ``subject`` share under ``budget``."""
    key = (
        subject.adapter,
        subject.name,
        subject.claims,
        subject.make,
        budget.seed,
        budget.simulated_runs,
    )
    if key not in _studies:
        while len(_studies) >= MAX_KEPT:
            del _studies[next(iter(_studies))]
        _studies[key] = Study(subject, budget)
    return _studies[key]
