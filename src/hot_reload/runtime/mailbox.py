"""The mailbox of an asynchronous sink: a queue, and the task that empties it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from hot_reload.runtime.dispatch import Counts, Deliver, call_on

IN_MAILBOX: ContextVar[bool] = ContextVar("hot_reload_in_mailbox", default=False)
"""Whether the present task delivers to an asynchronous sink, or was started by one that does."""


class Mailbox:
    """The queue of one asynchronous sink's lineage, and the task that empties it.

    One event at a time, in order, to whichever generation is the target then.
    Posting is thread-safe; everything else belongs to the event loop's thread.
    """

    def __init__(self, name: str, counts: Counts, limit: int) -> None:
        self.name = name
        self._counts = counts
        self._limit = limit
        self._queue: deque[list[Any]] = deque()
        """As at a gate: each in a cell, which is emptied as it is delivered."""
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._paused = True
        self._target: Deliver | None = None
        self._task: asyncio.Task[None] | None = None

    def post(self, event: Any) -> None:
        under_way = not self._idle.is_set()  # its cell stands in the queue, and waits no more
        if len(self._queue) >= self._limit + under_way:
            self._counts.drop(self.name)
            return
        self._queue.append([event])
        call_on(self._loop, self._wake.set)

    def aim(self, target: Deliver) -> None:
        """Deliver to ``target`` from the next event on; what is under way ends where it is."""
        self._target = target
        self._paused = False
        self._wake.set()
        if self._task is None:
            self._start()

    def pause(self) -> None:
        """Take up no further event until ``aim``."""
        self._paused = True

    def orphan(self) -> None:
        """Keep what is queued for a target to come, and let go of the one that was."""
        self._paused = True
        self._target = None

    @property
    def is_idle(self) -> bool:
        """Whether no delivery is under way."""
        return self._idle.is_set()

    async def idle(self) -> None:
        """Return when what is under way now has ended."""
        await self._idle.wait()

    async def empty(self) -> None:
        """Return when everything that was posted before has been delivered."""
        while (self._queue and not self._paused) or not self._idle.is_set():
            await self._idle.wait()
            await asyncio.sleep(0)

    def abandon(self) -> None:
        """Cancel the delivery that is under way, and go on with the next event."""
        if self._task is not None:
            self._task.cancel()
            self._idle = asyncio.Event()
            self._idle.set()
            self._start()

    async def end(self, grace: Callable[[asyncio.Task[None]], Awaitable[object]]) -> None:
        """Stop; what is left is counted as dropped. ``grace`` waits for the task, in bounds."""
        self.pause()
        if self._task is not None:
            self._task.cancel()
            await grace(self._task)
        while self._queue:
            if self._queue.popleft():
                self._counts.drop(self.name)

    def _start(self) -> None:
        self._task = self._loop.create_task(
            self._run(self._idle), name=f"mailbox of sink {self.name!r}"
        )
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Go on after an interruption, as by a signal: nobody else ends it uncancelled."""
        if task is self._task and not task.cancelling():
            self._idle.set()
            self._idle = asyncio.Event()
            self._idle.set()
            self._start()

    async def _run(self, idle: asyncio.Event) -> None:
        IN_MAILBOX.set(True)
        while self._idle is idle:  # abandoned runs end here
            self._wake.clear()
            while self._idle is idle and self._queue and not self._paused and self._target:
                idle.clear()
                try:
                    await self._deliver_first(self._target)
                finally:
                    idle.set()
            await self._wake.wait()

    async def _deliver_first(self, target: Deliver) -> None:
        cell = self._queue[0]
        try:
            if cell:
                await target(cell.pop())
        except BaseException:
            task = asyncio.current_task()
            if not cell and not (task and task.cancelling()):  # that is counted by the target
                self._counts.drop(self.name)
            raise
        finally:
            if not cell and self._queue and self._queue[0] is cell:
                self._queue.popleft()
