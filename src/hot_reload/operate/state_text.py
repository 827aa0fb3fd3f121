"""State as JSON and back, equal in value and type: what ``runtime.state`` carries, no code.

JSON knows neither tuples nor times. What it does not know is written as
``{"$": kind, "v": [...]}``, and only the kinds below are read; a text can name no class,
no module and no function, which is why state is never pickled.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import fractions
import json
import math
import pathlib
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from hot_reload.errors import StateError

_TAG, _VALUE = "$", "v"
_SAFE_INTEGER_BITS = 4_096
"""Longer ones are written in hex: Python limits the digits of a decimal number."""


def dumped(value: Any) -> str:
    """``value``, plain data as ``runtime.state`` copies it, as JSON in ASCII on one line.

    Raises:
        StateError: a value of a kind that it does not know; its type is named.
    """
    return json.dumps(_encoded(value), allow_nan=False, separators=(",", ":"))


def loaded(text: str) -> Any:
    """What ``dumped`` was given.

    Raises:
        StateError: ``text`` is no JSON, nested too deep, has a key twice or an unknown kind.
    """
    try:
        return _decoded(json.loads(text, object_pairs_hook=_once, parse_constant=_refused))
    except StateError:
        raise
    except RecursionError:
        raise StateError("it is nested too deep") from None
    # Every constructor below says in its own way that it cannot make sense of what it got.
    except (ValueError, TypeError, KeyError, LookupError, ArithmeticError) as error:
        raise StateError(f"it is no saved state: {type(error).__name__}: {error}") from None


def _encoded(value: Any) -> Any:
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int and value.bit_length() <= _SAFE_INTEGER_BITS:
        return value
    if kind is float and math.isfinite(value):
        return value
    if kind is list:
        return [_encoded(each) for each in value]
    if kind is dict and _TAG not in value and all(type(key) is str for key in value):
        return {key: _encoded(each) for key, each in value.items()}
    if kind not in _WRITERS:
        raise StateError(f"a {kind.__module__}.{kind.__qualname__} cannot be saved")
    tag, write = _WRITERS[kind]
    return {_TAG: tag, _VALUE: write(value)}


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if not isinstance(value, dict):
        return value
    if _TAG not in value:
        return {key: _decoded(each) for key, each in value.items()}
    if set(value) != {_TAG, _VALUE} or value[_TAG] not in _READERS:
        raise StateError(f"it has the unknown kind {value[_TAG]!r:.40}")
    return _READERS[value[_TAG]](value[_VALUE])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise StateError("it has a key twice")
    return found


def _refused(constant: str) -> Any:
    raise StateError(f"it has {constant}, which is no JSON")


def _list(values: Any) -> list[Any]:
    return [_encoded(each) for each in values]


def _pairs(value: Any) -> list[list[Any]]:
    return [[_encoded(key), _encoded(each)] for key, each in value.items()]


def _read_pairs(pairs: Any) -> list[tuple[Any, Any]]:
    return [(_decoded(key), _decoded(each)) for key, each in pairs]


def _span(value: datetime.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _zone(zone: Any) -> Any:
    if zone is None:
        return None
    if type(zone) is datetime.timezone:
        return _encoded(zone)
    if type(zone) is zoneinfo.ZoneInfo and zone.key is not None:
        return {_TAG: "zone", _VALUE: zone.key}
    raise StateError(f"a time in {zone!r:.80} cannot be saved: the zone has no name")


def _offset(value: datetime.timezone) -> list[Any]:
    offset, name = value.utcoffset(None), value.tzname(None)
    plain = datetime.timezone(offset).tzname(None)
    return [_span(offset), None if name == plain else name]


def _read_offset(parts: Any) -> datetime.timezone:
    offset = datetime.timedelta(*parts[0])
    return datetime.timezone(offset) if parts[1] is None else datetime.timezone(offset, parts[1])


def _time(value: Any) -> list[Any]:
    return [value.replace(tzinfo=None).isoformat(), _zone(value.tzinfo), value.fold]


def _read_time(kind: Any) -> Callable[[Any], Any]:
    return lambda parts: kind.fromisoformat(parts[0]).replace(
        tzinfo=_decoded(parts[1]), fold=parts[2]
    )


_FACTORIES = {each.__name__: each for each in (int, float, str, list, dict, set, bool)}


def _default_dict(value: Any) -> list[Any]:
    factory = value.default_factory
    if factory is not None and _FACTORIES.get(factory.__name__) is not factory:
        raise StateError("a defaultdict whose factory is code cannot be saved")
    return [None if factory is None else factory.__name__, _pairs(value)]


def _read_default_dict(parts: Any) -> Any:
    return defaultdict(None if parts[0] is None else _FACTORIES[parts[0]], _read_pairs(parts[1]))


_KINDS: tuple[tuple[type, str, Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    (int, "int", hex, lambda v: int(v, 16)),
    (float, "float", repr, float),
    (complex, "complex", repr, complex),
    (bytes, "bytes", lambda v: base64.b64encode(v).decode(), base64.b64decode),
    (
        bytearray,
        "bytearray",
        lambda v: base64.b64encode(v).decode(),
        lambda v: bytearray(base64.b64decode(v)),
    ),
    (tuple, "tuple", _list, lambda v: tuple(map(_decoded, v))),
    (set, "set", _list, lambda v: set(map(_decoded, v))),
    (frozenset, "frozenset", _list, lambda v: frozenset(map(_decoded, v))),
    (deque, "deque", lambda v: [v.maxlen, _list(v)], lambda v: deque(map(_decoded, v[1]), v[0])),
    (dict, "dict", _pairs, lambda v: dict(_read_pairs(v))),
    (OrderedDict, "ordered", _pairs, lambda v: OrderedDict(_read_pairs(v))),
    (Counter, "counter", _pairs, lambda v: Counter(dict(_read_pairs(v)))),
    (defaultdict, "defaultdict", _default_dict, _read_default_dict),
    (datetime.datetime, "datetime", _time, _read_time(datetime.datetime)),
    (datetime.time, "time", _time, _read_time(datetime.time)),
    (datetime.date, "date", lambda v: v.isoformat(), datetime.date.fromisoformat),
    (datetime.timedelta, "timedelta", _span, lambda v: datetime.timedelta(*v)),
    (datetime.timezone, "timezone", _offset, _read_offset),
    (zoneinfo.ZoneInfo, "zone", lambda v: v.key, zoneinfo.ZoneInfo),
    (decimal.Decimal, "decimal", str, decimal.Decimal),
    (fractions.Fraction, "fraction", str, fractions.Fraction),
    (uuid.UUID, "uuid", str, uuid.UUID),
    (pathlib.PurePosixPath, "pure_path", str, pathlib.PurePosixPath),
    (pathlib.PosixPath, "path", str, pathlib.PosixPath),
)
_WRITERS = {kind: (tag, write) for kind, tag, write, _ in _KINDS}
_READERS = {tag: read for _, tag, _, read in _KINDS}
