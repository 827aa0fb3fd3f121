"""Shrinking: fewer operations and fewer deviations that still show the same failure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.simulation.failure import BLOCKED, Run
from hot_reload_conformance.simulation.oracle import Deviation
from hot_reload_conformance.simulation.script import Op, Script
from hot_reload_conformance.simulation.search import (
    Ways,
    anchored,
    every_way,
    exhaustive,
    longest_latency,
)
from hot_reload_conformance.simulation.simulate import simulate
from hot_reload_conformance.simulation.sources import Replay
from hot_reload_conformance.simulation.subject import SubjectFactory

MAX_RUNS = 300
"""What one shrinking may cost."""
BLOCKED_COST = 75
"""So many runs one counts for that has to be interrupted: each takes a second or two."""
SWEEP_RUNS = 30
"""How many single deviations are tried where an operation was left out and nothing else fits."""
SLOW_RUNS = 60
"""How many pairs of long latencies are tried then: most races need two slow things."""
ENOUGH_DEVIATIONS = 2


def shrink(
    subject: SubjectFactory | type[HostAdapter], failing: Run, *, max_runs: int = MAX_RUNS
) -> Run:
    """A run with the same kind of failure, with nothing in it that could be left out.

    Operations and schedule shrink together: where an operation is left out, the deviations
    are found again by what they were about, or looked for anew.

    Raises:
        ValueError: ``failing`` did not fail.
    """
    if failing.failure is None:
        raise ValueError("there is nothing to shrink: the run did not fail")
    return _Shrinking(subject, failing, max_runs).result()


class _Shrinking:
    def __init__(
        self, subject: SubjectFactory | type[HostAdapter], failing: Run, max_runs: int
    ) -> None:
        assert failing.failure is not None
        self._subject = subject
        self._kind = failing.failure.kind
        self._left = max_runs
        # Recorded, for the anchors; should it not fail again, the hunt will say so.
        again = self._attempt(failing.script, failing.trace.deviations)
        self._best = again or failing

    def result(self) -> Run:
        self._fewer_deviations()
        progress = True
        while progress and self._left > 0:
            progress = any(self._without(script) for script in _shorter(self._best.script))
        self._simpler_schedule()
        return self._best

    def _attempt(self, script: Script, deviations: Sequence[Deviation]) -> Run | None:
        if self._left <= 0:
            return None
        self._left -= 1
        run = simulate(self._subject, script, Replay(deviations), record=True)
        return run if self._is_it(run) else None

    def _is_it(self, run: Run) -> bool:
        if run.failure is not None and run.failure.kind == BLOCKED:
            self._left -= BLOCKED_COST
        return run.failure is not None and run.failure.kind == self._kind

    # Deviations

    def _fewer_deviations(self) -> None:
        """Delta debugging of what deviates, from halves down to single ones."""
        for few in itertools.chain([()], ((each,) for each in self._best.trace.deviations[:12])):
            if len(self._best.trace.deviations) > len(few) and self._take(few):
                return
        size = len(self._best.trace.deviations) // 2
        while size:
            start = 0
            while start < len(self._best.trace.deviations):
                rest = self._best.trace.deviations
                if not self._take((*rest[:start], *rest[start + size :])):
                    start += size
            size //= 2

    def _take(self, deviations: Sequence[Deviation], script: Script | None = None) -> bool:
        found = self._attempt(script or self._best.script, deviations)
        if found is None or _cost(found) >= _cost(self._best):
            return False
        self._best = found
        return True

    # Operations

    def _without(self, script: Script) -> bool:
        """Whether the failure can be had with the shorter ``script``; it is the best one then."""
        found = (
            self._attempt(script, self._best.trace.deviations)
            or self._anchored(script)
            or self._swept(script, SWEEP_RUNS)
            or self._swept(script, SLOW_RUNS, 2, longest_latency)
        )
        if found is None:
            return False
        self._best = found
        self._fewer_deviations()
        return True

    def _anchored(self, script: Script) -> Run | None:
        if not self._best.trace.log or self._left <= 0:
            return None
        placed: list[Deviation] = []
        for each in self._best.trace.deviations:
            self._left -= 1
            run = simulate(self._subject, script, Replay(placed), record=True)
            if self._is_it(run):
                return run
            place = anchored(self._best, run.trace.log, each)
            if place is not None and (not placed or place.index > placed[-1].index):
                placed.append(place)
        return self._attempt(script, placed) if placed else None

    def _swept(
        self, script: Script, limit: int, deviations: int = 1, ways: Ways = every_way
    ) -> Run | None:
        tried = exhaustive(self._subject, script, deviations=deviations, ways=ways)
        for run in itertools.islice(tried, min(limit, max(self._left, 0))):
            self._left -= 1
            if self._is_it(run):
                return run
        return None

    def _simpler_schedule(self) -> None:
        """Fewer deviations by a search anew, where shrinking left many; then smaller ways."""
        searches: list[tuple[int, Ways]] = [(2, longest_latency), (1, every_way), (2, every_way)]
        for deviations, ways in searches:
            if len(self._best.trace.deviations) <= ENOUGH_DEVIATIONS:
                break
            found = self._swept(self._best.script, max(self._left // 2, 1), deviations, ways)
            if found is not None and _cost(found) < _cost(self._best):
                self._best = found
        for place, each in enumerate(self._best.trace.deviations):
            for choice in range(1, each.choice):
                changed = list(self._best.trace.deviations)
                changed[place] = Deviation(each.index, choice)
                if self._take(changed):
                    break


def _cost(run: Run) -> tuple[int, ...]:
    script, trace = run.script, run.trace
    return (
        len(script.operations),
        len(script.given),
        len(trace.deviations),
        sum(each.choice for each in trace.deviations),
    )


def _shorter(script: Script) -> Iterator[Script]:
    """The script without one operation, the later ones first; what overlaps before the rest."""
    for place in reversed(range(len(script.operations))):
        if len(script.operations) > 1:
            yield replace(script, operations=_dropped(script.operations, place))
    for place in reversed(range(len(script.given))):
        yield replace(script, given=_dropped(script.given, place))


def _dropped(ops: tuple[Op, ...], place: int) -> tuple[Op, ...]:
    return (*ops[:place], *ops[place + 1 :])
