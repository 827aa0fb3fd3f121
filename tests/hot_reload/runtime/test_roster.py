"""The roster: live slots and the registry say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from hot_reload.errors import EngineMisuse
from hot_reload.outcome import Operation, RefusalReason, Refused
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


def test_a_lazy_slot_is_known_before_it_is_loaded() -> None:
    roster = Roster()
    lazy = slot("lazy")
    roster.register(lazy)
    assert not roster.status("lazy").loaded
    roster.enlist(lazy)
    assert roster.lazy == {}
    assert roster.status("lazy").loaded
