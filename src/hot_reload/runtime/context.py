"""What a generation is given of the engine, and what it owns through it."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from hot_reload.errors import EngineMisuse
from hot_reload.outcome import Outcome
from hot_reload.runtime import calls
from hot_reload.runtime.fault import closed_from_outside
from hot_reload.runtime.lifecycle import HookCall


class EngineHandle(Protocol):
    """What a plugin may ask of the engine that runs it."""

    def emit(self, event: Any) -> bool:
        """See ``Engine.emit``."""

    async def reload(self, name: str) -> Outcome:
        """See ``Engine.reload``; from a plugin's own hook or handler it is deferred."""

    async def call(self, request: Any, *, plugin: str | None = None) -> list[Any]:
        """See ``Engine.call``."""


class PluginContext:
    """One generation's own line to the engine. Used on the event loop's thread.

    What is started through it is released when the generation stops, last first.
    """

    def __init__(
        self, name: str, generation: int, config: Mapping[str, Any], engine: EngineHandle
    ) -> None:
        self.name = name
        self.generation = generation
        self.config: dict[str, Any] = copy.deepcopy(dict(config)) if config else {}
        """A copy of its own: nobody's later change of the mapping reaches the plugin. It fits
        the plugin's ``config_schema``, where it declares one."""
        self.engine = engine
        self.logger = logging.getLogger(f"hot_reload.plugin.{name}")
        self.connections: dict[str, Any] = {}
        """What ``register_connection`` and the engine gave it, by id; closed after its stop."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cleanups: list[Callable[[], Any]] = []
        self._ending: list[HookCall] | None = None
        self._closed = False

    def spawn(
        self, coroutine: Coroutine[Any, Any, Any], *, name: str | None = None
    ) -> asyncio.Task[Any]:
        """Run ``coroutine`` in a task that is cancelled and awaited when the generation stops.

        Raises:
            EngineMisuse: the generation has stopped.
        """
        if self._closed:
            coroutine.close()
            raise EngineMisuse(
                f"generation {self.generation} of {self.name!r} has stopped and starts no tasks"
            )
        task = asyncio.get_running_loop().create_task(
            _contained(coroutine, self.name, self.logger, self.engine),
            name=name or f"{self.name}@g{self.generation}",
        )
        task.add_done_callback(self._tasks.discard)
        self._tasks.add(task)
        # A task that is cancelled before its first step never awaits it: close it without a word.
        task.add_done_callback(lambda _: coroutine.close())
        return task

    def register_connection(self, connection_id: str, connection: Any) -> None:
        """Keep ``connection`` open over reloads: the next generation that has
        ``adopt_connection`` is given it, this one again where that reload fails.

        Whoever has it last when no generation adopts it: its ``close()`` is called, ``def`` or
        ``async def``, where it has one.

        Raises:
            EngineMisuse: the id is taken.
        """
        if connection_id in self.connections:
            raise EngineMisuse(
                f"{self.name!r} has a connection {connection_id!r} already; give each its own id"
            )
        self.connections[connection_id] = connection

    def add_cleanup(self, cleanup: Callable[[], Any]) -> None:
        """Call ``cleanup``, ``def`` or ``async def``, after the generation's last hook."""
        self._cleanups.append(cleanup)

    def cleanups(self) -> list[HookCall]:
        """The cleanups, last registered first, then the closing of its connections.

        Whoever does them takes each out when it is done. What is registered after the first
        asking is not among them.
        """
        if self._ending is None:
            closes = [getattr(each, "close", None) for each in reversed(self.connections.values())]
            every = [*self._cleanups[::-1], *(each for each in closes if callable(each))]
            self._ending = [HookCall(each) for each in every]
        self._cleanups = []
        self.connections = {}
        return self._ending

    def cancel_tasks(self) -> set[asyncio.Task[Any]]:
        """Cancel what was spawned and take no more; gives what is still running."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        return set(self._tasks)


async def _contained(
    coroutine: Coroutine[Any, Any, Any], plugin: str, logger: logging.Logger, host: object
) -> Any:
    try:
        # The reload that it asks for will wait for it: it must not wait for the reload.
        with calls.inside(plugin, hook=False, host=host):
            return await coroutine
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        if closed_from_outside(error):
            raise
        # Not raised on: SystemExit in a task would end the event loop and the host with it.
        logger.exception("a background task of the plugin failed")
        return None
