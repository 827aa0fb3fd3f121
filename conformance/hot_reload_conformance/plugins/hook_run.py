"""Running one hook of a plugin step by step: how long each step held the loop, where it waits."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
import threading
import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import Any

from hot_reload_conformance.bench.alarm import Overdue
from hot_reload_conformance.plugins.loop_watch import place_in
from hot_reload_conformance.plugins.stepped import Stepped, place_inside

BLOCKING_SECONDS = 0.2
"""A step this long stands for "blocks the loop": far above any scheduling noise."""


@dataclass
class HookRun:
    """What one run of one hook showed. ``error`` is whatever it raised."""

    name: str
    ended: bool = False
    value: Any = None
    error: BaseException | None = None
    suspensions: int = 0
    longest_step_seconds: float = 0.0
    blocked_at: str | None = None
    """Where it was when a step had taken ``BLOCKING_SECONDS``."""
    waiting_at: str | None = None
    """Where it waited when its time was over, or when it was cancelled or made to fail."""

    @property
    def blocked(self) -> bool:
        return self.longest_step_seconds >= BLOCKING_SECONDS


async def run_hook(
    name: str,
    hook: Callable[..., Any],
    *arguments: Any,
    deadline_seconds: float,
    sources: Container[str] = (),
    cancel_at: int | None = None,
    fail_with: Exception | None = None,
    grace_seconds: float = 0.5,
    look: bool = False,
) -> HookRun:
    """Run ``hook`` in a task of its own, contained, and give what it showed.

    ``cancel_at=2`` cancels it at its second suspension; it then has ``grace_seconds``
    to end. With ``fail_with`` what it waits for there raises that instead. ``look`` has a
    thread look where it is when a step takes too long. What does not end in time is
    cancelled and left behind.
    """
    run = HookRun(name)
    task = asyncio.ensure_future(
        _contained(
            run,
            hook,
            arguments,
            _Watchdog(run, sources, look),
            _Interruption(run, cancel_at, fail_with, sources),
        )
    )
    seconds = deadline_seconds if cancel_at is None else grace_seconds
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        run.waiting_at = _waiting_place(task, sources)
        task.cancel()
        await asyncio.wait({task}, timeout=0.05)
        return run
    if not task.cancelled():
        task.result()
    run.ended = True
    return run


async def _contained(
    run: HookRun,
    hook: Callable[..., Any],
    arguments: tuple[Any, ...],
    watchdog: _Watchdog,
    interruption: _Interruption,
) -> None:
    try:
        with watchdog.step():
            value = hook(*arguments)
        if inspect.isawaitable(value):
            value = await Stepped(value, interruption.suspended, watchdog.step)
        run.value = value
    except Overdue:
        raise  # the kit's own: it does not go on
    except BaseException as error:
        # Contained: SystemExit in a task would take the loop with it.
        run.error = error


@dataclass(frozen=True, slots=True)
class _Interruption:
    """At which suspension a hook is cancelled, or fails with ``error``; 0 or None: at none."""

    run: HookRun
    at: int | None
    error: Exception | None
    sources: Container[str]

    def suspended(self, steps: Any) -> Exception | None:
        """Count that the hook waits; what is to be raised there, if anything."""
        self.run.suspensions += 1
        if self.run.suspensions != self.at:
            return None
        self.run.waiting_at = place_inside(steps, self.sources)
        if self.error is None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel("cancelled by the kit")
        return self.error


class _Watchdog:
    """Times the steps of one hook, and may look from another thread where a long one is."""

    def __init__(self, run: HookRun, sources: Container[str], look: bool) -> None:
        self._run = run
        self._sources = sources
        self._looks = look
        self._thread_id = threading.get_ident()

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        timer = threading.Timer(BLOCKING_SECONDS, self._look) if self._looks else None
        if timer:
            timer.start()
        began = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - began
            self._run.longest_step_seconds = max(self._run.longest_step_seconds, took)
            if timer:
                timer.cancel()
                timer.join()

    def _look(self) -> None:
        frame = sys._current_frames().get(self._thread_id)
        self._run.blocked_at = self._run.blocked_at or place_in(frame, self._sources)


def _waiting_place(task: asyncio.Task[None], sources: Container[str]) -> str | None:
    """The innermost place in ``sources`` at which the hook inside ``task`` waits."""
    return place_inside(task.get_coro(), sources)
