"""Escapes: what leaves the simulation for threads, sockets or real time, and is told.

A subject that does this is not wrong; it only cannot be judged here, since the
next run may go otherwise whatever the oracle says.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

_CLOCKS = ("sleep", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")
_CLOCKS_OF_THE_WALL = ("time", "time_ns")


class SimulationEscape(RuntimeError):
    """Raised where a subject asks the simulated loop for something from the real world."""


@dataclass(frozen=True, slots=True)
class Escape:
    """What was used, and where."""

    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.what} at {self.where}"


class Fence:
    """Notes escapes while a simulation runs on the present thread.

    ``time``'s functions, the start of threads and processes and the connection of
    sockets are watched, in calls by modules outside the standard library that look them up when
    they call. They still work: the run goes on, and is not judged.
    """

    def __init__(self) -> None:
        self.escapes: list[Escape] = []
        self.lowered = False
        """Whether the run is over: what leaves it from then on is no news."""

    def note(self, what: str, frame: FrameType | None = None) -> None:
        """Remember an escape, once for each place."""
        if self.lowered:
            return
        found = Escape(what, _place(frame or sys._getframe(1)))
        if found not in self.escapes:
            self.escapes.append(found)

    @contextlib.contextmanager
    def up(self) -> Iterator[None]:
        """Watch, until the block ends."""
        kept: list[tuple[Any, str, Any, bool]] = []

        def watch(owner: Any, name: str, what: str, through_library: bool = False) -> None:
            own = name in vars(owner)
            original = getattr(owner, name)
            kept.append((owner, name, original, own))
            setattr(owner, name, self._watched(original, what, through_library))

        for name in (*_CLOCKS, *_CLOCKS_OF_THE_WALL):
            watch(time, name, f"real time (time.{name})")
        watch(threading.Thread, "start", "a thread")
        # The library's own functions start processes too, so whoever asked them counts.
        watch(subprocess.Popen, "__init__", "a process", through_library=True)
        for name in ("connect", "bind"):
            watch(socket.socket, name, f"a socket ({name})")
        try:
            yield
        finally:
            for owner, name, original, own in kept:
                if own:
                    setattr(owner, name, original)
                else:
                    delattr(owner, name)

    def _watched(
        self, original: Callable[..., Any], what: str, through_library: bool
    ) -> Callable[..., Any]:
        thread = threading.get_ident()

        def watched(*arguments: Any, **options: Any) -> Any:
            frame = sys._getframe(1)
            if threading.get_ident() == thread and (through_library or not _of_the_library(frame)):
                self.note(what, frame)
            return original(*arguments, **options)

        return watched


def _of_the_library(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] in sys.stdlib_module_names and name != "__main__"


def _place(frame: FrameType | None) -> str:
    """The nearest place outside the standard library and this package."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if not _of_the_library(frame) and not name.startswith(f"{__package__}."):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return "an unknown place"
