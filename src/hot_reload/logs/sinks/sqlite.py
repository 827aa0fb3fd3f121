"""A sink that writes events into a SQLite file, in batches.

Config::

    path           the file; made where there is none                     (required)
    batch_size     how many events one transaction writes                 (default 50)
    flush_seconds  how long an unfinished batch waits at most             (default 1.0)
    buffer_limit   how many events wait while the file cannot be written  (default 10,000)

Each event becomes one row of the table ``events``: ``id`` ascending in the order of arrival,
``event`` as JSON text. A batch that cannot be written is tried again with the next one;
beyond ``buffer_limit`` an event is refused, and so counted as dropped. What cannot be written
before the sink is replaced goes to the next generation (``take_unwritten``). A file that was
deleted, moved or replaced while it was open is opened anew. A forked child is refused: SQLite
does not allow it the connection of its parent.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hot_reload.config.schema import validate_config
from hot_reload.logs.line import json_of
from hot_reload.logs.sink_state import written_in

if TYPE_CHECKING:
    from hot_reload.runtime.context import PluginContext

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path"],
    "properties": {
        "path": {"type": "string", "minLength": 1},
        "batch_size": {"type": "integer", "minimum": 1, "default": 50},
        "flush_seconds": {"type": "number", "exclusiveMinimum": 0, "default": 1.0},
        "buffer_limit": {"type": "integer", "minimum": 1, "default": 10_000},
    },
}
BUSY_SECONDS = 1.0
"""How long a write waits for another program that writes to the file; where one has waited for
nothing, the next ones do not wait, since everything else in the process waits along."""
_TABLE = "CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, event TEXT NOT NULL)"
_NO_FILE = (-1, -1)
_INSERT = "INSERT INTO events (event) VALUES (?)"


class SqliteSink:
    """Events arrive from any thread; one lock covers the batch and the connection."""

    name = "sqlite"
    version = "1.0"
    roles = ("sink",)
    config_schema = SCHEMA

    def __init__(self, config: Mapping[str, Any], context: PluginContext) -> None:
        checked = validate_config(SCHEMA, config)
        # Absolute: a program may change its directory, and would have two databases.
        inside = checked["path"] == ":memory:"
        self.path: str = checked["path"] if inside else os.path.abspath(checked["path"])
        self._batch_size: int = checked["batch_size"]
        self._flush_seconds = float(checked["flush_seconds"])
        self._buffer_limit: int = max(checked["buffer_limit"], self._batch_size)
        self._context = context
        self._connection: sqlite3.Connection | None = None
        self._batch: list[str] = []
        self._written = 0
        self._error = ""
        # Reentrant: a signal handler or a finalizer may log in mid-write.
        self._lock = threading.RLock()
        self._within = False
        """Whether a batch is written just now, while the lock is held."""
        self._file: tuple[int, int] | None = None
        """Device and inode of the open file; None: it is none, as ":memory:"."""
        self._process = os.getpid()

    def start(self) -> None:
        self._connection = self._connected()
        self._context.spawn(self._flush_in_time(), name="sqlite sink: unfinished batches")

    def write(self, event: Any) -> None:
        if os.getpid() != self._process:  # without the lock, which may be held for ever here
            raise RuntimeError(f"the connection to {self.path} is that of another process")
        text = json_of(event)
        with self._lock:
            if self._connection is None:
                raise RuntimeError("the sink is not running")
            full = len(self._batch) >= self._buffer_limit
            if full and (self._within or not self._tried()):
                raise BufferError(
                    f"{len(self._batch)} events wait for {self.path}: {self._error}; make it "
                    "writable, or raise buffer_limit"
                )
            self._batch.append(text)
            if not self._within and len(self._batch) % self._batch_size == 0:
                self._tried()

    def flush(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._write_batch(patient=True)

    def take_unwritten(self) -> list[Any]:
        """What could not be written, in order; it is the caller's from now on."""
        with self._lock:
            batch, self._batch = self._batch, []
        return [json.loads(text) for text in batch]

    def get_reload_state(self) -> dict[str, int]:
        # Written out here and not in the flush after the swap: by then the next generation
        # writes too, and its rows would come before these.
        with self._lock:
            self._tried()
        return {"written": self._written}

    def set_reload_state(self, state: Mapping[str, Any]) -> None:
        self._written = written_in(state)

    def health_check(self) -> dict[str, Any]:
        return {
            "healthy": self._connection is not None and not self._error,
            "written": self._written,
            "waiting": len(self._batch),
            "error": self._error,
        }

    def stop(self) -> None:
        with self._lock:
            if self._connection is None:
                return
            try:
                while self._batch:
                    self._write_batch(patient=True)
            finally:
                connection, self._connection = self._connection, None
                connection.close()

    async def _flush_in_time(self) -> None:
        while True:
            await asyncio.sleep(self._flush_seconds)
            with self._lock:
                self._tried()

    def _connected(self) -> sqlite3.Connection:
        try:
            connection = self._opened()
        except sqlite3.Error as error:  # SQLite does not say which file
            raise type(error)(f"{self.path}: {error}") from None
        self._file = _identity(self.path)
        return connection

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            # Two generations have the file open during a swap: a reader and a writer of a
            # write-ahead log do not block one another.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(_TABLE)
            # Inserts nothing: only whether it could, into a table that somebody else made.
            connection.execute(f"EXPLAIN {_INSERT}", ("",)).close()
        except BaseException:
            connection.close()
            raise
        return connection

    def _tried(self) -> bool:
        """Whether the batch is written now; where not, ``_error`` says why, and it waits."""
        try:
            if self._connection is not None:
                self._write_batch(patient=not self._error)
        except sqlite3.Error:
            return False
        return True

    def _write_batch(self, *, patient: bool) -> None:
        count = len(self._batch)  # more may come meanwhile, on this very thread
        if not count:
            return
        self._within = True
        try:
            connection = self._at_the_path()
            connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000) if patient else 0}")
            with connection:  # one transaction: all of the batch or none of it
                connection.executemany(_INSERT, [(text,) for text in self._batch[:count]])
            # Only now: a failed transaction leaves the batch for the next try.
            self._written += count
            del self._batch[:count]
            self._error = ""
        except sqlite3.Error as error:
            self._error = f"{type(error).__name__}: {error}"
            raise
        finally:
            self._within = False

    def _at_the_path(self) -> sqlite3.Connection:
        """A connection to the file that stands at the path now."""
        assert self._connection is not None, "asked only while the sink runs"
        if self._file is not None and _identity(self.path) != self._file:
            # Rows in a file that was moved away or deleted would reach nobody. Closed first:
            # SQLite tidies up by name, and would take the new file's log for its own.
            self._connection.close()
            self._file = _NO_FILE  # a closed connection is to none, even if the file comes back
            self._connection = self._connected()
        return self._connection


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
