"""The invariants of the operations machine: what is said of an operation is what it did."""

from __future__ import annotations

from hot_reload_conformance.adapter import HostEvent
from hot_reload_conformance.bench.hold import turns
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import HANDLERS, Op
from hot_reload_conformance.exploration.world import World

_ATTEMPTS = ("load", "reload", "unload", "cancel")


class TerminalEvents(Invariant):
    """Each attempt has told its start and its one end by the time that it is over."""

    code = "HR-OBS-03"
    machine = "operations"
    names = HANDLERS
    needs = "attempts were told"
    about_failures = True

    def __init__(self) -> None:
        self.known: set[str] = set()

    async def after(self, world: World, op: Op, done: Done) -> None:
        await turns()
        attempts: dict[str, list[HostEvent]] = {}
        for event in await world.case.events():
            attempts.setdefault(event.attempt, []).append(event)
        new = {number: events for number, events in attempts.items() if number not in self.known}
        self.known |= set(new)
        for number, events in new.items():
            phases = [event.phase for event in events]
            what = f"attempt {number} ({events[0].operation} of {events[0].plugin!r})"
            whole = phases[0] == "start" and phases[-1] == "end"
            world.expect(
                whole and phases.count("start") == phases.count("end") == 1,
                f"after {op}, {what} has {phases.count('start')} start and "
                f"{phases.count('end')} terminal events" + ("" if whole else ", out of order"),
                "one start first, one end last",
                phases,
            )
        told = {events[0].plugin for events in new.values()}
        world.facts["attempts were told"] += bool(told)
        for part, each in zip(op.parts or (op,), done.parts or (done,), strict=True):
            made = part.verb in _ATTEMPTS and each.outcome not in ("refused", "unchanged")
            world.expect(
                not made or part.name in told,
                f"{part} was an attempt, and no event tells of it",
                f"a start and an end for {part.name}",
                sorted(told),
            )

    async def overlapped(self, world: World, op: Op, done: Done) -> None:
        await self.after(world, op, done)


class Truth(Invariant):
    """What the result of a reload says is what a call finds, also once it is enabled again."""

    code = "HR-OBS-04"
    machine = "operations"
    names = HANDLERS
    needs = "a result was compared"
    about_failures = True

    def __init__(self) -> None:
        self.told: dict[str, str] = {}
        """For disabled plugins: what the last result named as the version that runs."""

    async def after(self, world: World, op: Op, done: Done) -> None:
        plugin = world.model.plugins.get(op.name)
        if plugin is None or op.verb not in ("reload", "enable"):
            return
        seen = await world.ask("ask")
        if op.verb == "enable":
            told = self.told.pop(op.name, "")
            served = any(told.endswith(version) for version in seen)
            text = f"the result of a reload of {op.name} while it was disabled names {told!r}"
            world.expect(not told or served, f"{text}; enabled, it is not there", told, seen)
            return
        if op.fault and done.old == done.new:
            return  # this host's dialect cannot show the fault, and nothing was asked of it
        world.facts["a result was compared"] += 1
        self._versions(world, op, done)
        if not plugin.enabled:
            self.told[op.name] = done.reply.new if done.reply.ok else ""
            return
        edit = op.value or done.new
        ok = done.reply.ok
        world.expect(
            (edit in seen) is ok or done.old == edit or not edit,
            f"the result of {op} says {'success' if ok else 'no success'}, and a call says "
            "otherwise",
            [edit] if ok else f"no {edit}",
            seen,
        )

    def _versions(self, world: World, op: Op, done: Done) -> None:
        runs = done.new if done.reply.ok and not done.failed else done.old
        for field, told, so in (("old", done.reply.old, done.old), ("new", done.reply.new, runs)):
            world.expect(
                not told or not so or told.endswith(so),
                f"the result of {op} names {told!r} as its {field} version, and it is {so}",
                so,
                told,
            )

    async def overlapped(self, world: World, op: Op, done: Done) -> None:
        seen = await world.ask("ask")
        for part, each in zip(op.parts, done.parts, strict=True):
            plugin = world.model.plugins.get(part.name)
            if part.verb != "reload" or plugin is None:
                continue
            if not plugin.enabled:
                self.told.pop(part.name, None)  # which of them came last is nobody's to say
            if not plugin.enabled or part.fault:
                continue
            ok, edit = each.reply.ok, each.new
            world.expect(
                not ok or not edit or edit in seen,
                f"in {op}, the result of {part} says success, and a call says otherwise",
                [edit],
                seen,
            )


OPERATIONS = (TerminalEvents, Truth)
