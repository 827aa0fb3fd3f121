"""The registry of checks: which function judges which clause, and in which variants."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from hot_reload_conformance.adapter import Claim, Ports
from hot_reload_conformance.contract.clause import Clause, Kind
from hot_reload_conformance.contract.clauses import CONTRACT

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run a check: every variant gets a fresh subject."""

    name: str
    value: Any = None
    ports: Callable[[], Ports] | None = None
    """Makes what is lent to the host in this variant; None: as in the others of the check."""


Variants: TypeAlias = "Callable[[Any], Sequence[Variant]]"
"""From a host's adapter class, or from a ``PluginUnderTest``."""
F = TypeVar("F", bound=Callable[[Any, Any], Any])
ONE: tuple[Variant, ...] = (Variant(""),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One function that judges one clause.

    ``run`` is given a ``Case`` (hosts) or a ``PluginCase`` (plugins) and the
    variant's value; it raises ``Violation``, ``CannotJudge`` or ``NotClaimed``, or
    returns: the clause held. One that ``explores`` (a state machine, the simulation) is
    a plain function: it is given the ``HostSubject`` or the ``PluginUnderTest``, and the
    ``Budget``, and returns a ``Finding`` or None.
    """

    clause: Clause
    kind: Kind
    """How it is run: what examples, machines and simulations have in common is told by it."""
    run: Callable[[Any, Any], Any]
    variants: Variants
    needs: frozenset[Claim]
    """Claims that this check needs, those of the clause among them."""
    deadline_seconds: float
    """For each variant."""
    blocked_seconds: float = 0.0
    """How long the subject may block its thread, where that is longer than usual."""
    ports: Callable[[], Ports] = Ports
    """Makes what is lent to the host in each variant."""
    order: int
    module: str = ""
    """The module that holds ``run``."""
    explores: bool = False
    """It makes hosts of its own, as many as the budget allows, and has no variants."""
    repeats: bool = False
    """It reloads many times in each variant: on a slow host that takes minutes."""
    also: frozenset[Kind] = frozenset()
    """What else it is: an example that draws some of its inputs is a property, too, and one that
    works on real files, in real time wherever the host does not take the kit's clock, is real."""

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of checking, of those that a clause asks for, that this one gives it."""
        return frozenset({self.kind}) | self.also

    @property
    def id(self) -> str:
        """Unique, and stable: ``takes-effect``, ``no-loss[machine]``, ``no-loss[simulated]``."""
        if not self.explores:
            return self.clause.slug
        return f"{self.clause.slug}[{'machine' if self.kind is Kind.MACHINE else 'simulated'}]"

    def replays(self, script: str) -> bool:
        """Whether ``script``, of a finding's replay, is one that this check explores by."""
        simulated = re.match(r"py\d", script) is not None
        return self.explores and simulated is (self.kind is Kind.SIMULATION)


_checks: list[Check] = []

MODULES = (
    "load",
    "load_failed",
    "load_names",
    "swap",
    "swap_flight",
    "swap_order",
    "swap_owned",
    "roll",
    "roll_report",
    "state",
    "state_live",
    "state_handover",
    "flow",
    "flow_lives",
    "flow_add_remove",
    "flow_bounds",
    "flow_drain",
    "flow_stages",
    "guard",
    "race",
    "race_live",
    "race_asked",
    "race_ended",
    "leak",
    "leak_owned",
    "deadline",
    "obs",
    "obs_operate",
    "obs_counts",
    "obs_audit",
    "iso",
    "watch",
    "watch_files",
    "watch_pace",
    "watch_noise",
    "watch_setbacks",
    "watch_switch",
    "watch_stop",
    "deps",
    "deps_edges",
    "guard_dependents",
    "conf_applied",
    "conf",
    "conf_watch",
    "conf_safe",
    "limit",
    "limit_retry",
    "limit_storm",
    "plug",
    "plug_hooks",
    "plug_left",
    "plug_data",
    "plug_swap",
    "plug_tolerant",
    "plug_config",
    "plug_simulated",
    "plug_start_simulated",
    "machine",
    "simulated",
    "deadline_simulated",
    "load_simulated",
)
"""The modules of ``checks``, in the order in which they run: examples, machines, simulations."""


def check(
    code: str,
    *,
    variants: Variants | Sequence[Variant] = ONE,
    needs: Sequence[Claim] = (),
    kind: Kind = Kind.EXAMPLE,
    deadline_seconds: float = 10.0,
    ports: Callable[[], Ports] = Ports,
    explores: bool = False,
    repeats: bool = False,
    also: Sequence[Kind] = (),
) -> Callable[[F], F]:
    """Register the decorated function as a check of the clause ``code``.

    ``variants`` is a sequence, or a function of the adapter's class that gives one;
    ``ports`` makes other deadlines or another clock than the usual ones for each variant;
    ``explores`` is for plain functions that make hosts of their own, as machines do;
    ``repeats`` for what reloads many times in each variant; ``also`` for what it is beside its
    kind.

    Raises:
        KeyError: there is no such clause.
    """
    clause = CONTRACT[code]
    choose: Variants = variants if callable(variants) else (lambda _: variants)

    def register(function: F) -> F:
        made = Check(
            clause=clause,
            kind=kind,
            run=function,
            variants=choose,
            needs=clause.claims | frozenset(needs),
            deadline_seconds=deadline_seconds,
            ports=ports,
            order=len(_checks),
            module=function.__module__,
            explores=explores or kind is Kind.MACHINE,
            repeats=repeats,
            also=frozenset(also),
        )
        if any(each.id == made.id for each in _checks):
            raise ValueError(f"two checks are called {made.id}")
        _checks.append(made)
        return function

    return register


def all_checks() -> tuple[Check, ...]:
    """Every check, in the order of a run."""
    return _imported(MODULES)


def host_checks() -> tuple[Check, ...]:
    return tuple(each for each in all_checks() if not each.clause.for_plugins)


def plugin_checks() -> tuple[Check, ...]:
    """The checks of plugins; those of hosts need not be imported for them."""
    found = _imported([name for name in MODULES if name.startswith("plug")])
    return tuple(each for each in found if each.clause.for_plugins)


def _imported(names: Sequence[str]) -> tuple[Check, ...]:
    """What is registered once these modules are imported, in the order of ``MODULES``,
    whichever of them was imported first."""
    for name in names:
        importlib.import_module(f"{_PACKAGE}.{name}")
    rank = {f"{_PACKAGE}.{name}": place for place, name in enumerate(MODULES)}
    return tuple(sorted(_checks, key=lambda each: (rank.get(each.module, len(rank)), each.order)))


_PACKAGE = "hot_reload_conformance.checks"
