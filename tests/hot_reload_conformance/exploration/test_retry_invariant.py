"""Retries in the watching machine: whose pauses are judged, and whose are explained otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.exploration.example import run_script
from hot_reload_conformance.exploration.machine import explore, replay
from hot_reload_conformance.exploration.operation import Op, parse_script
from hot_reload_conformance.exploration.watch_world import WatchWorld
from hot_reload_conformance.specimens.limit import (
    BudgetNotReset,
    FixedDelay,
    NeverRetries,
    RetriesAtOnce,
    RetriesForEver,
)
from hot_reload_conformance.specimens.retry_sequences import DelayGoesOn, OnceInPassing, OneBudget
from hot_reload_conformance.specimens.watching_host import PACE, WatchingAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import NotClaimed

GOOD = HostSubject(WatchingAdapter)
JUDGED = "a load that failed was tried again"


def facts(line: str) -> int:
    run = run_script(GOOD, "HR-LIMIT-03", parse_script(line), Budget())
    assert run.violation is None, run.trace
    return run.world.facts[JUDGED]


@pytest.mark.parametrize("fault", ["passing", "hopeless"])
def test_the_pauses_of_a_load_that_fails_are_judged(fault: str) -> None:
    assert facts(f"save a v1 fault={fault}; wait long") > 0


def test_pauses_in_which_the_watch_was_off_are_not_judged() -> None:
    assert facts("save a v1 fault=passing; wait soon; switch_off; wait long; switch_on") == 0


def test_a_pause_that_the_declared_rate_made_longer_is_not_judged() -> None:
    saves = "; ".join(f"save a v{n}; wait soon; wait soon; wait soon" for n in range(1, 6))
    line = f"{saves}; save a v9 fault=passing; wait long"
    run = run_script(GOOD, "HR-LIMIT-03", parse_script(line), Budget())
    assert run.violation is None, run.trace
    world = run.world
    assert isinstance(world, WatchWorld)
    tries = [each.at for each in world.watching.runs if each.version == "v9"]
    assert len(tries) == PACE.tries
    assert tries[-1] - tries[-2] > 2 * PACE.retry_seconds * 2.0 ** (PACE.tries - 2)


@pytest.mark.parametrize(
    ("adapter", "line", "says"),
    [
        (FixedDelay, "save a v1 fault=passing; wait long", "without a growing delay"),
        (RetriesAtOnce, "save a v1 fault=passing; wait long", "the declared delay is at most"),
        (NeverRetries, "save a v1 fault=hopeless; wait long", "is not tried again"),
        (RetriesForEver, "save a v1 fault=hopeless; wait long", "which fails, was tried"),
        (
            BudgetNotReset,
            "save a v1 fault=hopeless; wait long; save a v2 fault=passing; wait long",
            "does not serve: it was tried 1 times",
        ),
        (
            OneBudget,
            "save b v1 fault=passing; save a v2 fault=passing; wait long",
            "does not serve: it was tried",
        ),
        (
            OnceInPassing,
            "save b v1 fault=hopeless; wait long; save b v2 fault=syntax; wait long",
            "a syntax error in b was tried again",
        ),
        (
            DelayGoesOn,
            "save a v1 fault=hopeless; wait long; save a v2 fault=passing; wait long",
            "without a growing delay",
        ),
    ],
    ids=lambda each: getattr(each, "name", None),
)
def test_a_wrong_host_is_told_in_words_and_a_correct_one_is_not(
    adapter: type[WatchingAdapter], line: str, says: str
) -> None:
    found = replay(HostSubject(adapter), "HR-LIMIT-03", line)
    assert found is not None
    assert says in found.message
    assert replay(GOOD, "HR-LIMIT-03", line) is None


def test_a_host_that_declares_one_try_has_nothing_to_show() -> None:
    class Once(WatchingAdapter):
        name = "once"
        pace = replace(PACE, tries=1)

    with pytest.raises(NotClaimed, match="give tries, 2 or more, in the pace"):
        explore(HostSubject(Once), "HR-LIMIT-03", Budget())


def test_other_clauses_of_the_watch_are_not_shown_failing_loads() -> None:
    run = run_script(GOOD, "HR-WATCH-01", parse_script("save a v1 fault=passing"), Budget())
    assert not run.world.applied
    run = run_script(GOOD, "HR-LIMIT-03", parse_script("reload a; save a v1"), Budget())
    assert run.world.applied == [Op("save", "a", "v1")]


@pytest.mark.parametrize("fault", ["passing", "hopeless"])
def test_the_rule_says_how_it_fails(fault: str) -> None:
    assert Op.parse(f"save a v1 fault={fault}").rule == f"save-{fault}"
