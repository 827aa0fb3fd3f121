"""The oracle: what it counts, keeps and refuses; and the strings that traces print as."""

from __future__ import annotations

import pytest

from hot_reload_conformance.simulation.oracle import (
    CANCEL,
    LATENCY,
    SCHEDULE,
    Oracle,
    parse_deviations,
)
from hot_reload_conformance.simulation.sources import Plan, Zero


def test_only_what_deviates_is_kept() -> None:
    oracle = Oracle(Plan([0, 2, 0, 1]))
    answers = [oracle.decide(LATENCY, 4, f"label {number}") for number in range(6)]
    assert answers == [0, 2, 0, 1, 0, 0]
    trace = oracle.trace(steps=1, virtual_seconds=0.5)
    assert str(trace) == "1:2,3:1"
    assert trace.decisions == 6
    assert trace.describe() == "1:2 latency: label 1\n3:1 latency: label 3"


def test_which_kinds_deviated() -> None:
    oracle = Oracle(Plan([0, 2]))
    oracle.decide(CANCEL, 2)
    oracle.decide(LATENCY, 4)
    assert oracle.deviated(LATENCY)
    assert not oracle.deviated(CANCEL)  # it was asked for, and went way 0


def test_what_is_not_open_is_not_counted() -> None:
    oracle = Oracle(Plan([1, 1]), kinds=(SCHEDULE,))
    assert oracle.decide(CANCEL, 2) == 0
    assert oracle.decide(SCHEDULE, 1) == 0
    assert oracle.next_index == 0
    assert oracle.decide(SCHEDULE, 2) == 1


def test_a_way_that_does_not_exist_is_refused() -> None:
    class Wrong(Zero):
        def choose(self, *_: object) -> int:
            return 7

    with pytest.raises(ValueError, match="way 7 of 2 does not exist"):
        Oracle(Wrong()).decide(LATENCY, 2)


@pytest.mark.parametrize("text", ["", "3:1", "3:1,17:2"])
def test_a_trace_reads_back(text: str) -> None:
    assert ",".join(map(str, parse_deviations(text))) == text


@pytest.mark.parametrize("text", ["3", "3:x", "3:1,", "5:1,3:1", "3:1,3:2"])
def test_a_malformed_trace_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no trace"):
        parse_deviations(text)
