"""The search through one script: every run with one deviation, then with two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.simulation.failure import Run
from hot_reload_conformance.simulation.oracle import LATENCY, Asked, Deviation
from hot_reload_conformance.simulation.script import Script
from hot_reload_conformance.simulation.simulate import simulate
from hot_reload_conformance.simulation.sources import Replay
from hot_reload_conformance.simulation.subject import SubjectFactory

Ways: TypeAlias = Callable[[Asked], Iterable[int]]


def every_way(asked: Asked) -> Iterable[int]:
    """All that deviate."""
    return range(1, asked.n)


def longest_latency(asked: Asked) -> Iterable[int]:
    """Only the longest of latencies."""
    return (asked.n - 1,) if asked.kind == LATENCY else ()


def exhaustive(
    subject: SubjectFactory | type[HostAdapter],
    script: Script | str,
    *,
    deviations: int = 2,
    ways: Ways = every_way,
) -> Iterator[Run]:
    """Every run of ``script`` with at most this many deviations, those with fewer first.

    Lazily, so end it when you have seen enough: with one deviation there are about as many
    runs as ways to go in plain asyncio, with two about half the square of it. ``ways`` says
    which ways of a decision to try: ``longest_latency`` looks at slowness alone.
    """
    plain = simulate(subject, script, Replay(()), record=True)
    yield plain
    level = [plain]
    for _ in range(deviations):
        below: list[Run] = []
        for parent in level:
            for child in _children(parent, ways):
                run = simulate(subject, script, Replay(child), record=True)
                yield run
                below.append(run)
        level = below


def _children(run: Run, ways: Ways) -> Iterator[tuple[Deviation, ...]]:
    """The same deviations and one more behind the last: what each decision could have been."""
    before = run.trace.deviations
    begin = before[-1].index + 1 if before else 0
    for index in range(begin, len(run.trace.log)):
        for choice in ways(run.trace.log[index]):
            yield (*before, Deviation(index, choice))


def anchored(run: Run, log: tuple[Asked, ...], deviation: Deviation) -> Deviation | None:
    """Where ``deviation`` of ``run`` would be in another run of which ``log`` is known.

    It is found by what it was about, and how often that had come before: an operation that
    is left out shifts the index of everything behind it, but not this.
    """
    there = run.trace.log[deviation.index]
    wanted = _word(there, deviation.choice)
    nth = sum(
        each.kind == there.kind and wanted in map(_plain, each.labels)
        for each in run.trace.log[: deviation.index]
    )
    for index, each in enumerate(log):
        words = [_plain(label) for label in each.labels]
        if each.kind == there.kind and wanted in words:
            if nth:
                nth -= 1
                continue
            choice = words.index(wanted) if len(words) > 1 else deviation.choice
            if 0 < choice < each.n:
                return Deviation(index, choice)
    return None


def _word(asked: Asked, choice: int) -> str:
    return _plain(asked.labels[choice] if len(asked.labels) > 1 else asked.labels[0])


def _plain(label: str) -> str:
    # Tasks without a name of their own are numbered through the whole run.
    return "task" if label.startswith("task ") else label
