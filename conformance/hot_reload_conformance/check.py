"""The registry of checks: which function judges which clause, and in which variants."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.contract.clause import Clause, Kind
from hot_reload_conformance.contract.clauses import CONTRACT

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run a check: every variant gets a fresh subject."""

    name: str
    value: Any = None


Variants: TypeAlias = "Callable[[Any], Sequence[Variant]]"
"""From a host's adapter class, or from a ``PluginUnderTest``."""
F = TypeVar("F", bound=Callable[[Any, Any], Any])
ONE: tuple[Variant, ...] = (Variant(""),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One function that judges one clause.

    ``run`` is given a ``Case`` (hosts) or a ``PluginCase`` (plugins) and the
    variant's value; it raises ``Violation``, ``CannotJudge`` or ``NotClaimed``, or
    returns: the clause held. A machine's (``Kind.MACHINE``) is a plain function: it
    is given the ``HostSubject`` and the ``Budget``, and returns a ``Finding`` or None.
    """

    clause: Clause
    kind: Kind
    run: Callable[[Any, Any], Any]
    variants: Variants
    needs: frozenset[Claim]
    """Claims that this check needs, those of the clause among them."""
    deadline_seconds: float
    """For each variant."""
    order: int
    module: str = ""
    """The module that holds ``run``."""

    @property
    def id(self) -> str:
        """Unique, and stable: ``takes-effect``, ``no-loss[machine]``."""
        suffix = "[machine]" if self.kind is Kind.MACHINE else ""
        return f"{self.clause.slug}{suffix}"


_checks: list[Check] = []

MODULES = (
    "load",
    "load_failed",
    "load_names",
    "swap",
    "swap_order",
    "swap_owned",
    "roll",
    "roll_report",
    "state",
    "state_live",
    "flow",
    "guard",
    "race",
    "leak",
    "iso",
    "plug",
    "plug_hooks",
    "plug_left",
    "plug_data",
    "plug_swap",
    "machine",
)
"""The modules of ``checks``, in the order in which they run: examples before machines."""


def check(
    code: str,
    *,
    variants: Variants | Sequence[Variant] = ONE,
    needs: Sequence[Claim] = (),
    kind: Kind = Kind.EXAMPLE,
    deadline_seconds: float = 10.0,
) -> Callable[[F], F]:
    """Register the decorated function as a check of the clause ``code``.

    ``variants`` is a sequence, or a function of the adapter's class that gives one.

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
            order=len(_checks),
            module=function.__module__,
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
