"""Operations: in which order they run, from where they may be asked for, what is told of them.

Operations on one plugin run one after the other, each in a task of its own. A caller
that is cancelled aborts its operation only before the commit, and goes on only when
the operation has ended one way or the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

from hot_reload.events import (
    LifecycleEvent,
    Listener,
    OperationEnded,
    OperationStarted,
    StageEntered,
)
from hot_reload.outcome import Deferred, Operation, Outcome, RefusalReason, Refused, Stage
from hot_reload.policy.guards import Refusal
from hot_reload.ports import Clock
from hot_reload.runtime import calls
from hot_reload.runtime.machinery import Machinery
from hot_reload.runtime.report import outcome_of
from hot_reload.runtime.roster import Roster
from hot_reload.runtime.slot import Slot
from hot_reload.runtime.transaction import Done, Transaction, Undone

Body: TypeAlias = Callable[[Transaction, Slot], Awaitable[Done | Undone]]
Guard: TypeAlias = Callable[[], Refusal | None]
_Serial: TypeAlias = Callable[[Callable[[], object]], Coroutine[Any, Any, Outcome]]

HISTORY_KEPT = 100

_log = logging.getLogger("hot_reload")
# A library is silent where the program set up no logging: outcomes tell the caller anyway.
_log.addHandler(logging.NullHandler())


class Operations:
    """Runs the operations of one engine. Used on the loop's thread."""

    def __init__(self, machinery: Machinery, roster: Roster, clock: Clock) -> None:
        self._machinery = machinery
        self._roster = roster
        self._clock = clock
        self._attempts = itertools.count(1)
        self._turns = Turns()
        self._running: dict[asyncio.Task[Any], Transaction | None] = {}
        self._deferred: dict[tuple[Operation, str], asyncio.Task[Any]] = {}
        """Asked for, and not begun: whoever asks again meanwhile shares it."""
        self._followers: set[asyncio.Task[Any]] = set()
        self.listeners: list[Listener] = []
        self.history: deque[Outcome] = deque(maxlen=HISTORY_KEPT)
        self.closing = False

    async def run(
        self,
        operation: Operation,
        name: str,
        allowed: Guard,
        act: Callable[[], Awaitable[Outcome]],
    ) -> Outcome:
        """Run ``act`` when no other operation on ``name`` runs and ``allowed`` then agrees."""

        async def serial(begins: Callable[[], object] = lambda: None) -> Outcome:
            async with self._turns.of(name):
                begins()
                refusal = _CLOSING if self.closing else allowed()
                if refusal is not None:
                    return self._refuse(operation, name, refusal)
                return await act()

        hook = calls.inside_hook()
        if hook is not None:
            # It would wait for the operation whose hook asks for it, and that one for the hook.
            return self._defer(operation, name, f"a hook of {hook!r} asked for it", serial)
        if calls.inside_handler(name):
            # Its drain would wait for the handler, and the handler for it.
            return self._defer(operation, name, "a handler or task of its own asked for it", serial)
        return await self._followed(operation, name, serial())

    async def attempt(self, operation: Operation, slot: Slot, body: Body) -> Outcome:
        """One transaction on ``slot``, with its one start event and its one terminal event."""
        number, began = next(self._attempts), self._clock.now()
        old = slot.current
        self._tell(OperationStarted(number, operation, slot.name, began))
        transaction = Transaction(
            self._machinery,
            slot,
            on_stage=lambda stage: self._entered(number, slot, stage),
            admit=lambda new: self._roster.admit(slot, new),
            on_commit=lambda: self._committed(operation, slot),
        )
        task = asyncio.current_task()
        if task is not None and task in self._running:
            self._running[task] = transaction
        outcome: Outcome | None = None
        try:
            with calls.inside(slot.name, hook=True):
                result = await body(transaction, slot)
            spent = self._clock.now() - began
            outcome = outcome_of(operation, slot.name, old, result, spent)
            self._remember(slot, outcome)
        finally:
            now = self._clock.now()
            self._tell(OperationEnded(number, operation, slot.name, now, outcome))
        return outcome

    async def noted(
        self, operation: Operation, slot: Slot, act: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        """Run ``act``, which needs no transaction, and tell of it as of one that does."""
        number = next(self._attempts)
        self._tell(OperationStarted(number, operation, slot.name, self._clock.now()))
        outcome: Outcome | None = None
        try:
            outcome = await act()
            self._remember(slot, outcome)
        finally:
            now = self._clock.now()
            self._tell(OperationEnded(number, operation, slot.name, now, outcome))
        return outcome

    async def close(self) -> None:
        """Abort what has not committed, wait for the rest, and let nothing new begin."""
        self.closing = True
        for task, transaction in list(self._running.items()):
            if transaction is None or transaction.abortable:
                task.cancel()
        waiting = {*self._running, *self._followers}
        if waiting:
            await asyncio.wait(waiting)

    async def _followed(
        self, operation: Operation, name: str, work: Coroutine[Any, Any, Outcome]
    ) -> Outcome:
        task = asyncio.get_running_loop().create_task(
            self._to_its_end(operation, name, work), name=f"{operation.value} of {name!r}"
        )
        self._running[task] = None
        task.add_done_callback(lambda done: self._running.pop(done, None))
        # A task that is cancelled before its first step never awaits what it was given.
        task.add_done_callback(lambda _: work.close())
        try:
            outcome = await asyncio.shield(task)
        except asyncio.CancelledError:
            transaction = self._running.get(task)
            if transaction is None or transaction.abortable:
                task.cancel()
            await asyncio.wait({task})
            raise
        if outcome is None:
            raise asyncio.CancelledError(f"the {operation.value} of {name!r} was cancelled")
        return outcome

    async def _to_its_end(
        self, operation: Operation, name: str, work: Coroutine[Any, Any, Outcome]
    ) -> Outcome | None:
        # None and no CancelledError: a task keeps that with its traceback, and the frames in
        # it keep both generations as long as the caller keeps his own exception.
        try:
            return await work
        except asyncio.CancelledError:
            return self._refuse(operation, name, _CLOSING) if self.closing else None

    def _defer(self, operation: Operation, name: str, why: str, serial: _Serial) -> Outcome:
        if self.closing:
            return self._refuse(operation, name, _CLOSING)
        key = (operation, name)
        if key not in self._deferred:
            # A context of its own: it does not run inside the hook or handler that asked.
            follower = asyncio.get_running_loop().create_task(
                self._later(operation, name, serial),
                name=f"deferred {operation.value} of {name!r}",
                context=contextvars.Context(),
            )
            self._deferred[key] = follower
            self._followers.add(follower)
            follower.add_done_callback(self._followers.discard)
        return Deferred(
            operation=operation,
            plugin=name,
            explanation=f"{why}; it runs as soon as that has ended",
        )

    async def _later(self, operation: Operation, name: str, serial: _Serial) -> Outcome:
        key, task = (operation, name), asyncio.current_task()

        def begins() -> None:
            # What is asked for from now on may be about a newer edit than this one reads.
            if self._deferred.get(key) is task:
                del self._deferred[key]

        try:
            return await self._followed(operation, name, serial(begins))
        finally:
            begins()

    def _refuse(self, operation: Operation, name: str, refusal: Refusal) -> Outcome:
        slot = self._roster.slots.get(name)
        current = slot.current if slot else None
        refused = Refused(
            operation=operation,
            plugin=name,
            roles=current.roles if current else (),
            old=current.running if current else None,
            reason=refusal.reason,
            explanation=refusal.explanation,
        )
        number, now = next(self._attempts), self._clock.now()
        self._tell(OperationStarted(number, operation, name, now))
        self.history.append(refused)
        self._tell(OperationEnded(number, operation, name, now, refused))
        return refused

    def _entered(self, number: int, slot: Slot, stage: Stage) -> None:
        if self.listeners:
            self._tell(StageEntered(number, slot.name, stage, self._clock.now()))

    def _committed(self, operation: Operation, slot: Slot) -> None:
        if operation is Operation.UNLOAD:
            self._roster.forget(slot)
        else:
            self._roster.enlist(slot)

    def _remember(self, slot: Slot, outcome: Outcome) -> None:
        self.history.append(outcome)
        self._roster.remember(slot, outcome)
        level = logging.INFO if outcome.success else logging.ERROR
        _log.log(level, "%s", outcome.describe())
        for warning in outcome.warnings:
            _log.warning("%s of %r: %s", outcome.operation.value, outcome.plugin, warning)

    def _tell(self, event: LifecycleEvent) -> None:
        for listener in list(self.listeners):
            try:
                listener(event)
            except (Exception, SystemExit, asyncio.CancelledError):
                _log.exception("a listener failed on %s", type(event).__name__)


class Turns:
    """A lock for each name, which exists only while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @contextlib.asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Wait for one's turn on ``name``, in the order of asking."""
        lock, users = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            users = self._locks[name][1] - 1
            if users:
                self._locks[name] = lock, users
            else:
                del self._locks[name]


_CLOSING = Refusal(RefusalReason.CLOSING, "the engine is closing; open a new one")
