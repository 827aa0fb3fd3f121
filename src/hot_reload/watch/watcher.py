"""The watcher: edits on disk become operations of an engine.

Each turn sweeps the plugins, lets the debouncer and the limiter decide what is due,
and applies it. A plugin's disk state counts as applied only when the engine has read
just that; so an edit during a reload, in a cooldown or in a burst is never lost, only
later. What runs was seen twice, unchanged, some time apart: the engine is told the
hash of it, and runs no other bytes.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from hot_reload.errors import EngineMisuse
from hot_reload.ports import ChangeSource, Clock, Files, LoopClock
from hot_reload.runtime.acting import acting_as
from hot_reload.runtime.calls import inside_any
from hot_reload.runtime.engine import Engine
from hot_reload.source.snapshot import DiskFiles
from hot_reload.watch.agenda import Agenda
from hot_reload.watch.applier import Applier, Edit
from hot_reload.watch.hints import WatchfilesHints
from hot_reload.watch.ledger import Ledger
from hot_reload.watch.listener import Listener
from hot_reload.watch.patterns import Patterns
from hot_reload.watch.places import Places, PlacesNow
from hot_reload.watch.roots import Roots, identities, shown
from hot_reload.watch.settings import WatchSettings
from hot_reload.watch.survey import Survey
from hot_reload.watch.sweep import Sweep
from hot_reload.watch.watched import WatchHealth

_log = logging.getLogger("hot_reload.watch")


class Watcher:
    """Watches directories of plugins for one engine, on its event loop.

    ``start`` begins, ``stop`` ends: after that nothing of it runs and no reload begins.
    ``disable`` and ``enable`` pause it; enabled again it catches up. Plugins that the
    host loads itself are watched too where they lie directly in a root, or are adopted.
    Everything belongs to the thread of the event loop. ``chance`` gives the random numbers,
    from 0 to below 1, that spread retries.

    ::

        async with Engine() as engine:
            watcher = Watcher(engine, ["plugins"])
            await watcher.start()
            ...
            await watcher.stop()

    Raises:
        EngineMisuse: there is no root, or one is a file, empty, or no path at all.
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
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._settings = settings or WatchSettings()
        self._roots = Roots(roots, patterns or Patterns())
        self._clock = clock or LoopClock()
        self._sweep = Sweep(files or DiskFiles())
        self._survey = Survey(self._roots, self._sweep, self._clock, self._settings)
        self._agenda = Agenda(self._settings, chance)
        self._places = PlacesNow(engine)
        self._applier = Applier(
            engine,
            self._sweep,
            unload_deleted=self._settings.unload_deleted,
            places=self._places,
        )
        self._listener = Listener(
            hints,
            self._clock,
            directories=self._directories,
            on_hint=self._wake_up,
            on_paths=self._survey.hint,
        )
        self._ledger = Ledger(
            self._agenda,
            self._sweep,
            self._settings,
            reloads=self._applier.reloads,
            on_forget=self._forgotten,
        )
        self._adopted: set[Path] = set()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping: asyncio.Task[None] | None = None
        self._enabled = enabled
        self._started = False
        self._ended: str | None = None
        self._failed: str | None = None
        """How the last turn failed, if it did."""

    @property
    def health(self) -> WatchHealth:
        """Whether edits are seen now."""
        running = self._started and self._ended is None
        return WatchHealth(
            running=running,
            enabled=self._enabled,
            degraded=self._listener.degraded if running else self._ended or "not started",
            restarts=self._listener.restarts,
            waiting=self._ledger.waiting,
            errors=(*((self._failed,) if self._failed else ()), *self._ledger.errors),
            missing_roots=tuple(shown(str(each)) for each in self._roots.missing),
            retries=self._ledger.next_tries(self._clock.now()),
            sweep_seconds=self._survey.sweep_seconds,
            content_seconds=self._survey.content_seconds,
        )

    def adopt(self, name: str) -> None:
        """Watch a loaded plugin that lies in none of the roots.

        Raises:
            EngineMisuse: there is no such plugin.
        """
        self._adopted.add(self._engine.status(name).path)
        self._survey.anew()
        self._wake.set()

    async def start(self) -> None:
        """Begin to watch, and bring what lies in the roots to serve. After ``stop``, too.

        Raises:
            EngineMisuse: it runs already or is being stopped, or the engine is not open.
        """
        if self._started or self._stopping is not None:
            raise EngineMisuse("the watcher runs already; stop it, and await that, first")
        self._places.follow()
        self._started, self._ended = True, None
        self._survey.begin(self._clock.now())
        self._spawn(self._turns(), "turns")

    async def stop(self) -> None:
        """End; returns when nothing of it runs any more, even if cancelled. Idempotent.

        A reload that has begun is rolled back, or finished where it has committed.

        Raises:
            EngineMisuse: a plugin called it, from inside of what it would wait for.
        """
        plugin = inside_any(self._engine)
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
        try:
            while self._ended is None:
                if listening.done():  # cancelled by somebody, who cancels whatever there is
                    listening = self._spawn(self._listener.run(), "listener")
                self._wake.clear()
                now = self._clock.now()
                try:
                    self._turn(now)
                    self._failed = None
                except Exception as error:  # one bad turn must not end the watch
                    self._survey.failed(now)
                    self._failed = f"a turn of the watch failed: {type(error).__name__}: {error}"
                    _log.exception("a turn of the watch failed; the next one comes all the same")
                if self._ended is None:
                    await self._pause()
            _log.warning("the watch has ended: %s", self._ended)
        except asyncio.CancelledError:
            if self._started:  # health alone tells: at the end of a loop it is nobody's fault
                self._ended = "its task was cancelled, not by stop(); stop it, and start it again"
            raise
        finally:
            self._places.leave()
            if not listening.cancelling():
                listening.cancel()

    def _turn(self, now: float) -> None:
        try:
            places = self._places.get()
        except EngineMisuse as error:
            self._ended = str(error)
            return
        self._listener.check()
        looks = self._survey.look(
            now,
            places,
            known=lambda: [*self._ledger.watched, *sorted(self._adopted)],
            moving=self._agenda.waiting,
            alone=self._listener.degraded is not None,
        )
        for path, look in looks.items():
            self._ledger.note(path, look, now, places)
        if not self._enabled:
            return
        settled = [self._ledger.settle(path, now, places) for path in self._agenda.due(now)]
        self._begin([each for each in settled if each], now, places)

    def _begin(self, settled: list[Edit], now: float, places: Places) -> None:
        """Apply what settled at one moment: reloads together, all else each for itself."""
        together = [each for each in settled if self._applier.reloads(each, places.at(each.path))]
        batches = [[each] for each in settled if each not in together]
        if together:
            batches.append([*together, *self._ledger.companions(together, now, places)])
        for batch in batches:
            for each in batch:
                each.watched.busy = True
            names = ", ".join(shown(each.path.name) for each in batch)
            self._spawn(self._apply(batch), f"apply {names}")

    async def _apply(self, edits: list[Edit]) -> None:
        try:
            with acting_as("watcher", reason="edit on disk"):
                upshots = await self._applier.apply_together(edits)
            for each in edits:
                self._ledger.learn(each, upshots[each.path], self._clock.now())
        finally:
            for each in edits:
                each.watched.busy = False
            self._wake.set()

    def _forgotten(self, path: Path) -> None:
        self._adopted.discard(path)
        self._survey.anew()

    # Time and tasks

    async def _pause(self) -> None:
        """Until something may be due: a hint, a quiet period, a limit, the next sweep."""
        now = self._clock.now()
        moment = self._survey.next_sweep
        # After a turn that failed, what is due stays due: the next sweep is soon enough for it.
        due = self._agenda.next_due() if self._enabled and not self._failed else None
        moment = moment if due is None else min(moment, due)
        timer = self._clock.call_later(max(0.0, moment - now), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _wake_up(self) -> None:
        self._wake.set()

    def _directories(self) -> dict[Path, tuple[int, int]]:
        """The directories to be watched that are there, with what identifies each."""
        return identities({*self._roots.paths, *(each.parent for each in self._adopted)})

    async def _stop(self) -> None:
        try:
            while self._tasks:
                for task in self._tasks:
                    # Once: a second cancellation would interrupt what the first one cleans up.
                    if not task.cancelling():
                        task.cancel()
                await asyncio.wait(set(self._tasks))
        finally:
            self._places.leave()
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
