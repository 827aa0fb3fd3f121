"""A sink that appends lines to a file, and sets it aside when it has grown.

Config::

    path         the file; made where there is none                        (required)
    format       "json" or "text"                                          (default "json")
    limit_bytes  beyond it the file becomes path.1, that one path.2; 0: never (default 10 MiB)
    backups      how many of those are kept; the oldest is removed         (default 5)

Each line is written to the file in one call, before ``write`` returns: there is no buffer
to lose. Two generations, and several processes, may write to the file: all of them only
append, and one of them rotates it. Another program may rotate it instead: the sink looks for
each line which file stands at the path, and makes it where there is none. Where the file
cannot be rotated it grows on.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hot_reload.config.schema import validate_config
from hot_reload.logs.line import FORMATS, line_of
from hot_reload.logs.sink_state import written_in
from hot_reload.runtime.forks import call_in_children

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
        self._file = (0, 0)
        """Device and inode of the open file."""
        self._written = 0
        self._error = self._rotation_error = ""
        self._no_rotation_below_bytes = 0
        """After a rotation that failed: to try again at once would push out the backups."""
        # Reentrant: a signal handler or a finalizer may log in mid-write.
        self._lock = threading.RLock()
        self._within = False
        """Whether a write is under way, while the lock is held."""
        call_in_children(self)

    def start(self) -> None:
        self._replace(self._open())

    def forked(self) -> None:
        """A child writes on, by a descriptor of its own: with its parent's it would share locks."""
        self._lock = threading.RLock()
        self._within = False
        if self._descriptor is not None:
            try:
                self._replace(self._open())
            except OSError:
                return  # the parent's is good enough to append to

    def write(self, event: Any) -> None:
        line = f"{line_of(event, self._format)}\n".encode()
        with self._lock:
            if self._descriptor is None:
                raise RuntimeError("the sink is not running")
            within, self._within = self._within, True
            try:
                descriptor = self._descriptor
                if not within:  # else this very thread is on its way through here already
                    size = self._size_at_the_path(descriptor)
                    descriptor = self._roomy(self._descriptor, size, len(line))
                self._append(line, descriptor)
            except OSError as error:
                self._error = f"{type(error).__name__}: {error.strerror or error}"
                raise
            finally:
                self._within = within
            self._error = ""
            self._written += 1

    def flush(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                try:
                    os.fsync(self._descriptor)
                except OSError as error:
                    if error.errno != errno.EINVAL:  # a device or a pipe, which keeps nothing
                        raise

    def get_reload_state(self) -> dict[str, int]:
        return {"written": self._written}

    def set_reload_state(self, state: Mapping[str, Any]) -> None:
        self._written = written_in(state)

    def health_check(self) -> dict[str, Any]:
        return {
            "healthy": (
                self._descriptor is not None and not self._error and self.path.parent.is_dir()
            ),
            "written": self._written,
            "error": self._error or self._rotation_error,
        }

    def stop(self) -> None:
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    def _open(self) -> int:
        # O_NONBLOCK: to open a FIFO that nobody reads would wait for a reader, for ever.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(self.path, flags, 0o666)
        os.set_blocking(descriptor, True)
        return descriptor

    def _replace(self, fresh: int) -> int:
        """Write to ``fresh`` from now on."""
        found = os.fstat(fresh)
        self._file = found.st_dev, found.st_ino
        # Closed last: the number of a closed one is soon somebody else's file, and a child may
        # be forked, or an interruption come, at any line.
        old, self._descriptor = self._descriptor, fresh
        if old is not None:
            os.close(old)
        return fresh

    def _size_at_the_path(self, descriptor: int) -> int:
        """The size of the file that stands at the path now; it is the open one then."""
        found = self._status(descriptor)
        if found is None:
            # Lines in a file that was moved away or deleted would reach nobody.
            self._no_rotation_below_bytes = 0
            found = os.fstat(self._replace(self._open()))
        return found.st_size

    def _status(self, descriptor: int) -> os.stat_result | None:
        """Of the open file; None: it does not stand at the path any more."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        except OSError:  # no permission to look any more, but to write there is
            return os.fstat(descriptor)
        return found if (found.st_dev, found.st_ino) == self._file else None

    def _append(self, line: bytes, descriptor: int) -> None:
        written = os.write(descriptor, line)
        if written == len(line):
            return
        # A full disk may take a part of it: half a line would spoil the one after it.
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
        raise OSError(f"only {written} of {len(line)} bytes could be written to {self.path}")

    def _roomy(self, descriptor: int, size: int, coming: int) -> int:
        """A descriptor of a file in which ``coming`` bytes have room, where there can be one.

        ``size``: of the one that ``descriptor`` is of.
        """
        if not self._limit_bytes or not size or size + coming <= self._limit_bytes:
            return descriptor
        if size < self._no_rotation_below_bytes or not self._turn_to_rotate(descriptor):
            return descriptor
        try:
            # Another one may have done it since.
            if self._status(descriptor) is not None:
                self._shift()
            # Opened before the old one is closed, and its lock with it.
            fresh = self._open()
        except OSError as error:  # a line in a file that is too long is better than none
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            self._rotation_error = f"cannot rotate: {error.strerror or error}"
            self._no_rotation_below_bytes = size + self._limit_bytes
            return descriptor
        self._rotation_error = ""
        return self._replace(fresh)

    def _turn_to_rotate(self, descriptor: int) -> bool:
        """Whether nobody else rotates this file now: two at once would overwrite backups."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            return True
        return True

    def _shift(self) -> None:
        if not self._backups:
            self.path.unlink(missing_ok=True)
            return
        for number in range(self._backups - 1, 0, -1):
            older = self._backup(number)
            if older.exists():
                older.replace(self._backup(number + 1))
        self.path.replace(self._backup(1))

    def _backup(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
