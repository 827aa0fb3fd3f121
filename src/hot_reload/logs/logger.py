"""A logger for asyncio programs: events to hot-reloadable plugins, by an engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from hot_reload import hooks
from hot_reload.errors import EngineMisuse, PluginFault, SourceError
from hot_reload.logs import sinks
from hot_reload.logs.emitting import EMITTING
from hot_reload.logs.levels import LevelMethods
from hot_reload.outcome import Failure, Outcome, Role, Stage
from hot_reload.ports import LoopClock
from hot_reload.runtime.engine import Engine
from hot_reload.runtime.lifecycle import HookRunner
from hot_reload.settings import Settings
from hot_reload.source.installed import find_plugin


class HotLogger(LevelMethods):
    """Log through the plugins of an engine, and change them while it logs.

    ::

        async with HotLogger() as log:
            await log.add_sink("rotating-file", config={"path": "app.log"})
            log.info("started", port=8080)
            await log.reload_plugin("rotating-file")

    Given an ``engine`` that is open it uses that one and leaves it open; else it opens and
    closes one of its own. The level methods, ``emit`` and ``log`` may be called from any
    thread or task, everything else on the event loop.

    Raises:
        EngineMisuse: any method, before it is opened or after it was closed.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        *,
        name: str = "app",
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if engine is not None and settings is not None:
            raise EngineMisuse("settings belong to the engine that the logger was given")
        self.name = name
        self._clock = clock
        self._own = engine is None
        self._engine = engine or Engine(settings=settings)
        self._open = engine is not None
        self._closed = False

    async def __aenter__(self) -> HotLogger:
        if self._closed:
            raise EngineMisuse("a logger is opened once; make a new one")
        if self._own:
            await self._engine.__aenter__()
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def engine(self) -> Engine:
        """The engine, for all that has no method here.

        Raises:
            EngineMisuse: the logger is not open.
        """
        if not self._open:
            raise EngineMisuse(
                f"logger {self.name!r} is closed: nothing can be logged or changed any more"
                if self._closed
                else f"logger {self.name!r} is not open: write `async with HotLogger() as log:`"
            )
        return self._engine

    def emit(self, event: Any) -> bool:
        """Send ``event`` itself, as it is; see ``Engine.emit``."""
        token = EMITTING.set(True)
        try:
            return self.engine.emit(event)
        finally:
            EMITTING.reset(token)

    async def add_plugin(
        self,
        plugin: str | Path,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Load a plugin of any role, as ``Engine.load`` does.

        ``plugin`` is a path; or, where it has no separator and no ``.py`` at its end, a sink of the
        library ("sqlite"), or an installed plugin by its entry point.

        Raises:
            SourceError: nothing of that name is installed.
        """
        engine = self.engine
        return await engine.load(_located(plugin), name=name, config=config)

    async def add_sink(
        self, sink: str | Path, *, name: str | None = None, config: Mapping[str, Any] | None = None
    ) -> Outcome:
        """Load a sink; see ``add_plugin``.

        Raises:
            SourceError: nothing of that name is installed.
            EngineMisuse: it was loaded, and is no sink; it is unloaded again.
        """
        outcome = await self.add_plugin(sink, name=name, config=config)
        if outcome.success and Role.SINK not in outcome.roles:
            await self.engine.unload(outcome.plugin)
            roles = ", ".join(role.value for role in outcome.roles)
            raise EngineMisuse(f"{outcome.plugin!r} is no sink but {roles}; use add_plugin()")
        return outcome

    async def remove_plugin(self, name: str) -> Outcome:
        """Unload a plugin of any role; the last sink stays (``Refused``)."""
        return await self.engine.unload(name)

    async def remove_sink(self, name: str) -> Outcome:
        """Unload a sink: what it accepted is written first. The last sink stays (``Refused``).

        Raises:
            EngineMisuse: it is no sink.
        """
        engine = self.engine
        if name in engine.names and Role.SINK not in engine.status(name).roles:
            raise EngineMisuse(f"{name!r} is no sink; use remove_plugin()")
        return await engine.unload(name)

    async def reload_plugin(self, name: str, *, force: bool = False) -> Outcome:
        """Swap ``name`` to what is on disk now; see ``Engine.reload``."""
        return await self.engine.reload(name, force=force)

    async def enable(self, name: str) -> Outcome:
        """Let events reach ``name`` again."""
        return await self.engine.enable(name)

    async def disable(self, name: str) -> Outcome:
        """Keep ``name`` loaded, and let no event reach it; refused for the last sink."""
        return await self.engine.disable(name)

    async def flush(self) -> tuple[Failure, ...]:
        """Let every sink write out what it accepted; gives what could not be, by sink.

        Each sink's flush has a deadline of its own, the setting ``hook_deadline_seconds``, and so
        has the delivery of what asynchronous sinks were given before: one that hangs or fails
        keeps none of the others from being flushed.
        """
        engine = self.engine
        runner = HookRunner(LoopClock(), engine.settings)
        failures = []
        try:
            await runner.call("the delivery to the asynchronous sinks", engine.settle)
        except PluginFault as fault:
            failures.append(Failure(Stage.FLUSH, str(fault), hint=fault.hint))
        for name in engine.names:
            try:
                if Role.SINK not in engine.status(name).roles:
                    continue
                flush = hooks.bind(engine.plugin(name)).get(hooks.FLUSH)
                if flush is not None:
                    await runner.call(f"flush of {name!r}", flush)
            except PluginFault as fault:
                failures.append(Failure(Stage.FLUSH, str(fault), hint=fault.hint))
            except EngineMisuse:
                continue  # it went while another one was flushed
        return tuple(failures)

    async def close(self) -> None:
        """Log nothing more; close the engine if it is the logger's own. Idempotent."""
        self._open, self._closed = False, True
        if self._own:
            await self._engine.close()


def _located(plugin: str | Path) -> Path:
    if isinstance(plugin, Path) or plugin.endswith(".py") or "/" in plugin or "\\" in plugin:
        return Path(plugin)
    if plugin.replace("-", "_") in sinks.NAMES:
        return sinks.path(plugin)
    try:
        return find_plugin(plugin)
    except SourceError as error:
        own = ", ".join(sinks.NAMES)
        raise SourceError(f"{error}; sinks of the library are: {own}", hint=error.hint) from None
