"""What the blue-green host carries from one generation to the next, and what it refuses."""

from __future__ import annotations

import json
from typing import Any


def plain(value: Any) -> Any:
    """What JSON has no word for, but a copy is made of without harm."""
    if isinstance(value, (bytes, set, frozenset, tuple, complex)):
        return repr(value)
    raise TypeError(f"a {type(value).__name__}")


def path_to_uncopyable(value: Any, path: str = "$", above: tuple[int, ...] = ()) -> str:
    """Where in ``value`` the first thing stands that cannot be carried."""
    if id(value) in above:
        return path  # a cycle
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, each in items:
        try:
            json.dumps(each, default=plain)
        except Exception:
            return path_to_uncopyable(each, f"{path}[{key!r}]", (*above, id(value)))
    return path
