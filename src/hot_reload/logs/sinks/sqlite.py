"""A sink that writes events into a SQLite file, in batches.

Config::

    path           the file; made where there is none                     (required)
    batch_size     how many events one transaction writes                 (default 50)
    flush_seconds  how long an unfinished batch waits at most             (default 1.0)
    buffer_limit   how many events wait while the file cannot be written  (default 10,000)

Each event becomes one row of the table ``events``: ``id`` ascending in the order of arrival,
``event`` as JSON text. A batch that cannot be written is tried again with the next one;
beyond ``buffer_limit`` an event is refused, and so counted as dropped. What cannot be written
before the sink is replaced goes to the next generation (``take_unwritten``).
"""

from __future__ import annotations

import asyncio
import json
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
"""How long a write waits for another program that writes to the file."""
_TABLE = "CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, event TEXT NOT NULL)"
_INSERT = "INSERT INTO events (event) VALUES (?)"


class SqliteSink:
    """Events arrive from any thread; one lock covers the batch and the connection."""

    name = "sqlite"
    version = "1.0"
    roles = ("sink",)
    config_schema = SCHEMA

    def __init__(self, config: Mapping[str, Any], context: PluginContext) -> None:
        checked = validate_config(SCHEMA, config)
        self.path: str = checked["path"]
        self._batch_size: int = checked["batch_size"]
        self._flush_seconds = float(checked["flush_seconds"])
        self._buffer_limit: int = max(checked["buffer_limit"], self._batch_size)
        self._context = context
        self._connection: sqlite3.Connection | None = None
        self._batch: list[str] = []
        self._written = 0
        self._error = ""
        self._lock = threading.Lock()

    def start(self) -> None:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            # Two generations have the file open during a swap: a reader and a writer of a
            # write-ahead log do not block one another.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(_TABLE)
            self._context.spawn(self._flush_in_time(), name="sqlite sink: unfinished batches")
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def write(self, event: Any) -> None:
        text = json_of(event)
        with self._lock:
            if self._connection is None:
                raise RuntimeError("the sink is not running")
            if len(self._batch) >= self._buffer_limit and not self._tried():
                raise BufferError(
                    f"{len(self._batch)} events wait for {self.path}: {self._error}; make it "
                    "writable, or raise buffer_limit"
                )
            self._batch.append(text)
            if len(self._batch) % self._batch_size == 0:
                self._tried()

    def flush(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._write_batch(self._connection)

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
            connection, self._connection = self._connection, None
            if connection is None:
                return
            try:
                self._write_batch(connection)
            finally:
                connection.close()

    async def _flush_in_time(self) -> None:
        while True:
            await asyncio.sleep(self._flush_seconds)
            with self._lock:
                self._tried()

    def _tried(self) -> bool:
        """Whether the batch is written now; where not, ``_error`` says why, and it waits."""
        try:
            if self._connection is not None:
                self._write_batch(self._connection)
        except sqlite3.Error:
            return False
        return True

    def _write_batch(self, connection: sqlite3.Connection) -> None:
        if not self._batch:
            return
        try:
            with connection:  # one transaction: all of the batch or none of it
                connection.executemany(_INSERT, [(text,) for text in self._batch])
        except sqlite3.Error as error:
            self._error = f"{type(error).__name__}: {error}"
            raise
        self._error = ""
        # Only now: a failed transaction leaves the batch for the next try.
        self._written += len(self._batch)
        self._batch.clear()
