"""Operations: in which order they run, from where they may be asked for, what is told of them.

Operations that touch one plugin run one after the other, each in a task of its own. A caller
that is cancelled aborts its operation only before the commit, and goes on only when
the operation has ended one way or the other.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakSet

from hot_reload.errors import EngineMisuse
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
from hot_reload.runtime.acting import fresh_context
from hot_reload.runtime.fault import cause_of
from hot_reload.runtime.machinery import Machinery
from hot_reload.runtime.report import outcome_of, unchanged
from hot_reload.runtime.roster import Roster
from hot_reload.runtime.slot import Slot
from hot_reload.runtime.transaction import Overtaken, Transaction
from hot_reload.runtime.turns import Turns

Guard: TypeAlias = Callable[[], Refusal | None]
HostGuard: TypeAlias = Callable[[Operation, str], str | None]
Outcomes: TypeAlias = dict[str, Outcome]
_Serial: TypeAlias = Callable[[Callable[[], object]], Coroutine[Any, Any, Outcomes]]

OVERTAKEN_LIMIT = 5
"""How often a transaction is tried whose neighbours change while it runs."""
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
        """Whoever has a turn or waits for one is what runs: it is noted nowhere else."""
        self._transactions: WeakSet[Transaction] = WeakSet()
        """Those under way, and none that an interruption left behind: nothing else keeps them."""
        self._deferred: dict[tuple[Operation, frozenset[str]], asyncio.Task[Any]] = {}
        """Asked for, and not begun: whoever asks again meanwhile shares it."""
        self._followers: set[asyncio.Task[Any]] = set()
        self._waiting: dict[object, _Shared] = {}
        """The same for those who wait for its end: a storm of requests is one that runs and one
        that follows."""
        self.listeners: list[Listener] = []
        self.guards: list[HostGuard] = []
        self.history: deque[Outcome] = deque(maxlen=HISTORY_KEPT)
        self.closing = False
        self._loop = asyncio.get_running_loop()

    def check_loop(self) -> None:
        """Raise where the caller runs on another event loop than the engine.

        Raises:
            EngineMisuse: he does; nothing was changed.
        """
        if asyncio.get_running_loop() is not self._loop:
            if self._loop.is_closed():
                raise EngineMisuse(
                    "the engine belongs to the event loop that it was opened on, which has ended; "
                    "make a new one, and write `async with Engine() as engine:`, which closes it "
                    "in time"
                )
            raise EngineMisuse(
                "the engine belongs to the event loop that it was opened on, and was called from "
                "another one; from another thread write "
                "asyncio.run_coroutine_threadsafe(engine.reload(name), loop).result()"
            )

    async def run(
        self,
        operation: Operation,
        names: Sequence[str],
        touched: Callable[[], Collection[str]],
        act: Callable[[], Awaitable[Outcomes]],
        *,
        alike: object = None,
    ) -> Outcomes:
        """Run ``act`` when no other operation runs on what it has ``touched``, asked for anew.

        ``names`` are what the operation is asked for, and what its outcomes are of. Requests
        that are ``alike`` share one that has not begun: it will read what is newest then.
        """

        async def serial(begins: Callable[[], object] = lambda: None) -> Outcomes:
            for tries in range(OVERTAKEN_LIMIT):
                async with self._turns.of(touched):
                    begins()
                    if tries == 0:  # later on, what waits under it is somebody else's
                        self._waiting.pop(alike, None)
                    if self.closing:
                        break
                    try:
                        return await act()
                    except Overtaken:
                        continue
            return self._refuse_all(operation, names, _CLOSING if self.closing else _RESTLESS)

        self.check_loop()
        host = self._machinery.app
        hook = calls.inside_hook(host)
        if hook is not None:
            # It would wait for the operation whose hook asks for it, and that one for the hook.
            return self._defer(operation, names, f"a hook of {hook!r} asked for it", serial)
        handler = next((name for name in touched() if calls.inside_handler(name, host)), None)
        if handler is not None:
            # Its drain would wait for the handler, and the handler for it.
            whose = "its own" if [handler] == list(names) else repr(handler)
            why = f"a handler or task of {whose} asked for it"
            return self._defer(operation, names, why, serial)
        return await self._followed(operation, names, serial, alike)

    async def guarded(
        self, operation: Operation, name: str, allowed: Guard, act: Callable[[], Awaitable[Outcome]]
    ) -> Outcomes:
        """What ``act`` comes to, where ``allowed`` and the host agree."""
        refusal = allowed() or self.barred(operation, name)
        return {name: self.refuse(operation, name, refusal) if refusal else await act()}

    def barred(self, operation: Operation, name: str) -> Refusal | None:
        """Why the host does not let it begin."""
        for guard in list(self.guards):
            try:
                explanation = guard(operation, name)
                if explanation is not None and not isinstance(explanation, str):
                    raise TypeError(f"it gave {explanation!r:.80} where a reason or None belongs")
            except KeyboardInterrupt:  # the user's
                raise
            except BaseException as error:
                _log.exception("a guard failed on the %s of %r", operation.value, name)
                explanation = f"a guard of the host raised {cause_of(error)}; mend it, or remove it"
            if explanation is not None:
                return Refusal(RefusalReason.BARRED, explanation)
        return None

    async def attempt(
        self,
        operation: Operation,
        slots: Sequence[Slot],
        body: Callable[[Transaction], Awaitable[None]],
        *,
        forced: bool = False,
    ) -> Outcomes:
        """One transaction, with one start event and one terminal event for each of ``slots``.

        Raises:
            Overtaken: it rolled back, and is to be tried again.
        """
        numbers, began = [next(self._attempts) for _ in slots], self._clock.now()
        for number, slot in zip(numbers, slots, strict=True):
            self._tell(OperationStarted(number, operation, slot.name, began, forced))
        number_of = dict(zip(map(id, slots), numbers, strict=True))
        transaction = Transaction(
            self._machinery,
            self._roster,
            on_stage=lambda slot, stage: self._entered(
                number_of.get(id(slot), numbers[0]), slot, stage
            ),
            on_commit=lambda changed: self._committed(operation, changed),
        )
        self._transactions.add(transaction)
        outcomes: dict[int, Outcome] = {}
        try:
            with calls.inside(slots[0].name, hook=True, host=self._machinery.app):
                try:
                    await body(transaction)
                finally:
                    await transaction.settle()
            outcomes = self._outcomes(operation, slots, transaction, self._clock.now() - began)
        except Overtaken:
            for slot in slots:
                outcomes[id(slot)] = _deferred(operation, slot.name, _OVERTAKEN)
            raise
        finally:
            self._transactions.discard(transaction)
            now = self._clock.now()
            for number, slot in zip(numbers, slots, strict=True):
                ended = OperationEnded(number, operation, slot.name, now, outcomes.get(id(slot)))
                self._tell(ended)
        return {slot.name: outcomes[id(slot)] for slot in slots}

    def _outcomes(
        self, operation: Operation, slots: Sequence[Slot], done: Transaction, spent: float
    ) -> dict[int, Outcome]:
        """The outcome of each of ``slots``, and with it those of the plugins that followed."""
        parts = {part.name: part for part in done.parts}
        asked = {slot.name for slot in slots}
        unasked = parts.keys() - asked
        followed: dict[str, Outcome] = {}
        outcomes: dict[int, Outcome] = {}
        for slot in slots:
            part = parts.get(slot.name)
            if part is None:
                outcomes[id(slot)] = unchanged(operation, slot, spent)
                continue
            cascade = {
                name: outcome_of(operation, parts[name], done.failure, spent)
                for name in (done.followers(slot.name) if unasked else ())
                if name in unasked and name not in followed
            }
            followed.update(cascade)
            outcomes[id(slot)] = outcome_of(operation, part, done.failure, spent, cascade.values())
        for name, outcome in followed.items():
            # Its own file was not read: an error in it is still one.
            self._roster.remember(parts[name].slot, outcome, own=False)
        for slot in slots:
            part, outcome = parts.get(slot.name), outcomes[id(slot)]
            self._remember(slot, outcome, own=outcome.success or part is None or part.renews)
        return outcomes

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
        running = self._turns.tasks
        for task in running:
            self._abort(task)
        waiting = {*running, *self._followers}
        if waiting:
            await asyncio.wait(waiting)

    async def _followed(
        self,
        operation: Operation,
        names: Sequence[str],
        serial: Callable[[], Coroutine[Any, Any, Outcomes]],
        alike: object = None,
    ) -> Outcomes:
        label = f"{operation.value} of {', '.join(map(repr, names))}"
        shared = self._waiting.get(alike)
        if shared is None or shared.task.done():
            work = self._to_its_end(operation, names, serial)
            shared = _Shared(asyncio.get_running_loop().create_task(work, name=label))
            if alike is not None:
                self._waiting[alike] = shared
        task = shared.task
        shared.callers += 1
        try:
            outcomes = await asyncio.shield(task)
        except asyncio.CancelledError:
            if shared.callers == 1:  # nobody else wants it
                self._share_no_more(alike, shared)  # whoever asks while it ends wants one of his
                self._abort(task)
                await asyncio.wait({task})
            raise
        finally:
            shared.callers -= 1
            if not shared.callers:
                self._share_no_more(alike, shared)
        if outcomes is None:
            raise asyncio.CancelledError(f"the {label} was cancelled")
        return outcomes

    def _share_no_more(self, alike: object, shared: _Shared) -> None:
        if self._waiting.get(alike) is shared:
            del self._waiting[alike]

    def _abort(self, task: asyncio.Task[Any]) -> None:
        # A method of its own: in the frame of a caller that keeps his exception, a reference
        # to the transaction would keep its generations.
        if all(each.abortable for each in self._transactions if each.task is task):
            task.cancel()

    async def _to_its_end(
        self,
        operation: Operation,
        names: Sequence[str],
        serial: Callable[[], Coroutine[Any, Any, Outcomes]],
    ) -> Outcomes | None:
        # None and no CancelledError: a task keeps that with its traceback, and the frames in
        # it keep both generations as long as the caller keeps his own exception.
        try:
            return await serial()
        except asyncio.CancelledError:
            return self._refuse_all(operation, names, _CLOSING) if self.closing else None

    def _defer(
        self, operation: Operation, names: Sequence[str], why: str, serial: _Serial
    ) -> Outcomes:
        if self.closing:
            return self._refuse_all(operation, names, _CLOSING)
        key = (operation, frozenset(names))
        known = self._deferred.get(key)
        if known is None or known.done():
            # A context of its own: it does not run inside the hook or handler that asked.
            follower = asyncio.get_running_loop().create_task(
                self._later(operation, names, serial),
                name=f"deferred {operation.value} of {', '.join(map(repr, names))}",
                context=fresh_context(),
            )
            follower.add_done_callback(self._followers.discard)
            self._followers.add(follower)
            self._deferred[key] = follower
        explanation = f"{why}; it runs as soon as that has ended"
        return {name: _deferred(operation, name, explanation) for name in names}

    async def _later(self, operation: Operation, names: Sequence[str], serial: _Serial) -> Outcomes:
        key, task = (operation, frozenset(names)), asyncio.current_task()

        def begins() -> None:
            # What is asked for from now on may be about a newer edit than this one reads.
            if self._deferred.get(key) is task:
                del self._deferred[key]

        try:
            return await self._followed(operation, names, partial(serial, begins))
        finally:
            begins()

    def _refuse_all(self, operation: Operation, names: Sequence[str], refusal: Refusal) -> Outcomes:
        return {name: self.refuse(operation, name, refusal) for name in names}

    def refuse(self, operation: Operation, name: str, refusal: Refusal) -> Outcome:
        """Tell of an operation that is not tried."""
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

    def _committed(self, operation: Operation, slots: Sequence[Slot]) -> None:
        if operation is Operation.UNLOAD:
            self._roster.forget(*slots)
        else:
            self._roster.enlist(*slots)

    def _remember(self, slot: Slot, outcome: Outcome, *, own: bool = True) -> None:
        self.history.append(outcome)
        self._roster.remember(slot, outcome, own=own)
        level = logging.INFO if outcome.success else logging.ERROR
        if _log.isEnabledFor(level):
            _log.log(level, "%s", outcome.describe())
        for warning in outcome.warnings:
            _log.warning("%s of %r: %s", outcome.operation.value, outcome.plugin, warning)

    def _tell(self, event: LifecycleEvent) -> None:
        for listener in list(self.listeners):
            try:
                listener(event)
            except KeyboardInterrupt:  # the user's
                raise
            except BaseException:
                _log.exception("a listener failed on %s", type(event).__name__)


@dataclass(slots=True, eq=False)
class _Shared:
    """An operation, and how many wait for it."""

    task: asyncio.Task[Outcomes | None]
    callers: int = 0


def _deferred(operation: Operation, name: str, explanation: str) -> Deferred:
    return Deferred(operation=operation, plugin=name, explanation=explanation)


_CLOSING = Refusal(RefusalReason.CLOSING, "the engine is closing; open a new one")
_RESTLESS = Refusal(
    RefusalReason.RESTLESS,
    f"the plugins that it needs, or that need it, changed {OVERTAKEN_LIMIT} times while it was "
    "being done; nothing of it was kept, ask again when they are at rest",
)
_OVERTAKEN = "the plugins that it needs, or that need it, changed meanwhile; it is done anew"
