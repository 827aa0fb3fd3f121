"""The pace: the durations and numbers that a host declares, to which the checks hold it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a watching host reacts, and how often. Seconds of its monotonic clock.

    Declare what your host documents; the defaults are the reference engine's.
    """

    quiet_seconds: float = 0.1
    """A plugin is reloaded when its files have been quiet for so long …"""
    max_wait_seconds: float = 2.0
    """… or when its first change has waited for so long."""
    notice_seconds: float = 1.0
    """How long an edit may stay unseen: the period of a poll, the interval of a sweep."""
    converge_seconds: float = 8.0
    """Once edits stop, the last of them runs within so long, cooldowns among it."""
    delete_grace_seconds: float = 1.0
    """How long a file may be gone before its plugin counts as deleted."""
    unloads_deleted: bool = False
    """The policy for a deleted file: unload its plugin, or (False) let it serve on."""
    limit: int = 0
    """How many automatic reloads of one plugin there may be within ``window_seconds``;
    0: only the cooldown limits them (claim ``rate-limit``)."""
    window_seconds: float = 60.0
    cooldown_seconds: float = 0.0
    """The least time between two automatic reloads of one plugin (claim ``rate-limit``)."""
    limits_requests: bool = False
    """Whether reloads that somebody asked for fall under ``limit`` and cooldown too."""
    tries: int = 1
    """How often a load that fails in passing is tried, the first try among them (``retry``)."""
    retry_seconds: float = 1.0
    """The longest wait before the first retry; each further one at most doubles."""

    @property
    def retrying_seconds(self) -> float:
        """How long all tries of one load take at most, the wait until its edit is seen included."""
        waits = sum(self.retry_seconds * 2.0**each for each in range(self.tries))
        seen = self.tries * (self.notice_seconds + self.quiet_seconds)
        return waits + seen + self.converge_seconds
