"""The invariants of the pipeline machine: what became of every event that was accepted."""

from __future__ import annotations

from typing import ClassVar

from hot_reload_conformance.checks.sinks import named
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import SINKS, STAGED, Op
from hot_reload_conformance.exploration.world import ROLES, World
from hot_reload_conformance.probe import REDACTED
from hot_reload_conformance.recording import Delivery, Pass
from hot_reload_fixtures.stamp import Stamped


class Accounts(Invariant):
    """What every sink got is what was accepted: nothing ``kind``."""

    names = SINKS
    traffic = True
    machine = "pipeline"
    needs = "a sink changed under traffic"
    kind: ClassVar[str]
    verb: ClassVar[str]

    async def after(self, world: World, op: Op, done: Done) -> None:
        for label, window in world.windows.items():
            name = label.partition("@")[0]
            gone = name not in world.model.plugins or world.label(name) != label
            if gone and name not in op.names:
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

    async def overlapped(self, world: World, op: Op, done: Done) -> None:
        await self.after(world, op, done)


class NoLoss(Accounts):
    code = "HR-FLOW-01"
    kind, verb = "lost", "lost"


class NoDuplicate(Accounts):
    code = "HR-FLOW-02"
    kind, verb = "duplicated", "got a second time"


class Order(Accounts):
    code = "HR-FLOW-03"
    kind, verb = "reordered", "got after a later one"


class LastSink(Invariant):
    """While a sink has to be there, an event reaches one."""

    code = "HR-GUARD-01"
    names = SINKS
    machine = "pipeline"
    needs = "the last sink was to go"

    async def after(self, world: World, op: Op, done: Done) -> None:
        if not world.model.sinks():
            return
        seen = await world.receivers()
        world.expect(
            bool(seen),
            f"after {_told(op)}, events reach no sink: the last one is gone",
            world.model.sinks(),
            "no sink",
        )

    async def overlapped(self, world: World, op: Op, done: Done) -> None:
        await self.after(world, op, done)


def _told(op: Op) -> str:
    return str(op) if op.parts else f"{op.verb} {op.name}"


class Stages(Invariant):
    """While a redactor stands, every event passes it, and all stages of one generation of it."""

    code = "HR-FLOW-11"
    machine = "pipeline"
    names = (*SINKS, *STAGED)
    traffic = True
    needs = "the stages changed under traffic"

    def __init__(self) -> None:
        self.stood = False
        self.delivered = self.passed = 0

    async def before(self, world: World, op: Op) -> None:
        self.stood = self._stands(world)
        self.delivered = len(world.case.recording.deliveries)
        self.passed = len(world.case.recording.passes)

    def _stands(self, world: World) -> bool:
        return any(n in STAGED and p.enabled for n, p in world.model.plugins.items())

    async def after(self, world: World, op: Op, done: Done) -> None:
        if not self._stands(world):
            return
        if set(op.names) & set(STAGED) and op.verb != "edit":
            world.facts["the stages changed under traffic"] += 1
        if self.stood:
            self._judge(world, f"in {op}")
        await self.before(world, op)
        await world.receivers()
        self._judge(world, f"after {op}")

    async def overlapped(self, world: World, op: Op, done: Done) -> None:
        await self.after(world, op, done)

    def _judge(self, world: World, when: str) -> None:
        deliveries = world.case.recording.deliveries[self.delivered :]
        bare = [Stamped(d.producer, d.sequence) for d in deliveries if d.value != REDACTED]
        world.expect(
            not bare,
            f"{when}, {len(bare)} events reached a sink without having passed the redactor: "
            f"{named(bare)}",
            "no event unredacted, at any moment",
            named(bare),
        )
        ways: dict[tuple[str, int], list[Pass]] = {}
        for each in world.case.recording.passes[self.passed :]:
            ways.setdefault((each.producer, each.sequence), []).append(each)
        for delivery in deliveries:
            self._one_set(world, when, delivery, ways.get((delivery.producer, delivery.sequence)))

    def _one_set(self, world: World, when: str, event: Delivery, ways: list[Pass] | None) -> None:
        passes = ways or []
        seen = ", ".join(f"{each.role} {each.version}#{each.serial}" for each in passes)
        whole = sorted(each.role for each in passes) == sorted(ROLES)
        world.expect(
            whole and len({each.serial for each in passes}) == 1,
            f"{when}, the event {Stamped(event.producer, event.sequence)} did not pass each stage "
            f"of one generation of the plugin once: {seen or 'none'}",
            "each stage once, all of one generation",
            seen or "no stage",
        )


PIPELINE = (NoLoss, NoDuplicate, Order, LastSink, Stages)
