"""Outcomes: a closed sum, honest about what serves, in words for a person."""

from __future__ import annotations

import dataclasses
import pickle
import typing
from typing import Any

import pytest

from hot_reload import outcome as vocabulary
from hot_reload.errors import OperationFailed
from hot_reload.outcome import (
    Deferred,
    Failed,
    Failure,
    Loaded,
    Operation,
    Outcome,
    RefusalReason,
    Refused,
    Result,
    RolledBack,
    Running,
    Stage,
    StateCarried,
    Swapped,
    Switched,
    Unchanged,
    Unloaded,
)

OLD = Running(version="1.0", sha256="a" * 64, generation=1)
NEW = Running(version="2.0", sha256="b" * 64, generation=2)
BROKE = Failure(Stage.START, "ValueError: no", file="counter.py", line=7, hint="Give it one")
WORSE = Failure(Stage.SETUP, "OSError: gone")
RELOAD: dict[str, Any] = {"operation": Operation.RELOAD, "plugin": "counter", "old": OLD}

EVERY: list[Outcome] = [
    Loaded(operation=Operation.LOAD, plugin="counter", new=NEW),
    Unloaded(operation=Operation.UNLOAD, plugin="counter", old=OLD),
    Swapped(**RELOAD, new=NEW, state=StateCarried.CARRIED),
    Switched(operation=Operation.DISABLE, plugin="counter", old=OLD, enabled=False),
    Unchanged(**RELOAD),
    RolledBack(**RELOAD, failure=BROKE),
    Refused(**RELOAD, reason=RefusalReason.LAST_SINK, explanation="load another first"),
    Deferred(**RELOAD, explanation="a reload is running"),
    Failed(**RELOAD, failure=BROKE, rollback_failure=WORSE),
]


def test_f12_the_sum_is_closed_and_all_of_it_is_here() -> None:
    members = set(typing.get_args(Outcome))
    defined = {
        value
        for value in vars(vocabulary).values()
        if isinstance(value, type) and issubclass(value, Result) and value is not Result
    }
    assert members == defined == {type(each) for each in EVERY}


def test_the_docstring_lists_every_outcome() -> None:
    assert vocabulary.__doc__ is not None
    for member in typing.get_args(Outcome):
        assert f"\n    {member.__name__} " in vocabulary.__doc__


@pytest.mark.parametrize(
    ("outcome", "success", "running"),
    list(
        zip(
            EVERY,
            [True, True, True, True, True, False, False, False, False],
            [NEW, None, NEW, OLD, OLD, OLD, OLD, OLD, None],
            strict=True,
        )
    ),
)
def test_success_and_what_runs_now(
    outcome: Outcome, success: bool, running: Running | None
) -> None:
    assert outcome.success is success
    assert outcome.running == running


@pytest.mark.parametrize("outcome", EVERY)
def test_unwrap_returns_a_success_and_raises_anything_else(outcome: Outcome) -> None:
    if outcome.success:
        assert outcome.unwrap() is outcome
    else:
        with pytest.raises(OperationFailed) as caught:
            outcome.unwrap()
        assert str(caught.value) == outcome.describe()


@pytest.mark.parametrize(
    ("outcome", "words"),
    list(
        zip(
            EVERY,
            [
                "loaded 'counter' 2.0 sha256:bbbbbbbbbbbb (generation 2)",
                "unloaded 'counter', which ran 1.0 sha256:aaaaaaaaaaaa (generation 1)",
                "swapped 'counter' from 1.0 sha256:aaaaaaaaaaaa (generation 1) to 2.0 "
                "sha256:bbbbbbbbbbbb (generation 2), state: carried",
                "disabled 'counter', 1.0 sha256:aaaaaaaaaaaa (generation 1)",
                "'counter' is unchanged: 1.0 sha256:aaaaaaaaaaaa (generation 1)",
                "reload of 'counter' rolled back at start: ValueError: no at counter.py:7. "
                "Give it one; still running: 1.0 sha256:aaaaaaaaaaaa (generation 1)",
                "reload of 'counter' refused, last sink: load another first; still running: "
                "1.0 sha256:aaaaaaaaaaaa (generation 1)",
                "reload of 'counter' deferred: a reload is running",
                "reload of 'counter' FAILED at start: ValueError: no at counter.py:7. Give it one; "
                "restoring 1.0 sha256:aaaaaaaaaaaa (generation 1) failed too at setup: OSError: "
                "gone; nothing of it runs",
            ],
            strict=True,
        )
    ),
)
def test_one_line_tells_it(outcome: Outcome, words: str) -> None:
    assert outcome.describe() == words


def test_a_failed_load_leaves_nothing_running() -> None:
    failed = RolledBack(operation=Operation.LOAD, plugin="counter", failure=WORSE)
    assert failed.describe() == (
        "load of 'counter' rolled back at setup: OSError: gone; nothing of it runs"
    )


@pytest.mark.parametrize(
    ("file", "line", "place"),
    [
        ("a.py", 3, " at a.py:3"),
        ("a.py", None, " at a.py"),
        (None, 3, ""),
        (None, None, ""),
    ],
)
def test_a_failure_tells_the_place_as_far_as_it_is_known(
    file: str | None, line: int | None, place: str
) -> None:
    failure = Failure(Stage.READ, "it broke", file=file, line=line)
    assert str(failure) == f"read: it broke{place}"


@pytest.mark.parametrize("outcome", EVERY)
def test_outcomes_are_frozen_plain_data(outcome: Outcome) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        outcome.plugin = "other"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(outcome)) == outcome
    assert hash(outcome) == hash(pickle.loads(pickle.dumps(outcome)))


def test_stages_come_in_the_order_of_the_transaction() -> None:
    order = list(Stage)
    for earlier, later in [
        (Stage.READ, Stage.IMPORT),
        (Stage.IMPORT, Stage.CONSTRUCT),
        (Stage.CONSTRUCT, Stage.START),
        (Stage.START, Stage.CAPTURE),
        (Stage.CAPTURE, Stage.RESTORE),
        (Stage.RESTORE, Stage.HEALTH),
        (Stage.HEALTH, Stage.ON_RELOAD),
        (Stage.ON_RELOAD, Stage.COMMIT),
        (Stage.COMMIT, Stage.FLUSH),
        (Stage.FLUSH, Stage.STOP),
        (Stage.STOP, Stage.TEARDOWN),
        (Stage.TEARDOWN, Stage.RELEASE),
    ]:
        assert order.index(earlier) < order.index(later)


def test_f12_a_failure_names_its_file_once() -> None:
    missing = Failure(Stage.READ, "file missing: /x/plugins.lock", file="/x/plugins.lock")
    assert str(missing) == "read: file missing: /x/plugins.lock"
    raised = Failure(Stage.IMPORT, "OSError: /x/a.py is busy", file="/x/a.py", line=3)
    assert str(raised) == "import: OSError: /x/a.py is busy at /x/a.py:3"
