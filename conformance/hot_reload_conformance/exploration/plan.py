"""The plan of a machine: its world, the scripts that begin it, and what has to be taken.

Each machine is for one profile of the contract. Its scripts are written by hand and are run
before anything is drawn: together they take every transition that is required, so only a
host that makes one impossible is left with a verdict of "not verified".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hot_reload_conformance.adapter import Ports
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.watching import manual_ports
from hot_reload_conformance.exploration import config_plan, trial_plan
from hot_reload_conformance.exploration.config_world import ConfigWorld
from hot_reload_conformance.exploration.graph_world import GraphWorld
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.invariants import INVARIANTS
from hot_reload_conformance.exploration.operation import Op, parse_script
from hot_reload_conformance.exploration.scene import Scene
from hot_reload_conformance.exploration.trials import Trials
from hot_reload_conformance.exploration.watch_world import WatchWorld
from hot_reload_conformance.exploration.world import CANCELLED_TOO_LATE
from hot_reload_conformance.explored import rule_of


@dataclass(frozen=True)
class Plan:
    """What the machine of one profile is made of."""

    machine: str
    world: type[Scene]
    seeds: tuple[str, ...]
    """Scripts; versions count up in each, and what the subject does not claim is left out."""
    required: tuple[str, ...]
    """Transitions, where the subject's claims allow their rules."""
    required_by: dict[str, tuple[str, ...]]
    """More of them, for single clauses."""
    seeds_by: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Scripts of what is done for single clauses alone."""
    ports: Callable[[], Ports] = Ports
    cost: int = 1
    """How many times as long as in the core machine an example takes: so many fewer are drawn."""
    opening: str = ""
    """A script with which every example begins that is drawn: from nothing, most of them would
    not come far."""

    def scripts(self, armed: type[Invariant]) -> list[list[Op]]:
        """The seeds, without the plugins that the clause is not about."""
        return [_about(armed, text) for text in (*self.seeds, *self.seeds_by.get(armed.code, ()))]

    def examples(self, armed: type[Invariant], budget: Budget) -> int:
        """How many examples are drawn for a clause."""
        return max(1, budget.examples // (self.cost * armed.cost))

    def opened(self, armed: type[Invariant]) -> list[Op]:
        """The opening, without the plugins that the clause is not about."""
        return _about(armed, self.opening)

    def required_of(self, armed: type[Invariant]) -> tuple[str, ...]:
        """What is required of an exploration for this clause, whatever is claimed."""
        every = (*self.required, *self.required_by.get(armed.code, ()))
        return tuple(e for e in every if armed.about_failures or not e.startswith("failed: "))

    def unable(self, world: Scene) -> set[str]:
        """The transitions that this host cannot be asked for."""
        every = {*self.required, *(each for more in self.required_by.values() for each in more)}
        return {
            each
            for each in every
            if not world.able(rule_of(each))
            or not all(map(world.able, _comes_by(each)))
            or (each.endswith("cancel → cancelled") and world.facts[CANCELLED_TOO_LATE])
        }


def _about(armed: type[Invariant], text: str) -> list[Op]:
    return [op for op in parse_script(text) if set(op.names) <= {*armed.names}]


def _comes_by(transition: str) -> list[str]:
    """The rules without which no plugin comes to the state that ``transition`` begins in."""
    state = transition.partition(": ")[0]
    return [rule for word, rule in _COMES_BY.items() if word in state]


_COMES_BY = {
    "disabled": "disable",
    "failed": "reload-fail",
    "off": "switch-off",
    "unwelcome": "refuse",
}


_CHANGES = (
    'load a v1; load b v2; put {"count": 3}; edit a v3; reload a; reload a; reload a v4 fault=?; '
    "reload a v5 fault=?; edit a v6; reload a; cancel a v7; edit a v8; reload a; disable a; "
    "edit a v9; reload a; reload a v10 fault=?; edit a v11; reload a; reload a v12 fault=?; "
    "enable a; edit a v13; reload a; unload b; load b v14; reload b v15 fault=?; unload a; "
    "load a v16"
)
# What fails comes last: behind it some hosts never get well again.
_OVERLAPS = (
    'load a v1; load b v2; put {"count": 3}; edit a v3; edit b v4; together reload a & reload b; '
    "edit a v5; together reload a & reload a; edit a v6; reload a; edit a v7; "
    "together reload a & disable a; enable a; edit a v8; together reload a & unload b; "
    "load b v9; edit b v10; together reload b & unload b; load b v11; edit b v12; "
    "together reload a v13 fault=? & reload b; edit a v14; reload a"
)
_ALONE = (
    "absent: load → ok",
    "live: reload → ok",
    "live: reload → unchanged",
    "live: reload-fail → failed",
    "failed: reload-fail → failed",
    "failed: reload → ok",
    "live: cancel → cancelled",
    "live: disable → ok",
    "disabled: reload → ok",
    "disabled: reload-fail → failed",
    "disabled: enable → ok",
    "live: unload → ok",
)
_OVERLAPPING = (
    "live: reload+reload → ended",
    "live: reload+reload of another → ended",
    "live: reload-fail+reload of another → ended",
    "live: reload+disable → ended",
    "live: reload+unload → ended",
    "live: reload+unload of another → ended",
)

_CORE = Plan(
    machine="core",
    world=Trials,
    opening="load a v1; load b v2",
    seeds=(_CHANGES, _OVERLAPS),
    seeds_by=trial_plan.CORE_SEEDS,
    required=(*_ALONE, *_OVERLAPPING),
    required_by=trial_plan.CORE_REQUIRED,
)

_STATEFUL = Plan(
    machine="stateful",
    world=Trials,
    opening="load a v1; load b v2",
    seeds=(
        'load a v1; load b v2; put {"count": 3}; edit a v3; reload a; reload a v4 fault=?; '
        'edit a v5; reload a; put {"count": [1, null]}; disable a; edit a v6; reload a; enable a; '
        "disable a; reload a v7 fault=?; reload a v8 fault=?; enable a; edit a v9; reload a; "
        'put {"items": "x"}; cancel a v10; edit a v11; reload a; edit a v12; '
        "together reload a & disable a; enable a",
        'load a v1; load b v2; put {"count": 3}; edit a v3; edit b v4; batch a,b; disable b; '
        "edit a v5; edit b v6; batch a,b; enable b; edit a v7; edit b v8; "
        "together reload a & reload b",
    ),
    required=(
        "any: put → ok",
        "live: reload → ok",
        "live: reload-fail → failed",
        "failed: reload → ok",
        "live: cancel → cancelled",
        "disabled: reload → ok",
        "disabled: reload-fail → failed",
        "disabled: enable → ok",
        "live: batch → ok",
        "disabled: batch → ok",
        "live: reload+disable → ended",
        "live: reload+reload of another → ended",
    ),
    seeds_by=trial_plan.STATEFUL_SEEDS,
    required_by=trial_plan.STATEFUL_REQUIRED,
)

_PIPELINE = Plan(
    machine="pipeline",
    world=Trials,
    seeds_by=trial_plan.PIPELINE_SEEDS,
    opening="add_sink s v1; add_sink t v2; load f v3",
    seeds=(
        "add_sink s v1; add_sink t v2; load f v3; emit p1; edit s v4; reload s; "
        "reload s v5 fault=?; edit s v6; reload s; cancel s v7; edit s v8; reload s; edit f v9; "
        "reload f; reload f v10 fault=?; edit f v11; reload f; cancel f v12; edit f v13; reload f; "
        "disable f; enable f; emit p2; remove_sink t; remove_sink s; disable s; add_sink t v14",
        "load f v1; add_sink s v2; add_sink t v3; edit s v4; edit t v5; "
        "together reload s & reload t; edit s v6; together reload s & add_sink u v7; edit s v8; "
        "together reload s & remove_sink t; edit s v9; together reload s & reload s; emit p1; "
        "unload u; edit f v10; together reload f & reload f",
    ),
    required=(
        "absent: add-sink → ok",
        "any: emit → ok",
        "live: reload → ok",
        "live: reload-fail → failed",
        "failed: reload → ok",
        "live: cancel → cancelled",
        "live: remove-sink → ok",
        "live: unload → ok",
        "live: reload+reload → ended",
        "live: reload+reload of another → ended",
        "absent: reload+add-sink of another → ended",
        "live: reload+remove-sink of another → ended",
    ),
    required_by={
        "HR-GUARD-01": ("live: remove-sink → refused", "live: disable → refused"),
        "HR-FLOW-11": ("absent: load → ok", "live: disable → ok", "disabled: enable → ok"),
        **trial_plan.PIPELINE_REQUIRED,
    },
)

_GRAPH = Plan(
    machine="graph",
    cost=3,  # an operation reloads three plugins
    world=GraphWorld,
    opening="load base v1; load left v2; load top v3; load lone v4",
    seeds=(
        "load base v1; load left v2; load top v3; load lone v4; edit base v5; reload base; "
        "edit left v6; reload left; unload base; reload base; reload base v7 fault=?; "
        "reload base v8 fault=?; edit base v9; reload base; reload left v10 fault=?; "
        "edit left v11; reload left; cancel base v12; edit base v13; reload base; disable top; "
        "edit base v14; reload base; reload base v15 fault=start@top; reload base v16 fault=?; "
        "unload left; enable top; edit base v17; reload base; unload top; unload_all base",
        "load base v1; load left v2; load lone v3; load top v4; edit base v5; edit lone v6; "
        "batch base,lone; edit base v7; edit lone v8; together reload base & reload lone; "
        "edit base v9; edit left v10; together reload base & reload left; disable left; "
        "edit base v11; edit lone v12; batch base,lone; enable left; "
        "reload top v13 fault=?; edit base v14; reload base",
    ),
    required=(
        *_ALONE,
        "live: batch → ok",
        "disabled: batch → ok",
        "live: reload+reload of another → ended",
        "live: unload → refused",
        "disabled: unload → refused",
        "live: unload-all → ok",
    ),
    seeds_by=trial_plan.GRAPH_SEEDS,
    required_by=trial_plan.GRAPH_REQUIRED,
)

_WATCHING = Plan(
    machine="watching",
    world=WatchWorld,
    seeds=(
        "save a v1; wait long; save a v2; wait briefly; save a v3; wait long; "
        "save a v4 fault=syntax; wait long; save a v5; wait long; save b v6 fault=meanwhile; "
        "save b v7; wait long; together reload a & save a v8; wait long; save a v9 fault=syntax; "
        "save a v10; wait long",
        "switch_off; save a v1; wait long; switch_on; wait long; save a v2 fault=syntax; "
        "wait long; switch_off; save a v3; save b v4 fault=syntax; wait long; switch_on; "
        "wait long; save b v5; switch_off; wait long; switch_on; wait long",
        "save a v1; wait briefly; save a v2; wait long; save a v3; wait soon; save a v4; "
        "save b v5; wait soon; save b v6 fault=syntax; wait long; save b v7; wait briefly; "
        "save b v8; wait briefly; save b v9; wait long; save a v10; wait soon; switch_off; "
        "switch_on; save a v11; wait soon; wait long; switch_off; switch_on; wait long; "
        "save a v12; wait briefly; stop; wait long",
        "save a v1; wait soon; save a v2; wait briefly; save b v3 fault=syntax; wait soon; "
        "wait long; stir a v4; wait long; stir b v5; wait long; save a v6 fault=syntax; wait long; "
        "save b v7; wait soon; save b v8; wait briefly; stop; save a v9; save b v10; wait soon; "
        "wait long",
    ),
    required=(
        "good: save → ok",
        "good: save-fail → failed",
        "broken: save → ok",
        "good: save-meanwhile → ok",
        "good: wait-briefly → ok",
        "good: wait-soon → ok",
        "broken: wait-soon → ok",
        "good: wait-long → ok",
        "broken: wait-long → ok",
        "good: reload+save → ended",
        "good: switch-off → ok",
        "broken: switch-off → ok",
    ),
    required_by={
        "HR-WATCH-12": (
            "good, off: save → ok",
            "good, off: save-fail → failed",
            "broken, off: save → ok",
            "good, off: switch-on → ok",
            "broken, off: switch-on → ok",
        ),
        "HR-LIMIT-03": (
            "good: save-passing → ok",
            "good: save-hopeless → failed",
            "broken: save-passing → ok",
            "broken: save-fail → failed",
            "trying: save → ok",
            "trying: save-fail → failed",
            "trying: save-passing → ok",
        ),
        "HR-WATCH-05": ("good: stir → ok", "broken: stir → ok"),
        "HR-WATCH-13": (
            "good: stop → ok",
            "broken: stop → ok",
            "good, stopped: save → ok",
            "broken, stopped: save → ok",
            "good, stopped: wait-long → ok",
        ),
    },
    seeds_by={
        "HR-LIMIT-03": (
            "save a v1 fault=passing; wait long; save a v2 fault=hopeless; wait long; "
            "save a v3 fault=passing; wait long; save b v4 fault=passing; save a v5 fault=passing; "
            "wait long; wait long; save b v6 fault=hopeless; wait soon; save b v7 fault=passing; "
            "wait long; save a v8 fault=hopeless; wait soon; wait soon; save a v9; wait long; "
            "save b v10 fault=hopeless; wait long; save b v11 fault=syntax; wait long; "
            "save a v12 fault=passing; wait soon; save a v13 fault=syntax; wait long; wait long; "
            "save a v14 fault=passing; wait long",
        ),
    },
    ports=manual_ports,
)

_CONFIGURATION = Plan(
    machine="configuration",
    world=ConfigWorld,
    seeds=config_plan.SEEDS,
    seeds_by={"HR-CONF-04": config_plan.WATCHED_SEEDS},
    required=config_plan.REQUIRED,
    required_by={"HR-CONF-04": config_plan.WATCHED},
    ports=manual_ports,
)

_OPERATIONS = replace(_CORE, machine="operations", seeds_by={}, required_by={})

PLANS: dict[str, Plan] = {
    each.machine: each
    for each in (_CORE, _STATEFUL, _PIPELINE, _GRAPH, _WATCHING, _CONFIGURATION, _OPERATIONS)
}
"""By the name of the machine."""


def plan_of(code: str) -> Plan:
    """The plan of the machine that explores for the clause ``code``."""
    return PLANS[INVARIANTS[code].machine]
