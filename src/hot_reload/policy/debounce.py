"""The quiet period: when a burst of changes is over (HR-WATCH-03 to 05)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from hot_reload.errors import EngineMisuse
from hot_reload.policy.seconds import ForwardClock, checked_seconds

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Burst:
    """The changes of one key that were not handed out yet."""

    first: float
    last: float


class Debouncer(Generic[K]):
    """Collects changes by key and hands each key out once its burst is over.

    A key is settled when it has been quiet for ``quiet_seconds``, or when
    ``max_wait_seconds`` have passed since the first of its changes that was not
    handed out; whichever is earlier. Keys do not wait for each other. No change is
    lost: a key that was observed is handed out by a later ``due`` unless it is
    forgotten.

    All moments are seconds on one monotonic clock. Holds one record per waiting
    key. Not safe for threads.

    Raises:
        EngineMisuse: a duration is negative or not finite, or the longest wait is
            shorter than the quiet period.
    """

    def __init__(self, *, quiet_seconds: float = 0.1, max_wait_seconds: float = 2.0) -> None:
        self.quiet_seconds = checked_seconds("quiet_seconds", quiet_seconds)
        self.max_wait_seconds = checked_seconds("max_wait_seconds", max_wait_seconds)
        if self.max_wait_seconds < self.quiet_seconds:
            raise EngineMisuse(
                f"max_wait_seconds ({max_wait_seconds!r}) is less than quiet_seconds "
                f"({quiet_seconds!r}): no burst could end by being quiet; raise the one or "
                "lower the other"
            )
        self._clock = ForwardClock("debouncer")
        self._bursts: dict[K, _Burst] = {}

    @property
    def waiting(self) -> frozenset[K]:
        """The keys that were observed and not handed out yet."""
        return frozenset(self._bursts)

    def observe(self, key: K, now: float) -> None:
        """Take note that ``key`` changed at ``now``.

        Raises:
            EngineMisuse: ``now`` is before a moment that was given earlier.
        """
        self._clock.advance(now)
        burst = self._bursts.get(key)
        self._bursts[key] = replace(burst, last=now) if burst else _Burst(now, now)

    def due(self, now: float) -> frozenset[K]:
        """Hand out the keys that are settled at ``now``; each is then forgotten.

        Raises:
            EngineMisuse: ``now`` is before a moment that was given earlier.
        """
        self._clock.advance(now)
        settled = frozenset(key for key in self._bursts if self._settles_at(key) <= now)
        for key in settled:
            del self._bursts[key]
        return settled

    def next_due(self) -> float | None:
        """The earliest moment at which ``due`` hands something out; None: nothing waits.

        A later change of the same key may move it on, so ask again after each.
        """
        return min(map(self._settles_at, self._bursts), default=None)

    def forget(self, key: K) -> None:
        """Drop what is known of ``key``, say because its plugin was unloaded."""
        self._bursts.pop(key, None)

    def _settles_at(self, key: K) -> float:
        burst = self._bursts[key]
        return min(burst.last + self.quiet_seconds, burst.first + self.max_wait_seconds)
