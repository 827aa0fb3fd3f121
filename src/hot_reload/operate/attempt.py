"""Attempts: an engine's events, put together to what one operation came to."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from hot_reload.errors import EngineMisuse
from hot_reload.events import LifecycleEvent, OperationEnded, OperationStarted, StageEntered
from hot_reload.outcome import Deferred, Operation, Outcome, Refused, Running, Stage
from hot_reload.runtime.acting import Acting, acting
from hot_reload.runtime.engine import Engine
from hot_reload.runtime.roster import PluginStatus

WallClock: TypeAlias = Callable[[], datetime]
"""The time of day, for records that people read; durations are never taken from it."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Verdict(enum.Enum):
    """What an attempt counts as. Every attempt that has ended counts as exactly one."""

    SUCCESS = "success"
    FAILURE = "failure"
    """It was tried, and rolled back or failed."""
    REFUSED = "refused"
    """It was not tried."""
    CANCELLED = "cancelled"
    """Its caller was cancelled before the commit; what served before still serves."""
    DEFERRED = "deferred"
    """It was put off; the attempt that it becomes is one of its own."""


_ENDING = (Stage.DRAIN, Stage.FLUSH, Stage.STOP, Stage.TEARDOWN, Stage.RELEASE)
"""Stages of a generation that goes: the old one after a commit, the new one on the way back."""
_COMMITTED_OR_NONE = (None, Stage.COMMIT, *_ENDING)


def verdict_of(outcome: Outcome | None) -> Verdict:
    """What an attempt that ended with ``outcome`` counts as."""
    if outcome is None:
        return Verdict.CANCELLED
    if isinstance(outcome, Refused):
        return Verdict.REFUSED
    if isinstance(outcome, Deferred):
        return Verdict.DEFERRED
    return Verdict.SUCCESS if outcome.success else Verdict.FAILURE


def result_of(outcome: Outcome | None) -> str:
    """``outcome`` by name: ``swapped``, ``rolledback``, …, or ``cancelled``."""
    return type(outcome).__name__.lower() if outcome else "cancelled"


def followers(outcome: Outcome | None) -> tuple[Outcome, ...]:
    """What became of the plugins that followed in the same attempt, since they depend on it."""
    return () if outcome is None else outcome.cascade


@dataclass(slots=True, kw_only=True)
class Attempt:
    """An operation that has begun. Belongs to its ``Attempts``, which keeps it current.

    ``operation`` None: it began before anyone listened.
    """

    number: int
    plugin: str
    operation: Operation | None
    began_at: datetime
    began_seconds: float
    """On the engine's monotonic clock."""
    stage: Stage | None = None
    """The last that was entered; on the way back, one of those that release what was made."""
    reached: Stage | None = None
    """How far it came: the last stage before the way back."""
    forced: bool = False
    acting: Acting | None = None
    before: Running | None = None
    """What ran when it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedAttempt:
    """An attempt that is over. ``plugin`` may differ from what it began with: a first load
    finds out what the plugin calls itself."""

    began: Attempt
    plugin: str
    operation: Operation
    outcome: Outcome | None
    ended_at: datetime
    duration_seconds: float

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.outcome)


class Attempts:
    """Follows the attempts of one engine. Used on the loop's thread."""

    def __init__(self, engine: Engine, wall_clock: WallClock) -> None:
        self._engine = engine
        self._wall_clock = wall_clock
        self.running: dict[int, Attempt] = {}
        """By number, in the order of beginning."""

    def hear(self, event: LifecycleEvent) -> EndedAttempt | None:
        """Take note of ``event``; gives the attempt that it ended, if it ended one."""
        if isinstance(event, OperationEnded):
            return self._ended(event)
        if isinstance(event, StageEntered):
            attempt = self.running.get(event.attempt) or self._unheard(event)
            self.running[event.attempt] = attempt
            attempt.stage = event.stage
            if event.stage not in _ENDING or attempt.reached in _COMMITTED_OR_NONE:
                attempt.reached = event.stage
            return None
        self.running[event.attempt] = self._started(event)
        return None

    def _started(self, event: OperationStarted) -> Attempt:
        loads = event.operation is Operation.LOAD  # a namesake may run: it is not this one's
        return Attempt(
            number=event.attempt,
            plugin=event.plugin,
            operation=event.operation,
            began_at=self._wall_clock(),
            began_seconds=event.at_seconds,
            forced=event.forced,
            acting=acting(),
            before=None if loads else running_now(self._engine, event.plugin),
        )

    def _ended(self, event: OperationEnded) -> EndedAttempt:
        began = self.running.pop(event.attempt, None) or self._unheard(event)
        return EndedAttempt(
            began=began,
            plugin=event.plugin,
            operation=event.operation,
            outcome=event.outcome,
            ended_at=self._wall_clock(),
            duration_seconds=max(0.0, event.at_seconds - began.began_seconds),
        )

    def _unheard(self, event: StageEntered | OperationEnded) -> Attempt:
        """An attempt that began before anyone listened."""
        return Attempt(
            number=event.attempt,
            plugin=event.plugin,
            operation=event.operation if isinstance(event, OperationEnded) else None,
            began_at=self._wall_clock(),
            began_seconds=event.at_seconds,
        )


def running_now(engine: Engine, plugin: str) -> Running | None:
    """What runs as ``plugin`` now; None: nothing does, or there is no such plugin."""
    try:
        return engine.status(plugin).running
    except EngineMisuse:
        return None


def is_open(engine: Engine) -> bool:
    """Whether ``engine`` is open, or still being closed."""
    try:
        _ = engine.counts  # of what is read here it alone says that an engine is not open
    except EngineMisuse:
        return False
    return True


def loaded_now(engine: Engine) -> tuple[str, ...]:
    """The loaded plugins; none, if the engine is not open."""
    try:
        return engine.names if is_open(engine) else ()
    except EngineMisuse:  # asked in another thread while it closed
        return ()


def statuses(engine: Engine) -> Iterator[PluginStatus]:
    """What is known of each loaded plugin.

    Asked for in another thread, as a server asks for metrics, it leaves out what goes meanwhile.
    """
    for name in loaded_now(engine):
        try:
            status = engine.status(name)
        except EngineMisuse:
            continue
        yield status
