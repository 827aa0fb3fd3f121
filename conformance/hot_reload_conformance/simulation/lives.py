"""Lives: what one generation goes through, looked at moment by moment as it happens."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol

from hot_reload_conformance.recording import Delivery, Moment
from hot_reload_conformance.simulation.cast import SINKS, STOP_FIRST

START_BEFORE_STOP = "start-before-stop"
IN_FLIGHT = "in-flight"
LIFETIME = "lifetime"
FLUSH = "flush"
HOOK_ORDER = "hook-order"

_REPEATED = ("get_reload_state", "health_check")
"""Hooks that may run again on one generation, as after a reload that failed."""


class Expect(Protocol):
    """Raises ``Broken`` under a name, where that is asked and something does not hold."""

    def __call__(
        self, holds: bool, name: str, message: str, *, expected: object = "", seen: object = ""
    ) -> None: ...


class Lives:
    """The generations of one run, by the serial of their instance."""

    def __init__(self, expect: Expect, declared: Sequence[str], swaps: Callable[[], bool]) -> None:
        """``swaps`` tells whether nothing but good blue-green reloads has been asked for."""
        self._expect = expect
        self._swaps = swaps
        self._declared = tuple(declared)
        new = [each.removeprefix("new ") for each in declared if each.startswith("new ")]
        old = [each.removeprefix("old ") for each in declared if each.startswith("old ")]
        self._ranks = {what: rank for rank, what in enumerate(dict.fromkeys([*new, *old]))}
        self._newest: dict[str, Moment] = {}
        self._begun: defaultdict[int, set[str]] = defaultdict(set)
        self._ended: defaultdict[int, set[str]] = defaultdict(set)
        self._reached: Counter[int] = Counter()
        self._replying: Counter[int] = Counter()
        self._events: Counter[int] = Counter()

    def moment(self, each: Moment) -> None:
        """A plugin reported ``each``."""
        if each.phase != "begin":
            self._ended[each.serial].add(each.what)
            self._replying[each.serial] -= each.what == "reply"
            return
        if each.what == "reply":
            self._replying[each.serial] += 1
        if each.what == "construct":
            self._newest[each.plugin] = each
        if each.what == "stop":
            self._stops(each)
        self._in_order(each)
        self._begun[each.serial].add(each.what)

    def delivery(self, each: Delivery) -> None:
        """An event reached an instance."""
        begun, ended = self._begun[each.serial], self._ended[each.serial]
        event = f"event {each.sequence} reaches {each.version}"
        if "new start" in self._declared:
            self._expect(
                "start" in ended,
                LIFETIME,
                f"{event} before its start has returned",
                expected="events after start, before stop",
                seen="start still runs" if "start" in begun else "start was never called",
            )
        self._expect(
            "stop" not in begun,
            LIFETIME,
            f"{event} after its stop began",
            expected="events after start, before stop",
            seen="stop ended" if "stop" in ended else "stop runs",
        )
        self._expect(
            "flush" not in begun,
            FLUSH,
            f"{event} after its flush began, so nothing flushes it",
            expected="flush after the last event",
            seen="an event after flush",
        )
        self._events[each.serial] += 1

    def _stops(self, old: Moment) -> None:
        if "old flush" in self._declared and old.plugin in SINKS and self._events[old.serial]:
            self._expect(
                "flush" in self._begun[old.serial],
                FLUSH,
                f"stop of {old.version} begins, and its flush never ran",
                expected="flush, then stop",
                seen="stop alone",
            )
        if not self._swaps():
            return
        newest = self._newest.get(old.plugin)
        if newest is not None and old.plugin not in STOP_FIRST:
            made = newest.serial > old.serial
            self._expect(
                made and "start" in self._ended[newest.serial],
                START_BEFORE_STOP,
                f"stop of {old.version} begins before start of the next generation has returned",
                expected=f"start of the new one, then stop of {old.version}",
                seen=f"{newest.version} not started yet" if made else "no new one made yet",
            )
        self._expect(
            self._replying[old.serial] <= 0,
            IN_FLIGHT,
            f"stop of {old.version} begins while a call is in flight on it",
            expected="the call ends first",
            seen=f"{self._replying[old.serial]} calls in flight",
        )

    def _in_order(self, each: Moment) -> None:
        rank = self._ranks.get(each.what)
        if rank is None or each.plugin in STOP_FIRST:
            return
        self._expect(
            rank > self._reached[each.serial] - 1 or each.what in _REPEATED,
            HOOK_ORDER,
            f"{each.what} of {each.version} runs out of the order that the host declares",
            expected=", ".join(self._ranks),
            seen=f"{each.what} behind a later one of the same generation",
        )
        self._reached[each.serial] = max(self._reached[each.serial], rank + 1)
