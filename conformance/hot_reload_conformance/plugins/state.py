"""What may be said of a state that a plugin hands out: is it data, is it shared, is it equal."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any


def shared_mutables(first: Any, second: Any) -> list[str]:
    """The paths at which two answers of a state hook hold the very same mutable object.

    A copy made for each answer shares none; what is shared, the plugin itself still has.
    """
    held = {id(value): path for path, value in _mutables(first)}
    return [path for path, value in _mutables(second) if id(value) in held]


def difference(expected: Any, seen: Any, path: str = "$") -> str | None:
    """The first place at which two states differ in value or type, in words; None: nowhere."""
    if type(expected) is not type(seen):
        return (
            f"{path} was {expected!r:.60} ({type(expected).__name__}), "
            f"came back as {seen!r:.60} ({type(seen).__name__})"
        )
    if isinstance(expected, Mapping):
        for key in expected:
            if key not in seen:
                return f"{path}[{key!r:.40}] is missing"
        for key in seen:
            if key not in expected:
                return f"{path}[{key!r:.40}] was not there before"
        pairs = ((f"{path}[{key!r:.40}]", expected[key], seen[key]) for key in expected)
    elif isinstance(expected, (list, tuple, deque)):
        if len(expected) != len(seen):
            return f"{path} had {len(expected)} items, came back with {len(seen)}"
        pairs = (
            (f"{path}[{number}]", old, new)
            for number, (old, new) in enumerate(zip(expected, seen, strict=True))
        )
    else:
        # A NaN equals nothing, itself neither; it came back all the same.
        same = expected == seen or (expected != expected and seen != seen)
        return None if same else f"{path} was {expected!r:.60}, came back as {seen!r:.60}"
    return next(filter(None, (difference(old, new, where) for where, old, new in pairs)), None)


def _mutables(value: Any, path: str = "$", depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth > 64:
        return
    if isinstance(value, (dict, list, set, deque, bytearray)):
        yield path, value
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _mutables(each, f"{path}[{key!r:.40}]", depth + 1)
    elif isinstance(value, (str, bytes, bytearray, AbstractSet)):
        return  # their items cannot be mutable
    elif isinstance(value, (Sequence, deque)):
        for number, each in enumerate(value):
            yield from _mutables(each, f"{path}[{number}]", depth + 1)
