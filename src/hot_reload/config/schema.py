"""Schemas: a plugin's config checked against what the plugin declares, before it is made.

A ``config_schema`` is a dataclass, an attrs class, a msgspec ``Struct``, a pydantic
model, a ``TypedDict``, or a mapping in the manner of JSON Schema
(``hot_reload.config.mapping_schema``). It may have ``secret_keys``, dotted paths such as
``"database.password"``; a type ``Secret[...]`` marks a key as well.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, get_args, get_origin

from hot_reload.config.fields import fields_of, maker_of
from hot_reload.config.foreign import read_foreign
from hot_reload.config.lines import DEPTH_LIMIT
from hot_reload.config.mapping_schema import MappingReader, marked_in
from hot_reload.config.problem import ConfigError, KeyPath, Problem, kind, shown
from hot_reload.config.secret import Secret, conceal, secret_texts
from hot_reload.config.typed import TypedReader

_SECRET_NAMES = frozenset({"SecretStr", "SecretBytes"})
"""Types of pydantic that mean the same as ``Secret``."""


def validate_config(schema: Any, config: Mapping[str, Any]) -> Any:
    """``config`` as ``schema`` says: an instance of the class, or a dict by a mapping.

    A ``schema`` of None, or ``dict``, takes every config. What is returned shares nothing
    with ``config``. No value of a secret is in an error.

    Raises:
        ConfigError: it does not fit, or the schema is none; every problem has its path.
    """
    marked = secret_paths(schema)
    problems = [*_not_plain(config, ())]
    made: Any = None
    if not problems:
        made, problems, marked = _read(schema, config, marked)
    if problems:
        secrets = secret_texts(config, marked)
        raise ConfigError(replace(each, text=conceal(each.text, secrets)) for each in problems)
    return made


def read_class(annotation: Any, value: Any, path: KeyPath = ()) -> Any:
    """``value`` as ``annotation`` says; problems have their paths below ``path``.

    Raises:
        ConfigError: it does not fit.
    """
    reader = TypedReader(foreign=read_foreign)
    found = reader.read(annotation, value, path)
    if reader.problems:
        raise ConfigError(reader.problems)
    return found


def _read(
    schema: Any, config: Mapping[str, Any], marked: frozenset[KeyPath]
) -> tuple[Any, list[Problem], frozenset[KeyPath]]:
    if schema is None or schema in (dict, Mapping):
        return copy.deepcopy(dict(config)), [], marked
    if isinstance(schema, Mapping):
        mapping = MappingReader(marked)
        return mapping.read(schema, config), mapping.problems, marked
    reader = TypedReader(foreign=read_foreign, marked=marked)
    try:
        if maker_of(schema):
            made = reader.table(schema, config, ())
            return made, reader.problems, reader.marked
        text = f"the plugin's config_schema is {shown(schema)}, which is no schema"
    except TypeError as error:
        text = f"the plugin's config_schema cannot be read: {error}"
    hint = "make it a dataclass, a msgspec Struct, an attrs class, a pydantic model or a mapping"
    return None, [Problem(text=text, hint=hint)], marked


def secret_paths(schema: Any) -> frozenset[KeyPath]:
    """The paths of what ``schema`` marks as secret, without the indices of lists."""
    keys = schema.get("secret_keys") if isinstance(schema, Mapping) else None
    if keys is None:
        keys = getattr(schema, "secret_keys", ())
    found = marked_in(schema) | dotted_paths(keys if isinstance(keys, Collection) else ())
    try:
        return found | frozenset(_marked(schema, (), ()))
    except TypeError:  # validate_config says what is wrong with it
        return found


def dotted_paths(keys: Iterable[object]) -> frozenset[KeyPath]:
    """``"database.password"`` as a path, for each of ``keys``."""
    if isinstance(keys, str):
        keys = (keys,)
    return frozenset(tuple(each.split(".")) for each in keys if isinstance(each, str))


def schema_of(module: ModuleType | None, plugin: object) -> Any:
    """The ``config_schema`` that a plugin's class (or object) and its module declare, or None.

    The order is the manifest's: ``PLUGIN_META``, ``PLUGIN_METADATA``, ``metadata``, the
    attribute. Of a class nothing is called, so a ``metadata`` property is passed over.
    """
    for origin in ("PLUGIN_META", "PLUGIN_METADATA"):
        declared = getattr(module, origin, None)
        if isinstance(declared, Mapping) and "config_schema" in declared:
            return declared["config_schema"]
    metadata = getattr(plugin, "metadata", None)
    if isinstance(metadata, Mapping) and "config_schema" in metadata:
        return metadata["config_schema"]
    found = getattr(plugin, "config_schema", None)
    is_schema = isinstance(found, (type, Mapping))
    return found if is_schema else None


def _marked(annotation: Any, path: KeyPath, inside: tuple[Any, ...]) -> Iterable[KeyPath]:
    origin = get_origin(annotation)
    named = getattr(annotation, "__name__", "")
    if annotation is Secret or origin is Secret or named in _SECRET_NAMES:
        yield path
    elif maker_of(annotation):
        if annotation not in inside:  # a class may have itself in a field
            nested = dotted_paths(getattr(annotation, "secret_keys", ()))
            yield from ((*path, *each) for each in nested)
            for each in fields_of(annotation):
                yield from _marked(each.annotation, (*path, each.key), (*inside, annotation))
    elif origin is not None:
        for each in get_args(annotation):
            yield from _marked(each, path, inside)


def _not_plain(value: Any, path: KeyPath) -> Iterable[Problem]:
    """What no configuration file can hold, whatever the schema says of it."""
    if len(path) > DEPTH_LIMIT:
        yield Problem(text=f"nested deeper than {DEPTH_LIMIT} levels", path=path[:4])
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(text=f"{value} is no finite number", path=path, hint="give a finite number")
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if isinstance(key, str):
                yield from _not_plain(each, (*path, key))
            else:
                text = f"the key {shown(key)} is {kind(key)}"
                yield Problem(text=text, path=path, hint="make it a string")
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for index, each in enumerate(value):
            yield from _not_plain(each, (*path, index))
