"""Begin a host's coroutine from inside a plugin's hook, and see it ended later.

An asynchronous host gets a task: it runs as soon as the hook gives the loop a turn.
A synchronous host's hooks give no turns, but its coroutines never wait either: they
are stepped by hand, inside the hook. One that waits all the same becomes a task.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from collections.abc import Awaitable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hot_reload_conformance import worker_thread
from hot_reload_conformance.recording import Recording

T = TypeVar("T")
BEGIN_SECONDS = 0.05
"""For a hook in a worker thread to see what it asked for come to its end, or not."""


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """How a coroutine ended: with ``value``, or with ``error``."""

    value: T | None = None
    error: BaseException | None = None


def begin(coroutine: Coroutine[Any, Any, T], *, as_task: bool) -> asyncio.Future[Ended[T]]:
    """Begin ``coroutine`` now; the future never holds an exception.

    ``as_task`` is ``recording.asynchronous``. Only on the event loop's thread.
    """
    if as_task:
        return asyncio.ensure_future(to_its_end(coroutine))
    ended, waits_for = step(coroutine)
    if ended is None:
        return asyncio.ensure_future(to_its_end(_resumed(coroutine, waits_for)))
    future: asyncio.Future[Ended[T]] = asyncio.get_running_loop().create_future()
    future.set_result(ended)
    return future


def begin_in_hook(
    coroutine: Coroutine[Any, Any, T], recording: Recording
) -> asyncio.Future[Ended[T]]:
    """``begin``, from inside a hook of a plugin's, in whichever thread the host runs it.

    It is somebody else who asks: the context variables of the hook are not seen by it.
    """
    outside = recording.outside.copy()
    if not worker_thread.foreign(recording.loop):
        return outside.run(begin, coroutine, as_task=recording.asynchronous)
    assert recording.loop is not None
    running = outside.run(asyncio.run_coroutine_threadsafe, to_its_end(coroutine), recording.loop)
    concurrent.futures.wait({running}, timeout=BEGIN_SECONDS)
    return asyncio.wrap_future(running, loop=recording.loop)


def step(coroutine: Coroutine[Any, Any, T]) -> tuple[Ended[T] | None, Any]:
    """Run ``coroutine`` up to its first wait: its end, or None and what it waits for.

    In a copy of the context: what it sets does not leak out. May be called from any thread.
    """
    try:
        return None, contextvars.copy_context().run(coroutine.send, None)
    except StopIteration as stop:
        return Ended(value=stop.value), None
    except BaseException as error:
        return Ended(error=error), None


async def to_its_end(awaitable: Awaitable[T]) -> Ended[T]:
    """Whatever comes out of ``awaitable``, cancellations and exits too, as an ``Ended``."""
    try:
        return Ended(value=await awaitable)
    except BaseException as error:
        return Ended(error=error)


async def _resumed(coroutine: Coroutine[Any, Any, T], waits_for: Any) -> T:
    return await _Rest(coroutine, waits_for)


class _Rest(Generic[T]):
    """What is left of a coroutine that was stepped once, as an awaitable."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], waits_for: Any) -> None:
        self.coroutine = coroutine
        self.waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, T]:
        waits_for = self.waits_for
        while True:
            try:
                sent = yield waits_for
            except BaseException as error:  # a cancellation: the coroutine decides
                try:
                    waits_for = self.coroutine.throw(error)
                except StopIteration as stop:
                    return stop.value  # type: ignore[no-any-return]
                continue
            try:
                waits_for = self.coroutine.send(sent)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
