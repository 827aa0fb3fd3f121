"""The watcher: edits on disk become operations of an engine.

Each turn sweeps the plugins, lets the debouncer and the limiter decide what is due,
and applies it. A plugin's disk state counts as applied only when the engine has read
just that; so an edit during a reload, in a cooldown or in a burst is never lost, only
later. What runs was seen twice, unchanged, some time apart: the engine is told the
hash of it, and runs no other bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from hot_reload.errors import EngineMisuse
from hot_reload.policy.debounce import Debouncer
from hot_reload.policy.limiter import RateLimiter, Wait
from hot_reload.ports import ChangeSource, Clock, Files, LoopClock
from hot_reload.runtime.calls import inside_any
from hot_reload.runtime.engine import Engine
from hot_reload.runtime.roster import PluginStatus
from hot_reload.source.snapshot import DiskFiles
from hot_reload.watch.applier import Applier, serves
from hot_reload.watch.hints import WatchfilesHints
from hot_reload.watch.listener import Listener
from hot_reload.watch.patterns import Patterns
from hot_reload.watch.places import Places
from hot_reload.watch.settings import WatchSettings
from hot_reload.watch.sweep import ERROR, MISSING, Look, Sweep
from hot_reload.watch.watched import Watched, WatchHealth

GLANCES = 4
"""Looks, a part of the quiet period apart, at a plugin that never is quiet for all of it."""
REREAD_LIMIT = 200
"""How many plugins and inputs a sweep reads although their status is the same."""

_log = logging.getLogger("hot_reload.watch")


class Watcher:
    """Watches directories of plugins for one engine, on its event loop.

    ``start`` begins, ``stop`` ends: after that nothing of it runs and no reload begins.
    ``disable`` and ``enable`` pause it; enabled again it catches up. Plugins that the
    host loads itself are watched too where they lie directly in a root, or are adopted.
    Everything belongs to the thread of the event loop.

    ::

        async with Engine() as engine:
            watcher = Watcher(engine, ["plugins"])
            await watcher.start()
            ...
            await watcher.stop()

    Raises:
        EngineMisuse: there is no root, or one is a file.
    """

    def __init__(
        self,
        engine: Engine,
        roots: Iterable[str | Path],
        *,
        settings: WatchSettings | None = None,
        patterns: Patterns | None = None,
        enabled: bool = True,
        clock: Clock | None = None,
        files: Files | None = None,
        hints: Callable[[tuple[Path, ...]], ChangeSource] = WatchfilesHints,
    ) -> None:
        self._engine = engine
        self._roots = _checked_roots(roots)
        self._settings = settings or WatchSettings()
        self._patterns = patterns or Patterns()
        self._clock = clock or LoopClock()
        self._sweep = Sweep(files or DiskFiles())
        self._applier = Applier(
            engine, self._sweep, unload_deleted=(settings or WatchSettings()).unload_deleted
        )
        quiet = self._settings.quiet_seconds
        self._glance_seconds = quiet / GLANCES
        self._debouncer: Debouncer[Path] = Debouncer(
            quiet_seconds=quiet,
            # The glances at what never is quiet take part of the longest wait.
            max_wait_seconds=max(quiet, self._settings.max_wait_seconds - quiet),
        )
        self._limiter: RateLimiter[Path] = RateLimiter(
            limit=self._settings.limit,
            window_seconds=self._settings.window_seconds,
            cooldown_seconds=self._settings.cooldown_seconds,
        )
        self._listener = Listener(
            hints, self._clock, directories=self._directories, on_hint=self._look_now
        )
        self._watched: dict[Path, Watched] = {}
        self._adopted: set[Path] = set()
        self._later: dict[Path, float] = {}
        """When to look again at what a glance or a grace period holds back."""
        self._reread_at = 0.0
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping: asyncio.Task[None] | None = None
        self._enabled = enabled
        self._started = False
        self._ended: str | None = None

    @property
    def health(self) -> WatchHealth:
        """Whether edits are seen now."""
        waiting = {*self._debouncer.waiting, *self._limiter.pending, *self._later}
        waiting |= {path for path, each in self._watched.items() if each.busy}
        running = self._started and self._ended is None
        return WatchHealth(
            running=running,
            enabled=self._enabled,
            degraded=self._listener.degraded if running else self._ended or "not started",
            restarts=self._listener.restarts,
            waiting=tuple(sorted(_shown(path.name) for path in waiting)),
            errors=tuple(
                f"{_shown(path.name)}: {each.error}"
                for path, each in sorted(self._watched.items())
                if each.error
            ),
            missing_roots=tuple(_shown(str(each)) for each in self._roots if not each.is_dir()),
        )

    def adopt(self, name: str) -> None:
        """Watch a loaded plugin that lies in none of the roots.

        Raises:
            EngineMisuse: there is no such plugin.
        """
        self._adopted.add(self._engine.status(name).path)
        self._wake.set()

    async def start(self) -> None:
        """Begin to watch, and bring what lies in the roots to serve. After ``stop``, too.

        Raises:
            EngineMisuse: it runs already or is being stopped, or the engine is not open.
        """
        if self._started or self._stopping is not None:
            raise EngineMisuse("the watcher runs already; stop it, and await that, first")
        Places(self._engine)  # says what is wrong with an engine that is not open
        self._started, self._ended, self._reread_at = True, None, self._clock.now()
        self._spawn(self._turns(), "turns")

    async def stop(self) -> None:
        """End; returns when nothing of it runs any more, even if cancelled. Idempotent.

        A reload that has begun is rolled back, or finished where it has committed.

        Raises:
            EngineMisuse: a plugin called it, from inside of what it would wait for.
        """
        plugin = inside_any()
        if plugin is not None:
            raise EngineMisuse(
                f"stop() was called from inside plugin {plugin!r}, whose reload it might wait "
                "for; let the host stop the watcher"
            )
        if self._stopping is None:
            self._started = False
            self._stopping = asyncio.get_running_loop().create_task(
                self._stop(), name="watcher: stop"
            )
        stopping = self._stopping
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:
            await asyncio.wait({stopping})
            raise

    def disable(self) -> None:
        """Begin no reload until ``enable``; one that has begun goes on."""
        self._enabled = False

    def enable(self) -> None:
        """Watch again, and catch up with what was edited meanwhile."""
        self._enabled = True
        self._wake.set()

    # The turns

    async def _turns(self) -> None:
        listening = self._spawn(self._listener.run(), "listener")
        while self._ended is None:
            self._wake.clear()
            try:
                self._turn(self._clock.now())
            except Exception:  # one bad turn must not end the watch
                _log.exception("a turn of the watch failed; the next one comes all the same")
            if self._ended is None:
                await self._pause()
        _log.warning("the watch has ended: %s", self._ended)
        listening.cancel()

    def _turn(self, now: float) -> None:
        try:
            places = Places(self._engine)
        except EngineMisuse as error:
            self._ended = str(error)
            return
        self._listener.check()
        looks = self._sweep.look(self._plugins(places), reread=self._to_reread(now))
        for path, look in looks.items():
            self._note(path, look, now, places)
        if not self._enabled:
            return
        late = {path for path, moment in self._later.items() if moment <= now}
        for path in sorted(self._debouncer.due(now) | self._limiter.ready(now) | late):
            self._later.pop(path, None)
            watched = self._watched.get(path)
            # While it is busy nothing is settled: the turn after its end looks again.
            if watched is not None and not watched.busy:
                self._settle(path, watched, now, places.at(path))

    def _plugins(self, places: Places) -> dict[Path, tuple[str, ...]]:
        """What is to be looked at now, with the inputs that the running generations declare."""
        found = [*self._watched, *sorted(self._adopted)]
        if self._settings.load_new:
            for root in self._roots:
                found += sorted(self._patterns.plugins_in(root))
        roots = {os.path.realpath(root) for root in self._roots}
        found += [
            each.path for each in places.statuses.values() if places.of(each.path)[0] in roots
        ]
        # One path for each place: a root may be given twice, or through a link.
        once = {places.of(path): path for path in reversed(found)}
        looked: dict[Path, tuple[str, ...]] = {}
        for path in sorted(once.values()):
            status = places.at(path)
            looked[path] = status.inputs if status else ()
        return looked

    def _to_reread(self, now: float) -> int:
        """How many files are to be read now whatever their status says."""
        if now < self._reread_at:
            return 0
        self._reread_at = now + self._settings.sweep_seconds
        return REREAD_LIMIT

    def _note(self, path: Path, look: Look, now: float, places: Places) -> None:
        """Take note of a look at ``path``, and begin its quiet period where there is work."""
        status = places.at(path)
        watched = self._watched.get(path)
        if look.source == MISSING:
            if status is None and (watched is None or not watched.busy):
                self._forget(path)  # it never served: nobody has to hear that it went
                return
            if not path.parent.is_dir():
                return  # not deleted: its whole directory is away, as when it is unmounted
        if watched is None:
            watched = self._watched[path] = Watched()
            if status is not None and serves(status, look):  # the host has loaded it
                watched.seen, watched.applied, watched.served_inputs = look, look, look.inputs
        if watched.saw(look, now):
            for each, found in look.inputs:
                if found.startswith(ERROR):
                    _log.warning("input %a of %a cannot be watched: %s", each, str(path), found)
            self._debouncer.observe(path, now)
        elif self._lags(path, watched, places):
            self._debouncer.observe(path, now)

    def _lags(self, path: Path, watched: Watched, places: Places) -> bool:
        """Whether what is on disk was not applied, and nothing that waits will do it."""
        if watched.busy:
            return False
        refused = watched.refused_beside
        if refused is not None and refused != places.beside(path):
            watched.refused_beside, watched.applied = None, None
        waits = path in self._debouncer.waiting or path in self._limiter.pending
        return watched.seen != watched.applied and not waits and path not in self._later

    def _settle(
        self, path: Path, watched: Watched, now: float, status: PluginStatus | None
    ) -> None:
        """``path`` was quiet: apply it, unless it moves again, is applied, or has to wait."""
        # What waits for a limit is asked for anew below; left pending while it waits for
        # something else, it would be ready all the time.
        self._limiter.withdraw(path)
        look = self._sweep.again(path, [each for each, _ in watched.seen.inputs])
        if look.source == MISSING and not path.parent.is_dir():
            self._later[path] = now + self._settings.sweep_seconds
            return
        if watched.saw(look, now):
            self._debouncer.observe(path, now)  # two equal looks are needed
            return
        if look.source == MISSING:
            assert watched.gone_since is not None
            gone_at = watched.gone_since + self._settings.delete_grace_seconds
            if now < gone_at:
                self._later[path] = gone_at
                return
        elif now < watched.changed_at + self._glance_seconds and watched.glances < GLANCES:
            # It is due because it has waited for long, and was written this very moment.
            watched.glances += 1
            self._later[path] = now + self._glance_seconds
            return
        watched.glances = 0
        runs = status is not None and serves(status, look) and status.error is None
        if look == watched.applied or (runs and look.inputs == watched.served_inputs):
            watched.applied = look
            return
        if isinstance(self._limiter.admit(path, now), Wait):
            return
        watched.busy = True
        self._spawn(self._apply(path, watched, look), f"apply {_shown(path.name)}")

    async def _apply(self, path: Path, watched: Watched, look: Look) -> None:
        try:
            if not await self._applier.apply(path, watched, look):
                self._forget(path)
        finally:
            watched.busy = False
            self._wake.set()

    def _forget(self, path: Path) -> None:
        self._watched.pop(path, None)
        self._adopted.discard(path)
        self._debouncer.forget(path)
        self._limiter.withdraw(path)  # not its past: who comes and goes is limited too
        self._later.pop(path, None)

    # Time and tasks

    async def _pause(self) -> None:
        """Until something may be due: a hint, a quiet period, a limit, the next sweep."""
        now = self._clock.now()
        moments = [now + self._settings.sweep_seconds]
        if self._enabled:
            due = (self._debouncer.next_due(), self._limiter.next_ready())
            moments += [*(each for each in due if each is not None), *self._later.values()]
        timer = self._clock.call_later(max(0.0, min(moments) - now), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _look_now(self) -> None:
        self._wake.set()

    def _directories(self) -> dict[Path, tuple[int, int]]:
        """The directories to be watched that are there, with what identifies each."""
        found: dict[Path, tuple[int, int]] = {}
        for path in {*self._roots, *(each.parent for each in self._adopted)}:
            with contextlib.suppress(OSError):
                status = path.stat()
                found[path] = status.st_dev, status.st_ino
        return found

    async def _stop(self) -> None:
        try:
            while self._tasks:
                for task in self._tasks:
                    # Once: a second cancellation would interrupt what the first one cleans up.
                    if not task.cancelling():
                        task.cancel()
                await asyncio.wait(set(self._tasks))
        finally:
            self._stopping = None

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        # A context of its own: a plugin that starts a watcher must not have all that this
        # does counted as done from inside of itself.
        task = asyncio.get_running_loop().create_task(
            work, name=f"watcher: {name}", context=contextvars.Context()
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step never awaits what it was given.
        task.add_done_callback(lambda _: work.close())
        return task


def _checked_roots(roots: Iterable[str | Path]) -> tuple[Path, ...]:
    if isinstance(roots, (str, Path)):
        raise EngineMisuse(f"roots is {roots!r}; give a list of directories: [{str(roots)!r}]")
    found = tuple(dict.fromkeys(Path(each).absolute() for each in roots))
    if not found:
        raise EngineMisuse("roots is empty; give one or more directories to watch")
    for each in found:
        if each.is_file():
            raise EngineMisuse(
                f"root {_shown(str(each))} is a file; give the directory that holds it"
            )
    return found


def _shown(text: str) -> str:
    """``text`` for a terminal: what is no character, or acts on one, is escaped."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text
    )
