"""When to try again: what may pass, and a growing pause between tries (HR-LIMIT-03)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from hot_reload.errors import EngineMisuse
from hot_reload.outcome import Failed, Failure, Outcome, RolledBack, Stage
from hot_reload.policy.seconds import ForwardClock, checked_seconds

K = TypeVar("K", bound=Hashable)

MAY_PASS = frozenset(
    {
        Stage.READ,
        Stage.IMPORT,
        Stage.CONSTRUCT,
        Stage.SETUP,
        Stage.START,
        Stage.CAPTURE,
        Stage.RESTORE,
        Stage.HEALTH,
        Stage.ON_RELOAD,
    }
)
"""Where the world outside of the source takes part: files, networks, other programs."""
SOURCE_FAULTS = (
    *("SyntaxError", "IndentationError", "TabError", "SourceSyntaxError"),
    *("NameError", "UnboundLocalError"),
)
"""Errors that the same source raises again, whichever stage they come up in."""


def is_transient(outcome: Outcome) -> bool:
    """Whether the same source may succeed when it is tried again a little later."""
    return isinstance(outcome, (RolledBack, Failed)) and may_pass(outcome.failure)


def may_pass(failure: Failure) -> bool:
    """Whether ``failure`` may be gone later although the source stays as it is."""
    # The cause reads "start raised NameError: name 'x' is not defined".
    raised = failure.cause.partition(" raised ")[2].partition(":")[0]
    return failure.stage in MAY_PASS and raised not in SOURCE_FAULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The pauses between the tries of one thing.

    The n-th pause is ``base_seconds`` doubled n - 1 times, at most ``max_seconds``, and
    then longer by up to ``jitter`` of itself: so that what failed together is not tried
    together. Each pause before the longest is longer than the one before it.

    Raises:
        EngineMisuse: ``tries`` is no whole number of 1 or more, a duration is negative or
            not finite, or ``jitter`` is not from 0 to 1.
    """

    tries: int = 3
    """The first one counts."""
    base_seconds: float = 1.0
    max_seconds: float = 30.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if isinstance(self.tries, bool) or not isinstance(self.tries, int) or self.tries < 1:
            raise EngineMisuse(f"tries is {self.tries!r}; give a whole number of 1 or more")
        checked_seconds("base_seconds", self.base_seconds)
        checked_seconds("max_seconds", self.max_seconds)
        if checked_seconds("jitter", self.jitter) > 1:
            raise EngineMisuse(f"jitter is {self.jitter!r}; give a share from 0 to 1")

    def pause(self, failed: int, chance: float) -> float | None:
        """Seconds to wait after ``failed`` tries (1 or more); None: that were all tries.

        ``chance`` is random, from 0 to below 1.
        """
        if failed >= self.tries:
            return None
        # Limited before it is doubled: a float of many doublings would overflow.
        doublings = min(failed - 1, 64)
        return min(self.base_seconds * 2.0**doublings, self.max_seconds) * (
            1 + self.jitter * chance
        )


@dataclass(frozen=True, slots=True)
class Retry:
    """A thing that failed and will be tried again."""

    tried: int
    """How often it was tried so far."""
    due: float
    """When it is tried next, on the clock of ``now``."""


class Retries(Generic[K]):
    """Counts the failed tries of each key, and says when the next one is due.

    A key has a budget of ``backoff.tries``; ``reset`` gives it a new one, as when it was
    edited or succeeded. Holds one record per key that failed. Moments are seconds on one
    monotonic clock. Not safe for threads.
    """

    def __init__(self, backoff: Backoff) -> None:
        self.backoff = backoff
        self._clock = ForwardClock("retries")
        self._failed: dict[K, int] = {}
        self._pending: dict[K, Retry] = {}

    @property
    def pending(self) -> Mapping[K, Retry]:
        """What will be tried again, and was not handed out yet; a copy."""
        return dict(self._pending)

    def tried(self, key: K) -> int:
        """How often ``key`` has failed since it was last reset."""
        return self._failed.get(key, 0)

    def failed(self, key: K, now: float, chance: float) -> Retry | None:
        """Take note that ``key`` failed; None: its budget is spent.

        Raises:
            EngineMisuse: ``now`` is before a moment that was given earlier.
        """
        self._clock.advance(now)
        tried = self._failed[key] = self._failed.get(key, 0) + 1
        pause = self.backoff.pause(tried, chance)
        if pause is None:
            self._pending.pop(key, None)
            return None
        self._pending[key] = Retry(tried, now + pause)
        return self._pending[key]

    def due(self, now: float) -> frozenset[K]:
        """Hand out the keys whose next try is due at ``now``; their count stays.

        Raises:
            EngineMisuse: ``now`` is before a moment that was given earlier.
        """
        self._clock.advance(now)
        due = frozenset(key for key, retry in self._pending.items() if retry.due <= now)
        for key in due:
            del self._pending[key]
        return due

    def next_due(self) -> float | None:
        """The earliest moment at which ``due`` names a key; None: nothing is pending."""
        return min((retry.due for retry in self._pending.values()), default=None)

    def reset(self, key: K) -> None:
        """Forget the failures of ``key``: the next one is its first."""
        self._failed.pop(key, None)
        self._pending.pop(key, None)
