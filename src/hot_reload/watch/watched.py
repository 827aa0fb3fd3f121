"""One plugin on disk, as its watcher knows it, and what a watcher tells of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from hot_reload.watch.sweep import MISSING, Look


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTry:
    """An edit that failed at what may pass, and will be tried again. Plain data."""

    file: str
    tried: int
    """How often it was tried so far …"""
    tries: int
    """… of how many times at most."""
    next_seconds: float
    """In how many seconds it is tried again; 0 or more."""


Others: TypeAlias = frozenset[tuple[str, int]]
"""The plugins that run, each with the number of its generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchHealth:
    """Whether edits are seen. Plain data."""

    running: bool
    enabled: bool
    degraded: str | None
    """Why only the sweep finds edits now, or none are found; None: the system's events come."""
    restarts: int
    """How often the system's watch had to be set up again, or could not be."""
    waiting: tuple[str, ...]
    """The files whose edits are being applied, or wait: for quiet, a grace period, a limit,
    the next try."""
    errors: tuple[str, ...]
    """What the watch itself failed at, as a whole or by plugin, until it succeeds there; not
    what reloads fail at, which the engine's ``status`` has."""
    missing_roots: tuple[str, ...]
    """The watched directories that are not there; their plugins count as they last were."""
    retries: tuple[NextTry, ...] = ()
    """Those of ``waiting`` that failed and will be tried again."""
    sweep_seconds: float = 0.0
    """How long an edit can stay unseen now that no event tells of …"""
    content_seconds: float = 0.0
    """… and one that does not even show in a file's status, as through a memory map."""


@dataclass(slots=True)
class Watched:
    """What is known of one plugin's files. Belongs to its watcher."""

    seen: Look = field(default_factory=lambda: Look(""))
    """What the last sweep saw."""
    changed_at: float = 0.0
    """When ``seen`` became that."""
    applied: Look | None = None
    """What the engine was last brought to, or failed to be; None: ask it (again)."""
    served_inputs: tuple[tuple[str, str], ...] = ()
    """The inputs of the running generation as they were when it read them."""
    gone_since: float | None = None
    glances: int = 0
    """How often a settled change was looked at again because it had moved just before."""
    unread: int = 0
    """How often the engine could not read ``seen``: it had changed in between."""
    refused_beside: Others | None = None
    """The other plugins beside which it was refused: when they change, it is asked again."""
    failed_beside: int | None = None
    """The generation that ran on when ``applied`` failed; None: it did not."""
    busy: bool = False
    error: str | None = None

    def saw(self, look: Look, now: float) -> bool:
        """Take note of a look; whether it differs from the last one."""
        if look.source != MISSING:
            self.gone_since = None
        elif self.gone_since is None:
            self.gone_since = now
        if look == self.seen:
            return False
        self.seen, self.changed_at, self.unread = look, now, 0
        return True
