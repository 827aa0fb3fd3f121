"""The invariants of the core machine: what serves, whatever was done, alone or overlapping."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hot_reload_conformance.checks.roll import restored_as_itself
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import HANDLERS, Op
from hot_reload_conformance.exploration.world import World


class Convergence(Invariant):
    """After a good load or reload that version serves, once, and none before it."""

    code = "HR-SWAP-01"
    machine = "core"
    needs = "a reload worked"

    def __init__(self) -> None:
        self.versions: dict[str, set[str]] = {}
        self.failed = False
        self.lost: set[str] = set()
        """What did not come back after a failure: HR-ROLL-05 is about that, and what follows."""

    async def before(self, world: World, op: Op) -> None:
        plugin = world.model.plugins.get(op.name)
        self.failed = plugin is not None and plugin.failed
        if plugin is None:
            self.lost.discard(op.name)

    async def after(self, world: World, op: Op, done: Done) -> None:
        if op.verb not in _MAKES_SERVE or done.failed or not done.reply.ok:
            return  # a good edit that is refused is another clause's matter: HR-ROLL-05
        if op.verb == "reload" and done.new == done.old:
            return  # nothing was edited, or the host's dialect cannot show this fault
        plugin = world.model.plugins.get(op.name)
        if plugin is None:
            return  # it was taken out at the same time
        versions = self.versions.setdefault(op.name, set())
        versions |= {plugin.version, done.old}
        if not plugin.enabled:
            return
        if op.name in HANDLERS:
            seen = [each for each in await world.ask("ask") if each in versions or " " in each]
        else:
            seen = [version for name, version, _ in await world.receivers() if name == op.name]
        if self.failed and op.verb == "reload" and plugin.version not in seen:
            self.lost.add(op.name)
        if op.name in self.lost:
            return
        what = {"reload": f"a good reload from {done.old}", "enable": "an enable"}
        world.expect(
            seen == [plugin.version],
            f"after {what.get(op.verb, 'a load')}, {op.name} {plugin.version} does not serve alone",
            [plugin.version],
            seen or "no answer",
        )


_MAKES_SERVE = ("load", "add_sink", "reload", "enable")


class Rollback(Invariant):
    """After a reload that failed, the same objects serve with the same state."""

    code = "HR-ROLL-01"
    machine = "core"
    needs = "a reload failed as planned"
    about_failures = True

    async def before(self, world: World, op: Op) -> None:
        self.served = await self.look(world, op.name) if op.fault else None

    async def look(self, world: World, name: str) -> dict[str, Any]:
        who, sinks = await world.ask("who"), await world.receivers()
        state = await world.ask("get")
        if not restored_as_itself(world.case):
            who = [each.partition("#")[0] for each in who]
            sinks = [(name, version, 0) for name, version, _ in sinks]
            if not world.stateful(name):
                state = []  # the old code, started anew, has nothing to restore it from
        return {"who": who, "state": state, "sinks": sinks}

    async def after(self, world: World, op: Op, done: Done) -> None:
        if not done.failed or self.served is None:
            return
        after = await self.look(world, op.name)
        world.expect(
            after == self.served,
            f"after a reload of {op.name} that failed at {op.fault.split(':')[0]}, "
            f"{done.old} does not serve as before",
            _only_changes(self.served, after),
            _only_changes(after, self.served),
        )


def _only_changes(these: dict[str, Any], those: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in these.items() if those.get(key) != value}


class HookOrder(Invariant):
    """The hooks of a reload run in the order that the host declares, once each."""

    code = "HR-SWAP-07"
    machine = "core"
    needs = "hooks were seen"

    async def after(self, world: World, op: Op, done: Done) -> None:
        if op.verb != "reload" or done.old == done.new:
            return
        new = done.new or op.value
        names = {done.old: "old", new: "new"}
        hooks = [
            f"{names[m.version]} {m.what}"
            for m in world.case.recording.moments[done.moment :]
            if m.plugin == op.name and m.phase == "begin" and m.version in names
        ]
        declared = list(world.case.adapter.hook_order)
        seen = [each for each in hooks if each in declared]
        if not done.failed and len(seen) > 1:
            world.facts["hooks were seen"] += 1
        world.expect(
            seen == [each for each in declared if each in seen],
            f"in a reload of {op.name} from {done.old} to {new}, its hooks ran in another order "
            "than the host declares, or twice",
            [each for each in declared if each in seen],
            seen,
        )


class Serial(Invariant):
    """After operations that overlapped there serves what some order of them gives.

    The model allows only operations of which all orders end alike, and counts one that the
    host refused as not done. A plugin that is wrong without any overlap, or behind a reload of
    its own that failed, is other clauses' matter: until it is right again nothing is asked of it.
    """

    code = "HR-RACE-02"
    machine = "core"
    names = HANDLERS
    needs = "operations overlapped on plugins that were right before"
    instead = (
        "this host is wrong where nothing overlaps, too: mend first what HR-SWAP-01, HR-ROLL-01 "
        "and HR-ROLL-05 find"
    )
    about_overlaps = True

    def __init__(self) -> None:
        self.overlaps: list[Op] = []
        self.versions: dict[str, set[str]] = {name: set() for name in HANDLERS}
        self.wrong: set[str] = set()
        self._broke: set[str] = set()

    def broke(self) -> frozenset[str]:
        return frozenset(self._broke)

    async def before(self, world: World, op: Op) -> None:
        for part in op.parts or (op,):
            if part.name in HANDLERS and part.value:
                self.versions[part.name].add(part.value)

    async def after(self, world: World, op: Op, done: Done) -> None:
        await self._look(world, op)

    async def overlapped(self, world: World, op: Op, done: Done) -> None:
        judged = not self.wrong & {*op.names}
        self.overlaps.append(op)
        await self._look(world, op)
        world.facts[self.needs] += judged

    async def _look(self, world: World, op: Op) -> None:
        found = {n: p for n, p in world.model.plugins.items() if n in HANDLERS}
        wanted = {n: [p.version] for n, p in found.items() if p.enabled}
        seen = await world.ask("ask")
        amiss = self._amiss(wanted, seen)
        failed = {name for name, plugin in found.items() if plugin.failed}
        blamed = amiss - self.wrong - failed
        if self._strange(seen) and self.wrong:
            blamed = set()  # a call that raised hides the others, and one of these may have
        self._broke |= blamed
        if not self.overlaps or not blamed:
            self.wrong = amiss
            return
        behind = "" if op is self.overlaps[-1] else f", behind {self.overlaps[-1]}"
        judged = {*HANDLERS} - (amiss - blamed)
        world.expect(
            False,
            f"after {op}{behind}, there serves what no order of these operations gives",
            sorted(version for name in judged for version in wanted.get(name, [])),
            [each for each in seen if self._whose(each) & judged or not self._whose(each)],
        )

    def _amiss(self, wanted: dict[str, list[str]], seen: list[str]) -> set[str]:
        """The plugins that do not serve as they have to."""
        if seen == sorted(version for each in wanted.values() for version in each):
            return set()
        if self._strange(seen):
            return {*HANDLERS}
        return {
            name
            for name in HANDLERS
            if [each for each in seen if name in self._whose(each)] != wanted.get(name, [])
        }

    def _strange(self, seen: list[str]) -> bool:
        """Whether there is an answer that is of no version: what the call raised."""
        return not all(map(self._whose, seen))

    def _whose(self, version: str) -> set[str]:
        return {name for name, versions in self.versions.items() if version in versions}


class Neighbours(Invariant):
    """Whatever is done to one plugin, the others serve on, the same objects, with their state."""

    code = "HR-ISO-01"
    machine = "core"
    needs = "others stood by"

    def __init__(self) -> None:
        self.others: set[str] = set()
        self.states: Counter[str] = Counter()
        self.served: list[str] = []

    async def before(self, world: World, op: Op) -> None:
        plugins = world.model.plugins
        others = {n: p for n, p in plugins.items() if n not in op.names and p.enabled}
        self.others = set() if op.verb in _HARMLESS else {p.version for p in others.values()}
        if not self.others:
            return
        self.served = await self._look(world)
        states = Counter(repr(p.state) for n, p in others.items() if n in HANDLERS)
        all_states = Counter(repr(p.state) for n, p in plugins.items() if n in HANDLERS)
        seen = Counter(await world.ask("get"))
        # Where some of those with the same state have lost it before, nobody can tell whose it is.
        self.states = Counter({s: n for s, n in states.items() if seen[s] >= all_states[s]})

    async def _look(self, world: World) -> list[str]:
        sinks = [f"{version}#{serial}" for _, version, serial in await world.receivers()]
        return sorted(
            e for e in [*await world.ask("who"), *sinks] if e.split("#")[0] in self.others
        )

    async def after(self, world: World, op: Op, done: Done) -> None:
        if not self.others:
            return
        world.facts["others stood by"] += 1
        served = await self._look(world)
        world.expect(
            served == self.served,
            f"after {op}, other plugins do not serve as they did",
            self.served,
            served,
        )
        lost = self.states - Counter(await world.ask("get"))
        world.expect(
            not lost,
            f"after {op}, the state of another plugin is not what it was",
            sorted(self.states.elements()),
            sorted((self.states - lost).elements()),
        )

    async def overlapped(self, world: World, op: Op, done: Done) -> None:
        await self.after(world, op, done)


_HARMLESS = ("put", "emit", "edit")


class Recovery(Invariant):
    """However often reloads failed or were cancelled, the next good edit is taken."""

    code = "HR-ROLL-05"
    machine = "core"
    names = HANDLERS
    needs = "a good edit came after a failure"
    about_failures = True

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self.last: dict[str, Op] = {}

    async def after(self, world: World, op: Op, done: Done) -> None:
        if op.verb == "unload":
            self.failures.pop(op.name, None)
        if op.fault or op.verb == "cancel":
            self.failures[op.name] += done.failed or done.cancelled
            self.last[op.name] = op
        elif op.verb == "reload" and self.failures[op.name]:
            await self._taken(world, op, done, self.failures.pop(op.name))

    async def _taken(self, world: World, op: Op, done: Done, failures: int) -> None:
        plugin = world.model.plugins[op.name]
        after = f"after {failures} reloads of {op.name} that came to nothing, the last of them "
        after = f"{after}{self.last[op.name]}, the next good edit"
        words = done.reply.everything or "no word why"
        world.expect(done.reply.ok, f"{after} is refused: {words}", "reloaded", "refused")
        if plugin.enabled:
            seen = await world.ask("ask")
            world.expect(plugin.version in seen, f"{after} does not serve", [plugin.version], seen)


CORE = (Convergence, Rollback, HookOrder, Serial, Neighbours, Recovery)
