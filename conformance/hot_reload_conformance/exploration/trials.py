"""The world of trials: what is done for single clauses alone, beside all that the world does.

A trial is an operation that asks for trouble of its own kind: a name that is taken, a hook
that fails behind the commit, calls in the middle of a reload.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.observe import SHUTDOWN, Calls
from hot_reload_conformance.checks.roll_report import CLEAN_UP as CLEAN_UP_CAUSE
from hot_reload_conformance.checks.stages import CAUSE
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import ANY_FAULT, CLEAN_UP, HANDLERS, SINKS, Op
from hot_reload_conformance.exploration.scene import LeftToOthers
from hot_reload_conformance.exploration.world import World
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.probe import Probe
from hot_reload_conformance.verdict import NotClaimed

TRIALS: dict[str, frozenset[Claim]] = {
    "again": frozenset(),
    "stray": frozenset(),
    "replace": frozenset({Claim.RELOAD, Claim.HOOKS}),
    "busy": frozenset({Claim.RELOAD, Claim.STATE}),
    "sicken": frozenset({Claim.SINKS, Claim.HEALTH}),
    "heal": frozenset({Claim.SINKS, Claim.HEALTH, Claim.RELOAD}),
}
"""What a host claims so that a trial can be asked of it."""
OPERATIONS: dict[str, Claim] = {
    "reload": Claim.RELOAD,
    "unload": Claim.UNLOAD,
    "enable": Claim.ENABLE,
    "disable": Claim.ENABLE,
}
"""What can be asked for of a name that nobody knows."""
HALFWAY = "set_reload_state:halfway"
DISABLED_TOO = "unload disabled"
"""In an invariant's ``draws``: a disabled plugin is unloaded, too."""
FAILS_TWICE = "reload, and the clean-up fails"
"""In an invariant's ``draws``: so it does, at times."""
_MEANWHILE = (
    *("construct", "start", "get_reload_state", "set_reload_state", "health_check", "on_reload"),
    *("flush", "stop"),
)
_SILENT = ("absent", "disabled")


@dataclass(frozen=True, slots=True)
class Changes:
    """Calls that added one to the count while a reload ran."""

    before: int
    asked: int
    answered: int
    seen: list[str]
    """The states behind it."""
    uninvited: bool = False
    """They came from where the host takes no calls: what they changed may be lost."""

    @property
    def possible(self) -> list[str]:
        """What the state may be: whether a call that raised had counted, nobody can tell."""
        counts = range(self.before + self.answered, self.before + self.asked + 1)
        return [repr({"count": count}) for count in counts]


class Trials(World):
    """The plugins of ``World``, and trials of them for the clauses that ask for some."""

    def __init__(self, case: Case, armed: Invariant) -> None:
        super().__init__(case, armed)
        self.changes: Changes | None = None
        self.sick: set[str] = set()
        """The sinks of which the host knows that they have failed."""
        if HALFWAY in armed.draws and "set_reload_state" in case.adapter.stages:
            self.faults[HALFWAY] = _halfway_fault()

    def applies(self, op: Op) -> bool:
        there = self.model.plugins.get(op.name)
        if op.verb == "unload" and there is not None and not there.enabled:
            return DISABLED_TOO in self.armed.draws and Claim.UNLOAD in self.case.claims
        if op.fault.endswith(CLEAN_UP):
            claimed = Claim.HOOKS in self.case.claims
            return claimed and FAILS_TWICE in self.armed.draws and super().applies(_once(op))
        if op.name in self.sick and (op.verb == "cancel" or (op.verb == "reload" and op.fault)):
            return False  # what is left of it then, and how well it is, nobody can tell
        if op.verb not in TRIALS:
            return super().applies(op)
        if not self._trial(op.verb):
            return False
        if op.verb == "stray":
            return there is None and OPERATIONS.get(op.value) in self.case.claims
        if there is None or not (there.enabled or op.verb == "replace"):
            return False
        match op.verb:
            case "again":
                return op.name in HANDLERS
            case "replace":
                return op.fault in self.shutdown
            case "busy":
                count = there.state.get("count", 0)
                plain = set(there.state) <= {"count"} and type(count) is int
                fails = op.fault in ("", *({"on_reload"} & {*self.case.adapter.stages}))
                others = [n for n in HANDLERS if self.model.state_of(n) not in _SILENT]
                return self.stateful(op.name) and plain and fails and others == [op.name]
            case _:
                return op.name in SINKS and (op.name in self.sick) is (op.verb == "heal")

    def _overlap(self, op: Op) -> bool:
        # A reload brings a sick one back: whether another may go then depends on the order.
        return not self.sick & {*op.names} and super()._overlap(op)

    def _trial(self, verb: str) -> bool:
        return verb in self.armed.draws and TRIALS.get(verb, frozenset()) <= self.case.claims

    def able(self, rule: str) -> bool:
        verb = rule.partition("-")[0]
        if rule == "reload-fail-twice":
            return Claim.HOOKS in self.case.claims and "start" in self.case.adapter.stages
        if verb not in TRIALS:
            return super().able(rule)
        if rule == "busy-fail" and "on_reload" not in self.case.adapter.stages:
            return False
        return TRIALS[verb] <= self.case.claims and (verb != "replace" or bool(self.shutdown))

    @property
    def shutdown(self) -> list[str]:
        """The hooks that the host declares to call on an old version."""
        return [hook for hook in SHUTDOWN if f"old {hook}" in self.case.adapter.hook_order]

    def faults_of(self, name: str) -> list[str]:
        return [each for each in super().faults_of(name) if each != HALFWAY or self.stateful(name)]

    def resolved(self, op: Op) -> Op:
        if op.fault != ANY_FAULT + CLEAN_UP:
            return super().resolved(op)
        late = next((f for f in self.faults_of(op.name) if f.startswith("start:")), ANY_FAULT)
        return replace(op, fault=late + CLEAN_UP)

    def spec(self, name: str, version: str) -> PluginSpec:
        spec = super().spec(name, version)
        # One that is stopped first can be left with no version that runs.
        exclusive = "sicken" in self.armed.draws and Claim.STOP_FIRST in self.case.claims
        return replace(spec, stop_first=exclusive and name in SINKS)

    def running(self, name: str, version: str, before: int) -> int:
        """The serial of the generation of ``version`` that served before that moment; 0: none.

        It is the last that was made of it: what is reloaded unchanged has others of its version.
        """
        moments = self.case.recording.moments[:before]
        made = [m.serial for m in moments if (m.plugin, m.version) == (name, version)]
        return max(made, default=0)

    def healthy_sinks(self) -> list[str]:
        return [name for name in self.model.sinks() if name not in self.sick]

    # Operations

    async def _do(self, op: Op) -> Done:
        match op.verb:
            case "again":
                return await self._again(op)
            case "stray":
                return await self._stray(op)
            case "replace":
                return await self._replace(op)
            case "busy":
                return await self._busy(op)
            case "sicken":
                return await self._sicken(op)
            case "heal":
                await super()._do(Op("edit", op.name, op.value))
                return await super()._do(Op("reload", op.name))
            case _:
                return await super()._do(op)

    async def _reload(self, op: Op) -> Done:
        if op.fault.endswith(CLEAN_UP):
            raised = _Raised(CLEAN_UP_CAUSE)
            self.case.recording.plan("stop", raised, plugin=op.name, version=op.value)
            done = await super()._reload(_once(op))
            self.facts["a clean-up failed too"] += raised.fired
            return done
        done = await super()._reload(op)
        if not done.failed:
            self.sick.discard(op.name)
        return done

    async def _again(self, op: Op) -> Done:
        """Another plugin, in the same place under the same name."""
        self.case.write(self.spec(op.name, op.value))
        self.model.disk[op.name] = op.value
        return Done(await self._operate("load", op.name), refused=True)

    async def _stray(self, op: Op) -> Done:
        # With its file there, a host that finds plugins by itself would know it.
        for relative in self.case.adapter.render(self.spec(op.name, "v0")):
            (self.case.workdir / relative).unlink(missing_ok=True)
        self.model.disk[op.name] = None
        return Done(await self._operate(op.value, op.name), refused=True)

    async def _replace(self, op: Op) -> Done:
        """A good reload, in which the old version fails as it is shut down."""
        plugin, moment = self.model.plugins[op.name], self.case.recording.mark()
        old = plugin.version
        raised = _Raised(CAUSE)
        self.case.write(self.spec(op.name, op.value))
        self.case.recording.plan(op.fault, raised, plugin=op.name, version=old)
        reply = await self._operate("reload", op.name)
        self.case.recording.unplanned()
        if not reply.ok and not raised.fired:
            self._fail(op.name)
            return Done(reply, failed=True, old=old, moment=moment)
        self._renew(op.name, plugin, op.value)
        return Done(reply, old=old, new=op.value, moment=moment, fired=raised.fired)

    async def _busy(self, op: Op) -> Done:
        """A reload at each moment of which somebody adds to the state."""
        plugin, recording = self.model.plugins[op.name], self.case.recording
        if await self.ask("get") != [repr(plugin.state)]:
            raise LeftToOthers("the state is another one already")
        old, moment = plugin.version, recording.mark()
        meanwhile = Calls(
            self.case,
            Event("add", 1),
            at=lambda at: at.plugin == op.name and at.what in _MEANWHILE,
        )
        self.case.write(self.spec(op.name, op.value))
        raised = _Raised(CAUSE)
        if op.fault:
            recording.plan("on_reload:end", raised, plugin=op.name, version=op.value)
        try:
            with meanwhile:
                reply = await self._operate("reload", op.name)
        finally:
            recording.unplanned()
        answers = [answer for _, answer in await meanwhile.finished()]
        answered = sum(1 for each in answers if isinstance(each, list) and each)
        before = plugin.state.get("count", 0)
        seen = await self.ask("get")
        self.changes = Changes(before, len(answers), answered, seen, meanwhile.uninvited)
        if seen[:1] and (meanwhile.uninvited or seen[0] in self.changes.possible):
            plugin.state = ast.literal_eval(seen[0])
        if not reply.ok:
            self._fail(op.name)
            return Done(reply, failed=True, old=old, moment=moment, fired=raised.fired)
        self._renew(op.name, plugin, op.value)
        return Done(reply, old=old, new=op.value, moment=moment, fired=raised.fired)

    # Health

    async def _sicken(self, op: Op) -> Done:
        """Its health says so; or neither a reload nor its roll-back brings it up."""
        key = (op.name, self.model.plugins[op.name].version)
        self.case.recording.health[key] = False
        if await self._well(op.name):
            spec = self.spec(op.name, op.value)
            if not spec.stop_first:
                raise NotClaimed(_NEVER_SICK)
            self.case.write(spec)
            self.case.recording.plan("start", raising(PlannedError), plugin=op.name, times=2)
            await self._operate("reload", op.name)
            self.case.recording.unplanned()
            self._fail(op.name)
            if await self._well(op.name):
                raise NotClaimed(_NEVER_SICK)
        self.sick.add(op.name)
        return Done(Reply(ok=True))

    async def _well(self, name: str) -> bool:
        return await self.case.guarded(self.case.adapter.healthy(name), "healthy")

    async def _take_out(self, op: Op) -> Done:
        there = self.model.plugins[op.name]
        if there.enabled and not self.sick:
            return await super()._take_out(op)
        last = there.enabled and self.healthy_sinks() == [op.name]
        reply = await self._operate(op.verb, op.name)
        if last or not reply.ok:
            self.facts["the last healthy sink was to go"] += last
            return Done(reply, refused=True)
        if op.verb != "disable":  # enabled again, it is as it was
            self.sick.discard(op.name)
        self._out(op)
        return Done(reply)


_NEVER_SICK = (
    "a failed sink: neither a health_check that says no, nor a reload that cannot be rolled back "
    "makes healthy() answer False"
)


class _Raised:
    """An action that raises, and knows whether it came to that."""

    def __init__(self, text: str) -> None:
        self.text, self.fired = text, False

    def __call__(self, at: Probe) -> None:
        self.fired = True
        raise PlannedError(self.text)


def _once(op: Op) -> Op:
    """``op`` without the failure of the clean-up."""
    return replace(op, fault=op.fault.removesuffix(CLEAN_UP))


def _halfway_fault() -> Fault:
    def put(case: Case, spec: PluginSpec, arranged: Any) -> None:
        def halfway(at: Probe) -> None:
            arranged.fired = True
            at.state = {"count": "half"}
            raise PlannedError(CAUSE)

        case.write(spec)
        case.recording.plan("set_reload_state", halfway, plugin=spec.name, version=spec.version)

    return Fault(stage="set_reload_state", how="halfway", put=put, cause=(CAUSE,))
