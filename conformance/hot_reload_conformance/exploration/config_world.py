"""The world of configuration: plugins with settings, and one file that says what they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from hot_reload_conformance.adapter import Claim, Reply, implements
from hot_reload_conformance.checks.stages import CAUSE
from hot_reload_conformance.exploration.config_scene import (
    APPLIED,
    GOOD,
    REST_SECONDS,
    SPOILT,
    UNWELCOME,
    ConfigScene,
    Consumer,
)
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.operation import CONFIGURED, TOGETHER, Op
from hot_reload_conformance.exploration.scene import LeftToOthers
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge

BAD = ("half", "empty", "wrong", "gone")
"""How a file is bad: cut in the middle, empty, with a text for a number, not there."""
STAGE = "start"
"""Where a reload fails that is to fail: the settings have nothing to do with it."""

_CLAIMS: dict[str, frozenset[Claim]] = {
    "reload": frozenset({Claim.RELOAD}),
    "unload": frozenset({Claim.UNLOAD}),
    "load": frozenset({Claim.UNLOAD}),
    "enable": frozenset({Claim.ENABLE}),
    "disable": frozenset({Claim.ENABLE}),
}


class ConfigWorld(ConfigScene):
    """The operations on the plugins and on their file."""

    # What makes sense

    def applies(self, op: Op) -> bool:
        if op.verb == TOGETHER:
            return (
                sorted(part.verb for part in op.parts) == ["apply", "reload"]
                and self.lies != UNWELCOME
                and all(self.applies(part) and not part.fault for part in op.parts)
            )
        if not self.able(op.rule) or set(op.names) - set(CONFIGURED):
            return False
        there = self.consumers.get(op.name)
        match op.verb:
            case "spoil":
                return op.name in BAD
            case "wait":
                return op.name in ("briefly", "soon", "long")
            case "apply" if self.lies == UNWELCOME and (
                self.refuser not in self.consumers or self.refuser in self.ahead
            ):
                return False  # other code of it may take what it refused
            case "apply":
                # Whoever is in no file, or in the file and not there, has what the host says.
                return self.lies == SPOILT or set(self.draft) == set(self.consumers)
            case "load":
                return there is None
            case "unload":
                return there is not None and len(self.consumers) > 2
            case "enable":
                return there is not None and not there.enabled
            case "disable" | "refuse":
                return there is not None and there.enabled
            case "reload" if op.fault:
                return there is not None and op.fault in (STAGE, "?")
            case "set" | "edit" | "reload":
                return there is not None
            case _:
                return False

    def able(self, rule: str) -> bool:
        claims, adapter = self.case.claims, self.case.adapter
        verbs = rule.removesuffix(" of another").replace("-fail", "").split("+")
        if any(_CLAIMS.get(verb, frozenset()) - claims for verb in verbs):
            return False
        if "-fail" in rule:
            return Claim.HOOKS in claims and STAGE in adapter.stages
        if rule.startswith("wait"):
            return self.armed.watches and implements(adapter, "start_config_watch")
        return rule != "refuse" or self.watching is None  # a watch may try it again by itself

    def state_of(self, name: str) -> str:
        return self._state(Op(""))

    def _state(self, op: Op) -> str:
        refused = ", refused" * (self.tried in (SPOILT, UNWELCOME))
        disabled = ", disabled" * any(not each.enabled for each in self.consumers.values())
        return self.lies + refused + disabled

    def expectation(self) -> str:
        found = (
            f"{name} {each.version} with {each.value or 'what the host says'}"
            for name, each in sorted(self.consumers.items())
        )
        return ", ".join(found)

    def resolved(self, op: Op) -> Op:
        return Op(op.verb, op.name, op.value, STAGE) if op.fault == "?" else op

    # Operations

    async def _do(self, op: Op) -> Done:
        match op.verb:
            case "together":
                return await self._together(op)
            case "set":
                base = self.draft if self.lies in (APPLIED, GOOD) else self.running
                self.write_good({**self.known(base), op.name: op.value})
            case "refuse":
                self.write_good(dict.fromkeys(sorted(self.consumers), op.value))
                self.lies, self.refuser, self.how = UNWELCOME, op.name, f"refused by {op.name}"
            case "spoil":
                self.write_bad(op.name)
            case "apply":
                return await self._apply()
            case "wait":
                await self._wait(op.name)
            case "edit":
                self.case.write(self.spec(op.name, op.value))
                self.consumers[op.name].version = op.value
                self.ahead.add(op.name)
            case "reload":
                return await self._reload(op)
            case _:
                return await self._operate(op)
        return Done(Reply(ok=True))

    async def _apply(self) -> Done:
        moment, lies = self.case.recording.mark(), self.lies
        if lies == UNWELCOME:
            fault = raising(PlannedError, CAUSE)
            self.case.recording.plan("configure", fault, plugin=self.refuser)
        reply = await self._asked(self.file.apply())
        if lies == UNWELCOME:
            fired = not self.case.recording.pending()
            self.case.recording.unplanned()
            if not fired and not reply.ok:
                raise CannotJudge(f"{self.refuser} was never given what it was to refuse")
            lies = lies if fired else GOOD
        self.tried, self.tried_how = lies, self.how
        if lies in (SPOILT, UNWELCOME):
            return Done(reply, failed=True, moment=moment)
        # Refused though it is good: the invariants have a word on it, and nothing goes on.
        old = "the same" if lies == APPLIED else ""
        self.took()
        return Done(reply, old=old, new="the same", moment=moment)

    async def _wait(self, how_long: str) -> None:
        assert self.watching is not None
        pace = self.watching.pace
        soon = pace.notice_seconds + 3 * pace.quiet_seconds
        seconds = {"briefly": pace.quiet_seconds / 2, "soon": soon, "long": REST_SECONDS}[how_long]
        await self.watching.run(seconds)

    async def _reload(self, op: Op) -> Done:
        plugin, moment = self.consumers[op.name], self.case.recording.mark()
        self.written = None  # what it is given now is no word on the file
        if op.fault:
            self.case.write(self.spec(op.name, op.value))
            fault = raising(PlannedError, CAUSE)
            self.case.recording.plan(STAGE, fault, plugin=op.name, version=op.value)
            reply = await self._asked(self.case.reload(op.name))
            fired = not self.case.recording.pending()
            self.case.recording.unplanned()
            if not fired:
                raise LeftToOthers(f"a reload of {op.name} never came to {STAGE}")
            # Some hosts read the code again as they apply settings: what is there is good.
            self.case.write(self.spec(op.name, plugin.version))
            return Done(reply, failed=True, moment=moment)
        reply = await self._asked(self.case.reload(op.name))
        if not reply.ok:
            raise LeftToOthers(f"a good edit of {op.name} does not reload: {reply.everything}")
        old = "" if op.name in self.ahead else plugin.version
        self.ahead.discard(op.name)
        return Done(reply, old=old, new=plugin.version, moment=moment)

    async def _operate(self, op: Op) -> Done:
        if op.verb == "load":
            self.case.write(self.spec(op.name, op.value))
        self.written = None
        reply = await self._asked(getattr(self.case, op.verb)(op.name))
        if not reply.ok:
            raise LeftToOthers(f"{op} failed: {reply.everything or 'no word why'}")
        match op.verb:
            case "load":
                self.consumers[op.name] = Consumer(op.value, None)
            case "unload":
                del self.consumers[op.name]
                self.ahead.discard(op.name)
            case _:
                self.consumers[op.name].enabled = op.verb == "enable"
        return Done(reply)

    async def _asked(self, operation: Awaitable[Reply]) -> Reply:
        task = asyncio.ensure_future(operation)
        if self.watching is None:
            return await task
        await self.watching.driven(asyncio.wait({task}), "an operation")
        return task.result()
