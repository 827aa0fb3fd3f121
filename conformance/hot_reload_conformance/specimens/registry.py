"""The registry of specimens: wrong hosts, each with the clause and the words that must catch it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.contract.clauses import CONTRACT

A = TypeVar("A", bound=type[HostAdapter])

MODULES: tuple[str, ...] = (
    "load",
    "swap",
    "roll",
    "iso",
    "leak",
    "race",
    "interleaved",
    "state",
    "flow",
    "guard",
    "flow_bounds",
    "live",
    "told",
    "watch",
    "watch_life",
    "limit",
    "deps",
    "deps_edges",
    "deps_lazy",
    "conf",
    "operate",
    "sequences",
    "core_sequences",
    "wider_sequences",
    "drawn",
    "config_sequences",
    "retry_sequences",
    "abandoned",
    "first_use",
    "reports",
    "either_order",
    "hanging",
    "deadlines",
    "valid_sources",
    "config_lives",
    "counted",
    "lanes",
    "misreports",
    "unlocked",
)
"""The modules of ``specimens`` that register wrong hosts."""


CORRECT_HOSTS: tuple[tuple[str, str], ...] = (
    ("blue_green", "BlueGreenAdapter"),
    ("sync_host", "SyncAdapter"),
    ("isolated_host", "IsolatedAdapter"),
    ("stop_first_host", "StopFirstAdapter"),
    ("package_host", "PackageAdapter"),
    ("watching_host", "WatchingAdapter"),
    ("handover_host", "HandoverAdapter"),
    ("graph_host", "GraphAdapter"),
    ("graph_host", "StatefulGraphAdapter"),
    ("lazy_graph_host", "LazyGraphAdapter"),
    ("either_order_host", "EitherOrderAdapter"),
    ("configured_host", "ConfiguredAdapter"),
    ("audited_host", "AuditedAdapter"),
    ("queue_host", "QueueAdapter"),
    ("process_host", "ProcessAdapter"),
    ("patching_host", "PatchingAdapter"),
    ("copy_on_write_host", "CopyOnWriteAdapter"),
    ("locked_host", "LockedAdapter"),
    ("thread_host", "ThreadAdapter"),
    ("lane_host", "LaneAdapter"),
    ("nursery_host", "NurseryAdapter"),
)
"""Module and adapter of each correct host: of different designs, and no clause may fail on one."""


@dataclass(frozen=True, slots=True)
class Specimen:
    """A host with one bug. ``says`` is a fragment of the message that must appear."""

    name: str
    adapter: type[HostAdapter]
    code: str
    says: str
    bug: str
    """Where the bug comes from: somebody's report, or the design that had it."""


SPECIMENS: list[Specimen] = []


def specimen(code: str, *, says: str, bug: str) -> Callable[[A], A]:
    """Register the decorated adapter as a host that breaks the clause ``code``.

    Raises:
        KeyError: there is no such clause.
        ValueError: another specimen has the same name.
    """
    clause = CONTRACT[code]

    def register(adapter: A) -> A:
        if any(each.name == adapter.name for each in SPECIMENS):
            raise ValueError(f"two specimens are called {adapter.name!r}")
        SPECIMENS.append(Specimen(adapter.name, adapter, clause.code, says, bug))
        return adapter

    return register


def all_specimens() -> tuple[Specimen, ...]:
    """Every specimen, in the order of the modules."""
    for name in MODULES:
        importlib.import_module(f"hot_reload_conformance.specimens.{name}")
    return tuple(SPECIMENS)


def correct_hosts() -> tuple[type[HostAdapter], ...]:
    """The adapter of every correct host."""
    return tuple(
        getattr(importlib.import_module(f"hot_reload_conformance.specimens.{module}"), name)
        for module, name in CORRECT_HOSTS
    )
