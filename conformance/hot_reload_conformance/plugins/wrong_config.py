"""Configs outside a plugin's schema, made out of a good one: each with the key that is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hot_reload_conformance.verdict import CannotJudge

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
_PYTHON: Mapping[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    dict: "object",
    "dict": "object",
}
_CANDIDATES: tuple[Any, ...] = ("wrong", ["wrong"], {"wrong": 1})


@dataclass(frozen=True, slots=True)
class Known:
    """What is understood of a schema: keys with their JSON types, () where they are not known."""

    types: Mapping[str, tuple[str, ...]]
    required: frozenset[str]
    closed: bool
    """No other keys are allowed."""


@dataclass(frozen=True, slots=True)
class WrongConfig:
    """``config`` is outside the schema because of ``key``."""

    how: str
    key: str
    config: dict[str, Any]


def wrong_configs(schema: Any, good: Mapping[str, Any]) -> Iterator[WrongConfig]:
    """Every way to spoil one key of ``good``, as far as ``schema`` is understood.

    Raises:
        CannotJudge: nothing of the schema is.
    """
    known = _known(schema)
    if not known.types and not known.closed:
        raise CannotJudge(
            f"a config_schema of the type {type(schema).__name__} says of no key what it must be: "
            'give a dataclass, a pydantic model, or {"type": "object", "properties": {...}}'
        )
    for key in sorted(known.required):
        without = {k: v for k, v in good.items() if k != key}
        yield WrongConfig(f"without {key!r}", key, without)
    for key, types in known.types.items():
        for value in _CANDIDATES:
            if types and not any(isinstance(value, _TYPES[each]) for each in types):
                yield WrongConfig(f"with {key}={value!r}", key, {**good, key: value})
    if known.closed:
        misspelt = "of_no_version"
        yield WrongConfig(f"with the unknown key {misspelt!r}", misspelt, {**good, misspelt: 1})


def _known(schema: Any) -> Known:
    if isinstance(schema, type) and dataclasses.is_dataclass(schema):
        return _of_dataclass(schema)
    model = getattr(schema, "model_json_schema", None)
    if callable(model):
        schema = model()
    if not isinstance(schema, Mapping) or not isinstance(schema.get("properties"), Mapping):
        return Known({}, frozenset(), closed=False)
    types = {str(key): _json_types(each) for key, each in schema["properties"].items()}
    required = frozenset(map(str, schema.get("required", ())))
    return Known(types, required, schema.get("additionalProperties") is False)


def _of_dataclass(schema: Any) -> Known:
    fields = dataclasses.fields(schema)
    missing = dataclasses.MISSING
    return Known(
        {each.name: (_PYTHON[each.type],) if each.type in _PYTHON else () for each in fields},
        frozenset(
            each.name
            for each in fields
            if each.default is missing and each.default_factory is missing
        ),
        closed=True,  # its constructor takes no others
    )


def _json_types(described: Any) -> tuple[str, ...]:
    found = described.get("type", ()) if isinstance(described, Mapping) else ()
    names = (found,) if isinstance(found, str) else tuple(found)
    return names if all(each in _TYPES for each in names) else ()
