"""How a watch paces itself, checked when it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from hot_reload.errors import EngineMisuse

_MAY_BE_ZERO = frozenset({"quiet_seconds", "cooldown_seconds", "delete_grace_seconds"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """Durations, limits and policies of one watcher. Immutable.

    Durations are seconds of the watcher's monotonic clock.

    Raises:
        EngineMisuse: a value is of the wrong kind or out of range, or ``max_wait_seconds``
            is less than ``quiet_seconds``.
    """

    quiet_seconds: float = 0.1
    """A plugin is reloaded when it has been quiet for so long …"""
    max_wait_seconds: float = 2.0
    """… or when its first change has waited for so long."""
    sweep_seconds: float = 1.0
    """How long an edit can stay unseen that no event tells of."""
    cooldown_seconds: float = 5.0
    """The least time between two automatic operations on one plugin; what comes earlier waits."""
    limit: int = 30
    """How many automatic operations on one plugin there may be within ``window_seconds``."""
    window_seconds: float = 60.0
    delete_grace_seconds: float = 1.0
    """How long a file may be gone before its plugin counts as deleted."""
    unload_deleted: bool = False
    """Unload a plugin whose file is deleted. Otherwise it serves on, and its status says so."""
    load_new: bool = True
    """Load plugins that appear in the roots."""

    def __post_init__(self) -> None:
        for each in fields(self):
            problem = _problem(each.name, getattr(self, each.name), type(each.default))
            if problem:
                raise EngineMisuse(
                    f"watch setting {each.name} is {getattr(self, each.name)!r}; {problem}"
                )
        if self.max_wait_seconds < self.quiet_seconds:
            raise EngineMisuse(
                f"watch setting max_wait_seconds ({self.max_wait_seconds!r}) is less than "
                f"quiet_seconds ({self.quiet_seconds!r}); raise the one or lower the other"
            )


def _problem(name: str, value: object, kind: type) -> str:
    """What to give instead of ``value``; empty: it is fine."""
    if kind is bool:
        return "" if isinstance(value, bool) else "give True or False"
    if kind is int:
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        return "" if whole else "give a whole number of 1 or more"
    zero = name in _MAY_BE_ZERO
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and math.isfinite(value) and (value > 0 or (zero and value == 0)):  # type: ignore[arg-type, operator]  # a number, by the line above
        return ""
    return f"give a finite number of seconds, {'0 or more' if zero else 'more than 0'}"
