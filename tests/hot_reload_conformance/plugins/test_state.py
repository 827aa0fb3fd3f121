"""What may be said of two answers of a state hook."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from hot_reload_conformance.plugins.state import difference, shared_mutables

SHARED: Any = [1]


@pytest.mark.parametrize(
    ("first", "second", "paths"),
    [
        ({"a": [1]}, {"a": [1]}, []),
        ({"a": SHARED}, {"a": SHARED}, ["$['a']"]),
        ({"a": (SHARED, 2)}, {"a": (SHARED, 2)}, ["$['a'][0]"]),
        ([{"b": SHARED}], [{"b": SHARED}], ["$[0]['b']"]),
        ({"a": "text", "b": (1, 2), "c": None}, {"a": "text", "b": (1, 2), "c": None}, []),
    ],
)
def test_the_same_mutable_object_twice_is_shared(first: Any, second: Any, paths: list[str]) -> None:
    assert shared_mutables(first, second) == paths


NAN = float("nan")


@pytest.mark.parametrize(
    ("expected", "seen", "words"),
    [
        ({"a": [1, NAN]}, {"a": [1, NAN]}, None),
        ({"a": 1}, {"a": True}, "$['a'] was 1 (int), came back as True (bool)"),
        ({"a": (1,)}, {"a": [1]}, "$['a'] was (1,) (tuple)"),
        ({"a": 1}, {}, "$['a'] is missing"),
        ({}, {"a": 1}, "$['a'] was not there before"),
        ([1, 2], [1], "$ had 2 items, came back with 1"),
        (deque([1]), deque([2]), "$[0] was 1, came back as 2"),
        ({1, 2}, {1, 3}, "$ was {1, 2}, came back as {1, 3}"),
        (None, None, None),
    ],
)
def test_the_first_difference_is_told_with_its_path(
    expected: Any, seen: Any, words: str | None
) -> None:
    found = difference(expected, seen)
    assert found == words if words is None or found is None else found.startswith(words)
