"""The invariants of the stateful machine about the hand-over: busy while it runs, or failing."""

from __future__ import annotations

from typing import Any

from hot_reload_conformance.checks.roll import restored_as_itself
from hot_reload_conformance.checks.state_live import UNINVITED
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import HANDLERS, Op
from hot_reload_conformance.exploration.trials import HALFWAY, Trials
from hot_reload_conformance.verdict import NotClaimed

_RESTORE = "set_reload_state"


class NoLostUpdate(Invariant):
    """What callers change while a reload runs is in the state of whoever serves behind it."""

    code = "HR-STATE-02"
    machine = "stateful"
    names = HANDLERS
    draws = frozenset({"busy"})
    needs = "the state was changed while a reload ran"
    about_failures = True
    cost = 5

    async def after(self, world: Trials, op: Op, done: Done) -> None:
        changes = world.changes
        if op.verb != "busy" or changes is None:
            return
        what = f"a reload from {done.old} to {op.value}{' that failed' if done.failed else ''}"
        if changes.uninvited:
            raise NotClaimed(UNINVITED)
        if not changes.answered:
            raise NotClaimed("a change made during a reload: this host answers no call then")
        world.facts[self.needs] += 1
        world.expect(
            len(changes.seen) == 1 and changes.seen[0] in changes.possible,
            f"changes of the state that were made and answered during {what} are lost",
            changes.possible[0],
            changes.seen or "no answer",
        )


class RestoreFails(Invariant):
    """Where the new one fails as it is given its state, the old one serves on with all of it."""

    code = "HR-STATE-04"
    machine = "stateful"
    names = HANDLERS
    draws = frozenset({HALFWAY})
    needs = "a restore failed as planned"
    about_failures = True
    cost = 5

    def __init__(self) -> None:
        self.failures: dict[str, int] = {}
        """How often in a row, of plugins whose old version has its state."""

    async def before(self, world: Trials, op: Op) -> None:
        if _RESTORE not in world.case.adapter.stages:
            raise NotClaimed(f"{_RESTORE}: not among the adapter's stages")
        self.served = await self._look(world) if op.verb == "reload" else {}

    async def _look(self, world: Trials) -> dict[str, Any]:
        who = await world.ask("who")
        if not restored_as_itself(world.case):
            who = [each.partition("#")[0] for each in who]
        return {"who": who, "state": await world.ask("get")}

    async def after(self, world: Trials, op: Op, done: Done) -> None:
        plugin = world.model.plugins.get(op.name)
        if plugin is None or op.verb not in ("reload", "cancel"):
            self.failures.pop(op.name, None)
        elif op.fault.startswith(_RESTORE) and (done.fired or done.failed):
            self.failures[op.name] = self.failures.get(op.name, 0) + 1
            world.facts[self.needs] += done.fired
            await self._as_before(world, op, done)
        elif op.verb == "reload" and not done.failed and self.failures.pop(op.name, 0):
            await self._carried(world, op, repr(plugin.state), enabled=plugin.enabled)

    async def _as_before(self, world: Trials, op: Op, done: Done) -> None:
        seen = await self._look(world)
        what = f"{op.name} {op.value} raised as it was given its state, and"
        world.expect(
            seen == self.served,
            f"{what} the old one does not serve as before",
            self.served,
            seen,
        )
        world.expect(
            not done.reply.ok,
            f"{what} the caller was told that the reload worked",
            "a failed reload",
            "ok",
        )

    async def _carried(self, world: Trials, op: Op, state: str, *, enabled: bool) -> None:
        if not enabled or state not in self.served["state"] or not world.stateful(op.name):
            return  # else it was lost before, by no restore that failed
        seen = await world.ask("get")
        world.expect(
            seen.count(state) >= self.served["state"].count(state),
            f"behind a restore of {op.name} that failed, the next good reload lost the state",
            state,
            seen,
        )


HANDOVERS = (NoLostUpdate, RestoreFails)
