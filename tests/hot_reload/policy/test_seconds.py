"""Durations and moments that no policy accepts."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hot_reload.errors import EngineMisuse
from hot_reload.policy.seconds import ForwardClock, checked_seconds


@pytest.mark.parametrize("value", [-0.001, math.inf, -math.inf, math.nan, "1", None, True])
def test_a_bad_duration_is_refused_by_name(value: Any) -> None:
    with pytest.raises(EngineMisuse, match="quiet_seconds is "):
        checked_seconds("quiet_seconds", value)


@pytest.mark.parametrize("value", [0, 0.0, 3, 1e9])
def test_a_good_duration_is_a_float(value: float) -> None:
    checked = checked_seconds("quiet_seconds", value)
    assert type(checked) is float
    assert checked == value


def test_a_clock_stands_or_goes_forward() -> None:
    clock = ForwardClock("watch")
    for now in (-5.0, -5.0, 0.0, 7.0):
        clock.advance(now)
    with pytest.raises(EngineMisuse, match=r"watch was told that now is 6\.0, after 7\.0.*monoton"):
        clock.advance(6.0)
    clock.advance(7.0)


@pytest.mark.parametrize("now", [math.nan, math.inf, -math.inf])
def test_a_moment_is_finite(now: float) -> None:
    with pytest.raises(EngineMisuse, match="now is"):
        ForwardClock("watch").advance(now)
