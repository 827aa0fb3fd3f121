"""A log event is plain data, whatever it is made of."""

from __future__ import annotations

import datetime
import enum
import json
import math
from pathlib import Path
from typing import Any

import pytest

from hot_reload.logs.event import TEXT_LIMIT_CHARACTERS, VALUES_LIMIT, log_event, plain_value
from hot_reload.logs.line import json_of, line_of


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
    assert json.dumps(plain_value(circle)) == "[" * 8 + '"<list of 1>"' + "]" * 8
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


class Celsius(float):
    """A number of somebody's own kind."""

    def __repr__(self) -> str:
        return "warm"


class Flag(int):
    """The same, whole."""


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (Celsius(21.5), 21.5),
        (Celsius("nan"), "nan"),
        (Flag(3), 3),
        (True, True),
        ([math.nan, {"x": Celsius(1)}], ["nan", {"x": 1.0}]),
    ],
)
def test_f34_every_number_is_one_that_json_has(given: Any, plain: Any) -> None:
    found = plain_value(given)
    assert found == plain
    assert repr(found) == repr(plain), "of the plain types"

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    # An event of the host's own comes to the sinks as it is.
    assert json.loads(json_of({"n": given}), parse_constant=refuse) == {"n": plain}


def test_f34_a_number_of_more_digits_than_python_writes_is_text() -> None:
    assert plain_value(10**4000) == 10**4000
    assert plain_value([10**5000, Flag(2)]) == [hex(10**5000), 2]
    assert json.loads(json_of({"n": -(10**5000)})) == {"n": hex(-(10**5000))}
    assert len(plain_value(1 << 10_000_000)) < 2 * TEXT_LIMIT_CHARACTERS


def test_f34_things_that_refer_to_one_another_are_told_in_bounds() -> None:
    """Written out wherever they are met, these would be more than any memory holds."""
    nodes: list[dict[str, Any]] = [{"n": number} for number in range(60)]
    for node in nodes:
        node["near"] = [each for each in nodes if each is not node]
    event = log_event("info", "m", logger="l", at_seconds=0, extra={"graph": nodes, "last": 5})
    text = json.dumps(event, ensure_ascii=False)
    assert len(text) < 40 * VALUES_LIMIT
    assert f"… (more than {VALUES_LIMIT} values)" in text
    assert event["extra"]["graph"][0]["n"] == 0
    assert event["extra"]["last"] == 5, "one takes no room from the others"


class Hostile(dict[str, object]):
    """A mapping that cannot be read, as one that stands for a connection which is gone."""

    def items(self) -> Any:
        raise RuntimeError("gone")

    def get(self, *_: object) -> Any:
        raise RuntimeError("gone")


@pytest.mark.parametrize("form", ["json", "text"])
def test_f34_an_event_that_cannot_be_read_is_a_line_all_the_same(form: str) -> None:
    assert "hi" in line_of(Hostile(message="hi"), form)
    assert "hi" in line_of([Hostile(message="hi")], form)
