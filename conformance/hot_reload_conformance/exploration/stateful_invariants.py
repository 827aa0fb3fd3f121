"""The invariants of the stateful machine: state and the enabled flag go with the plugin."""

from __future__ import annotations

from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.model import Modelled
from hot_reload_conformance.exploration.operation import HANDLERS, Op
from hot_reload_conformance.exploration.world import World


class RoundTrip(Invariant):
    """A good reload of a plugin with state hooks leaves all states as they were."""

    code = "HR-STATE-01"
    names = HANDLERS
    machine = "stateful"
    needs = "state was carried"

    def __init__(self) -> None:
        self.states: list[str] = []
        self.kept: set[str] = set()
        """Disabled plugins that had their state as they were disabled."""

    async def before(self, world: World, op: Op) -> None:
        about = op.verb in ("enable", "disable") or any(
            self._about(world, part) for part in op.parts or (op,)
        )
        self.states = await world.ask("get") if about else []

    def _about(self, world: World, op: Op) -> bool:
        return op.verb == "reload" and op.name in HANDLERS and world.stateful(op.name)

    async def after(self, world: World, op: Op, done: Done) -> None:
        plugin = world.model.plugins.get(op.name)
        if plugin is None or op.name not in HANDLERS or not world.stateful(op.name):
            return
        state = repr(plugin.state)
        if op.verb == "disable":
            if state in self.states:
                self.kept.add(op.name)
        elif op.verb == "enable" and op.name in self.kept:
            self.kept.discard(op.name)
            what = f"{op.name} was reloaded while disabled, and enabled"
            await self._arrived(world, plugin, what, self.states.count(state) + 1)
        elif done.failed:
            self.kept.discard(op.name)  # what a failed reload leaves is HR-ROLL-01's matter
        elif op.verb == "reload" and plugin.enabled and state in self.states:
            # Else it was lost before, by no reload that had to work.
            if plugin.state != {} and done.old != done.new:
                world.facts["state was carried"] += 1
            what = f"a good reload of {op.name} from {done.old} to {done.new}"
            await self._arrived(world, plugin, what, self.states.count(state))

    async def _arrived(self, world: World, plugin: Modelled, what: str, times: int) -> None:
        """Plugins that have the same state have it ``times`` together."""
        seen = await world.ask("get")
        world.expect(
            seen.count(repr(plugin.state)) >= times,
            f"after {what}, its state is another one",
            plugin.state,
            seen,
        )

    async def overlapped(self, world: World, op: Op, done: Done) -> None:
        self.states = [*dict.fromkeys(self.states)]  # who has the same one may have lost it
        for part, each in zip(op.parts, done.parts, strict=True):
            await self.after(world, part, each)


class StaysDisabled(Invariant):
    """Who was disabled does not serve until somebody enables it, whatever is done."""

    code = "HR-STATE-05"
    machine = "stateful"
    needs = "a disabled plugin was reloaded"

    def __init__(self) -> None:
        self.versions: dict[str, set[str]] = {}

    async def after(self, world: World, op: Op, done: Done) -> None:
        off = [name for name, plugin in world.model.plugins.items() if not plugin.enabled]
        for name, plugin in world.model.plugins.items():
            self.versions.setdefault(name, set()).add(plugin.version)
        if not off or op.verb in ("edit", "put"):
            return
        reloaded = [name for name in off if name in op.names and "reload" in op.rule]
        batched = op.verb == "batch" and any(name in off for name in op.names)
        world.facts["a disabled plugin was reloaded"] += bool(reloaded or batched)
        seen = set(await world.ask("ask"))
        given = {name for name, _, _ in await world.receivers()}
        for name in off:
            awake = seen & self.versions[name] if name in HANDLERS else given & {name}
            world.expect(
                not awake,
                f"after {op}, {name} serves though it is disabled",
                f"no answer of {name}",
                sorted(awake),
            )

    async def overlapped(self, world: World, op: Op, done: Done) -> None:
        await self.after(world, op, done)


STATEFUL = (RoundTrip, StaysDisabled)
