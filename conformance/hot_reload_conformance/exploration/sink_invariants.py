"""The invariants of the pipeline machine about one sink: its life, its coming and its going."""

from __future__ import annotations

import heapq
from operator import attrgetter
from typing import ClassVar

from hot_reload_conformance.checks.sinks import named
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import SINKS, Op
from hot_reload_conformance.exploration.trials import Trials
from hot_reload_conformance.exploration.world import World
from hot_reload_conformance.recording import Delivery, Moment
from hot_reload_conformance.simulation.lives import FLUSH, LIFETIME, Lives
from hot_reload_conformance.verdict import Violation
from hot_reload_fixtures.ledger import Mark


class _OfSinks(Invariant):
    names = SINKS
    traffic = True
    machine = "pipeline"
    cost = 3
    needs = "a sink changed under traffic"

    async def overlapped(self, world: World, op: Op, done: Done) -> None:
        await self.after(world, op, done)


class _Life(_OfSinks):
    """What a sink's generations report, in its order: the simulation asks the same of them."""

    kind: ClassVar[str]

    def __init__(self) -> None:
        self.lives: Lives | None = None
        self.moments = self.deliveries = 0
        self.op = ""

    async def after(self, world: World, op: Op, done: Done) -> None:
        recording = world.case.recording
        if self.lives is None:
            # Calls in flight and starts before stops are other clauses' matter.
            self.lives = Lives(self._expect, world.case.adapter.hook_order, lambda: False)
        moments, deliveries = recording.moments[:], recording.deliveries[:]
        new: list[list[Moment] | list[Delivery]]
        new = [moments[self.moments :], deliveries[self.deliveries :]]
        self.moments, self.deliveries, self.op = len(moments), len(deliveries), str(op)
        for each in heapq.merge(*new, key=attrgetter("order")):
            if isinstance(each, Delivery):
                self.lives.delivery(each)
            elif isinstance(each, Moment):
                self.lives.moment(each)

    def _expect(
        self, holds: bool, name: str, message: str, *, expected: object = "", seen: object = ""
    ) -> None:
        if name == self.kind and not holds:
            raise Violation(f"in {self.op}, {message}", expected=expected, seen=seen)


class Flushed(_Life):
    """No event behind the flush, and no stop without one where events came."""

    code = "HR-FLOW-04"
    kind = FLUSH


class Lifetime(_Life):
    """No event before start has returned, none behind the beginning of stop."""

    code = "HR-FLOW-05"
    kind = LIFETIME


class Added(_OfSinks):
    """Until something else is done to it a sink gets all that came behind its addition."""

    code = "HR-FLOW-06"
    needs = "a sink was added"

    def __init__(self) -> None:
        self.fresh: set[str] = set()

    async def after(self, world: World, op: Op, done: Done) -> None:
        await world.receivers()
        world.book()
        for part, each in zip(op.parts or (op,), done.parts or (done,), strict=True):
            if part.verb != "add_sink":
                self.fresh -= {label for label in self.fresh if label.startswith(f"{part.name}@")}
            elif not each.failed:
                world.facts["a sink was added"] += 1
                self.fresh.add(world.label(part.name))
        for label in sorted(self.fresh):
            report = world.ledger.report(label, **world.windows[label])
            world.expect(
                not report.lost,
                f"after {op}, the sink {label.partition('@')[0]!r} missed {len(report.lost)} "
                f"events that came behind its addition: {named(report.lost)}",
                "all events accepted after the addition had returned",
                report.describe(),
            )


class Removed(_OfSinks):
    """A sink that was taken out has all from before, and gets nothing more."""

    code = "HR-FLOW-07"
    needs = "a sink was removed"

    async def after(self, world: World, op: Op, done: Done) -> None:
        await world.receivers()
        world.book()
        for label, window in world.windows.items():
            if "until" not in window:
                continue
            name = label.partition("@")[0]
            world.facts["a sink was removed"] += name in op.names
            report = world.ledger.report(label, **window)
            world.expect(
                not report.unexpected,
                f"after {op}, the sink {name!r} still got {len(report.unexpected)} events that "
                f"came behind its removal: {named(report.unexpected)}",
                "no event once the removal has returned",
                report.describe(),
            )
            world.expect(
                not report.lost,
                f"after {op}, the sink {name!r}, which is removed, never got {len(report.lost)} "
                f"events from before: {named(report.lost)}",
                "all events accepted before the removal",
                report.describe(),
            )


class Siblings(_OfSinks):
    """Whatever is done to one sink, with whatever end, the others get every event of that time."""

    code = "HR-FLOW-08"
    needs = "a sink changed beside others"

    def __init__(self) -> None:
        self.since: Mark | None = None
        self.others: list[str] = []

    async def before(self, world: World, op: Op) -> None:
        self.since = world.ledger.mark()
        there = [name for name in world.model.sinks() if name not in op.names]
        self.others = [world.label(name) for name in there] if set(op.names) & set(SINKS) else []

    async def after(self, world: World, op: Op, done: Done) -> None:
        for label in self.others:
            report = world.ledger.report(label, since=self.since)
            world.facts["a sink changed beside others"] += bool(report.accepted)
            world.expect(
                not report.lost,
                f"in {op}, which does not concern it, the sink {label.partition('@')[0]!r} lost "
                f"{len(report.lost)} of {report.accepted} events: {named(report.lost)}",
                "no event lost",
                report.describe(),
            )


class LastHealthy(Invariant):
    """Where all others are known to have failed, the sink that works stays."""

    code = "HR-GUARD-03"
    machine = "pipeline"
    names = SINKS
    draws = frozenset({"sicken", "heal"})
    needs = "the last healthy sink was to go"
    cost = 5

    async def before(self, world: Trials, op: Op) -> None:
        self.sick, self.healthy = set(world.sick), world.healthy_sinks()

    async def after(self, world: Trials, op: Op, done: Done) -> None:
        takes_out = op.verb in ("remove_sink", "unload", "disable")
        if not takes_out or not self.sick or self.healthy != [op.name]:
            return
        got = [name for name, _, _ in await world.receivers()]
        left = ", ".join(sorted(self.sick))
        world.expect(
            op.name in got,
            f"{op} took the last healthy sink away: of those left, {left}, it is known that they "
            "have failed",
            "a refusal",
            done.reply.everything or "ok",
        )
        world.expect(
            not done.reply.ok and bool(done.reply.everything),
            f"{op}, the last healthy sink, was refused, but its caller was not told why",
            "a refusal that says why",
            done.reply.everything or "no word",
        )


ONE_SINK = (Flushed, Lifetime, Added, Removed, Siblings, LastHealthy)
