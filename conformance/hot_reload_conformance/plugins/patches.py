"""What a plugin put into modules and classes of others: monkeypatches."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any


def put_into_others(generation: str) -> list[str]:
    """Functions of ``generation`` that stand in modules and classes of others, as sentences.

    ``generation`` is the name of its module. Functions are known by the globals that they run
    in, which ``functools.wraps`` does not disguise.
    """
    found: dict[str, None] = {}
    for name, module in list(sys.modules.items()):
        if not isinstance(module, ModuleType) or _is_of(name, generation):
            continue
        for place, value in _places(name, vars(module)):
            if _is_of(_home(value), generation):
                found[f"put a function of its own in the place of {place}"] = None
    return list(found)


def _places(name: str, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in list(names.items()):
        yield f"{name}.{key}", value
        if type(value) is type and value.__module__ == name:
            for inner, each in list(vars(value).items()):
                yield f"{name}.{key}.{inner}", each


def _home(value: object) -> str:
    """The name of the module whose code ``value`` runs; "": it is no function."""
    kind = type(value)
    if kind is staticmethod or kind is classmethod or kind is MethodType:
        value = value.__func__  # type: ignore[attr-defined]
    elif kind is functools.partial:
        value = value.func  # type: ignore[attr-defined]
    if type(value) is not FunctionType:
        return ""
    return str(value.__globals__.get("__name__", ""))


def _is_of(module: str, generation: str) -> bool:
    return module == generation or module.startswith(f"{generation}.")
