"""Plain data: what JSON can carry, and nothing that acts on a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.operate.plain import iso, plain, shown
from hot_reload.outcome import Failure, Running, Stage


def test_records_enums_moments_and_paths_become_plain() -> None:
    moment = datetime(2026, 11, 21, 4, 30, tzinfo=timezone(timedelta(hours=1)))
    found = plain(
        {
            Stage.START.value: Failure(Stage.START, "no", line=3),
            "when": moment,
            "path": Path("a") / "b",
            "set": (Running("1", "a" * 64, 1), None, True, 1.5),
        }
    )
    assert found["start"]["stage"] == "start"
    assert found["when"] == "2026-11-21T03:30:00.000Z"
    assert found["path"] == "a/b"
    assert found["set"][0] == {"version": "1", "sha256": "a" * 64, "generation": 1}
    assert json.loads(json.dumps(found)) == found


def test_iso_is_utc_with_milliseconds() -> None:
    assert iso(datetime(2026, 1, 2, 3, 4, 5, 678_900, UTC)) == "2026-01-02T03:04:05.678Z"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a\nb\r", "a\\nb\\r"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\u202eevil", "\\u202eevil"),
        ("\u2066\u2028", "\\u2066\\u2028"),
        ("caf\udce9", "caf\\udce9"),
        ("zähler ✓", "zähler ✓"),
    ],
)
def test_f60_what_acts_on_a_terminal_is_escaped(text: str, safe: str) -> None:
    assert shown(text) == safe


@given(st.text(alphabet=st.characters()))
def test_f60_anything_shown_is_one_printable_line(text: str) -> None:
    safe = shown(text)
    assert safe.isprintable()
    safe.encode()
