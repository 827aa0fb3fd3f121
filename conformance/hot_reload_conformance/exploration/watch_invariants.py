"""The invariants of the watching machine: what lies on disk runs in the end, where it may."""

from __future__ import annotations

from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import HANDLERS, Op
from hot_reload_conformance.exploration.retry_invariant import Retries
from hot_reload_conformance.exploration.watch_pace_invariants import PACE
from hot_reload_conformance.exploration.watch_world import WatchWorld


class _Watch(Invariant):
    machine = "watching"
    names = HANDLERS

    async def _caught_up(self, world: WatchWorld, text: str) -> None:
        good = {name: p.version for name, p in world.plugins.items() if not p.failed}
        seen = await world.ask("ask")
        missing = {name: version for name, version in good.items() if version not in seen}
        world.expect(
            not missing and len(seen) == len(world.plugins),
            text.format(", ".join(f"{n} {v}" for n, v in missing.items()) or "each plugin"),
            sorted(good.values()),
            seen,
        )


class Converges(_Watch):
    """A long time after the last save, what lies on disk serves."""

    code = "HR-WATCH-01"
    needs = "edits were given time"

    def __init__(self) -> None:
        self.saved = False

    async def after(self, world: WatchWorld, op: Op, done: Done) -> None:
        self.saved |= op.verb == "save" or bool(op.parts)
        if (op.verb, op.name) != ("wait", "long") or not world.on:
            return
        world.facts["edits were given time"] += self.saved
        bound = world.watching.pace.converge_seconds
        await self._caught_up(
            world, f"{bound:g} s and more after the last save, {{}} lies on disk and does not serve"
        )

    async def overlapped(self, world: WatchWorld, op: Op, done: Done) -> None:
        await self.after(world, op, done)


class Switch(_Watch):
    """Switched off, the watch starts nothing; switched on again, it has missed nothing."""

    code = "HR-WATCH-12"
    needs = "the watch was off for a while"

    def __init__(self) -> None:
        self.was_off = False

    async def after(self, world: WatchWorld, op: Op, done: Done) -> None:
        waited = (op.verb, op.name) == ("wait", "long")
        if not world.on:
            self.was_off = True
            started = world.watching.runs[world.ran :]
            world.facts["the watch was off for a while"] += waited
            world.expect(
                not started,
                f"in {op} the watch loads what was edited, though it is switched off",
                "no reload",
                ", ".join(map(str, started)),
            )
        elif waited and self.was_off:
            self.was_off = False
            await self._caught_up(
                world, "switched on again, the watch does not catch up: {} lies on disk"
            )

    async def overlapped(self, world: WatchWorld, op: Op, done: Done) -> None:
        await self.after(world, op, done)


class StopIsFinal(_Watch):
    """Once the watch was stopped nothing is loaded any more, whatever waited and whatever comes."""

    code = "HR-WATCH-13"
    needs = "the watch was stopped"
    stops = True
    cost = 3

    async def after(self, world: WatchWorld, op: Op, done: Done) -> None:
        if not world.stopped:
            return
        world.facts["the watch was stopped"] += (op.verb, op.name) == ("wait", "long")
        started = world.watching.runs[world.ran :]
        world.expect(
            not started,
            f"in {op} the watch loads what was edited, though it was stopped before",
            "no reload",
            ", ".join(map(str, started)),
        )

    async def overlapped(self, world: WatchWorld, op: Op, done: Done) -> None:
        await self.after(world, op, done)


WATCHING = (Converges, Switch, StopIsFinal, Retries, *PACE)
