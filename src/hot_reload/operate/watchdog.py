"""The watchdog: who keeps the event loop from going on, told while it does."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FrameType

from hot_reload.errors import EngineMisuse
from hot_reload.logs.flood import plugin_of
from hot_reload.policy.seconds import checked_seconds

_log = logging.getLogger("hot_reload.watchdog")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """One time in which the event loop did not go on. Plain data."""

    seconds: float
    """How long it lasted, or lasts so far."""
    over: bool
    plugin: str | None
    """Whose code ran as it was noticed, by the name of its file; None: no plugin's."""
    file: str
    line: int
    function: str
    """What ran: the plugin's innermost line, or the innermost of all."""

    def describe(self) -> str:
        """In one line, for a person to read."""
        who = f"plugin {self.plugin!r}" if self.plugin else "something that is no plugin"
        verb = "blocked" if self.over else "has blocked"
        return (
            f"{who} {verb} the event loop for {self.seconds:.2g} s, in {self.function}() "
            f"at {self.file}:{self.line}; nothing else ran meanwhile"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopHealth:
    """How the event loop goes on. Plain data."""

    running: bool
    """Whether somebody looks."""
    stalls: int
    """How often it did not go on for too long."""
    longest_seconds: float
    last: Stall | None


class Watchdog:
    """Looks, from a thread of its own, whether an event loop goes on.

    A synchronous hook, or a handler, that computes or waits for long keeps everything from
    running: no deadline interrupts it. This tells who it is as soon as ``limit_seconds``
    have passed: by a warning of the logger ``hot_reload.watchdog``, and to ``on_stall``, which
    is called in the watchdog's thread; and again, by a warning, how long it was when it ends.
    ``health`` has the counts.

    Start and stop it on the loop's thread::

        async with Engine() as engine:
            watchdog = Watchdog(limit_seconds=0.5)
            watchdog.start()
            ...
            watchdog.stop()

    Raises:
        EngineMisuse: ``limit_seconds`` is no positive, finite number.
    """

    def __init__(
        self,
        limit_seconds: float = 1.0,
        *,
        on_stall: Callable[[Stall], None] | None = None,
    ) -> None:
        if checked_seconds("limit_seconds", limit_seconds) == 0:
            raise EngineMisuse("limit_seconds is 0; give a positive number")
        self._limit = limit_seconds
        self._on_stall = on_stall
        self._thread: threading.Thread | None = None
        self._end = threading.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._seen = 0.0
        """When the loop last went on; written by the loop, read by the thread."""
        self._stall: tuple[float, Stall] | None = None
        """The one that lasts now, and what ``_seen`` was; written by the thread, taken by the
        loop."""
        self._stalls = 0
        self._longest = 0.0
        self._last: Stall | None = None

    @property
    def health(self) -> LoopHealth:
        """What was seen so far. From any thread."""
        return LoopHealth(
            running=self._looks,
            stalls=self._stalls,
            longest_seconds=self._longest,
            last=self._last,
        )

    def start(self) -> None:
        """Look at the loop that runs in this thread.

        Raises:
            EngineMisuse: it looks already.
            RuntimeError: no loop runs here.
        """
        if self._looks:
            raise EngineMisuse("the watchdog looks already; stop it first")
        loop = asyncio.get_running_loop()
        self._end = threading.Event()
        self._seen = time.monotonic()
        self._beat(loop)
        self._thread = threading.Thread(
            target=self._look,
            args=(loop, threading.get_ident(), self._end),
            name="hot_reload watchdog",
            daemon=True,  # it must not keep a program that ends without stop() from ending
        )
        self._thread.start()

    def stop(self) -> None:
        """Look no longer; its thread has ended afterwards. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._end.set()
        if self._timer is not None:
            self._timer.cancel()
        thread.join()
        self._went_on(time.monotonic())

    @property
    def _looks(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    # On the loop

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._went_on(time.monotonic())
        self._timer = loop.call_later(self._limit / 4, self._beat, loop)

    def _went_on(self, now: float) -> None:
        before, self._seen = self._seen, now
        noted, self._stall = self._stall, None
        if noted is not None and noted[0] == before:
            self._last = replace(noted[1], seconds=now - before, over=True)
            self._longest = max(self._longest, self._last.seconds)
            _log.warning(self._last.describe())

    # In the thread

    def _look(
        self, loop: asyncio.AbstractEventLoop, loop_thread: int, end: threading.Event
    ) -> None:
        told = 0.0
        while not end.wait(self._limit / 4):
            if loop.is_closed():  # nobody stopped us; what its thread does now blocks no loop
                return
            seen = self._seen
            seconds = time.monotonic() - seen
            if seconds < self._limit or seen == told:
                continue
            told = seen
            frame = sys._current_frames().get(loop_thread)
            if frame is None:  # that thread has ended, and its loop with it
                return
            stall = _stall_at(frame, seconds)
            del frame
            if self._seen != seen:  # it went on meanwhile: this is somebody else's frame
                continue
            self._stall, self._last = (seen, stall), stall
            self._stalls += 1
            _log.warning(stall.describe())
            try:
                if self._on_stall is not None:
                    self._on_stall(stall)
            except Exception:
                _log.exception("on_stall failed; the watchdog looks on")


def _stall_at(innermost: FrameType, seconds: float) -> Stall:
    """What runs at a thread's innermost frame: the plugin's part of it, where there is one."""
    chosen, plugin = innermost, None
    frame: FrameType | None = innermost
    while frame is not None:
        plugin = plugin_of(str(frame.f_globals.get("__name__", "")))
        if plugin is not None:
            chosen = frame
            break
        frame = frame.f_back
    return Stall(
        seconds=seconds,
        over=False,
        plugin=plugin,
        file=chosen.f_code.co_filename,
        line=chosen.f_lineno,
        function=chosen.f_code.co_name,
    )
