"""One example of the state machine: a script, run on a fresh host without Hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.exploration.invariants import INVARIANTS
from hot_reload_conformance.exploration.operation import Op, parse_script, renumbered, script
from hot_reload_conformance.exploration.standing import Standing, standing
from hot_reload_conformance.exploration.world import World
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Finding, KitError, Violation

_SHRINK_TRIES = 150


@dataclass
class Run:
    """One example: what was done in it, and how it ended."""

    world: World
    violation: Violation | None = None

    @property
    def trace(self) -> str:
        """The operations, and the violation or None."""
        return f"{script(self.world.applied) or 'nothing'} → {self.violation or 'held'}"

    def finding(self, code: str) -> Finding | None:
        """What it found, as a story."""
        if self.violation is None:
            return None
        moments = self.world.case.recording.moments
        return Finding(
            message=self.violation.message,
            expected=self.violation.expected,
            seen=self.violation.seen,
            story=tuple(self.world.story),
            timeline=tuple(str(moment) for moment in moments[-60:]),
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
    with standing(subject, budget) as stands:
        run = Run(World(stands.case, INVARIANTS[code]()))
        for op in operations:
            if not applied(stands, run, op):
                break
        return run


def applied(stands: Standing, run: Run, op: Op) -> bool:
    """Do ``op``; False: the clause is broken, and ``run`` says how."""
    try:
        stands.run(run.world.apply(op), deadline_seconds=15)
    except Violation as violation:
        run.violation = violation
        return False
    return True


def shortest(failing: Run, fails: Callable[[list[Op]], Run | None]) -> Run:
    """The failing run with operations left out, as long as it still fails.

    Hypothesis could shrink as well, but it shrinks what it drew: it does not know that
    operations are independent, took ten times as long, and left more of them.
    """
    tries = _SHRINK_TRIES
    at = len(failing.world.applied) - 1
    while at >= 0 and tries:
        operations = failing.world.applied
        at = min(at, len(operations) - 1)
        tries -= 1
        shorter = fails(operations[:at] + operations[at + 1 :])
        if shorter is not None and len(shorter.world.applied) < len(operations):
            failing, at = shorter, len(shorter.world.applied)
        at -= 1
    for at, op in enumerate(failing.world.applied):
        simple = _simpler(failing.world, op)
        operations = failing.world.applied
        plainer = simple != op and fails([*operations[:at], simple, *operations[at + 1 :]])
        if plainer and len(plainer.world.applied) == len(operations):
            failing = plainer
    return fails(renumbered(failing.world.applied)) or failing


def _simpler(world: World, op: Op) -> Op:
    """The plainest operation of its kind."""
    if op.verb == "put":
        return Op("put", value='{"count": 1}')
    stage = op.fault.partition(":")[0]
    same = [key for key in world.faults if op.fault and key.startswith(f"{stage}:")]
    return replace(op, fault=same[0]) if same else op
