"""From what a transaction came to, to the outcome that its caller is given."""

from __future__ import annotations

from typing import Any

from hot_reload.outcome import (
    Failed,
    Loaded,
    Operation,
    Outcome,
    RolledBack,
    Swapped,
    Unchanged,
    Unloaded,
)
from hot_reload.runtime.generation import Generation
from hot_reload.runtime.transaction import Done, Undone


def outcome_of(
    operation: Operation,
    name: str,
    old: Generation | None,
    result: Done | Undone,
    duration_seconds: float,
) -> Outcome:
    """The plain record of ``result``; it refers to neither generation."""
    new = result.new if isinstance(result, Done) else None
    told: dict[str, Any] = {
        "operation": operation,
        "plugin": name,
        "roles": (new or old).roles if (new or old) is not None else (),  # type: ignore[union-attr]
        "old": old.running if old else None,
        "new": new.running if new else None,
        "duration_seconds": duration_seconds,
        "warnings": result.warnings,
    }
    if isinstance(result, Undone):
        if result.beyond_repair is not None:
            return Failed(**told, failure=result.failure, rollback_failure=result.beyond_repair)
        return RolledBack(**told, failure=result.failure)
    if result.unchanged:
        return Unchanged(**told)
    if operation is Operation.UNLOAD:
        return Unloaded(**told)
    return Loaded(**told) if old is None else Swapped(**told, state=result.state)
