"""A correct host of another design: whatever it does, its operators can read afterwards.

It counts each attempt and how long it took, keeps an audit record of each, and its health
says what runs now, and how the last operation on each plugin ended.
"""

from __future__ import annotations

import contextlib
import contextvars
import itertools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from hot_reload_conformance.adapter import Claim, Ports, Reply
from hot_reload_conformance.operated import AuditRecord, Counts, HostHealth, PluginHealth
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)

T = TypeVar("T")
NOBODY = ("host", "")
_acting: contextvars.ContextVar[tuple[str, str]] = contextvars.ContextVar("acting", default=NOBODY)
_forced: contextvars.ContextVar[bool] = contextvars.ContextVar("forced", default=False)


@dataclass
class Attempt:
    """One operation, from its beginning to its end."""

    operation: str
    plugin: str
    began: float
    by: str
    why: str
    forced: bool
    result: str = ""
    error: str = ""
    duration_seconds: float | None = None


@dataclass
class Tally:
    """Counters that only go up."""

    attempts: int = 0
    durations: int = 0
    results: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("success", "failure", "refused"), 0)
    )


class AuditedHost(BlueGreenHost):
    """Everything but what operators are told is as in the blue-green host."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.tally = Tally()
        self.records: list[AuditRecord] = []
        self.under_way: list[Attempt] = []
        self.last: dict[str, Attempt] = {}
        self.moments = itertools.count(1)

    # Every operation is an attempt

    @contextlib.contextmanager
    def attempt(self, operation: str, plugin: str) -> Iterator[None]:
        """Every path out of an operation comes by ``ended``."""
        by, why = _acting.get()
        attempt = Attempt(operation, plugin, self.now(), by, why, _forced.get())
        self.begun(attempt)
        try:
            yield
        except BaseException as error:
            refused = isinstance(error, HostError) and "refused" in str(error)
            attempt.result = "refused" if refused else "failure"
            attempt.error = f"{type(error).__name__}: {error}"
            self.ended(attempt)
            raise
        attempt.result = "success"
        self.ended(attempt)

    def now(self) -> float:
        return self.ports.clock.now()

    def begun(self, attempt: Attempt) -> None:
        self.tally.attempts += 1
        self.under_way.append(attempt)

    def ended(self, attempt: Attempt) -> None:
        self.measure(attempt)
        self.under_way.remove(attempt)
        self.count(attempt)
        self.remember(attempt)
        self.record(attempt)

    def measure(self, attempt: Attempt) -> None:
        attempt.duration_seconds = self.now() - attempt.began
        self.tally.durations += 1

    def count(self, attempt: Attempt) -> None:
        self.tally.results[attempt.result] += 1

    def remember(self, attempt: Attempt) -> None:
        self.last[attempt.plugin] = attempt

    def record(self, attempt: Attempt) -> None:
        running = self.live.get(attempt.plugin)
        self.records.append(
            AuditRecord(
                when=f"{next(self.moments):06}",
                operation=attempt.operation,
                plugin=attempt.plugin,
                by=attempt.by,
                why=attempt.why,
                sha256=running.sha256 if running else "",
                result=attempt.result,
                forced=attempt.forced,
            )
        )

    # The operations

    async def load(self, name: str) -> None:
        with self.attempt("load", name):
            await super().load(name)

    async def reload(self, name: str) -> list[str]:
        with self.attempt("reload", name):
            return await super().reload(name)

    async def unload(self, name: str) -> None:
        with self.attempt("unload", name):
            await super().unload(name)

    async def enable(self, name: str) -> None:
        with self.attempt("enable", name):
            await super().enable(name)

    async def disable(self, name: str) -> None:
        with self.attempt("disable", name):
            await super().disable(name)

    # What is told

    def reloading(self) -> bool:
        return bool(self.under_way)

    def health(self) -> HostHealth:
        return HostHealth(
            reloading=self.reloading(),
            plugins={name: self.health_of(name, each) for name, each in self.live.items()},
        )

    def health_of(self, name: str, running: Generation) -> PluginHealth:
        last = self.last.get(name)
        told = PluginHealth(version=str(running.plugin.version), sha256=running.sha256)
        if last is None:
            return told
        return replace(told, result=last.result, at=f"{last.began:020.6f}", error=last.error)

    def counts(self) -> Counts:
        results = self.tally.results
        return Counts(
            attempts=self.tally.attempts,
            successes=results["success"],
            failures=results["failure"],
            refusals=results["refused"],
            durations=self.tally.durations,
        )

    async def healthy(self, name: str) -> bool:
        try:
            return await self.hook(self.known(name, "health"), "health_check") is not False
        except HostError:
            return False


class AuditedAdapter(BlueGreenAdapter):
    """The adapter of ``AuditedHost``; a specimen sets ``host_class``."""

    name = "audited"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.BLUE_GREEN,
            Claim.CANCEL,
            Claim.ENABLE,
            Claim.AUDIT,
            Claim.HEALTH,
            Claim.METRICS,
        }
    )
    # What is left out is as in the blue-green host, and judged there.
    stages = ("read", "import", "start")
    host_class: type[BlueGreenHost] = AuditedHost
    host: AuditedHost

    async def healthy(self, ref: str) -> bool:
        return await self.host.healthy(ref)

    async def health(self) -> HostHealth:
        return self.host.health()

    async def metrics(self) -> Counts:
        return self.host.counts()

    async def audit(self) -> Sequence[AuditRecord]:
        return list(self.host.records)

    def acting_as(self, by: str, why: str) -> AbstractContextManager[object]:
        return _set(_acting, (by, why))

    async def force_reload(self, ref: str) -> Reply | bool | None:
        with _set(_forced, True):
            await self.host.reload(ref)
        return None


@contextlib.contextmanager
def _set(variable: contextvars.ContextVar[T], value: T) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
