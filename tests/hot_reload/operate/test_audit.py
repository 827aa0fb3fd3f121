"""The audit log: one record for each attempt, by whom and why, and what becomes of it on a
disk that takes none."""

from __future__ import annotations

import errno
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from hot_reload import AuditLog, Engine, Health, Metrics, acting_as
from hot_reload.errors import EngineMisuse
from hot_reload.events import OperationEnded, OperationStarted
from hot_reload.operate.attempt import Attempts, utc_now
from hot_reload.operate.audit_file import AuditFile
from hot_reload.operate.health import HealthState
from hot_reload.operate.record import LINE_LIMIT_BYTES, line_of
from hot_reload.outcome import Failure, Operation, Refused, RolledBack, Running
from hot_reload.outcome import Stage as StageOf

from .conftest import Stage


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


class FullDisk:
    """Makes ``os.write`` fail, wholly or after some bytes, as long as it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOSPC) -> None:
        self.full = True
        self.fits_bytes: int | None = None
        self.number = number
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, descriptor: int, data: bytes) -> int:
        if not self.full:
            return self._write(descriptor, data)
        if self.fits_bytes is None:
            raise OSError(self.number, os.strerror(self.number))
        return self._write(descriptor, data[: self.fits_bytes])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


async def test_f60_hr_obs_05_one_record_for_each_attempt_with_all_that_is_asked(
    stage: Stage, engine: Engine, path: Path
) -> None:
    audit = AuditLog(engine, path, actor="bot", wall_clock=stage.wall_clock)
    with acting_as("alice", reason="first\nday"):
        await engine.load(stage.plugin())
    await engine.load(stage.plugins.path("counter"))
    stage.plugin(version="2.0")
    await engine.reload("counter")
    stage.broken()
    await engine.reload("counter")
    stage.plugin(version="3.0")
    await stage.cancelled(stage.gate("counter", "3.0"), engine.reload("counter"))
    await engine.disable("counter")
    await engine.reload("nobody")
    await engine.unload("counter")
    told = records(path)
    assert [(each["operation"], each["result"], each["verdict"]) for each in told] == [
        ("load", "loaded", "success"),
        ("load", "refused", "refused"),
        ("reload", "swapped", "success"),
        ("reload", "rolledback", "failure"),
        ("reload", "cancelled", "cancelled"),
        ("disable", "switched", "success"),
        ("reload", "refused", "refused"),
        ("unload", "unloaded", "success"),
    ]
    assert [each["attempt"] for each in told] == list(range(1, 9))
    loaded, refused, swapped, broken, cancelled, _, unknown, unloaded = told
    assert (loaded["actor"], loaded["reason"]) == ("alice", "first\\nday")
    assert {each["actor"] for each in told[1:]} == {"bot"}
    assert loaded["when"] == "2026-11-21T04:30:01.000Z"
    assert (loaded["old"], loaded["new"]["version"]) == (None, "1.0")
    assert "already loaded" in refused["refusal"]["explanation"]
    assert swapped["old"] == loaded["new"]
    assert swapped["new"]["version"] == "2.0"
    assert len(swapped["new"]["sha256"]) == 64
    assert broken["failure"]["stage"] == "syntax"
    assert broken["failure"]["line"] == 3
    assert broken["failure"]["file"].endswith("counter.py")
    assert broken["still_running"] == swapped["new"]
    assert (cancelled["stage"], cancelled["new"]) == ("start", None)
    assert cancelled["old"] == cancelled["still_running"] == swapped["new"]
    assert unknown["refusal"]["reason"] == "unknown plugin"
    assert (unloaded["old"], unloaded["still_running"]) == (swapped["new"], None)
    assert all(each["duration_seconds"] >= 0 for each in told)
    assert audit.health.written == 8
    assert audit.health.error is None


async def test_f60_close_of_the_engine_leaves_records_too(stage: Stage, path: Path) -> None:
    async with Engine() as engine:
        audit = AuditLog(engine, path)
        await engine.load(stage.plugin())
    audit.close()
    assert [each["operation"] for each in records(path)] == ["load", "unload"]


async def test_f60_a_forced_reload_of_an_engine_says_so(
    stage: Stage, engine: Engine, path: Path
) -> None:
    AuditLog(engine, path)
    await engine.load(stage.plugin())
    await engine.reload("counter", force=True)
    await engine.reload("counter")
    assert [each["forced"] for each in records(path)] == [False, True, False]


async def test_f60_a_forced_reload_says_so(stage: Stage, engine: Engine) -> None:
    """From the event to the record: the field that the engine fills in."""

    class Forced:
        attempt, operation, plugin, at_seconds = 7, Operation.RELOAD, "counter", 1.0
        forced = True

    attempts = Attempts(engine, utc_now)
    attempts.hear(Forced())  # type: ignore[arg-type]
    ended = attempts.hear(OperationEnded(7, Operation.RELOAD, "counter", 2.5, None))
    assert ended is not None
    record = json.loads(line_of(ended, "host", None))
    assert (record["forced"], record["duration_seconds"]) == (True, 1.5)


def test_f60_plugins_cannot_write_lines_of_their_own(path: Path) -> None:
    evil = 'x"}\n{"attempt": 99}\r\u2028\x1b[2J\x7f\x9b\u202e\udce9'
    failure = Failure(StageOf.IMPORT, evil, file=evil, line=1, hint=evil)
    outcome = RolledBack(operation=Operation.RELOAD, plugin="counter", failure=failure)
    attempts = Attempts(Engine(), utc_now)
    attempts.hear(OperationStarted(1, Operation.LOAD, evil, 0.0))
    ended = attempts.hear(OperationEnded(1, Operation.LOAD, evil, 1.0, outcome))
    assert ended is not None
    line = line_of(ended, evil, None)
    assert line.count(b"\n") == 1
    text = line.decode()
    assert text[:-1].isprintable()
    record = json.loads(text)
    assert record["attempt"] == 1
    assert record["failure"]["cause"].isprintable()


def test_f60_a_record_is_bounded() -> None:
    long = "\u202e" * 5_000
    failure = Failure(StageOf.IMPORT, long, file=long, hint=long)
    outcome = RolledBack(
        operation=Operation.RELOAD, plugin="counter", failure=failure, warnings=(failure,) * 500
    )
    attempts = Attempts(Engine(), utc_now)
    ended = attempts.hear(OperationEnded(1, Operation.RELOAD, long, 1.0, outcome))
    assert ended is not None
    line = line_of(ended, "host", None)
    assert len(line) <= LINE_LIMIT_BYTES
    assert json.loads(line)["shortened"] is True


# A disk that takes nothing


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG])
async def test_f15_continue_keeps_the_records_and_writes_them_later(
    stage: Stage,
    engine: Engine,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
) -> None:
    audit = AuditLog(engine, path)
    health = Health(engine, audit=audit)
    await engine.load(stage.plugin())
    before = path.read_bytes()
    disk = FullDisk(monkeypatch, number)
    for version in ("2.0", "3.0"):
        stage.plugin(version=version)
        assert (await engine.reload("counter")).success
    assert path.read_bytes() == before
    assert (audit.health.pending, audit.health.lost) == (2, 0)
    report = health.report()
    assert report.state is HealthState.DEGRADED
    assert os.strerror(number) in report.reasons[0]
    assert len([each for each in caplog.records if each.name == "hot_reload.audit"]) == 1
    disk.full = False
    await engine.disable("counter")
    assert [each["attempt"] for each in records(path)] == [1, 2, 3, 4]
    assert (audit.health.pending, audit.health.error) == (0, None)
    assert health.report().state is HealthState.OK


async def test_f15_what_is_kept_is_bounded_and_the_loss_counted(
    stage: Stage, engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = AuditLog(engine, path, keep_records=3)
    disk = FullDisk(monkeypatch)
    await engine.load(stage.plugin())
    for _ in range(4):
        await engine.reload("counter")
    assert (audit.health.pending, audit.health.lost) == (3, 2)
    disk.full = False
    assert audit.flush()
    assert [each["attempt"] for each in records(path)] == [3, 4, 5]
    disk.full = True
    await engine.disable("counter")
    audit.close()
    audit.close()
    assert (audit.health.pending, audit.health.lost) == (0, 3)
    await engine.enable("counter")
    assert audit.health.pending == 0


async def test_f15_a_torn_record_is_whole_the_second_time(
    stage: Stage, engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = AuditLog(engine, path)
    disk = FullDisk(monkeypatch)
    disk.fits_bytes = 30
    await engine.load(stage.plugin())
    assert audit.health.pending == 1
    assert path.stat().st_size == 30
    disk.full = False
    await engine.disable("counter")
    torn, *whole = path.read_text().splitlines()
    assert torn.startswith('{"schema":1')
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn)
    assert [json.loads(each)["attempt"] for each in whole] == [1, 2]


def test_f15_a_record_that_lacks_its_newline_alone_is_not_written_twice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = AuditFile(path, max_bytes=1_000, backups=1)
    disk = FullDisk(monkeypatch)
    disk.fits_bytes = 2
    file.append(b"{}\n")
    disk.full = False
    file.append(b"[]\n")
    assert path.read_bytes() == b"{}\n[]\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere: run as another user")
def test_f15_a_file_without_permission_is_told(path: Path) -> None:
    path.touch(mode=0o400)
    with pytest.raises(PermissionError):
        AuditFile(path, max_bytes=1_000, backups=1).append(b"{}\n")


async def test_f15_eacces_at_the_opening_degrades_and_is_no_misuse(
    engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(file: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        if str(file) == str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        return real(file, flags, mode, **more)

    monkeypatch.setattr(os, "open", refuse)
    audit = AuditLog(engine, path)
    assert audit.health.error == "PermissionError: Permission denied"


@pytest.mark.parametrize("make", ["fifo", "link", "directory"])
def test_f15_only_a_regular_file_of_its_own_is_written(path: Path, make: str) -> None:
    if make == "fifo":
        os.mkfifo(path)
    elif make == "link":
        path.symlink_to(path.with_name("other"))
    else:
        path.mkdir()
    with pytest.raises(OSError, match=r"regular|symbolic|directory"):
        AuditFile(path, max_bytes=1_000, backups=1).append(b"{}\n")
    assert not path.with_name("other").exists()


async def test_f15_refuse_begins_nothing_that_would_leave_no_record(
    stage: Stage,
    engine: Engine,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await engine.load(stage.plugin())
    audit = AuditLog(engine, path, when_unwritable="refuse")
    disk = FullDisk(monkeypatch)
    await engine.disable("counter")  # its record is the first that finds no place
    plugin = engine.plugin("counter")
    stage.plugin(version="2.0")
    outcome = await engine.reload("counter")
    assert isinstance(outcome, Refused)
    assert "No space left" in outcome.explanation
    assert "make it writable" in outcome.explanation
    assert engine.plugin("counter") is plugin
    disk.full = False
    assert (await engine.reload("counter")).success
    told = [(each["operation"], each["result"]) for each in records(path)]
    assert told == [("disable", "switched"), ("reload", "refused"), ("reload", "swapped")]
    assert audit.health.lost == 0
    audit.close()


async def test_f15_refuse_sees_a_full_disk_before_the_first_write(
    engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = AuditLog(engine, path, when_unwritable="refuse")
    assert audit.refusal(Operation.RELOAD, "counter") is None
    real = os.fstatvfs

    def full(descriptor: int) -> os.statvfs_result:
        found = list(real(descriptor))
        found[4] = 1  # f_bavail
        return os.statvfs_result(found)

    monkeypatch.setattr(os, "fstatvfs", full)
    assert "No space left" in str(audit.refusal(Operation.RELOAD, "counter"))
    assert audit.health.error is not None


async def test_f60_misuse_is_told(engine: Engine, tmp_path: Path) -> None:
    for options, match in (
        ({"when_unwritable": "panic"}, "'continue' or 'refuse'"),
        ({"max_bytes": 10}, "max_bytes is 10"),
        ({"backups": 0}, "backups is 0"),
        ({"keep_records": True}, "keep_records is True"),
    ):
        with pytest.raises(EngineMisuse, match=match):
            AuditLog(engine, tmp_path / "a", **options)
    with pytest.raises(EngineMisuse, match="no directory"):
        AuditLog(engine, tmp_path / "no" / "a")
    with pytest.raises(EngineMisuse, match="not open"):
        AuditLog(Engine(), tmp_path / "a")


# Rotation


def test_f60_it_is_rotated_by_size_and_no_line_is_lost(path: Path) -> None:
    file = AuditFile(path, max_bytes=100, backups=2)
    lines = [b'{"n":%02d}\n' % number for number in range(30)]
    for line in lines:
        file.append(line)
    backups = [path.with_name(f"audit.jsonl.{number}") for number in (2, 1)]
    kept = b"".join(each.read_bytes() for each in (*backups, path))
    assert b"".join(lines).endswith(kept)
    assert all(each.stat().st_size <= 100 for each in (*backups, path))
    assert len(kept) > 200
    assert not path.with_name("audit.jsonl.3").exists()


def test_f60_a_rotation_that_fails_costs_no_record(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = AuditFile(path, max_bytes=20, backups=1)

    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "rename", refuse)
    for number in range(5):
        file.append(b'{"number":%d}\n' % number)
    assert len(records(path)) == 5
    assert file.rotation_error == "cannot rotate: Permission denied"
    monkeypatch.undo()
    file.append(b"{}\n")
    assert file.rotation_error is None
    assert records(path) == [{}]


def test_f60_a_file_that_someone_else_rotates_is_followed(path: Path) -> None:
    file = AuditFile(path, max_bytes=1_000, backups=1)
    file.append(b"{}\n")
    path.rename(path.with_name("theirs"))
    file.append(b"[]\n")
    assert path.read_bytes() == b"[]\n"
    assert path.stat().st_mode & 0o777 == 0o600


async def test_f60_its_numbers_are_metrics_too(
    stage: Stage, engine: Engine, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    audit = AuditLog(engine, path)
    metrics = Metrics(engine, audit=audit)
    await engine.load(stage.plugin())
    assert "hot_reload_audit_records_total 1.0" in metrics.render()
    running = engine.status("counter").running
    assert isinstance(running, Running)
