"""The invariants of the state machine: what each clause asks after every operation."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.checks.flow import named
from hot_reload_conformance.checks.roll import restored_as_itself
from hot_reload_conformance.exploration.operation import HANDLERS, SINKS, Op
from hot_reload_conformance.exploration.world import Done, Invariant, World


class Convergence(Invariant):
    """After a good load or reload that version serves, once, and none before it."""

    code = "HR-SWAP-01"
    needs = "a reload worked"

    def __init__(self) -> None:
        self.versions: dict[str, set[str]] = {}

    async def after(self, world: World, op: Op, done: Done) -> None:
        if op.verb not in ("load", "add_sink", "reload") or done.failed or not done.reply.ok:
            return  # a good edit that is refused is another clause's matter: HR-ROLL-05
        if op.fault and done.new == done.old:
            return  # nothing was reloaded: the host's dialect cannot show this fault
        plugin = world.model.plugins[op.name]
        versions = self.versions.setdefault(op.name, set())
        versions.add(plugin.version)
        if not plugin.enabled:
            return
        if op.name in HANDLERS:
            seen = [each for each in await world.ask("ask") if each in versions or " " in each]
        else:
            seen = [version for name, version, _ in await world.receivers() if name == op.name]
        what = "a load" if op.verb != "reload" else f"a good reload from {done.old}"
        world.expect(
            seen == [plugin.version],
            f"after {what}, {op.name} {plugin.version} does not serve alone",
            [plugin.version],
            seen or "no answer",
        )


class Rollback(Invariant):
    """After a reload that failed, the same objects serve with the same state."""

    code = "HR-ROLL-01"
    needs = "a reload failed as planned"

    async def before(self, world: World, op: Op) -> None:
        self.served = await self.look(world) if op.fault else None

    async def look(self, world: World) -> dict[str, Any]:
        who, sinks = await world.ask("who"), await world.receivers()
        state = await world.ask("get")
        if not restored_as_itself(world.case):
            who = [each.partition("#")[0] for each in who]
            sinks = [(name, version, 0) for name, version, _ in sinks]
            if Claim.STATE not in world.case.claims:
                state = []  # the old code, started anew, has nothing to restore it from
        return {"who": who, "state": state, "sinks": sinks}

    async def after(self, world: World, op: Op, done: Done) -> None:
        if not done.failed or self.served is None:
            return
        after = await self.look(world)
        world.expect(
            after == self.served,
            f"after a reload of {op.name} that failed at {op.fault.split(':')[0]}, "
            f"{done.old} does not serve as before",
            _only_changes(self.served, after),
            _only_changes(after, self.served),
        )


def _only_changes(these: dict[str, Any], those: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in these.items() if those.get(key) != value}


class Accounts(Invariant):
    """What every sink got is what was accepted: nothing ``kind``."""

    names = SINKS
    traffic = True
    needs = "a sink changed under traffic"
    kind: ClassVar[str]
    verb: ClassVar[str]

    async def after(self, world: World, op: Op, done: Done) -> None:
        for label, window in world.windows.items():
            name = label.partition("@")[0]
            gone = name not in world.model.plugins or world.label(name) != label
            if gone and name != op.name:
                continue  # it was judged as it went
            report = world.ledger.report(label, **window)
            stamps = getattr(report, self.kind)
            world.expect(
                not stamps,
                f"in {op}, the sink {name!r} {self.verb} {len(stamps)} of {report.accepted} "
                f"accepted events: {named(stamps)}",
                f"no event {self.kind}",
                report.describe(),
            )


class NoLoss(Accounts):
    code = "HR-FLOW-01"
    kind, verb = "lost", "lost"


class NoDuplicate(Accounts):
    code = "HR-FLOW-02"
    kind, verb = "duplicated", "got a second time"


class Order(Accounts):
    code = "HR-FLOW-03"
    kind, verb = "reordered", "got after a later one"


class RoundTrip(Invariant):
    """A good reload of a plugin with state hooks leaves all states as they were."""

    code = "HR-STATE-01"
    names = HANDLERS
    needs = "state was carried"

    async def before(self, world: World, op: Op) -> None:
        self.states = await world.ask("get") if self._about(world, op) else []

    def _about(self, world: World, op: Op) -> bool:
        return op.verb == "reload" and op.name in HANDLERS and world.stateful(op.name)

    async def after(self, world: World, op: Op, done: Done) -> None:
        plugin = world.model.plugins.get(op.name)
        if plugin is None or not self._about(world, op) or done.failed or not plugin.enabled:
            return
        if repr(plugin.state) not in self.states:
            return  # it was lost before, by no reload that had to work
        if plugin.state != {} and done.old != done.new:
            world.facts["state was carried"] += 1
        seen = await world.ask("get")
        lost = Counter(self.states) - Counter(seen)
        world.expect(
            repr(plugin.state) not in lost,
            f"after a good reload of {op.name} from {done.old} to {done.new}, its state is "
            "another one",
            plugin.state,
            seen,
        )


class HookOrder(Invariant):
    """The hooks of a reload run in the order that the host declares, once each."""

    code = "HR-SWAP-07"
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
        if not done.failed and len(seen) > 2:
            world.facts["hooks were seen"] += 1
        world.expect(
            seen == [each for each in declared if each in seen],
            f"in a reload of {op.name} from {done.old} to {new}, its hooks ran in another order "
            "than the host declares, or twice",
            [each for each in declared if each in seen],
            seen,
        )


class LastSink(Invariant):
    """While a sink has to be there, an event reaches one."""

    code = "HR-GUARD-01"
    names = SINKS
    needs = "the last sink was to go"

    async def after(self, world: World, op: Op, done: Done) -> None:
        if not world.model.sinks():
            return
        seen = await world.receivers()
        world.expect(
            bool(seen),
            f"after {op.verb} {op.name}, events reach no sink: the last one is gone",
            world.model.sinks(),
            "no sink",
        )


INVARIANTS: dict[str, type[Invariant]] = {
    each.code: each
    for each in (
        Convergence,
        Rollback,
        NoLoss,
        NoDuplicate,
        Order,
        RoundTrip,
        HookOrder,
        LastSink,
    )
}
"""By the code of the clause that each stands for."""
