"""The invariants of the configuration machine: which settings each plugin has to have.

Each asks about the file that was tried last: what is wrong behind a good one is HR-CONF-01's
matter, behind a bad text HR-CONF-02's, behind a plugin's refusal HR-CONF-03's, however many
operations lie between.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from hot_reload_conformance.bench.watching import SLACK_SECONDS
from hot_reload_conformance.checks.graphs import touched
from hot_reload_conformance.exploration.config_scene import (
    APPLIED,
    GOOD,
    REST_SECONDS,
    SPOILT,
    UNWELCOME,
)
from hot_reload_conformance.exploration.config_world import ConfigWorld
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import CONFIGURED, Op
from hot_reload_conformance.exploration.scene import LeftToOthers

WORDS = {
    "half": "half-written",
    "empty": "empty",
    "wrong": "one with a text for a number",
    "gone": "gone",
}


class _Config(Invariant):
    machine = "configuration"
    names = CONFIGURED
    cost = 3
    instead = "Mend first what the examples of HR-CONF-01 to HR-CONF-03 find"
    about: ClassVar[Collection[str]] = ()
    """The files behind which what is wrong is this clause's matter."""

    def __init__(self) -> None:
        self.tried = APPLIED
        """The file that was tried before the operation."""
        self.running: dict[str, str] = {}

    async def before(self, world: ConfigWorld, op: Op) -> None:
        self.tried, self.running = world.tried, dict(world.running)
        if world.tried not in self.about and await world.wrong():
            raise LeftToOthers("settings are wrong already")

    async def overlapped(self, world: ConfigWorld, op: Op, done: Done) -> None:
        await self.after(world, op, done)

    async def right(self, world: ConfigWorld, message: str) -> None:
        wrong = await world.wrong()
        if wrong:
            have = "has" if wrong in CONFIGURED else "have"
            values = {n: each.value for n, each in sorted(world.consumers.items()) if each.enabled}
            seen = await world.seen()
            world.expect(False, message.format(f"{wrong} {have}"), values, seen)


def _applied(op: Op, done: Done) -> Done | None:
    """What came of the file's application, if ``op`` is one or has one."""
    parts = zip(op.parts or (op,), done.parts or (done,), strict=True)
    return next((each for part, each in parts if part.verb == "apply"), None)


class Reaches(_Config):
    """Behind a good file each plugin has what it says, whatever else is done to it."""

    code = "HR-CONF-01"
    needs = "a change was applied"
    about = (APPLIED,)

    async def after(self, world: ConfigWorld, op: Op, done: Done) -> None:
        if world.tried != APPLIED:
            return
        applied = _applied(op, done)
        if applied is not None:
            if self.tried != APPLIED and not applied.reply.ok:
                raise LeftToOthers("a good file behind a bad one is HR-CONF-04's matter")
            words = applied.reply.everything or "no word why"
            world.expect(
                applied.reply.ok,
                f"a good settings file is not applied: {words}",
                "applied",
                "refused",
            )
            world.facts["a change was applied"] += applied.outcome == "ok"
        await self.right(
            world, f"after {op}, {{}} other settings than the good file that was applied last says"
        )
        if applied is None:
            return
        changed = {n for n, value in world.running.items() if value != self.running.get(n)}
        allowed = {*changed, *op.names, *world.unsure()}
        moments = world.case.recording.moments[applied.moment :]
        strange = sorted(touched(moments) - allowed)
        world.expect(
            not strange,
            f"{op} touched {', '.join(strange)}, whose own settings did not change",
            f"only {', '.join(sorted(changed)) or 'nobody'}",
            [str(m) for m in moments if m.plugin in strange],
        )


class _Keeps(_Config):
    """Behind a file that is not applied each plugin has what it had."""

    def what(self, world: ConfigWorld) -> str:
        """The file in words."""
        raise NotImplementedError

    async def after(self, world: ConfigWorld, op: Op, done: Done) -> None:
        if world.tried not in self.about:
            return
        applied, what = _applied(op, done), self.what(world)
        if applied is not None:
            world.facts[self.needs] += 1
            world.expect(
                not applied.reply.ok, f"a settings file that is {what} is applied", "refused", "ok"
            )
            self._told(world, applied, what, alone=not op.parts)
        how = f"after {op}" if applied is None else f"after a file that is {what} was refused"
        last = f", the last file that was tried being {what}" if applied is None else ""
        await self.right(world, f"{how}, {{}} other settings than those that ran{last}")

    def _told(self, world: ConfigWorld, applied: Done, what: str, *, alone: bool) -> None:
        """Raise where the refusal itself is not right."""


class KeepsOld(_Keeps):
    """Behind a bad file all is as before."""

    code = "HR-CONF-02"
    needs = "a bad file was tried"
    about = (SPOILT,)

    def what(self, world: ConfigWorld) -> str:
        return WORDS[world.tried_how]

    def _told(self, world: ConfigWorld, applied: Done, what: str, *, alone: bool) -> None:
        words = applied.reply.everything
        world.expect(
            world.file.path.name in words,
            f"the refusal of a file that is {what} does not name it",
            world.file.path.name,
            words or "no word why",
        )
        moved = sorted(touched(world.case.recording.moments[applied.moment :]))
        world.expect(
            not moved or not alone,
            f"a file that is {what} was refused, and yet {', '.join(moved)} was touched",
            "nothing touched",
            ", ".join(moved),
        )


class AllOrNothing(_Keeps):
    """Where one plugin refuses, the last good file is what runs, for all of them."""

    code = "HR-CONF-03"
    needs = "a plugin refused its settings"
    about = (UNWELCOME,)

    def what(self, world: ConfigWorld) -> str:
        return world.tried_how

    def _told(self, world: ConfigWorld, applied: Done, what: str, *, alone: bool) -> None:
        words = applied.reply.everything
        world.expect(
            world.refuser in words,
            f"the refusal does not name {world.refuser!r}, which did not take its settings",
            world.refuser,
            words or "no word why",
        )


class NextGood(_Config):
    """Behind a bad file a good one is applied as if the bad one had never been."""

    code = "HR-CONF-04"
    needs = "a good file came behind a bad one"
    watches = True
    cost = 5

    async def after(self, world: ConfigWorld, op: Op, done: Done) -> None:
        applied = _applied(op, done)
        if applied is not None and world.tried == APPLIED and self.tried in (SPOILT, UNWELCOME):
            world.facts[self.needs] += world.watching is None
            world.expect(
                applied.reply.ok,
                f"a good settings file behind a bad one is not applied: "
                f"{applied.reply.everything or 'no word why'}",
                "applied",
                "refused",
            )
            await self.right(
                world, "after a bad settings file and then a good one, {} other settings than it"
            )
        if op.verb == "wait":
            await self._in_time(world)

    async def _in_time(self, world: ConfigWorld) -> None:
        """Under watch, once the good file has lain there for as long as it may take."""
        watching, written = world.watching, world.written
        assert watching is not None
        rested = written is not None and watching.now() - written.at > REST_SECONDS - SLACK_SECONDS
        if world.lies != GOOD or written is None or not rested:
            return
        pace, took = watching.pace, world.given[0] - written.at if world.given else None
        behind = f", behind one that was {WORDS[written.behind]}," if written.behind else ""
        if written.behind and written.at_rest:
            world.facts[self.needs] += 1
            # A poll may come at another moment of its period.
            latest = world.without_seconds + pace.notice_seconds + pace.quiet_seconds
            world.expect(
                took is not None and took <= latest + SLACK_SECONDS,
                f"a good settings file{behind} is applied "
                + (f"after {took:.2f} s" if took is not None else "never")
                + f" by the watch; with nothing before it, it took {world.without_seconds:.2f} s",
                f"at most {latest:.2f} s",
                f"{took:.2f} s" if took is not None else f"not in {REST_SECONDS:g} s",
            )
        if took is None and not written.behind:
            raise LeftToOthers("a good file is not applied, and no bad one came before it")
        world.took()
        await self.right(
            world, f"{REST_SECONDS:g} s after a good settings file{behind} {{}} other settings"
        )


CONFIGURATION = (Reaches, KeepsOld, AllOrNothing, NextGood)
