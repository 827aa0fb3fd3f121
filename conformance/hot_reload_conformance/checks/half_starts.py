"""Half starts: a plugin's start in the simulation, broken off wherever it waits.

No engine and no real time. ``start 2; cancel`` cancels start, at the earliest at its second
suspension, while what it has begun goes on in every order; ``cancel 0.5`` comes half a second
later. ``fail 2`` has that await raise. ``whole`` lets it be.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hot_reload import hooks
from hot_reload.hooks import Hook
from hot_reload.source.snapshot import DiskFiles
from hot_reload_conformance.bench.isolation import run_in_own_loop
from hot_reload_conformance.checks.plug_left import Left
from hot_reload_conformance.plugins.bare import HOOK_DEADLINE_SECONDS, BarePlugin
from hot_reload_conformance.plugins.loop_watch import LoopWatch
from hot_reload_conformance.plugins.stepped import Stepped, place_inside
from hot_reload_conformance.simulation.loop import simulation
from hot_reload_conformance.simulation.script import Op
from hot_reload_conformance.simulation.subject import Broken, Subject, SubjectFactory
from hot_reload_conformance.simulation.workdir import Workdir
from hot_reload_conformance.subject import PluginUnderTest

HELD, AGAIN = "held", "next-start"
KINDS = (HELD, AGAIN)
"""What breaks the clause: something is left behind the stop, or the next start fails by it."""
WHOLE = "whole"
_DESCRIPTORS = "/proc/self/fd"


def half_starts(plugin: PluginUnderTest, seen: Callable[[HalfStart], None]) -> SubjectFactory:
    """Fresh instances of ``plugin`` as subjects; ``seen`` is shown each of them after its run."""
    place = Workdir()

    @contextlib.contextmanager
    def fresh() -> Iterator[Subject]:
        with place.entered() as workdir:
            subject = HalfStart(plugin, workdir)
            try:
                yield subject
            finally:
                subject.release()
                seen(subject)

    return fresh


class HalfStart:
    """One instance, and a second one in its place when it has gone."""

    def __init__(self, plugin: PluginUnderTest, workdir: Path) -> None:
        self._under_test = plugin
        self._workdir = workdir
        self._made: list[BarePlugin] = []
        self._alive: list[BarePlugin] = []
        """Those that were not told to stop, as where the run was broken off."""
        self.suspensions = 0
        """How often its start waited."""
        self.waited_at: list[str | None] = []
        """Where, as far as that is in the plugin's own source."""
        self.error: BaseException | None = None
        """What its start raised by itself, and in ``whole`` that of the second one."""
        self._how = ""
        """How and where it was broken off, in words; "": it was not."""
        self._fail_at = 0
        self._arrived = asyncio.Event()
        self._arrives_at = 1
        self._starting: asyncio.Task[object] | None = None
        self._lines: list[str] = []

    # The subject

    async def open(self) -> None:
        bare = await self._build()
        self._bare = bare
        self._watch = LoopWatch(simulation(), bare.sources)
        self._tasks = asyncio.all_tasks()
        self._descriptors = _descriptors()
        await self._contained(bare, hooks.SETUP)

    async def perform(self, op: Op) -> None:
        if op.verb == "cancel":
            await self._cancel(float(op.name or 0), str(op))
            return
        self._starting = asyncio.current_task()
        if op.verb == "start":
            self._arrives_at = int(op.name)
        elif op.verb == "fail":
            self._fail_at = int(op.name)
        try:
            await self._start()
        except asyncio.CancelledError:
            if not self._how:
                raise
        except BaseException as error:
            self.error = None if self._how else error
        finally:
            self._starting = None
            self._arrived.set()  # it came to nothing: nobody has to wait for it
        self._note(f"start() ends, {self._how or 'not broken off'}")

    def look(self) -> None:
        """All that is asked is asked at the end."""

    async def finish(self) -> None:
        whole = not self._how
        await self._shut_down(self._bare)
        if not whole:
            await self._nothing_is_held()
        if self.error is None:
            await self._start_again(whole)

    async def close(self) -> None:
        """All was ended in ``finish``."""

    def story(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def release(self) -> None:
        """Let go of all that was made; what left the simulation is stopped outside of it."""
        for each in [*self._alive]:
            run_in_own_loop(partial(self._shut_down, each))
        for each in self._made:
            each.release()

    # What is done

    async def _build(self) -> BarePlugin:
        config = self._under_test.subject.configured(self._workdir)
        bare = await BarePlugin.build(self._under_test.path, DiskFiles(), config)
        self._made.append(bare)
        self._alive.append(bare)
        return bare

    async def _start(self) -> None:
        method = self._bare.hooks.get(hooks.START)
        answer = method() if method is not None else None
        if inspect.isawaitable(answer):
            await Stepped(answer, self._suspended)

    def _suspended(self, steps: Any) -> Exception | None:
        """Note that start waits; what it is to raise there, if anything."""
        self.suspensions += 1
        place = place_inside(steps, self._bare.sources)
        self.waited_at.append(place)
        if self.suspensions == self._fail_at:
            self._how = f"failed{_at(place)}"
            return ConnectionError("planned by the kit")
        if self.suspensions >= self._arrives_at:
            self._arrived.set()
        return None

    async def _cancel(self, seconds: float, words: str) -> None:
        await self._arrived.wait()
        await asyncio.sleep(seconds)
        await simulation().pause(f"before {words}")
        if self._starting is not None:
            self._how = f"was cancelled{_at(self.waited_at[-1])}"
            self._starting.cancel()

    async def _shut_down(self, bare: BarePlugin) -> None:
        self._alive.remove(bare)
        for hook in (hooks.STOP, hooks.TEARDOWN):
            await self._contained(bare, hook)
        for cleanup in bare.context.cleanups():
            await self._in_time(cleanup, "a cleanup")
        owned = bare.context.cancel_tasks()
        if owned:
            await asyncio.wait(owned, timeout=HOOK_DEADLINE_SECONDS)

    async def _contained(self, bare: BarePlugin, hook: Hook) -> BaseException | None:
        method = bare.hooks.get(hook)
        return None if method is None else await self._in_time(method, hook.name)

    async def _in_time(self, call: Callable[[], Any], what: str) -> BaseException | None:
        """What it raises, be it that it takes too long: other clauses judge that."""
        error: BaseException | None = None
        try:
            async with asyncio.timeout(HOOK_DEADLINE_SECONDS):
                answer = call()
                if inspect.isawaitable(answer):
                    await answer
        except Exception as raised:
            error = raised.with_traceback(None)  # its frames would hold what the plugin let go of
        self._note(f"{what} ends, {'ok' if error is None else type(error).__name__}")
        return error

    # What has to hold

    async def _nothing_is_held(self) -> None:
        for _ in range(5):  # what was cancelled gets to end
            await asyncio.sleep(0)
        pending = asyncio.all_tasks() - self._tasks
        if pending:
            await asyncio.wait(pending, timeout=HOOK_DEADLINE_SECONDS)
        left = self._left(pending).describe()
        if left:
            # What awaits it is no leak, and is young: nothing collects in a simulation.
            gc.collect(0)
            left = self._left(pending).describe()
        if left:
            raise Broken(
                HELD,
                f"start() {self._how}, stop() was called, and yet there is {left}. Whatever "
                "start() got so far has to be where stop() finds it, also what a task of its own "
                "got while start() waited for that task: set the attribute where the thing is "
                "opened",
                expected="as before start()",
                seen=left,
            )

    def _left(self, pending: set[asyncio.Task[Any]]) -> Left:
        made = self._watch.tasks()
        opened = _descriptors()
        came = [opened[each] for each in sorted(opened.keys() - self._descriptors.keys())]
        return Left(
            tasks=tuple(
                sorted(
                    f"{each.get_name()!r}, made at {made[each]}" for each in made.keys() & pending
                )
            ),
            threads=(),
            timers=tuple(dict.fromkeys(self._watch.timers())),
            others="; ".join(f"the open file {each}" for each in came),
            settings=(),
        )

    async def _start_again(self, whole: bool) -> None:
        """What it holds and nobody sees shows here: the port or the file is taken."""
        bare = await self._build()
        error = await self._contained(bare, hooks.SETUP) or await self._contained(bare, hooks.START)
        await self._shut_down(bare)
        if whole:
            self.error = error
        elif error is not None:
            raise Broken(
                AGAIN,
                f"start() {self._how}, stop() was called, and then start() of a fresh instance "
                f"raised {self._told(error)}: the first one still holds what the next "
                "one needs. stop() has to release whatever start() got so far",
                expected="a start like the first one",
                seen=type(error).__name__,
            )

    def _told(self, error: BaseException) -> str:
        # The folder is another one every time, and says nothing.
        return f"{type(error).__name__}: {error}".replace(f"{self._workdir}/", "")

    def _note(self, line: str) -> None:
        self._lines.append(line)


def _at(place: str | None) -> str:
    return f" while it waited at {place}" if place else ""


def _descriptors() -> dict[int, str]:
    """What is open, by descriptor; nothing where the system does not say."""
    found: dict[int, str] = {}
    with contextlib.suppress(OSError):
        for each in os.listdir(_DESCRIPTORS):
            with contextlib.suppress(OSError):  # the listing's own is gone by now
                found[int(each)] = os.readlink(f"{_DESCRIPTORS}/{each}")
    return found
