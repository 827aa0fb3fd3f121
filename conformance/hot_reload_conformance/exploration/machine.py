"""The state machine: Hypothesis draws operations, the world does and judges them.

The only module of the machine that knows Hypothesis; import it when it is needed.
The rules hold no logic: a failure is told, and replayed, from the list of
operations that they drew.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.exploration.example import Run, applied, run_script, shortest
from hot_reload_conformance.exploration.example import replay as replay
from hot_reload_conformance.exploration.invariants import INVARIANTS
from hot_reload_conformance.exploration.machine_database import example_database
from hot_reload_conformance.exploration.operation import HANDLERS, SINKS, Op
from hot_reload_conformance.exploration.standing import standing
from hot_reload_conformance.exploration.world import World
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CannotJudge, Finding, KitError, Violation

_ALPHABET = "abcxyz 0-9é"
_LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.text(_ALPHABET, max_size=3)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("k"), inner),
    max_leaves=4,
)
STATES = st.dictionaries(st.sampled_from(["count", "items"]), _VALUES, min_size=1, max_size=2)
"""Small states of JSON; what is exotic has checks of its own."""


@dataclass
class Journal:
    """What the examples of one exploration did."""

    facts: Counter[str] = field(default_factory=Counter)
    failed: Run | None = None
    """The last example that found something."""
    broken: CannotJudge | KitError | None = None
    """The first thing that went wrong and is no finding."""


def explore(subject: HostSubject, code: str, budget: Budget) -> Finding | None:
    """Look for a script of operations after which the clause ``code`` is broken.

    With ``budget.replay`` only that script is run. A failure is run a second time
    before it is told.

    Raises:
        CannotJudge: it did not fail again, or nothing was verified.
        KitError: the adapter broke.
    """
    if budget.replay:
        return replay(subject, code, budget.replay, budget)
    journal = Journal()
    try:
        run_state_machine_as_test(
            _machine(subject, code, budget, journal), settings=_settings(subject, code, budget)
        )
    except Violation:
        pass
    except Flaky:
        pass  # Hypothesis could not make it fail again; whether the script can is seen below
    if journal.failed is not None:
        return _confirmed(subject, code, budget, journal.failed)
    if journal.broken is not None:
        raise journal.broken
    fact = INVARIANTS[code].needs
    if not journal.facts[fact]:
        raise CannotJudge(f"not verified: in {budget.examples} examples never {fact}")
    return None


def _confirmed(subject: HostSubject, code: str, budget: Budget, first: Run) -> Finding:
    """Run a failure again, make it as short as it gets, and tell it."""
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
            return run if run.violation is not None else None

        second = shortest(second, fails)
    found = second.finding(code)
    assert found is not None
    return found


def _settings(subject: HostSubject, code: str, budget: Budget) -> settings:
    database = None
    if budget.database:
        database = example_database(budget.database.split("\n"), subject.name, code)
    return settings(
        max_examples=budget.examples,
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


def _machine(
    subject: HostSubject, code: str, budget: Budget, journal: Journal
) -> type[RuleBasedStateMachine]:
    class Machine(Rules):
        def __init__(self) -> None:
            super().__init__()
            self.journal = journal
            self.open(subject, code, budget)

    if budget.seed is not None:
        seed(budget.seed)(Machine)
    return Machine


class Rules(RuleBasedStateMachine):
    """Draws operations, and hands those that make sense to the world."""

    journal: Journal
    world: World

    def open(self, subject: HostSubject, code: str, budget: Budget) -> None:
        self.stack = ExitStack()
        self.versions = 0
        self.stands = self.stack.enter_context(standing(subject, budget))
        self.world = World(self.stands.case, INVARIANTS[code]())
        self.example = Run(self.world)
        self.ended = False

    def teardown(self) -> None:
        self.journal.facts.update(self.world.facts)
        self.stack.close()

    def do(self, op: Op) -> None:
        if self.ended or isinstance(self.journal.broken, KitError):
            return
        try:
            held = applied(self.stands, self.example, op)
        except (CannotJudge, KitError) as error:
            # Raised here it would count as a failure: this example just ends.
            self.journal.broken = self.journal.broken or error
            self.ended = True
            return
        if not held:
            self.journal.failed = self.example
            assert self.example.violation is not None
            raise self.example.violation

    def next_version(self) -> str:
        self.versions += 1
        return f"v{self.versions}"

    def there(self, names: tuple[str, ...] = (*HANDLERS, *SINKS)) -> list[str]:
        return [name for name in self.world.model.plugins if name in names]

    def missing(self, names: tuple[str, ...]) -> list[str]:
        wanted = self.world.armed.names
        return [n for n in names if n in wanted and n not in self.world.model.plugins]

    # Rules. What is drawn is an index, so that every draw means something.

    @precondition(lambda self: self.missing(HANDLERS))
    @rule(which=st.integers(0, 1))
    def load(self, which: int) -> None:
        self.do(Op("load", _one(self.missing(HANDLERS), which), self.next_version()))

    @precondition(lambda self: self.missing(SINKS))
    @rule(which=st.integers(0, 2))
    def add_sink(self, which: int) -> None:
        self.do(Op("add_sink", _one(self.missing(SINKS), which), self.next_version()))

    @precondition(lambda self: self.there())
    @rule(which=st.integers(0, 4), edited=st.booleans())
    def reload(self, which: int, edited: bool) -> None:
        name = _one(self.there(), which)
        if edited or self.world.model.disk.get(name) is None:
            self.do(Op("edit", name, self.next_version()))
        self.do(Op("reload", name))

    @precondition(lambda self: self.there())
    @rule(which=st.integers(0, 4), fault=st.integers(0, 100))
    def reload_in_vain(self, which: int, fault: int) -> None:
        name = _one(self.there(), which)
        faults = self.world.faults_of(name)
        if faults:
            self.do(Op("reload", name, self.next_version(), _one(faults, fault)))

    @precondition(lambda self: self.there(HANDLERS))
    @rule(which=st.integers(0, 4))
    def unload(self, which: int) -> None:
        self.do(Op("unload", _one(self.there(HANDLERS), which)))

    @precondition(lambda self: self.there(SINKS))
    @rule(which=st.integers(0, 4), verb=st.sampled_from(["remove_sink", "unload"]))
    def remove_sink(self, which: int, verb: str) -> None:
        self.do(Op(verb, _one(self.there(SINKS), which)))

    @precondition(lambda self: self.there())
    @rule(which=st.integers(0, 4))
    def switch(self, which: int) -> None:
        name = _one(self.there(), which)
        enabled = self.world.model.plugins[name].enabled
        self.do(Op("disable" if enabled else "enable", name))

    @precondition(lambda self: self.there(HANDLERS))
    @rule(state=STATES)
    def put(self, state: dict[str, Any]) -> None:
        self.do(Op("put", value=json.dumps(state, ensure_ascii=True)))

    @precondition(lambda self: self.there(SINKS))
    @rule(producer=st.sampled_from(["p1", "p2"]))
    def emit(self, producer: str) -> None:
        self.do(Op("emit", producer))


def _one(names: list[str], which: int) -> str:
    return names[which % len(names)]
