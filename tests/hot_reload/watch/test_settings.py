"""Watch settings refuse what cannot work, and say what to give."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hot_reload.errors import EngineMisuse
from hot_reload.watch.settings import WatchSettings


def test_the_defaults_are_those_that_are_promised() -> None:
    settings = WatchSettings()
    assert settings.quiet_seconds == 0.1
    assert settings.cooldown_seconds == 5.0
    assert 1.0 <= settings.sweep_seconds <= 2.0
    assert settings.unload_deleted is False


@pytest.mark.parametrize("name", ["quiet_seconds", "cooldown_seconds", "delete_grace_seconds"])
def test_zero_is_allowed_where_it_means_something(name: str) -> None:
    assert getattr(WatchSettings(**{name: 0}), name) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("quiet_seconds", -0.1, "0 or more"),
        ("quiet_seconds", math.nan, "0 or more"),
        ("quiet_seconds", "0.1", "0 or more"),
        ("quiet_seconds", True, "0 or more"),
        ("max_wait_seconds", 0, "more than 0"),
        ("max_wait_seconds", math.inf, "more than 0"),
        ("sweep_seconds", 0, "more than 0"),
        ("cooldown_seconds", None, "0 or more"),
        ("window_seconds", 0.0, "more than 0"),
        ("delete_grace_seconds", -1, "0 or more"),
        ("limit", 0, "whole number"),
        ("limit", 1.5, "whole number"),
        ("limit", True, "whole number"),
        ("unload_deleted", 1, "True or False"),
        ("load_new", "no", "True or False"),
    ],
)
def test_a_bad_value_is_named_with_what_to_give(name: str, value: Any, advice: str) -> None:
    with pytest.raises(EngineMisuse, match=rf"watch setting {name} is .*{advice}"):
        WatchSettings(**{name: value})


def test_a_longest_wait_below_the_quiet_period_is_refused() -> None:
    with pytest.raises(EngineMisuse, match=r"max_wait_seconds \(0.5\) is less than quiet_seconds"):
        WatchSettings(quiet_seconds=1.0, max_wait_seconds=0.5)
