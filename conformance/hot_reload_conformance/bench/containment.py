"""Keeping what a plugin does to itself: its exits, its threads, what it logs and prints."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import threading
import time
from collections.abc import Callable, Iterator

THREAD_GRACE_SECONDS = 0.5
"""How long a thread may take to end that stop() told to end but did not join."""


class Exited(Exception):
    """Something that is no ``Exception`` came out of the loop; its kind is the text."""


def contain_exits(run: Callable[[], None]) -> None:
    """Call ``run``; turn what would end the process into ``Exited``."""
    try:
        run()
    except (SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit) as error:
        # The user's own Ctrl-C is remembered by ``user_interrupts`` and raised again there.
        raise Exited(type(error).__name__) from None


@contextlib.contextmanager
def threads_ended() -> Iterator[None]:
    """Give threads of this case a moment to end, so that the next one's census is its own."""
    before = set(threading.enumerate())
    try:
        yield
    finally:
        still_running(set(threading.enumerate()) - before, 0.1)


def still_running(
    threads: set[threading.Thread], seconds: float = THREAD_GRACE_SECONDS
) -> list[threading.Thread]:
    """Those of ``threads`` that have not ended after ``seconds`` for all of them together."""
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [thread for thread in threads if thread.is_alive()]


class Heard(logging.Handler):
    """Keeps what is logged and printed in a case for its story, and off the terminal."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._printed = io.StringIO()
        self._streams = contextlib.ExitStack()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname.lower()} {record.name}: {record.getMessage()}")

    def all_lines(self) -> list[str]:
        """What was logged, then what was printed, up to now."""
        return [*self.lines, *self._printed.getvalue().splitlines()]

    def __enter__(self) -> None:
        logging.root.addHandler(self)
        # The engine reports every upgrade that the kit makes fail: not in the runner's log too.
        self._engine = logging.getLogger("hot_reload")
        self._propagated, self._engine.propagate = self._engine.propagate, False
        self._engine.addHandler(self)
        self._streams.enter_context(contextlib.redirect_stdout(self._printed))
        self._streams.enter_context(contextlib.redirect_stderr(self._printed))

    def __exit__(self, *_: object) -> None:
        self._streams.close()
        self._engine.removeHandler(self)
        self._engine.propagate = self._propagated
        logging.root.removeHandler(self)
        self.lines += [f"printed: {line}" for line in self._printed.getvalue().splitlines()]
