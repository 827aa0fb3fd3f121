"""The rules of the trials: drawn for the clauses that ask for them, and for no other."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from hot_reload_conformance.checks.observe import SHUTDOWN
from hot_reload_conformance.exploration.drawing import WHICH, Rules, one_of
from hot_reload_conformance.exploration.graph_world import WIRED
from hot_reload_conformance.exploration.operation import ANY_FAULT, CLEAN_UP, HANDLERS, SINKS, Op
from hot_reload_conformance.exploration.trials import (
    DISABLED_TOO,
    FAILS_TWICE,
    HALFWAY,
    OPERATIONS,
)


class Again(Rules):
    @precondition(lambda self: self.there(HANDLERS))
    @rule(which=WHICH)
    def load_again(self, which: int) -> None:
        version = self.next_version()
        self.do_one(which, [Op("again", name, version) for name in HANDLERS])


class Stray(Rules):
    @rule(which=WHICH, operation=st.sampled_from(list(OPERATIONS)))
    def stray(self, which: int, operation: str) -> None:
        self.do_one(which, [Op("stray", name, operation) for name in HANDLERS])


class Replace(Rules):
    @precondition(lambda self: self.there())
    @rule(which=WHICH, hook=st.sampled_from(SHUTDOWN))
    def replace(self, which: int, hook: str) -> None:
        name = one_of(self.there(), which)
        self.do_one(0, [Op("replace", name, self.next_version(), hook)])


class FailsTwice(Rules):
    @precondition(lambda self: self.there())
    @rule(which=WHICH)
    def reload_in_vain_twice(self, which: int) -> None:
        name = one_of(self.there(), which)
        op = self.world.resolved(Op("reload", name, self.next_version(), ANY_FAULT + CLEAN_UP))
        self.do_one(0, [op])


class UnloadsDisabled(Rules):
    @precondition(lambda self: self.there())
    @rule(which=WHICH)
    def disable_and_unload(self, which: int) -> None:
        name = one_of(self.there(), which)
        self.do_one(0, [Op("disable", name)])
        self.do_one(0, [Op("unload", name)])


class Busy(Rules):
    @precondition(lambda self: self.there(HANDLERS))
    @rule(which=WHICH, count=st.integers(-5, 5), fault=st.sampled_from(["", "", "on_reload"]))
    def busy(self, which: int, count: int, fault: str) -> None:
        name = one_of(self.there(HANDLERS), which)
        # Calls reach all that serve: it is done with one alone.
        others = [each for each in self.there(HANDLERS) if each != name]
        for each in others:
            self.do_one(which, [Op("disable", each), Op("unload", each)])
        self.do_one(0, [Op("put", value=f'{{"count": {count}}}')])
        self.do_one(0, [Op("busy", name, self.next_version(), fault)])


class Restore(Rules):
    @precondition(lambda self: self.there(HANDLERS))
    @rule(which=WHICH)
    def restore_in_vain(self, which: int) -> None:
        name = one_of(self.there(HANDLERS), which)
        self.do_one(0, [Op("reload", name, self.next_version(), HALFWAY)])


class Sicken(Rules):
    @precondition(lambda self: len(self.there(SINKS)) > 1)
    @rule(which=WHICH, heal=st.sampled_from([False, False, True]))
    def sicken(self, which: int, heal: bool) -> None:
        version, verb = self.next_version(), "heal" if heal else "sicken"
        self.do_one(which, [Op(verb, name, version) for name in SINKS])


class Wire(Rules):
    @precondition(lambda self: self.there())
    @rule(which=WHICH)
    def wire(self, which: int) -> None:
        version = self.next_version()
        wires = self.possible(Op("wire", name, version) for name in WIRED)
        if wires:
            wire = wires[which % len(wires)]
            self.do(wire)
            self.do_one(0, [Op("reload", wire.name)])


_BY_TRIAL: dict[str, type[Rules]] = {
    "again": Again,
    "stray": Stray,
    "replace": Replace,
    FAILS_TWICE: FailsTwice,
    DISABLED_TOO: UnloadsDisabled,
    "busy": Busy,
    HALFWAY: Restore,
    "sicken": Sicken,
    "wire": Wire,
}


def trial_rules(draws: Collection[str]) -> tuple[type[Rules], ...]:
    """The rules for what an invariant asks for."""
    return tuple(rules for trial, rules in _BY_TRIAL.items() if trial in draws)
