"""Fields: the keys that a class of settings has, whatever library made the class."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
import typing
from collections.abc import Mapping
from typing import Any


class Maker(enum.Enum):
    """What checks the values of a class."""

    DATACLASS = "dataclass"
    ATTRS = "attrs"
    MSGSPEC = "msgspec"
    PYDANTIC = "pydantic"
    TYPED_DICT = "TypedDict"


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One key: what it is called in a file, and which attribute it becomes."""

    key: str
    attribute: str
    annotation: Any
    required: bool


def maker_of(schema: Any) -> Maker | None:
    """What made the class ``schema``; None: it is no class of settings.

    Looks at the class only: no library is imported for the question.
    """
    if not inspect.isclass(schema) or typing.get_origin(schema) is not None:
        return None
    if dataclasses.is_dataclass(schema):
        return Maker.DATACLASS
    if hasattr(schema, "__attrs_attrs__"):
        return Maker.ATTRS
    if hasattr(schema, "__struct_fields__"):
        return Maker.MSGSPEC
    if hasattr(schema, "model_fields") and hasattr(schema, "model_validate"):
        return Maker.PYDANTIC
    return Maker.TYPED_DICT if typing.is_typeddict(schema) else None


def fields_of(schema: type) -> tuple[Field, ...]:
    """The fields of ``schema`` that a file may give, in their order.

    Raises:
        TypeError: an annotation names what is not there, or ``schema`` is no class of settings.
    """
    maker = maker_of(schema)
    if maker is Maker.DATACLASS:
        hints = _hints(schema)
        return tuple(
            Field(each.name, each.name, hints[each.name], _required(each))
            for each in dataclasses.fields(schema)
            if each.init
        )
    if maker is Maker.ATTRS:
        hints = _hints(schema)
        return tuple(
            # attrs takes ``_name`` as the argument ``name``; ``alias`` is that argument.
            Field(each.alias, each.alias, hints.get(each.name, Any), repr(each.default) == _NOTHING)
            for each in schema.__attrs_attrs__  # type: ignore[attr-defined]  # maker_of saw it
            if each.init
        )
    if maker is Maker.MSGSPEC:
        import msgspec

        hints = _hints(schema)
        return tuple(
            Field(each.encode_name, each.name, hints[each.name], each.required)
            for each in msgspec.structs.fields(schema)
        )
    if maker is Maker.PYDANTIC:
        model_fields: Mapping[str, Any] = schema.model_fields  # type: ignore[attr-defined]  # maker_of saw it
        return tuple(
            Field(each.alias or name, name, each.annotation, each.is_required())
            for name, each in model_fields.items()
        )
    if maker is Maker.TYPED_DICT:
        return tuple(_typed_key(schema, key, hint) for key, hint in _hints(schema).items())
    raise TypeError(f"{schema!r} is no class of settings")


def _typed_key(schema: Any, key: str, hint: Any) -> Field:
    # Annotations that are strings hide ``NotRequired`` from ``__required_keys__``.
    required = key in schema.__required_keys__
    origin = typing.get_origin(hint)
    if origin in (typing.Required, typing.NotRequired):
        required, hint = origin is typing.Required, typing.get_args(hint)[0]
    return Field(key, key, hint, required)


def _hints(schema: type) -> dict[str, Any]:
    # The module of a generation may have been taken out of sys.modules, or not be in yet.
    module = sys.modules.get(schema.__module__)
    names = vars(module) if module is not None else _globals(schema)
    try:
        return typing.get_type_hints(schema, globalns=names, include_extras=True)
    except NameError as error:
        raise TypeError(f"the annotations of {schema.__qualname__}: {error}") from None


def _globals(schema: type) -> dict[str, Any]:
    for each in vars(schema).values():
        if inspect.isfunction(each) and each.__module__ == schema.__module__:
            return each.__globals__
    return {}


def _required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


_NOTHING = "NOTHING"
