"""A sink that prints: one line for each event, to standard error or standard output.

Config::

    stream   "stderr" or "stdout"        (default "stderr")
    format   "text" or "json"            (default "text")

The stream is looked up for each event, so one that is replaced (by a test, say) is followed.
Each line is flushed as it is written: none is lost where the process is killed.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import Any

from hot_reload.config.schema import validate_config
from hot_reload.logs.line import FORMATS, line_of
from hot_reload.logs.sink_state import written_in
from hot_reload.runtime.forks import call_in_children

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "stream": {"type": "string", "enum": ["stderr", "stdout"], "default": "stderr"},
        "format": {"type": "string", "enum": list(FORMATS), "default": "text"},
    },
}


class StreamSink:
    """Events arrive from any thread; each line is written whole, in one call."""

    name = "stream"
    version = "1.0"
    roles = ("sink",)
    config_schema = SCHEMA

    def __init__(self, config: Mapping[str, Any]) -> None:
        checked = validate_config(SCHEMA, config)
        self._stream: str = checked["stream"]
        self._format: str = checked["format"]
        self._running = False
        self._written = 0
        self._error = ""
        # Reentrant: a signal handler, a finalizer or the stream itself may log in mid-write.
        self._lock = threading.RLock()
        call_in_children(self)

    def start(self) -> None:
        self._running = True

    def forked(self) -> None:
        """A child writes on, in a turn of its own."""
        self._lock = threading.RLock()

    def write(self, event: Any) -> None:
        line = f"{line_of(event, self._format)}\n"
        with self._lock:
            if not self._running:
                raise RuntimeError("the sink is not running")
            try:
                _print(line, getattr(sys, self._stream))
            except Exception as error:
                self._error = f"{type(error).__name__}: {error}"
                raise
            self._error = ""
            self._written += 1

    def flush(self) -> None:
        _flush(getattr(sys, self._stream))

    def get_reload_state(self) -> dict[str, int]:
        return {"written": self._written}

    def set_reload_state(self, state: Mapping[str, Any]) -> None:
        self._written = written_in(state)

    def health_check(self) -> dict[str, Any]:
        stream = getattr(sys, self._stream)
        usable = stream is not None and not getattr(stream, "closed", False)
        return {
            "healthy": self._running and usable and not self._error,
            "written": self._written,
            "error": self._error,
        }

    def stop(self) -> None:
        with self._lock:
            running, self._running = self._running, False
        if running:
            self.flush()


def _print(line: str, stream: Any) -> None:
    try:
        stream.write(line)
    except UnicodeEncodeError:  # a stream that is not UTF-8
        stream.write(line.encode("ascii", "backslashreplace").decode())
    _flush(stream)


def _flush(stream: Any) -> None:
    flush = getattr(stream, "flush", None)
    if flush is not None:  # what stands in for a stream may be able to write alone
        flush()
