"""How often: a rate per key, with what came too early kept for later (HR-LIMIT-01, 02)."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from hot_reload.errors import EngineMisuse
from hot_reload.policy.seconds import ForwardClock, checked_seconds

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Admitted:
    """Do it now; it counts from now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not before ``until`` (the same clock as ``now``); it is remembered as pending."""

    until: float


Admission: TypeAlias = Admitted | Wait


class RateLimiter(Generic[K]):
    """At most ``limit`` admissions of a key in ``window_seconds``, and a pause after each.

    A window is half open: an admission stops counting exactly ``window_seconds``
    after it. ``cooldown_seconds`` must pass between two admissions of one key.
    Keys do not limit each other.

    A request that must wait is pending, however often it is repeated, until it is
    admitted or forgotten: the caller serves every key that ``ready`` names by
    asking ``admit`` again. So nothing acknowledged is dropped, and a storm costs
    one follow-up.

    All moments are seconds on one monotonic clock. Holds at most ``limit`` numbers
    per key. Not safe for threads.

    Raises:
        EngineMisuse: the limit is no whole number of 1 or more, or a duration is
            negative or not finite.
    """

    def __init__(self, *, limit: int, window_seconds: float, cooldown_seconds: float = 0.0) -> None:
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise EngineMisuse(f"limit is {limit!r}; give a whole number of 1 or more")
        self.limit = limit
        self.window_seconds = checked_seconds("window_seconds", window_seconds)
        self.cooldown_seconds = checked_seconds("cooldown_seconds", cooldown_seconds)
        self._clock = ForwardClock("rate limiter")
        self._admissions: dict[K, deque[float]] = {}
        self._pending: dict[K, float] = {}
        """Until when each has to wait: nothing is admitted of a key while it is pending."""

    @property
    def pending(self) -> frozenset[K]:
        """The keys that were told to wait and have not been admitted since."""
        return frozenset(self._pending)

    def admit(self, key: K, now: float, *, cooldown: bool = True) -> Admission:
        """Decide on a request for ``key`` at ``now``.

        ``cooldown`` False: only the rate counts, as for a retry that has kept a pause of
        its own. The admission counts like any other.

        Raises:
            EngineMisuse: ``now`` is before a moment that was given earlier.
        """
        self._clock.advance(now)
        until = self._free_at(key, self.cooldown_seconds if cooldown else 0.0)
        if until is not None and now < until:
            self._pending[key] = until
            return Wait(until)
        self._pending.pop(key, None)
        self._admissions.setdefault(key, deque(maxlen=self.limit)).append(now)
        return Admitted()

    def ready(self, now: float) -> frozenset[K]:
        """The pending keys that ``admit`` would admit at ``now``; they stay pending until then.

        Raises:
            EngineMisuse: ``now`` is before a moment that was given earlier.
        """
        self._clock.advance(now)
        return frozenset(key for key, until in self._pending.items() if until <= now)

    def next_ready(self) -> float | None:
        """The earliest moment at which ``ready`` names a key; None: nothing is pending."""
        return min(self._pending.values(), default=None)

    def withdraw(self, key: K) -> None:
        """Drop the request of ``key``, not its past: there is nothing left to do for it."""
        self._pending.pop(key, None)

    def forget(self, key: K) -> None:
        """Drop the request and the past of ``key``: it may be admitted at once again."""
        self._pending.pop(key, None)
        self._admissions.pop(key, None)

    def _free_at(self, key: K, cooldown_seconds: float) -> float | None:
        """From when on a request is admitted; None: there was no admission yet."""
        past = self._admissions.get(key)
        if not past:
            return None
        cooled = past[-1] + cooldown_seconds
        # Fewer than the limit in all: only the pause counts.
        return cooled if len(past) < self.limit else max(cooled, past[0] + self.window_seconds)
