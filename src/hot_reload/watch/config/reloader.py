"""The reloader: settings files that are taken up while the host serves.

Like the watcher it looks at contents, hints only tell it when; it waits until the files
are quiet and were read twice alike. What it parses are the bytes that it compared. A
bad file changes nothing and costs nothing: it uses up no interval, so the next good one
is applied as if the bad one had not been.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from hot_reload.config.document import read_bytes
from hot_reload.config.problem import ConfigError
from hot_reload.errors import EngineMisuse
from hot_reload.policy.debounce import Debouncer
from hot_reload.ports import ChangeSource, Clock, Files, LoopClock
from hot_reload.runtime.arguments import given_callback
from hot_reload.runtime.calls import inside_any
from hot_reload.source.snapshot import DiskFiles
from hot_reload.watch.config.attempt import Attempts, Look
from hot_reload.watch.config.model import HostConfig
from hot_reload.watch.config.result import ConfigResult, Verdict
from hot_reload.watch.config.view import (
    ConfigurableEngine,
)
from hot_reload.watch.hints import WatchfilesHints
from hot_reload.watch.listener import Listener
from hot_reload.watch.settings import WatchSettings

Sight: TypeAlias = tuple[Look, tuple[str, ...]]
"""What the files hold, and the code of the plugins that refused the last of it."""

GLANCES = 4
"""What was written this very moment is looked at again after this part of the quiet period."""

_log = logging.getLogger("hot_reload.config")


class ConfigReloader:
    """Applies settings files to one engine, and again whenever they change.

    ``on_result``, no ``async def``, is called with what became of each attempt; what it
    raises is logged.
    ``apply`` does it once, now. ``start`` applies what is there and watches; ``stop`` ends
    that. Of several files a later one wins, key by key; they are taken up together. What a
    plugin refused is tried again when other code of it lies on disk: the two may be saved in
    either order.
    Everything belongs to the thread of the event loop.

    ``settings`` paces the watch: ``quiet_seconds``, ``max_wait_seconds``,
    ``sweep_seconds``, and ``cooldown_seconds``, the least time from one applied change to
    the next. None: as the files themselves say, those that are applied first after a start.

    ::

        async with Engine() as engine:
            reloader = ConfigReloader(engine, "settings.toml")
            (await reloader.apply()).success or sys.exit("mend settings.toml")
            await reloader.start()

    Raises:
        EngineMisuse: no file is named.
    """

    def __init__(
        self,
        engine: ConfigurableEngine,
        *paths: str | Path,
        settings: WatchSettings | None = None,
        clock: Clock | None = None,
        files: Files | None = None,
        hints: Callable[[tuple[Path, ...]], ChangeSource] = WatchfilesHints,
        environment: Mapping[str, str] | None = None,
        arguments: Mapping[str, Mapping[str, Any]] | None = None,
        on_result: Callable[[ConfigResult], object] | None = None,
    ) -> None:
        if not paths:
            raise EngineMisuse("no settings file is named; give one or more paths")
        self._paths = tuple(Path(each).absolute() for each in paths)
        self._pace = settings
        self._clock = clock or LoopClock()
        self._files = files or DiskFiles()
        self._attempts = Attempts(
            engine,
            self._paths,
            self._files,
            dict(os.environ if environment is None else environment),
            arguments,
        )
        if on_result is not None:
            given_callback(on_result, "on_result")
        self._on_result = on_result
        self._listener = Listener(
            hints, self._clock, directories=self._directories, on_hint=self._look_now
        )
        self._last: ConfigResult | None = None
        self._turn_of = asyncio.Lock()
        self._handled: Sight | None = None
        """What was applied or refused last; only something else is tried."""
        self._seen: Sight | None = None
        self._changed_at = 0.0
        self._applied_at: float | None = None
        self._settled = False
        """It was quiet, and waits for ``_not_before``."""
        self._not_before = 0.0
        self._debouncer: Debouncer[None] = Debouncer()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = False

    @property
    def running(self) -> HostConfig | None:
        """The settings that run: the last good ones. None: none were applied yet."""
        return self._attempts.running

    @property
    def last(self) -> ConfigResult | None:
        """What became of the last file that was tried."""
        return self._last

    async def apply(self) -> ConfigResult:
        """Read the files now and apply them, without waiting for anything to be quiet.

        A caller that is cancelled goes on when it is done, or undone.

        Raises:
            EngineMisuse: a plugin called it, whose reload it might wait for.
        """
        _refuse_inside("apply")
        return await self._try(self._look())

    async def start(self) -> None:
        """Watch the files, from what ``apply`` took or else from nothing.

        Raises:
            EngineMisuse: it runs already.
        """
        if self._started:
            raise EngineMisuse("the reloader runs already; stop it, and await that, first")
        self._started = True
        self._seen = self._handled
        self._spawn(self._turns(), "turns")

    async def stop(self) -> None:
        """End; what is being applied is finished first, or undone if refused. Idempotent.

        Raises:
            EngineMisuse: a plugin called it, from inside of what it would wait for.
        """
        _refuse_inside("stop")
        self._started = False
        while self._tasks:
            for task in self._tasks:
                # Once: a second cancellation would interrupt what the first one cleans up.
                if not task.cancelling():
                    task.cancel()
            await asyncio.wait(set(self._tasks))

    # Watching

    async def _turns(self) -> None:
        self._spawn(self._listener.run(), "listener")
        pace = self._follow(WatchSettings())
        told = False
        while True:
            self._wake.clear()
            if not told and (said := self._told_pace()) is not None:
                told, pace = True, self._follow(said)
            try:
                self._listener.check()
                await self._turn(pace, self._clock.now())
            except Exception:  # one bad turn must not end the watch
                _log.exception("a turn of the configuration's watch failed")
            await self._pause(pace)

    async def _turn(self, pace: WatchSettings, now: float) -> None:
        sight = self._look(), self._attempts.code()
        if not _same(sight, self._seen):
            self._seen, self._changed_at = sight, now
            self._settled = False
            self._debouncer.observe(None, now)
            return
        if _same(sight, self._handled):
            self._debouncer.forget(None)  # it was changed, and changed back
            self._settled = False
            return
        if self._debouncer.due(now):
            self._settled = True
        elif not self._settled:
            if not self._debouncer.waiting:
                self._debouncer.observe(None, now)
            return
        # What is due because it has waited for long may have been written this very moment.
        moment = self._changed_at + pace.quiet_seconds / GLANCES
        if self._applied_at is not None:
            moment = max(moment, self._applied_at + pace.cooldown_seconds)
        self._not_before = moment
        if now >= moment:
            self._settled = False
            await self._try(sight[0])

    async def _pause(self, pace: WatchSettings) -> None:
        now = self._clock.now()
        moments = [now + pace.sweep_seconds]
        due = self._debouncer.next_due()
        moments += [due] if due is not None else []
        moments += [self._not_before] if self._settled else []
        timer = self._clock.call_later(max(0.0, min(moments) - now), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _follow(self, pace: WatchSettings) -> WatchSettings:
        self._debouncer = Debouncer(
            quiet_seconds=pace.quiet_seconds, max_wait_seconds=pace.max_wait_seconds
        )
        return pace

    def _told_pace(self) -> WatchSettings | None:
        """None: the files are to say it, and none were applied yet."""
        if self._pace is not None:
            return self._pace
        return self._attempts.running.watch if self._attempts.running else None

    def _look_now(self, *_: object) -> None:
        self._wake.set()

    def _directories(self) -> dict[Path, tuple[int, int]]:
        found: dict[Path, tuple[int, int]] = {}
        for each in self._paths:
            with contextlib.suppress(OSError):
                status = each.parent.stat()
                found[each.parent] = status.st_dev, status.st_ino
        return found

    def _look(self) -> Look:
        found: list[bytes | ConfigError] = []
        for path in self._paths:
            try:
                found.append(read_bytes(path, self._files))
            except ConfigError as error:
                found.append(error)
        return tuple(found)

    # Applying

    async def _try(self, look: Look) -> ConfigResult:
        # A task of its own: half of a configuration must not stay because a caller went.
        task = asyncio.get_running_loop().create_task(
            self._serial(look), name="config reloader: apply"
        )
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            raise

    async def _serial(self, look: Look) -> ConfigResult:
        async with self._turn_of:
            result = await self._attempts.attempt(look)
            self._handled = look, self._attempts.met
            if result.verdict in (Verdict.APPLIED, Verdict.FAILED):
                self._applied_at = self._clock.now()
            self._last = result
        level = logging.INFO if result.success else logging.ERROR
        _log.log(level, "%s", result.describe())
        if self._on_result is not None:
            try:
                self._on_result(result)
            except Exception:  # it is told, it does not decide
                _log.exception("on_result failed")
        return result

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        # A context of its own: what a plugin starts must not count as done inside of it.
        task = asyncio.get_running_loop().create_task(
            work, name=f"config reloader: {name}", context=contextvars.Context()
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())


def _refuse_inside(method: str) -> None:
    plugin = inside_any()
    if plugin is not None:
        raise EngineMisuse(
            f"{method}() was called from inside plugin {plugin!r}, whose reload it might wait "
            "for; let the host call it"
        )


def _same(one: Sight, other: Sight | None) -> bool:
    if other is None or one[1] != other[1] or len(one[0]) != len(other[0]):
        return False
    pairs = zip(one[0], other[0], strict=True)
    return all(str(a) == str(b) if isinstance(a, ConfigError) else a == b for a, b in pairs)
