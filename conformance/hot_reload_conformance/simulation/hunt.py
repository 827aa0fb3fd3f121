"""The hunt: many runs from many sources, and a failure that is told only when it holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.simulation.failure import ESCAPE, Run, parse_replay
from hot_reload_conformance.simulation.host import hosts
from hot_reload_conformance.simulation.oracle import PYTHON, Source
from hot_reload_conformance.simulation.script import Script
from hot_reload_conformance.simulation.scripts import FIXED_SCRIPTS
from hot_reload_conformance.simulation.search import exhaustive, longest_latency
from hot_reload_conformance.simulation.shrink import shrink
from hot_reload_conformance.simulation.simulate import simulate
from hot_reload_conformance.simulation.sources import Latencies, Pct, RandomWalk, Replay
from hot_reload_conformance.simulation.standstill import sitting
from hot_reload_conformance.simulation.subject import SubjectFactory

RUNS_PER_SCRIPT = 60


@dataclass(frozen=True, slots=True)
class Hunt:
    """What a hunt came to. Just one of ``found``, ``unknown``, ``escaped`` is set, or none."""

    runs: int
    """How many runs it took, without those that confirm and shrink."""
    found: Run | None = None
    """The shrunk failure: it came out the same twice more."""
    original: Run | None = None
    """The failure as it was met."""
    unknown: tuple[Run, Run] | None = None
    """Two runs of one trace that did not go the same way: no verdict."""
    escaped: Run | None = None
    """The subject left the simulation: it cannot be judged here."""

    def describe(self) -> str:
        """The result in words."""
        if self.found is not None:
            return self.found.describe()
        if self.unknown is not None:
            first, second = (each.describe() for each in self.unknown)
            return (
                "unknown: one trace went two ways, so something outside of the simulation has a "
                f"say in it.\n\nfirst:\n{first}\n\nsecond:\n{second}"
            )
        if self.escaped is not None:
            return f"not judged: {self.escaped.failure}"
        return f"nothing found in {self.runs} runs"


def hunt(
    subject: SubjectFactory | type[HostAdapter],
    scripts: Iterable[Script | str] = FIXED_SCRIPTS,
    *,
    runs_per_script: int = RUNS_PER_SCRIPT,
    seed: int = 0,
    shrinking: bool = True,
) -> Hunt:
    """Run each script as plain asyncio, with one and two slow things, and by chance (latencies,
    random walks, PCT), until one fails.

    A subject that blocks its thread is interrupted where ``simulate`` says that it can be.
    The same seed gives the same hunt. A failure is run twice again before it is told; one
    that does not come out the same is ``unknown``.
    """
    count = 0
    if isinstance(subject, type):  # one folder for all runs: what is compiled is found again
        subject = hosts(subject)
    with sitting():
        for given in scripts:
            script = Script.parse(given) if isinstance(given, str) else given
            plain = simulate(subject, script)
            for run in itertools.chain([plain], runs_of(subject, plain, seed, runs_per_script - 1)):
                count += 1
                if run.failure is not None:
                    return told(subject, run, count, shrinking)
        return Hunt(count)


def runs_of(
    subject: SubjectFactory | type[HostAdapter], plain: Run, seed: int, runs: int
) -> Iterator[Run]:
    """The runs beside ``plain`` that a budget of ``runs`` allows, each from a source of its own."""
    horizon = max(plain.trace.schedule_decisions, 1)
    # Most races need two slow things: a third of the budget goes through them in order.
    slow = exhaustive(subject, plain.script, deviations=2, ways=longest_latency)
    yield from itertools.islice(slow, 1, 1 + runs // 3)
    for number in range(runs - runs // 3):
        each = seed * 1_000_003 + number
        source: Source
        match number % 4:
            case 0:
                source = Latencies(each)
            case 1 | 2:
                source = RandomWalk(each)
            case _:
                source = Pct(each, horizon=horizon, depth=2 + number // 4 % 2)
        yield simulate(subject, plain.script, source)


def told(
    subject: SubjectFactory | type[HostAdapter], run: Run, count: int, shrinking: bool
) -> Hunt:
    """``run``, which failed, confirmed and shrunk: what a hunt says that met it."""
    assert run.failure is not None
    if run.failure.kind == ESCAPE:
        return Hunt(count, original=run, escaped=run)
    twice = confirmed(subject, run)
    if twice is not None:
        return Hunt(count, original=run, unknown=twice)
    if shrinking:
        small = shrink(subject, run)
        twice = confirmed(subject, small)
        if twice is not None:
            return Hunt(count, original=run, unknown=twice)
        run, small = small, run
        return Hunt(count, found=run, original=small)
    return Hunt(count, found=run, original=run)


def confirmed(subject: SubjectFactory | type[HostAdapter], run: Run) -> tuple[Run, Run] | None:
    """Run it twice more: None where both go as it went, else two that differ."""
    first, second = (
        simulate(subject, run.script, Replay(run.trace.deviations), record=True) for _ in range(2)
    )
    if not first.same_as(second):
        return first, second
    assert run.failure is not None
    if not run.failure.same_as(first.failure) or str(first.trace) != str(run.trace):
        return run, first
    return None


class OtherPython(ValueError):
    """A replay string of another Python: its loop takes other steps."""


class StaleReplay(ValueError):
    """A replay string that does not fit the subject any more."""


def replay(subject: SubjectFactory | type[HostAdapter], text: str) -> Run:
    """Run what a failure's replay string says, with every decision recorded.

    Raises:
        ValueError: the string is malformed.
        OtherPython: it was made by another Python.
        StaleReplay: a deviation of it does not exist (any more).
    """
    version, script, deviations = parse_replay(text)
    if version != PYTHON:
        raise OtherPython(
            f"this trace was made by Python {version}, and this is {PYTHON}, whose asyncio takes "
            f"other steps: replay it by python{version}, or hunt again here"
        )
    run = simulate(subject, script, Replay(deviations), record=True)
    if [str(each) for each in run.trace.deviations] != [str(each) for each in deviations]:
        raise StaleReplay(
            f"the trace deviates at {','.join(map(str, deviations))}, the run could only at "
            f"{run.trace}: the subject or the script has changed since; hunt again"
        )
    return run
