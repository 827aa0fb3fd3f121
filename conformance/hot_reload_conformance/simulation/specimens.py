"""Wrong hosts whose bugs only some interleavings show, and what must be found of each.

Each breaks one step of a correct host. The hunt has to find them, to name the
invariant, and to shrink the proof to a few operations and deviations.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from hot_reload_conformance.adapter import Ports
from hot_reload_conformance.simulation import invariants
from hot_reload_conformance.simulation.failure import DEADLOCK
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
)


class ChecksThenUnloadsHost(BlueGreenHost):
    """The guard is asked, something is awaited, and then the sink goes."""

    async def unload(self, name: str) -> None:
        async with self.lock(name):
            old = self.known(name, "unload")
            await self.hook(old, "flush")
            self.guard_last_sink(name, "unload")
            await asyncio.sleep(0)
            self.live.pop(name, None)
            await self.finished(self.retire(old))


class ChecksThenUnloads(BlueGreenAdapter):
    name = "checks-then-unloads"
    host_class = ChecksThenUnloadsHost


class OpenGateHost(BlueGreenHost):
    """State is captured before an await, and what changes it meanwhile is lost."""

    def close_gate(self, name: str) -> None:
        """No gate."""


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


class Gap(BlueGreenAdapter):
    name = "gap"
    host_class = GapHost


class LossyRollbackHost(BlueGreenHost):
    """What waited at the gate is thrown away when the reload fails."""

    async def roll_back(self, name: str, old: Generation) -> None:
        if name in self.gates:
            self.gates[name].clear()
        await super().roll_back(name, old)


class LossyRollback(BlueGreenAdapter):
    name = "lossy-rollback"
    host_class = LossyRollbackHost


@dataclass(frozen=True, slots=True)
class Interleaved:
    """A wrong host, and the kinds of failure that are its bug."""

    adapter: type[BlueGreenAdapter]
    kinds: frozenset[str]


INTERLEAVED: tuple[Interleaved, ...] = (
    Interleaved(ChecksThenUnloads, frozenset({invariants.LAST_SINK, invariants.SERIAL})),
    Interleaved(OpenGate, frozenset({invariants.SERIAL})),
    Interleaved(
        StaleCompletion, frozenset({invariants.ONE_GENERATION, invariants.SERIAL, invariants.ONCE})
    ),
    Interleaved(KeepsLock, frozenset({DEADLOCK})),
    Interleaved(LockOrder, frozenset({DEADLOCK})),
    Interleaved(Gap, frozenset({invariants.NO_GAP})),
    Interleaved(LossyRollback, frozenset({invariants.NO_LOSS})),
)
