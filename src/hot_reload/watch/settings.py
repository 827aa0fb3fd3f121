"""How a watch paces itself, checked when it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from hot_reload.errors import EngineMisuse

_MAY_BE_ZERO = frozenset(
    {"quiet_seconds", "cooldown_seconds", "delete_grace_seconds", "retry_jitter"}
)
_SHARES = frozenset({"retry_jitter", "sweep_share", "polling_share"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """Durations, limits and policies of one watcher. Immutable.

    Durations are seconds of the watcher's monotonic clock.

    Raises:
        EngineMisuse: a value is of the wrong kind or out of range, or ``max_wait_seconds``
            is less than ``quiet_seconds``, ``retry_max_seconds`` than ``retry_base_seconds``.
    """

    quiet_seconds: float = 0.1
    """A plugin is reloaded when it has been quiet for so long …"""
    max_wait_seconds: float = 2.0
    """… or when its first change has waited for so long."""
    sweep_seconds: float = 1.0
    """How long an edit can stay unseen that no event tells of, as long as the plugins are
    so few that looking at all of them takes no more than ``sweep_share`` of the time."""
    sweep_share: float = 0.003
    """Which share of one processor sweeps may take; more plugins are swept in longer rounds.
    ``Watcher.health`` says how long they are."""
    polling_share: float = 0.1
    """The same while the system's events do not come, so that only sweeps find edits."""
    cooldown_seconds: float = 5.0
    """The least time between two automatic operations on one plugin; what comes earlier waits."""
    limit: int = 30
    """How many automatic operations on one plugin there may be within ``window_seconds``."""
    window_seconds: float = 60.0
    retry_tries: int = 3
    """How often one edit is tried in all while it fails at what may pass; 1: no retries."""
    retry_base_seconds: float = 1.0
    """The pause before the second try; it doubles before each further one. It stands in for
    the cooldown, and the retries count within ``limit``."""
    retry_max_seconds: float = 30.0
    """What a pause, without its jitter, does not grow beyond."""
    retry_jitter: float = 0.1
    """By which share of itself a pause is made longer at most, at random; from 0 to 1."""
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
        if self.retry_max_seconds < self.retry_base_seconds:
            raise EngineMisuse(
                f"watch setting retry_max_seconds ({self.retry_max_seconds!r}) is less than "
                f"retry_base_seconds ({self.retry_base_seconds!r}); raise the one or "
                "lower the other"
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
    if name in _SHARES:
        within = number and 0 <= value <= 1 and (value > 0 or zero)  # type: ignore[operator]  # a number, by the line above
        return "" if within else f"give a number {'from 0' if zero else 'above 0, up'} to 1"
    if number and math.isfinite(value) and (value > 0 or (zero and value == 0)):  # type: ignore[arg-type, operator]  # a number, by the line above
        return ""
    return f"give a finite number of seconds, {'0 or more' if zero else 'more than 0'}"
