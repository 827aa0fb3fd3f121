"""The agenda: when each plugin's edit is to be applied, whatever it waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from hot_reload.policy.debounce import Debouncer
from hot_reload.policy.limiter import Admitted, RateLimiter
from hot_reload.policy.retry import Backoff, Retries, Retry
from hot_reload.watch.settings import WatchSettings


class Agenda:
    """Quiet periods, limits, retries and other delays of one watcher, in one place.

    A path is on it for one or more of these reasons, and handed out by ``due`` when one
    of them ends. Moments are seconds on one monotonic clock. ``chance`` gives a random
    number from 0 to below 1. Not safe for threads.
    """

    def __init__(self, settings: WatchSettings, chance: Callable[[], float]) -> None:
        quiet = settings.quiet_seconds
        self._chance = chance
        self._debouncer: Debouncer[Path] = Debouncer(
            quiet_seconds=quiet,
            # The glances at what never is quiet take part of the longest wait.
            max_wait_seconds=max(quiet, settings.max_wait_seconds - quiet),
        )
        self._limiter: RateLimiter[Path] = RateLimiter(
            limit=settings.limit,
            window_seconds=settings.window_seconds,
            cooldown_seconds=settings.cooldown_seconds,
        )
        self._retries: Retries[Path] = Retries(
            Backoff(
                tries=settings.retry_tries,
                base_seconds=settings.retry_base_seconds,
                max_seconds=settings.retry_max_seconds,
                jitter=settings.retry_jitter,
            )
        )
        self._later: dict[Path, float] = {}
        """When to look again at what a glance or a grace period holds back."""

    @property
    def waiting(self) -> frozenset[Path]:
        """All that waits for anything."""
        return frozenset(
            {*self._debouncer.waiting, *self._limiter.pending, *self._retries.pending, *self._later}
        )

    @property
    def retries(self) -> Mapping[Path, Retry]:
        """What failed and will be tried again."""
        return self._retries.pending

    def holds(self, path: Path) -> bool:
        """Whether ``path`` waits for anything."""
        return path in self.waiting

    def observe(self, path: Path, now: float) -> None:
        """Begin the quiet period of ``path``, or begin it anew."""
        self._debouncer.observe(path, now)

    def edited(self, path: Path, now: float) -> None:
        """``path`` has a new content: what failed with the old one counts no more."""
        self._retries.reset(path)
        # Waiting for a limit is no quiet period: it has to come to rest first.
        self._limiter.withdraw(path)
        self._debouncer.observe(path, now)

    def postpone(self, path: Path, until: float) -> None:
        """Hand ``path`` out at ``until``."""
        self._later[path] = until

    def due(self, now: float) -> tuple[Path, ...]:
        """What is to be settled at ``now``, sorted.

        What waits for a limit is named until ``admit`` or ``withdraw`` is called for it.
        """
        late = {path for path, moment in self._later.items() if moment <= now}
        for path in late:
            del self._later[path]
        return tuple(
            sorted(
                self._debouncer.due(now) | self._limiter.ready(now) | self._retries.due(now) | late
            )
        )

    def next_due(self) -> float | None:
        """The earliest moment at which ``due`` names something; None: nothing waits."""
        moments = (
            self._debouncer.next_due(),
            self._limiter.next_ready(),
            self._retries.next_due(),
            *self._later.values(),
        )
        return min((each for each in moments if each is not None), default=None)

    def withdraw(self, path: Path) -> None:
        """``path`` waits for no limit any more; its past counts on."""
        self._limiter.withdraw(path)

    def admit(self, path: Path, now: float) -> bool:
        """Whether the limits let ``path`` be applied now; otherwise it waits for them."""
        # A retry has kept its own pause, which grows; the rate counts for it all the same.
        return self._admit(path, now, cooldown=not self._retries.tried(path))

    def admit_beside(self, path: Path, now: float) -> bool:
        """Whether the rate lets ``path`` be applied now along with another one.

        It is not left waiting otherwise. The cooldown of the other one holds for both: if
        each waited for its own, they would never come together.
        """
        admitted = self._admit(path, now, cooldown=False)
        self._limiter.withdraw(path)
        return admitted

    def _admit(self, path: Path, now: float, *, cooldown: bool) -> bool:
        return isinstance(self._limiter.admit(path, now, cooldown=cooldown), Admitted)

    def failed(self, path: Path, now: float) -> Retry | None:
        """``path`` failed at what may pass; None: it is not tried again."""
        return self._retries.failed(path, now, self._chance())

    def done(self, path: Path) -> None:
        """``path`` was applied, or failed for good."""
        self._retries.reset(path)

    def forget(self, path: Path) -> None:
        """``path`` is gone. Not its past: who comes and goes is limited too."""
        self._debouncer.forget(path)
        self._limiter.withdraw(path)
        self._retries.reset(path)
        self._later.pop(path, None)
