"""The debouncer against a model that looks at the whole history of changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.errors import EngineMisuse
from hot_reload.policy.debounce import Debouncer

# Eighths of a second are exact in binary, so the model may compare with ==.
EIGHTH = 0.125
ticks = st.integers(0, 24).map(lambda count: count * EIGHTH)
keys = st.sampled_from("abc")


@st.composite
def schedules(draw: st.DrawFn) -> list[tuple[float, str | None]]:
    """Moments in order, each a change of a key or (None) a question what is due."""
    now = 0.0
    steps: list[tuple[float, str | None]] = []
    for gap, key in draw(st.lists(st.tuples(ticks, st.none() | keys), max_size=30)):
        now += gap
        steps.append((now, key))
    return steps


def settled_in_model(changes: list[float], quiet: float, longest: float, now: float) -> bool:
    """One key's rule, as the contract words it, over all its changes not yet handed out."""
    been_quiet = all(now - change >= quiet for change in changes)
    waited_long = any(now - change >= longest for change in changes)
    return bool(changes) and (been_quiet or waited_long)


@given(schedule=schedules(), quiet=ticks, extra=ticks)
def test_it_hands_out_what_the_model_hands_out(
    schedule: list[tuple[float, str | None]], quiet: float, extra: float
) -> None:
    longest = quiet + extra
    debouncer: Debouncer[str] = Debouncer(quiet_seconds=quiet, max_wait_seconds=longest)
    unserved: dict[str, list[float]] = {key: [] for key in "abc"}
    for now, key in schedule:
        if key is None:
            expected = {
                each
                for each, changes in unserved.items()
                if settled_in_model(changes, quiet, longest, now)
            }
            assert debouncer.due(now) == expected
            for each in expected:
                unserved[each].clear()
        else:
            debouncer.observe(key, now)
            unserved[key].append(now)
        assert debouncer.waiting == {each for each, changes in unserved.items() if changes}


@given(schedule=schedules(), quiet=ticks, extra=ticks)
def test_woken_at_next_due_no_change_is_early_late_or_lost(
    schedule: list[tuple[float, str | None]], quiet: float, extra: float
) -> None:
    """Driven as a watcher drives it: it sleeps until ``next_due`` or the next change."""
    longest = quiet + extra
    debouncer: Debouncer[str] = Debouncer(quiet_seconds=quiet, max_wait_seconds=longest)
    unserved: dict[str, list[float]] = {key: [] for key in "abc"}

    def wake(moment: float) -> None:
        handed_out = debouncer.due(moment)
        assert handed_out, "it asked to be woken for nothing"
        for key in handed_out:
            changes = unserved[key]
            assert moment - changes[0] <= longest
            assert moment - changes[-1] >= quiet or moment - changes[0] == longest
            changes.clear()

    for now, key in schedule:
        while (moment := debouncer.next_due()) is not None and moment < now:
            wake(moment)
        if key is not None:
            debouncer.observe(key, now)
            unserved[key].append(now)
    while (moment := debouncer.next_due()) is not None:
        wake(moment)
    assert not any(unserved.values())
    assert not debouncer.waiting


@given(first=st.floats(0, 1e9), quiet=st.floats(0, 1e3), extra=st.floats(0, 1e3))
def test_next_due_is_due_whatever_rounding_does(first: float, quiet: float, extra: float) -> None:
    debouncer: Debouncer[str] = Debouncer(quiet_seconds=quiet, max_wait_seconds=quiet + extra)
    debouncer.observe("a", first)
    moment = debouncer.next_due()
    assert moment is not None
    assert debouncer.due(moment) == {"a"}


def test_a_burst_over_several_keys_settles_as_one_set() -> None:
    debouncer: Debouncer[str] = Debouncer(quiet_seconds=1, max_wait_seconds=10)
    debouncer.observe("a", 0.0)
    debouncer.observe("b", 0.5)
    debouncer.observe("a", 0.75)
    assert debouncer.due(1.25) == set()
    assert debouncer.due(1.75) == {"a", "b"}
    assert debouncer.due(1.75) == set()


def test_constant_change_is_cut_off_at_the_longest_wait() -> None:
    debouncer: Debouncer[str] = Debouncer(quiet_seconds=1, max_wait_seconds=3)
    handed_out = []
    for tick in range(15):
        debouncer.observe("a", tick * 0.5)
        handed_out += [tick * 0.5 for _ in debouncer.due(tick * 0.5)]
    # Each longest wait counts from the first change after what was handed out.
    assert handed_out == [3.0, 6.5]


def test_forgetting_takes_one_key_out() -> None:
    debouncer: Debouncer[str] = Debouncer(quiet_seconds=1, max_wait_seconds=3)
    debouncer.observe("a", 0.0)
    debouncer.observe("b", 0.5)
    debouncer.forget("a")
    debouncer.forget("never seen")
    assert debouncer.next_due() == 1.5
    assert debouncer.due(9.0) == {"b"}


def test_the_default_quiet_period_is_a_tenth_of_a_second() -> None:
    assert Debouncer[str]().quiet_seconds == 0.1
    assert Debouncer[str]().next_due() is None


@pytest.mark.parametrize(
    ("quiet", "longest", "named"),
    [
        (-1.0, 1.0, "quiet_seconds"),
        (1.0, float("nan"), "max_wait_seconds"),
        (float("inf"), 1.0, "quiet_seconds"),
        (2.0, 1.0, "max_wait_seconds .* is less than quiet_seconds"),
    ],
)
def test_bad_parameters_are_named(quiet: float, longest: float, named: str) -> None:
    with pytest.raises(EngineMisuse, match=named):
        Debouncer[str](quiet_seconds=quiet, max_wait_seconds=longest)


def test_time_that_goes_back_is_refused_and_changes_nothing() -> None:
    debouncer: Debouncer[str] = Debouncer(quiet_seconds=1, max_wait_seconds=3)
    debouncer.observe("a", 5.0)
    with pytest.raises(EngineMisuse, match="time went back"):
        debouncer.observe("b", 4.0)
    with pytest.raises(EngineMisuse, match="time went back"):
        debouncer.due(4.0)
    assert debouncer.waiting == {"a"}
    assert debouncer.due(6.0) == {"a"}
