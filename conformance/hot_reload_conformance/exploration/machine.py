"""The state machines: Hypothesis draws operations, a world does and judges them.

With the modules of rules the only one of the machines that knows Hypothesis; import it when it is
needed. There is a machine for each profile of the contract, and each clause explores by
itself with the machine of its profile.
"""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import initialize, run_state_machine_as_test

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.exploration.drawing import Rules
from hot_reload_conformance.exploration.example import (
    Run,
    applied,
    begun,
    breaks_alone,
    run_script,
    shortest,
)
from hot_reload_conformance.exploration.example import replay as replay
from hot_reload_conformance.exploration.invariants import INVARIANTS
from hot_reload_conformance.exploration.journal import Journal
from hot_reload_conformance.exploration.machine_database import example_database
from hot_reload_conformance.exploration.operation import Op
from hot_reload_conformance.exploration.plan import plan_of
from hot_reload_conformance.exploration.rules import RULES
from hot_reload_conformance.exploration.scene import LeftToOthers
from hot_reload_conformance.exploration.standing import standing
from hot_reload_conformance.exploration.trial_rules import trial_rules
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import (
    CannotJudge,
    Exploration,
    Finding,
    KitError,
    NotClaimed,
    Violation,
)


def explore(subject: HostSubject, code: str, budget: Budget) -> Finding | None:
    """What ``exploration`` finds."""
    return exploration(subject, code, budget).finding


def exploration(subject: HostSubject, code: str, budget: Budget) -> Exploration:
    """Look for a script of operations after which the clause ``code`` is broken.

    The scripts of the machine's plan come first, then what Hypothesis draws. With
    ``budget.replay`` only that script is run. A failure is run a second time before it
    is told.

    Raises:
        CannotJudge: it did not fail again, or nothing was verified.
        NotClaimed: the host turned out to lack what the clause is about.
        KitError: the adapter broke.
    """
    if budget.replay:
        return Exploration(replay(subject, code, budget.replay, budget))
    journal = Journal(code)
    _seeds(subject, budget, journal)
    if journal.failed is None and not isinstance(journal.broken, (KitError, NotClaimed)):
        try:
            run_state_machine_as_test(
                _machine(subject, code, budget, journal), settings=_settings(subject, code, budget)
            )
        except Violation:
            pass
        except Flaky:
            pass  # Hypothesis could not make it fail again; whether the script can is seen below
    if journal.failed is not None:
        found = _confirmed(subject, code, budget, journal.failed)
        return Exploration(found, journal.explored())
    if journal.broken is not None:
        raise journal.broken
    return Exploration(None, journal.verified())


def _seeds(subject: HostSubject, budget: Budget, journal: Journal) -> None:
    """Run the scripts of the plan, up to the first that finds something."""
    armed = INVARIANTS[journal.code]
    for operations in plan_of(journal.code).scripts(armed):
        with standing(subject, budget, plan_of(journal.code).ports) as stands:
            try:
                run = begun(stands, journal.code)
            except (CannotJudge, KitError, NotClaimed) as error:
                journal.broken = journal.broken or error
                return
            try:
                held = all(applied(stands, run, op) for op in operations)
            except LeftToOthers:
                journal.left_to_others(run.world)
                continue
            except (CannotJudge, KitError, NotClaimed) as error:
                journal.broken, held = journal.broken or error, True
        if not held and breaks_alone(subject, run, budget):
            journal.left_to_others(run.world)
            continue
        journal.add(run.world)
        if not held:
            journal.failed = run
            return


def _confirmed(subject: HostSubject, code: str, budget: Budget, first: Run) -> Finding:
    """Run a failure again, make it as short as it gets, and tell it.

    Raises:
        CannotJudge: it did not fail again.
    """
    second = run_script(subject, code, first.world.applied, budget)
    if second.violation is None:
        raise CannotJudge(
            f"the host does not do the same twice; first: {first.trace}; then: {second.trace}"
        )
    if budget.shrink:

        def fails(operations: list[Op]) -> Run | None:
            try:
                run = run_script(subject, code, operations, budget)
            except (CannotJudge, KitError):
                return None
            if run.violation is None or breaks_alone(subject, run, budget):
                return None
            return run

        second = shortest(second, fails)
    found = second.finding(code)
    assert found is not None
    return found


def _settings(subject: HostSubject, code: str, budget: Budget) -> settings:
    database = None
    if budget.database:
        database = example_database(budget.database.split("\n"), subject.name, code)
    return settings(
        max_examples=plan_of(code).examples(INVARIANTS[code], budget),
        stateful_step_count=budget.steps,
        database=database,
        derandomize=budget.seed is None and database is None,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def _machine(subject: HostSubject, code: str, budget: Budget, journal: Journal) -> type[Rules]:
    trials = trial_rules(INVARIANTS[code].draws)

    class Machine(_Drawn, *trials, RULES[plan_of(code).machine]):  # type: ignore[misc]  # by clause
        def __init__(self) -> None:
            super().__init__()
            self.journal = journal
            self.open(subject, code, budget)

    if budget.seed is not None:
        seed(budget.seed)(Machine)
    return Machine


class _Drawn(Rules):
    """One example that Hypothesis draws: a fresh host, and the journal that it goes into."""

    journal: Journal

    def open(self, subject: HostSubject, code: str, budget: Budget) -> None:
        self.stack = ExitStack()
        self.stands = self.stack.enter_context(standing(subject, budget, plan_of(code).ports))
        self.ended = False
        self.example = begun(self.stands, code)
        self.world = self.example.world
        self.opening = plan_of(code).opened(INVARIANTS[code])
        self.subject, self.budget = subject, budget
        self.left = False

    @initialize()
    def begin(self) -> None:
        for op in self.opening:
            self.next_version()
            self.do(op)

    def teardown(self) -> None:
        (self.journal.left_to_others if self.left else self.journal.add)(self.world)
        self.stack.close()

    def do(self, op: Op) -> None:
        if self.ended or isinstance(self.journal.broken, KitError):
            return
        try:
            held = applied(self.stands, self.example, op)
        except LeftToOthers:
            self.left = self.ended = True
            return
        except (CannotJudge, KitError, NotClaimed) as error:
            # Raised here it would count as a failure: this example just ends.
            self.journal.broken = self.journal.broken or error
            self.ended = True
            return
        if held:
            return
        self.stack.close()  # of two hosts that share what is process-wide, one would undo the other
        if breaks_alone(self.subject, self.example, self.budget):
            self.left = self.ended = True
        else:
            self.journal.failed = self.example
            assert self.example.violation is not None
            raise self.example.violation
