"""Hints of changes from the operating system, through watchfiles.

A hint may come late, doubled, or not at all: watchfiles loses events silently when
the kernel's queue overflows, at the watch limit and when a watched root is replaced.
So nothing but the moment of the next sweep depends on it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import watchfiles

LONGEST_BATCH_MS = 50


class WatchfilesHints:
    """The real change source: directories, watched with all that is below them.

    It has one thread, which ``close`` ends: watchfiles' own asynchronous interface
    would leave one behind in the event loop's pool.

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
        self._arrived: asyncio.Queue[frozenset[Path] | OSError] = asyncio.Queue()
        self._thread = threading.Thread(target=self._watch, name="hot-reload hints", daemon=True)
        self._thread.start()

    async def next_hint(self) -> frozenset[Path]:
        """The next set of paths that may have changed.

        Raises:
            OSError: the watch cannot be set up, or died.
        """
        arrived = await self._arrived.get()
        if isinstance(arrived, OSError):
            raise arrived
        return arrived

    async def close(self) -> None:
        self._stop.set()
        await self._ended.wait()
        self._thread.join()

    def _watch(self) -> None:
        try:
            for changes in watchfiles.watch(
                *self._roots,
                watch_filter=None,
                debounce=LONGEST_BATCH_MS,
                step=self._step_ms,
                stop_event=self._stop,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                self._post(frozenset(Path(path) for _, path in changes))
            self._post(OSError("the watch ended"))
        except BaseException as error:  # limits and undecodable names raise kinds of their own
            self._post(OSError(f"{type(error).__name__}: {error}"))
        finally:
            self._tell(self._ended.set)

    def _post(self, arrived: frozenset[Path] | OSError) -> None:
        self._tell(lambda: self._arrived.put_nowait(arrived))

    def _tell(self, callback: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return  # the loop is closed: nobody listens any more
