"""The event that a log record becomes: a dict of plain data, the same from every source."""

from __future__ import annotations

import datetime
import enum
import os
from collections.abc import Mapping
from typing import Any

DEPTH_LIMIT = 8
"""How deep containers in extras are followed; what lies deeper becomes text."""
ITEMS_LIMIT = 1000
"""How many items of one container are kept."""
TEXT_LIMIT_CHARACTERS = 65_536
"""How long one text may be; what is longer is cut, and says so."""


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


def plain_value(value: Any, depth: int = 0) -> Any:
    """``value`` as JSON can carry it: moments in ISO 8601, and objects as their text."""
    if value is None or type(value) in (bool, int, float):
        return value
    try:
        return _plain(value, depth)
    except Exception:  # a proxy that stands for nothing now raises as soon as it is looked at
        return text_of(value)


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _cut(str.__str__(value))
    if isinstance(value, enum.Enum):
        return plain_value(value.value, depth + 1) if depth < DEPTH_LIMIT else text_of(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, os.PathLike):
        return text_of(value)
    if depth < DEPTH_LIMIT:
        try:
            if isinstance(value, Mapping):
                pairs = list(value.items())[:ITEMS_LIMIT]
                return {text_of(key): plain_value(each, depth + 1) for key, each in pairs}
            if isinstance(value, (list, tuple, set, frozenset)):
                return [plain_value(each, depth + 1) for each in list(value)[:ITEMS_LIMIT]]
        except Exception:
            return text_of(
                value
            )  # a container of somebody's own, or one that another thread changes
    return text_of(value)


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
