"""The root logger as a program finds it that has not configured logging."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


class _ToAll(logging.Handler):
    """Hands on to the handlers that are hidden."""

    def __init__(self, handlers: list[logging.Handler]) -> None:
        super().__init__(logging.NOTSET)
        self._handlers = handlers

    def emit(self, record: logging.LogRecord) -> None:
        for each in self._handlers:
            each.handle(record)


@contextlib.contextmanager
def bare_root() -> Iterator[None]:
    """Without handlers: ``logging.basicConfig`` does nothing where there is one, the kit's even.

    What is logged meanwhile still reaches those that were there, which come back at the end;
    those that were added are closed.
    """
    root = logging.root
    kept, last = list(root.handlers), logging.lastResort
    root.handlers[:] = []
    logging.lastResort = _ToAll(kept)
    try:
        yield
    finally:
        added = [each for each in root.handlers if each not in kept]
        root.handlers[:] = kept
        logging.lastResort = last
        for each in added:
            each.close()
