"""Invariants of a simulated host: some asked after every step, others when all is over."""

from __future__ import annotations

from collections import Counter

from hot_reload_conformance.adapter import Claim, Event, HostAdapter
from hot_reload_conformance.simulation.accounts import (
    AFTER_REMOVAL,
    ORDER,
    REDACTED,
    SIBLING,
    STAGES_AGREE,
    judge_accounts,
)
from hot_reload_conformance.simulation.aftermath import (
    CASCADE,
    DRAIN_ENDS,
    IN_PROGRESS,
    INDEPENDENT,
    SAME_OBJECT,
    judge_aftermath,
)
from hot_reload_conformance.simulation.cast import SINKS, STOP_FIRST, answers
from hot_reload_conformance.simulation.explanation import NEXT_OPERATION as NEXT_OPERATION
from hot_reload_conformance.simulation.explanation import SERIAL as SERIAL
from hot_reload_conformance.simulation.explanation import Explanation
from hot_reload_conformance.simulation.happenings import Happenings
from hot_reload_conformance.simulation.judged import JudgedHost
from hot_reload_conformance.simulation.lives import (
    FLUSH,
    HOOK_ORDER,
    IN_FLIGHT,
    LIFETIME,
    START_BEFORE_STOP,
    Lives,
)
from hot_reload_conformance.simulation.loop import simulation
from hot_reload_conformance.simulation.serial import State
from hot_reload_conformance.simulation.subject import Broken

ONE_GENERATION = "one-generation"
ONCE = "once"
NO_DUPLICATE = "no-duplicate"
NO_LOSS = "no-loss"
NO_GAP = "no-gap"
LAST_SINK = "last-sink"
LEFT_RUNNING = "left-running"
ONE_END = "one-end"
NO_CIRCLE = "no-circle"

ALL: tuple[str, ...] = (
    ONE_GENERATION,
    ONCE,
    NO_DUPLICATE,
    NO_LOSS,
    NO_GAP,
    SERIAL,
    LAST_SINK,
    NEXT_OPERATION,
    LEFT_RUNNING,
    ONE_END,
    NO_CIRCLE,
    START_BEFORE_STOP,
    IN_FLIGHT,
    LIFETIME,
    FLUSH,
    HOOK_ORDER,
    ORDER,
    AFTER_REMOVAL,
    SIBLING,
    STAGES_AGREE,
    REDACTED,
    SAME_OBJECT,
    INDEPENDENT,
    CASCADE,
    IN_PROGRESS,
    DRAIN_ENDS,
)
"""Every invariant by its name."""

_OF_ONE_LIFE = ("setup", "start", "stop", "teardown")


class Invariants:
    """What holds of one simulated host."""

    def __init__(self, host: JudgedHost, happenings: Happenings, asked: frozenset[str]) -> None:
        self._host = host
        self._recording = host.recording
        self._happenings = happenings
        self._asked = asked
        self._moments = 0
        self._deliveries = 0
        self._newest: dict[str, int] = {}
        self._hooks: set[tuple[int, str]] = set()
        self._delivered: set[tuple[str, str, int]] = set()
        self._lives = Lives(
            self._expect,
            host.adapter.hook_order,
            lambda: host.swaps_only and simulation().exploring,
        )
        self.health = IN_PROGRESS in asked and (type(host.adapter).health is not HostAdapter.health)
        """Whether the host's health is to be asked while operations run."""

    # After every step

    def look(self) -> None:
        """Look at what plugins reported since the last time.

        Raises:
            Broken: something that must always hold does not.
        """
        moments, deliveries = self._recording.moments, self._recording.deliveries
        if self._moments == len(moments) and self._deliveries == len(deliveries):
            return  # as after nearly every step
        for moment in moments[self._moments :]:
            if self._deliveries < len(deliveries):
                self._deliveries_before(moment.order)
            self._moments += 1
            self._lives.moment(moment)
            if moment.phase != "begin":
                continue
            if moment.what == "reply":
                self._served(moment.plugin, moment.serial, moment.version, "answers a call")
            elif moment.what in _OF_ONE_LIFE:
                key = (moment.serial, moment.what)
                if key in self._hooks:
                    self._expect(
                        False,
                        ONCE,
                        f"{moment.what} of {moment.version} runs a second time on one instance",
                    )
                self._hooks.add(key)
        if self._deliveries < len(deliveries):
            self._deliveries_before(deliveries[-1].order + 1)

    def _deliveries_before(self, order: int) -> None:
        deliveries = self._recording.deliveries
        while self._deliveries < len(deliveries) and deliveries[self._deliveries].order < order:
            each = deliveries[self._deliveries]
            self._deliveries += 1
            self._lives.delivery(each)
            self._served(each.plugin, each.serial, each.version, "gets an event")
            event = (each.plugin, each.producer, each.sequence)
            if event in self._delivered:
                self._expect(
                    False,
                    NO_DUPLICATE,
                    f"event {each.sequence} of {each.producer} reaches {each.plugin} twice",
                )
            self._delivered.add(event)

    def _served(self, plugin: str, serial: int, version: str, what: str) -> None:
        newest = self._newest.get(plugin, 0)
        if serial < newest:
            self._expect(
                False,
                ONE_GENERATION,
                f"an old generation, {version}, {what} after a newer one of {plugin} has served",
                expected=f"instance {newest} or a newer one",
                seen=f"instance {serial}",
            )
        self._newest[plugin] = serial

    # When all is over

    async def finish(self) -> None:
        """Look at the outcome.

        Raises:
            Broken: it makes no sense.
        """
        host = self._host
        if self._happenings.closing:
            self.look()
            if self._happenings.stopped_by_close:
                self._left_running(serving=0)
            return
        await host.adapter.settle()
        judge_accounts(self._happenings, host.recording, self._expect)
        await judge_aftermath(host.adapter, self._happenings, host.recording, self._expect)
        self._no_circle()
        if self._happenings.anything_may_fail:
            host.recording.unplanned()
        self._no_gap()
        # What takes the last sink away is seen only where it is known who else is there.
        explained = self._asked & {SERIAL, NEXT_OPERATION, LAST_SINK}
        explanation = Explanation(host, self._happenings, self._expect, SERIAL in self._asked)
        state = await explanation.found() if explained else None
        await self._flow(state)
        if NEXT_OPERATION in self._asked and state is not None:
            await explanation.next_operation(state)
        self.look()
        self._left_running()
        await self._one_end()

    def _no_circle(self) -> None:
        """A plugin asks for the reload of another one, which asks back: all in one operation, so
        that the host can know. Nothing hangs; where a hook's whole deadline passes all the same,
        they wait for each other. (Of two operations that meet one may wait for the other.)"""
        if self._happenings.asks_back and self._host.operations == 1:
            deadline, took = self._host.ports.hook_deadline_seconds, simulation().time()
            self._expect(
                took < deadline,
                NO_CIRCLE,
                "plugins that ask for each other's reloads wait for each other until a deadline "
                "ends it",
                expected="a clear refusal, or a reload, at once",
                seen=f"{took:g} s later, the deadline of a hook being {deadline:g} s",
            )

    def _no_gap(self) -> None:
        """Who is loaded throughout answers every call, once."""
        happenings = self._happenings
        moved = happenings.touched("unload", "disable", "enable")
        for call in happenings.calls:
            if call.replies is None:
                continue
            names = Counter(reply.partition(".")[0] for reply in call.replies)
            for name, times in names.items():
                self._expect(
                    times == 1,
                    ONE_GENERATION,
                    f"{name} answers one call {times} times",
                    expected="one reply",
                    seen=list(call.replies),
                )
            if Claim.BLUE_GREEN not in self._host.adapter.claims:
                continue  # it stops the old one first
            for name in self._handlers_loaded_before(call.began) - moved:
                self._expect(
                    names[name] == 1,
                    NO_GAP,
                    f"{name} is loaded, and does not answer a call",
                    expected=f"a reply of {name}",
                    seen=list(call.replies),
                )

    def _handlers_loaded_before(self, moment: int) -> set[str]:
        done = self._happenings.happened(excused=False)
        return {
            each.name
            for each in done
            if each.verb == "load"
            and each.ok
            and each.ended < moment
            and answers(each.name)
            and each.name not in STOP_FIRST
        }

    def _sinks(self) -> set[str]:
        return {each for each in self._happenings.touched("load") if each in SINKS}

    async def _flow(self, state: State | None) -> None:
        happenings, host = self._happenings, self._host
        sinks = self._sinks()
        if not sinks:
            return
        loaded = {each.name for each in happenings.happened(excused=False) if each.ok}
        steady = sinks & loaded - happenings.touched("unload", "disable", "enable")
        lost = [
            f"event {event.sequence} never reached {name}"
            for event in happenings.accepted
            for name in sorted(steady)
            if (name, event.producer, event.sequence) not in self._now_delivered()
            and self._loaded_when(name, event)
        ]
        dropped = await host.adapter.dropped() if lost else 0
        self._expect(
            len(lost) <= dropped,
            NO_LOSS,
            f"{len(lost)} accepted events are lost: {'; '.join(lost)}",
            expected=f"delivered, or counted as dropped ({dropped} are)",
            seen=f"{len(lost)} lost",
        )
        if state is not None:
            enabled = sorted(n for n, plugin in state if plugin.enabled and n in sinks)
            self._expect(
                bool(enabled),
                LAST_SINK,
                "the last sink is gone: what is logged now reaches nobody",
                expected=f"one of {', '.join(sorted(sinks))}",
                seen="none",
            )

    def _now_delivered(self) -> set[tuple[str, str, int]]:
        self.look()
        return self._delivered

    def _loaded_when(self, name: str, event: Event) -> bool:
        return event.sequence > self._happenings.events_before.get(name, 0)

    def _left_running(self, serving: int = 1) -> None:
        """Whatever was started and does not serve is stopped."""
        host = self._host
        if Claim.HOOKS not in host.adapter.claims:
            return
        begun: dict[str, dict[int, str]] = {}
        for each in host.recording.moments:
            if each.phase == "begin" and each.what == "start":
                begun.setdefault(each.plugin, {})[each.serial] = each.version
            elif each.phase == "begin" and each.what == "stop":
                begun.get(each.plugin, {}).pop(each.serial, None)
        for plugin, left in begun.items():
            self._expect(
                len(left) <= serving,
                LEFT_RUNNING,
                f"generations of {plugin} were started and never stopped",
                expected="one, which serves" if serving else "none, as the host is closed",
                seen=", ".join(f"{version}#{serial}" for serial, version in left.items()),
            )

    async def _one_end(self) -> None:
        """Every attempt that the host told of began once and ended once."""
        host = self._host
        if ONE_END not in self._asked or Claim.EVENTS not in host.adapter.claims:
            return
        phases: dict[str, list[str]] = {}
        for event in await host.adapter.events():
            if event.phase != "progress":
                phases.setdefault(event.attempt, []).append(event.phase)
        for attempt, seen in phases.items():
            self._expect(
                seen == ["start", "end"],
                ONE_END,
                f"attempt {attempt} did not begin once and end once",
                expected="start, end",
                seen=", ".join(seen),
            )

    def _expect(
        self, holds: bool, name: str, message: str, *, expected: object = "", seen: object = ""
    ) -> None:
        if not holds and name in self._asked:
            raise Broken(name, message, expected=expected, seen=seen)
