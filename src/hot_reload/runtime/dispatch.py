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
import concurrent.futures
import itertools
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any

from hot_reload.outcome import Role
from hot_reload.runtime import route
from hot_reload.runtime.forks import call_in_children
from hot_reload.runtime.route import Shape, maker

Deliver = Callable[[Any], Any]

# Looked up on its class for each step of each event, a member of an enum takes as long as the
# step does (until Python 3.12).
_FILTER, _REDACTOR = Role.FILTER, Role.REDACTOR
_UNRUN = frozenset({CoroutineType, GeneratorType, AsyncGeneratorType})
"""What comes back of a function of which nothing has run."""
_NO_ANSWER = _UNRUN | {asyncio.Future, asyncio.Task, concurrent.futures.Future}
"""What cannot be the answer of a stage that changes events or judges them: at best it will hold
one. A sink may well give such a thing: what it began goes on."""

PATIENT_ROUNDS = 8
"""How often an opening gate lets producers queue behind it before it holds them up."""


class Counts:
    """What became of events; kept by the engine for its whole life. Thread-safe."""

    def __init__(self) -> None:
        # Reentrant: a signal handler or a finalizer may emit in mid-count.
        self._lock = threading.RLock()
        # Adding to a shared number is no single step, and a lock would be taken for every event;
        # to draw the next number is one, and a look at it draws one as well.
        self._tickets = itertools.count()
        self._looks = 0
        self.accept: Callable[[], object] = self._tickets.__next__
        """Count one event more."""
        self.filtered: Counter[str] = Counter()
        """Events that a filter held back, by filter."""
        self.dropped: Counter[str] = Counter()
        """Accepted events that never reached a sink, by sink (or by the stage that ate them)."""
        self.errors: Counter[str] = Counter()
        """Exceptions that plugins raised on events, by plugin."""
        call_in_children(self)

    def forked(self) -> None:
        """A child counts on, for itself."""
        self._lock = threading.RLock()

    @property
    def accepted(self) -> int:
        with self._lock:
            found = next(self._tickets) - self._looks
            self._looks += 1
            return found

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


class View:
    """One immutable state of the pipeline, and the marks of those who are inside it."""

    __slots__ = ("changes", "entry", "filters", "marks", "on_idle", "sinks")

    def __init__(
        self,
        steps: Sequence[tuple[Role, str, Deliver]] = (),
        sinks: Sequence[tuple[str, Deliver]] = (),
        entry: Gate | None = None,
    ) -> None:
        """``steps``: the filters come before all others, whatever their order here."""
        # Two short loops without a question of the role in them: each step of each event counts.
        self.filters = tuple([(name, step) for role, name, step in steps if role is _FILTER])
        self.changes = tuple([each for each in steps if each[0] is not _FILTER])
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
        self._queue: deque[list[Any]] = deque()
        """What waits, each in a cell of its own, which is emptied as it is delivered."""
        self._loop_thread = threading.get_ident()
        # Reentrant: a sink may emit an event from inside its own write.
        self._room = threading.Condition(threading.RLock())
        call_in_children(self)

    def forked(self) -> None:
        """In a child nobody else holds it; what it was closed for goes on in the parent alone."""
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
                    self._queue.append([event])
                return
        self.deliver(event)

    def open(self, deliver: Deliver, *, here: Deliver | None = None) -> None:
        """Deliver what waited, in order, then whatever comes, to ``deliver``.

        ``here``: how it is delivered on the loop's thread, where no swap comes in between.
        Returns when the queue is empty. Producers go on queueing behind the first
        rounds; under traffic that never ends the last round holds them up. Whoever is
        interrupted calls it again: what was delivered is not delivered twice.
        """
        self.deliver = deliver
        for _ in range(PATIENT_ROUNDS):
            with self._room:
                waiting = len(self._queue)
                self._closed = bool(waiting)
                self._room.notify_all()
                if not waiting:
                    return
            for _ in range(waiting):
                self._deliver_first(here or deliver)
        with self._room:
            while self._queue:
                self._deliver_first(here or deliver)
            self._closed = False
            self._room.notify_all()

    def _deliver_first(self, deliver: Deliver) -> None:
        cell, dropped = self._queue[0], self._counts.dropped_total
        try:
            if cell:
                deliver(cell.pop())
        except BaseException as error:
            if cell:
                raise  # nothing was done
            if self._counts.dropped_total == dropped:  # it was interrupted on its way
                self._counts.drop(self.name)
            # Whoever opens a gate is in mid-commit; the plugin's own interrupt must not end it.
            if not isinstance(error, KeyboardInterrupt):
                raise
        self._queue.popleft()

    def _wait_for_room(self) -> None:
        if threading.get_ident() != self._loop_thread:
            self._room.wait_for(
                lambda: not self._closed or len(self._queue) < self._limit,
                self._patience_seconds,
            )


class Dispatch:
    """The pipeline of one engine.

    ``emit`` may be called from any thread or task; everything else on the loop's thread.
    """

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._loop = asyncio.get_running_loop()
        self.view = View()
        """The current one."""
        self.emit: Callable[[Any], bool] = self._emit
        """Accept an event; False: there is no sink, and nothing was done. Read it anew for each
        event: a kept one goes on to work, but keeps what served then alive."""
        self._retiring: list[View] = []
        self._left = asyncio.Event()

    def _emit(self, event: Any, *, accepted: bool = False) -> bool:
        """``emit`` for every view. ``accepted``: it waited at the entry, and goes on from there."""
        while True:
            view = self.view
            marks = view.marks
            marks.append(None)
            if view is self.view:
                break
            view.leave()
        try:
            if not accepted:
                if not view.sinks:
                    return False
                self.counts.accept()
                if view.entry is not None:
                    view.entry.pass_(event)
                    return True
            self.run(view, event)
            return True
        finally:
            view.leave()

    def run(self, view: View, event: Any) -> None:
        """Take ``event`` through the stages of ``view``; in ``route`` they are written out."""
        for name, step in view.filters:
            try:
                passes = step(event)
                if passes is True or (type(passes) not in _NO_ANSWER and passes):
                    continue
                if type(passes) in _NO_ANSWER:
                    raise _unrun(passes)
            except BaseException as error:  # the truth of its answer may raise as well
                self.step_failed(name, error)
                continue
            self.counts.filter(name)
            return
        for role, name, step in view.changes:
            try:
                changed = step(event)
                if changed is not event and (changed is None or type(changed) in _NO_ANSWER):
                    raise _unrun(changed)
                event = changed
            except BaseException as error:
                self.step_failed(name, error)
                if role is _REDACTOR:  # nothing may pass unredacted
                    self.counts.drop(name)
                    return
        interrupt: KeyboardInterrupt | None = None
        for name, deliver in view.sinks:
            try:
                answer = deliver(event)
                if answer is not None and type(answer) in _UNRUN:
                    raise _unrun(answer)
            except BaseException as error:
                self.sink_failed(name, deliver, error, view)
                if isinstance(error, KeyboardInterrupt):
                    interrupt = error  # the other sinks get the event all the same
        if interrupt is not None:
            raise interrupt

    def step_failed(self, name: str, error: BaseException) -> None:
        # In a producer's own thread it is the user's.
        if isinstance(error, KeyboardInterrupt) or _is_endless(error):
            self.counts.drop(name)
            raise error
        self.counts.error(name)

    def sink_failed(
        self, name: str, deliver: Deliver, error: BaseException, view: View | None = None
    ) -> None:
        # What a gate let through was guarded and counted behind it.
        if not isinstance(getattr(deliver, "__self__", None), Gate):
            self.counts.error(name)
            self.counts.drop(name)
        if view is not None and _is_endless(error):
            later = view.sinks[view.sinks.index((name, deliver)) + 1 :]
            for other, _ in later:
                self.counts.drop(other)
            raise error

    def sink(self, name: str) -> Deliver | None:
        """How an event reaches the sink ``name`` now; None: no such sink serves."""
        deliver = dict(self.view.sinks).get(name)
        return None if deliver is None else self.guarded(name, deliver)

    def run_here(self, event: Any) -> None:
        """Take ``event`` through the stages as they are now, on the loop's thread."""
        self.run(self.view, event)  # with no mark, which an interruption would leave behind

    def run_current(self, event: Any) -> None:
        """Take ``event`` through the stages as they are now; for an opening entry gate."""
        self._emit(event, accepted=True)

    def guarded(self, name: str, write: Deliver) -> Deliver:
        """``write`` of a synchronous sink as ``run`` would call it, for who delivers himself."""

        def deliver(event: Any) -> None:
            try:
                answer = write(event)
                if answer is not None and type(answer) in _UNRUN:
                    raise _unrun(answer)
            except BaseException as error:
                self.sink_failed(name, write, error)
                # In a producer's own thread it is the user's.
                if isinstance(error, KeyboardInterrupt) or _is_endless(error):
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
        emit, old = self._route(view), self.view
        # Before the swap: whoever is interrupted in here installs anew, and forgets nobody.
        self._retiring = [*(each for each in self._retiring if each.marks), old]
        self.view = view
        self.emit = emit
        # After it: a producer that leaves now sees this, and one that left before has taken its
        # mark back already.
        old.on_idle = self._signal

    def _route(self, view: View) -> Callable[[Any], bool]:
        redacts = tuple([role is _REDACTOR for role, _, _ in view.changes])
        shape = Shape(len(view.filters), redacts, len(view.sinks))
        if not view.sinks or view.entry is not None or shape.stages > route.STAGES_LIMIT:
            return self._emit
        return maker(shape)(self, view, self._emit, _NO_ANSWER, _UNRUN, _unrun)

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
            # A signal may strike between a producer's mark and what takes it back, and on the
            # way out: then nobody will. Whether anybody is inside is seen on the threads' stacks.
            self._retiring = [each for each in self._retiring if _is_inside(each)]
            if self._retiring:
                await self._left.wait()

    def _signal(self) -> None:
        call_on(self._loop, self._left.set)


def _is_inside(view: View) -> bool:
    """Whether any thread is inside ``view``, whatever its marks say."""
    return any(
        each.f_locals.get("view") is view
        for frame in sys._current_frames().values()
        for each in _emits(frame)
    )


def _is_endless(error: BaseException) -> bool:
    """Whether ``error`` is of an emit within an emit within another, without end.

    It has to leave all of them but the first: caught at each depth, so that the next sink gets
    the event, it would take twice as many emits at each, and a lifetime at a thousand.
    """
    if not isinstance(error, RecursionError):
        return False
    return len(list(itertools.islice(_emits(sys._getframe()), 2))) == 2


def _emits(frame: FrameType) -> Iterator[FrameType]:
    """The calls of ``emit`` that ``frame`` is inside of, innermost first."""
    each: FrameType | None = frame
    while each is not None:
        if each.f_code is _EMIT or each.f_code.co_filename.startswith(route.FILE):
            yield each
        each = each.f_back


_EMIT = Dispatch._emit.__code__


def _unrun(answer: Any) -> TypeError:
    """Why an answer is none: the function forgot it, or never ran (it waits or yields)."""
    if isinstance(answer, (CoroutineType, GeneratorType)):
        answer.close()  # else Python says on top of it that nobody awaited it
    return TypeError(f"a {type(answer).__name__} came back where an answer belongs")


def call_on(loop: asyncio.AbstractEventLoop, callback: Callable[[], Any]) -> None:
    """Call ``callback`` in ``loop``: at once where that runs here. A closed one gets nothing."""
    if asyncio._get_running_loop() is loop:  # None outside of any loop
        callback()
        return
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more
