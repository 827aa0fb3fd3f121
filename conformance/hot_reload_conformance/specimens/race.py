"""Wrong hosts for RACE, each with one step broken."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from hot_reload_conformance.adapter import Ports
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.registry import specimen

T = TypeVar("T")


class NoLockHost(BlueGreenHost):
    def lock(self, name: str) -> asyncio.Lock:
        return asyncio.Lock()


@specimen(
    "HR-RACE-03",
    says="starts at the same time",
    bug="home-assistant/core#72636: two reloads of one entry overlap",
)
class NoLock(BlueGreenAdapter):
    name = "no-lock"
    host_class = NoLockHost


class RefusesWhileBusyHost(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        if name in self.busy:
            raise HostError(f"reload of {name!r} refused: another one is running")
        return await super().reload(name)


@specimen(
    "HR-RACE-03",
    says="got an error of its own",
    bug="home-assistant/core#73387: refused for what the caller cannot know",
)
class RefusesWhileBusy(BlueGreenAdapter):
    name = "refuses-while-busy"
    host_class = RefusesWhileBusyHost


class DropsWhileBusyHost(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        if name in self.busy:
            return []
        return await super().reload(name)


@specimen(
    "HR-RACE-03",
    says="the last written content does not serve",
    bug="fluent/fluent-bit#8457: acknowledged and dropped",
)
class DropsWhileBusy(BlueGreenAdapter):
    name = "drops-while-busy"
    host_class = DropsWhileBusyHost


class UnlockedUnloadHost(BlueGreenHost):
    async def unload(self, name: str) -> None:
        old = self.known(name, "unload")
        del self.live[name]
        await self.retire(old)


@specimen(
    "HR-RACE-02",
    says="no order of them",
    bug="home-assistant/core#116482: unloaded in the middle of a reload, and back again",
)
class UnlockedUnload(BlueGreenAdapter):
    name = "unlocked-unload"
    host_class = UnlockedUnloadHost


class ChecksThenLoadsHost(BlueGreenHost):
    async def load(self, name: str) -> None:
        if name in self.live:
            raise HostError(f"load of {name!r} refused: it is loaded already")
        new = await self.prepare(name, None)
        self.live[name] = new


@specimen("HR-RACE-02", says="no order of them", bug="home-assistant/core#117756: set up twice")
class ChecksThenLoads(BlueGreenAdapter):
    name = "checks-then-loads"
    host_class = ChecksThenLoadsHost


class KeepsBusyMarkHost(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        self.busy.add(name)
        async with self.lock(name):
            self.known(name, "reload")  # raises, and the mark stays
            self.busy.discard(name)
        return await super().reload(name)

    async def load_locked(self, name: str) -> None:
        if name in self.busy:
            raise HostError(f"load of {name!r} refused: a reload of it is running")
        await super().load_locked(name)


@specimen(
    "HR-RACE-02",
    says="can neither be reloaded nor loaded",
    bug="design A-e: the mark of a running reload is stuck",
)
class KeepsBusyMark(BlueGreenAdapter):
    name = "keeps-busy-mark"
    host_class = KeepsBusyMarkHost


class LockOfTheGenerationHost(BlueGreenHost):
    """Who waited for the old generation's lock has none of the new one's."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.of_generation: WeakKeyDictionary[Generation, asyncio.Lock] = WeakKeyDictionary()

    def lock(self, name: str) -> asyncio.Lock:
        running = self.live.get(name)
        if running is None:
            return super().lock(name)
        return self.of_generation.setdefault(running, asyncio.Lock())


@specimen(
    "HR-RACE-03",
    says="2 starts at the same time",
    bug="the lock is an attribute of the generation, which the reload that holds it replaces",
)
class LockOfTheGeneration(BlueGreenAdapter):
    name = "lock-of-the-generation"
    host_class = LockOfTheGenerationHost


class DrainCancelledHost(BlueGreenHost):
    """Who cancels a reload while it waits for calls leaves the old generation as it is."""

    leaving: Generation | None = None

    def commit(self, name: str, new: Generation) -> None:
        self.leaving = self.live.get(name)
        super().commit(name, new)

    async def finished(self, work: Coroutine[Any, Any, T]) -> T:
        leaving, self.leaving = self.leaving, None
        try:
            if leaving is not None:
                await self.drain(leaving)
        except BaseException:
            work.close()
            raise
        return await super().finished(work)


@specimen(
    "HR-RACE-01",
    says="cancelled while a call on the old one was in flight",
    bug="the end of the old one is not shielded",
)
class DrainCancelled(BlueGreenAdapter):
    name = "cancelled-drain-skips-stop"
    host_class = DrainCancelledHost
