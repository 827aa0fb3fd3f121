"""One line for one event: JSON for machines, words for people."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

from hot_reload.logs.event import plain_value, text_of

FORMATS = ("json", "text")
_KNOWN = frozenset({"time", "level", "logger", "message", "exception", "extra"})


def line_of(event: Any, form: str = "json") -> str:
    """``event`` on one line, without its end; ``form`` is one of ``FORMATS``.

    JSON gives back an equal value where the event is plain data; objects become text, and so do
    NaN and the infinities. Never raises, and no text in the event can end the line.
    """
    if form == "json":
        return json_of(event)
    try:
        return _words(event)
    except Exception:  # a mapping of somebody's own
        return _flat(event)


def json_of(event: Any) -> str:
    """``event`` as JSON text in ASCII, on one line."""
    try:
        return json.dumps(event, allow_nan=False)
    except Exception:  # no plain data, or a container of somebody's own that raises
        return json.dumps(plain_value(event))


def _words(event: Any) -> str:
    if not isinstance(event, Mapping) or "message" not in event:
        return json_of(event) if isinstance(event, (Mapping, list, tuple)) else _flat(event)
    words = [_moment(event["time"])] if "time" in event else []
    words += [_flat(event[key]) for key in ("level", "logger") if event.get(key)]
    line = f"{' '.join(words)}: {_flat(event['message'])}" if words else _flat(event["message"])
    extra = event.get("extra")
    rest = dict(extra) if isinstance(extra, Mapping) else {}
    rest.update({key: each for key, each in event.items() if key not in _KNOWN})
    line += "".join(f" {_flat(key)}={json_of(each)}" for key, each in rest.items())
    return f"{line} | {_flat(event['exception'])}" if event.get("exception") else line


def _moment(seconds: Any) -> str:
    try:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return _flat(seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _flat(value: Any) -> str:
    # Line ends and what acts on a terminal, escaped: a log line is one line of the log.
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text_of(value)
    )
