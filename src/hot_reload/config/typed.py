"""Typed: plain values read as what an annotation says, with every problem gathered.

Nothing is converted that could be meant otherwise: ``"1"`` is no number, ``1`` is not
true, a bool is no number, NaN and infinity are none either. Lists become the
collection that is asked for, strings become paths and members of enums.
"""

from __future__ import annotations

import collections.abc
import copy
import enum
import math
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from hot_reload.config.fields import Field, Maker, fields_of, maker_of
from hot_reload.config.problem import KeyPath, Problem, kind, shown, unknown_key
from hot_reload.config.secret import MASK, Secret, may_hold_secret

_LISTS: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: tuple,
    collections.abc.Iterable: tuple,
    collections.abc.Collection: tuple,
    collections.abc.Set: frozenset,
}
_TABLES = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_SCALARS: dict[Any, str] = {str: "a string", bool: "true or false", int: "a whole number"}


class _No:
    """In place of a value that could not be read."""


NO = _No()


class TypedReader:
    """Reads one configuration. ``problems`` has what was wrong, in the order of reading.

    ``foreign`` reads a class that checks itself (msgspec, pydantic); it returns ``NO``
    where it added a problem. ``marked``: paths of secrets, whose values are not shown.
    """

    def __init__(
        self,
        *,
        foreign: Callable[[type, Any, KeyPath, TypedReader], Any],
        marked: frozenset[KeyPath] = frozenset(),
    ) -> None:
        self.problems: list[Problem] = []
        self.marked = marked
        self._foreign = foreign

    def problem(self, path: KeyPath, text: str, hint: str = "") -> _No:
        self.problems.append(Problem(text=text, path=path, hint=hint))
        return NO

    def read(self, annotation: Any, value: Any, path: KeyPath) -> Any:
        """``value`` as ``annotation`` says, or ``NO``."""
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is typing.Annotated:
            return self.read(arguments[0], value, path)
        if annotation is Secret or origin is Secret:
            return self._secret(arguments[0] if arguments else Any, value, path)
        if isinstance(value, Secret):
            value = value.reveal()
        if isinstance(annotation, TypeVar) or annotation in (Any, object):
            return copy.deepcopy(value)
        if origin in (Union, types.UnionType):
            return self._union(arguments, value, path)
        if origin is Literal:
            found = next((e for e in arguments if e == value and type(e) is type(value)), NO)
            return (
                self._wrong(f"one of {_listed(arguments)}", value, path) if found is NO else found
            )
        if annotation in (None, type(None)):
            return None if value is None else self._wrong("nothing", value, path)
        if maker_of(annotation):
            return self.table(annotation, value, path)
        return self._builtin(annotation, origin or annotation, arguments, value, path)

    def table(self, schema: type, value: Any, path: KeyPath) -> Any:
        """``value``, a mapping, as an instance of the class ``schema``, or ``NO``."""
        if maker_of(schema) is not Maker.TYPED_DICT and isinstance(value, schema):
            return copy.deepcopy(value)
        if not isinstance(value, Mapping):
            return self._wrong("a table of keys", value, path)
        before = len(self.problems)
        fields = fields_of(schema)
        self._unknown(schema, fields, value, path)
        if maker_of(schema) in (Maker.MSGSPEC, Maker.PYDANTIC):
            found = self._foreign(schema, value, path, self)
            return found if len(self.problems) == before else NO
        given = self._given(fields, value, path)
        if len(self.problems) > before:
            return NO
        try:
            return schema(**given)
        except Exception as error:  # the class's own check said no, whatever it raises
            return self.problem(path, str(error) or type(error).__name__)

    def _given(self, fields: tuple[Field, ...], value: Mapping[str, Any], path: KeyPath) -> Any:
        given: dict[str, Any] = {}
        for each in fields:
            if each.key in value:
                given[each.attribute] = self.read(
                    each.annotation, value[each.key], (*path, each.key)
                )
            elif each.required:
                self.problem((*path, each.key), "is missing", f"give {_asked(each.annotation)}")
        return given

    def _unknown(
        self, schema: type, fields: tuple[Field, ...], value: Mapping[str, Any], path: KeyPath
    ) -> None:
        config = getattr(schema, "model_config", None)
        if isinstance(config, Mapping) and config.get("extra") == "allow":
            return
        known = {each.key for each in fields}
        by_name = isinstance(config, Mapping) and (
            config.get("populate_by_name") or config.get("validate_by_name")
        )
        known |= {each.attribute for each in fields if by_name}
        for key in value:
            if key not in known:
                self.problems.append(unknown_key(str(key), known, path))

    def _secret(self, inner: Any, value: Any, path: KeyPath) -> Any:
        self.marked |= {tuple(each for each in path if isinstance(each, str))}
        found = self.read(inner, value.reveal() if isinstance(value, Secret) else value, path)
        return NO if found is NO else Secret(found)

    def _union(self, choices: tuple[Any, ...], value: Any, path: KeyPath) -> Any:
        tried: list[list[Problem]] = []
        for each in choices:
            attempt = TypedReader(foreign=self._foreign, marked=self.marked)
            found = attempt.read(each, value, path)
            if not attempt.problems:
                return found
            self.marked = attempt.marked
            tried.append(attempt.problems)
        # Where a table is meant, its own problems say more than "neither of these".
        deeper = [each for each in tried if any(len(p.path) > len(path) for p in each)]
        if len(deeper) == 1:
            self.problems += deeper[0]
            return NO
        return self._wrong(" or ".join(map(_asked, choices)), value, path)

    def _builtin(
        self, annotation: Any, origin: Any, arguments: tuple[Any, ...], value: Any, path: KeyPath
    ) -> Any:
        if origin in _SCALARS:
            right = type(value) is origin
            return value if right else self._wrong(_SCALARS[origin], value, path)
        if origin is float:
            if type(value) not in (int, float) or not _finite(value):
                return self._wrong("a finite number", value, path)
            return float(value)
        if origin in _LISTS:
            return self._list(origin, arguments, value, path)
        if origin in _TABLES:
            return self._mapping(arguments, value, path)
        if origin is Path:
            named = isinstance(value, str) and value
            return Path(value) if named else self._wrong("a path", value, path)
        if isinstance(origin, type) and issubclass(origin, enum.Enum):
            found = next((e for e in origin if e.value == value or e is value), NO)
            known = tuple(each.value for each in origin)
            return self._wrong(f"one of {_listed(known)}", value, path) if found is NO else found
        return self._construct(annotation, value, path)

    def _construct(self, annotation: Any, value: Any, path: KeyPath) -> Any:
        """``value`` for a class of the plugin's own, which is asked to make itself of it."""
        if not isinstance(annotation, type):
            return copy.deepcopy(value)
        if isinstance(value, annotation):
            return copy.deepcopy(value)
        try:
            return annotation(value)
        except Exception:
            return self._wrong(f"what {annotation.__qualname__} takes", value, path)

    def _list(self, origin: Any, arguments: tuple[Any, ...], value: Any, path: KeyPath) -> Any:
        if not isinstance(value, (list, tuple)):
            return self._wrong("a list", value, path)
        fixed = origin is tuple and bool(arguments) and arguments[-1] is not Ellipsis
        if fixed and len(value) != len(arguments):
            return self._wrong(f"a list of {len(arguments)}", value, path)
        inner = arguments if fixed else (*arguments[:1], Any)[:1] * len(value)
        before = len(self.problems)
        read = [
            self.read(kind_of, each, (*path, index))
            for index, (kind_of, each) in enumerate(zip(inner, value, strict=True))
        ]
        return _LISTS[origin](read) if len(self.problems) == before else NO

    def _mapping(self, arguments: tuple[Any, ...], value: Any, path: KeyPath) -> Any:
        if not isinstance(value, Mapping):
            return self._wrong("a table of keys", value, path)
        inner = arguments[1] if len(arguments) > 1 else Any
        before = len(self.problems)
        read = {key: self.read(inner, each, (*path, str(key))) for key, each in value.items()}
        return read if len(self.problems) == before else NO

    def _wrong(self, wanted: str, value: Any, path: KeyPath) -> Any:
        secret = may_hold_secret(path, self.marked)
        what = MASK if secret or isinstance(value, Secret) else shown(value)
        return self.problem(path, f"is {kind(value)} ({what})", f"give {wanted}")


def _asked(annotation: Any) -> str:
    """What a value for ``annotation`` is called in a hint."""
    origin = get_origin(annotation) or annotation
    if origin in (Secret, typing.Annotated):
        return _asked((*get_args(annotation), str)[0])
    if origin is Literal:
        return f"one of {_listed(get_args(annotation))}"
    if origin in (Union, types.UnionType):
        return " or ".join(map(_asked, get_args(annotation)))
    if origin in _TABLES or maker_of(origin):
        return "a table of keys"
    if origin in _LISTS:
        return "a list"
    words = {**_SCALARS, float: "a finite number", type(None): "nothing", Path: "a path"}
    try:
        return words.get(origin) or f"a value for {getattr(origin, '__name__', origin)}"
    except TypeError:  # no key of a mapping
        return "a value"


def _listed(values: tuple[Any, ...]) -> str:
    return ", ".join(map(shown, values))


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False
