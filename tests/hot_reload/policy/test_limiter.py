"""The limiter: never more than the rate, never a lost request, never a needless wait."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.errors import EngineMisuse
from hot_reload.policy.limiter import Admitted, RateLimiter, Wait

# Eighths of a second are exact in binary, so the model may compare with ==.
ticks = st.integers(0, 24).map(lambda count: count * 0.125)
requests = st.lists(st.tuples(ticks, st.sampled_from("ab")), max_size=40)


def allowed_by_model(
    past: list[float], now: float, limit: int, window: float, cooldown: float
) -> bool:
    """The rule over the whole history, with nothing remembered cleverly."""
    in_window = [moment for moment in past if now - moment < window]
    return len(in_window) < limit and all(now - moment >= cooldown for moment in past)


@given(gaps=requests, limit=st.integers(1, 4), window=ticks, cooldown=ticks)
def test_it_admits_exactly_what_the_model_admits(
    gaps: list[tuple[float, str]], limit: int, window: float, cooldown: float
) -> None:
    limiter: RateLimiter[str] = RateLimiter(
        limit=limit, window_seconds=window, cooldown_seconds=cooldown
    )
    past: dict[str, list[float]] = {"a": [], "b": []}
    now = 0.0
    for gap, key in gaps:
        now += gap
        answer = limiter.admit(key, now)
        if allowed_by_model(past[key], now, limit, window, cooldown):
            assert answer == Admitted()
            past[key].append(now)
        else:
            assert isinstance(answer, Wait)
            assert answer.until > now
            assert allowed_by_model(past[key], answer.until, limit, window, cooldown)
            assert not allowed_by_model(past[key], answer.until - 0.0625, limit, window, cooldown)


@given(gaps=requests, limit=st.integers(1, 4), window=ticks, cooldown=ticks)
def test_driven_by_ready_every_request_is_followed_by_an_admission(
    gaps: list[tuple[float, str]], limit: int, window: float, cooldown: float
) -> None:
    limiter: RateLimiter[str] = RateLimiter(
        limit=limit, window_seconds=window, cooldown_seconds=cooldown
    )
    asked: dict[str, list[float]] = {"a": [], "b": []}
    admitted: dict[str, list[float]] = {"a": [], "b": []}

    def serve_until(end: float | None) -> None:
        while (moment := limiter.next_ready()) is not None and (end is None or moment < end):
            ready = limiter.ready(moment)
            assert ready, "it asked to be woken for nothing"
            for key in ready:
                assert key in limiter.pending
                assert limiter.admit(key, moment) == Admitted()
                admitted[key].append(moment)

    now = 0.0
    for gap, key in gaps:
        now += gap
        serve_until(now)
        asked[key].append(now)
        if limiter.admit(key, now) == Admitted():
            admitted[key].append(now)
    serve_until(None)

    assert not limiter.pending
    for key, moments in admitted.items():
        assert not asked[key] or moments[-1] >= asked[key][-1], "a request was dropped"
        assert len(moments) <= len(asked[key]), "it was admitted more often than asked for"
        for first in moments:
            assert sum(first <= moment < first + window for moment in moments) <= limit
        assert all(b - a >= cooldown for a, b in pairwise(moments))


def test_a_storm_costs_one_follow_up() -> None:
    limiter: RateLimiter[str] = RateLimiter(limit=1, window_seconds=10)
    assert limiter.admit("a", 0.0) == Admitted()
    assert [limiter.admit("a", tick / 100) for tick in range(100)] == [Wait(10.0)] * 100
    assert limiter.pending == {"a"}
    assert limiter.ready(9.75) == set()
    assert limiter.ready(10.0) == {"a"}
    assert limiter.pending == {"a"}, "ready asks, it does not take"
    assert limiter.admit("a", 10.0) == Admitted()
    assert limiter.pending == set()
    assert limiter.next_ready() is None


def test_one_key_does_not_limit_another() -> None:
    limiter: RateLimiter[str] = RateLimiter(limit=1, window_seconds=10)
    assert limiter.admit("a", 0.0) == Admitted()
    assert limiter.admit("b", 0.0) == Admitted()


def test_the_pause_counts_even_below_the_limit() -> None:
    limiter: RateLimiter[str] = RateLimiter(limit=5, window_seconds=10, cooldown_seconds=2)
    assert limiter.admit("a", 0.0) == Admitted()
    assert limiter.admit("a", 1.0) == Wait(2.0)
    assert limiter.admit("a", 2.0) == Admitted()


def test_forgetting_drops_request_and_past() -> None:
    limiter: RateLimiter[str] = RateLimiter(limit=1, window_seconds=10)
    limiter.admit("a", 0.0)
    limiter.admit("a", 1.0)
    limiter.forget("a")
    limiter.forget("never seen")
    assert limiter.pending == set()
    assert limiter.admit("a", 1.0) == Admitted()


def test_it_remembers_no_more_than_it_needs() -> None:
    limiter: RateLimiter[str] = RateLimiter(limit=3, window_seconds=1)
    for tick in range(1000):
        limiter.admit("a", float(tick))
    assert [len(past) for past in limiter._admissions.values()] == [3]


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "3"])
def test_a_bad_limit_is_refused(limit: Any) -> None:
    with pytest.raises(EngineMisuse, match="limit is"):
        RateLimiter[str](limit=limit, window_seconds=1)


@pytest.mark.parametrize("name", ["window_seconds", "cooldown_seconds"])
def test_a_bad_duration_is_named(name: str) -> None:
    durations: dict[str, Any] = {"window_seconds": 1.0, name: -1.0}
    with pytest.raises(EngineMisuse, match=name):
        RateLimiter[str](limit=1, **durations)


def test_time_that_goes_back_is_refused() -> None:
    limiter: RateLimiter[str] = RateLimiter(limit=1, window_seconds=1)
    limiter.admit("a", 5.0)
    with pytest.raises(EngineMisuse, match="time went back"):
        limiter.admit("a", 4.0)
    with pytest.raises(EngineMisuse, match="time went back"):
        limiter.ready(4.0)


def test_a_withdrawn_request_is_not_served_and_frees_nothing() -> None:
    limiter: RateLimiter[str] = RateLimiter(limit=9, window_seconds=60, cooldown_seconds=5)
    assert limiter.admit("a", 0.0) == Admitted()
    assert limiter.admit("a", 1.0) == Wait(5.0)
    limiter.withdraw("a")
    limiter.withdraw("unknown")
    assert not limiter.pending
    assert limiter.next_ready() is None
    assert limiter.ready(10.0) == frozenset()
    assert limiter.admit("a", 10.0) == Admitted()
    assert limiter.admit("a", 11.0) == Wait(15.0), "its past counts on"


def test_f17_a_request_may_pass_over_the_cooldown_but_not_over_the_rate() -> None:
    limiter: RateLimiter[str] = RateLimiter(limit=2, window_seconds=60, cooldown_seconds=5)
    assert limiter.admit("a", 0.0) == Admitted()
    assert limiter.admit("a", 1.0) == Wait(5.0)
    assert limiter.admit("a", 1.0, cooldown=False) == Admitted()
    assert limiter.pending == frozenset()
    assert limiter.admit("a", 3.0, cooldown=False) == Wait(60.0)
    assert limiter.next_ready() == 60.0
    assert limiter.ready(60.0) == {"a"}
    assert limiter.admit("a", 60.0, cooldown=False) == Admitted()
