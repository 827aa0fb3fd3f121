"""Problems say file, line, key path, what is wrong and what to write (F50, C7)."""

from __future__ import annotations

import pickle

import pytest

from hot_reload.config.problem import (
    ConfigError,
    KeyPath,
    Place,
    Problem,
    key_path,
    nearest,
    shown,
    unknown_key,
)
from hot_reload.policy.registry import Entry, Registry


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "$"),
        (("a", 0, "b-c"), "$.a[0].b-c"),
        (("a b", ""), "$['a b']['']"),
        (("\x1b[2J",), r"$['\x1b[2J']"),
    ],
)
def test_f50_key_paths(path: KeyPath, text: str) -> None:
    assert key_path(path) == text


def test_f50_a_problem_is_one_line_with_all_that_is_needed() -> None:
    problem = Problem(text="is 3", path=("b",), hint="give 4").below(("a",)).at(Place("f.toml", 7))
    assert str(problem) == "f.toml:7: $.a.b: is 3; give 4"
    error = ConfigError([problem, Problem(text="x")])
    assert str(error) == f"{problem}\n$: x"
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


def test_c7_an_unknown_key_with_and_without_a_neighbour() -> None:
    near = unknown_key("debouce_ms", ["debounce_ms", "enabled"], ("watch",))
    assert str(near) == "$.watch.debouce_ms: unknown key 'debouce_ms'; did you mean 'debounce_ms'?"
    assert unknown_key("zzz", ["b", "a"], ()).hint == "known: a, b"


@pytest.mark.parametrize("name", ["countr", "COUNTER", "gee", "zzz", ""])
def test_f50_suggestions_are_the_registry_s(name: str) -> None:
    names = ("counter", "geo", "sink")
    registry = Registry({each: Entry(name=each) for each in names})
    assert nearest(name, names) == registry.suggest(name)


@pytest.mark.parametrize(
    "value", ["a\nb", "\x1b[2J", "x" * 500, b"\x00", [1] * 500, {"a": "\u202e"}]
)
def test_f52_a_value_in_a_message_is_short_and_harmless(value: object) -> None:
    text = shown(value)
    assert text.isprintable()
    assert len(text) <= 80
