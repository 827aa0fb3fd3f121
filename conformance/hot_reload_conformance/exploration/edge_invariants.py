"""The invariants of the graph machine about edges: their order, and their change."""

from __future__ import annotations

from hot_reload_conformance.checks.graphs import expect_order, touched
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.graph_world import EDGES, GraphWorld
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import Op
from hot_reload_conformance.verdict import NotClaimed

_RELOADS = ("reload", "batch")


class _OfEdges(Invariant):
    machine = "graph"
    names = tuple(EDGES)

    async def before(self, world: GraphWorld, op: Op) -> None:
        self.mark = world.case.recording.mark()
        self.edges = dict(world.edges)

    def in_order(self, world: GraphWorld, op: Op) -> int:
        """Starts by the edges that there are, stops by those that there were; how many pairs."""
        case, how = world.case, f"in {op}"
        moments = case.recording.moments[self.mark :]
        started = expect_order(case, world.edges, moments, "start", how)
        return started + expect_order(case, self.edges, moments, "stop", how)


class InOrder(_OfEdges):
    """Dependencies start before dependents and stop behind them, disabled ones too."""

    code = "HR-DEPS-02"
    needs = "dependents were started or stopped"
    cost = 2  # of the graph machine's, which draws a third

    async def after(self, world: GraphWorld, op: Op, done: Done) -> None:
        if done.failed or done.refused or done.cancelled:
            return
        pairs = self.in_order(world, op)
        world.facts[self.needs] += pairs
        closure = [world.model.plugins.get(name) for name in world.closure(*op.names)]
        awake = len(closure) > 1 and all(each is not None and each.enabled for each in closure)
        if op.verb == "reload" and done.old != done.new and awake and not pairs:
            raise NotClaimed(
                "dependents that are started and stopped: this host leaves them running"
            )


class ChangedEdges(_OfEdges):
    """What a plugin needs is what its running version says, however it came to that."""

    code = "HR-DEPS-07"
    draws = frozenset({"wire"})
    needs = "an edit that changes what a plugin needs was reloaded"
    cost = 2

    def __init__(self) -> None:
        self.changed = False

    async def before(self, world: GraphWorld, op: Op) -> None:
        await super().before(world, op)
        self.closure = {*world.closure(*op.names), *op.names}
        soon = self.changed or world.written != world.edges
        self.right = soon and await world.seen() == world.trees()

    async def after(self, world: GraphWorld, op: Op, done: Done) -> None:
        changed = self.edges != world.edges and op.verb in _RELOADS
        world.facts[self.needs] += changed
        self.changed = self.changed or changed
        # What is wrong with no edge changed, or was before, other clauses speak of.
        if not self.changed or not self.right or done.failed or done.cancelled:
            return
        if op.verb == "unload":
            self._unload(world, op, done)
        elif op.verb in (*_RELOADS, "enable", "unload_all"):
            await self._follows(world, op)

    def _unload(self, world: GraphWorld, op: Op, done: Done) -> None:
        users = ", ".join(world.closure(op.name)[1:])
        world.expect(
            done.reply.ok is not done.refused,
            f"{op} is done, though {users} came to need it by an edit"
            if done.refused
            else f"{op} is refused, though by their last edits nobody needs it",
            "refused" if done.refused else "unloaded",
            done.reply.everything or "ok",
        )

    async def _follows(self, world: GraphWorld, op: Op) -> None:
        seen, wanted = await world.seen(), world.trees()
        world.expect(
            seen == wanted,
            f"after {op}, behind edits that change what plugins need, not all import what they "
            "need, and run",
            sorted(set(wanted) - set(seen)),
            sorted(set(seen) - set(wanted)),
        )
        allowed = self.closure | {*world.closure(*op.names)}
        strange = sorted(touched(world.case.recording.moments[self.mark :]) - allowed)
        world.expect(
            not strange,
            f"{op} touched {', '.join(strange)}, of which no version that ran or runs needs it",
            f"at most {', '.join(sorted(allowed))}",
            strange,
        )
        self.in_order(world, op)


EDGES_CHANGE = (InOrder, ChangedEdges)
