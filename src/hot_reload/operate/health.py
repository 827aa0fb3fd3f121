"""Health: what an engine does at this moment, what it runs, and what is wrong with it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from hot_reload.events import LifecycleEvent
from hot_reload.operate.attempt import (
    Attempt,
    Attempts,
    EndedAttempt,
    Verdict,
    WallClock,
    followers,
    is_open,
    loaded_now,
    result_of,
    statuses,
    utc_now,
    verdict_of,
)
from hot_reload.operate.audit import AuditHealth, AuditLog
from hot_reload.operate.plain import plain
from hot_reload.operate.watchdog import LoopHealth, Watchdog
from hot_reload.outcome import Failure, Operation, Outcome, Role, Running, Stage
from hot_reload.runtime.engine import Engine
from hot_reload.runtime.roster import PluginStatus
from hot_reload.watch.watched import WatchHealth
from hot_reload.watch.watcher import Watcher

ABSENT_KEPT = 100
"""How many plugins whose load failed are remembered; the oldest give way."""


class HealthState(enum.Enum):
    """The short answer."""

    OK = "ok"
    DEGRADED = "degraded"
    """Something is not as it should be; ``HealthReport.reasons`` says what."""
    CLOSED = "closed"
    """The engine is closed: nothing runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InProgress:
    """An operation that runs now. ``stage`` None: it has not entered its first one."""

    attempt: int
    plugin: str
    operation: Operation | None
    """None: it began before the health was made."""
    stage: Stage | None
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LastResult:
    """How the last attempt at a plugin ended; refused and cancelled ones count too."""

    operation: Operation
    result: str
    """The outcome by name: ``swapped``, ``rolledback``, …, or ``cancelled``."""
    verdict: Verdict
    at: datetime
    duration_seconds: float
    error: str | None
    """In one line, with what still runs; None: it was a success."""
    failure: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginHealth:
    """One loaded plugin. ``running`` None: nothing of it runs, since even its rollback failed."""

    name: str
    running: Running | None
    roles: tuple[Role, ...]
    enabled: bool
    failed: bool
    error: str | None
    """The last failure, until an operation on the plugin succeeds."""
    last: LastResult | None
    """None: nothing was done with it since the health was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """The health of one engine at one moment. Plain data; keeps no generation alive."""

    at: datetime
    state: HealthState
    reasons: tuple[str, ...]
    """Why the state is DEGRADED, each for a person to read; empty otherwise."""
    in_progress: tuple[InProgress, ...]
    plugins: tuple[PluginHealth, ...]
    """In the order of loading."""
    absent: Mapping[str, LastResult]
    """Plugins that were to be loaded, and are not, since their load failed."""
    watchers: tuple[WatchHealth, ...]
    audit: AuditHealth | None
    loop: LoopHealth | None = None
    """How the event loop goes on, where a watchdog looks."""

    @property
    def reloading(self) -> bool:
        """Whether an operation of any kind runs."""
        return bool(self.in_progress)

    def as_dict(self) -> dict[str, Any]:
        """The same as dicts, lists and strings, for ``json.dumps``; times are ISO 8601 in UTC."""
        return {"reloading": self.reloading, **plain(self)}


class Health:
    """Follows an engine from now on, and reports. Used on the loop's thread.

    Make it before the first load, so that it misses nothing. After the engine is closed
    it says so.

    ::

        async with Engine() as engine:
            health = Health(engine)
            await engine.load("plugins/counter.py")
            print(health.report().state)

    Raises:
        EngineMisuse: the engine is not open.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        watchers: Iterable[Watcher] = (),
        audit: AuditLog | None = None,
        watchdog: Watchdog | None = None,
        wall_clock: WallClock = utc_now,
    ) -> None:
        self._engine = engine
        self._watchers = tuple(watchers)
        self._audit = audit
        self._watchdog = watchdog
        self._wall_clock = wall_clock
        self._attempts = Attempts(engine, wall_clock)
        self._last: dict[str, LastResult] = {}
        self._absent: dict[str, LastResult] = {}
        self._stop = engine.listen(self._hear)

    def report(self) -> HealthReport:
        """How things are now. Cheap: it reads what is known, and touches no file.

        From any thread, as of a server; in another one than the loop's it may be put together of
        moments that lie a little apart.
        """
        closed = not is_open(self._engine)
        plugins = tuple(map(self._plugin, statuses(self._engine)))
        watchers = tuple(each.health for each in self._watchers)
        audit = self._audit.health if self._audit else None
        reasons = [] if closed else self._reasons(plugins, watchers)
        if audit is not None and audit.error is not None:
            reasons.append(
                f"audit: {audit.error}; {audit.pending} records wait, {audit.lost} are lost"
            )
        state = HealthState.DEGRADED if reasons else HealthState.OK
        return HealthReport(
            at=self._wall_clock(),
            state=HealthState.CLOSED if closed else state,
            reasons=tuple(reasons),
            in_progress=tuple(_in_progress(each) for each in [*self._attempts.running.values()]),
            plugins=plugins,
            absent=MappingProxyType({} if closed else dict(self._absent)),
            watchers=watchers,
            audit=audit,
            loop=self._watchdog.health if self._watchdog else None,
        )

    def dismiss(self, name: str) -> None:
        """Forget that the load of ``name`` failed: it is not meant to run any more."""
        self._absent.pop(name, None)

    def close(self) -> None:
        """Follow the engine no longer. Idempotent."""
        self._stop()

    def _hear(self, event: LifecycleEvent) -> None:
        ended = self._attempts.hear(event)
        if ended is None:
            return
        self._remember(ended.plugin, _last_result(ended, ended.operation, ended.outcome))
        for each in followers(ended.outcome):
            self._remember(each.plugin, _last_result(ended, each.operation, each))
        if ended.verdict is Verdict.SUCCESS:
            # A first load begins under the file's name, and ends under the plugin's own.
            self.dismiss(ended.plugin)
            self.dismiss(ended.began.plugin)

    def _remember(self, plugin: str, last: LastResult) -> None:
        loaded = loaded_now(self._engine)
        self._last.pop(plugin, None)
        if plugin in loaded:
            self._last[plugin] = last
        elif last.verdict is Verdict.FAILURE:
            self._absent.pop(plugin, None)  # the newest stands last
            self._absent[plugin] = last
            while len(self._absent) > ABSENT_KEPT:
                del self._absent[next(iter(self._absent))]
        if len(self._last) > len(loaded):
            self._last = {name: each for name, each in self._last.items() if name in loaded}

    def _plugin(self, status: PluginStatus) -> PluginHealth:
        return PluginHealth(
            name=status.name,
            running=status.running,
            roles=status.roles,
            enabled=status.enabled,
            failed=status.failed,
            error=status.error,
            last=self._last.get(status.name),
        )

    def _reasons(
        self, plugins: tuple[PluginHealth, ...], watchers: tuple[WatchHealth, ...]
    ) -> list[str]:
        reasons = [f"plugin {each.name!r}: {each.error}" for each in plugins if each.error]
        reasons += [f"plugin {name!r}: {each.error}" for name, each in dict(self._absent).items()]
        redact = {each.name for each in plugins if _redacts(each)}
        reasons += [
            f"no event passes: the required redactor {name!r} is not loaded, is disabled, or "
            "redacts nothing"
            for name in self._engine.settings.required_redactors
            if name not in redact
        ]
        for each in watchers:
            if each.degraded is not None:
                reasons.append(f"watch: {each.degraded}")
            reasons += [f"watch: {error}" for error in each.errors]
            reasons += [f"watch: directory {root} is not there" for root in each.missing_roots]
        return reasons


def _redacts(plugin: PluginHealth) -> bool:
    return plugin.running is not None and plugin.enabled and Role.REDACTOR in plugin.roles


def _in_progress(attempt: Attempt) -> InProgress:
    return InProgress(
        attempt=attempt.number,
        plugin=attempt.plugin,
        operation=attempt.operation,
        stage=attempt.stage,
        since=attempt.began_at,
    )


def _last_result(ended: EndedAttempt, operation: Operation, outcome: Outcome | None) -> LastResult:
    if outcome is None:
        error: str | None = (
            f"{operation.value} of {ended.plugin!r}: its caller was cancelled; what ran "
            "before still runs"
        )
    else:
        error = None if outcome.success else outcome.describe()
    return LastResult(
        operation=operation,
        result=result_of(outcome),
        verdict=verdict_of(outcome),
        at=ended.ended_at,
        duration_seconds=ended.duration_seconds,
        error=error,
        failure=getattr(outcome, "failure", None),
    )
