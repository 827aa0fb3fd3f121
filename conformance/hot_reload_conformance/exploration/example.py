"""One example of the state machine: a script, run on a fresh host without Hypothesis."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.exploration.invariants import INVARIANTS
from hot_reload_conformance.exploration.operation import Op, parse_script, renumbered, script
from hot_reload_conformance.exploration.plan import plan_of
from hot_reload_conformance.exploration.scene import LeftToOthers, Scene
from hot_reload_conformance.exploration.standing import Standing, standing
from hot_reload_conformance.exploration.world import World
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Finding, KitError, Violation

_SHRINK_TRIES = 150
_SHRINK_SECONDS = 15.0
"""A host that hangs costs a deadline in each try: a longer story is better than no verdict."""


@dataclass
class Run:
    """One example: what was done in it, and how it ended."""

    world: Scene
    violation: Violation | None = None

    @property
    def trace(self) -> str:
        """The operations, and the violation or None."""
        return f"{script(self.world.applied) or 'nothing'} → {self.violation or 'held'}"

    def finding(self, code: str) -> Finding | None:
        """What it found, as a story."""
        if self.violation is None:
            return None
        return Finding(
            message=self.violation.message,
            expected=self.violation.expected,
            seen=self.violation.seen,
            story=tuple(self.world.story),
            timeline=self.world.case.recording.timeline(),
            replay=f"{code}={script(self.world.applied)}",
        )


def replay(
    subject: HostSubject, code: str, text: str, budget: Budget | None = None
) -> Finding | None:
    """Run the script ``text`` once, without Hypothesis; what it finds, or None.

    Raises:
        CannotJudge: another clause is broken, so that this one could not be judged.
        KitError: ``text`` is no script, or the adapter broke.
    """
    try:
        operations = parse_script(text)
    except ValueError as error:
        raise KitError(f"the script to replay is malformed: {error}") from None
    if code not in INVARIANTS:
        raise KitError(f"{code} has no state machine; those that have: {', '.join(INVARIANTS)}")
    return run_script(subject, code, operations, budget or Budget()).finding(code)


def run_script(subject: HostSubject, code: str, operations: list[Op], budget: Budget) -> Run:
    """Run ``operations`` on a fresh host, up to the first violation."""
    with standing(subject, budget, plan_of(code).ports) as stands:
        run = begun(stands, code)
        for op in operations:
            if not applied(stands, run, op):
                break
        return run


def begun(stands: Standing, code: str) -> Run:
    """A world of the clause's machine on the open case, ready for its first operation.

    Raises:
        CannotJudge: it does not come so far.
    """
    run = Run(plan_of(code).world(stands.case, INVARIANTS[code]()))
    stands.run(run.world.begin(), deadline_seconds=15)
    return run


def applied(stands: Standing, run: Run, op: Op) -> bool:
    """Do ``op``; False: the clause is broken, and ``run`` says how."""
    try:
        stands.run(run.world.apply(op), deadline_seconds=15)
    except Violation as violation:
        run.violation = violation
        return False
    return True


def breaks_alone(subject: HostSubject, run: Run, budget: Budget) -> bool:
    """Whether what broke in ``run``, of a clause about overlaps, does so one by one too.

    Another order of those that overlapped might end otherwise, but none of them should fail.
    """
    armed = run.world.armed
    if not armed.about_overlaps:
        return False
    one_by_one = [part for op in run.world.applied for part in (op.parts or (op,))]
    try:
        alone = run_script(subject, armed.code, one_by_one, budget)
    except LeftToOthers:
        return True
    return bool(alone.violation or alone.world.armed.broke() & armed.broke())


def shortest(failing: Run, fails: Callable[[list[Op]], Run | None]) -> Run:
    """The failing run with operations left out and made plainer, as long as it still fails.

    Hypothesis could shrink as well, but it shrinks what it drew: it does not know that
    operations are independent, took ten times as long, and left more of them.
    """
    tries = _tries(time.monotonic() + _SHRINK_SECONDS)
    failing = _shorter(failing, fails, tries)
    plainer = _plainer(failing, fails, tries)
    if plainer is not failing:
        failing = _shorter(plainer, fails, tries)
    return fails(renumbered(failing.world.applied)) or failing


def _tries(until: float) -> Iterator[int]:
    for number in range(_SHRINK_TRIES):
        if time.monotonic() > until:
            return
        yield number


def _shorter(failing: Run, fails: Callable[[list[Op]], Run | None], tries: Iterator[int]) -> Run:
    """Leave out groups of operations, from the end: large ones first, then single ones."""
    size = max(1, len(failing.world.applied) // 3)
    while size:
        at = len(failing.world.applied) - 1 - size  # what fails stands last
        while at > -size and next(tries, None) is not None:
            operations = failing.world.applied
            shorter = fails(operations[: max(at, 0)] + operations[at + size :])
            if shorter is not None and len(shorter.world.applied) < len(operations):
                failing = shorter
                at = min(at, len(failing.world.applied) - 1)
            at -= size
        size //= 2
    return failing


def _plainer(failing: Run, fails: Callable[[list[Op]], Run | None], tries: Iterator[int]) -> Run:
    for at in range(len(failing.world.applied)):
        operations = failing.world.applied
        for simple in _simpler(failing.world, operations[at]):
            if next(tries, None) is None:
                return failing
            plainer = fails([*operations[:at], simple, *operations[at + 1 :]])
            if plainer is not None and len(plainer.world.applied) == len(operations):
                failing = plainer
                break
    return failing


def _simpler(world: Scene, op: Op) -> list[Op]:
    """The plainer ones of its kind, the plainest first."""
    if op.parts:
        return list(op.parts)
    if op.verb == "put":
        plain = Op("put", value='{"count": 1}')
        return [plain] if plain != op else []
    stage = op.fault.partition(":")[0]
    faults = world.faults if isinstance(world, World) else {}
    same = [key for key in faults if op.fault and key.startswith(f"{stage}:")]
    return [replace(op, fault=same[0])] if same and same[0] != op.fault else []
