"""States to carry across a reload, and how two of them are compared by value and type."""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass
from typing import Any

from hot_reload_conformance.check import Variant


@dataclass(frozen=True)
class States:
    """States to carry one after another. ``must``: a refusal is a violation too."""

    values: tuple[Any, ...]
    must: bool = True


STATES = (
    Variant("counters", States(({"count": 1}, {"count": 0}, {"count": -1}, {"count": 2**64}))),
    Variant("empty", States(({}, {"items": []}, {"items": {}}, {"text": ""}))),
    Variant("falsy", States(({"a": None}, {"a": False, "b": 0, "c": 0.0}, {"a": -0.0}))),
    Variant("bool, int and float apart", States(({"a": True, "b": 1, "c": 1.0}, {"a": [1, 1.0]}))),
    Variant("floats", States(({"a": 0.1 + 0.2}, {"a": 1e-320, "b": 1.7976931348623157e308}))),
    Variant("text", States(({"é": "naïve\u2028\x00'\"\\"}, {"": "😀" * 50}, {"a": "\ud800"}))),
    Variant("nested", States(({"a": [{"b": [[], [{}]]}, [1, [2, [3]]]]}, {"a": {"b": {"c": 1}}}))),
    Variant("many", States(({str(n): n for n in range(500)}, {"rows": list(range(2000))}))),
    Variant("not a dict", States(([1, 2], "text", 7), must=False)),
    Variant(
        "tuples, sets, bytes and other keys",
        States(
            (
                {"a": (1, 2)},
                {"a": {1, 2}},
                {"a": b"\x00\xff"},
                {1: "one"},
                {("a", 1): "pair", ((), ("b",)): [1]},
                {"a": [(1, (2,))]},
                {"a": frozenset({3})},
            ),
            must=False,
        ),
    ),
)


def random_states(seed: int, number: int = 6) -> States:
    """JSON-like states, the same for the same seed."""
    dice = random.Random(seed)
    return States(tuple({"state": _json(dice)} for _ in range(number)))


def _json(dice: random.Random, depth: int = 3) -> Any:
    kind = dice.randrange(8 if depth else 6)
    if kind == 6:
        return [_json(dice, depth - 1) for _ in range(dice.randrange(4))]
    if kind == 7:
        return {
            "".join(dice.choices("aé\u2028\x00 'ñ😀", k=dice.randrange(4))): _json(dice, depth - 1)
            for _ in range(dice.randrange(4))
        }
    text = "".join(dice.choices("ab\n\\\"'\u00e9\u2028😀", k=dice.randrange(6)))
    scalars: tuple[Any, ...] = (None, dice.random() < 0.5, dice.randrange(-(2**70), 2**70))
    return dice.choice((*scalars, dice.uniform(-1e9, 1e9), text, 0))


def same(text: str, value: object) -> bool:
    """Whether ``text`` is the ``repr`` of an equal value of equal types, in any order of keys."""
    if text == repr(value):
        return True
    try:
        return _same(ast.literal_eval(text), value)
    except (ValueError, SyntaxError):
        return False


def _same(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        # Keys are compared with their types: 1 and True are one key to a dict.
        kinds = {(type(key), key) for key in one} == {(type(key), key) for key in other}
        return kinds and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


def difference(after: list[str], value: object) -> str:
    """How the one reply to ``get`` differs from ``value``, in words."""
    if not after:
        return "it does not answer"
    seen = after[0]
    kind = "another type" if _equal(seen, value) else "another value"
    return f"{kind}: {seen:.120} instead of {value!r:.120}"


def _equal(text: str, value: object) -> bool:
    try:
        found: object = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return found == value or (isinstance(value, dict) and found == _listed(value))


def _listed(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _listed(each) for key, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, (list, tuple)) else value
