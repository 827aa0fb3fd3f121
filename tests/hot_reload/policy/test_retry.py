"""Retries: what may pass, growing pauses, budgets (F17, HR-LIMIT-03)."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.errors import EngineMisuse
from hot_reload.outcome import (
    Failed,
    Failure,
    Operation,
    Outcome,
    RefusalReason,
    Refused,
    RolledBack,
    Stage,
    Unchanged,
)
from hot_reload.policy.retry import Backoff, Retries, Retry, is_transient

PASSING = {
    Stage.READ,
    Stage.IMPORT,
    Stage.CONSTRUCT,
    Stage.SETUP,
    Stage.START,
    Stage.CAPTURE,
    Stage.RESTORE,
    Stage.HEALTH,
    Stage.ON_RELOAD,
}


def rolled_back(stage: Stage, cause: str = "start raised OSError: no route") -> RolledBack:
    return RolledBack(operation=Operation.RELOAD, plugin="x", failure=Failure(stage, cause))


@pytest.mark.parametrize("stage", Stage)
def test_f17_only_where_the_outside_world_takes_part(stage: Stage) -> None:
    assert is_transient(rolled_back(stage)) is (stage in PASSING)


@pytest.mark.parametrize("kind", ["SyntaxError", "IndentationError", "TabError", "NameError"])
def test_f17_an_error_of_the_source_itself_never_passes(kind: str) -> None:
    assert not is_transient(rolled_back(Stage.IMPORT, f"the module's body raised {kind}: x"))
    assert not is_transient(rolled_back(Stage.START, f"start raised {kind}"))
    assert is_transient(rolled_back(Stage.START, f"start raised OSError: {kind}: x"))


@pytest.mark.parametrize(
    ("outcome", "passes"),
    [
        (Unchanged(operation=Operation.RELOAD, plugin="x"), False),
        (
            Refused(
                operation=Operation.RELOAD,
                plugin="x",
                reason=RefusalReason.LAST_SINK,
                explanation="it is",
            ),
            False,
        ),
        (
            Failed(
                operation=Operation.RELOAD,
                plugin="x",
                failure=Failure(Stage.START, "start raised OSError"),
                rollback_failure=Failure(Stage.START, "start raised OSError"),
            ),
            True,
        ),
    ],
)
def test_f17_what_is_no_failure_is_not_tried_again(outcome: Outcome, passes: bool) -> None:
    assert is_transient(outcome) is passes


def test_f17_three_tries_from_one_second_by_default() -> None:
    backoff = Backoff(jitter=0)
    assert [backoff.pause(failed, 0.9) for failed in (1, 2, 3, 4)] == [1.0, 2.0, None, None]


@given(
    base=st.floats(0.001, 100),
    jitter=st.floats(0, 1),
    seed=st.integers(),
    tries=st.integers(2, 12),
)
def test_hr_limit_03_pauses_grow_and_stay_within_their_jitter(
    base: float, jitter: float, seed: int, tries: int
) -> None:
    chance = random.Random(seed).random
    backoff = Backoff(tries=tries, base_seconds=base, max_seconds=1e9, jitter=jitter)
    pauses = [backoff.pause(failed, chance()) or -1.0 for failed in range(1, tries)]
    for number, pause in enumerate(pauses):
        assert base * 2**number <= pause <= base * 2**number * (1 + jitter)
    assert all(earlier < later for earlier, later in itertools.pairwise(pauses))
    assert backoff.pause(tries, 0.0) is None


def test_hr_limit_03_a_pause_does_not_grow_beyond_its_limit() -> None:
    backoff = Backoff(tries=5_000, base_seconds=1, max_seconds=8, jitter=0.5)
    assert backoff.pause(3, 0) == 4
    assert backoff.pause(9, 0) == backoff.pause(4_000, 0) == 8
    assert backoff.pause(4_000, 0.5) == 10


def test_hr_limit_03_the_budget_and_its_reset() -> None:
    retries: Retries[str] = Retries(Backoff(jitter=0))
    assert retries.failed("a", 10.0, 0.5) == Retry(1, 11.0)
    assert retries.pending == {"a": Retry(1, 11.0)}
    assert retries.next_due() == 11.0
    assert retries.due(10.9) == frozenset()
    assert retries.due(11.0) == {"a"}
    assert retries.due(11.0) == frozenset(), "it was handed out"
    assert retries.tried("a") == 1
    assert retries.failed("a", 11.5, 0.5) == Retry(2, 13.5)
    assert retries.failed("b", 12.0, 0.5) == Retry(1, 13.0), "keys count for themselves"
    assert retries.due(13.5) == {"a", "b"}
    assert retries.failed("a", 14.0, 0.5) is None, "that was the third"
    assert retries.next_due() is None
    retries.reset("a")
    assert retries.tried("a") == 0
    assert retries.failed("a", 15.0, 0.5) == Retry(1, 16.0)
    retries.reset("a")
    assert retries.pending == {}


def test_a_try_that_is_the_last_leaves_nothing_pending() -> None:
    retries: Retries[str] = Retries(Backoff(tries=2, jitter=0))
    retries.failed("a", 1.0, 0)
    assert retries.failed("a", 1.5, 0) is None
    assert retries.pending == {}


def test_time_does_not_go_back() -> None:
    retries: Retries[str] = Retries(Backoff())
    retries.failed("a", 10.0, 0)
    with pytest.raises(EngineMisuse, match="time went back"):
        retries.due(9.0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tries": 0}, "tries is 0"),
        ({"tries": True}, "tries is True"),
        ({"base_seconds": -1}, "base_seconds is -1"),
        ({"max_seconds": float("nan")}, "max_seconds is nan"),
        ({"jitter": 1.5}, "jitter is 1.5; give a share from 0 to 1"),
    ],
)
def test_wrong_numbers_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(EngineMisuse, match=words):
        Backoff(**wrong)
