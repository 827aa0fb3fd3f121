"""The world of a graph: four plugins, three of which need one another, and one beside them.

A reload takes all that need the plugin with it, so one operation has an effect on several
plugins, and a fault of any of them is a fault of all.
"""

from __future__ import annotations

from dataclasses import replace

from hot_reload_conformance.adapter import Claim, PluginSpec, Reply, implements
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.checks.stages import CAUSE
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.model import Modelled
from hot_reload_conformance.exploration.operation import ANY_FAULT, TOGETHER, Op
from hot_reload_conformance.exploration.world import World
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation

EDGES: dict[str, tuple[str, ...]] = {
    "base": (),
    "left": ("base",),
    "top": ("base", "left"),
    "lone": (),
}
"""Each plugin with what it needs, dependencies first, in the beginning."""
WIRED: dict[str, str] = {"lone": "base", "top": "left", "left": "base"}
"""What a plugin needs or does not, by its last edit that was about it: nothing comes full circle
by that."""

_HOOKS = ("import", "start", "health_check", "on_reload")
_CLAIMS: dict[str, frozenset[Claim]] = {
    "reload": frozenset({Claim.RELOAD}),
    "batch": frozenset({Claim.RELOAD}),
    "cancel": frozenset({Claim.RELOAD, Claim.CANCEL, Claim.HOOKS}),
    "unload": frozenset({Claim.UNLOAD}),
    "unload_all": frozenset({Claim.UNLOAD}),
    "enable": frozenset({Claim.ENABLE}),
    "disable": frozenset({Claim.ENABLE}),
}
_METHODS = {"batch": "reload_many", "unload_all": "unload_with_dependents"}
_VERBS = (
    *("load", "edit", "wire", "reload", "cancel", "batch", "unload", "unload_all"),
    *("enable", "disable"),
)


class GraphWorld(World):
    """The plugins of ``EDGES``. A fault is ``start@top``: that hook of that plugin raises."""

    def __init__(self, case: Case, armed: Invariant) -> None:
        super().__init__(case, armed)
        self.edges = dict(EDGES)
        """What each plugin needs that runs, or would if it were loaded."""
        self.written = dict(EDGES)
        """The same by the last edit of each."""

    def applies(self, op: Op) -> bool:
        if op.verb == TOGETHER:
            return len(op.names) == len(op.parts) and all(
                part.verb in ("reload", "load", "unload") and self.applies(part)
                for part in op.parts
            )
        method = _METHODS.get(op.verb)
        if op.verb not in _VERBS or _CLAIMS.get(op.verb, frozenset()) - self.case.claims:
            return False
        if (method and not implements(self.case.adapter, method)) or set(op.names) - set(EDGES):
            return False
        there = self.model.plugins.get(op.name)
        match op.verb:
            case "load":
                return there is None and self._has_its_needs(op.name)
            case "edit":
                return super().applies(op)
            case "batch":
                return super().applies(op) and all(map(self._has_its_needs, op.names))
            case "wire":
                wanted = "wire" in self.armed.draws and op.name in WIRED and there is not None
                return wanted and WIRED[op.name] in self.model.plugins
            case "unload" | "unload_all":
                return there is not None
            case "enable" | "disable":
                return there is not None and there.enabled is (op.verb == "disable")
            case "reload" if op.fault:
                there_too = there is not None and self._has_its_needs(op.name)
                return there_too and op.fault in self.faults_of(op.name)
            case "cancel":
                return super().applies(op) and self._has_its_needs(op.name)
            case _:
                on_disk = there is not None and self.model.disk.get(op.name) is not None
                return on_disk and self._has_its_needs(op.name)

    def _has_its_needs(self, name: str) -> bool:
        return all(each in self.model.plugins for each in self.written[name])

    def able(self, rule: str) -> bool:
        if rule == "unload-all":
            claimed = Claim.UNLOAD in self.case.claims
            return claimed and implements(self.case.adapter, _METHODS["unload_all"])
        faults = bool(self.faults_of(next(iter(EDGES))))
        return super().able(rule) and ("-fail" not in rule or faults)

    def _state(self, op: Op) -> str:
        """Of all that the operation is about: those that follow are a part of it."""
        return super()._state(Op("reload", ",".join(self.closure(*op.names) or op.names)))

    def faults_of(self, name: str) -> list[str]:
        hooks = [hook for hook in _HOOKS if hook in self.case.adapter.stages]
        return [f"{hook}@{each}" for each in reversed(self.closure(name)) for hook in hooks]

    def resolved(self, op: Op) -> Op:
        faults = self.faults_of(op.name)
        if op.fault == ANY_FAULT and faults:
            self._choices += 1
            return Op(op.verb, op.name, op.value, faults[self._choices % len(faults)])
        return Op(op.verb, parts=tuple(map(self.resolved, op.parts))) if op.parts else op

    def spec(self, name: str, version: str) -> PluginSpec:
        return PluginSpec(name=name, version=version, dependencies=self.written[name])

    # The graph

    def closure(self, *names: str) -> list[str]:
        """``names`` and all that are loaded and need one of them, dependencies first."""
        found = [name for name in self.edges if name in names]
        for name, needs in self.edges.items():
            if name in self.model.plugins and name not in found and set(needs) & set(found):
                found.append(name)
        return found

    def tree(self, name: str) -> str:
        """What ``name`` answers where everything that it reaches is of the model's versions."""
        below = ", ".join(self.tree(each) for each in self.edges[name])
        return f"{name} {self.model.plugins[name].version}" + (f" ({below})" if below else "")

    def trees(self) -> list[str]:
        return sorted(self.tree(name) for name, p in self.model.plugins.items() if p.enabled)

    async def seen(self) -> list[str]:
        """What each plugin answers: its version, and the versions that its imports reach."""
        return sorted(await self.ask("needs"))

    # Operations

    async def _do(self, op: Op) -> Done:
        if op.verb in ("unload", "unload_all"):
            return await self._unload(op)
        if op.verb == "wire":
            self._wire(op.name)
            return await super()._do(replace(op, verb="edit"))
        done = await super()._do(op)
        if op.verb in ("reload", "batch") and done.reply.ok and not (done.failed or done.refused):
            await self._take_up(op)
        return done

    async def _take_up(self, op: Op) -> None:
        """Whoever follows is made anew of what runs or of what lies on the disk: both are right."""
        served = dict(each.split()[:2] for each in await self.seen())
        for name in self.closure(*op.names):
            plugin, version = self.model.plugins[name], served.get(name, "")
            edited = self.model.disk.get(name) in (version, None)  # None: some failed edit's
            if name not in op.names and plugin.enabled and version != plugin.version and edited:
                self._renew(name, plugin, version)

    def _wire(self, name: str) -> None:
        """From its next version on ``name`` needs one more, or one less."""
        other, needs = WIRED[name], self.written[name]
        more = tuple(each for each in EDGES if each in needs or each == other)
        self.written[name] = tuple(n for n in needs if n != other) if other in needs else more

    def _renew(self, name: str, plugin: Modelled, version: str) -> None:
        super()._renew(name, plugin, version)
        self.edges[name] = self.written[name]

    async def _load(self, op: Op) -> Done:
        done = await super()._load(op)
        self.edges[op.name] = self.written[op.name]
        if self.edges[op.name] and f"{op.name} {op.value}" in await self.seen():
            raise NotClaimed(
                "plugins that import what they need: have render() write "
                "dialect.dependency_lines(spec) behind the line with probe.attach"
            )
        return done

    async def _reload(self, op: Op) -> Done:
        if not op.fault:
            return self._followed(op, await super()._reload(op))
        hook, _, culprit = op.fault.partition("@")
        old, moment = self.model.plugins[op.name].version, self.case.recording.mark()
        version = op.value if culprit == op.name else None
        self.case.write(self.spec(op.name, op.value))
        self.case.recording.plan(
            hook, raising(PlannedError, CAUSE), plugin=culprit, version=version
        )
        reply = await self._operate("reload", op.name)
        fired = not self.case.recording.pending()
        self.case.recording.unplanned()
        if fired or not reply.ok:
            self._fail(op.name)
            followed = culprit != op.name
            self.facts["a cascade failed" if followed else "a reload failed as planned"] += fired
            return Done(reply, failed=True, old=old, moment=moment)
        self._renew(op.name, self.model.plugins[op.name], op.value)
        self.facts["a reload worked"] += 1
        return self._followed(op, Done(reply, old=old, new=op.value, moment=moment))

    def _followed(self, op: Op, done: Done) -> Done:
        if not done.failed and done.old != done.new and len(self.closure(op.name)) > 1:
            self.facts["dependents followed"] += 1
        return done

    async def _unload(self, op: Op) -> Done:
        users = self.closure(op.name)[1:]
        moment = self.case.recording.mark()
        try:
            method = self.case.unload_with_dependents if op.verb == "unload_all" else None
            reply: Reply = await (method or self.case.unload)(op.name)
        except Violation as violation:
            raise CannotJudge(str(violation)) from None
        if users and op.verb == "unload":
            self.facts["what others need was to go"] += 1
            return Done(reply, refused=True, moment=moment)
        if self.overlapping and not reply.ok:
            return Done(reply, refused=True, moment=moment)
        for name in (op.name, *users):
            self.model.plugins.pop(name, None)
        return Done(reply, moment=moment)
