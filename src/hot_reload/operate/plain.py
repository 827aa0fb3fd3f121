"""Plain data: records as JSON can carry them, with nothing in them that acts on a terminal."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any


def plain(value: Any) -> Any:
    """``value`` as dicts, lists, strings, numbers, booleans and None.

    Takes frozen records, enums (their value), moments (ISO 8601 in UTC), paths, and
    containers of these. Every string goes through ``shown``.
    """
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (str, PurePath)):
        return shown(str(value))
    if isinstance(value, datetime):
        return iso(value)
    if dataclasses.is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {shown(str(key)): plain(each) for key, each in value.items()}
    return [plain(each) for each in value]


def iso(moment: datetime) -> str:
    """``2026-11-21T04:37:59.120Z``. A moment without a time zone counts as local time."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def shown(text: str) -> str:
    """``text`` on one line, with what is no character, or acts on a terminal, escaped.

    That is: control characters (C0, C1, DEL), line ends, marks that turn the direction of
    writing, and halves of characters, as file names that are no UTF-8 have them.
    """
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text
    )
