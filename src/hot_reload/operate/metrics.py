"""Metrics of one engine for Prometheus, in a registry of their own."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable

from hot_reload.events import LifecycleEvent
from hot_reload.operate.attempt import (
    Attempts,
    EndedAttempt,
    Verdict,
    followers,
    loaded_now,
    utc_now,
    verdict_of,
)
from hot_reload.operate.audit import AuditLog
from hot_reload.operate.collector import EngineCollector, GenerationCensus
from hot_reload.outcome import Failed, Failure, Operation, RolledBack, Stage
from hot_reload.runtime.engine import Engine
from hot_reload.watch.watcher import Watcher

try:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        "hot_reload.Metrics needs prometheus-client: "
        "python -m pip install 'pytest-hot-reload[metrics]'",
        name=_error.name,
    ) from None

BUCKETS_SECONDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)


class Metrics:
    """Counts what ``engine`` does from now on. Used on the loop's thread.

    ``registry`` is its own, never the process' default one: any number of engines may have
    metrics beside each other. Give it to whatever serves it, in a thread of its own too, or send
    ``render()``.

    For each operation ``attempts`` = the sum of ``results`` + ``in_progress``. Totals by
    operation never go down. Series with a plugin's name are there while it is loaded and
    begin anew when it is loaded again, so their number is bounded by what is loaded.

    Raises:
        EngineMisuse: the engine is not open.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        watchers: Iterable[Watcher] = (),
        audit: AuditLog | None = None,
    ) -> None:
        self._engine = engine
        self._attempts = Attempts(engine, utc_now)
        self._begun: set[int] = set()
        self._by_plugin: dict[str, Tally[Verdict]] = {}
        self._census = GenerationCensus(engine)
        self.registry = CollectorRegistry(auto_describe=False)
        self._make_series()
        self.registry.register(
            EngineCollector(
                engine,
                census=self._census,
                results=self._by_plugin,
                watchers=tuple(watchers),
                audit=audit,
            )
        )
        self._stop = engine.listen(self._hear)

    def render(self) -> str:
        """Everything in the text format of Prometheus."""
        return generate_latest(self.registry).decode()

    def close(self) -> None:
        """Follow the engine no longer; what was counted stays. Idempotent."""
        self._stop()

    def _make_series(self) -> None:
        registry = self.registry
        self._attempts_total = Counter(
            "hot_reload_attempts",
            "Operations that began, refused ones too.",
            ["operation"],
            registry=registry,
        )
        self._results_total = Counter(
            "hot_reload_results",
            "Operations that ended, by what they count as.",
            ["operation", "result"],
            registry=registry,
        )
        self._in_progress = Gauge(
            "hot_reload_in_progress",
            "Operations that run now.",
            ["operation"],
            registry=registry,
        )
        self._durations = Histogram(
            "hot_reload_duration_seconds",
            "How long operations took from their beginning to their end, whatever came of them.",
            ["operation", "result"],
            registry=registry,
            buckets=BUCKETS_SECONDS,
        )
        self._stage_failures = Counter(
            "hot_reload_stage_failures",
            "Failures of operations, and of their rollbacks, by stage.",
            ["stage"],
            registry=registry,
        )
        self._stage_warnings = Counter(
            "hot_reload_stage_warnings",
            "Mishaps that failed no operation, by stage.",
            ["stage"],
            registry=registry,
        )
        # What never happened is 0, not absent: rates and alerts need a first value.
        for operation in Operation:
            self._attempts_total.labels(operation.value)
            self._in_progress.labels(operation.value)
            for verdict in Verdict:
                self._results_total.labels(operation.value, verdict.value)
        for stage in Stage:
            self._stage_failures.labels(stage.value)
            self._stage_warnings.labels(stage.value)

    def _hear(self, event: LifecycleEvent) -> None:
        ended = self._attempts.hear(event)
        if ended is not None:
            self._ended(ended)
            return
        attempt = self._attempts.running[event.attempt]
        # One that began before there were metrics is counted when it ends.
        if attempt.operation is not None and attempt.number not in self._begun:
            self._begun.add(attempt.number)
            self._attempts_total.labels(attempt.operation.value).inc()
            self._in_progress.labels(attempt.operation.value).inc()

    def _ended(self, ended: EndedAttempt) -> None:
        operation, verdict = ended.operation.value, ended.verdict
        if ended.began.number in self._begun:
            self._begun.discard(ended.began.number)
            self._in_progress.labels(operation).dec()
        else:
            self._attempts_total.labels(operation).inc()
        self._results_total.labels(operation, verdict.value).inc()
        self._durations.labels(operation, verdict.value).observe(ended.duration_seconds)
        for failure in _failures(ended):
            self._stage_failures.labels(failure.stage.value).inc()
        for warning in ended.outcome.warnings if ended.outcome else ():
            self._stage_warnings.labels(warning.stage.value).inc()
        self._count_for_plugin(ended.plugin, verdict)
        for each in followers(ended.outcome):
            self._count_for_plugin(each.plugin, verdict_of(each))

    def _count_for_plugin(self, plugin: str, verdict: Verdict) -> None:
        loaded = loaded_now(self._engine)
        for gone in [each for each in self._by_plugin if each not in loaded]:
            del self._by_plugin[gone]
        # A name that is not loaded may be any: a series for each would have no bound.
        if plugin in loaded:
            self._by_plugin.setdefault(plugin, Tally())[verdict] += 1
        self._census.look(plugin)


def _failures(ended: EndedAttempt) -> tuple[Failure, ...]:
    outcome = ended.outcome
    if isinstance(outcome, Failed):
        return outcome.failure, outcome.rollback_failure
    return (outcome.failure,) if isinstance(outcome, RolledBack) else ()
