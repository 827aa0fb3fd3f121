"""The invariants of the core machine about loads: hooks once, names taken, gone or unknown."""

from __future__ import annotations

import re
import sys
from typing import Any

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.checks.load_names import is_bare
from hot_reload_conformance.checks.observe import hooks_of
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import HANDLERS, Op
from hot_reload_conformance.exploration.scene import LeftToOthers
from hot_reload_conformance.exploration.trials import DISABLED_TOO, Trials
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import NotClaimed

_LOADS = ("load", "add_sink")
_UNLOADS = ("unload", "remove_sink")


async def _served(world: Trials) -> dict[str, Any]:
    """Who serves, with which state, and what the host has noted down."""
    registries = await world.case.registries() if Claim.SNAPSHOT in world.case.claims else {}
    who, state = await world.ask("who"), await world.ask("get")
    return {"who": who, "state": state, "registries": registries}


def _differences(these: dict[str, Any], those: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in these.items() if those.get(key) != value}


class SetUpOnce(Invariant):
    """Setup and start run once at a load, and never twice on one generation."""

    code = "HR-LOAD-04"
    machine = "core"
    needs = "a generation was started"
    cost = 5

    def __init__(self) -> None:
        self.looked = 0
        self.begun: set[tuple[int, str]] = set()
        self.started: set[str] = set()

    async def after(self, world: Trials, op: Op, done: Done) -> None:
        moments = world.case.recording.moments
        new, self.looked = moments[self.looked :], len(moments)
        for moment in new:
            self._once(world, op, moment)
        if op.verb in _LOADS:
            began = [m.what for m in new if m.phase == "begin" and m.plugin == op.name]
            if "start" not in began:
                raise NotClaimed("no start hook was seen: the rendered plugin reports none")
            hooks = {"start", *({"setup"} & {*world.case.adapter.stages})}
            world.expect(
                all(began.count(hook) == 1 for hook in hooks),
                f"in {op}, not each of {' and '.join(sorted(hooks))} ran once",
                "each once",
                began,
            )
        world.facts[self.needs] += any(m.what == "start" for m in new)
        if op.verb in (*_LOADS, "reload", "enable"):
            served = [each for each in await world.ask("who") if "#" in each]
            world.expect(
                set(served) <= self.started,
                f"after {op}, a generation serves that was never started",
                f"only those of {sorted(self.started)}",
                served,
            )

    def _once(self, world: Trials, op: Op, moment: Moment) -> None:
        label = f"{moment.version}#{moment.serial}"
        if moment.what == "start" and moment.phase == "end":
            self.started.add(label)
        if moment.phase != "begin":
            return
        if moment.what in ("stop", "teardown"):
            # Who is started again behind its own stop was brought back: HR-ROLL-02's matter.
            self.begun -= {(moment.serial, "setup"), (moment.serial, "start")}
        elif moment.what in ("setup", "start"):
            key = (moment.serial, moment.what)
            world.expect(
                key not in self.begun,
                f"in {op}, {moment.what} ran a second time on one generation of {moment.plugin}, "
                f"{label}",
                f"{moment.what} at most once for each generation",
                str(moment),
            )
            self.begun.add(key)

    async def overlapped(self, world: Trials, op: Op, done: Done) -> None:
        await self.after(world, op, done)


class DuplicateRefused(Invariant):
    """A second plugin under a name that is live is refused, and changes nothing."""

    code = "HR-LOAD-05"
    machine = "core"
    names = HANDLERS
    draws = frozenset({"again"})
    needs = "a name that is live was loaded again"
    cost = 5

    async def before(self, world: Trials, op: Op) -> None:
        if op.verb != "again":
            return
        # Who was lost in a reload that failed has no live name: that is HR-ROLL-01's matter.
        self.live = not world.model.plugins[op.name].enabled or bool(await world.serves(op.name))
        self.served = await _served(world)

    async def after(self, world: Trials, op: Op, done: Done) -> None:
        if op.verb != "again" or not self.live:
            return
        world.facts[self.needs] += 1
        served = await _served(world)
        world.expect(
            served == self.served,
            f"a second plugin was loaded under the live name {op.name!r}, and what serves has "
            "changed",
            _differences(self.served, served),
            _differences(served, self.served),
        )
        world.expect(
            not done.reply.ok,
            f"a second load under the live name {op.name!r} was not refused: its caller believes "
            f"that {op.value} serves",
            "a refusal",
            "ok",
        )


class Unloaded(Invariant):
    """Of what is unloaded nothing is left, however it came to that: nor later on."""

    code = "HR-LOAD-06"
    machine = "core"
    draws = frozenset({DISABLED_TOO})
    needs = "a plugin was unloaded"
    cost = 5

    def __init__(self) -> None:
        self.versions: dict[str, set[str]] = {}
        self.modules: dict[str, set[str]] = {}
        """Those that there were before the plugin was loaded."""
        self.last: tuple[str, int] = ("", 0)
        """The version, and the generation, that is to go."""

    async def before(self, world: Trials, op: Op) -> None:
        for part in op.parts or (op,):
            plugin = world.model.plugins.get(part.name)
            if part.value and part.name:
                self.versions.setdefault(part.name, set()).add(part.value)
            if part.verb in _LOADS:
                self.modules[part.name] = set(sys.modules)
            if plugin is not None:
                now = world.case.recording.mark()
                self.last = plugin.version, world.running(part.name, plugin.version, now)
        going = world.model.plugins.get(op.name) if op.verb in _UNLOADS else None
        if going is not None and going.enabled and not await world.serves(op.name):
            raise LeftToOthers(f"{op.name} was lost before it was to be unloaded")

    async def after(self, world: Trials, op: Op, done: Done) -> None:
        if op.verb in _UNLOADS and not done.refused:
            plugin = f"{op.name} {self.last[0]}"
            world.expect(
                done.reply.ok,
                f"unload of {plugin} was refused: {done.reply.everything or 'no word why'}",
                "unloaded",
                "refused",
            )
            world.facts[self.needs] += 1
            self._shut_down(world, op)
        await self._nothing_left(world, op, done)

    def _shut_down(self, world: Trials, op: Op) -> None:
        version, serial = self.last
        ran = hooks_of(world.case.recording.moments, serial=serial)
        for restarted in [at for at, hook in enumerate(ran) if hook == "start"][-1:]:
            ran = ran[restarted:]  # a roll-back may have stopped it and started it again
        for hook in ("stop", "teardown"):
            if Claim.HOOKS not in world.case.claims:
                return
            if f"old {hook}" not in world.case.adapter.hook_order:
                continue
            world.expect(
                ran.count(hook) == 1,
                f"{op} ran {hook} of {op.name} {version} {ran.count(hook)} times",
                f"{hook} once",
                ran,
            )

    async def _nothing_left(self, world: Trials, op: Op, done: Done) -> None:
        if op.verb in ("edit", "put"):
            return
        gone = [name for name in self.versions if name not in world.model.plugins]
        seen = set(await world.ask("ask")) if gone else set()
        given = {name for name, _, _ in await world.receivers()} if gone else set()
        for name in gone:
            alive = seen & self.versions[name] if name in HANDLERS else given & {name}
            world.expect(
                not alive,
                f"after {op}, {name} still serves, which is unloaded",
                f"nothing of {name}",
                sorted(alive),
            )
        for name in {*gone} & {*op.names}:
            new = set(sys.modules) - self.modules[name] - set(sys.stdlib_module_names)
            left = [each for each in sorted(new) if name in re.split(r"[^A-Za-z0-9]+", each)]
            world.expect(
                not left,
                f"after {op}, modules of {name} are still in sys.modules: {', '.join(left)}",
                "none",
                left,
            )

    async def overlapped(self, world: Trials, op: Op, done: Done) -> None:
        # Which of them came first, and how often its hooks ran, is nobody's to say.
        await self._nothing_left(world, op, done)


class UnknownName(Invariant):
    """What is asked of a name that nobody knows, or knows any more, is refused."""

    code = "HR-LOAD-07"
    machine = "core"
    names = HANDLERS
    draws = frozenset({"stray"})
    needs = "an unknown name was asked for"
    cost = 5

    async def before(self, world: Trials, op: Op) -> None:
        self.served = await _served(world) if op.verb == "stray" else {}

    async def after(self, world: Trials, op: Op, done: Done) -> None:
        if op.verb == "unload" and not done.reply.ok:
            raise LeftToOthers("a plugin is not unloaded: HR-LOAD-06's matter")
        if op.verb != "stray":
            return
        world.facts[self.needs] += 1
        what = f"{op.value} of {op.name!r}, a name that nobody knows,"
        served, words = await _served(world), done.reply.everything
        world.expect(
            served == self.served,
            f"{what} changed something",
            _differences(self.served, served),
            _differences(served, self.served),
        )
        world.expect(not done.reply.ok, f"{what} was not refused", "a refusal", "ok")
        world.expect(
            re.search(rf"(?<!\w){op.name}(?!\w)", words) is not None,
            f"the refusal of {what} does not say which name",
            f"a message with {op.name!r} in it",
            words or "no message",
        )
        world.expect(
            not is_bare(words, op.name),
            f"{what} ends in a look-up that failed, with no word of what is wrong",
            "words that say that no such plugin is known",
            words,
        )


LOADS = (SetUpOnce, DuplicateRefused, Unloaded, UnknownName)
