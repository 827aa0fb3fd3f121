"""The coverage of state machines: what was taken, what is missing, and sums that hide nothing."""

from __future__ import annotations

from hot_reload_conformance.explored import Explored, rule_of, summed

ONE = Explored(
    machine="core",
    examples=2,
    steps=3,
    rules={"load": 1, "reload": 2},
    transitions={"absent: load → ok": 1, "live: reload → ok": 2},
    required=("absent: load → ok", "live: reload → ok"),
)
OTHER = Explored(
    machine="core",
    examples=1,
    steps=1,
    rules={"load": 1},
    transitions={"absent: load → ok": 1},
    required=("absent: load → ok", "live: reload → ok"),
)


def test_what_is_missing_is_what_was_required_and_not_taken() -> None:
    assert ONE.missing == ()
    assert OTHER.missing == ("live: reload → ok",)
    assert (ONE.taken, OTHER.taken) == (2, 1)
    assert str(OTHER) == "1 rules, 1 of 2 transitions, 1 steps in 1 examples"


def test_a_sum_counts_up_by_machine() -> None:
    stateful = Explored(machine="stateful", examples=5)
    core, other = summed([ONE, stateful, ONE])
    assert (core.machine, core.examples, core.steps) == ("core", 4, 6)
    assert core.rules == {"load": 2, "reload": 4}
    assert core.missing == ()
    assert other == stateful


def test_what_one_clause_lacks_another_does_not_make_up_for() -> None:
    (core,) = summed([ONE, OTHER])
    assert core.missing == ("live: reload → ok",)
    assert core.transitions == {"absent: load → ok": 2}


def test_the_rule_stands_in_the_transition() -> None:
    assert rule_of("failed: reload → ok") == "reload"
    assert rule_of("live: reload+reload of another → ended") == "reload+reload of another"
