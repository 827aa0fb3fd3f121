"""Seeing what code does to the world as it runs, by Python's audit events.

An audit hook cannot be taken away again, so there is one for the process, deaf but
for the moments in which an audit is armed.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from typing import Any

from hot_reload_conformance.plugins.loop_watch import place_in

_THREAD_STARTED = "threading.Thread.start"
"""Heard by a wrapper of that method: Python 3.11 has no event for it."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


@dataclass
class Audit:
    """What was seen while it was armed: sentences, each with the place where there is one."""

    sources: Container[str]
    seen: list[str] = field(default_factory=list)
    _thread_id: int = field(default_factory=threading.get_ident)
    _busy: bool = False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        # What other threads do meanwhile is not the import's doing.
        if self._busy or threading.get_ident() != self._thread_id:
            return
        describe = _EVENTS.get(event)
        if describe is None:
            return
        self._busy = True
        try:
            sentence = describe(arguments)
            place = place_in(sys._getframe(1), self.sources)
            if sentence and place:
                self.seen.append(f"{sentence} ({place})")
        finally:
            self._busy = False


@contextlib.contextmanager
def audited(sources: Container[str]) -> Iterator[Audit]:
    """Note what this thread does from code in ``sources``; audits do not nest."""
    global _armed, _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)
    audit = Audit(sources)
    start = threading.Thread.start

    def heard(thread: threading.Thread) -> None:
        audit.hear(_THREAD_STARTED, ())
        start(thread)

    _armed = audit
    threading.Thread.start = heard  # type: ignore[method-assign, assignment]
    try:
        yield audit
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]
        _armed = None


_armed: Audit | None = None
_installed = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _armed is not None:
        _armed.hear(event, arguments)


def _opened(arguments: tuple[Any, ...]) -> str | None:
    path, mode, flags = (*arguments, None, 0)[:3]
    writes = any(c in mode for c in "wax+") if isinstance(mode, str) else bool(flags & _WRITING)
    # importlib writes the bytecode of what the plugin imports; that is Python's own doing.
    if not writes or "__pycache__" in str(path):
        return None
    return f"opens {path!r} for writing"


def _named(sentence: str) -> Callable[[tuple[Any, ...]], str]:
    return lambda arguments: sentence.format(*[_short(each) for each in arguments])


def _short(value: object) -> str:
    if isinstance(value, bytes):
        value = os.fsdecode(value)
    return f"{value!r:.60}" if isinstance(value, (str, int, list, tuple)) else type(value).__name__


_EVENTS: dict[str, Callable[[tuple[Any, ...]], str | None]] = {
    "open": _opened,
    # The value is left out: it may be a secret.
    "os.putenv": lambda arguments: f"sets the environment variable {_short(arguments[0])}",
    "os.unsetenv": _named("removes the environment variable {}"),
    "os.chdir": _named("changes the working directory to {}"),
    "os.mkdir": _named("makes the directory {}"),
    "os.remove": _named("removes {}"),
    "os.rename": _named("renames {} to {}"),
    "os.rmdir": _named("removes the directory {}"),
    "os.truncate": _named("truncates {}"),
    "os.chmod": _named("changes the mode of {}"),
    "os.system": _named("runs the command {}"),
    "os.exec": _named("executes {}"),
    "os.fork": lambda _: "forks the process",
    "os.posix_spawn": _named("starts the process {}"),
    "subprocess.Popen": _named("starts the process {}"),
    "socket.__new__": lambda _: "opens a socket",
    "socket.connect": lambda arguments: f"connects a socket to {_short(arguments[1])}",
    "socket.bind": lambda arguments: f"binds a socket to {_short(arguments[1])}",
    _THREAD_STARTED: lambda _: "starts a thread",
    "sqlite3.connect": _named("opens the database {}"),
}
