"""The explanation: what serves in the end is what some order of the operations leads to."""

from __future__ import annotations

import ast
import functools
from collections.abc import Collection, Sequence

from hot_reload_conformance.adapter import Claim, Event
from hot_reload_conformance.simulation.cast import (
    NEVER_LOADED,
    SINKS,
    STAGES,
    STATEFUL,
    answers,
    stops_first,
)
from hot_reload_conformance.simulation.happenings import Happenings
from hot_reload_conformance.simulation.judged import JudgedHost
from hot_reload_conformance.simulation.lives import Expect
from hot_reload_conformance.simulation.loop import simulation
from hot_reload_conformance.simulation.oracle import CLOCK
from hot_reload_conformance.simulation.script import Op
from hot_reload_conformance.simulation.serial import Happened, Plugin, State, outcomes
from hot_reload_conformance.simulation.subject import Broken

SERIAL = "serial"
NEXT_OPERATION = "next-operation"


class Explanation:
    """Holds one host, at rest, against the serial orders of what was done to it."""

    def __init__(
        self, host: JudgedHost, happenings: Happenings, expect: Expect, asked: bool
    ) -> None:
        """``asked``: whether it breaks something if nothing explains what is seen."""
        self._host = host
        self._happenings = happenings
        self._expect = expect
        self._asked = asked
        self._stages_answer = False
        self._loads_by_reloading: bool | None = None

    async def found(self) -> State | None:
        """The state that a serial order leads to, and that is seen; None: there is none, and that
        is not what is asked.

        Raises:
            Broken: there is none.
        """
        # A deadline that the oracle let run out early is nobody's fault.
        late = simulation().oracle.deviated(CLOCK)
        happened = self._happenings.happened(excused=late)
        possible = self._possible(happened)
        if not possible and await self._reload_loads(happened):
            possible = self._possible(happened, reload_loads=True)
        told = "; ".join(map(str, happened))
        self._expect(
            bool(possible), SERIAL, f"no order of the operations explains their results: {told}"
        )
        seen = await self._seen()
        fitting = [state for state in possible if self._looks(state) == seen]
        if not fitting and await self._reload_loads(happened):
            seen = await self._seen()
            possible = self._possible(happened, reload_loads=True) or possible
            fitting = [state for state in possible if self._looks(state) == seen]
        if fitting:
            return fitting[0] if len(fitting) == 1 else min(fitting, key=_words)
        if not self._asked:
            return None
        wanted = " or ".join(sorted({str(self._looks(state)) for state in possible}))
        raise Broken(
            SERIAL,
            "no order of the operations explains what serves in the end",
            expected=wanted,
            seen=str(seen),
        )

    def _possible(
        self, happened: Sequence[Happened], *, reload_loads: bool = False
    ) -> Collection[State]:
        claims = self._host.adapter.claims
        found = outcomes(
            frozenset(),
            happened,
            stateful=frozenset(name for name in STATEFUL if self._host.stateful(name)),
            ranks=self._happenings.ranks(),
            stop_first=frozenset(e.name for e in happened if stops_first(e.name, claims)),
            reload_loads=reload_loads,
        )
        if not reload_loads:
            return found
        name = NEVER_LOADED.partition(".")[0]
        return [state | {(name, Plugin(NEVER_LOADED))} for state in found]

    async def _reload_loads(self, happened: Sequence[Happened]) -> bool:
        """Whether this host's reload loads what is not loaded, as some do: asked only where
        nothing else explains what is seen, since most refuse it."""
        if self._loads_by_reloading is None:
            reloads = any(each.verb == "reload" and each.ok is not False for each in happened)
            self._loads_by_reloading = reloads and await self._host.reload_loads()
        return self._loads_by_reloading

    async def next_operation(self, state: State) -> None:
        """Where an operation failed or was cancelled, the plugin can be reloaded once more.

        Raises:
            Broken: it cannot, or something else serves then than ``state`` and that reload say.
        """
        host = self._host
        # What a FAILED one takes to come back is HR-ROLL-07.
        live = {name for name, plugin in state if plugin.version}
        names = sorted(live & self._happenings.mishaps())
        before = dict(state)
        for name in names:
            reply = await host.reload(Op("reload", (name, "next")))
            self._expect(
                reply.ok,
                NEXT_OPERATION,
                f"the next reload of {name} fails: {reply.message}",
                expected="a plain reload of a good plugin works",
                seen=f"{before[name].version} cannot be reloaded any more",
            )
            before[name] = Plugin(
                f"{name}.next",
                before[name].enabled,
                before[name].count if host.stateful(name) else 0,
            )
        if names:
            seen, wanted = await self._seen(), self._looks(frozenset(before.items()))
            self._expect(
                seen == wanted,
                NEXT_OPERATION,
                "the next reload is said to have worked, and something else serves",
                expected=str(wanted),
                seen=str(seen),
            )

    async def _seen(self) -> tuple[list[str], list[int], list[str]]:
        host = self._host
        replies = sorted(await host.adapter.call(Event("ask")))
        self._stages_answer = any(each.partition(".")[0] in STAGES for each in replies)
        counts: list[int] = []
        if Claim.STATE in host.adapter.claims:
            counts = sorted(map(_count, await host.adapter.call(Event("get"))))
        sinks: list[str] = []
        if Claim.SINKS in host.adapter.claims:
            event = await host.emit()
            await host.adapter.settle()
            sinks = sorted(
                each.version
                for each in host.recording.deliveries
                if each.sequence == event.sequence
            )
        return replies, counts, sinks

    def _answers(self, name: str) -> bool:
        return answers(name) or (self._stages_answer and name in STAGES)

    def _looks(self, state: State) -> tuple[list[str], list[int], list[str]]:
        """How a state looks from outside."""
        enabled = {name: plugin for name, plugin in state if plugin.enabled and plugin.version}
        handlers = {name: plugin for name, plugin in enabled.items() if self._answers(name)}
        counted = Claim.STATE in self._host.adapter.claims
        return (
            sorted(plugin.version for plugin in handlers.values()),
            sorted(plugin.count for plugin in handlers.values()) if counted else [],
            sorted(p.version for name, p in enabled.items() if name in SINKS),
        )


@functools.lru_cache(maxsize=256)
def _count(state: str) -> int:
    """What a handler counts, by the text of its state: nearly always one of the same few."""
    count: int = ast.literal_eval(state).get("count", 0)
    return count


def _words(state: State) -> str:
    return str(sorted(state, key=lambda each: each[0]))
