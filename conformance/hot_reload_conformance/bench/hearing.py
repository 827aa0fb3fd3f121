"""Hearing: what a host says while it is asked for something, in its log, by print or by raising."""

from __future__ import annotations

import contextlib
import contextvars
import io
import logging
import sys
from collections.abc import Iterator
from typing import Any


class Hearing(logging.Handler):
    """What one operation logged and printed, as far as can be told from what others did."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.logged: list[str] = []
        self.printed: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if self not in _listeners():
            return
        text = record.getMessage()
        if record.exc_info and record.exc_info[1]:
            text += f": {in_words(record.exc_info[1])}"
        self.logged.append(text)

    def text(self) -> str:
        return "\n".join([*self.logged, "".join(self.printed)]).strip()


class _Ear(io.TextIOBase):
    """Stands in for stdout and stderr while operations run; tells all that listen."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for each in _listeners():
            each.printed.append(text)
        return len(text)


_hearing: list[Hearing] = []
_own: contextvars.ContextVar[Hearing | None] = contextvars.ContextVar("own", default=None)
_outside: list[Any] = []


def _listeners() -> list[Hearing]:
    """Whose operation this is; all of them, where a thread or an older task speaks."""
    own = _own.get()
    return [own] if own is not None and own in _hearing else list(_hearing)


@contextlib.contextmanager
def hearing() -> Iterator[Hearing]:
    """Gather what is logged and printed meanwhile, and keep the latter off the terminal."""
    # Operations overlap and end in any order, which contextlib.redirect_stdout does not
    # survive: the first to come puts the ear up, the last to go takes it down.
    heard = Hearing()
    root = logging.getLogger()
    root.addHandler(heard)
    if not _hearing:
        _outside[:] = [sys.stdout, sys.stderr]
        sys.stdout = sys.stderr = _Ear()
    _hearing.append(heard)
    token = _own.set(heard)
    try:
        yield heard
    finally:
        _own.reset(token)
        _hearing.remove(heard)
        if not _hearing:
            sys.stdout, sys.stderr = _outside
            _outside.clear()
        root.removeHandler(heard)


def in_words(error: BaseException) -> str:
    """``type: text``, and the same of what caused it."""
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be shown)"
    causes = ""
    if error.__cause__ is not None and error.__cause__ is not error:
        causes = f" (caused by {in_words(error.__cause__)})"
    return f"{type(error).__name__}: {text}{causes}" if text else f"{type(error).__name__}{causes}"
