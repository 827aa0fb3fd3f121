"""The pace: few things whole and often, many in parts, for the same share of the time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.errors import EngineMisuse
from hot_reload.policy.pace import Pace


def test_what_was_never_measured_is_gone_through_whole() -> None:
    pace = Pace(1.0)
    assert pace.portion(10_000, 0.003) == 10_000
    assert pace.round_seconds(10_000, 0.003) == 1.0


def test_many_take_rounds_that_cost_the_share_and_no_more() -> None:
    pace = Pace(1.0)
    pace.took(1_000, 0.01)  # 10 µs each
    assert pace.round_seconds(10_000, 0.005) == pytest.approx(20.0)
    assert pace.portion(10_000, 0.005) == 500
    assert pace.portion(500, 0.005) == 500, "few are gone through whole"
    assert pace.round_seconds(100, 0.005) == 1.0


@given(
    total=st.integers(1, 100_000),
    cost=st.floats(1e-7, 1e-2),
    share=st.floats(0.001, 1),
    least=st.floats(0.05, 10),
)
def test_each_thing_has_its_turn_within_a_round(
    total: int, cost: float, share: float, least: float
) -> None:
    pace = Pace(least)
    pace.took(1, cost)
    portion, whole = pace.portion(total, share), pace.round_seconds(total, share)
    assert 1 <= portion <= total
    turns = -(-total // portion)
    assert turns * least <= whole + least * (1 + 1e-9)
    # One thing more than the share allows at most, for there is no half of one.
    assert portion == total or (portion - 1) * cost <= share * least * (1 + 1e-9)


def test_new_measurements_count_and_one_outlier_is_no_new_pace() -> None:
    pace = Pace(1.0)
    pace.took(100, 0.001)
    pace.took(100, 0.1)  # the machine was busy
    assert pace.cost_seconds == pytest.approx(1e-5 + (1e-3 - 1e-5) / 4)
    for _ in range(40):
        pace.took(100, 0.001)
    assert pace.cost_seconds == pytest.approx(1e-5, rel=0.01)
    pace.took(0, 5.0)
    pace.took(10, -1.0)  # a clock that stands still, or a wrong one
    assert pace.cost_seconds is not None
    assert 0 < pace.cost_seconds < 1e-5


def test_a_wrong_duration_is_refused() -> None:
    with pytest.raises(EngineMisuse, match="least_seconds is -1"):
        Pace(-1)
