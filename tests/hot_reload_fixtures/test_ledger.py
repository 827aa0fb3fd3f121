"""EventLedger: every kind of fault is named, windows judge fairly, large runs stay linear."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload_fixtures import EventLedger, LedgerReport, Stamped


def run(accepted: int, delivered: list[int], dropped: tuple[int, ...] = ()) -> LedgerReport:
    ledger = EventLedger()
    for _ in range(accepted):
        ledger.accepted(ledger.stamp("p1"))
    for sequence in delivered:
        ledger.delivered(Stamped("p1", sequence))
    for sequence in dropped:
        ledger.dropped(Stamped("p1", sequence), by="queue")
    return ledger.report()


def test_clean() -> None:
    report = run(3, [0, 1, 2])
    assert report.clean
    assert report.describe() == "clean [3 accepted, 3 delivered to 'sink', 0 dropped]"
    report.assert_clean(at_least=3)


def test_lost() -> None:
    report = run(20, [n for n in range(20) if n not in (17, 18)])
    assert report.lost == (Stamped("p1", 17), Stamped("p1", 18))
    assert report.describe().startswith("2 lost: p1#17, p1#18 [20 accepted, 18 delivered")
    with pytest.raises(AssertionError, match="2 lost: p1#17, p1#18"):
        report.assert_clean()


def test_duplicated_is_not_late_as_well() -> None:
    report = run(3, [0, 1, 2, 1, 1])
    assert report.duplicated == (Stamped("p1", 1), Stamped("p1", 1))
    assert report.reordered == report.lost == ()


def test_reordered() -> None:
    assert run(4, [0, 2, 1, 3]).reordered == (Stamped("p1", 1),)


def test_order_is_that_of_one_producer_only() -> None:
    ledger = EventLedger()
    one, two = ledger.stamp("p1"), ledger.stamp("p2")
    for stamp in (one, two):
        ledger.accepted(stamp)
    ledger.delivered(two)
    ledger.delivered(one)
    assert ledger.report().clean


def test_unexpected() -> None:
    report = run(1, [0, 5])
    assert report.unexpected == (Stamped("p1", 5),)


def test_dropped_is_not_lost_and_is_counted_by_name() -> None:
    report = run(4, [0, 1], dropped=(2, 3))
    assert report.clean
    assert report.dropped == 2
    assert "2 dropped (2 by 'queue')" in report.describe()


def test_dropped_and_delivered_is_miscounted() -> None:
    assert run(2, [0, 1], dropped=(1,)).miscounted == (Stamped("p1", 1),)


def test_a_drop_for_another_sink_excuses_nothing() -> None:
    ledger = EventLedger()
    stamp = ledger.stamp("p1")
    ledger.accepted(stamp)
    ledger.dropped(stamp, by="slow", sink="b")
    assert ledger.report("a").lost == (stamp,)
    assert ledger.report("b").clean


def test_nothing_accepted_is_clean_but_proves_nothing() -> None:
    report = EventLedger().report()
    assert report.clean
    with pytest.raises(AssertionError, match="only 0 events were accepted"):
        report.assert_clean()


def test_long_lists_are_cut() -> None:
    assert ", … and 90 more [" in run(100, []).describe()


def emit(ledger: EventLedger, sinks: tuple[str, ...], count: int = 1) -> None:
    for _ in range(count):
        stamp = ledger.stamp("p1")
        ledger.accepted(stamp)
        for sink in sinks:
            ledger.delivered(stamp, sink)


def test_a_late_sink_is_judged_from_its_addition_on() -> None:
    ledger = EventLedger()
    emit(ledger, (), 5)
    before = ledger.mark()
    emit(ledger, ("late",), 1)
    emit(ledger, (), 1)
    after = ledger.mark()
    emit(ledger, ("late",), 5)
    report = ledger.report("late", since=after, none_before=before)
    assert report.clean, report.describe()
    assert report.accepted == 5
    assert len(ledger.report("late").lost) == 6
    ledger.delivered(Stamped("p1", 0), "late")
    assert Stamped("p1", 0) in ledger.report("late", since=after, none_before=before).unexpected


def test_a_removed_sink_is_judged_up_to_its_removal() -> None:
    ledger = EventLedger()
    emit(ledger, ("early",), 5)
    on_its_way = ledger.stamp("p1")
    before = ledger.mark()
    ledger.accepted(on_its_way)
    after = ledger.mark()
    emit(ledger, (), 5)
    report = ledger.report("early", until=before, none_after=after)
    assert report.clean, report.describe()
    assert ledger.report("early").lost[0] == on_its_way
    ledger.delivered(Stamped("p1", 7), "early")
    assert ledger.report("early", until=before, none_after=after).unexpected == (Stamped("p1", 7),)


def test_an_event_on_its_way_when_a_sink_came_is_not_held_against_it() -> None:
    ledger = EventLedger()
    on_its_way = ledger.stamp("p1")
    after = ledger.mark()
    ledger.accepted(on_its_way)
    emit(ledger, ("late",), 3)
    assert ledger.report("late", since=after).clean
    assert ledger.report("late").lost == (on_its_way,)


def test_a_producer_that_a_mark_does_not_name_had_not_begun() -> None:
    ledger = EventLedger()
    mark = ledger.mark()
    emit(ledger, ())
    assert ledger.report(since=mark).lost
    assert not ledger.report(until=mark).lost
    assert not ledger.report(since={"p1": 1}).lost
    assert ledger.report(until={"p1": 1}).lost


def test_counts_by_producer() -> None:
    counts = run(4, [0, 1], dropped=(2,)).by_producer["p1"]
    assert (counts.accepted, counts.delivered, counts.dropped, counts.lost) == (4, 2, 1, 1)


@given(st.lists(st.integers(0, 8), max_size=25), st.sets(st.integers(0, 8)), st.integers(0, 8))
def test_against_a_model_that_is_trivially_right(
    delivered: list[int], dropped: set[int], accepted: int
) -> None:
    report = run(accepted, delivered, tuple(dropped))
    taken = set(range(accepted))
    firsts = [n for i, n in enumerate(delivered) if n not in delivered[:i]]
    assert {s.sequence for s in report.lost} == taken - set(delivered) - dropped
    assert len(report.duplicated) == len(delivered) - len(firsts)
    assert [s.sequence for s in report.reordered] == [
        n for i, n in enumerate(firsts) if any(earlier > n for earlier in firsts[:i])
    ]
    assert {s.sequence for s in report.unexpected} == set(delivered) - taken


def test_threads_share_one_ledger() -> None:
    ledger = EventLedger()

    def produce(name: str) -> None:
        for _ in range(2_000):
            stamp = ledger.stamp(name)
            ledger.accepted(stamp)
            ledger.delivered(stamp)

    workers = [threading.Thread(target=produce, args=(f"p{n % 2}",)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    report = ledger.report()
    assert report.accepted == report.delivered == 8_000
    assert report.lost == report.duplicated == report.unexpected == ()


async def test_tasks_share_one_ledger() -> None:
    ledger = EventLedger()

    async def produce(name: str) -> None:
        for _ in range(10):
            stamp = ledger.stamp(name)
            await asyncio.sleep(0)
            ledger.accepted(stamp)
            ledger.delivered(stamp)

    await asyncio.gather(*(produce(f"p{n}") for n in range(5)))
    ledger.report().assert_clean(at_least=50)


def test_a_million_events_are_booked_one_by_one_and_none_is_missed() -> None:
    # 2 x 500,000: with any quadratic step this would not end within the deadline of the suite.
    ledger = EventLedger()
    for name in ("p1", "p2"):
        for _ in range(500_000):
            stamp = ledger.stamp(name)
            ledger.accepted(stamp)
            if stamp != ("p2", 499_998):
                ledger.delivered(stamp)
    report = ledger.report()
    assert report.lost == (Stamped("p2", 499_998),)
    assert report.accepted == 1_000_000


def test_a_stamp_survives_text() -> None:
    stamp = Stamped("file#writer", 12)
    assert Stamped.parse(str(stamp)) == stamp
    with pytest.raises(ValueError, match="should look like 'p1#17'"):
        Stamped.parse("p1-17")
