"""The rules of the machines: what can be drawn, by subject, and which machine has which.

A rule hands an operation to the world and holds no logic of its own: a failure is told,
and replayed, from the list of operations. What is drawn is an index into what makes sense
just now, so that every draw means something.
"""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from hot_reload_conformance.exploration.config_world import BAD, STAGE
from hot_reload_conformance.exploration.drawing import NAMES, WHICH, Rules, one_of
from hot_reload_conformance.exploration.graph_world import EDGES
from hot_reload_conformance.exploration.operation import (
    BROKEN,
    CONFIGURED,
    HANDLERS,
    HOPELESS,
    MEANWHILE,
    PASSING,
    SINKS,
    TOGETHER,
    Op,
)
from hot_reload_conformance.exploration.world import World

_ALPHABET = "abcxyz 0-9é"
_LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.text(_ALPHABET, max_size=3)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("k"), inner),
    max_leaves=4,
)
STATES = st.dictionaries(st.sampled_from(["count", "items"]), _VALUES, min_size=1, max_size=2)
"""Small states of JSON; what is exotic has checks of its own."""


class Loads(Rules):
    @precondition(lambda self: self.possible(Op("load", name, "?") for name in NAMES))
    @rule(which=WHICH)
    def load(self, which: int) -> None:
        version = self.next_version()
        self.do_one(which, [Op("load", name, version) for name in NAMES])

    @precondition(lambda self: self.possible(Op("unload", name) for name in NAMES))
    @rule(which=WHICH)
    def unload(self, which: int) -> None:
        self.do_one(which, [Op("unload", name) for name in NAMES if name not in SINKS])


class Reloads(Rules):
    world: World

    @precondition(lambda self: self.there())
    @rule(which=WHICH, edited=st.booleans())
    def reload(self, which: int, edited: bool) -> None:
        name = one_of(self.there(), which)
        if edited or self.world.model.disk.get(name) is None:
            self.do(Op("edit", name, self.next_version()))
        self.do(Op("reload", name))

    @precondition(lambda self: self.there())
    @rule(which=WHICH, fault=st.integers(0, 100))
    def reload_in_vain(self, which: int, fault: int) -> None:
        name = one_of(self.there(), which)
        faults = self.world.faults_of(name)
        if faults:
            self.do(Op("reload", name, self.next_version(), faults[fault % len(faults)]))

    @precondition(lambda self: self.possible(Op("cancel", name, "?") for name in NAMES))
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        version = self.next_version()
        self.do_one(which, [Op("cancel", name, version) for name in NAMES])


class Switches(Rules):
    @precondition(lambda self: self.there())
    @rule(which=WHICH)
    def switch(self, which: int) -> None:
        name = one_of(self.there(), which)
        self.do_one(0, [Op("enable", name), Op("disable", name)])


class Overlaps(Rules):
    """Two operations that begin in one turn of the event loop."""

    world: World
    beside: tuple[str, ...] = ("reload", "unload", "disable")

    @precondition(lambda self: self.there())
    @rule(which=WHICH, other=WHICH, verb=WHICH)
    def overlap(self, which: int, other: int, verb: int) -> None:
        name = one_of(self.there(), which)
        second = one_of(self.there(), other)
        for each in dict.fromkeys((name, second)):
            self.do(Op("edit", each, self.next_version()))
        verbs = self.beside[verb % len(self.beside) :] + self.beside
        self.do_one(
            0,
            [Op(TOGETHER, parts=(Op("reload", name), Op(each, second))) for each in verbs],
        )

    @precondition(lambda self: len(self.there()) > 1)
    @rule(which=WHICH, fault=st.integers(0, 100))
    def overlap_in_vain(self, which: int, fault: int) -> None:
        pairs = list(permutations(self.there(), 2))
        name, second = pairs[which % len(pairs)]
        faults = self.world.faults_of(name)
        if faults:
            self.do(Op("edit", second, self.next_version()))
            fails = Op("reload", name, self.next_version(), faults[fault % len(faults)])
            self.do_one(0, [Op(TOGETHER, parts=(fails, Op("reload", second)))])


class States(Rules):
    @precondition(lambda self: self.there(HANDLERS))
    @rule(state=STATES)
    def put(self, state: dict[str, Any]) -> None:
        self.do(Op("put", value=json.dumps(state, ensure_ascii=True)))


class Batches(Rules):
    @precondition(lambda self: self.world.able("batch") and len(self.there()) > 1)
    @rule(which=WHICH)
    def batch(self, which: int) -> None:
        pairs = list(permutations(self.there(), 2))
        names = pairs[which % len(pairs)]
        for name in names:
            self.do(Op("edit", name, self.next_version()))
        self.do(Op("batch", ",".join(names)))


class Sinks(Rules):
    @precondition(lambda self: self.possible(Op("add_sink", name, "?") for name in SINKS))
    @rule(which=WHICH)
    def add_sink(self, which: int) -> None:
        version = self.next_version()
        self.do_one(which, [Op("add_sink", name, version) for name in SINKS])

    @precondition(lambda self: self.there(SINKS))
    @rule(which=WHICH, verb=st.sampled_from(["remove_sink", "unload"]))
    def remove_sink(self, which: int, verb: str) -> None:
        self.do_one(which, [Op(verb, name) for name in SINKS])


class Emits(Rules):
    @precondition(lambda self: self.there(SINKS))
    @rule(producer=st.sampled_from(["p1", "p2"]))
    def emit(self, producer: str) -> None:
        self.do(Op("emit", producer))


class Cascades(Rules):
    @precondition(lambda self: self.possible(Op("unload_all", name) for name in EDGES))
    @rule(which=WHICH)
    def unload_all(self, which: int) -> None:
        self.do_one(which, [Op("unload_all", name) for name in EDGES])


class Saves(Rules):
    """What a watch sees."""

    @rule(which=WHICH, fault=st.sampled_from(["", "", BROKEN, MEANWHILE]))
    def save(self, which: int, fault: str) -> None:
        version = self.next_version()
        self.do_one(which, [Op("save", name, version, fault) for name in HANDLERS])

    @rule(how_long=st.sampled_from(["briefly", "soon", "long", "long"]))
    def wait(self, how_long: str) -> None:
        self.do(Op("wait", how_long))

    @precondition(lambda self: self.world.armed.stirs)
    @rule(which=WHICH)
    def stir(self, which: int) -> None:
        version = self.next_version()
        self.do_one(which, [Op("stir", name, version) for name in HANDLERS])

    @precondition(lambda self: self.world.armed.retries)
    @rule(which=WHICH, fault=st.sampled_from([PASSING, PASSING, HOPELESS]))
    def save_in_vain(self, which: int, fault: str) -> None:
        version = self.next_version()
        self.do_one(which, [Op("save", name, version, fault) for name in HANDLERS])

    @precondition(lambda self: self.possible([Op("stop")]))
    @rule(really=st.sampled_from([False, False, True]))
    def stop(self, really: bool) -> None:
        if really:  # nothing is loaded behind it
            self.do(Op("stop"))

    @precondition(lambda self: self.world.able("switch"))
    @rule()
    def switch(self) -> None:
        self.do_one(0, [Op("switch_on"), Op("switch_off")])

    @rule(which=WHICH, saved=st.booleans())
    def ask_for_reload(self, which: int, saved: bool) -> None:
        name, version = HANDLERS[which % len(HANDLERS)], self.next_version()
        reload = Op("reload", name)
        both = Op(TOGETHER, parts=(reload, Op("save", name, version)))
        self.do_one(0, [both if saved else reload])


class Files(Rules):
    """A settings file that is written and applied, and what is done to its plugins meanwhile."""

    @rule(which=WHICH, applied=st.booleans())
    def change(self, which: int, applied: bool) -> None:
        version = self.next_version()
        self.do_one(which, [Op("set", name, version) for name in CONFIGURED])
        if applied:
            self.do_one(0, [Op("apply")])

    @rule(how=st.sampled_from(BAD), applied=st.booleans())
    def spoil(self, how: str, applied: bool) -> None:
        self.do(Op("spoil", how))
        if applied:
            self.do_one(0, [Op("apply")])

    @precondition(lambda self: self.world.able("refuse"))
    @rule(which=WHICH)
    def refuse(self, which: int) -> None:
        version = self.next_version()
        self.do_one(which, [Op("refuse", name, version) for name in CONFIGURED])
        self.do_one(0, [Op("apply")])

    @rule()
    def apply(self) -> None:
        self.do_one(0, [Op("apply")])

    @precondition(lambda self: self.world.able("reload"))
    @rule(which=WHICH, how=st.sampled_from(["", "fails", "overlaps"]))
    def reload(self, which: int, how: str) -> None:
        version = self.next_version()
        if how == "fails":
            self.do_one(which, [Op("reload", name, version, STAGE) for name in CONFIGURED])
            return
        edits = self.possible(Op("edit", name, version) for name in CONFIGURED)
        name = edits[which % len(edits)].name
        self.do(Op("edit", name, version))
        together = Op(TOGETHER, parts=(Op("reload", name), Op("apply")))
        self.do_one(0, [*([together] if how else []), Op("reload", name)])

    @rule(which=WHICH, verb=st.sampled_from(["unload", "load", "disable", "enable"]))
    def move(self, which: int, verb: str) -> None:
        version = self.next_version() if verb == "load" else ""
        self.do_one(which, [Op(verb, name, version) for name in CONFIGURED])

    @precondition(lambda self: self.world.able("wait-long"))
    @rule(how_long=st.sampled_from(["briefly", "soon", "long"]))
    def wait(self, how_long: str) -> None:
        self.do(Op("wait", how_long))


class CoreRules(Loads, Reloads, Switches, Overlaps, States, Sinks):
    pass


class StatefulRules(Loads, Reloads, Switches, Overlaps, States, Batches, Sinks):
    pass


class PipelineRules(Loads, Reloads, Switches, Overlaps, Sinks, Emits):
    beside = ("reload", "remove_sink", "unload")


class GraphRules(Loads, Reloads, Switches, Overlaps, Batches, Cascades):
    beside = ("reload", "unload")


class WatchRules(Saves):
    pass


class ConfigurationRules(Files):
    pass


class OperationsRules(Loads, Reloads, Switches, Overlaps):
    pass


RULES: dict[str, type[Rules]] = {
    "core": CoreRules,
    "stateful": StatefulRules,
    "pipeline": PipelineRules,
    "graph": GraphRules,
    "watching": WatchRules,
    "configuration": ConfigurationRules,
    "operations": OperationsRules,
}
"""By the name of the machine."""
