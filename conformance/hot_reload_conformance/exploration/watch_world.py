"""The world of a watch: plugins that are saved while a host watches, and time that passes.

Time is virtual: only a host that takes the kit's clock can be explored.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.compiling import compiling
from hot_reload_conformance.bench.watching import Watching
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.model import Modelled
from hot_reload_conformance.exploration.operation import (
    BROKEN,
    HANDLERS,
    HOPELESS,
    MEANWHILE,
    PASSING,
    TOGETHER,
    Op,
)
from hot_reload_conformance.exploration.scene import Scene
from hot_reload_conformance.planned import raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation

_VERBS = ("save", "stir", "wait", "switch_off", "switch_on", "stop", "reload", TOGETHER)
_WAITS = ("briefly", "soon", "long")
_FOREVER = 1_000


@dataclass(frozen=True, slots=True)
class Save:
    """One good save."""

    plugin: str
    version: str
    at: float
    runs: int
    """How many runs there had been: a later one may be of it."""
    at_rest: bool
    """Whether all that had been saved before of this plugin was loaded, and no limit held."""
    stirred: bool = False
    """Whether it was the first of many without a pause."""
    fault: str = ""
    """``passing``, ``hopeless``, or ``syntax``: then the text is broken."""


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
        self.stopped = False
        self.saves: list[Save] = []
        self.asked: set[int] = set()
        """The places among the runs of those that began while somebody had asked for one."""
        self.compiled: list[tuple[float, str]] = []
        """When the file of which plugin was compiled, where retries are explored."""
        self.switched: list[float] = []
        self.trying: set[str] = set()
        """Plugins whose load failed in passing, and may be tried still."""
        self.unsettled: set[str] = set()
        """Plugins of which something happened since there was time for all that waited."""

    async def begin(self) -> None:
        if self.armed.retries and self.watching.pace.tries < 2:
            raise NotClaimed("a declared number of tries: give tries, 2 or more, in the pace")
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
            case "stir" if not self.armed.stirs:
                return False
            case "save" | "stir":
                mishap = (PASSING, HOPELESS) if self.armed.retries else (MEANWHILE,)
                return op.fault in ("", BROKEN, *mishap) and op.name not in self.meanwhile
            case "wait":
                return op.name in _WAITS
            case "switch_off":
                return switchable and self.on and not self.stopped
            case "switch_on":
                return switchable and not self.on and not self.stopped
            case "stop":
                return self.armed.stops and not self.stopped
            case _:  # a try that somebody asks for is no retry
                return not self.plugins[op.name].failed and not self.armed.retries

    def able(self, rule: str) -> bool:
        if self.armed.retries and (rule == "save-meanwhile" or rule.startswith("reload")):
            return False
        if rule in ("stir", "stop"):
            return self.armed.stirs if rule == "stir" else self.armed.stops
        return not rule.startswith("switch") or Claim.ENABLE_WATCH in self.case.claims

    def state_of(self, name: str) -> str:
        if name in self.trying:
            return "trying" + self._switched
        return ("broken" if self.plugins[name].failed else "good") + self._switched

    def _state(self, op: Op) -> str:
        if op.names:
            return self.state_of(op.names[0])
        broken = any(plugin.failed for plugin in self.plugins.values())
        return ("broken" if broken else "good") + self._switched

    @property
    def _switched(self) -> str:
        return ", stopped" if self.stopped else "" if self.on else ", off"

    def expectation(self) -> str:
        found = (f"{n} {'?' if p.failed else p.version}" for n, p in sorted(self.plugins.items()))
        switched = " (stopped)" if self.stopped else "" if self.on else " (switched off)"
        return ", ".join(found) + switched

    # Operations

    async def _done(self, op: Op) -> Done:
        if not self.armed.retries:
            return await self._do(op)
        with contextlib.ExitStack() as stack:  # nothing is compiled but while time passes
            for name in self.plugins:
                path = self.watching.path(self.spec(name, "v0"))
                stack.enter_context(compiling(path, lambda name=name: self._compiles(name)))  # type: ignore[misc]  # bound now
            return await self._do(op)

    def _compiles(self, name: str) -> None:
        self.compiled.append((self.watching.now(), name))

    async def _do(self, op: Op) -> Done:
        match op.verb:
            case "together":
                return await self._together(op)
            case "save":
                self._save(op)
            case "stir":
                await self._stir(op)
            case "stop":
                await self.watching.stop()
                self.stopped = True
                self.ran = len(self.watching.runs)
            case "wait":
                await self._wait(op.name)
            case "switch_off":
                await self.watching.disable()
                self.on = False
                self.switched.append(self.watching.now())
                self.ran = len(self.watching.runs)
            case "switch_on":
                await self.watching.enable()
                self.on = True
                self.switched.append(self.watching.now())
            case _:
                return await self._reload(op)
        return Done(Reply(ok=True), failed=op.fault in (BROKEN, HOPELESS))

    def _save(self, op: Op) -> None:
        spec = self.spec(op.name, op.value)
        if op.fault == MEANWHILE:
            self.meanwhile[op.name] = op.value
            self.case.recording.plan(
                "import", lambda _: self._saved_meanwhile(spec), plugin=op.name
            )
            return
        plugin = self.plugins[op.name]
        self.trying.discard(op.name)
        if op.fault == BROKEN:
            text = b"def broken(:\n# %s\n" % op.value.encode()  # no two of them are alike
            self.watching.put(self.watching.path(spec), text)
            plugin.failed = True
            self.facts["a broken text was saved"] += 1
            if self.armed.retries:
                self._saved(spec, fault=BROKEN)
        elif op.fault:
            self._fails(spec, op.fault)
            self._good(spec, fault=op.fault)
            self.plugins[op.name].failed = op.fault == HOPELESS
            self.trying.add(op.name)
        else:
            self._good(spec)
        self.unsettled.add(op.name)

    def _fails(self, spec: PluginSpec, fault: str) -> None:
        # In turn where the module runs and where the plugin starts.
        start = Claim.HOOKS in self.case.claims and "start" in self.case.adapter.stages
        stage = "start" if start and len(self.saves) % 2 else "import"
        action = raising(ConnectionError, "the server that it needs does not answer now")
        times = self.watching.pace.tries - 1 if fault == PASSING else _FOREVER
        self.case.recording.plan(stage, action, plugin=spec.name, version=spec.version, times=times)

    def _saved(self, spec: PluginSpec, *, stirred: bool = False, fault: str = "") -> None:
        now, runs = self.watching.now(), len(self.watching.runs)
        at_rest = spec.name not in self.unsettled
        self.saves.append(Save(spec.name, spec.version, now, runs, at_rest, stirred, fault))

    def _good(
        self, spec: PluginSpec, *, told: bool = True, stirred: bool = False, fault: str = ""
    ) -> None:
        self.watching.save(spec, told=told)
        self._saved(spec, stirred=stirred, fault=fault)
        self.unsettled.add(spec.name)
        self.plugins[spec.name] = Modelled(spec.version)

    async def _stir(self, op: Op) -> None:
        pace = self.watching.pace
        lasts = pace.max_wait_seconds + pace.notice_seconds + pace.quiet_seconds
        pause = pace.quiet_seconds / 2
        for number in range(int(lasts / pause) + 1):
            self._good(self.spec(op.name, f"{op.value}.{number}"), stirred=not number)
            await self.watching.run(pause)

    def _saved_meanwhile(self, spec: PluginSpec) -> None:
        # By no event: the host has to see by itself that what it loads is not what is there.
        self.meanwhile.pop(spec.name, None)
        self._good(spec, told=False)
        self.facts["an edit came while one was loaded"] += 1

    async def _wait(self, how_long: str) -> None:
        pace = self.watching.pace
        if how_long != "long":
            soon = pace.notice_seconds + 3 * pace.quiet_seconds
            await self.watching.run(pace.quiet_seconds / 2 if how_long == "briefly" else soon)
            return
        # Beyond the bound, for the declared limit as well: what was deferred has come by then.
        limited = pace.window_seconds if pace.limit else 0.0
        tried = pace.retrying_seconds if self.armed.retries else 0.0
        await self.watching.run(pace.converge_seconds + limited + tried)
        for name in list(self.meanwhile):  # nothing was loaded, so it never came
            del self.meanwhile[name]
        if not self.armed.retries:
            self.case.recording.unplanned()
        if self.on:
            self.unsettled.clear()
            self.trying.clear()

    async def _reload(self, op: Op) -> Done:
        """Somebody asks for it; time passes until it is done."""
        before = len(self.watching.runs)
        task = asyncio.ensure_future(self.case.reload(op.name))
        await self.watching.driven(_ended(task), f"reload {op.name}")
        self.ran = len(self.watching.runs)
        self.asked.update(range(before, self.ran))
        self.unsettled.add(op.name)
        return Done(task.result())


async def _ended(task: asyncio.Future[Reply]) -> None:
    await asyncio.wait({task})
