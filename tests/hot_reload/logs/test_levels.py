"""The level methods take what callers of the standard library's logging are used to give."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from hot_reload.logs.levels import LevelMethods


class Kept(LevelMethods):
    """A logger that keeps its events."""

    name = "app"

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._clock = lambda: 5.0

    def emit(self, event: Any) -> bool:
        self.events.append(event)
        return True


def test_f30_the_exception_of_the_moment_is_found() -> None:
    log = Kept()
    try:
        raise ValueError("no stock")
    except ValueError as error:
        log.exception("a")
        log.error("b", exc_info=True)
        log.error("c", exc_info=error)
        log.error("d", exc_info=sys.exc_info())
        log.exception("e", error)
        log.exception("f", exc_info=False)
    for each in log.events[:5]:
        assert each["exception"].endswith("ValueError: no stock\n")
        assert each["level"] == "ERROR"
    assert "exception" not in log.events[5]


@pytest.mark.parametrize("nothing", [True, None, False, (None, None, None), "text"])
def test_f30_no_exception_is_none(nothing: object) -> None:
    log = Kept()
    log.error("m", exc_info=nothing)
    assert "exception" not in log.events[0]


def test_f30_fields_may_have_the_names_of_parameters() -> None:
    log = Kept()
    log.info("m", message="x", level=3, self=1)
    assert log.events[0]["extra"] == {"message": "x", "level": 3, "self": 1}
    assert (log.events[0]["message"], log.events[0]["level"]) == ("m", "INFO")


def test_f30_a_level_may_be_a_number() -> None:
    log = Kept()
    for level in (20, 25, "notice"):
        log.log(level, "m")
    assert [each["level"] for each in log.events] == ["INFO", "LEVEL 25", "NOTICE"]


def test_f30_a_field_may_be_called_error() -> None:
    log, error = Kept(), ValueError("no stock")
    log.exception("a", error, error="E17")
    log.exception("b", error=error)
    assert [each.get("extra") for each in log.events] == [{"error": "E17"}, None]
    for each in log.events:
        assert each["exception"].endswith("ValueError: no stock\n")


def test_f30_no_level_makes_a_call_raise() -> None:
    log = Kept()
    log.log(10**5000, "m")  # more digits than Python writes out
    assert log.events[0]["message"] == "m"
