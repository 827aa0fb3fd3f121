"""The model of the state machine: what has to be, so plain that it cannot be wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hot_reload_conformance.exploration.operation import SINKS


@dataclass
class Modelled:
    """One plugin as it has to be."""

    version: str
    state: Any = field(default_factory=dict)
    enabled: bool = True
    failed: bool = False
    """Whether its last reload failed or was cancelled; the version before it serves."""


@dataclass
class Model:
    """What has to be, by name. ``disk`` is None where a failed reload left what it left."""

    plugins: dict[str, Modelled] = field(default_factory=dict)
    disk: dict[str, str | None] = field(default_factory=dict)
    epochs: Counter[str] = field(default_factory=Counter)

    def sinks(self) -> list[str]:
        """The sinks that have to get events."""
        return [n for n, plugin in self.plugins.items() if n in SINKS and plugin.enabled]

    def is_last_sink(self, name: str) -> bool:
        return self.sinks() == [name]

    def state_of(self, name: str) -> str:
        """What coverage calls the state of ``name``: absent, live, failed or disabled."""
        plugin = self.plugins.get(name)
        if plugin is None:
            return "absent"
        if not plugin.enabled:
            return "disabled"
        return "failed" if plugin.failed else "live"

    def __str__(self) -> str:
        found = (
            f"{name} {each.version}{'' if each.enabled else ' (disabled)'}"
            for name, each in sorted(self.plugins.items())
        )
        return ", ".join(found) or "nothing"
