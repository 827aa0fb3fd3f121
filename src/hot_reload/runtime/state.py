"""State on its way from the old generation to the new: plain data, copied.

Only data travels. An object of the old generation's classes would be an object
of code that is gone (an instance of its class no more, ``pickle`` says), and a
shared list would let the old generation change the new one's state as it stops.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from hot_reload.errors import StateError

DEPTH_LIMIT = 64
SIZE_LIMIT_VALUES = 1_000_000
SIZE_LIMIT_BYTES = 64 << 20
"""Of all its text and bytes together; a character counts as one."""

_ATOMS: frozenset[type] = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        datetime.timezone,
        decimal.Decimal,
        fractions.Fraction,
        uuid.UUID,
        pathlib.PurePosixPath,
        pathlib.PosixPath,
    }
)

_ZONED = frozenset({datetime.datetime, datetime.time})
_PLAIN = _ATOMS - _ZONED
_ZONES = frozenset({type(None), datetime.timezone, zoneinfo.ZoneInfo})

_SIZED = frozenset({str, bytes, bytearray})
_TOO_MUCH = "keep so much in a file or a database of the plugin's, and carry where it is"
_CHANGES = "return a copy from get_reload_state, made while no other thread changes it"
_HINT = "return plain data from get_reload_state: numbers, text, lists, dicts and the like"


def copied(state: Any) -> Any:
    """A copy of ``state`` that shares no mutable object with it, equal in value and type.

    Raises:
        StateError: a value is no plain data, holds itself, or there is too much; the
            message has the path to it, such as ``$['jobs'][3]``.
    """
    return _Copier().copy(state, "$", 0)


class _Copier:
    def __init__(self) -> None:
        self._count = 0
        self._bytes = 0
        self._open: set[int] = set()

    def plain(self, value: Any) -> bool:
        """Whether ``value`` is itself its copy: then nobody needs the path to it."""
        kind = type(value)
        if kind not in _PLAIN or self._count >= SIZE_LIMIT_VALUES:
            return False
        if kind is str or kind is bytes:
            size = self._bytes + len(value)
            if size > SIZE_LIMIT_BYTES:
                return False
            self._bytes = size
        self._count += 1
        return True

    def copy(self, value: Any, path: str, depth: int) -> Any:
        self._count += 1
        kind = type(value)
        if self._count > SIZE_LIMIT_VALUES:
            raise StateError(
                f"{path} cannot be carried: with it, state has more than {SIZE_LIMIT_VALUES} "
                "values",
                hint=_TOO_MUCH,
            )
        if kind in _SIZED:
            self._bytes += len(value)
            if self._bytes > SIZE_LIMIT_BYTES:
                raise StateError(
                    f"{path} cannot be carried: with it, state has more than {SIZE_LIMIT_BYTES} "
                    "bytes of text and the like",
                    hint=_TOO_MUCH,
                )
        if kind in _ATOMS:
            if kind in _ZONED and type(value.tzinfo) not in _ZONES:
                raise StateError(
                    f"{path} cannot be carried: its tzinfo is {_described(value.tzinfo)}",
                    hint=_HINT,
                )
            return value
        if kind is bytearray:
            return bytearray(value)
        rebuild = _CONTAINERS.get(kind)
        if rebuild is None:
            raise StateError(f"{path} cannot be carried: {_described(value)}", hint=_HINT)
        if id(value) in self._open:
            raise StateError(f"{path} cannot be carried: it holds itself", hint=_HINT)
        if depth >= DEPTH_LIMIT:
            raise StateError(
                f"{path} cannot be carried: nested deeper than {DEPTH_LIMIT}", hint=_HINT
            )
        self._open.add(id(value))
        try:
            return rebuild(self, value, path, depth + 1)
        except RecursionError:
            raise
        except RuntimeError as error:  # iterating over what another thread adds to
            change = str(error)
        finally:
            self._open.discard(id(value))
        raise StateError(
            f"{path} cannot be carried: it changed while it was copied ({change})", hint=_CHANGES
        )


def _described(value: Any) -> str:
    kind = type(value)
    module = str(kind.__module__)  # a class may put anything there
    if "@g" in module:
        return f"an instance of the plugin's own class {kind.__qualname__}, which is replaced too"
    return f"a {module}.{kind.__qualname__} is no plain data".replace("builtins.", "")


def _items(copier: _Copier, value: Any, path: str, depth: int) -> list[Any]:
    return [
        each if copier.plain(each) else copier.copy(each, f"{path}[{i}]", depth)
        for i, each in enumerate(value)
    ]


def _pairs(copier: _Copier, value: Any, path: str, depth: int) -> list[tuple[Any, Any]]:
    return [
        (
            key if copier.plain(key) else copier.copy(key, f"{path}.key({_key(key)})", depth),
            each if copier.plain(each) else copier.copy(each, f"{path}[{_key(key)}]", depth),
        )
        for key, each in value.items()
    ]


def _key(key: Any) -> str:
    # The repr of an object of the plugin's own may do or raise anything.
    return f"{key!r:.40}" if type(key) in _ATOMS else f"a {type(key).__qualname__}"


def _default_dict(copier: _Copier, value: Any, path: str, depth: int) -> Any:
    factory = value.default_factory
    if not any(factory is each for each in _FACTORIES):
        raise StateError(f"{path} cannot be carried: its default factory is code", hint=_HINT)
    return defaultdict(factory, _pairs(copier, value, path, depth))


_FACTORIES = (None, int, float, str, list, dict, set, bool)

_Rebuild = Callable[[_Copier, Any, str, int], Any]

_CONTAINERS: dict[type, _Rebuild] = {
    list: _items,
    tuple: lambda c, v, p, d: tuple(_items(c, v, p, d)),
    set: lambda c, v, p, d: set(_items(c, v, p, d)),
    frozenset: lambda c, v, p, d: frozenset(_items(c, v, p, d)),
    deque: lambda c, v, p, d: deque(_items(c, v, p, d), v.maxlen),
    dict: lambda c, v, p, d: dict(_pairs(c, v, p, d)),
    OrderedDict: lambda c, v, p, d: OrderedDict(_pairs(c, v, p, d)),
    Counter: lambda c, v, p, d: Counter(dict(_pairs(c, v, p, d))),
    defaultdict: _default_dict,
}
