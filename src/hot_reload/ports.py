"""Ports: what the engine needs from the outside, as small protocols.

Time, files, threads and ids come in through these, so that the policy and the
transaction can be run under a clock that a test moves by hand and a file system
that a test bends. The fakes live in ``hot_reload_fixtures`` and are public
peers of the real ones below.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class TimerHandle(Protocol):
    """A scheduled callback that can be called off."""

    def cancel(self) -> None:
        """Call the callback off; harmless when it has run or was cancelled before."""


class Clock(Protocol):
    """A monotonic clock with timers. Seconds, never wall-clock time.

    ``now`` may be called from any thread; ``call_later`` only from the thread of
    the event loop.
    """

    def now(self) -> float:
        """Seconds since an arbitrary point; never goes back."""

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> TimerHandle:
        """Run ``callback`` on the loop's thread once ``delay_seconds`` have passed."""


class Files(Protocol):
    """Reading a plugin's source: the only file access of the transaction."""

    def read(self, path: Path, *, limit_bytes: int) -> bytes:
        """The bytes of the regular file at ``path``.

        Never blocks on a FIFO or a device, never follows a link in the last
        component, never reads more than ``limit_bytes``.

        Raises:
            hot_reload.errors.SourceError: not there, not a regular file, too
                large, not readable; the message says which.
        """

    def list_sources(self, directory: Path) -> tuple[Path, ...]:
        """Every ``.py`` file below ``directory``, relative to it, sorted.

        Bytecode caches and hidden directories are left out.

        Raises:
            hot_reload.errors.SourceError: the directory cannot be read.
        """


class ChangeSource(Protocol):
    """Where hints of changes on disk come from; a hint may be late, doubled or missing."""

    async def next_hint(self) -> frozenset[Path]:
        """Wait for the next set of paths that may have changed; empty: look everywhere.

        The first comes when the watch stands, and is empty.

        Raises:
            OSError: the watch cannot be set up, or died. It is closed then, not asked again.
        """

    async def close(self) -> None:
        """Let go of every watch, thread and descriptor. May be called twice."""


@dataclass(frozen=True, slots=True)
class SavedState:
    """The state of a plugin, plain data, and the version of the plugin that gave it."""

    state: Any
    version: str


class StateStore(Protocol):
    """Where the state of plugins outlives the process. Called on the loop's thread, under the
    deadline of a hook; for one plugin never twice at a time, unless a deadline was missed."""

    async def save(self, plugin: str, saved: SavedState) -> None:
        """Keep ``saved``; a failure leaves what was saved before.

        Raises:
            hot_reload.errors.StateError: it was not saved; the message says why.
        """

    async def load(self, plugin: str) -> SavedState | None:
        """What was saved last; None: nothing was.

        Raises:
            hot_reload.errors.StateError: what is there is not what was saved.
        """


class LoopClock:
    """Monotonic time and the running loop's timers: the real peer of ``ManualClock``."""

    def now(self) -> float:
        return time.monotonic()

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> TimerHandle:
        return asyncio.get_running_loop().call_later(delay_seconds, callback)
