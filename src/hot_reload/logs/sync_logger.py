"""A logger for programs without asyncio: its engine runs on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from hot_reload.errors import EngineMisuse
from hot_reload.logs.levels import LevelMethods
from hot_reload.logs.logger import HotLogger
from hot_reload.outcome import Failure, Outcome
from hot_reload.runtime.engine import Engine
from hot_reload.settings import Settings

T = TypeVar("T")

LAST_TASKS_SECONDS = 1.0
"""How long what still runs when the engine is closed may take to end once it is cancelled."""

_log = logging.getLogger("hot_reload.logs")


class SyncHotLogger(LevelMethods):
    """``HotLogger`` for threads: every method blocks until it is done.

    ::

        with SyncHotLogger() as log:
            log.add_sink("sqlite", config={"path": "app.db"})
            log.info("started", port=8080)
            log.reload_plugin("sqlite")

    The thread is started as the logger is made, and ends with ``close``, or with the
    program. Safe from threads. A coroutine that uses it blocks its own loop: use
    ``HotLogger`` there.

    Raises:
        EngineMisuse: any method, after ``close`` or if that comes meanwhile, in a forked child,
            or, but for the level methods and ``emit``, from a plugin: on the logger's own
            thread it would wait for itself.
    """

    def __init__(
        self,
        *,
        name: str = "app",
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._clock = clock
        self._log = HotLogger(name=name, settings=settings, clock=clock)
        self._process = os.getpid()
        self._closing = threading.RLock()  # a signal handler may close what is being closed
        self._asking = threading.RLock()
        """What is asked for under it while the logger is open gets an answer, or is cancelled."""
        self._closed = False
        self._ending = False
        opened: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(
            target=self._serve, args=(opened,), name=f"hot-reload logger {name!r}", daemon=True
        )
        self._thread.start()
        self._loop = opened.result()
        # The thread is a daemon, so that a program that forgets to close ends all the same.
        atexit.register(self.close)

    def __enter__(self) -> SyncHotLogger:
        self._check()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def engine(self) -> Engine:
        """The engine, for what may be asked of it from any thread: ``names``, ``status``,
        ``counts``, ``history``, ``listen``; and for ``Health``, ``Metrics`` and ``AuditLog``.

        What has to be awaited belongs to the logger's own loop: use the methods here.
        """
        self._check(own_thread=True)
        return self._log.engine

    def emit(self, event: Any) -> bool:
        """Send ``event`` itself, as it is; see ``Engine.emit``. From any thread."""
        self._check(own_thread=True)
        return self._log.emit(event)

    def add_plugin(
        self,
        plugin: str | Path,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """See ``HotLogger.add_plugin``."""
        return self._run(lambda: self._log.add_plugin(plugin, name=name, config=config))

    def add_sink(
        self, sink: str | Path, *, name: str | None = None, config: Mapping[str, Any] | None = None
    ) -> Outcome:
        """See ``HotLogger.add_sink``."""
        return self._run(lambda: self._log.add_sink(sink, name=name, config=config))

    def remove_plugin(self, name: str) -> Outcome:
        """See ``HotLogger.remove_plugin``."""
        return self._run(lambda: self._log.remove_plugin(name))

    def remove_sink(self, name: str) -> Outcome:
        """See ``HotLogger.remove_sink``."""
        return self._run(lambda: self._log.remove_sink(name))

    def reload_plugin(self, name: str, *, force: bool = False) -> Outcome:
        """See ``HotLogger.reload_plugin``."""
        return self._run(lambda: self._log.reload_plugin(name, force=force))

    def enable(self, name: str) -> Outcome:
        """See ``HotLogger.enable``."""
        return self._run(lambda: self._log.enable(name))

    def disable(self, name: str) -> Outcome:
        """See ``HotLogger.disable``."""
        return self._run(lambda: self._log.disable(name))

    def flush(self) -> tuple[Failure, ...]:
        """See ``HotLogger.flush``."""
        return self._run(self._log.flush)

    def close(self) -> None:
        """Close the engine, and end the thread. Idempotent; whoever calls it waits for the end.

        Raises:
            EngineMisuse: a plugin called it, on the thread that it would wait for.
        """
        if os.getpid() != self._process:
            return  # a forked child has no such thread
        if threading.current_thread() is self._thread:
            raise EngineMisuse(f"logger {self.name!r} cannot be closed from one of its plugins")
        with self._closing:
            with self._asking:
                closed, self._closed = self._closed, True
            if not closed:
                atexit.unregister(self.close)
                try:
                    asyncio.run_coroutine_threadsafe(self._log.close(), self._loop).result()
                finally:
                    self._ending = True
                    self._loop.call_soon_threadsafe(self._loop.stop)
                    self._thread.join()

    def _run(self, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        self._check()  # at first without the lock, which a forked child may find held for ever
        with self._asking:
            self._check()
            future = asyncio.run_coroutine_threadsafe(start(), self._loop)
        try:
            return future.result()
        except CancelledError:
            self._check()  # closed meanwhile
            raise
        except BaseException:
            future.cancel()  # Ctrl-C in the waiting thread: the operation rolls back
            raise

    def _check(self, *, own_thread: bool = False) -> None:
        if self._closed:
            raise EngineMisuse(
                f"logger {self.name!r} is closed: nothing can be logged or changed any more"
            )
        if os.getpid() != self._process:
            raise EngineMisuse(
                f"logger {self.name!r} belongs to the process that forked this one; make a new one"
            )
        if not own_thread and threading.current_thread() is self._thread:
            raise EngineMisuse(
                f"logger {self.name!r} was asked by one of its plugins, on its own thread, and "
                "would wait for itself; a plugin uses its context.engine"
            )

    def _serve(self, opened: Future[asyncio.AbstractEventLoop]) -> None:
        loop = asyncio.new_event_loop()
        try:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(self._log.__aenter__())
            opened.set_result(loop)
            while not self._ending and not loop.is_closed():
                self._turn(loop)
            # Whoever waits for one of them in another thread would wait for ever.
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=LAST_TASKS_SECONDS))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        except BaseException as error:
            if not opened.done():
                opened.set_exception(error)
            else:
                raise
        finally:
            loop.close()

    @staticmethod
    def _turn(loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_forever()
        except BaseException:  # sys.exit() in a callback of a plugin must not end the log
            _log.exception("the event loop of the logger was interrupted; it goes on")
