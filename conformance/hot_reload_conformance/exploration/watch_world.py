"""The world of a watch: plugins that are saved while a host watches, and time that passes.

Time is virtual: only a host that takes the kit's clock can be explored.
"""

from __future__ import annotations

import asyncio

from hot_reload_conformance.adapter import Claim, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.watching import Watching
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.model import Modelled
from hot_reload_conformance.exploration.operation import (
    BROKEN,
    HANDLERS,
    MEANWHILE,
    TOGETHER,
    Op,
)
from hot_reload_conformance.exploration.scene import Scene
from hot_reload_conformance.verdict import CannotJudge, Violation

_VERBS = ("save", "wait", "switch_off", "switch_on", "reload", TOGETHER)


class WatchWorld(Scene):
    """Two plugins under watch. What a broken text leaves serving is not judged."""

    def __init__(self, case: Case, armed: Invariant) -> None:
        super().__init__(case, armed)
        self.watching = Watching(case)
        self.on = True
        self.plugins = {name: Modelled("v0") for name in HANDLERS}
        self.meanwhile: dict[str, str] = {}
        """Saves that wait for the next load of their plugin, by name."""
        self.ran = 0
        """How many runs of modules there were as the switch was turned off, or by request."""

    async def begin(self) -> None:
        try:
            await self.watching.serving(*(self.spec(name, "v0") for name in self.plugins))
        except Violation as violation:
            raise CannotJudge(f"the watch does not begin: {violation}") from None

    def spec(self, name: str, version: str) -> PluginSpec:
        return PluginSpec(name=name, version=version)

    def applies(self, op: Op) -> bool:
        if op.verb == TOGETHER:
            return all(part.verb in ("save", "reload") and self.applies(part) for part in op.parts)
        switchable = Claim.ENABLE_WATCH in self.case.claims
        if op.verb not in _VERBS or set(op.names) - set(self.plugins):
            return False
        match op.verb:
            case "save":
                return op.fault in ("", BROKEN, MEANWHILE) and op.name not in self.meanwhile
            case "wait":
                return op.name in ("briefly", "long")
            case "switch_off":
                return switchable and self.on
            case "switch_on":
                return switchable and not self.on
            case _:
                return not self.plugins[op.name].failed

    def able(self, rule: str) -> bool:
        return not rule.startswith("switch") or Claim.ENABLE_WATCH in self.case.claims

    def state_of(self, name: str) -> str:
        state = "broken" if self.plugins[name].failed else "good"
        return state if self.on else f"{state}, off"

    def _state(self, op: Op) -> str:
        if op.names:
            return self.state_of(op.names[0])
        broken = any(plugin.failed for plugin in self.plugins.values())
        return ("broken" if broken else "good") + ("" if self.on else ", off")

    def expectation(self) -> str:
        found = (f"{n} {'?' if p.failed else p.version}" for n, p in sorted(self.plugins.items()))
        return ", ".join(found) + ("" if self.on else " (switched off)")

    # Operations

    async def _do(self, op: Op) -> Done:
        match op.verb:
            case "together":
                return await self._together(op)
            case "save":
                self._save(op)
            case "wait":
                await self._wait(op.name)
            case "switch_off":
                await self.watching.disable()
                self.on = False
                self.ran = len(self.watching.runs)
            case "switch_on":
                await self.watching.enable()
                self.on = True
            case _:
                return await self._reload(op)
        return Done(Reply(ok=True), failed=op.fault == BROKEN)

    def _save(self, op: Op) -> None:
        spec = self.spec(op.name, op.value)
        if op.fault == MEANWHILE:
            self.meanwhile[op.name] = op.value
            self.case.recording.plan(
                "import", lambda _: self._saved_meanwhile(spec), plugin=op.name
            )
            return
        plugin = self.plugins[op.name]
        if op.fault == BROKEN:
            text = b"def broken(:\n# %s\n" % op.value.encode()  # no two of them are alike
            self.watching.put(self.watching.path(spec), text)
            plugin.failed = True
            self.facts["a broken text was saved"] += 1
        else:
            self.watching.save(spec)
            plugin.version, plugin.failed = op.value, False

    def _saved_meanwhile(self, spec: PluginSpec) -> None:
        # By no event: the host has to see by itself that what it loads is not what is there.
        self.watching.save(spec, told=False)
        self.meanwhile.pop(spec.name, None)
        self.plugins[spec.name] = Modelled(spec.version)
        self.facts["an edit came while one was loaded"] += 1

    async def _wait(self, how_long: str) -> None:
        if how_long == "briefly":
            await self.watching.run(self.watching.pace.quiet_seconds / 2)
            return
        pace = self.watching.pace
        # Beyond the bound, for the declared limit as well: what was deferred has come by then.
        limited = pace.window_seconds if pace.limit else 0.0
        await self.watching.run(pace.converge_seconds + limited)
        for name in list(self.meanwhile):  # nothing was loaded, so it never came
            del self.meanwhile[name]
        self.case.recording.unplanned()

    async def _reload(self, op: Op) -> Done:
        """Somebody asks for it; time passes until it is done."""
        task = asyncio.ensure_future(self.case.reload(op.name))
        await self.watching.driven(_ended(task), f"reload {op.name}")
        self.ran = len(self.watching.runs)
        return Done(task.result())


async def _ended(task: asyncio.Future[Reply]) -> None:
    await asyncio.wait({task})
