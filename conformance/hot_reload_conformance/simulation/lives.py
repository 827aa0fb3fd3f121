"""Lives: what one generation goes through, looked at moment by moment as it happens."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
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
    """Raises ``Broken`` under a name, where that is asked and something does not hold.

    What is looked at after every step asks first: the words cost more than the question.
    """

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
        self._ranks = _ranks(self._declared)
        self._newest: dict[str, Moment] = {}
        self._begun: defaultdict[int, set[str]] = defaultdict(set)
        self._ended: defaultdict[int, set[str]] = defaultdict(set)
        self._reached: defaultdict[int, int] = defaultdict(int)
        self._replying: defaultdict[int, int] = defaultdict(int)
        self._events: defaultdict[int, int] = defaultdict(int)

    def moment(self, each: Moment) -> None:
        """A plugin reported ``each``."""
        if each.phase != "begin":
            self._ended[each.serial].add(each.what)
            if each.what == "reply":
                self._replying[each.serial] -= 1
            return
        if each.what == "reply":
            self._replying[each.serial] += 1
        elif each.what == "construct":
            self._newest[each.plugin] = each
        elif each.what == "stop":
            self._stops(each)
        self._in_order(each)
        self._begun[each.serial].add(each.what)

    def delivery(self, each: Delivery) -> None:
        """An event reached an instance."""
        begun, ended = self._begun[each.serial], self._ended[each.serial]
        if "start" not in ended and "new start" in self._declared:
            self._expect(
                False,
                LIFETIME,
                f"{_reaches(each)} before its start has returned",
                expected="events after start, before stop",
                seen="start still runs" if "start" in begun else "start was never called",
            )
        if "stop" in begun:
            self._expect(
                False,
                LIFETIME,
                f"{_reaches(each)} after its stop began",
                expected="events after start, before stop",
                seen="stop ended" if "stop" in ended else "stop runs",
            )
        if "flush" in begun:
            self._expect(
                False,
                FLUSH,
                f"{_reaches(each)} after its flush began, so nothing flushes it",
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
        if rank >= self._reached[each.serial]:
            self._reached[each.serial] = rank + 1
        elif each.what not in _REPEATED:
            self._expect(
                False,
                HOOK_ORDER,
                f"{each.what} of {each.version} runs out of the order that the host declares",
                expected=", ".join(self._ranks),
                seen=f"{each.what} behind a later one of the same generation",
            )


@functools.cache
def _ranks(declared: tuple[str, ...]) -> Mapping[str, int]:
    """The place of each hook in the life of one generation, first as the new and then as the old
    one. Every run of a host asks for the same."""
    new = [each.removeprefix("new ") for each in declared if each.startswith("new ")]
    old = [each.removeprefix("old ") for each in declared if each.startswith("old ")]
    return {what: rank for rank, what in enumerate(dict.fromkeys([*new, *old]))}


def _reaches(each: Delivery) -> str:
    return f"event {each.sequence} reaches {each.version}"
