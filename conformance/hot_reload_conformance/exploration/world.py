"""The world of the state machine: a model that is trivially right beside a real host.

``World.apply`` does one operation to both and then asks the armed invariants. One
invariant stands for one clause, so that the failure of one masks no other.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.stages import TWO_KINDS, stages
from hot_reload_conformance.exploration.model import Model, Modelled
from hot_reload_conformance.exploration.operation import HANDLERS, SINKS, Op, token
from hot_reload_conformance.verdict import CannotJudge, KitError, NotClaimed, Step, Violation
from hot_reload_fixtures.ledger import EventLedger, Mark
from hot_reload_fixtures.stamp import Stamped

_CLAIMS: dict[str, frozenset[Claim]] = {
    "reload": frozenset({Claim.RELOAD}),
    "unload": frozenset({Claim.UNLOAD}),
    "enable": frozenset({Claim.ENABLE}),
    "disable": frozenset({Claim.ENABLE}),
    "add_sink": frozenset({Claim.SINKS}),
    "remove_sink": frozenset({Claim.SINKS}),
    "emit": frozenset({Claim.SINKS}),
}
"""What a host claims so that an operation can be asked of it."""


class Invariant:
    """One clause, asked before and after each operation."""

    code: str
    names: tuple[str, ...] = (*HANDLERS, *SINKS)
    """The plugins that the clause is about: the others are left out of explorations."""
    traffic = False
    """Whether events flow while operations run."""
    needs: str = ""
    """The fact without which nothing was verified."""

    async def before(self, world: World, op: Op) -> None:
        """Look at what the operation may not change."""

    async def after(self, world: World, op: Op, done: Done) -> None:
        """Raise ``Violation`` where the clause is broken."""
        raise NotImplementedError


@dataclass(frozen=True)
class Done:
    """What came of an operation: ``failed`` is the model's verdict, ``reply`` the host's word."""

    reply: Reply
    failed: bool = False
    refused: bool = False
    """The model says that it must be refused: it was the last sink."""
    old: str = ""
    new: str = ""
    """For a reload: the versions before and, where it had to work, after."""
    moment: int = 0
    """Where in ``recording.moments`` it began."""


class World:
    """A host and its model. One event loop; not safe for concurrent operations."""

    def __init__(self, case: Case, armed: Invariant) -> None:
        self.case = case
        self.armed = armed
        self.model = Model()
        self.ledger = EventLedger()
        self.windows: dict[str, dict[str, Mark]] = {}
        self.applied: list[Op] = []
        self.story: list[Step] = []
        self.facts: Counter[str] = Counter()
        self.faults = fault_table(type(case.adapter))
        self._booked = 0

    def applies(self, op: Op) -> bool:
        """Whether ``op`` makes sense now; the others are left out of scripts."""
        there = self.model.plugins.get(op.name)
        if _CLAIMS.get(op.verb, frozenset()) - self.case.claims:
            return False
        match op.verb:
            case "load":
                return there is None and op.name in HANDLERS
            case "add_sink":
                return there is None and op.name in SINKS
            case "edit":
                return there is not None and op.value != self.model.disk.get(op.name)
            case "reload" if op.fault:
                return there is not None and op.fault in self.faults_of(op.name)
            case "reload":
                return there is not None and self.model.disk.get(op.name) is not None
            case "enable":
                return there is not None and not there.enabled
            case "unload" | "remove_sink" | "disable":
                if there is None or not there.enabled:
                    return False
                if op.verb == "disable" and self.armed.traffic and op.name in SINKS:
                    return False  # what a disabled sink misses is not lost
                # Other clauses are not asked about the last sink: that one is HR-GUARD-01's.
                guarded = self.armed.code == "HR-GUARD-01"
                return not self.model.is_last_sink(op.name) or guarded
            case "put":
                return any(n in HANDLERS and p.enabled for n, p in self.model.plugins.items())
            case _:
                return True

    def faults_of(self, name: str) -> list[str]:
        """The faults that a reload of ``name`` can meet, as tokens."""
        return [
            key
            for key, fault in self.faults.items()
            if "reload_state" not in fault.stage or self.stateful(name)
        ]

    def stateful(self, name: str) -> bool:
        return Claim.STATE in self.case.claims and name in ("a", "s")

    def spec(self, name: str, version: str) -> PluginSpec:
        return PluginSpec(name=name, version=version, sink=name in SINKS, state=self.stateful(name))

    async def apply(self, op: Op) -> None:
        """Do ``op`` to the model and the host, and ask the armed invariant.

        Raises:
            Violation: the armed clause is broken.
            CannotJudge: something else is, so that it could not be judged.
        """
        if not self.applies(op):
            return
        self.applied.append(op)
        done: Done | None = None
        try:
            await self.armed.before(self, op)
            done = await self._under_traffic(op)
            self._book()
            await self.armed.after(self, op, done)
        except Violation as violation:
            self._tell(op, done, violation)
            raise
        self._tell(op, done, None)

    def _tell(self, op: Op, done: Done | None, violation: Violation | None) -> None:
        seen = ""
        if done is not None:
            words = " ".join(done.reply.everything.split())
            words = words.replace(f"{self.case.workdir}/", "")  # it is another one every time
            seen = "ok" if done.reply.ok else f"failed: {words or 'no word why'}"
        if violation is not None:
            seen = f"{seen}; then {violation.seen}" if seen else violation.seen
        self.story.append(Step(str(op), f"{self.model} serve", seen[:400], violation is not None))

    # Operations

    async def _under_traffic(self, op: Op) -> Done:
        if not (self.armed.traffic and op.name in SINKS):
            return await self._do(op)
        before = self.ledger.mark()
        async with Traffic(self.case, tasks=("p1",), ledger=self.ledger) as traffic:
            done = await self._do(op)
            self._frame(op, done, before, traffic.mark())
        if op.verb in ("reload", "add_sink", "remove_sink", "unload"):
            self.facts["a sink changed under traffic"] += 1
        return done

    def _frame(self, op: Op, done: Done, before: Mark, after: Mark) -> None:
        """From when, or until when, a sink has to have every event."""
        if op.verb == "add_sink" and not done.failed:
            self.windows[self.label(op.name)] = {"since": after}
        elif op.verb in ("remove_sink", "unload") and not done.refused:
            self.windows[self.label(op.name)] |= {"until": before, "none_after": after}

    def label(self, name: str) -> str:
        """The lineage of ``name`` since it was last loaded, as the ledger knows it."""
        return f"{name}@{self.model.epochs[name]}"

    def _book(self) -> None:
        deliveries = self.case.recording.deliveries
        for each in deliveries[self._booked :]:
            stamp = Stamped(each.producer, each.sequence)
            self.ledger.delivered(stamp, self.label(each.plugin))
        self._booked = len(deliveries)

    async def _do(self, op: Op) -> Done:
        match op.verb:
            case "load" | "add_sink":
                return await self._load(op)
            case "edit":
                self.case.write(self.spec(op.name, op.value))
                self.model.disk[op.name] = op.value
                return Done(Reply(ok=True))
            case "reload":
                return await self._reload(op)
            case "unload" | "remove_sink" | "disable":
                return await self._take_out(op)
            case "enable":
                reply = await self._operate("enable", op.name)
                self.model.plugins[op.name].enabled = True
                return Done(reply)
            case "emit":
                await self.emit(op.name)
                return Done(Reply(ok=True))
            case _:
                return await self._put(op)

    async def _load(self, op: Op) -> Done:
        self.case.write(self.spec(op.name, op.value))
        self.model.disk[op.name] = op.value
        self.model.epochs[op.name] += 1
        reply = await self._operate(op.verb, op.name)
        if not reply.ok:
            raise CannotJudge(f"a good plugin is not loaded: {reply.everything or 'no word why'}")
        self.model.plugins[op.name] = Modelled(op.value)
        return Done(reply, new=op.value)

    async def _reload(self, op: Op) -> Done:
        plugin = self.model.plugins[op.name]
        old, moment = plugin.version, self.case.recording.mark()
        if op.fault:
            try:
                arranged = self.faults[op.fault].arrange(self.case, self.spec(op.name, op.value))
            except NotClaimed:  # the adapter's render() knows no such plugin
                del self.faults[op.fault]
                return Done(Reply(ok=True), old=old, new=old, moment=moment)
            reply = await self._operate("reload", op.name)
            self.case.recording.unplanned()
            arranged.undo()
            if arranged.fired or not reply.ok:
                self.model.disk[op.name] = None
                self.facts["a reload failed as planned"] += arranged.fired
                return Done(reply, failed=True, old=old, moment=moment)
            new = op.value  # the host never came to the fault: a good reload
        else:
            new = self.model.disk[op.name] or old
            reply = await self._operate("reload", op.name)
            if not reply.ok:  # a good edit is refused: HR-ROLL-05 is about that
                self.model.disk[op.name] = None
                return Done(reply, failed=True, old=old, moment=moment)
        self.model.disk[op.name] = plugin.version = new
        if not self.stateful(op.name):
            plugin.state = {}
        self.facts["a reload worked"] += 1
        return Done(reply, old=old, new=new, moment=moment)

    async def _take_out(self, op: Op) -> Done:
        refused = self.model.is_last_sink(op.name)
        reply = await self._operate(op.verb, op.name)
        if refused:
            self.facts["the last sink was to go"] += 1
        elif op.verb == "disable":
            self.model.plugins[op.name].enabled = False
        else:
            del self.model.plugins[op.name]
        return Done(reply, refused=refused)

    async def _put(self, op: Op) -> Done:
        with contextlib.suppress(Violation):
            await self.case.replies(Event("put", json.loads(op.value)))
        for name, plugin in self.model.plugins.items():
            if name in HANDLERS and plugin.enabled:
                plugin.state = json.loads(op.value)
        return Done(Reply(ok=True))

    async def _operate(self, operation: str, name: str) -> Reply:
        try:
            return await getattr(self.case, operation)(name)  # type: ignore[no-any-return]
        except Violation as violation:
            if self.armed.code == "HR-SWAP-01":
                raise
            raise CannotJudge(str(violation)) from None

    # Looking

    async def receivers(self) -> list[tuple[str, str, int]]:
        """The sinks that get an event emitted now: name, version and the instance's serial."""
        return await self.emit("probe") if Claim.SINKS in self.case.claims else []

    async def emit(self, producer: str) -> list[tuple[str, str, int]]:
        """Emit one event; the sinks that got it: name, version and the instance's serial."""
        stamp = self.ledger.stamp(producer)
        stamp = stamp if stamp.sequence else self.ledger.stamp(producer)
        event = Event("log", producer=stamp.producer, sequence=stamp.sequence)
        mark = len(self.case.recording.deliveries)
        try:
            taken = await self.case.guarded(self.case.adapter.emit(event), "emit")
            await self.case.settle()
        except KitError:
            raise
        except Violation:
            taken = False
        if taken is not False:
            self.ledger.accepted(stamp)
        return sorted(
            (each.plugin, each.version, each.serial)
            for each in self.case.recording.deliveries[mark:]
            if (each.producer, each.sequence) == stamp
        )

    async def ask(self, kind: str) -> list[str]:
        """What all handlers answer, or what the call raised instead."""
        try:
            return await self.case.replies(Event(kind), tell=False)
        except Violation as violation:
            return [violation.message]

    def expect(self, holds: bool, message: str, expected: object, seen: object) -> None:
        if not holds:
            raise Violation(message, expected=expected, seen=seen)


def fault_table(adapter: type[HostAdapter]) -> dict[str, Fault]:
    """The faults that a script can name, by token: ``start:raises-an-exception``."""
    table: dict[str, Fault] = {}
    for each in stages(adapter, kinds=TWO_KINDS, hangs=False):
        fault: Fault = each.value
        table[f"{fault.stage}:{token(fault.how)}"] = fault
    return table
