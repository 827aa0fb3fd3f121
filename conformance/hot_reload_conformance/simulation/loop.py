"""The loop: asyncio in virtual time, its freedom of choice given to the oracle.

Only steps of tasks are reordered, never callbacks, whose order asyncio promises.
No time passes while anything is ready; when nothing is, or after many steps at one
moment, the clock jumps to the next timer. What cannot be simulated (threads, sockets,
processes) raises ``SimulationEscape`` and is noted.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import heapq
import itertools
import math
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from hot_reload_conformance.bench.alarm import Overdue
from hot_reload_conformance.simulation.escape import Fence, SimulationEscape
from hot_reload_conformance.simulation.oracle import (
    CANCEL,
    CLOCK,
    FAULT,
    LATENCY,
    SCHEDULE,
    Oracle,
)
from hot_reload_conformance.simulation.outside import SealedLoop
from hot_reload_conformance.simulation.task import (
    MAYBE_STEPS,
    STEP_TYPES,
    Ready,
    SimulatedFuture,
    SimulatedTask,
    Step,
    is_step,
    task_name,
)
from hot_reload_conformance.simulation.waiting import where

T = TypeVar("T")

LATENCIES: tuple[int | float, ...] = (0, 1, 4, 0.01)
"""What a decision on latency chooses from: turns of the loop (int), or virtual seconds."""
PATIENCE_STEPS = 500
"""After so many steps at one moment the clock jumps to the next timer all the same: who polls
with ``sleep(0)`` for what takes time would poll for ever."""
WINDOW = 24
"""How many ready steps are looked at for the next one: others wait until they are among them."""


class Deadlock(Exception):
    """Nothing is ready, no timer is set, and the end is not reached. Says who waits where."""


class Livelock(Exception):
    """The bound of steps or of virtual time was reached: it goes on for ever, or too long."""


class InjectedFault(Exception):
    """An ordinary exception, raised where the oracle said so."""


class SimulationLoop(SealedLoop):
    """An event loop in virtual time. Used from one thread; closed like any other."""

    # What asyncio's own base class has for its subclasses, and its type stubs leave out.
    _ready: deque[Any]
    _scheduled: list[Any]
    _stopping: bool
    _closed: bool
    _timer_cancelled_count: int
    _task_factory: Any
    _check_closed: Callable[[], None]

    def __init__(
        self,
        oracle: Oracle,
        *,
        fence: Fence | None = None,
        max_steps: int = 200_000,
        max_seconds: float = 86_400.0,
    ) -> None:
        self._now = 0.0
        super().__init__()
        self._selector = None
        self._serials = itertools.count(1)
        self._spawned: list[weakref.ref[asyncio.Task[Any]]] = []
        self._thread = threading.get_ident()
        self._max_steps = max_steps
        self._max_seconds = max_seconds
        self.fence = fence or Fence()
        self.oracle = oracle
        self.exploring = True
        """False: everything goes way 0 and no decision is counted, as for preparations."""
        self.steps = 0
        self._stood_still_at = 0
        """How many steps there had been when the clock last moved."""
        self._after_step: Callable[[], None] | None = None
        self._cancellable: dict[asyncio.Task[Any], str] = {}
        self._ready_tasks: list[asyncio.Task[Any]] = []
        """Whose steps are ready, in the order of the queue, in which callbacks stand too."""
        self._watched = oracle.recording
        """Whether anything is to be done after a step."""
        self.lost: list[str] = []
        """Exceptions that nobody retrieved, and what else the loop was told of."""
        self.set_exception_handler(_lose)
        self.set_debug(False)

    # What a subject asks for

    async def pause(self, label: str) -> None:
        """A point at which something could take time: as long as the oracle says."""
        if not self.exploring:
            return
        latency = LATENCIES[self.oracle.decide(LATENCY, len(LATENCIES), label)]
        if isinstance(latency, float):
            await asyncio.sleep(latency)
            return
        for _ in range(latency):
            await asyncio.sleep(0)

    def fault(self, label: str) -> None:
        """A point at which something could fail.

        Raises:
            InjectedFault: the oracle says that it does.
        """
        if self.exploring and self.oracle.decide(FAULT, 2, label):
            raise InjectedFault(f"injected at {label}")

    def after_each_step(self, look: Callable[[], None] | None) -> None:
        """Call ``look`` after each step; what it raises ends the run. None: no more."""
        self._after_step = look
        self._watched = self.oracle.recording or look is not None or bool(self._cancellable)

    def may_be_cancelled(self, task: asyncio.Task[Any], words: str) -> None:
        """Let the oracle cancel ``task``, once, after any step until it is done."""
        if CANCEL in self.oracle.open:
            self._cancellable[task] = words
            self._watched = True
            task.add_done_callback(self.spare)

    def spare(self, task: asyncio.Task[Any]) -> None:
        """Take back ``may_be_cancelled``."""
        self._cancellable.pop(task, None)

    # The event loop

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]  # typed by the stubs with what C never checks
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        if self._closed:
            self._check_closed()
        kind = type(callback)
        if STEP_TYPES.get(kind) or (kind in MAYBE_STEPS and is_step(callback)):
            self._ready_tasks.append(callback.__self__)
            if context is None:
                context = contextvars.copy_context()
            self._ready.append((callback, args, context))
            return None  # type: ignore[return-value]  # no task looks at it
        handle = Ready(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(  # type: ignore[override]  # as above
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        if threading.get_ident() != self._thread:
            self.escapes("call_soon_threadsafe from another thread")
        return self.call_soon(callback, *args, context=context)

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None, **kw: Any) -> Any:
        self._check_closed()
        serial = next(self._serials)
        if self._task_factory is None:
            task: Any = SimulatedTask(
                serial, coro, loop=self, name=name or f"task {serial}", context=context, **kw
            )
        else:
            given = {} if context is None else {"context": context}
            task = self._task_factory(self, coro, **given, **kw)
            task.set_name(name or f"task {serial}")
        self._spawned.append(weakref.ref(task))
        return task

    def create_future(self) -> asyncio.Future[Any]:
        return SimulatedFuture(next(self._serials), self)

    def _run_once(self) -> None:
        ready, tasks = self._ready, self._ready_tasks
        self._fire_timers()
        for _ in range(len(ready)):
            handle = ready[0]
            if type(handle) is tuple:
                count, choice = len(tasks), 0
                if count > 1 and self.exploring:
                    ways = count if count < WINDOW else WINDOW
                    choice = self.oracle.decide(SCHEDULE, ways, "", tasks)
                if choice:
                    place = choice if len(ready) == count else self._place_of_step(choice)
                    handle = ready[place]
                    del ready[place]
                else:
                    ready.popleft()
                del tasks[choice]
                callback, args, context = handle
            else:
                ready.popleft()
                if handle._cancelled:
                    continue
                callback, args, context = handle._callback, handle._args, handle._context
            self.steps += 1
            # Handle._run, without a call of its own: this is where the time goes.
            try:
                context.run(callback, *args)
            except (SystemExit, KeyboardInterrupt, Overdue):
                raise
            except BaseException as error:
                told = {"message": f"a callback failed ({handle})", "exception": error}
                self.call_exception_handler(told)
            if self._watched and self.exploring:
                self._look(handle)
        if self.steps > self._max_steps:
            raise Livelock(f"{self._max_steps} steps, and no end; running: {self._everyone()}")
        if self.fence.escapes and not self.fence.lowered:
            raise SimulationEscape("; ".join(map(str, self.fence.escapes)))

    def _place_of_step(self, choice: int) -> int:
        """Where the queue, in which callbacks stand too, has that step; from its nearer end, so
        that it may be below 0."""
        behind = len(self._ready_tasks) - 1 - choice
        place, way, others = (0, 1, choice) if choice <= behind else (-1, -1, behind)
        for each in self._ready if way > 0 else reversed(self._ready):
            if type(each) is tuple:
                if not others:
                    break
                others -= 1
            place += way
        return place

    def _look(self, ran: Step | asyncio.Handle) -> None:
        if self.oracle.recording:
            self.oracle.ran(task_name(ran))
        if self._after_step is not None:
            self._after_step()
        if self._cancellable:
            self._cancel_one()

    def _cancel_one(self) -> None:
        tasks = [each for each in self._cancellable if not each.done()]
        words = ", ".join(self._cancellable[each] for each in tasks)
        choice = self.oracle.decide(CANCEL, len(tasks) + 1, f"one of {words}")
        if choice:
            task = tasks[choice - 1]
            self.spare(task)
            task.cancel()

    def _fire_timers(self) -> None:
        timers = self._scheduled
        while timers and timers[0]._cancelled:
            self._timer_cancelled_count -= 1
            heapq.heappop(timers)._scheduled = False
        if not timers:
            if not self._ready and not self._stopping:
                raise Deadlock(f"nothing can go on; waiting: {self._everyone()}")
            return
        patient = self.steps - self._stood_still_at < PATIENCE_STEPS
        if not (self._ready and patient) and not self._stopping:
            self._now = max(self._now, timers[0]._when)
            self._stood_still_at = self.steps
        elif self.exploring and timers[0]._when > self._now and self.oracle.decide(CLOCK, 2, "now"):
            self._now = timers[0]._when
        if self._now > self._max_seconds:
            raise Livelock(
                f"{self._max_seconds:g} s of virtual time, and no end; running: {self._everyone()}"
            )
        while timers and timers[0]._when <= self._now:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            if not timer._cancelled:
                self._ready.append(timer)

    # Looking

    def unfinished(self) -> list[asyncio.Task[Any]]:
        """The tasks that are not done, in the order in which they were created."""
        alive = [ref() for ref in self._spawned]
        return [each for each in alive if each is not None and not each.done()]

    def unretrieved(self) -> list[str]:
        """What nobody will ever hear of: exceptions of tasks, errors of callbacks.

        A task that is still referred to may be asked later, so look when all is over.
        """
        alive = [ref() for ref in self._spawned]
        for task in alive:
            if task is not None and task.done() and getattr(task, "_log_traceback", False):
                task._log_traceback = False
                if not task.cancelled():
                    error = task.exception()
                    self.lost.append(f"{task.get_name()}: {type(error).__name__}: {error}")
        return list(self.lost)

    def drain(self) -> None:
        """Run what is ready, in plain order, until nothing is; no time passes."""
        self.exploring = False
        for _ in range(1000):
            if not self._ready:
                return
            self.call_soon(self.stop)
            self.run_forever()

    def over(self) -> None:
        """The run has its result: nothing is explored, looked at or told any more."""
        self.exploring = False
        self.after_each_step(None)
        self.fence.lowered = True
        self._max_steps, self._max_seconds = self.steps + 100_000, math.inf

    def abandon(self) -> None:
        """Cancel what is left, let it end, and forget what does not."""
        self.over()
        for task in self.unfinished():
            task.cancel()
        # Whatever a plugin raises now, the run has its result already.
        with contextlib.suppress(Exception, SystemExit):
            self.drain()
        for task in self.unfinished():
            task._log_destroy_pending = False  # type: ignore[attr-defined]

    def _everyone(self) -> str:
        # The first task is the one that plays the script: it waits for all others.
        others = [each for each in self.unfinished() if getattr(each, "serial", 0) != 1]
        return "; ".join(map(where, others)) or "nobody"

    def _write_to_self(self) -> None:
        """Nothing sleeps here that would have to be woken."""

    def _process_events(self, event_list: Any) -> None:
        """There are none."""


class SimulatedClock:
    """The engine's clock port on the simulated loop: virtual seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now: Callable[[], float] = loop.time
        self.call_later: Callable[[float, Callable[[], None]], asyncio.TimerHandle]
        self.call_later = loop.call_later


def simulation() -> SimulationLoop:
    """The loop that the caller runs on.

    Raises:
        RuntimeError: it is no simulated one.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SimulationLoop):
        raise RuntimeError("no simulation runs here: start one by simulate() or run()")
    return loop


def _lose(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    assert isinstance(loop, SimulationLoop)
    error = context.get("exception")
    words = f": {type(error).__name__}: {error}" if error is not None else ""
    loop.lost.append(f"{context.get('message')}{words}")
