"""PLUG 06, 13: what a plugin leaves behind when its start fails, and when it has stopped."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from hot_reload import hooks
from hot_reload_conformance.bench.containment import THREAD_GRACE_SECONDS, still_running
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.plugins.bare import BarePlugin
from hot_reload_conformance.plugins.case import PluginCase
from hot_reload_conformance.plugins.hook_run import HookRun
from hot_reload_conformance.plugins.loop_watch import LoopWatch, place_in
from hot_reload_conformance.plugins.patches import put_into_others
from hot_reload_conformance.plugins.process_settings import ProcessSettings
from hot_reload_conformance.plugins.words import outcome_of
from hot_reload_fixtures import Census, runner_noise

SUSPENSIONS_TRIED = 6

_ACTING_PARTS = ("logging handler", "signal handler", "atexit callback", "child process")
_HELD_PARTS = (*_ACTING_PARTS, "file descriptor", "sys.path entry", "environment variable")


class Before:
    """What was there before a plugin was started."""

    def __init__(self, bare: BarePlugin) -> None:
        self.bare = bare
        self.watch = LoopWatch(asyncio.get_running_loop(), bare.sources)
        self.tasks = asyncio.all_tasks()
        self.threads = set(threading.enumerate())
        self.settings = ProcessSettings()
        self.handler = asyncio.get_running_loop().get_exception_handler()
        self.filters = list(warnings.filters)
        self.level = logging.root.level
        self.census = Census.take()

    async def left(self, parts: tuple[str, ...]) -> Left:
        """What is there now and was not then; ``parts`` are those of the census."""
        await _turns(5)  # what was cancelled gets to end
        pending = asyncio.all_tasks() - self.tasks
        if pending:
            await asyncio.wait(pending, timeout=THREAD_GRACE_SECONDS)
        made = self.watch.tasks()
        growth = Census.growth(
            self.census,
            Census.take(),
            ignoring=lambda part, label: part not in parts or runner_noise(part, label),
        )
        return Left(
            tasks=tuple(
                sorted(
                    f"{task.get_name()!r} ({_coroutine(task)}, "
                    f"made at {made.get(task, 'an unknown place')})"
                    for task in pending
                    if not task.done()
                )
            ),
            threads=self._threads(),
            timers=tuple(dict.fromkeys(self.watch.timers())),
            others="; ".join(each.describe() for each in growth.grown),
            settings=(*self.settings.put_back(), *self._patches()),
        )

    def _patches(self) -> list[str]:
        loop, found = asyncio.get_running_loop(), []
        if loop.get_exception_handler() is not self.handler:
            found.append("replaced the exception handler of the event loop")
            loop.set_exception_handler(self.handler)
        for each in [each for each in warnings.filters if each not in self.filters]:
            action, message, category, module, _ = each
            # One for certain texts or modules is a library's, about itself, as it is imported.
            if message is None and module is None:
                cast("list[Any]", warnings.filters).remove(each)
                kind = getattr(category, "__name__", category)
                found.append(f"added a warnings filter: {action!r} for {kind}")
        if logging.root.level != self.level:
            was, now = map(logging.getLevelName, (self.level, logging.root.level))
            found.append(f"set the level of the root logger from {was} to {now}")
            logging.root.setLevel(self.level)
        return found + put_into_others(self.bare.generation)

    def _threads(self) -> tuple[str, ...]:
        came = set(threading.enumerate()) - self.threads
        # The loop's own pool (asyncio.to_thread) belongs to the loop.
        own = {thread for thread in came if not thread.name.startswith("asyncio_")}
        return tuple(sorted(_where(thread, self.bare) for thread in still_running(own)))


@dataclass(frozen=True, slots=True)
class Left:
    """What a plugin left behind, in words."""

    tasks: tuple[str, ...]
    threads: tuple[str, ...]
    timers: tuple[str, ...]
    others: str
    settings: tuple[str, ...]
    """What is set otherwise in the process, each as "replaced …" or "added …"."""

    def describe(self) -> str:
        """All of it in one line; empty where there is nothing."""
        parts = [f"the task {each}" for each in self.tasks]
        parts += [f"the thread {each}" for each in self.threads]
        parts += [f"a timer that was set at {each}" for each in self.timers]
        parts += [self.others] if self.others else []
        parts += [f"what it {each}" for each in self.settings]
        return "; ".join(parts)


def _coroutine(task: asyncio.Task[Any]) -> str:
    return str(getattr(task.get_coro(), "__qualname__", "a coroutine"))


def _where(thread: threading.Thread, bare: BarePlugin) -> str:
    place = place_in(sys._current_frames().get(thread.ident or 0), bare.sources)
    return f"{thread.name!r}" + (f" (now at {place})" if place else "")


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


_HINT = (
    ". A start_server() or create_server() that is cancelled keeps its socket and gives it to "
    "nobody: call it with start_serving=False, keep the server, then await its start_serving()"
)
_WAYS: tuple[Variant, ...] = (
    Variant("cancelled", lambda: None),
    Variant("failed", lambda: ConnectionError("planned by the kit")),
)


@check("HR-PLUG-06", variants=_WAYS, deadline_seconds=20)
async def half_start_released(case: PluginCase, error: Callable[[], Exception | None]) -> None:
    for number in range(1, SUSPENSIONS_TRIED + 1):
        run, left = await _half_start(case, number, error())
        if run.suspensions < number:
            return  # it waits fewer times than that
        if left:
            # Again: what a library opens once and for all at its first use is no leak.
            run, left = await _half_start(case, number, error())
        how = "failed" if error() else "was cancelled"
        where = f" while it waited at {run.waiting_at}" if run.waiting_at else ""
        case.expect(
            not left,
            f"start() {how}{where}, stop() was called, and yet there is {left}. stop() has to "
            "release whatever start() got so far: set the attribute as soon as you hold the thing, "
            "and in stop() ask for each thing by itself, not for one flag at the end of start()"
            + _HINT
            * ("socket:" in left),
            expected="as before start()",
            seen=left,
        )


async def _half_start(
    case: PluginCase, number: int, error: Exception | None
) -> tuple[HookRun, str]:
    """Break start off at its suspension ``number``, then stop; and what is left after that."""
    bare = await case.build()
    try:
        before = Before(bare)
        await bare.run(hooks.SETUP)
        run = await bare.run(hooks.START, cancel_at=number, fail_with=error)
        await bare.shut_down(flush=False)
        left = (await before.left(_HELD_PARTS)).describe()
    finally:
        bare.release()
    case.tell(f"start(), broken off at {run.waiting_at}; stop()", seen=left or "nothing is left")
    return run, left


@check("HR-PLUG-13")
async def silent_after_stop(case: PluginCase, _: Any) -> None:
    left = await _stopped(case)
    if left.describe():
        left = await _stopped(case)  # as above: only what is left every time is the plugin's
    _is_silent(case, left)


async def _stopped(case: PluginCase) -> Left:
    bare = await case.build()
    before = Before(bare)
    try:
        await case.started(bare)
        await case.exercised(bare.plugin)
        await _turns(3)  # what it began gets to run
        for run in await bare.shut_down():
            case.tell(run.name, seen=outcome_of(run, bare))
        return await before.left(_ACTING_PARTS)
    finally:
        bare.release()


def _is_silent(case: PluginCase, left: Left) -> None:
    case.expect(
        not left.tasks,
        f"after stop() the task {' and the task '.join(left.tasks)} still runs: the old generation "
        "goes on acting beside the new one, one more with every reload. Keep the task "
        "(self.task = asyncio.create_task(...)) and in stop() self.task.cancel(); or start it by "
        "context.spawn(...), which ends it for you",
        expected="no task of the plugin",
        seen=f"{len(left.tasks)} running",
    )
    case.expect(
        not left.threads,
        f"after stop() the thread {' and the thread '.join(left.threads)} still runs: threads "
        "cannot be ended from outside, so every reload adds one. Let it look at a "
        "threading.Event, and in stop() set the event and join() the thread; a threading.Timer is "
        "ended by its cancel()",
        expected="no thread of the plugin",
        seen=f"{len(left.threads)} running",
    )
    case.expect(
        not left.timers,
        f"after stop() a timer is still armed that was set at {' and '.join(left.timers)}: it will "
        "call into the stopped plugin. Keep what call_later() returns and cancel() it in stop()",
        expected="no timer of the plugin",
        seen=f"{len(left.timers)} armed",
    )
    case.expect(
        not left.others,
        f"after stop() there is {left.others} that was not there before start(): it can still call "
        "into the stopped plugin. Undo in stop() what start() registered",
        expected="as before start()",
        seen=left.others,
    )
    case.expect(
        not left.settings,
        f"after stop() it is still so that start() {' and '.join(left.settings)}: the whole "
        "process goes on with what belongs to a stopped plugin. Keep in start() what was there "
        "before, and in stop() put it back where it is still yours",
        expected="as before start()",
        seen="; ".join(left.settings),
    )
