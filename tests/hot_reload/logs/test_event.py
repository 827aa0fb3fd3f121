"""A log event is plain data, whatever it is made of."""

from __future__ import annotations

import datetime
import enum
import json
from pathlib import Path
from typing import Any

import pytest

from hot_reload.logs.event import TEXT_LIMIT_CHARACTERS, log_event, plain_value


class Colour(enum.Enum):
    RED = "red"


class Angry(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no")

    def __str__(self) -> str:
        return "angry"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), "2026-01-02T00:00:00+00:00"),
        (Path("/a/b"), "/a/b"),
        (Colour.RED, "red"),
        ((1, {2.5}, None), [1, [2.5], None]),
        ({1: b"x"}, {"1": "b'x'"}),
        (Angry(a=1), "angry"),
    ],
)
def test_f34_extras_become_plain(value: Any, plain: Any) -> None:
    assert plain_value(value) == plain
    json.dumps(plain_value(value))


def test_f34_what_holds_itself_or_is_long_is_cut() -> None:
    circle: list[Any] = []
    circle.append(circle)
    json.dumps(plain_value(circle))
    long = plain_value("x" * (TEXT_LIMIT_CHARACTERS + 1))
    assert long.endswith(f"… ({TEXT_LIMIT_CHARACTERS + 1} characters)")
    assert len(plain_value(list(range(5000)))) == 1000


def test_f34_an_event_shares_nothing_with_its_extras() -> None:
    tags = ["a"]
    event = log_event("info", "m", logger="l", at_seconds=1.0, extra={"tags": tags})
    tags.append("b")
    assert event == {
        "time": 1.0,
        "level": "INFO",
        "logger": "l",
        "message": "m",
        "extra": {"tags": ["a"]},
    }


@pytest.mark.parametrize("message", [None, 5, object, b"\xff", {"a": 1}, ["%s"]])
def test_a_message_that_is_no_text_becomes_one(message: Any) -> None:
    event = log_event("info", message, logger="shop", at_seconds=0)
    assert event["message"] == str(message)


class Unbound:
    """As a web framework's proxy outside of a request."""

    @property
    def __class__(self) -> type:
        raise RuntimeError("working outside of request context")

    @__class__.setter
    def __class__(self, _: type) -> None:
        raise AssertionError

    def __str__(self) -> str:
        raise RuntimeError("working outside of request context")


def test_a_proxy_that_stands_for_nothing_harms_no_log_call() -> None:
    event = log_event("info", Unbound(), logger="shop", at_seconds=0, extra={"user": Unbound()})  # type: ignore[arg-type]  # what callers do
    assert event["message"] == "<Unbound whose text raised RuntimeError>"
    assert event["extra"] == {"user": "<Unbound whose text raised RuntimeError>"}
