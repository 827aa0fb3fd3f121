"""Mapping schema: the part of JSON Schema that says what a plugin's config is.

Known: ``type``, ``properties``, ``required``, ``additionalProperties``, ``items``,
``enum``, ``const``, ``default``, ``minimum``, ``maximum``, ``exclusiveMinimum``,
``exclusiveMaximum``, ``minLength``, ``maxLength``, ``pattern``, ``minItems``,
``maxItems``; and what only describes. Another keyword is an error: passed over in
silence it would promise a check that nobody makes. One thing differs from JSON Schema:
an unknown key is refused unless ``additionalProperties`` allows it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sized
from typing import Any

from hot_reload.config.problem import KeyPath, Problem, kind, shown, unknown_key
from hot_reload.config.secret import MASK, Secret, may_hold_secret

DESCRIBING = frozenset(
    {"title", "description", "examples", "$schema", "$id", "$comment", "format", "readOnly"}
    | {"writeOnly", "deprecated", "secret", "secret_keys"}
)
_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, (list, tuple)),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float),
}
_WORDS = {
    "object": "a table of keys",
    "array": "a list",
    "string": "a string",
    "boolean": "true or false",
    "null": "nothing",
    "integer": "a whole number",
    "number": "a number",
}
_BOUNDS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (lambda value, bound: value >= bound, "{} or more"),
    "maximum": (lambda value, bound: value <= bound, "{} or less"),
    "exclusiveMinimum": (lambda value, bound: value > bound, "more than {}"),
    "exclusiveMaximum": (lambda value, bound: value < bound, "less than {}"),
}
_LENGTHS: dict[str, tuple[tuple[type[Sized], ...], Callable[[int, int], bool], str]] = {
    "minLength": ((str,), lambda length, bound: length >= bound, "{} characters or more"),
    "maxLength": ((str,), lambda length, bound: length <= bound, "{} characters or less"),
    "minItems": ((list, tuple), lambda length, bound: length >= bound, "{} items or more"),
    "maxItems": ((list, tuple), lambda length, bound: length <= bound, "{} items or less"),
}
KEYWORDS = (
    frozenset({"type", "properties", "required", "additionalProperties", "items", "enum"})
    | {"const", "default", "pattern", *_BOUNDS, *_LENGTHS}
    | DESCRIBING
)


class MappingReader:
    """Reads one configuration by one schema. ``problems`` has what was wrong."""

    def __init__(self, marked: frozenset[KeyPath]) -> None:
        self.problems: list[Problem] = []
        self._marked = marked

    def read(self, schema: Any, value: Any, path: KeyPath = ()) -> Any:
        """A copy of ``value`` with the defaults of what is missing in it."""
        if not isinstance(schema, Mapping):
            self._wrong_schema(path, f"is {kind(schema)} where a schema should be")
            return value
        for keyword in schema:
            if keyword not in KEYWORDS:
                self._wrong_schema(path, f"has the keyword {shown(keyword)}")
        value = value.reveal() if isinstance(value, Secret) else value
        if not self._typed(schema, value, path):
            return value
        self._limits(schema, value, path)
        if isinstance(value, Mapping):
            return self._table(schema, value, path)
        if isinstance(value, (list, tuple)):
            items = schema.get("items", {})
            return [self.read(items, each, (*path, n)) for n, each in enumerate(value)]
        return copy.deepcopy(value)

    def _typed(self, schema: Mapping[str, Any], value: Any, path: KeyPath) -> bool:
        names = schema.get("type", "object" if "properties" in schema else ())
        names = (names,) if isinstance(names, str) else tuple(names)
        unknown = [each for each in names if each not in _TYPES]
        if unknown:
            self._wrong_schema(path, f"has the unknown type {shown(unknown[0])}")
            return False
        if names and not any(_TYPES[each](value) for each in names):
            self._wrong(" or ".join(_WORDS[each] for each in names), value, path)
            return False
        return True

    def _limits(self, schema: Mapping[str, Any], value: Any, path: KeyPath) -> None:
        choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if choices is not None and not any(
            each == value and isinstance(each, bool) is isinstance(value, bool) for each in choices
        ):
            self._wrong(f"one of {', '.join(map(shown, choices))}", value, path)
        for keyword, (holds, words) in _BOUNDS.items():
            bound = schema.get(keyword)
            if bound is not None and _TYPES["number"](value) and not holds(value, bound):
                self._wrong(words.format(bound), value, path)
        for keyword, (kinds, fits, words) in _LENGTHS.items():
            bound = schema.get(keyword)
            if bound is not None and isinstance(value, kinds) and not fits(len(value), bound):
                self._wrong(words.format(bound), value, path)
        pattern = schema.get("pattern")
        if pattern is not None and isinstance(value, str) and not re.search(pattern, value):
            self._wrong(f"what matches {pattern}", value, path)

    def _table(
        self, schema: Mapping[str, Any], value: Mapping[str, Any], path: KeyPath
    ) -> dict[str, Any]:
        properties: Mapping[str, Any] = schema.get("properties", {})
        more = schema.get("additionalProperties", not properties)
        read: dict[str, Any] = {}
        for key, each in value.items():
            where = (*path, str(key))
            if key in properties:
                read[key] = self.read(properties[key], each, where)
            elif more is False:
                self.problems.append(unknown_key(str(key), properties, path))
            else:
                read[key] = self.read({} if more is True else more, each, where)
        for key in schema.get("required", ()):
            if key not in value:
                self.problems.append(
                    Problem(text="is missing", path=(*path, key), hint=_asked(properties.get(key)))
                )
        for key, each in properties.items():
            if key not in value and isinstance(each, Mapping) and "default" in each:
                read[key] = copy.deepcopy(each["default"])
        return read

    def _wrong(self, wanted: str, value: Any, path: KeyPath) -> None:
        what = MASK if may_hold_secret(path, self._marked) else shown(value)
        self.problems.append(
            Problem(text=f"is {kind(value)} ({what})", path=path, hint=f"give {wanted}")
        )

    def _wrong_schema(self, path: KeyPath, text: str) -> None:
        hint = (
            "mend the plugin: known are the keywords of hot_reload.config.mapping_schema, below "
            '{"type": "object", "properties": {...}}; for more make config_schema a dataclass'
        )
        self.problems.append(
            Problem(text=f"the plugin's config_schema {text}", path=path, hint=hint)
        )


def marked_in(schema: Any, path: KeyPath = ()) -> frozenset[KeyPath]:
    """The paths that ``schema`` marks as secret: by ``secret``, ``writeOnly`` or ``format``."""
    if not isinstance(schema, Mapping):
        return frozenset()
    found: frozenset[KeyPath] = frozenset()
    if schema.get("secret") or schema.get("writeOnly") or schema.get("format") == "password":
        found |= {path}
    properties = schema.get("properties")
    for key, each in properties.items() if isinstance(properties, Mapping) else ():
        found |= marked_in(each, (*path, key))
    return found | marked_in(schema.get("items"), path)


def _asked(schema: Any) -> str:
    name = schema.get("type") if isinstance(schema, Mapping) else None
    return f"give {_WORDS.get(name, 'it')}" if isinstance(name, str) else "give it"
