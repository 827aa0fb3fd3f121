"""ManualDebouncer: the engine's debouncer on a clock moved by hand."""

from __future__ import annotations

from hot_reload_fixtures import ManualClock, ManualDebouncer, Settled


def test_it_fires_when_the_quiet_period_is_over() -> None:
    debouncer = ManualDebouncer(ManualClock(), 0.5, 2.0)
    debouncer.touch("counter", "chat")
    debouncer.advance(0.25)
    debouncer.touch("chat")
    assert debouncer.clock.pending == 1, "a touch takes the place of the timer before"
    debouncer.advance(0.125)
    assert debouncer.fired == []
    debouncer.advance(10.0)
    assert debouncer.fired == [
        Settled(0.5, frozenset({"counter"})),
        Settled(0.75, frozenset({"chat"})),
    ]
    assert debouncer.clock.pending == 0


def test_constant_change_ends_at_the_longest_wait() -> None:
    debouncer = ManualDebouncer(quiet_seconds=0.5, max_wait_seconds=2.0)
    for _ in range(20):
        debouncer.touch("counter")
        debouncer.advance(0.25)
    assert [settled.at_seconds for settled in debouncer.fired][:2] == [2.0, 4.0]


def test_two_share_a_clock_that_others_move() -> None:
    clock = ManualClock()
    quick, slow = ManualDebouncer(clock, 0.5, 2.0), ManualDebouncer(clock, 1.0, 2.0)
    quick.touch("a")
    slow.touch("a")
    clock.advance(0.75)
    assert (quick.keys_fired, slow.keys_fired) == ([frozenset({"a"})], [])
    clock.advance(0.25)
    assert slow.keys_fired == [frozenset({"a"})]


def test_awkward_decimals_fire_once_and_do_not_spin() -> None:
    debouncer = ManualDebouncer(quiet_seconds=0.2, max_wait_seconds=2.0)
    debouncer.advance(0.1)
    debouncer.touch("counter")
    debouncer.advance(0.3)
    assert debouncer.keys_fired == [frozenset({"counter"})]


async def test_it_works_inside_a_loop() -> None:
    clock = ManualClock()
    debouncer = ManualDebouncer(clock, 0.5, 2.0)
    debouncer.touch("counter")
    await clock.advance_async(0.5)
    assert debouncer.keys_fired == [frozenset({"counter"})]
