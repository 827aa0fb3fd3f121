"""A sink that appends lines to a file, and sets it aside when it has grown.

Config::

    path         the file; made where there is none                        (required)
    format       "json" or "text"                                          (default "json")
    limit_bytes  beyond it the file becomes path.1, that one path.2; 0: never (default 10 MiB)
    backups      how many of those are kept; the oldest is removed         (default 5)

Each line is written to the file in one call, before ``write`` returns: there is no buffer
to lose. Two generations may have the file open, since both only append.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hot_reload.config.schema import validate_config
from hot_reload.logs.line import FORMATS, line_of
from hot_reload.logs.sink_state import written_in

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path"],
    "properties": {
        "path": {"type": "string", "minLength": 1},
        "format": {"type": "string", "enum": list(FORMATS), "default": "json"},
        "limit_bytes": {"type": "integer", "minimum": 0, "default": 10 << 20},
        "backups": {"type": "integer", "minimum": 0, "maximum": 1000, "default": 5},
    },
}


class RotatingFileSink:
    """Events arrive from any thread; one lock covers the descriptor and the rotation."""

    name = "rotating-file"
    version = "1.0"
    roles = ("sink",)
    config_schema = SCHEMA

    def __init__(self, config: Mapping[str, Any]) -> None:
        checked = validate_config(SCHEMA, config)
        self.path = Path(checked["path"]).absolute()
        self._format: str = checked["format"]
        self._limit_bytes: int = checked["limit_bytes"]
        self._backups: int = checked["backups"]
        self._descriptor: int | None = None
        self._written = 0
        self._lock = threading.Lock()

    def start(self) -> None:
        self._descriptor = self._open()

    def write(self, event: Any) -> None:
        line = f"{line_of(event, self._format)}\n".encode()
        with self._lock:
            if self._descriptor is None:
                raise RuntimeError("the sink is not running")
            self._append(line, self._roomy(self._descriptor, len(line)))
            self._written += 1

    def flush(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                os.fsync(self._descriptor)

    def get_reload_state(self) -> dict[str, int]:
        return {"written": self._written}

    def set_reload_state(self, state: Mapping[str, Any]) -> None:
        self._written = written_in(state)

    def health_check(self) -> dict[str, Any]:
        return {
            "healthy": self._descriptor is not None and self.path.parent.is_dir(),
            "written": self._written,
        }

    def stop(self) -> None:
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self.path, flags, 0o666)

    def _append(self, line: bytes, descriptor: int) -> None:
        written = os.write(descriptor, line)
        if written == len(line):
            return
        # A full disk may take a part of it: half a line would spoil the one after it.
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
        raise OSError(f"only {written} of {len(line)} bytes could be written to {self.path}")

    def _roomy(self, descriptor: int, coming: int) -> int:
        """A descriptor of a file in which ``coming`` bytes have room."""
        size = os.fstat(descriptor).st_size
        if not self._limit_bytes or not size or size + coming <= self._limit_bytes:
            return descriptor
        self._shift()
        # Opened before the old one is closed: where that fails, the sink still has a file.
        fresh = self._open()
        os.close(descriptor)
        self._descriptor = fresh
        return fresh

    def _shift(self) -> None:
        if not self._backups:
            self.path.unlink(missing_ok=True)
            return
        for number in range(self._backups - 1, 0, -1):
            older = self._backup(number)
            if older.exists():
                older.replace(self._backup(number + 1))
        if self.path.exists():
            self.path.replace(self._backup(1))

    def _backup(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
