"""The invariants of the graph machine: who needs a plugin follows it, and nobody else moves."""

from __future__ import annotations

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.checks.graphs import touched
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.graph_world import EDGES, GraphWorld
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import Op

_NAMES = tuple(EDGES)


class Followers(Invariant):
    """After a good reload all that need the plugin use its new version, disabled ones too."""

    code = "HR-DEPS-01"
    machine = "graph"
    names = _NAMES
    needs = "dependents followed"

    async def after(self, world: GraphWorld, op: Op, done: Done) -> None:
        if done.failed or done.refused or done.cancelled or op.verb == "edit":
            return
        plugins = world.model.plugins
        closure = world.closure(*op.names)
        wanted = {world.tree(name): name for name in closure if name in plugins}
        wanted = {tree: name for tree, name in wanted.items() if plugins[name].enabled}
        seen = await world.seen()
        stale = sorted(set(wanted) - set(seen))
        world.expect(
            not stale,
            f"after {op}, {', '.join(wanted[tree] for tree in stale)} does not use the versions "
            "that serve now of what it needs",
            stale,
            [each for each in seen if each.split()[0] in {wanted[tree] for tree in stale}],
        )

    async def overlapped(self, world: GraphWorld, op: Op, done: Done) -> None:
        for part, each in zip(op.parts, done.parts, strict=True):
            if part.verb != "unload":
                await self.after(world, part, each)


class Atomic(Invariant):
    """After a cascade that failed or was cancelled, all of it is as it was."""

    code = "HR-DEPS-04"
    machine = "graph"
    names = _NAMES
    needs = "a cascade failed"

    async def before(self, world: GraphWorld, op: Op) -> None:
        about = op.fault or op.verb == "cancel"
        self.served = await self._look(world) if about else None

    async def _look(self, world: GraphWorld) -> list[str]:
        # A host that stops the old one first starts another instance of the old code.
        same = Claim.BLUE_GREEN in world.case.claims
        return sorted(await world.seen() + (await world.ask("who") if same else []))

    async def after(self, world: GraphWorld, op: Op, done: Done) -> None:
        if self.served is None or not (done.failed or done.cancelled):
            return
        seen = await self._look(world)
        what = "was cancelled" if done.cancelled else f"failed, {op.fault.replace('@', ' of ')},"
        world.expect(
            seen == self.served,
            f"after a reload of {op.name} that {what} not all of those that follow it are as they "
            "were",
            sorted(set(self.served) - set(seen)),
            sorted(set(seen) - set(self.served)),
        )


class OnlyAffected(Invariant):
    """An operation touches the plugin and those that need it, and no other."""

    code = "HR-DEPS-03"
    machine = "graph"
    names = _NAMES
    needs = "a reload worked"

    async def before(self, world: GraphWorld, op: Op) -> None:
        self.mark = world.case.recording.mark()
        self.closure = {*world.closure(*op.names), *op.names}

    async def after(self, world: GraphWorld, op: Op, done: Done) -> None:
        moments = world.case.recording.moments[self.mark :]
        strange = sorted(touched(moments) - self.closure)
        world.expect(
            not strange,
            f"{op} touched {', '.join(strange)}, which {'does' if len(strange) == 1 else 'do'} "
            "not need it",
            f"at most {', '.join(sorted(self.closure))}",
            [str(m) for m in moments if m.plugin in strange],
        )

    async def overlapped(self, world: GraphWorld, op: Op, done: Done) -> None:
        await self.after(world, op, done)


class Protected(Invariant):
    """What others need does not go from under them."""

    code = "HR-GUARD-04"
    machine = "graph"
    names = _NAMES
    needs = "what others need was to go"

    async def before(self, world: GraphWorld, op: Op) -> None:
        self.served = await world.ask("who") if op.verb == "unload" else []

    async def after(self, world: GraphWorld, op: Op, done: Done) -> None:
        if not done.refused or op.verb != "unload":
            return
        users = ", ".join(world.closure(op.name)[1:])
        seen = await world.ask("who")
        world.expect(
            not done.reply.ok and seen == self.served,
            f"{op} is done, though {users} {'needs' if ',' not in users else 'need'} it"
            if done.reply.ok
            else f"{op} is refused, and yet not all serve as before",
            self.served,
            seen,
        )


GRAPH = (Followers, OnlyAffected, Atomic, Protected)
