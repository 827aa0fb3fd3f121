"""Turns: who may work on which names, one after the other, in the order of asking.

Nothing is taken and then noted, for between the two anything may be raised. Whoever stands in
the queue of a name waits for it or has it, and who has it is derived: the first there whose
task still runs. So a turn ends with its task at the latest, whatever became of its ``leave``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, TypeAlias

_Queues: TypeAlias = "dict[str, list[Turn]]"


class Turns:
    """A queue for each name, which exists only while somebody stands in it.

    Used on the loop's thread.
    """

    def __init__(self) -> None:
        self._queues: _Queues = {}

    def of(self, names: Callable[[], Collection[str]]) -> Turn:
        """One's turn on all of ``names``, which may change as long as one waits.

        Used in ``async with``, by the task that calls this: within it nobody else has a turn
        on any of them. A task that has a turn must not ask for another one on the same names.
        """
        return Turn(self._queues, names)

    @property
    def tasks(self) -> frozenset[asyncio.Task[Any]]:
        """Whoever has a turn or waits for one."""
        return frozenset(
            turn.task for queue in self._queues.values() for turn in queue if turn.lives
        )


class Turn:
    """One task's place in the queues of some names; see ``Turns.of``."""

    def __init__(self, queues: _Queues, names: Callable[[], Collection[str]]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task: asyncio.Task[Any] = task
        self._queues = queues
        self._names = names
        self._wanted: list[str] = []
        self._over: asyncio.Future[None] | None = None
        """Made by whoever stands behind, and told when this one has left."""

    @property
    def lives(self) -> bool:
        """Whether it counts: a task that has ended holds up nobody."""
        return not self.task.done()

    async def __aenter__(self) -> None:
        try:
            while True:
                self._wanted = sorted(set(self._names()))
                for name in self._wanted:  # in one order for all: nobody waits in a circle
                    await self._first(name)
                if set(self._names()) <= set(self._wanted):
                    return
                self._leave()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    async def _first(self, name: str) -> None:
        self._queues.setdefault(name, []).append(self)
        while (ahead := self._ahead(name)) is not None:
            # Its task, too: one that was interrupted on its way out has told nobody.
            ends: set[asyncio.Future[Any]] = {ahead.over(), ahead.task}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)

    def _ahead(self, name: str) -> Turn | None:
        """Whoever stands right before this one; None: it is this one's turn."""
        queue = self._queues[name]
        before = range(queue.index(self) - 1, -1, -1)
        return next((queue[place] for place in before if queue[place].lives), None)

    def over(self) -> asyncio.Future[None]:
        """Is done when this turn has been left."""
        if self._over is None:
            self._over = self.task.get_loop().create_future()
        return self._over

    def _leave(self) -> None:
        """Stand in no queue any more. Idempotent."""
        for name in self._wanted:
            queue = self._queues.get(name, [])
            if self in queue:
                queue.remove(self)
            while queue and not queue[0].lives:
                del queue[0]
            if not queue:
                self._queues.pop(name, None)
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
        self._over = None
