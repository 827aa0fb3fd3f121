"""What is read at the moment of the scrape: events, plugins, generations, watchers, audit."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hot_reload.errors import EngineMisuse
from hot_reload.operate.attempt import Verdict, loaded_now, running_now, statuses
from hot_reload.operate.audit import AuditLog
from hot_reload.runtime.engine import Engine
from hot_reload.runtime.roster import PluginStatus
from hot_reload.watch.watcher import Watcher

if TYPE_CHECKING:
    from prometheus_client import Metric


class GenerationCensus:
    """Which generations' plugin objects are in memory, by weak references alone.

    A generation whose object cannot be referred to weakly is not counted.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: dict[int, weakref.ref[Any]] = {}
        for name in loaded_now(engine):
            self.look(name)

    def look(self, name: str) -> None:
        """Take note of what serves as ``name`` now, if anything does."""
        running = running_now(self._engine, name)
        if running is None or running.generation in self._seen:
            return
        # EngineMisuse: it stops just now; TypeError: an object with slots and no __weakref__.
        with contextlib.suppress(EngineMisuse, TypeError):
            self._seen[running.generation] = weakref.ref(self._engine.plugin(name))

    @property
    def lingering(self) -> int:
        """How many generations that serve no more are still in memory.

        What waits for the next garbage collection counts too: ``engine.lingering()`` makes
        one first, and is the proof.
        """
        # One by one, of a copy: the loop may take note of a new one while another thread asks.
        for number, each in list(self._seen.items()):
            if each() is None:
                self._seen.pop(number, None)
        serving = {
            each.running.generation for each in statuses(self._engine) if each.running is not None
        }
        return len(self._seen.keys() - serving)


class EngineCollector:
    """A collector of prometheus-client. Its series follow what is loaded."""

    def __init__(
        self,
        engine: Engine,
        *,
        census: GenerationCensus,
        results: Mapping[str, Mapping[Verdict, int]],
        watchers: tuple[Watcher, ...],
        audit: AuditLog | None,
    ) -> None:
        self._engine = engine
        self._counts = engine.counts  # the engine's for its whole life, and readable after it
        self._census = census
        self._results = results
        self._watchers = watchers
        self._audit = audit

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: its names are this library's own, in a registry of their own."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._events()
        yield from self._plugins()
        yield from self._generations()
        yield from self._watches()
        yield from self._audited()

    def _events(self) -> Iterator[Metric]:
        counts = self._counts
        filtered, errors = dict(counts.filtered), dict(counts.errors)
        dropped = dict(counts.dropped)
        loaded = loaded_now(self._engine)
        yield _counter("events_accepted", "Events that emit() accepted.", counts.accepted)
        for name, text, found in (
            ("events_filtered", "Events that a filter held back.", filtered),
            ("events_dropped", "Deliveries of accepted events that were given up.", dropped),
            ("event_errors", "Exceptions that plugins raised on events.", errors),
        ):
            yield _counter(name, text, sum(found.values()))
            yield _by(
                _counter_family,
                f"plugin_{name}",
                f"{text} By loaded plugin.",
                ["plugin"],
                [((plugin,), found.get(plugin, 0)) for plugin in loaded],
            )

    def _plugins(self) -> Iterator[Metric]:
        found = list(statuses(self._engine))
        yield _by(
            _counter_family,
            "plugin_results",
            "Operations on a loaded plugin that ended, by what they count as.",
            ["plugin", "result"],
            [
                ((each.name, verdict.value), self._results.get(each.name, {}).get(verdict, 0))
                for each in found
                for verdict in Verdict
            ],
        )
        yield _by(
            _gauge_family,
            "plugin_info",
            "What runs: always 1.",
            ["plugin", "version", "sha256", "generation"],
            [
                ((each.name, run.version, run.sha256, str(run.generation)), 1)
                for each in found
                if (run := each.running) is not None
            ],
        )
        for name, text, read in _SWITCHES:
            samples = [((each.name,), float(read(each))) for each in found]
            yield _by(_gauge_family, name, text, ["plugin"], samples)

    def _generations(self) -> Iterator[Metric]:
        serving = sum(each.running is not None for each in statuses(self._engine))
        yield _gauge("generations_serving", "Generations that serve.", serving)
        yield _gauge(
            "generations_lingering",
            "Generations that serve no more and are in memory, garbage not yet collected included.",
            self._census.lingering,
        )

    def _watches(self) -> Iterator[Metric]:
        found = [(str(number), each.health) for number, each in enumerate(self._watchers)]
        if not found:
            return
        yield _by(
            _counter_family,
            "watcher_restarts",
            "How often the system's watch had to be set up again.",
            ["watcher"],
            [((number,), each.restarts) for number, each in found],
        )
        for name, text, values in (
            ("running", "Whether it looks for edits.", [each.running for _, each in found]),
            (
                "degraded",
                "Whether only the sweep finds edits, or nothing does.",
                [each.degraded is not None for _, each in found],
            ),
            ("waiting", "Files whose edits wait.", [len(each.waiting) for _, each in found]),
            (
                "errors",
                "What the watch itself fails at, missing directories included.",
                [len(each.errors) + len(each.missing_roots) for _, each in found],
            ),
        ):
            samples = [
                ((number,), float(value)) for (number, _), value in zip(found, values, strict=True)
            ]
            yield _by(_gauge_family, f"watcher_{name}", text, ["watcher"], samples)

    def _audited(self) -> Iterator[Metric]:
        if self._audit is None:
            return
        health = self._audit.health
        yield _counter("audit_records", "Audit records written.", health.written)
        yield _counter("audit_lost", "Audit records lost.", health.lost)
        yield _gauge("audit_pending", "Audit records that wait to be written.", health.pending)


_SWITCHES: tuple[tuple[str, str, Callable[[PluginStatus], bool]], ...] = (
    ("plugin_enabled", "Whether events and calls reach it.", lambda status: status.enabled),
    ("plugin_failed", "Whether nothing of it runs.", lambda status: status.failed),
    (
        "plugin_error",
        "Whether its last failure was followed by no success.",
        lambda status: status.error is not None,
    ),
)


def _by(
    make: Callable[[str, str, list[str]], Any],
    name: str,
    text: str,
    labels: list[str],
    samples: Iterable[tuple[tuple[str, ...], float]],
) -> Metric:
    family = make(f"hot_reload_{name}", text, labels)
    for values, number in samples:
        family.add_metric(list(values), number)
    found: Metric = family
    return found


def _counter_family(name: str, text: str, labels: list[str]) -> Any:
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(name, text, labels=labels)


def _gauge_family(name: str, text: str, labels: list[str]) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, text, labels=labels)


def _counter(name: str, text: str, value: float) -> Metric:
    return _by(_counter_family, name, text, [], [((), value)])


def _gauge(name: str, text: str, value: float) -> Metric:
    return _by(_gauge_family, name, text, [], [((), value)])
