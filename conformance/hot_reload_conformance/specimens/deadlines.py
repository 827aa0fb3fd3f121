"""Wrong hosts whose deadlines count from the wrong moment, or for the wrong thing."""

from __future__ import annotations

import asyncio
import contextvars
from functools import partial
from typing import Any

from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
)
from hot_reload_conformance.specimens.pipeline_host import PipelineAdapter, PipelineHost
from hot_reload_conformance.specimens.registry import specimen

_ends_at: contextvars.ContextVar[float | None] = contextvars.ContextVar("ends_at", default=None)

# HR-LIMIT-04, hook-deadline


class _Budget(BlueGreenHost):
    """What is done inside of ``together`` has one deadline."""

    async def in_time(self, task: asyncio.Future[Any], seconds: float) -> bool:
        ends_at = _ends_at.get()
        left = seconds if ends_at is None else min(seconds, ends_at - self.ports.clock.now())
        return await super().in_time(task, max(left, 0.0))

    def together(self) -> contextvars.Token[float | None]:
        return _ends_at.set(self.ports.clock.now() + self.ports.hook_deadline_seconds)


class _OneForTheReload(_Budget):
    async def prepare(self, name: str, old: Generation | None) -> Generation:
        token = self.together()
        try:
            return await super().prepare(name, old)
        finally:
            _ends_at.reset(token)


@specimen(
    "HR-LIMIT-04",
    says="the deadline runs over the hooks together",
    bug="one asyncio.timeout(hook_deadline) around all hooks of the new generation",
)
class OneForTheReload(BlueGreenAdapter):
    name = "one-deadline-for-all-hooks"
    host_class = _OneForTheReload


class _OneForTheShutdown(_Budget):
    async def retire(self, old: Generation) -> list[str]:
        token = self.together()
        try:
            return await super().retire(old)
        finally:
            _ends_at.reset(token)


@specimen(
    "HR-LIMIT-04",
    says="v1's stop, v1's teardown were cut off: the deadline runs over the hooks together",
    bug="flush, stop and teardown in one coroutine under one deadline",
)
class OneForTheShutdown(BlueGreenAdapter):
    name = "one-deadline-for-the-shutdown"
    host_class = _OneForTheShutdown


class _OneTimer(BlueGreenHost):
    """One timer runs while hooks do; whoever comes later joins it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.timed: set[asyncio.Future[Any]] = set()
        self.expired: asyncio.Future[None] | None = None

    async def in_time(self, task: asyncio.Future[Any], seconds: float) -> bool:
        if not self.timed:
            self.expired = asyncio.get_running_loop().create_future()
            self.ports.clock.call_later(seconds, partial(_expire, self.expired))
        assert self.expired is not None
        self.timed.add(task)
        try:
            await asyncio.wait({task, self.expired}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.timed.discard(task)
        return task.done()


def _expire(expired: asyncio.Future[None]) -> None:
    expired.cancel()


@specimen(
    "HR-LIMIT-04",
    says="was given up with it",
    bug="a watchdog of the host's, started by the first hook and not for each",
)
class OneTimer(BlueGreenAdapter):
    name = "one-watchdog-for-all-plugins"
    host_class = _OneTimer


class _SpentWatchdog(BlueGreenHost):
    """What ends a hook that is overdue does so once."""

    spent = False

    async def in_time(self, task: asyncio.Future[Any], seconds: float) -> bool:
        if self.spent:
            await asyncio.wait({task})
            return True
        in_time = await super().in_time(task, seconds)
        self.spent = not in_time
        return in_time


@specimen(
    "HR-LIMIT-04",
    says="that hangs behind one that did has no deadline",
    bug="the task that watches hooks ends with the first that it gives up",
)
class SpentWatchdog(BlueGreenAdapter):
    name = "watchdog-spent-by-the-first"
    host_class = _SpentWatchdog


class _FirstUseWaits(BlueGreenHost):
    """A first use is served by a path of its own, which awaits hooks plainly."""

    using = False

    async def first_load(self, name: str) -> None:
        self.using = True
        try:
            await super().first_load(name)
        finally:
            self.using = False

    async def in_time(self, task: asyncio.Future[Any], seconds: float) -> bool:
        if not self.using:
            return await super().in_time(task, seconds)
        await asyncio.wait({task})
        return True


@specimen("HR-LIMIT-04", says="start of a first use that hangs", bug="two paths to one load")
class FirstUseWaits(BlueGreenAdapter):
    name = "first-use-without-deadline"
    host_class = _FirstUseWaits


# HR-SWAP-10, calls-in-flight-finish


class _DrainsFromTheBeginning(BlueGreenHost):
    """Its drain has what the reload has left of the drain deadline."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.began_at: dict[str, float] = {}

    async def reload(self, name: str) -> list[str]:
        self.began_at[name] = self.ports.clock.now()
        return await super().reload(name)

    async def drain(self, old: Generation) -> None:
        now = self.ports.clock.now()
        left = self.began_at.get(old.name, now) + self.ports.drain_deadline_seconds - now
        idle = asyncio.ensure_future(old.idle.wait())
        try:
            await self.in_time(idle, max(left, 0.0))
        finally:
            idle.cancel()


@specimen(
    "HR-SWAP-10",
    says="the drain deadline counts from something that comes before the hand-over",
    bug="a long start uses up the drain's time, and calls are cut",
)
class DrainsFromTheBeginning(BlueGreenAdapter):
    name = "drain-counted-from-the-begin"
    host_class = _DrainsFromTheBeginning


class _DrainsByAge(BlueGreenHost):
    """A call that has run for longer than a drain may take is none to wait for."""

    async def answer(self, generation: Generation, event: Any) -> list[str]:
        def too_old() -> None:
            generation.idle.set()

        timer = self.ports.clock.call_later(self.ports.drain_deadline_seconds, too_old)
        try:
            return await super().answer(generation, event)
        finally:
            timer.cancel()


@specimen(
    "HR-SWAP-10",
    says="was in flight for longer than the drain deadline already",
    bug="each call has the drain deadline from when it began",
)
class DrainsByAge(BlueGreenAdapter):
    name = "drain-by-the-age-of-calls"
    host_class = _DrainsByAge


class _DeliveriesFromTheBeginning(PipelineHost):
    """The same for events alone: it waits for calls as long as it should."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.began_at: dict[str, float] = {}

    async def reload(self, name: str) -> list[str]:
        self.began_at[name] = self.ports.clock.now()
        return await super().reload(name)

    async def drain(self, old: Generation) -> None:
        late = self.ports.clock.now() - self.began_at.get(old.name, self.ports.clock.now())
        box = self.mailboxes.get(old.name)
        if box is not None and box.under_way and late >= self.ports.drain_deadline_seconds:
            self.rescue(box, old)
            return
        await super().drain(old)


@specimen(
    "HR-SWAP-10",
    says="it was taking an event while the new one's start took longer",
    bug="the deadline of a delivery under way is the reload's",
)
class DeliveriesFromTheBeginning(PipelineAdapter):
    name = "delivery-cut-after-a-long-start"
    host_class = _DeliveriesFromTheBeginning


class _DrainBrokenOff(BlueGreenHost):
    """Who waits for the plugin's lock is let in at once."""

    async def drain(self, old: Generation) -> None:
        if not self.locks[old.name]._waiters:
            await super().drain(old)


@specimen(
    "HR-SWAP-10",
    says="as its plugin was reloaded twice in a row",
    bug="the next request cancels the drain of the one before",
)
class DrainBrokenOff(BlueGreenAdapter):
    name = "drain-broken-off-by-the-next"
    host_class = _DrainBrokenOff


class _LeftAlone(BlueGreenHost):
    async def retire(self, old: Generation) -> list[str]:
        await self.drain(old)
        if old.calls:
            return [f"{old.name!r} is still in use, and was left alone"]
        return await super().retire(old)


@specimen("HR-SWAP-10", says="the old one was never stopped", bug="a drain that failed ends it all")
class LeftAlone(BlueGreenAdapter):
    name = "not-stopped-after-its-drain"
    host_class = _LeftAlone
