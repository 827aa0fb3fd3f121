"""Two configurations are the same only where nobody could tell them apart."""

from __future__ import annotations

from typing import Any

import pytest

from hot_reload.config.equality import same


@pytest.mark.parametrize(
    ("one", "other"),
    [({}, {}), ({"a": 1, "b": [1]}, {"b": [1], "a": 1}), ({"a": (1, "x")}, {"a": (1, "x")})],
)
def test_f51_the_same(one: Any, other: Any) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": [0]}, {"a": [False]}),
        ({"a": [1]}, {"a": (1,)}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 1, "b": 1}),
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": "x"}, {"a": "y"}),
        ({"a": {}}, {"a": []}),
    ],
)
def test_f51_not_the_same(one: Any, other: Any) -> None:
    assert not same(one, other)
    assert not same(other, one)
