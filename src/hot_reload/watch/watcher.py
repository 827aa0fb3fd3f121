"""The watcher: edits on disk become operations of an engine.

Each turn sweeps the plugins, lets the debouncer and the limiter decide what is due,
and applies it. A plugin's disk state counts as applied only when the engine has read
just that; so an edit during a reload, in a cooldown or in a burst is never lost, only
later.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hot_reload.errors import EngineMisuse
from hot_reload.outcome import Deferred, Outcome
from hot_reload.policy.debounce import Debouncer
from hot_reload.policy.limiter import RateLimiter, Wait
from hot_reload.ports import ChangeSource, Clock, Files, LoopClock
from hot_reload.runtime.engine import Engine
from hot_reload.source.snapshot import DiskFiles
from hot_reload.watch.hints import WatchfilesHints
from hot_reload.watch.patterns import Patterns
from hot_reload.watch.sweep import MISSING, Sweep

_log = logging.getLogger("hot_reload.watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """How the watcher paces itself; all durations in seconds of the engine's clock."""

    quiet_seconds: float = 0.1
    """A plugin is reloaded when it has been quiet for so long …"""
    max_wait_seconds: float = 2.0
    """… or when its first change waits for so long."""
    sweep_seconds: float = 1.0
    """How long an edit can stay unseen that no event tells of."""
    cooldown_seconds: float = 5.0
    """The least time between two automatic reloads of one plugin; what comes earlier waits."""
    limit: int = 30
    """How many automatic reloads of one plugin there may be within ``window_seconds``."""
    window_seconds: float = 60.0
    delete_grace_seconds: float = 1.0
    """How long a file may be gone before its plugin counts as deleted."""
    unload_deleted: bool = False
    """Unload a plugin whose file is deleted. Otherwise it serves on, and says so."""
    load_new: bool = True
    """Load plugins that appear in the roots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchHealth:
    """Whether edits are seen. Plain data."""

    running: bool
    enabled: bool
    degraded: str | None
    """Why only the sweep finds edits now; None: the system's events come, too."""
    restarts: int
    """How often the system's watch had to be set up again."""
    waiting: tuple[str, ...]
    """The plugins whose edits wait for their quiet period or for a limit."""


@dataclass(slots=True)
class _Watched:
    """One plugin on disk, as the watcher knows it."""

    name: str | None = None
    seen: str = ""
    """Its fingerprint in the last sweep."""
    applied: str = ""
    """The fingerprint that the engine was last brought to, or failed to be."""
    gone_since: float | None = None
    busy: bool = False
    outcome: Outcome | None = field(default=None, repr=False)


class Watcher:
    """Watches directories of plugins for one engine, on its event loop.

    Start it with ``start``, end it with ``stop``; after that nothing of it runs and
    no reload begins. ``enable`` and ``disable`` pause it; enabled again it catches up.
    """

    def __init__(
        self,
        engine: Engine,
        roots: Iterable[Path],
        *,
        settings: WatchSettings | None = None,
        patterns: Patterns | None = None,
        clock: Clock | None = None,
        files: Files | None = None,
        hints: Callable[[tuple[Path, ...]], ChangeSource] = WatchfilesHints,
    ) -> None:
        self._engine = engine
        self._roots = tuple(Path(root).absolute() for root in roots)
        self._settings = settings or WatchSettings()
        self._patterns = patterns or Patterns()
        self._clock = clock or LoopClock()
        self._make_hints = hints
        self._sweep = Sweep(files or DiskFiles())
        self._debouncer: Debouncer[Path] = Debouncer(
            quiet_seconds=self._settings.quiet_seconds,
            max_wait_seconds=self._settings.max_wait_seconds,
        )
        self._limiter: RateLimiter[Path] = RateLimiter(
            limit=self._settings.limit,
            window_seconds=self._settings.window_seconds,
            cooldown_seconds=self._settings.cooldown_seconds,
        )
        self._watched: dict[Path, _Watched] = {}
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Task[None] | None = None
        self._armed: dict[Path, tuple[int, int]] = {}
        """The directories that hints come from, with the inodes that they had then."""
        self._enabled = True
        self._started = False
        self._degraded: str | None = None
        self._restarts = 0

    @property
    def health(self) -> WatchHealth:
        """Whether edits are seen now."""
        waiting = self._debouncer.waiting | self._limiter.pending
        return WatchHealth(
            running=self._started,
            enabled=self._enabled,
            degraded=self._degraded,
            restarts=self._restarts,
            waiting=tuple(sorted(path.name for path in waiting)),
        )

    def adopt(self, name: str, path: Path) -> None:
        """Watch a plugin that the engine has loaded from ``path`` already."""
        running = self._engine.status(name).running
        applied = running.sha256 if running else ""
        self._watched[path.absolute()] = _Watched(name=name, seen=applied, applied=applied)
        self._wake.set()

    async def start(self) -> None:
        """Begin to watch, and load what lies in the roots.

        Raises:
            EngineMisuse: it was started before.
        """
        if self._started:
            raise EngineMisuse("the watcher runs already")
        self._started = True
        self._spawn(self._turns(), "turns")
        self._listener = self._spawn(self._listen(), "hints")

    async def stop(self) -> None:
        """End; returns when nothing of it runs any more. Idempotent.

        A reload that has begun is finished or rolled back by the engine first.
        """
        self._started = False
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(set(self._tasks))

    def disable(self) -> None:
        """Begin no reload until ``enable``."""
        self._enabled = False

    def enable(self) -> None:
        """Watch again, and catch up with what was edited meanwhile."""
        self._enabled = True
        self._wake.set()

    # The turns

    async def _turns(self) -> None:
        while True:
            self._wake.clear()
            try:
                self._turn()
            except Exception:  # one bad turn must not end the watch
                _log.exception("a turn of the watch failed")
            await self._pause()

    def _turn(self) -> None:
        now = self._clock.now()
        self._rearm_if_replaced()
        for path, fingerprint in self._sweep.look(self._paths()).items():
            watched = self._watched.setdefault(path, _Watched())
            if fingerprint != watched.seen:
                watched.seen = fingerprint
                self._debouncer.observe(path, now)
            elif self._lagging(path, watched):
                self._debouncer.observe(path, now)
            watched.gone_since = (
                None
                if fingerprint != MISSING
                else now
                if watched.gone_since is None
                else watched.gone_since
            )
        if not self._enabled:
            return
        for path in sorted(self._debouncer.due(now) | self._limiter.ready(now)):
            self._settle(path, now)

    def _lagging(self, path: Path, watched: _Watched) -> bool:
        """Whether what is on disk was not applied, and nothing that waits will do it."""
        waits = path in self._debouncer.waiting or path in self._limiter.pending
        return watched.seen != watched.applied and not waits and not watched.busy

    def _paths(self) -> set[Path]:
        found: set[Path] = set(self._watched)
        if self._settings.load_new:
            for root in self._roots:
                found |= self._patterns.plugins_in(root)
        return found

    def _settle(self, path: Path, now: float) -> None:
        """``path`` was quiet: apply it, unless it moves again, is applied, or has to wait."""
        watched = self._watched.get(path)
        if watched is None or watched.busy:
            return  # the turn after its end looks again
        fingerprint = self._sweep.again(path)
        if fingerprint != watched.seen:
            watched.seen = fingerprint  # a torn write: two equal looks are needed
            self._debouncer.observe(path, now)
            return
        if fingerprint == MISSING:
            grace = self._settings.delete_grace_seconds
            if watched.gone_since is None or now < watched.gone_since + grace:
                self._debouncer.observe(path, now)
                return
        if fingerprint == watched.applied:
            self._limiter.forget(path) if path in self._limiter.pending else None
            return
        if isinstance(self._limiter.admit(path, now), Wait):
            return
        watched.busy = True
        self._spawn(self._apply(path, watched, fingerprint), f"apply {path.name}")

    async def _apply(self, path: Path, watched: _Watched, fingerprint: str) -> None:
        try:
            outcome = await self._operate(path, watched, fingerprint)
            if not isinstance(outcome, Deferred):
                watched.outcome = outcome
                watched.applied = fingerprint
        finally:
            watched.busy = False
            self._wake.set()

    async def _operate(self, path: Path, watched: _Watched, fingerprint: str) -> Outcome | None:
        if fingerprint == MISSING:
            return await self._deleted(path, watched)
        if watched.name is None or watched.name not in self._engine.names:
            outcome = await self._engine.load(path)
            watched.name = outcome.plugin if outcome.success else None
            return outcome
        return await self._engine.reload(watched.name)

    async def _deleted(self, path: Path, watched: _Watched) -> Outcome | None:
        if watched.name is None or watched.name not in self._engine.names:
            self._watched.pop(path, None)
            return None
        if not self._settings.unload_deleted:
            _log.warning(
                "the file of %r is gone: %s; what runs serves on. Restore it, or unload the plugin",
                watched.name,
                path,
            )
            return None
        outcome = await self._engine.unload(watched.name)
        if outcome.success:
            self._watched.pop(path, None)
        return outcome

    async def _pause(self) -> None:
        """Until something may be due: a hint, a quiet period, a limit, the next sweep."""
        now = self._clock.now()
        moments = [now + self._settings.sweep_seconds]
        if self._enabled:
            moments += [
                each
                for each in (self._debouncer.next_due(), self._limiter.next_ready())
                if each is not None
            ]
        timer = self._clock.call_later(max(0.0, min(moments) - now), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    # The hints

    async def _listen(self) -> None:
        delay = 0.1
        while True:
            hints: ChangeSource | None = None
            try:
                self._armed = self._directories()
                hints = self._make_hints(tuple(self._armed))
                while True:
                    await hints.next_hint()
                    self._degraded, delay = None, 0.1
                    self._wake.set()
            except Exception as error:
                self._degraded = f"the system's watch failed ({error}); sweeping only"
                self._restarts += 1
                _log.warning("%s", self._degraded)
            finally:
                if hints is not None:
                    with contextlib.suppress(Exception):
                        await hints.close()
            await self._sleep(delay)
            delay = min(30.0, delay * 2)

    def _directories(self) -> dict[Path, tuple[int, int]]:
        """The directories to be watched that are there, with what identifies each."""
        found: dict[Path, tuple[int, int]] = {}
        for path in {*self._roots, *(each.parent for each in self._watched)}:
            with contextlib.suppress(OSError):
                status = path.stat()
                found[path] = status.st_dev, status.st_ino
        return found

    def _rearm_if_replaced(self) -> None:
        """A root that was renamed away and made anew sends no events any more."""
        if self._listener is not None and self._armed and self._armed != self._directories():
            self._listener.cancel()
            self._restarts += 1
            self._armed = {}
            self._listener = self._spawn(self._listen(), "hints")

    async def _sleep(self, seconds: float) -> None:
        over = asyncio.Event()
        timer = self._clock.call_later(seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=f"watcher: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step never awaits what it was given.
        task.add_done_callback(lambda _: work.close())
        return task
