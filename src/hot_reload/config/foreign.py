"""Foreign: classes of msgspec and pydantic check values themselves; this gathers what they say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from hot_reload.config.fields import Maker, fields_of, maker_of
from hot_reload.config.problem import KeyPath, Problem
from hot_reload.config.secret import Secret, revealed
from hot_reload.config.typed import NO, TypedReader

_PLACE = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+)\]")


def read_foreign(schema: type, value: Any, path: KeyPath, reader: TypedReader) -> Any:
    """``value`` as an instance of ``schema``, or ``NO`` with its problems in ``reader``."""
    if maker_of(schema) is Maker.PYDANTIC:
        return _pydantic(schema, revealed(value), path, reader)
    return _msgspec(schema, revealed(value), path, reader)


def _msgspec(schema: type, value: Mapping[str, Any], path: KeyPath, reader: TypedReader) -> Any:
    import msgspec

    before = len(reader.problems)
    # msgspec stops at the first error; asked field by field it tells one for each.
    for each in fields_of(schema):
        inner = (*path, each.key)
        if each.key not in value:
            if each.required:
                reader.problem(inner, "is missing", "give it")
        elif maker_of(each.annotation):
            reader.table(each.annotation, value[each.key], inner)
        else:
            _converted(msgspec, each.annotation, value[each.key], inner, reader)
    if len(reader.problems) > before:
        return NO
    return _converted(msgspec, schema, value, path, reader)


def _converted(
    msgspec: Any, annotation: Any, value: Any, path: KeyPath, reader: TypedReader
) -> Any:
    def hook(wanted: Any, given: Any) -> Any:
        if wanted is Secret or get_origin(wanted) is Secret:
            inner = (*get_args(wanted), Any)[0]
            return Secret(msgspec.convert(given, inner, dec_hook=hook))
        raise NotImplementedError(f"nobody here knows how to read a {wanted!r}")

    try:
        return msgspec.convert(value, annotation, dec_hook=hook)
    except Exception as error:  # __post_init__ may raise anything
        text = str(error) or type(error).__name__
        place = _PLACE.search(text)
        below = _steps(place["path"]) if place else ()
        return reader.problem((*path, *below), _PLACE.sub("", text))


def _pydantic(schema: Any, value: Any, path: KeyPath, reader: TypedReader) -> Any:
    for each in fields_of(schema):
        nested = each.annotation
        inner = value.get(each.key)
        if maker_of(nested) is Maker.PYDANTIC and isinstance(inner, Mapping):
            _unknown_below(nested, inner, (*path, each.key), reader)
    try:
        return schema.model_validate(value)
    except Exception as error:
        told = getattr(error, "errors", None)
        if told is None:
            return reader.problem(path, str(error) or type(error).__name__)
        for each in told(include_url=False, include_context=False, include_input=False):
            if each["type"] != "extra_forbidden":  # said already, with a suggestion
                text = "is missing" if each["type"] == "missing" else each["msg"]
                reader.problems.append(Problem(text=text, path=(*path, *each["loc"])))
        return NO


def _unknown_below(schema: type, value: Any, path: KeyPath, reader: TypedReader) -> None:
    before = len(reader.problems)
    reader.table(schema, value, path)
    # Its own problems come again with those of the class around it; unknown keys do not.
    known = [each for each in reader.problems[before:] if each.text.startswith("unknown key")]
    reader.problems[before:] = known


def _steps(text: str) -> KeyPath:
    return tuple(
        int(step["index"]) if step["index"] else step["key"] for step in _STEP.finditer(text)
    )
