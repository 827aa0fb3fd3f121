"""The audit log: one record for each attempt, whatever came of it, in a file of JSON lines."""

from __future__ import annotations

import enum
import logging
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from hot_reload.errors import EngineMisuse
from hot_reload.events import LifecycleEvent
from hot_reload.operate.attempt import Attempts, WallClock, running_now, utc_now
from hot_reload.operate.audit_file import AuditFile
from hot_reload.operate.plain import shown
from hot_reload.operate.record import LINE_LIMIT_BYTES, line_of
from hot_reload.outcome import Operation
from hot_reload.runtime.engine import Engine

RETRIED_AT_ONCE = 100
"""How many kept records one operation writes at most, so that none holds up the loop for long."""

_log = logging.getLogger("hot_reload.audit")


class WhenUnwritable(enum.Enum):
    """What becomes of operations while the audit log cannot be written."""

    CONTINUE = "continue"
    """They go on. Their records are kept in memory, in bounds, and written when that works."""
    REFUSE = "refuse"
    """They are refused before they begin. The engine's own close goes on all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHealth:
    """Whether records reach the file. Plain data."""

    path: str
    written: int
    pending: int
    """Records that are kept in memory until they can be written."""
    lost: int
    """Records that had to make room for newer ones, or were left when the log was closed."""
    error: str | None
    """Why the last write, or the last rotation, failed; None: it did not."""


class AuditLog:
    """Writes a record of every attempt of ``engine`` to ``path``. Used on the loop's thread.

    A record says when, what, by whom, why, whether forced, what ran before and after
    (version and hash of the source), the result and its cause: the fields are those of
    ``hot_reload.operate.record``. Refused and cancelled attempts leave one too. Who acts is
    said by ``acting_as``; ``actor`` is who acts where nobody said.

    Each record is one write to the end of the file, made when the attempt ends. With
    ``max_bytes`` and ``backups`` the file is rotated. Close it after the engine.

    ::

        async with Engine() as engine:
            audit = AuditLog(engine, "audit.jsonl", actor="deploy-bot")
            with acting_as("alice", reason="hotfix"):
                await engine.reload("counter")
        audit.close()

    Raises:
        EngineMisuse: the engine is not open, a limit is out of range, or the directory of
            ``path`` is not there. A file that cannot be written is no misuse: see
            ``when_unwritable`` and ``health``.
    """

    def __init__(
        self,
        engine: Engine,
        path: str | Path,
        *,
        actor: str = "host",
        when_unwritable: WhenUnwritable | str = WhenUnwritable.CONTINUE,
        max_bytes: int = 10 * 1024 * 1024,
        backups: int = 5,
        keep_records: int = 1_000,
        wall_clock: WallClock = utc_now,
    ) -> None:
        for name, value in (("backups", backups), ("keep_records", keep_records)):
            _check_number(name, value, 1)
        _check_number("max_bytes", max_bytes, LINE_LIMIT_BYTES)
        policy = _policy(when_unwritable)
        place = Path(path).absolute()
        if not place.parent.is_dir():
            raise EngineMisuse(f"audit: there is no directory {place.parent}; make it first")
        self._engine = engine
        self._actor = shown(actor)
        self._file = AuditFile(place, max_bytes=max_bytes, backups=backups)
        self._attempts = Attempts(engine, wall_clock)
        self._pending: deque[bytes] = deque()
        self._keep_records = keep_records
        self._written = self._lost = 0
        self._error: str | None = None
        refuses = policy is WhenUnwritable.REFUSE
        self._ways_out = [engine.guard(self.refusal)] if refuses else []
        self._ways_out.append(engine.listen(self._hear))
        self._writable()

    @property
    def health(self) -> AuditHealth:
        """Whether records reach the file."""
        return AuditHealth(
            path=shown(str(self._file.path)),
            written=self._written,
            pending=len(self._pending),
            lost=self._lost,
            error=self._error or self._file.rotation_error,
        )

    def flush(self) -> bool:
        """Write what is kept; whether all of it is in the file now."""
        return self._write(len(self._pending))

    def close(self) -> None:
        """Write what is kept, and follow the engine no longer. What cannot be written is lost.

        Idempotent.
        """
        while self._ways_out:
            self._ways_out.pop()()
        if not self.flush():
            self._lost += len(self._pending)
            self._pending.clear()

    def refusal(self, operation: Operation, plugin: str) -> str | None:
        """Why ``operation`` must not begin: its record could not be written. None: it may.

        The engine asks it before each operation, if ``when_unwritable`` is REFUSE.
        """
        if self._writable():
            return None
        return (
            f"the audit log {shown(str(self._file.path))} cannot be written "
            f"({self._error}), so {operation.value} of {plugin!r} would leave no record; make "
            "it writable, or open it with when_unwritable='continue'"
        )

    def _hear(self, event: LifecycleEvent) -> None:
        ended = self._attempts.hear(event)
        if ended is None:
            return
        if len(self._pending) >= self._keep_records:
            self._pending.popleft()
            self._lost += 1
        running = running_now(self._engine, ended.plugin)
        self._pending.append(line_of(ended, self._actor, running))
        self._write(RETRIED_AT_ONCE)

    def _writable(self) -> bool:
        if not self.flush():
            return False
        try:
            self._file.check_room(LINE_LIMIT_BYTES)
        except OSError as error:
            self._failed(error)
            return False
        self._error = None
        return True

    def _write(self, limit: int) -> bool:
        """Write up to ``limit`` of the kept records, the oldest first; whether none is left."""
        for _ in range(min(limit, len(self._pending))):
            try:
                self._file.append(self._pending[0])
            except OSError as error:
                self._failed(error)
                return False
            self._pending.popleft()
            self._written += 1
            self._error = None
        return not self._pending

    def _failed(self, error: OSError) -> None:
        text = shown(f"{type(error).__name__}: {error.strerror or error}")
        if self._error is None:  # once, not for every record of a full disk
            _log.error("the audit log %s cannot be written: %s", shown(str(self._file.path)), text)
        self._error = text


def _policy(value: WhenUnwritable | str) -> WhenUnwritable:
    try:
        return WhenUnwritable(value)
    except ValueError:
        raise EngineMisuse(f"when_unwritable is {value!r}; give 'continue' or 'refuse'") from None


def _check_number(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise EngineMisuse(f"audit: {name} is {value!r}; give a whole number of {least} or more")
