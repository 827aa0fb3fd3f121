"""The serial explanation, against what anybody can work out by hand."""

from __future__ import annotations

from hot_reload_conformance.simulation.serial import Happened, Plugin, State, outcomes

V1: State = frozenset({("a", Plugin("a.v1"))})
SINKS: State = frozenset({("s", Plugin("s.v1")), ("t", Plugin("t.v1"))})


def op(
    verb: str,
    name: str = "a",
    ok: bool | None = True,
    at: tuple[int, int] = (0, 9),
    *versions: str,
    excused: bool = False,
    twice: bool = False,
) -> Happened:
    return Happened(verb, name, ok, *at, versions=versions, excused=excused, twice=twice)


def ends(
    start: State,
    *happened: Happened,
    ranks: dict[str, int] | None = None,
    stop_first: frozenset[str] = frozenset(),
    reload_loads: bool = False,
) -> set[str]:
    states = outcomes(
        start,
        happened,
        stateful=frozenset({"a"}),
        ranks=ranks or {},
        stop_first=stop_first,
        reload_loads=reload_loads,
    )
    return {
        " ".join(f"{p.version}{'' if p.enabled else '-'}/{p.count}" for _, p in sorted(s, key=str))
        for s in states
    }


def test_overlapping_operations_may_come_in_any_order() -> None:
    reload, unload = op("reload", "a", True, (0, 9), "a.v2"), op("unload")
    assert ends(V1, reload, unload) == {""}
    failed = op("reload", "a", False, (0, 9), "a.v2")
    assert ends(V1, failed, unload) == {""}


def test_a_failure_needs_a_reason() -> None:
    assert ends(V1, op("reload", "a", False, (0, 9), "a.v2")) == set()
    assert ends(V1, op("reload", "a", False, (0, 9), "a.v2", excused=True)) == {"a.v1/0"}
    assert ends(V1, op("load", "a", False, (0, 9), "a.v1")) == {"a.v1/0"}


def test_what_ended_before_comes_before() -> None:
    first, second = op("unload", at=(0, 1)), op("reload", "a", True, (2, 3), "a.v2")
    assert ends(V1, first, second) == set()
    assert ends(V1, op("unload", at=(4, 5)), second) == {""}


def test_a_reload_of_nothing_loads_where_the_host_is_made_so() -> None:
    first, second = op("unload", at=(0, 1)), op("reload", "a", True, (2, 3), "a.v2")
    assert ends(V1, first, second, reload_loads=True) == {"a.v2/0"}
    failed = op("reload", "a", False, (2, 3), "a.v2")
    assert ends(V1, first, failed, reload_loads=True) == set()
    assert ends(V1, first, failed) == {""}
    assert ends(V1, first, op("reload", "a", False, (2, 3)), reload_loads=True) == {""}


def test_the_last_written_wins() -> None:
    two, three = (
        op("reload", "a", True, (0, 9), "a.v2", "a.v3"),
        op("reload", "a", True, (1, 9), "a.v3"),
    )
    assert ends(V1, two, three, ranks={"a.v1": 1, "a.v2": 2, "a.v3": 3}) == {"a.v3/0"}


def test_a_cancelled_one_may_have_happened() -> None:
    assert ends(V1, op("reload", "a", None, (0, 9), "a.v2")) == {"a.v1/0", "a.v2/0"}


def test_the_count_survives_a_reload_and_not_an_unload() -> None:
    assert ends(V1, op("add"), op("reload", "a", True, (0, 9), "a.v2")) == {"a.v2/1"}
    assert ends(
        V1, op("add", at=(0, 1)), op("unload", at=(2, 3)), op("load", "a", True, (4, 5), "a.v1")
    ) == {"a.v1/0"}


def test_the_last_sink_may_be_refused_and_no_other() -> None:
    gone, kept = op("unload", "s"), op("unload", "t", False)
    assert ends(SINKS, gone, kept) == {"t.v1/0"}
    assert ends(SINKS, kept) == set()


def test_a_stop_first_reload_that_is_struck_twice_may_leave_nothing() -> None:
    counted: State = frozenset({("a", Plugin("a.v1", count=3))})
    twice = op("reload", "a", False, (0, 1), "a.v2", excused=True, twice=True)
    assert ends(counted, twice) == {"a.v1/3"}
    first = frozenset({"a"})
    once = op("reload", "a", False, (0, 1), "a.v2", excused=True)
    assert ends(counted, once, stop_first=first) == {"a.v1/3"}
    assert ends(counted, twice, stop_first=first) == {"a.v1/3", "/3"}
    cancelled = op("reload", "a", None, (0, 1), "a.v2", twice=True)
    assert ends(counted, cancelled, stop_first=first) == {"a.v1/3", "a.v2/3", "/3"}
    good = op("reload", "a", True, (0, 1), "a.v2", twice=True)
    assert ends(counted, good, stop_first=first) == {"a.v2/3"}


def test_what_is_failed_can_come_back_with_its_state_or_without() -> None:
    failed: State = frozenset({("a", Plugin("", count=3))})
    assert ends(failed, op("reload", "a", True, (0, 1), "a.v3")) == {"a.v3/3", "a.v3/0"}
    assert ends(failed, op("load", "a", True, (0, 1), "a.v3")) == {"a.v3/0"}
    assert ends(failed, op("load", "a", False, (0, 1), "a.v3")) == {"/3"}
    assert ends(failed, op("unload", "a", False)) == {"/3"}
    assert ends(failed, op("unload")) == {""}
    assert ends(failed, op("add")) == set()
