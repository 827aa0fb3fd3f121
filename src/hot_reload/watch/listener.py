"""The listener: keeps a change source alive, and knows whether one is.

It is set up anew when it dies, with a growing pause between attempts, and at once
when a watched directory was replaced: such a one sends no events any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from hot_reload.ports import ChangeSource, Clock

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 30.0

Directories: TypeAlias = Mapping[Path, tuple[int, int]]
"""Directories that are there, each with its device and inode."""

_log = logging.getLogger("hot_reload.watch")


class Listener:
    """Listens to one change source after the other. Used on the loop's thread.

    ``directories`` says what is to be watched now; ``on_hint`` is called for every hint,
    ``on_paths`` before it with the paths of the hint (empty: anything may have changed).
    """

    def __init__(
        self,
        make_source: Callable[[tuple[Path, ...]], ChangeSource],
        clock: Clock,
        *,
        directories: Callable[[], Directories],
        on_hint: Callable[[], None],
        on_paths: Callable[[frozenset[Path]], None] | None = None,
    ) -> None:
        self._make_source = make_source
        self._clock = clock
        self._directories = directories
        self._on_hint = on_hint
        self._on_paths = on_paths
        self._armed: Directories = {}
        self._listening: asyncio.Task[str] | None = None
        self._pause_over: asyncio.Event | None = None
        self.degraded: str | None = "the system's watch is not set up yet"
        """Why only the sweep finds edits now; None: the system's events come, too."""
        self.restarts = 0
        """How often a source had to be set up again, or could not be."""

    async def run(self) -> None:
        """Listen until cancelled; the last source is closed then. Cancel it only once."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = self._clock.now()
            died = await self._one_source()
            self.restarts += 1
            if not died:
                continue  # its directories were replaced: the next one at once
            self.degraded = f"the system's watch failed ({died}); only the sweep finds edits"
            _log.warning("%s", self.degraded)
            if self._clock.now() - began >= LONGEST_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            await self._rest(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)

    def check(self) -> None:
        """Set the source up anew if the directories are not those that it watches."""
        if self._armed == self._directories():
            return
        if self._pause_over is not None:
            self._pause_over.set()
        elif self._listening is not None and not self._listening.cancelling():
            self.degraded = "a watched directory was replaced; its watch is being set up anew"
            self._listening.cancel()

    async def _one_source(self) -> str:
        """Listen to a source until it dies (says why) or has to be replaced (empty)."""
        listening = asyncio.get_running_loop().create_task(self._listen(), name="watcher: hints")
        self._listening = listening
        try:
            await asyncio.wait({listening})
        except asyncio.CancelledError:
            # A second cancellation would interrupt the closing of the source.
            if not listening.cancelling():
                listening.cancel()
            await asyncio.wait({listening})
            raise
        finally:
            self._listening = None
        return "" if listening.cancelled() else listening.result()

    async def _listen(self) -> str:
        source: ChangeSource | None = None
        try:
            self._armed = dict(self._directories())
            if not self._armed:
                raise OSError("none of the directories to be watched is there")
            source = self._make_source(tuple(sorted(self._armed)))
            while True:
                paths = await source.next_hint()
                self.degraded = None
                if self._on_paths is not None:
                    self._on_paths(paths)
                self._on_hint()
        except Exception as error:
            return str(error) or type(error).__name__
        finally:
            if source is not None:
                with contextlib.suppress(Exception):
                    await source.close()

    async def _rest(self, seconds: float) -> None:
        self._pause_over = over = asyncio.Event()
        timer = self._clock.call_later(seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()
            self._pause_over = None
