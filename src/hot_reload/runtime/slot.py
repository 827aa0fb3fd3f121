"""A slot: a plugin's place in its engine, which outlives its generations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hot_reload.outcome import Role
from hot_reload.ports import SavedState
from hot_reload.runtime.generation import Generation


@dataclass(slots=True)
class Slot:
    """Where a plugin lies, what it is configured with, and which generation of it serves."""

    name: str
    path: Path
    config: Mapping[str, Any]
    named_by_caller: bool
    current: Generation | None = None
    enabled: bool = True
    failed: bool = False
    rescued: SavedState | None = None
    """State that a stop-first swap could give to nobody; the next good generation gets it."""
    restores: bool = False
    """Whether its first use gives it the state that the engine's store has of it."""

    @property
    def answers(self) -> bool:
        """Whether calls are for it: it serves, is enabled, and has a ``handle``."""
        current = self.current
        return (
            current is not None
            and self.enabled
            and Role.SERVICE in current.roles
            and callable(current.method(Role.SERVICE))
        )
