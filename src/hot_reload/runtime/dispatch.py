"""Dispatch: events from any thread or task, through one immutable view of the pipeline.

A producer reads the current ``View``, marks it, and looks again whether it is still
the current one; a writer stores the next view and waits until the old one has no
marks. So a producer never takes a lock, and a swap knows when nobody is inside the
old generation any more. A mark is an append to a list, and taking it back a pop:
each is one step under the interpreter's lock. A build without that lock needs its
own proof of this module before it is relied on.

Where order or state demands that events wait, they wait at a ``Gate``: a queue that
delivers in order, and lets direct traffic pass again only when it is empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any

from hot_reload.outcome import Role

Deliver = Callable[[Any], Any]

# Looked up on its class for each step of each event, a member of an enum takes as long as the
# step does (until Python 3.12).
_FILTER, _REDACTOR = Role.FILTER, Role.REDACTOR

IN_MAILBOX: ContextVar[bool] = ContextVar("hot_reload_in_mailbox", default=False)
"""Whether the present task delivers to an asynchronous sink, or was started by one that does."""

PATIENT_ROUNDS = 8
"""How often an opening gate lets producers queue behind it before it holds them up."""


class Counts:
    """What became of events; kept by the engine for its whole life. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._local = threading.local()
        self._cells: list[tuple[weakref.ref[threading.Thread], list[int]]] = []
        self._accepted_by_dead_threads = 0
        self.filtered: Counter[str] = Counter()
        """Events that a filter held back, by filter."""
        self.dropped: Counter[str] = Counter()
        """Accepted events that never reached a sink, by sink (or by the stage that ate them)."""
        self.errors: Counter[str] = Counter()
        """Exceptions that plugins raised on events, by plugin."""

    def accept(self) -> None:
        # A cell for each thread: adding to a shared number is no single step, and a lock
        # would be taken for every event.
        try:
            cell = self._local.cell
        except AttributeError:
            cell = self._local.cell = self._new_cell()
        cell[0] += 1

    @property
    def accepted(self) -> int:
        with self._lock:
            return self._accepted_by_dead_threads + sum(cell[0] for _, cell in self._cells)

    def drop(self, name: str) -> None:
        with self._lock:
            self.dropped[name] += 1

    def error(self, name: str) -> None:
        with self._lock:
            self.errors[name] += 1

    def filter(self, name: str) -> None:
        with self._lock:
            self.filtered[name] += 1

    @property
    def dropped_total(self) -> int:
        with self._lock:
            return sum(self.dropped.values())

    def _new_cell(self) -> list[int]:
        cell = [0]
        with self._lock:
            kept = []
            for thread, each in self._cells:
                alive = thread()
                if alive is not None and alive.is_alive():
                    kept.append((thread, each))
                else:
                    self._accepted_by_dead_threads += each[0]
            self._cells = [*kept, (weakref.ref(threading.current_thread()), cell)]
        return cell


class View:
    """One immutable state of the pipeline, and the marks of those who are inside it."""

    __slots__ = ("entry", "marks", "on_idle", "sinks", "steps")

    def __init__(
        self,
        steps: Sequence[tuple[Role, str, Deliver]] = (),
        sinks: Sequence[tuple[str, Deliver]] = (),
        entry: Gate | None = None,
    ) -> None:
        self.steps = tuple(steps)
        self.sinks = tuple(sinks)
        self.entry = entry
        self.marks: list[None] = []
        self.on_idle: Callable[[], None] | None = None
        """Set as the view is replaced; called, perhaps more than once, when nobody is inside."""

    def leave(self) -> None:
        """Take a mark back."""
        self.marks.pop()
        if self.on_idle is not None and not self.marks:
            self.on_idle()


class Gate:
    """Holds events back, then delivers them in order. Thread-safe.

    Open: ``pass_`` calls ``deliver`` at once. Closed: it queues up to ``limit``
    events. A producer in a thread of its own that finds the queue full waits, up to
    ``patience_seconds``; one on the event loop's thread cannot, since whoever opens
    the gate runs there. What finds no place is dropped and counted under ``name``.
    """

    def __init__(
        self, name: str, deliver: Deliver, counts: Counts, limit: int, patience_seconds: float
    ) -> None:
        self.name = name
        self.deliver = deliver
        self._counts = counts
        self._limit = limit
        self._patience_seconds = patience_seconds
        self._closed = False
        self._queue: deque[Any] = deque()
        self._loop_thread = threading.get_ident()
        # Reentrant: a sink may emit an event from inside its own write.
        self._room = threading.Condition(threading.RLock())

    def close(self) -> None:
        with self._room:
            self._closed = True

    def pass_(self, event: Any) -> None:
        with self._room:
            if self._closed and len(self._queue) >= self._limit:
                self._wait_for_room()
            if self._closed:
                if len(self._queue) >= self._limit:
                    self._counts.drop(self.name)
                else:
                    self._queue.append(event)
                return
        self.deliver(event)

    def open(self, deliver: Deliver) -> None:
        """Deliver what waited, in order, then whatever comes, to ``deliver``.

        Returns when the queue is empty. Producers go on queueing behind the first
        rounds; under traffic that never ends the last round holds them up.
        """
        self.deliver = deliver
        for _ in range(PATIENT_ROUNDS):
            with self._room:
                batch, self._queue = self._queue, deque()
                self._closed = bool(batch)
                self._room.notify_all()
                if not batch:
                    return
            for event in batch:
                _contained(deliver, event)
        with self._room:
            while self._queue:
                _contained(deliver, self._queue.popleft())
            self._closed = False
            self._room.notify_all()

    def _wait_for_room(self) -> None:
        if threading.get_ident() != self._loop_thread:
            self._room.wait_for(
                lambda: not self._closed or len(self._queue) < self._limit,
                self._patience_seconds,
            )


class Mailbox:
    """The queue of one asynchronous sink's lineage, and the task that empties it.

    One event at a time, in order, to whichever generation is the target then.
    Posting is thread-safe; everything else belongs to the event loop's thread.
    """

    def __init__(self, name: str, counts: Counts, limit: int) -> None:
        self.name = name
        self._counts = counts
        self._limit = limit
        self._queue: deque[Any] = deque()
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._paused = True
        self._target: Deliver | None = None
        self._task: asyncio.Task[None] | None = None

    def post(self, event: Any) -> None:
        if len(self._queue) >= self._limit:
            self._counts.drop(self.name)
            return
        self._queue.append(event)
        _call_on(self._loop, self._wake.set)

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
            self._queue.popleft()
            self._counts.drop(self.name)

    def _start(self) -> None:
        self._task = self._loop.create_task(
            self._run(self._idle), name=f"mailbox of sink {self.name!r}"
        )

    async def _run(self, idle: asyncio.Event) -> None:
        IN_MAILBOX.set(True)
        while self._idle is idle:  # abandoned runs end here
            self._wake.clear()
            while self._idle is idle and self._queue and not self._paused and self._target:
                idle.clear()
                event = self._queue.popleft()
                try:
                    await self._target(event)
                finally:
                    idle.set()
            await self._wake.wait()


class Dispatch:
    """The pipeline of one engine.

    ``emit`` may be called from any thread or task; everything else on the loop's thread.
    """

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._loop = asyncio.get_running_loop()
        self._view = View()
        self._retiring: list[View] = []
        self._left = asyncio.Event()

    @property
    def view(self) -> View:
        return self._view

    def emit(self, event: Any) -> bool:
        """Accept ``event``; False: there is no sink, and nothing was done."""
        while True:
            view = self._view
            view.marks.append(None)
            if view is self._view:
                break
            view.leave()
        try:
            if not view.sinks:
                return False
            self.counts.accept()
            if view.entry is None:
                self.run(view, event)
            else:
                view.entry.pass_(event)
            return True
        finally:
            # What ``leave`` does: a call of a method for each event would be felt.
            view.marks.pop()
            if view.on_idle is not None and not view.marks:
                view.on_idle()

    def run(self, view: View, event: Any) -> None:
        """Take ``event`` through the stages of ``view``."""
        for role, name, step in view.steps:
            try:
                answer = step(event)
            except KeyboardInterrupt:
                self.counts.drop(name)
                raise
            except BaseException:
                self.counts.error(name)
                if role is _REDACTOR:  # nothing may pass unredacted
                    self.counts.drop(name)
                    return
                continue
            if role is _FILTER:
                if not answer:
                    self.counts.filter(name)
                    return
            else:
                event = answer
        interrupt: KeyboardInterrupt | None = None
        for _, deliver in view.sinks:
            try:
                deliver(event)
            except KeyboardInterrupt as error:
                interrupt = error  # the other sinks get the event all the same
        if interrupt is not None:
            raise interrupt

    def sink(self, name: str) -> Deliver | None:
        """How an event reaches the sink ``name`` now; None: no such sink serves."""
        return dict(self._view.sinks).get(name)

    def run_current(self, event: Any) -> None:
        """Take ``event`` through the stages as they are now; for an opening entry gate."""
        self.run(self._view, event)

    def guarded(self, name: str, write: Deliver) -> Deliver:
        """``write`` of a synchronous sink: what it raises costs its siblings nothing."""
        counts = self.counts

        def deliver(event: Any) -> None:
            try:
                write(event)
            except BaseException as error:
                counts.error(name)
                counts.drop(name)
                # In a producer's own thread it is the user's.
                if isinstance(error, KeyboardInterrupt):
                    raise

        return deliver

    def guarded_async(self, name: str, write: Deliver) -> Deliver:
        """``write`` of an asynchronous sink, for its mailbox."""
        counts = self.counts

        async def deliver(event: Any) -> None:
            try:
                answer = write(event)
                if answer is not None:
                    await answer
            except asyncio.CancelledError:
                counts.drop(name)
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                counts.error(name)
            except BaseException:  # raised on, it would end the mailbox, or the event loop
                counts.error(name)
                counts.drop(name)

        return deliver

    def install(self, view: View) -> None:
        """Make ``view`` the current one; what is inside the old one ends there."""
        old, self._view = self._view, view
        self._retiring = [*(each for each in self._retiring if each.marks), old]
        # Stored after the swap: a producer that leaves now sees it, and one that left
        # before has taken its mark back already.
        old.on_idle = self._signal

    def forget_left(self) -> bool:
        """Let go of the replaced views that nobody is inside any more; whether that is all."""
        self._retiring = [each for each in self._retiring if each.marks]
        return not self._retiring

    async def drained(self) -> None:
        """Return when nobody is inside a replaced view any more."""
        while True:
            self._left.clear()
            if self.forget_left():
                return
            await self._left.wait()

    def _signal(self) -> None:
        _call_on(self._loop, self._left.set)


def _contained(deliver: Deliver, event: Any) -> None:
    # Whoever opens a gate is in mid-commit; the plugin's own interrupt must not end it.
    with contextlib.suppress(KeyboardInterrupt):
        deliver(event)


def _call_on(loop: asyncio.AbstractEventLoop, callback: Callable[[], Any]) -> None:
    if asyncio._get_running_loop() is loop:  # None outside of any loop
        callback()
        return
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more
