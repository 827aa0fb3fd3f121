"""Wrong hosts: what operators read of them is not so, or not there."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence

from hot_reload_conformance.adapter import Reply
from hot_reload_conformance.operated import AuditRecord, Counts, HostHealth, PluginHealth
from hot_reload_conformance.specimens.audited_host import (
    Attempt,
    AuditedAdapter,
    AuditedHost,
    Tally,
)
from hot_reload_conformance.specimens.blue_green import Generation
from hot_reload_conformance.specimens.registry import specimen
from hot_reload_conformance.specimens.sync_host import SyncAdapter, SyncHost

# HR-OBS-01, in-progress


class _AlwaysReady(AuditedHost):
    def reloading(self) -> bool:
        return False


@specimen("HR-OBS-01", says="health says that no reload runs", bug="grafana/agent#1009")
class AlwaysReady(AuditedAdapter):
    name = "health-always-ready"
    host_class = _AlwaysReady


class _StuckOnFailure(AuditedHost):
    stuck = False

    def ended(self, attempt: Attempt) -> None:
        super().ended(attempt)
        self.stuck = self.stuck or attempt.result == "failure"

    def reloading(self) -> bool:
        return self.stuck or super().reloading()


@specimen("HR-OBS-01", says="health says that a reload runs", bug="design A-e: is_reloading stuck")
class StuckOnFailure(AuditedAdapter):
    name = "health-stuck-after-failure"
    host_class = _StuckOnFailure


class _StuckOnCancel(_StuckOnFailure):
    def ended(self, attempt: Attempt) -> None:
        AuditedHost.ended(self, attempt)
        self.stuck = self.stuck or "Cancelled" in attempt.error


@specimen("HR-OBS-01", says="after a reload that was cancelled", bug="except Exception clears it")
class StuckOnCancel(AuditedAdapter):
    name = "health-stuck-after-cancel"
    host_class = _StuckOnCancel


class _OneFlag(AuditedHost):
    flag = False

    def begun(self, attempt: Attempt) -> None:
        super().begun(attempt)
        self.flag = True

    def ended(self, attempt: Attempt) -> None:
        super().ended(attempt)
        self.flag = False

    def reloading(self) -> bool:
        return self.flag


@specimen("HR-OBS-01", says="while one of two reloads still runs", bug="one flag for all of them")
class OneFlag(AuditedAdapter):
    name = "health-one-flag"
    host_class = _OneFlag


class _SyncNeverBusy(SyncHost):
    def reloading(self) -> bool:
        return False


@specimen("HR-OBS-01", says="health says that no reload runs", bug="a mark that nobody sets")
class SyncNeverBusy(SyncAdapter):
    name = "sync-health-never-busy"
    host_class = _SyncNeverBusy


class _SyncBusyOnceFailed(SyncHost):
    def reloading(self) -> bool:
        return super().reloading() or any(
            result == "failure" for result, _, _ in self.ended.values()
        )


@specimen("HR-OBS-01", says="after a reload that failed", bug="cleared on the good path alone")
class SyncBusyOnceFailed(SyncAdapter):
    name = "sync-health-busy-once-failed"
    host_class = _SyncBusyOnceFailed


# HR-OBS-02, counts-conserve


class _SilentFailures(AuditedHost):
    def count(self, attempt: Attempt) -> None:
        if attempt.result != "failure":
            super().count(attempt)


@specimen("HR-OBS-02", says="results", bug="prometheus/prometheus#814")
class SilentFailures(AuditedAdapter):
    name = "metrics-without-failures"
    host_class = _SilentFailures


class _CountsAnew(AuditedHost):
    def commit(self, name: str, new: Generation) -> None:
        super().commit(name, new)
        self.tally = Tally(attempts=1)


@specimen("HR-OBS-02", says="went down", bug="VictoriaMetrics/VictoriaMetrics#10369")
class CountsAnew(AuditedAdapter):
    name = "metrics-reset-by-reload"
    host_class = _CountsAnew


class _MeasuresSuccess(AuditedHost):
    def measure(self, attempt: Attempt) -> None:
        if attempt.result == "success":
            super().measure(attempt)


@specimen("HR-OBS-02", says="the duration of", bug="design A-l: 0 on every failure path")
class MeasuresSuccess(AuditedAdapter):
    name = "metrics-durations-of-successes"
    host_class = _MeasuresSuccess


class _FailureIsSuccess(AuditedHost):
    def count(self, attempt: Attempt) -> None:
        right, attempt.result = attempt.result, "success"
        super().count(attempt)
        attempt.result = right


@specimen("HR-OBS-02", says="is counted among the successes", bug="counted as it returned")
class FailureIsSuccess(AuditedAdapter):
    name = "metrics-count-failures-as-successes"
    host_class = _FailureIsSuccess


@specimen("HR-OBS-02", says="attempts more are counted", bug="once by the caller, once by the host")
class CountsTwice(AuditedAdapter):
    name = "metrics-count-twice"

    async def metrics(self) -> Counts:
        right = await super().metrics()
        return Counts(
            **{each.name: 2 * getattr(right, each.name) for each in dataclasses.fields(right)}
        )


class _RefusedIsFailure(AuditedHost):
    def count(self, attempt: Attempt) -> None:
        right = attempt.result
        attempt.result = "failure" if right == "refused" else right
        super().count(attempt)
        attempt.result = right


@specimen("HR-OBS-02", says="stands as 'refused' in the audit log", bug="one except for both")
class RefusedIsFailure(AuditedAdapter):
    name = "metrics-count-refusals-as-failures"
    host_class = _RefusedIsFailure


# HR-OBS-05, audit


class _SuccessesOnly(AuditedHost):
    def record(self, attempt: Attempt) -> None:
        if attempt.result == "success":
            super().record(attempt)


@specimen("HR-OBS-05", says="left no audit record", bug="written at the end of the happy path")
class SuccessesOnly(AuditedAdapter):
    name = "audit-of-successes"
    host_class = _SuccessesOnly


class _RefusedUnwritten(AuditedHost):
    def record(self, attempt: Attempt) -> None:
        if attempt.result != "refused":
            super().record(attempt)


@specimen(
    "HR-OBS-05", says="a second load left no audit record", bug="refused before it is written"
)
class RefusedUnwritten(AuditedAdapter):
    name = "audit-without-refusals"
    host_class = _RefusedUnwritten


class _ForcedUnmarked(AuditedHost):
    def record(self, attempt: Attempt) -> None:
        attempt.forced = False
        super().record(attempt)


@specimen("HR-OBS-05", says="whether it was forced", bug="design E-x: --force leaves no trace")
class ForcedUnmarked(AuditedAdapter):
    name = "audit-without-force"
    host_class = _ForcedUnmarked


class _Anonymous(AuditedHost):
    def record(self, attempt: Attempt) -> None:
        attempt.by = "host"
        super().record(attempt)


@specimen("HR-OBS-05", says="does not tell by whom", bug="always 'system'")
class Anonymous(AuditedAdapter):
    name = "audit-by-nobody"
    host_class = _Anonymous


class _OneActorForAll(AuditedHost):
    """Who acts is kept beside the operations, not with each of them."""

    actor = ("", "")

    def begun(self, attempt: Attempt) -> None:
        self.actor = attempt.by, attempt.why
        super().begun(attempt)

    def record(self, attempt: Attempt) -> None:
        attempt.by, attempt.why = self.actor
        super().record(attempt)


@specimen(
    "HR-OBS-05",
    says="the audit record of alpha tells another's name: 'bob'",
    bug="the current user is a global, and read when the record is written",
)
class OneActorForAll(AuditedAdapter):
    name = "audit-of-who-came-last"
    host_class = _OneActorForAll


class _TwoRecords(AuditedHost):
    def begun(self, attempt: Attempt) -> None:
        super().begun(attempt)
        self.record(attempt)


@specimen("HR-OBS-05", says="left 2 audit records", bug="one as it begins, one as it ends")
class TwoRecords(AuditedAdapter):
    name = "audit-twice"
    host_class = _TwoRecords


class _EditsRecords(AuditedHost):
    def record(self, attempt: Attempt) -> None:
        self.records = [each for each in self.records if each.plugin != attempt.plugin]
        super().record(attempt)


@specimen("HR-OBS-05", says="changed the audit records that were there", bug="one for each plugin")
class EditsRecords(AuditedAdapter):
    name = "audit-of-the-last"
    host_class = _EditsRecords


@specimen("HR-OBS-05", says="has the hash of other source", bug="hashed from disk afterwards")
class HashesTheDisk(AuditedAdapter):
    name = "audit-hashes-the-disk"

    async def reload(self, ref: str) -> Reply | bool | None:
        try:
            return await super().reload(ref)
        finally:
            self.rewrite(ref)

    def rewrite(self, ref: str) -> None:
        path = self.host.root / f"{ref}.py"
        if path.is_file() and self.host.records:
            now = hashlib.sha256(path.read_bytes()).hexdigest()
            self.host.records[-1] = dataclasses.replace(self.host.records[-1], sha256=now)

    async def audit(self) -> Sequence[AuditRecord]:
        return list(self.host.records)


# HR-OBS-06, last-result


class _ForgetsFailures(AuditedHost):
    def remember(self, attempt: Attempt) -> None:
        if attempt.result == "success":
            super().remember(attempt)


@specimen("HR-OBS-06", says="as the last result", bug="prometheus/prometheus#2242")
class ForgetsFailures(AuditedAdapter):
    name = "status-forgets-failures"
    host_class = _ForgetsFailures


class _KeepsErrors(AuditedHost):
    kept = ""

    def remember(self, attempt: Attempt) -> None:
        self.kept = attempt.error = attempt.error or self.kept
        super().remember(attempt)


@specimen("HR-OBS-06", says="still tells of an error", bug="red after it was mended")
class KeepsErrors(AuditedAdapter):
    name = "status-keeps-errors"
    host_class = _KeepsErrors


class _TellsTheTried(AuditedHost):
    tried = ""

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        await super().build(new, files)
        self.tried = str(new.plugin.version)

    def health_of(self, name: str, running: Generation) -> PluginHealth:
        return dataclasses.replace(super().health_of(name, running), version=self.tried)


@specimen("HR-OBS-06", says="as what runs, and v1 does", bug="prometheus/prometheus#4099")
class TellsTheTried(AuditedAdapter):
    name = "status-tells-what-was-tried"
    host_class = _TellsTheTried


@specimen("HR-OBS-06", says="tells no hash of what runs", bug="is the last change in use?")
class WithoutHash(AuditedAdapter):
    name = "status-without-hash"

    async def health(self) -> HostHealth:
        right = await super().health()
        plugins = {n: dataclasses.replace(p, sha256="") for n, p in right.plugins.items()}
        return dataclasses.replace(right, plugins=plugins)
