"""The roster: live slots and the registry say the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.errors import EngineMisuse
from hot_reload.manifest import Dependency
from hot_reload.outcome import Operation, RefusalReason, Refused
from hot_reload.policy.graph import DependencyGraph
from hot_reload.runtime.roster import Roster
from hot_reload.runtime.slot import Slot


def slot(name: str = "counter", path: str = "/p/counter.py", *, named: bool = False) -> Slot:
    return Slot(name, Path(path), {}, named_by_caller=named)


def test_a_failed_slot_keeps_its_entry_and_loses_its_generation() -> None:
    roster = Roster()
    failed = slot()
    failed.failed = True
    roster.enlist(failed)
    assert roster.registry.names == ("counter",)
    assert roster.status("counter").failed
    roster.enlist(failed)
    with pytest.raises(EngineMisuse, match="no plugin 'counter' runs"):
        roster.live("counter")
    roster.forget(failed)
    roster.forget(failed)
    assert not roster.registry.names
    assert not roster.slots


def test_who_may_be_loaded_under_a_taken_name() -> None:
    roster = Roster()
    roster.enlist(slot())
    assert roster.may_load(slot("other")) is None
    assert roster.may_load(slot(path="/elsewhere/counter.py")) is None  # it may call itself so
    for taken in (slot(), slot(path="/elsewhere/counter.py", named=True)):
        refusal = roster.may_load(taken)
        assert refusal is not None
        assert refusal.reason is RefusalReason.ALREADY_LOADED


def test_an_outcome_is_remembered_for_its_own_slot_only() -> None:
    roster = Roster()
    live, namesake = slot(), slot(path="/elsewhere/counter.py")
    roster.enlist(live)
    bad = Refused(
        operation=Operation.RELOAD,
        plugin="counter",
        reason=RefusalReason.CLOSING,
        explanation="no",
    )
    roster.remember(namesake, bad)
    assert roster.status("counter").error is None
    roster.remember(live, bad)
    assert roster.status("counter").error == bad.describe()
    roster.forget(live)
    roster.remember(live, bad)
    roster.enlist(live)
    assert roster.status("counter").error is None


@given(
    needs=st.lists(st.sets(st.integers(0, 9), max_size=2), min_size=1, max_size=10),
    data=st.data(),
)
def test_f40_groups_are_those_whose_followers_meet(
    needs: list[set[int]], data: st.DataObject
) -> None:
    edges = {
        f"p{index}": tuple(Dependency(f"p{each}") for each in sorted(needed) if each < index)
        for index, needed in enumerate(needs)
    }
    roster = Roster()
    roster.graph = DependencyGraph(edges)
    names = data.draw(st.lists(st.sampled_from(sorted(edges)), min_size=1, unique=True))
    reaches = {name: {name, *roster.followers([name])} for name in names}
    expected: list[list[str]] = []
    for name in names:
        met = [each for each in expected if any(reaches[name] & reaches[one] for one in each)]
        expected = [each for each in expected if each not in met]
        expected.append([name, *(one for each in met for one in each)])
    found = roster.groups(names)
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected))
    assert all(group == sorted(group, key=names.index) for group in found)
    assert found == sorted(found, key=lambda group: names.index(group[0]))


def test_r6_plugins_that_hang_together_are_grouped_in_one_walk() -> None:
    count = 600
    roster, calls = Roster(), 0
    roster.graph = DependencyGraph(
        {f"p{n:03d}": (Dependency(f"p{n - 1:03d}"),) if n % 100 else () for n in range(count)}
    )

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    names = [f"p{n:03d}" for n in range(count)]
    earlier = sys.getprofile()
    sys.setprofile(counted)
    try:
        found = roster.groups(names)
    finally:
        sys.setprofile(earlier)
    assert found == [names[at : at + 100] for at in range(0, count, 100)]
    assert calls < 20 * count  # asking for each one's followers anew takes far more


def test_f40_one_that_meets_two_groups_makes_one_of_them() -> None:
    roster = Roster()
    needs = {"a": "", "b": "", "c": "", "apart": "", "x": "ac", "y": "bc"}
    roster.graph = DependencyGraph(
        {name: tuple(map(Dependency, needed)) for name, needed in needs.items()}
    )
    assert roster.groups(["a", "b"]) == [["a"], ["b"]]
    assert roster.groups(["a", "apart", "b", "c"]) == [["a", "b", "c"], ["apart"]]
    assert roster.groups(["b", "y", "a", "c"]) == [["b", "y", "a", "c"]]


def test_a_lazy_slot_is_known_before_it_is_loaded() -> None:
    roster = Roster()
    lazy = slot("lazy")
    roster.register(lazy)
    assert not roster.status("lazy").loaded
    roster.enlist(lazy)
    assert roster.lazy == {}
    assert roster.status("lazy").loaded
