"""The world of plugins: a model that is trivially right beside a real host.

``World.apply`` does one operation to both and then asks the armed invariants. One
invariant stands for one clause, so that the failure of one masks no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable
from dataclasses import replace

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Reply, implements
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.stages import TWO_KINDS, stages
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.model import Modelled
from hot_reload_conformance.exploration.operation import (
    ANY_FAULT,
    HANDLERS,
    SINKS,
    STAGED,
    TOGETHER,
    Op,
    token,
)
from hot_reload_conformance.exploration.scene import LeftToOthers
from hot_reload_conformance.exploration.stream import Stream
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation

CANCELLED_TOO_LATE = "a reload that was cancelled in start was done all the same"
"""A host may end it fully old or fully new; the latter is one that worked."""
_CLAIMS: dict[str, frozenset[Claim]] = {
    "reload": frozenset({Claim.RELOAD}),
    "unload": frozenset({Claim.UNLOAD}),
    "enable": frozenset({Claim.ENABLE}),
    "disable": frozenset({Claim.ENABLE}),
    "add_sink": frozenset({Claim.SINKS}),
    "remove_sink": frozenset({Claim.SINKS}),
    "emit": frozenset({Claim.SINKS}),
    "batch": frozenset({Claim.RELOAD}),
    "cancel": frozenset({Claim.RELOAD, Claim.CANCEL, Claim.HOOKS}),
}
"""What a host claims so that an operation can be asked of it."""
ROLES = ("filter", "enricher", "processor", "redactor")
_TAKES_OUT = ("unload", "remove_sink", "disable")
_CHANGES_SINKS = ("reload", "add_sink", "remove_sink", "unload", "cancel")
_TELLING = ("start:", "syntax:", "import:")
_PATIENCE_SECONDS = 2.0


class World(Stream):
    """Plugins with a handler, sinks, and one that is all stages of the pipeline."""

    def __init__(self, case: Case, armed: Invariant) -> None:
        super().__init__(case, armed)
        self.faults = fault_table(type(case.adapter))
        self.undrivable = False
        """Whether this host calls its hooks synchronously: nobody can give up in the middle."""
        self.gone_failed: set[str] = set()
        """The plugins that were taken out when their last reload had failed."""
        self._choices = 0

    def applies(self, op: Op) -> bool:
        """Whether ``op`` makes sense now; the others are left out of scripts."""
        if op.verb == TOGETHER:
            return self._overlap(op) and all(self.applies(part) for part in op.parts)
        there = self.model.plugins.get(op.name)
        if _CLAIMS.get(op.verb, frozenset()) - self.case.claims:
            return False
        match op.verb:
            case "load":
                return there is None and (op.name in HANDLERS or self._staged(op.name))
            case "add_sink":
                return there is None and op.name in SINKS
            case "edit":
                return there is not None and op.value != self.model.disk.get(op.name)
            case "reload" if op.fault:
                return there is not None and op.fault in self.faults_of(op.name)
            case "reload":
                return there is not None and self.model.disk.get(op.name) is not None
            case "batch":
                return implements(self.case.adapter, "reload_many") and all(
                    name in self.model.plugins and self.model.disk.get(name) is not None
                    for name in op.names
                )
            case "cancel":
                # Who is disabled does not answer, so nobody could tell which version is there.
                startable = "start" in self.case.adapter.stages and not self.undrivable
                return there is not None and there.enabled and startable
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
            case "emit":
                return True
            case _:
                return False

    def able(self, rule: str) -> bool:
        verbs = rule.removesuffix(" of another").replace("-fail", "").replace("-", "_").split("+")
        if any(_CLAIMS.get(verb, frozenset()) - self.case.claims for verb in verbs):
            return False
        if "cancel" in verbs:
            return "start" in self.case.adapter.stages and not self.undrivable
        if "batch" in verbs:
            return implements(self.case.adapter, "reload_many")
        return "-fail" not in rule or bool(self.faults)

    def _overlap(self, op: Op) -> bool:
        """Whether all orders of the parts end alike, so that one model does for all of them."""
        out = [part for part in op.parts if part.verb in _TAKES_OUT]
        one_name = len(op.names) < len(op.parts)
        others = [part.verb for part in op.parts if part not in out]
        return (
            all(part.verb in ("reload", "load", "add_sink", *_TAKES_OUT) for part in op.parts)
            and len(out) <= 1
            and not (one_name and any(verb != "reload" for verb in others))
            and not (one_name and any(part.fault for part in op.parts))
            and (len(self.model.sinks()) > 2 or not any(part.name in SINKS for part in out))
        )

    def _staged(self, name: str) -> bool:
        return name in STAGED and Claim.STAGES in self.case.claims

    def faults_of(self, name: str) -> list[str]:
        """The faults that a reload of ``name`` can meet, as tokens."""
        return [
            key
            for key, fault in self.faults.items()
            if "reload_state" not in fault.stage or self.stateful(name)
        ]

    def resolved(self, op: Op) -> Op:
        if op.parts:
            return replace(op, parts=tuple(self.resolved(part) for part in op.parts))
        faults = self.faults_of(op.name) if op.fault == ANY_FAULT else []
        if not faults:
            return op
        # In turn one that needs the plugin's help and one that lies in its file.
        wanted = _TELLING[self._choices % len(_TELLING)]
        self._choices += 1
        return replace(op, fault=next((f for f in faults if f.startswith(wanted)), faults[0]))

    def stateful(self, name: str) -> bool:
        return Claim.STATE in self.case.claims and name in ("a", "s")

    def spec(self, name: str, version: str) -> PluginSpec:
        if name in STAGED:
            return PluginSpec(name=name, version=version, roles=ROLES)
        return PluginSpec(name=name, version=version, sink=name in SINKS, state=self.stateful(name))

    def state_of(self, name: str) -> str:
        return self.model.state_of(name)

    def expectation(self) -> str:
        return str(self.model)

    # Operations

    async def _done(self, op: Op) -> Done:
        done = await self._under_traffic(op)
        self.book()
        return done

    async def _under_traffic(self, op: Op) -> Done:
        if not (self.armed.traffic and set(op.names) & {*SINKS, *STAGED}):
            return await self._do(op)
        before = self.ledger.mark()
        async with Traffic(self.case, tasks=("p1",), ledger=self.ledger) as traffic:
            done = await self._do(op)
            for part, each in zip(op.parts or (op,), done.parts or (done,), strict=True):
                self._frame(part, each, before, traffic.mark())
        if any(part.verb in _CHANGES_SINKS for part in op.parts or (op,)):
            self.facts["a sink changed under traffic"] += 1
        return done

    async def _do(self, op: Op) -> Done:
        match op.verb:
            case "together":
                return await self._together(op)
            case "load" | "add_sink":
                return await self._load(op)
            case "edit":
                self.case.write(self.spec(op.name, op.value))
                self.model.disk[op.name] = op.value
                return Done(Reply(ok=True))
            case "reload":
                return await self._reload(op)
            case "batch":
                return await self._batch(op)
            case "cancel":
                return await self._cancel(op)
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
            why = (
                f"a good plugin is not loaded: {reply.everything or 'no word why'}"
                f"{self.case.by_adapter}"
            )
            # What a failed reload left behind, and an unload did not clear away, is HR-ROLL-01's.
            raise (LeftToOthers if op.name in self.gone_failed else CannotJudge)(why)
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
                self._fail(op.name)
                self.facts["a reload failed as planned"] += arranged.fired
                fired = arranged.fired
                return Done(reply, failed=True, old=old, moment=moment, fired=fired)
            new = op.value  # the host never came to the fault: a good reload
        else:
            new = self.model.disk[op.name] or old
            reply = await self._operate("reload", op.name)
            if not reply.ok:  # a good edit is refused: HR-ROLL-05 is about that
                self._fail(op.name)
                return Done(reply, failed=True, old=old, moment=moment)
        if plugin.failed:
            self.facts["a good edit came after a failure"] += 1
        self._renew(op.name, plugin, new)
        self.facts["a reload worked"] += 1
        return Done(reply, old=old, new=new, moment=moment)

    def _fail(self, name: str) -> None:
        self.model.disk[name] = None
        if name in self.model.plugins:  # else it was taken out meanwhile
            self.model.plugins[name].failed = True

    def _renew(self, name: str, plugin: Modelled, version: str) -> None:
        self.model.disk[name] = plugin.version = version
        plugin.failed = False
        if not self.stateful(name):
            plugin.state = {}

    async def _batch(self, op: Op) -> Done:
        moment = self.case.recording.mark()
        try:
            reply = await self.case.reload_many(op.names)
        except Violation as violation:
            raise CannotJudge(str(violation)) from None
        for name in op.names:
            if reply.ok:
                version = self.model.disk[name] or self.model.plugins[name].version
                self._renew(name, self.model.plugins[name], version)
            else:
                self._fail(name)
        return Done(reply, failed=not reply.ok, moment=moment)

    async def _cancel(self, op: Op) -> Done:
        """The caller gives up while the new version stands in start."""
        plugin, moment = self.model.plugins[op.name], self.case.recording.mark()
        self.case.write(self.spec(op.name, op.value))
        hold = Hold()
        self.case.recording.plan("start", hold, plugin=op.name, version=op.value)
        reload = asyncio.ensure_future(_word(self.case.adapter.reload(op.name)))
        try:
            held = await hold.reached_or(reload)
            reload.cancel()
        except NotClaimed:
            held, self.undrivable = False, True
        finally:
            hold.open()
        await patiently({reload}, _PATIENCE_SECONDS)
        if not reload.done():
            raise CannotJudge(f"a reload of {op.name} that was cancelled does not end")
        self.case.recording.unplanned()
        cancelled = held and (reload.cancelled() or not reload.result().ok)
        reply = Reply(ok=False, message="cancelled") if reload.cancelled() else reload.result()
        if await self.serves(op.name) == op.value:  # it came too late: then the new one is there
            self._renew(op.name, plugin, op.value)
            self.facts[CANCELLED_TOO_LATE] += held
            return Done(reply, old="", new=op.value, moment=moment)
        self._fail(op.name)
        return Done(reply, failed=not held, cancelled=cancelled, old=plugin.version, moment=moment)

    async def serves(self, name: str) -> str:
        """The version of ``name`` that serves, of those that its model could have; "": none."""
        if name in SINKS:
            return next((version for n, version, _ in await self.receivers() if n == name), "")
        if name in STAGED:
            await self.receivers()
            return next((p.version for p in self.case.recording.passes[::-1]), "")
        known = {self.model.plugins[name].version}
        others = {p.version for n, p in self.model.plugins.items() if n != name}
        seen = [each for each in await self.ask("ask") if each not in others]
        return next((each for each in seen if each not in known), seen[0] if seen else "")

    async def _take_out(self, op: Op) -> Done:
        refused = self.model.is_last_sink(op.name)
        reply = await self._operate(op.verb, op.name)
        if refused:
            self.facts["the last sink was to go"] += 1
        elif self.overlapping and not reply.ok:
            return Done(reply, refused=True)  # a host may refuse one that is in the way
        else:
            self._out(op)
        return Done(reply, refused=refused)

    def _out(self, op: Op) -> None:
        if op.verb == "disable":
            self.model.plugins[op.name].enabled = False
        elif self.model.plugins.pop(op.name).failed:
            self.gone_failed.add(op.name)

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


async def _word(answer: Awaitable[object]) -> Reply:
    """What the host says; what it raises is a failure, but not the caller's own cancellation."""
    try:
        return Reply.of(await answer)
    except Exception as error:
        return Reply(ok=False, message=f"{type(error).__name__}: {error}")


def fault_table(adapter: type[HostAdapter]) -> dict[str, Fault]:
    """The faults that a script can name, by token: ``start:raises-an-exception``."""
    table: dict[str, Fault] = {}
    for each in stages(adapter, kinds=TWO_KINDS, hangs=False):
        fault: Fault = each.value
        table[f"{fault.stage}:{token(fault.how)}"] = fault
    return table
