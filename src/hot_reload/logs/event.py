"""The event that a log record becomes: a dict of plain data, the same from every source."""

from __future__ import annotations

import datetime
import enum
import math
import os
import sys
import traceback
from collections.abc import Collection, Mapping
from typing import Any

DEPTH_LIMIT = 8
"""How deep containers in extras are followed; of what lies deeper the kind and size are told."""
ITEMS_LIMIT = 1000
"""How many items of one container are kept."""
VALUES_LIMIT = 20_000
"""How many values one extra has. Things that refer to one another, as the nodes of a graph do,
are written out wherever they are met: a hundred of them would fill the memory."""
TEXT_LIMIT_CHARACTERS = 65_536
"""How long one text may be; what is longer is cut, and says so."""
UNLIMITED_BITS = 2_000
"""Of integers that are written out whatever limit of digits the interpreter has."""


def log_event(
    level: str,
    message: str,
    *,
    logger: str,
    at_seconds: float,
    exception: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A new event that shares no object with its arguments.

    Keys: ``time`` (seconds since 1970), ``level`` (upper case), ``logger``, ``message``,
    and where there is any: ``exception`` (the traceback as text), ``extra`` (a dict).
    Raises nothing, whatever the message and the extras are.
    """
    event: dict[str, Any] = {
        "time": at_seconds,
        "level": level.upper(),
        "logger": logger,
        # Callers log what they have, and no call of a logger may raise.
        "message": _cut(message) if type(message) is str else text_of(message),
    }
    if exception:
        event["exception"] = _cut(exception)
    if extra:
        event["extra"] = {text_of(key): plain_value(each) for key, each in extra.items()}
    return event


def event_of_dict(
    event_dict: Mapping[str, Any],
    *,
    level: str,
    logger: str,
    at_seconds: float,
    exception: str | None = None,
) -> dict[str, Any]:
    """The event of what structlog calls an event dict, which stays as it is.

    Its "event" is the message, its "exception" or "exc_info" the exception; "level" and
    "logger" count before those given here, and so does its exception. All else is extra.
    """
    rest = dict(event_dict)
    message = text_of(rest.pop("event", ""))
    level = text_of(rest.pop("level", level))
    logger = text_of(rest.pop("logger", "") or logger)
    given, text = rest.pop("exc_info", None), rest.pop("exception", None)
    if text is not None:
        exception = text_of(text)
    return log_event(
        level,
        message,
        logger=logger,
        at_seconds=at_seconds,
        exception=exception or traceback_text(given),
        extra=rest,
    )


class _Room:
    """How many values an extra can still have."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = VALUES_LIMIT


def plain_value(value: Any) -> Any:
    """``value`` as JSON can carry it: moments in ISO 8601, and objects as their text.

    So are NaN and the infinities, which JSON has no numbers for: with one of them in it a line
    is none that a database or a server reads.
    """
    if type(value) is str:  # most are: no need to make room for more
        return _cut(value)
    return _plain_in(_Room(), value, 0)


def _plain_in(room: _Room, value: Any, depth: int) -> Any:
    room.left -= 1
    if room.left < 0:
        return f"… (more than {VALUES_LIMIT} values)"
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return _writable(value)
    if kind is float:
        return value if math.isfinite(value) else str(value)
    try:
        return _plain(room, value, depth)
    except Exception:  # a proxy that stands for nothing now raises as soon as it is looked at
        return text_of(value)


def _plain(room: _Room, value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _cut(str.__str__(value))
    if isinstance(value, enum.Enum):
        return _plain_in(room, value.value, depth + 1) if depth < DEPTH_LIMIT else text_of(value)
    if isinstance(value, float):  # of somebody's own kind, as a number of numpy
        return _plain_in(room, float.__float__(value), depth)
    if isinstance(value, int):
        return _writable(int.__int__(value))
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, os.PathLike):
        return text_of(value)
    try:
        if isinstance(value, Mapping):
            if depth >= DEPTH_LIMIT:
                return _sized(value)
            pairs = list(value.items())[:ITEMS_LIMIT]
            return {text_of(key): _plain_in(room, each, depth + 1) for key, each in pairs}
        if isinstance(value, (list, tuple, set, frozenset)):
            if depth >= DEPTH_LIMIT:
                return _sized(value)
            return [_plain_in(room, each, depth + 1) for each in list(value)[:ITEMS_LIMIT]]
    except Exception:
        # A container of somebody's own, or one that another thread changes.
        return text_of(value)
    return text_of(value)


def _writable(number: int) -> int | str:
    """``number``; hexadecimal text where Python refuses to write out so many digits."""
    if number.bit_length() > UNLIMITED_BITS:
        try:
            str(number)
        except ValueError:
            return _cut(hex(number))
    return number


def _sized(container: Collection[Any]) -> str:
    # Its own text would write out all that it refers to, wherever that is met.
    return f"<{type(container).__name__} of {len(container)}>"


def traceback_text(given: Any) -> str | None:
    """The traceback of an exception, of what ``sys.exc_info`` gave, or (True) of the present one.

    None: there is none, or ``given`` is something else.
    """
    if isinstance(given, tuple) and len(given) == 3:
        given = given[1]
    elif given is True:
        given = sys.exc_info()[1]
    if not isinstance(given, BaseException):
        return None
    return "".join(traceback.format_exception(given))


def text_of(value: Any) -> str:
    """``str(value)``, also where that raises."""
    try:
        return _cut(str(value))
    except Exception as error:
        return f"<{type(value).__name__} whose text raised {type(error).__name__}>"


def _cut(text: str) -> str:
    if len(text) <= TEXT_LIMIT_CHARACTERS:
        return text
    return f"{text[:TEXT_LIMIT_CHARACTERS]}… ({len(text)} characters)"
