"""From what a transaction came to, to the outcomes that its callers are given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hot_reload.outcome import (
    Failed,
    Failure,
    Loaded,
    Operation,
    Outcome,
    RolledBack,
    Swapped,
    Unchanged,
    Unloaded,
)
from hot_reload.runtime.part import Part
from hot_reload.runtime.slot import Slot


def outcome_of(
    operation: Operation,
    part: Part,
    failure: Failure | None,
    duration_seconds: float,
    cascade: Iterable[Outcome] = (),
) -> Outcome:
    """The plain record of what became of ``part``; it refers to neither generation.

    ``failure``: why the transaction rolled back; None: it committed. ``cascade``: what
    became of those that need it.
    """
    old, new = part.old, part.new
    told: dict[str, Any] = {
        "operation": operation,
        "plugin": part.name,
        "roles": new.roles if new else old.roles if old else (),
        "old": old.running if old else None,
        "new": new.running if new else None,
        "duration_seconds": duration_seconds,
        "warnings": tuple(part.warnings),
        "cascade": tuple(cascade),
    }
    if failure is not None:
        if failure.plugin == part.name:
            failure = replace(failure, plugin=None)
        if part.beyond_repair is not None:
            return Failed(**told, failure=failure, rollback_failure=part.beyond_repair)
        return RolledBack(**told, failure=failure, restored=part.restored)
    if operation is Operation.UNLOAD:
        return Unloaded(**told)
    return Loaded(**told) if old is None else Swapped(**told, state=part.carried)


def unchanged(operation: Operation, slot: Slot, duration_seconds: float) -> Outcome:
    """The plain record of a plugin whose bytes on disk are those that run."""
    current = slot.current
    running = current.running if current else None
    return Unchanged(
        operation=operation,
        plugin=slot.name,
        roles=current.roles if current else (),
        old=running,
        new=running,
        duration_seconds=duration_seconds,
    )
