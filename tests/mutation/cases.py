"""The cases that a mutant meets: every variant of every check, held against the reference engine.

Whatever is green on the engine as it is and red on a mutant kills it: a finding, of a SHOULD
as of a MUST, a clause that can't be judged any more, a host that does not even pass the
self-test. Only "not verified" of a machine or a simulation does not: whether their random walks
came by is chance.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.reach import Lines, Tracer

from hot_reload_conformance.adapters.reference import ReferenceAdapter
from hot_reload_conformance.bench.budgets import BUDGETS
from hot_reload_conformance.bench.judge import Judge
from hot_reload_conformance.check import Check, Variant, host_checks
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Verdict

SOURCES = Path("src").resolve()
JUDGE, SUBJECT = Judge(BUDGETS["quick"]), HostSubject(ReferenceAdapter)


@dataclass(frozen=True, slots=True)
class Case:
    """One variant of a check; of one that explores, all of it."""

    check: Check
    variant: str

    @property
    def name(self) -> str:
        """``HR-LOAD-02 failed-load-leaves-nothing: syntax``."""
        told = f"{self.check.clause.code} {self.check.id}"
        return f"{told}: {self.variant}" if self.variant else told

    def red(self) -> str:
        """Why it is not green on the engine as it is now; empty: it is."""
        result = JUDGE.judge(SUBJECT, self.check)
        by_chance = result.verdict is Verdict.UNKNOWN and self.check.explores
        if by_chance or result.verdict in (Verdict.PASS, Verdict.NOT_CLAIMED):
            return ""
        return result.reason or result.verdict.value


@dataclass(frozen=True, slots=True)
class Tried:
    """What a case did on the engine as it is."""

    lines: Lines
    seconds: float
    red: str


def cases(*, explore: bool = True) -> list[Case]:
    """Every case; without ``explore`` none of a machine or a simulation."""
    found: list[Case] = []
    for check in host_checks():
        if not check.explores:
            variants = check.variants(ReferenceAdapter)
            found += [Case(_alone(check, each), each.name) for each in variants]
        elif explore:
            found.append(Case(check, ""))
    return found


def _alone(check: Check, variant: Variant) -> Check:
    return dataclasses.replace(check, variants=lambda _: (variant,))


def in_process(every: Sequence[Case]) -> list[Tried]:
    """What each case does, found out in a process of its own: the next ones are forked from one
    in which nothing has run."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        with os.fdopen(writing, "wb") as pipe, silent():
            pickle.dump([tried(case) for case in every], pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        found: list[Tried] = pickle.load(pipe)
    os.waitpid(pid, 0)
    return found


def tried(case: Case) -> Tried:
    """Run twice: for its verdict and its time first, and traced, which takes longer."""
    started = time.perf_counter()
    red = case.red()
    seconds = time.perf_counter() - started
    with Tracer(SOURCES) as tracer:
        case.red()
    return Tried(tracer.lines, seconds, red)


@contextlib.contextmanager
def silent() -> Iterator[None]:
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield
