"""A sink in the simulation: written to, flushed and looked at in every order that there is.

No engine and no real time: the sink's own tasks and timers run on a loop whose choices are
the simulation's. A sink that leaves it, for a thread or a socket, is not judged there.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hot_reload import hooks
from hot_reload.hooks import Hook
from hot_reload.source.snapshot import DiskFiles
from hot_reload_conformance.plugins.bare import BarePlugin
from hot_reload_conformance.plugins.multiset import beyond
from hot_reload_conformance.plugins.words import hook_place
from hot_reload_conformance.simulation.failure import DEADLOCK, LIVELOCK
from hot_reload_conformance.simulation.loop import simulation
from hot_reload_conformance.simulation.script import Op
from hot_reload_conformance.simulation.subject import Broken, Subject, SubjectFactory
from hot_reload_conformance.simulation.workdir import Workdir
from hot_reload_conformance.subject import PluginUnderTest

DELIVERED, DOUBLED, RAISED = "delivered", "doubled", "raised"
KINDS = (DEADLOCK, LIVELOCK, DELIVERED, DOUBLED, RAISED)

SCRIPTS = (
    "write 3 | flush",
    "write 3 | write 2; flush",
    *(f"write 3 | flush {seconds}; write 2" for seconds in ("0.1", "0.5", "1", "5")),
    "write 20 | write 3; flush 1",
)
"""``flush 1`` begins a second later: then what the sink does by a timer may be in its middle."""


def simulated_sink(
    plugin: PluginUnderTest, events: list[Any], seen: Callable[[SimulatedSink], None]
) -> SubjectFactory:
    """Fresh instances of ``plugin`` as subjects, which are written ``events`` one by one;
    ``seen`` is shown each of them after its run."""
    place = Workdir()

    @contextlib.contextmanager
    def fresh() -> Iterator[Subject]:
        with place.entered() as workdir:
            subject = SimulatedSink(plugin, events, workdir)
            try:
                yield subject
            finally:
                subject.release()
                seen(subject)

    return fresh


class SimulatedSink:
    """One instance, what it accepted, and what it had delivered as a flush of it returned."""

    def __init__(self, plugin: PluginUnderTest, events: list[Any], workdir: Path) -> None:
        self._under_test = plugin
        self._coming = iter(events)
        self._workdir = workdir
        self._bare: BarePlugin | None = None
        self.flushes = 0
        """How often a flush was looked at as it returned, with events before it."""
        self._accepted: list[Any] = []
        self._lines: list[str] = []

    # The subject

    async def open(self) -> None:
        config = self._under_test.subject.configured(self._workdir)
        self._bare = await BarePlugin.build(self._under_test.path, DiskFiles(), config)
        for hook in (hooks.SETUP, hooks.START):
            await self._run(hook)

    async def perform(self, op: Op) -> None:
        if op.verb == "write":
            for _ in range(int(op.name)):
                await self._write()
        else:
            if op.name:
                await asyncio.sleep(float(op.name))
                await simulation().pause(f"before {op}")
            await self._flush()

    def look(self) -> None:
        """All that is asked is asked as a flush returns, and at the end."""

    async def finish(self) -> None:
        await self._flush()
        twice = beyond(await self._delivered(), self._accepted)
        if twice:
            raise Broken(
                DOUBLED,
                f"{len(twice)} of {len(self._accepted)} events were delivered more than once, or "
                f"were never written: the first is {twice[0]!r:.80}",
                expected="each event once",
                seen=f"{twice!r:.200}",
            )

    async def close(self) -> None:
        if self._bare is None:
            return  # it left the simulation while it was built
        try:
            await self._run(hooks.STOP)
        finally:  # whatever one of them raises, the others end what is theirs
            try:
                await self._run(hooks.TEARDOWN)
            finally:
                for cleanup in self._bare.context.cleanups():
                    await self._contained(cleanup, "a cleanup")
                owned = self._bare.context.cancel_tasks()
                if owned:
                    await asyncio.wait(owned)

    def story(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def release(self) -> None:
        if self._bare is not None:
            self._bare.release()

    # What is done

    async def _write(self) -> None:
        event = next(self._coming)
        await simulation().pause("before an event")
        assert self._bare is not None
        write = self._bare.plugin.write
        await self._contained(lambda: write(event), f"write({event!r:.80})")
        self._accepted.append(event)
        self._lines.append(f"write {event!r:.60}")

    async def _flush(self) -> None:
        """What was accepted before it has to be there in the very step in which it returns."""
        before = list(self._accepted)
        self._lines.append(f"flush begins, {len(before)} events were accepted")
        await self._run(hooks.FLUSH)
        seen = await self._delivered()
        missing = beyond(before, seen)
        self.flushes += bool(before)
        self._lines.append(f"flush ends, {len(seen)} events are delivered")
        if missing:
            raise Broken(
                DELIVERED,
                f"{len(missing)} of {len(before)} events that the sink accepted before flush() are "
                f"missing as it returns{self._place()}: the first is {missing[0]!r:.80}. What is "
                "on its way counts too: keep hold of the sending that is under way, and await it "
                "in flush()",
                expected=f"{len(before)} events",
                seen=f"{len(seen)} delivered",
            )

    async def _delivered(self) -> list[Any]:
        observe = self._under_test.subject.observe
        assert observe is not None
        assert self._bare is not None
        return list(await observe(self._bare.plugin))

    async def _run(self, hook: Hook) -> None:
        assert self._bare is not None
        method = self._bare.hooks.get(hook)
        if method is not None:
            await self._contained(method, hook.name)

    async def _contained(self, call: Callable[[], Any], what: str) -> None:
        try:
            await _awaited(call())
        except Exception as error:
            raise Broken(
                RAISED,
                f"{what} raised {type(error).__name__}: {error}",
                expected="an end without an exception",
                seen=type(error).__name__,
            ) from error

    def _place(self) -> str:
        assert self._bare is not None
        if not self._bare.hooks.has(hooks.FLUSH):
            return ", and there is no flush() to call"
        return f" ({hook_place(self._bare, hooks.FLUSH)})"


async def _awaited(answer: Any) -> None:
    if inspect.isawaitable(answer):
        await answer
