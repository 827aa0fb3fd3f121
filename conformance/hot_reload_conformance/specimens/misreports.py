"""Wrong hosts that tell their callers, or their operators, what is not so."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Event, Ports, Reply
from hot_reload_conformance.specimens.audited_host import Attempt, AuditedAdapter, AuditedHost
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter, BlueGreenHost, Generation
from hot_reload_conformance.specimens.operated_host import OperatedAdapter
from hot_reload_conformance.specimens.registry import specimen

# HR-SWAP-13, self-reload


class _ForgetsDeferred(BlueGreenHost):
    """A handler that asks for its own reload is told that it is queued; there is no queue."""

    answering = ""

    async def answer(self, generation: Generation, event: Event | None) -> list[str]:
        self.answering = generation.name
        try:
            return await super().answer(generation, event)
        finally:
            self.answering = ""

    async def reload(self, name: str) -> list[str]:
        if name == self.answering:
            return [f"{name!r} is queued"]
        return await super().reload(name)


@specimen("HR-SWAP-13", says="and its edit never came to run", bug="acknowledged, and dropped")
class ForgetsDeferred(BlueGreenAdapter):
    name = "deferred-and-forgotten"
    host_class = _ForgetsDeferred


# HR-LOAD-07, unknown-name


class _Remembers(BlueGreenAdapter):
    """Keeps names beside the host, and takes them for plugins."""

    async def open(self, workdir: Path, ports: Ports) -> None:
        await super().open(workdir, ports)
        self.names: set[str] = set()

    async def reload(self, ref: str) -> Reply | bool | None:
        if ref in self.names and ref not in self.host.live:
            return Reply(ok=True)
        return await super().reload(ref)


@specimen(
    "HR-LOAD-07",
    says="reload of a name that was unloaded was not refused",
    bug="an unloaded plugin stays in the table, without a module",
)
class KeepsUnloadedNames(_Remembers):
    name = "unloaded-name-still-known"

    async def unload(self, ref: str) -> Reply | bool | None:
        await super().unload(ref)
        self.names.add(ref)
        return None


@specimen(
    "HR-LOAD-07",
    says="reload of a name that failed to load was not refused",
    bug="the name is noted before the load, and a reload of nothing works",
)
class KeepsFailedNames(_Remembers):
    name = "failed-name-still-known"

    async def load(self, ref: str) -> Reply | bool | None:
        try:
            return await super().load(ref)
        except BaseException:
            self.names.add(ref)
            raise


# HR-OBS-02, counts-conserve


class _ForgetsFailedLoads(AuditedHost):
    """A plugin has counters; one that never loaded has none."""

    def count(self, attempt: Attempt) -> None:
        if attempt.plugin in self.live or attempt.result != "failure":
            super().count(attempt)
            return
        self.tally.attempts -= 1
        self.tally.durations -= 1


@specimen("HR-OBS-02", says="0 attempts more are counted", bug="counters by loaded plugin")
class ForgetsFailedLoads(AuditedAdapter):
    name = "failed-first-loads-uncounted"
    host_class = _ForgetsFailedLoads


# HR-OBS-04, result-tells-truth


@specimen(
    "HR-OBS-04",
    says="as its old version",
    bug="the version that was tried last is taken for the one that ran",
)
class OldIsTheLastTried(OperatedAdapter):
    name = "old-version-is-the-last-tried"

    async def open(self, workdir: Path, ports: Ports) -> None:
        await super().open(workdir, ports)
        self.tried: dict[str, str] = {}

    async def reload(self, ref: str) -> Reply | bool | None:
        try:
            reply: Any = await super().reload(ref)
        except BaseException:
            with contextlib.suppress(OSError, IndexError):
                text = (self.host.root / f"{ref}.py").read_text(encoding="utf-8")
                self.tried[ref] = text.split("version = '")[1].split("'")[0]
            raise
        told: Reply = dataclasses.replace(reply, old=self.tried.pop(ref, reply.old))
        return told


@specimen(
    "HR-OBS-04",
    says="the result of a load names 'v0' as its new version",
    bug="the version of the request, or of a cache",
)
class LoadTellsAnotherVersion(OperatedAdapter):
    name = "load-tells-another-version"

    async def load(self, ref: str) -> Reply | bool | None:
        await super().load(ref)
        return Reply(ok=True, new="v0")


# HR-OBS-01, in-progress


class _StuckAfterAFailedLoad(AuditedHost):
    """The mark is cleared where a load succeeds, and by whatever comes next."""

    stuck = False

    def ended(self, attempt: Attempt) -> None:
        super().ended(attempt)
        self.stuck = attempt.operation == "load" and attempt.result == "failure"

    def reloading(self) -> bool:
        return super().reloading() or self.stuck


@specimen("HR-OBS-01", says="after a load that failed, health says", bug="no finally around a load")
class StuckAfterAFailedLoad(AuditedAdapter):
    name = "in-progress-after-a-failed-load"
    host_class = _StuckAfterAFailedLoad


# HR-OBS-06, last-result


class _OneLastResult(AuditedHost):
    def remember(self, attempt: Attempt) -> None:
        super().remember(attempt)
        self.last = dict.fromkeys(self.last, attempt)


@specimen(
    "HR-OBS-06", says="on which nothing was done, is another one", bug="one last_error for all"
)
class OneLastResult(AuditedAdapter):
    name = "one-last-result-for-all"
    host_class = _OneLastResult


# HR-OBS-05, audit


class _RefusalsUnrecorded(AuditedHost):
    """Of what is refused, loads and reloads alone are written down."""

    def record(self, attempt: Attempt) -> None:
        if attempt.result != "refused" or attempt.operation in ("load", "reload"):
            super().record(attempt)


@specimen("HR-OBS-05", says="a refused unload left no audit record", bug="a guard before the log")
class RefusalsUnrecorded(AuditedAdapter):
    name = "refused-unload-unrecorded"
    host_class = _RefusalsUnrecorded
