"""Wrong hosts whose bugs only some interleavings show: the simulation finds them.

Each breaks one step of a correct host.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from hot_reload_conformance.adapter import Event, Ports
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
)
from hot_reload_conformance.specimens.registry import specimen


class ChecksThenUnloadsHost(BlueGreenHost):
    """The guard is asked, something is awaited, and then the sink goes."""

    async def unload(self, name: str) -> None:
        async with self.lock(name):
            old = self.known(name, "unload")
            self.guard_last_sink(name, "unload")
            await asyncio.sleep(0)  # a log line, a metric, a hook: anything that waits
            self.live.pop(name, None)
            await self.finished(self.retire(old))


@specimen(
    "HR-GUARD-02",
    says="the last sink is gone",
    bug="the guard is asked before an await, the sink goes behind it",
)
class ChecksThenUnloads(BlueGreenAdapter):
    name = "checks-then-unloads"
    host_class = ChecksThenUnloadsHost


class OpenGateHost(BlueGreenHost):
    """State is captured before an await, and what changes it meanwhile is lost."""

    def close_gate(self, name: str) -> None:
        """No gate."""


@specimen(
    "HR-STATE-02",
    says="no order of the operations explains",
    bug="what is counted while a reload runs is counted on the old one",
)
class OpenGate(BlueGreenAdapter):
    name = "open-gate"
    host_class = OpenGateHost


class StaleCompletionHost(BlueGreenHost):
    """Reloads do not wait for each other, and whoever comes last serves."""

    async def reload(self, name: str) -> list[str]:
        new = await self.prepare(name, self.known(name, "reload"))
        before = self.live.get(name)
        self.commit(name, new)
        return await self.retire(before) if before is not None else []


@specimen(
    "HR-RACE-07",
    says="no order of the operations explains",
    bug="an older, slower start that ends later, and wins",
)
class StaleCompletion(BlueGreenAdapter):
    name = "stale-completion"
    host_class = StaleCompletionHost


class KeepsLockHost(BlueGreenHost):
    """A failure releases the lock, a cancellation does not."""

    async def reload(self, name: str) -> list[str]:
        turn = self.lock(f"reload {name}")
        await turn.acquire()
        try:
            warnings = await super().reload(name)
        except Exception:
            turn.release()
            raise
        turn.release()
        return warnings


@specimen(
    "HR-RACE-01",
    says="nothing can go on",
    bug="`except Exception` around a release: a cancellation passes it by",
)
class KeepsLock(BlueGreenAdapter):
    name = "keeps-lock"
    host_class = KeepsLockHost


class LockOrderHost(BlueGreenHost):
    """Unloading takes the plugin's lock and then the membership's, disabling the reverse."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.membership = asyncio.Lock()

    def guarded(self, name: str) -> asyncio.Lock:
        return self.lock(f"guard of {name}")

    async def unload(self, name: str) -> None:
        async with self.guarded(name), self.membership:
            await super().unload(name)

    async def disable(self, name: str) -> None:
        async with self.membership:
            await asyncio.sleep(0)
            async with self.guarded(name):
                await super().disable(name)


@specimen(
    "HR-RACE-02",
    says="nothing can go on",
    bug="two locks in two orders: the oldest deadlock",
)
class LockOrder(BlueGreenAdapter):
    name = "lock-order"
    host_class = LockOrderHost


class GapHost(BlueGreenHost):
    """The old one leaves the registry before the health of the new one is known."""

    async def check_health(self, new: Generation) -> None:
        old = self.live.pop(new.name, None)
        try:
            await super().check_health(new)
        finally:
            if old is not None:
                self.live[new.name] = old


@specimen(
    "HR-SWAP-06",
    says="does not answer a call",
    bug="out of the registry before the new one is known to be good",
)
class Gap(BlueGreenAdapter):
    name = "gap"
    host_class = GapHost


class LossyRollbackHost(BlueGreenHost):
    """What waited at the gate is thrown away when the reload fails."""

    async def roll_back(self, name: str, old: Generation) -> None:
        if name in self.gates:
            self.gates[name].clear()
        await super().roll_back(name, old)


@specimen(
    "HR-FLOW-01",
    says="accepted events are lost",
    bug="what waited is dropped with the reload that failed",
)
class LossyRollback(BlueGreenAdapter):
    name = "lossy-rollback"
    host_class = LossyRollbackHost


class ForgetsCancelledHost(BlueGreenHost):
    """What a failed reload made is released; what a cancelled one made is not."""

    async def release_half_made(self, new: Generation) -> None:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return
        await super().release_half_made(new)


@specimen(
    "HR-RACE-01",
    says="were started and never stopped",
    bug="`except Exception` around a start that is cancelled",
)
class ForgetsCancelled(BlueGreenAdapter):
    name = "forgets-cancelled"
    host_class = ForgetsCancelledHost


class ForgetsAsItClosesHost(BlueGreenHost):
    """An unload takes the plugin out, and learns only then that the host is closing."""

    async def unload(self, name: str) -> None:
        async with self.lock(name):
            old = self.known(name, "unload")
            self.guard_last_sink(name, "unload")
            del self.live[name]
            with self.marked(name):
                await self.finished(self.retire(old))


@specimen(
    "HR-RACE-06",
    says="were started and never stopped",
    bug="this kit's own blue-green host, until the simulation closed it in mid-unload",
)
class ForgetsAsItCloses(BlueGreenAdapter):
    name = "forgets-as-it-closes"
    host_class = ForgetsAsItClosesHost


class OneTurnDrainHost(BlueGreenHost):
    """The drain waits for a moment, not for the calls."""

    async def drain(self, old: Generation) -> None:
        """Waits one turn, which is enough for every call that the author has seen."""
        await asyncio.sleep(0)


@specimen(
    "HR-SWAP-10",
    says="while a call is in flight",
    bug="a drain that waits for a fixed time, and not for the calls",
)
class OneTurnDrain(BlueGreenAdapter):
    name = "one-turn-drain"
    host_class = OneTurnDrainHost


class OneLockHost(BlueGreenHost):
    """One lock for the host, so that a plugin that hangs holds up all others."""

    def lock(self, name: str) -> asyncio.Lock:
        return super().lock("")


@specimen(
    "HR-RACE-04",
    says="ends only when",
    bug="one lock for all plugins: who hangs holds up everybody",
)
class OneLock(BlueGreenAdapter):
    name = "one-lock-for-all"
    host_class = OneLockHost


class HoldsForOneHost(BlueGreenHost):
    """An event that has to wait for one sink's reload goes to no sink after it."""

    def emit(self, event: Event) -> bool:
        with self.delivering:
            sinks = [g for g in self.live.values() if g.enabled and g.plugin.is_sink]
            for generation in sinks:
                self.deliver(generation, event)
                if generation.name in self.gates:
                    break  # "held": the rest of the way is forgotten
        return bool(sinks)


@specimen(
    "HR-FLOW-08",
    says="was operated on",
    bug="`return` where an event is held for one sink, in the loop over all of them",
)
class HoldsForOne(BlueGreenAdapter):
    name = "holds-for-one"
    host_class = HoldsForOneHost


class WaitsForSilenceHost(BlueGreenHost):
    """A drain that ends when no event has come for a moment, whoever the events are for."""

    came = 0

    def emit(self, event: Event) -> bool:
        self.came += 1
        return super().emit(event)

    async def drain(self, old: Generation) -> None:
        """Wait until it is quiet."""
        seen = -1
        while seen != self.came:
            seen = self.came
            await self.in_time(asyncio.ensure_future(asyncio.sleep(0.002)), 1.0)
        await super().drain(old)


@specimen(
    "HR-FLOW-10",
    says="does not end",
    bug="it waits for quiet, not for what the old one has begun",
)
class WaitsForSilence(BlueGreenAdapter):
    name = "waits-for-silence"
    host_class = WaitsForSilenceHost
