"""Traffic: producers that emit while a host works, with their accounts.

Tasks emit once per turn of the loop, after a while with pauses, and once more behind the
end; threads as fast as they can; and, where the host's ``emit`` does not wait, an event is
emitted inside each hook as it begins and ends, so that no moment of an operation is
without one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from hot_reload_conformance.adapter import Event
from hot_reload_conformance.bench.begin import Ended, begin, step
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import CannotJudge, Violation
from hot_reload_fixtures.ledger import EventLedger, Mark
from hot_reload_fixtures.ledger_report import LedgerReport
from hot_reload_fixtures.stamp import Stamped

_AT_ONCE = 300
"""Events that each task emits turn by turn …"""
_PACE_SECONDS = 0.001
"""… before it makes pauses, so that a host that works in a thread has some left for its end."""
_THREAD_LIMIT = 40_000
_LEAD = 3
"""Events of each task before, and turns after, what the traffic is there for."""


class Traffic:
    """``async with Traffic(case) as traffic:`` emits until the block ends.

    ``ledger`` then knows what was accepted; ``report`` what became of it. Sequences
    count from 1. With a ``ledger`` of the caller's the numbering goes on from there.
    """

    def __init__(
        self,
        case: Case,
        *,
        tasks: tuple[str, ...] = ("p1", "p2"),
        threads: tuple[str, ...] = (),
        hooks: str = "hook",
        ledger: EventLedger | None = None,
    ) -> None:
        self.case = case
        self.ledger = ledger or EventLedger()
        self.notes: list[str] = []
        self._task_names = tasks
        self._thread_names = threads
        self._hook_name = hooks
        self._stop = threading.Event()
        self._eager = False
        self._thread_of_loop = threading.get_ident()
        self._tasks: list[asyncio.Task[None]] = []
        self._threads: list[threading.Thread] = []
        self._late: list[asyncio.Future[Ended[bool | None]]] = []
        self._begun: set[str] = set()
        self._switching: contextlib.ExitStack = contextlib.ExitStack()

    async def __aenter__(self) -> Traffic:
        self._thread_of_loop = threading.get_ident()
        await self._first()
        self._tasks = [asyncio.ensure_future(self._produce(name)) for name in self._task_names]
        self.case.recording.listeners.append(self._inside_hook)
        for _ in range(_LEAD):
            await asyncio.sleep(0)
        if self._thread_names:
            self._switching.enter_context(_quick_switches())
            for name in self._thread_names:
                thread = threading.Thread(target=self._run_thread, args=(name,), daemon=True)
                self._threads.append(thread)
                thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            for _ in range(_LEAD):
                await asyncio.sleep(0)
        self._stop.set()
        self.case.recording.listeners.remove(self._inside_hook)
        self._switching.close()
        for thread in self._threads:
            thread.join(2)
        waiting: set[asyncio.Future[Any]] = {*self._tasks, *self._late}
        held = (await patiently(waiting, 2))[1] if waiting else set()
        for each in held:
            each.cancel()
        if kind is not None:
            return
        if held:
            raise Violation(
                f"{len(held)} of {len(waiting)} producers are still held up inside emit 2 s after "
                "the operation ended: their events are neither accepted nor refused",
                expected="emit returns",
                seen="still waiting",
            )
        await self.case.settle()

    async def burst(self, count: int) -> None:
        """Emit so many in one go: where ``emit`` does not wait, the host has no turn between."""
        for _ in range(count):
            stamp = self._stamp("burst")
            taken = await self.case.adapter.emit(_event(stamp))
            self._book(stamp, Ended(value=taken))

    def mark(self) -> Mark:
        return self.ledger.mark()

    def accepted(self) -> int:
        """How many events the host has accepted up to now."""
        mark = self.ledger.mark()
        return sum(mark.accepted.values())

    def report(
        self,
        sink: str,
        *,
        since: Mark | None = None,
        until: Mark | None = None,
        none_before: Mark | None = None,
        none_after: Mark | None = None,
    ) -> LedgerReport:
        """The accounts of the lineage ``sink``, from what its instances told the probe.

        Raises:
            CannotJudge: the host accepted nothing, so nothing could be lost.
        """
        if self.accepted() == 0:
            raise CannotJudge("the host accepted none of the events that were emitted")
        if sink not in self._begun:
            self._begun.add(sink)
            for delivery in list(self.case.recording.deliveries):
                if delivery.plugin == sink:
                    stamp = Stamped(delivery.producer, delivery.sequence)
                    self.ledger.delivered(stamp, sink)
        return self.ledger.report(
            sink, since=since, until=until, none_before=none_before, none_after=none_after
        )

    # The producers

    def _stamp(self, producer: str) -> Stamped:
        stamp = self.ledger.stamp(producer)
        # Hosts see sequences from 1: the first stamp of a producer is thrown away.
        return stamp if stamp.sequence else self.ledger.stamp(producer)

    def _book(self, stamp: Stamped, ended: Ended[bool | None]) -> None:
        if ended.error is None and ended.value is not False:
            self.ledger.accepted(stamp)

    async def _first(self) -> None:
        """Learn whether ``emit`` waits, with the first event."""
        producer = self._hook_name
        stamp = self._stamp(producer)
        coroutine = self.case.adapter.emit(_event(stamp))
        future = begin(coroutine, as_task=False)
        self._eager = future.done()
        taken = await self.case.guarded(_answer(future), "emit")
        self._book(stamp, Ended(value=taken))

    async def _produce(self, producer: str) -> None:
        """Emit until the end, and once behind it: what an operation left is seen by that one."""
        for number in itertools.count(1):
            last = self._stop.is_set()
            stamp = self._stamp(producer)
            try:
                taken = await self.case.adapter.emit(_event(stamp))
            except Exception:
                taken = False
            self._book(stamp, Ended(value=taken))
            if last:
                return
            # An operation in a thread goes on for thousands of turns of this loop.
            await asyncio.sleep(0 if number < _AT_ONCE else _PACE_SECONDS)

    def _inside_hook(self, moment: Moment) -> None:
        if not self._eager or moment.what == "reply":
            return
        if threading.get_ident() != self._thread_of_loop:
            return  # a hook in a worker thread: for producers in threads there is a claim
        stamp = self._stamp(self._hook_name)
        future = begin(self.case.adapter.emit(_event(stamp)), as_task=False)
        if future.done():
            self._book(stamp, future.result())
            return
        # It waits, now that the host works: one event may be late, a second would overtake it.
        self._eager = False
        self._late.append(future)
        future.add_done_callback(lambda ended: self._late_booked(stamp, ended))

    def _late_booked(self, stamp: Stamped, ended: asyncio.Future[Ended[bool | None]]) -> None:
        if not ended.cancelled():
            self._book(stamp, ended.result())
            self._eager = True

    def _run_thread(self, producer: str) -> None:
        for _ in range(_THREAD_LIMIT):
            if self._stop.is_set():
                return
            stamp = self._stamp(producer)
            coroutine = self.case.adapter.emit(_event(stamp))
            ended, _waits_for = step(coroutine)
            if ended is None:
                coroutine.close()
                self.notes.append(f"emit waits: {producer} cannot be a thread without a loop")
                return
            self._book(stamp, ended)
            # Give way, or a fast machine spends the whole limit before the reload begins.
            time.sleep(0)


def _event(stamp: Stamped) -> Event:
    return Event("log", producer=stamp.producer, sequence=stamp.sequence)


async def _answer(future: asyncio.Future[Ended[bool | None]]) -> bool | None:
    ended = await future
    if ended.error is not None:
        raise ended.error
    return ended.value


@contextlib.contextmanager
def _quick_switches() -> Iterator[None]:
    """Let the interpreter switch between threads five hundred times as often as it does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
