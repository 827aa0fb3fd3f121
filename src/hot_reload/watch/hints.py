"""Hints of changes from the operating system, through watchfiles.

A hint may come late, doubled, or not at all: watchfiles loses events silently when
the kernel's queue overflows, at the watch limit and when a watched root is replaced.
So nothing but the moment of the next sweep depends on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import watchfiles

LONGEST_BATCH_MS = 50
IDLE_MS = 20
"""After how long watchfiles says that nothing happened; the first time, that it stands."""
PATHS_KEPT = 1_000
LONGEST_END_SECONDS = 1.0
"""How long the watch's own system thread may take to let go of its descriptors."""


class WatchfilesHints:
    """The real change source: directories, watched with all that is below them.

    It has one thread, which ``close`` ends: watchfiles' own asynchronous interface
    would leave one behind in the event loop's pool. Made and used on a running loop.

    Raises:
        OSError: none of the directories is there.
    """

    def __init__(self, roots: Iterable[Path], *, step_ms: int = 5) -> None:
        self._roots = [root for root in roots if root.is_dir()]
        if not self._roots:
            raise OSError("none of the directories to be watched is there")
        self._step_ms = step_ms
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._ended = asyncio.Event()
        self._arrived = asyncio.Event()
        self._hinted: set[Path] = set()
        self._error: OSError | None = None
        self._stands = False
        self._thread = threading.Thread(target=self._watch, name="hot-reload hints", daemon=True)
        self._thread.start()

    async def next_hint(self) -> frozenset[Path]:
        """The paths that may have changed since the last hint; empty: look everywhere.

        The first comes, and is empty, when the watch stands.

        Raises:
            OSError: the watch cannot be set up, or died.
        """
        await self._arrived.wait()
        if self._error is not None:
            raise self._error
        self._arrived.clear()
        hinted, self._hinted = frozenset(self._hinted), set()
        # A storm while nobody listened: better no names than a list without end.
        return hinted if len(hinted) <= PATHS_KEPT else frozenset()

    async def close(self) -> None:
        self._stop.set()
        await self._ended.wait()
        self._thread.join()

    def _watch(self) -> None:
        others = _system_threads()
        mine: frozenset[str] = frozenset()
        try:
            for changes in self._changes():
                if changes or not self._stands:
                    mine = mine or _system_threads() - others
                    self._stands = True
                    self._tell(lambda paths={path for _, path in changes}: self._hint(paths))  # type: ignore[misc]  # mypy infers no default of a lambda
            self._fail("the watch ended")
        except BaseException as error:  # limits and undecodable names raise kinds of their own
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            # watchfiles does not wait for the thread that it started outside of Python.
            deadline = time.monotonic() + LONGEST_END_SECONDS
            while mine & _system_threads() and time.monotonic() < deadline:
                time.sleep(0.001)
            self._tell(self._ended.set)

    def _changes(self) -> Iterator[set[tuple[watchfiles.Change, str]]]:
        try:
            yield from self._system(ignore_permission_denied=False)
        except PermissionError:
            # Only where there is need: when it is to ignore this, watchfiles (1.3.0) keeps
            # silent about the watch limit as well, and nothing is watched.
            self._stands = False  # when it stands again, that is told: what was missed is swept
            yield from self._system(ignore_permission_denied=True)

    def _system(
        self, *, ignore_permission_denied: bool
    ) -> Iterator[set[tuple[watchfiles.Change, str]]]:
        return iter(
            watchfiles.watch(
                *self._roots,
                watch_filter=None,
                debounce=LONGEST_BATCH_MS,
                step=self._step_ms,
                stop_event=self._stop,
                rust_timeout=IDLE_MS,
                yield_on_timeout=True,
                raise_interrupt=False,
                ignore_permission_denied=ignore_permission_denied,
            )
        )

    def _hint(self, paths: Iterable[str]) -> None:
        if len(self._hinted) <= PATHS_KEPT:
            self._hinted.update(map(Path, paths))
        self._arrived.set()

    def _fail(self, why: str) -> None:
        def fail() -> None:
            self._error = OSError(why)
            self._arrived.set()

        self._tell(fail)

    def _tell(self, callback: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return  # the loop is closed: nobody listens any more


def _system_threads() -> frozenset[str]:
    """The ids of the threads of watchfiles' own in this process, where the system lists them."""
    found = set()
    with contextlib.suppress(OSError):
        for task in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):  # it may end while we look
                if (task / "comm").read_bytes().startswith(b"notify-rs"):
                    found.add(task.name)
    return frozenset(found)
