"""The reference of errors is what the code says, and every outcome says what it must."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from hot_reload import errors
from hot_reload.errors import HotReloadError
from hot_reload.operate.error_reference import (
    STAGES,
    cause_of,
    error_classes,
    error_reference,
)
from hot_reload.outcome import (
    Deferred,
    Failed,
    Failure,
    Loaded,
    Operation,
    Outcome,
    RefusalReason,
    Refused,
    RolledBack,
    Running,
    Stage,
    StateCarried,
    Swapped,
    Switched,
    Unchanged,
    Unloaded,
)

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "errors.md"
OLD = Running("1.0", "a" * 64, 1)
NEW = Running("2.0", "b" * 64, 2)


def test_f64_the_page_is_current() -> None:
    """Made anew by ``python -m hot_reload.operate.error_reference > docs/reference/errors.md``."""
    assert PAGE.read_text("utf-8") == error_reference()


@pytest.mark.parametrize("error", error_classes(), ids=lambda each: each.__name__)
def test_f64_every_error_has_a_cause_and_a_cure(error: type[HotReloadError]) -> None:
    assert len(cause_of(error)) > 20
    assert error.cure.endswith(".")
    assert f"| `{error.__name__}` | " in error_reference()


def test_f86_the_cure_of_a_lock_is_the_locks() -> None:
    assert "python -m hot_reload.source.lock" in errors.LockMismatch.cure


def test_f64_the_page_shows_the_whole_tree() -> None:
    tree = error_reference().partition("```text\n")[2].partition("```")[0]
    drawn = [line.strip("│├└─ ").split()[0] for line in tree.splitlines()]
    defined = [
        name
        for name, each in vars(errors).items()
        if inspect.isclass(each) and issubclass(each, HotReloadError)
    ]
    assert sorted(drawn) == sorted(defined)


def test_f64_every_stage_and_every_refusal_is_explained() -> None:
    assert list(STAGES) == list(Stage)
    page = error_reference()
    for stage in Stage:
        assert f"| `{stage.value}` | " in page
    for reason in RefusalReason:
        assert f"`RefusalReason.{reason.name}`" in page


# What an outcome says


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("stage", Stage)
def test_f64_a_rollback_names_plugin_stage_cause_place_and_what_runs(
    operation: Operation, stage: Stage
) -> None:
    failure = Failure(stage, "ValueError: no", file="counter.py", line=7, hint="Give it one")
    outcome = RolledBack(operation=operation, plugin="counter", old=OLD, failure=failure)
    said = outcome.describe()
    for part in (
        operation.value,
        "'counter'",
        stage.value,
        "ValueError: no",
        "counter.py:7",
        "Give it one",
        "still running: 1.0 sha256:aaaaaaaaaaaa",
    ):
        assert part in said
    first = RolledBack(operation=operation, plugin="counter", failure=failure)
    assert "nothing of it runs" in first.describe()


@pytest.mark.parametrize("stage", Stage)
def test_f64_a_failure_of_both_names_both(stage: Stage) -> None:
    failure = Failure(stage, "ValueError: no", file="counter.py", line=7)
    worse = Failure(Stage.START, "OSError: taken", file="counter.py", line=9)
    said = Failed(
        operation=Operation.RELOAD,
        plugin="counter",
        old=OLD,
        failure=failure,
        rollback_failure=worse,
    ).describe()
    for part in ("'counter'", stage.value, "ValueError: no", "counter.py:7", "counter.py:9"):
        assert part in said
    assert "OSError: taken" in said
    assert str(OLD) in said
    assert "nothing of it runs" in said


SUCCESSES: list[tuple[Outcome, Running]] = [
    (Loaded(operation=Operation.LOAD, plugin="counter", new=NEW), NEW),
    (Unloaded(operation=Operation.UNLOAD, plugin="counter", old=OLD), OLD),
    (
        Swapped(
            operation=Operation.RELOAD,
            plugin="counter",
            old=OLD,
            new=NEW,
            state=StateCarried.CARRIED,
        ),
        NEW,
    ),
    (Switched(operation=Operation.DISABLE, plugin="counter", old=OLD, enabled=False), OLD),
    (Unchanged(operation=Operation.RELOAD, plugin="counter", old=OLD), OLD),
]


@pytest.mark.parametrize(
    ("outcome", "running"), SUCCESSES, ids=lambda each: type(each).__name__.lower()
)
def test_f64_a_success_names_the_plugin_and_a_version_and_hash(
    outcome: Outcome, running: Running
) -> None:
    assert "'counter'" in outcome.describe()
    assert str(running) in outcome.describe()


@pytest.mark.parametrize("reason", RefusalReason)
def test_f64_a_refusal_names_the_plugin_the_reason_and_the_next_step(
    reason: RefusalReason,
) -> None:
    said = Refused(
        operation=Operation.UNLOAD,
        plugin="counter",
        old=OLD,
        reason=reason,
        explanation="load another sink first",
    ).describe()
    for part in ("unload", "'counter'", reason.value, "load another sink first"):
        assert part in said


def test_f64_a_deferral_names_the_plugin_and_why() -> None:
    said = Deferred(operation=Operation.RELOAD, plugin="counter", explanation="a hook asked")
    assert said.describe() == "reload of 'counter' deferred: a hook asked"
