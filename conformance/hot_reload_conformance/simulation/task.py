"""Tasks of the simulation, and how their steps are told from other callbacks."""

from __future__ import annotations

import asyncio
import contextvars
import types
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias


class SimulatedTask(asyncio.Task[Any]):
    """A task that hashes by its number, so that sets of tasks have the same order every time.

    ``asyncio.wait`` and ``asyncio.all_tasks`` return sets; by ``id`` their order would
    depend on where in memory a task happens to lie.
    """

    __slots__ = ("priority", "serial")
    priority: float
    """Set by a source that has such."""

    def __init__(self, serial: int, coro: Coroutine[Any, Any, Any], **options: Any) -> None:
        self.serial = serial
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self.serial


class SimulatedFuture(asyncio.Future[Any]):
    """A future that hashes by its number."""

    def __init__(self, serial: int, loop: asyncio.AbstractEventLoop) -> None:
        self.serial = serial
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self.serial


Step: TypeAlias = "tuple[Any, tuple[Any, ...], contextvars.Context]"
"""The next step of a task, among the callbacks that are ready: a call and its context. A plain
tuple, of which even a short run needs a hundred: asyncio's tasks never ask for the handle."""


class Ready(asyncio.Handle):
    """A callback that is ready; made as asyncio makes one, but for a look at the debug mode, in
    which it would keep the place where it was asked for."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context | None,
    ) -> None:
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = contextvars.copy_context() if context is None else context
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


STEP_TYPES: dict[type, bool] = {}
"""The type of C's first and later steps of a task; filled in below."""
MAYBE_STEPS: tuple[type, ...] = (type(len), types.MethodType)
"""C's wakeups are built-in methods; tasks in plain Python use bound methods for both."""


def is_step(callback: Any) -> bool:
    return callback.__name__ in ("task_wakeup", "__step", "__wakeup") and isinstance(
        callback.__self__, asyncio.Task
    )


def _learn_step_type() -> None:
    class Ear:
        heard: Any = None

        def call_soon(self, callback: Any, *_: Any, **__: Any) -> None:
            self.heard = callback

        def get_debug(self) -> bool:
            return False

    async def nothing() -> None: ...

    ear, coroutine = Ear(), nothing()
    task = asyncio.Task(coroutine, loop=ear)  # type: ignore[arg-type]
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine.close()
    if type(ear.heard) not in MAYBE_STEPS:
        STEP_TYPES[type(ear.heard)] = True


_learn_step_type()


def task_name(ready: Step | asyncio.Handle) -> str:
    """The name of the task whose step ``ready`` is; ``callback`` where it is none."""
    return str(ready[0].__self__.get_name()) if type(ready) is tuple else "callback"
