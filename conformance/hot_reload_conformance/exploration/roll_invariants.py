"""The invariants of the core machine about failures: who is touched, released and told of it."""

from __future__ import annotations

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.bench.hold import turns
from hot_reload_conformance.checks.observe import SHUTDOWN, hooks_of
from hot_reload_conformance.checks.roll_report import expect_told
from hot_reload_conformance.checks.stages import CAUSE
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import CLEAN_UP, Op
from hot_reload_conformance.exploration.trials import FAILS_TWICE, Trials
from hot_reload_conformance.verdict import NotClaimed

_IN_THE_FILE = ("read", "syntax", "plugin", "metadata")


class _OfFailures(Invariant):
    """About reloads that failed as planned, and left the old one serving."""

    machine = "core"
    instead = "where no old one serves on behind a failure, mend first what HR-ROLL-01 finds"
    about_failures = True
    cost = 5

    def __init__(self) -> None:
        self.goes_back = False
        """Whether it was seen that an old one served on: of disabled ones nobody sees it."""

    async def serves_on(self, world: Trials, op: Op, done: Done) -> bool:
        """Whether it did: else HR-ROLL-01 says so, and nothing is left to ask here."""
        plugin = world.model.plugins.get(op.name)
        if not (op.fault and done.failed and done.fired) or plugin is None:
            return False
        await turns()
        if plugin.enabled:
            self.goes_back = await world.serves(op.name) == plugin.version
        return self.goes_back


class OldUntouched(_OfFailures):
    """A reload that failed called no hook of the old one's beginning or end."""

    code = "HR-ROLL-02"
    needs = "a reload failed beside an old one"

    async def after(self, world: Trials, op: Op, done: Done) -> None:
        if not await self.serves_on(world, op, done):
            return
        moments = world.case.recording.moments
        old = world.running(op.name, done.old, done.moment)
        world.facts[self.needs] += bool(old)
        ran = hooks_of(moments[done.moment :], serial=old)
        touched = [each for each in ran if each in ("stop", "teardown", "setup", "start")]
        world.expect(
            not touched,
            f"in {op}, which failed, {', '.join(touched)} of the old one, {op.name} {done.old}, "
            "ran: what serves on was shut down or set up again",
            "none of stop, teardown, setup, start on the old one",
            touched,
        )


class NewReleased(_OfFailures):
    """What began to start and failed is stopped, once, and nothing of it stays registered."""

    code = "HR-ROLL-03"
    draws = frozenset({FAILS_TWICE})
    needs = "a half-started one failed"

    async def before(self, world: Trials, op: Op) -> None:
        if not any(fault.starts for fault in world.faults.values()):
            raise NotClaimed("no stage from 'start' on in `stages`: none fails half-started")
        snapshot = op.fault and Claim.SNAPSHOT in world.case.claims
        self.registries = await world.case.registries() if snapshot else {}

    async def after(self, world: Trials, op: Op, done: Done) -> None:
        recording = world.case.recording
        if op.verb == "reload" and not done.failed and done.old != done.new:
            await turns()
            if not recording.count("stop", op.name):
                raise NotClaimed(
                    "stop: this host never called a plugin's stop, not even the old one's"
                )
        served_on = await self.serves_on(world, op, done)
        if not served_on or not any(m.what == "stop" for m in recording.moments):
            return  # before its first stop nobody knows whether this host calls any
        ran = hooks_of(recording.moments[done.moment :], version=op.value)
        begun, stops = "start" in ran, ran.count("stop")
        world.facts[self.needs] += begun
        world.expect(
            stops == 1 if begun else stops < 2,
            f"the start of {op.name} {op.value} had begun when it failed, but its stop never ran: "
            "what it had acquired leaks"
            if not stops
            else f"{op.name} {op.value}, which failed, was stopped {stops} times",
            "stop, once",
            ran,
        )
        if self.registries:
            registries = await world.case.registries()
            world.expect(
                registries == self.registries,
                f"something of {op.name} {op.value}, which failed, stayed registered",
                self.registries,
                registries,
            )


class FailureTold(_OfFailures):
    """Who asked for the reload is told the stage and the first cause, the clean-up failing too."""

    code = "HR-ROLL-04"
    draws = frozenset({FAILS_TWICE})
    needs = "a failure was told"

    async def after(self, world: Trials, op: Op, done: Done) -> None:
        if not (op.fault and done.failed and done.fired):
            return
        fault = world.faults[op.fault.removesuffix(CLEAN_UP)]
        plugin = world.model.plugins[op.name]
        if not plugin.enabled and fault.stage in _IN_THE_FILE:
            return  # a host may have refused it without a look into the file
        world.facts[self.needs] += 1
        expect_told(world.case, fault, done.reply)


class OldShutdown(Invariant):
    """As the old one fails in its shutdown the new one serves, and its caller is warned."""

    code = "HR-ROLL-07"
    machine = "core"
    draws = frozenset({"replace"})
    needs = "an old one's shutdown failed"
    cost = 5

    def __init__(self) -> None:
        self.usual: dict[tuple[str, bool], list[str]] = {}
        """The hooks of an old one's end where nothing fails."""

    async def before(self, world: Trials, op: Op) -> None:
        if not world.shutdown:
            raise NotClaimed("flush, stop or teardown: none stands in the adapter's hook_order")

    async def after(self, world: Trials, op: Op, done: Done) -> None:
        plugin = world.model.plugins.get(op.name)
        if op.verb not in ("reload", "replace") or done.failed or plugin is None:
            return
        await turns()
        moments = world.case.recording.moments
        old = world.running(op.name, done.old, done.moment)
        ended = [w for w in hooks_of(moments[done.moment :], serial=old) if w in SHUTDOWN]
        state = (op.name, plugin.enabled)
        if op.verb == "reload" and done.old != done.new:
            self.usual[state] = ended
        elif done.fired:
            world.facts[self.needs] += 1
            await self._contained(world, op, done)
            usual = self.usual.get(state, ended)
            world.expect(
                ended == usual,
                f"in {op}, the hooks of the old one behind {op.fault}, which failed, were skipped "
                "or ran twice",
                usual,
                ended,
            )

    async def _contained(self, world: Trials, op: Op, done: Done) -> None:
        plugin, words = world.model.plugins[op.name], done.reply.everything
        served = await world.serves(op.name) if plugin.enabled else op.value
        how = f"the {op.fault} of the old one, {op.name} {done.old}, failed, and"
        world.expect(
            served == op.value, f"{how} the new one does not serve", op.value, served or "none"
        )
        world.expect(
            done.reply.ok,
            f"{how} the reload is called a failure though the new one serves: "
            f"{words or 'no word why'}",
            "ok, with a warning",
            "failed",
        )
        world.expect(
            CAUSE in words.lower(),
            f"{how} what is said with the successful reload does not have the cause"
            if words
            else f"{how} nobody is told: no warning with the successful reload",
            CAUSE,
            words or "no word",
        )


FAILURES = (OldUntouched, NewReleased, FailureTold, OldShutdown)
