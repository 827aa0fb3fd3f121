"""Every row of the table of features has a test that is named after it, where the table says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "reference" / "features.md"
ROW = re.compile(r"^\| (F\d\d) \| (.+?) \| (`.+`) \|$", re.MULTILINE)
PROMISED = (
    *(f"F{number:02}" for number in (1, 2, 3, 4, 5, 6, *range(10, 25), *range(30, 35))),
    *(f"F{number}" for number in (*range(40, 47), 50, 51, 52, 60)),
)
"""The rows that have to be there; the table may have more."""


def rows(page: str) -> dict[str, tuple[str, ...]]:
    """Each row's number, and the files that it names."""
    return {
        number: tuple(re.findall(r"`([^`]+)`", files)) for number, _, files in ROW.findall(page)
    }


def named_after(number: str, source: str) -> list[str]:
    """The tests in ``source`` with the row's number as a word of their names."""
    names = re.findall(r"^(?:async )?def (test_\w+)\(", source, re.MULTILINE)
    return [name for name in names if number.lower() in name.lower().split("_")]


ROWS = rows(PAGE.read_text("utf-8"))


def test_each_promised_row_is_there_once() -> None:
    assert [number for number in PROMISED if number not in ROWS] == []
    begun = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| F")]
    assert len(begun) == len(ROWS)  # none that is not read, none twice


@pytest.mark.parametrize("number", ROWS)
def test_the_row_is_tested_where_it_says(number: str) -> None:
    for file in ROWS[number]:
        path = REPOSITORY / file
        assert path.is_file(), f"{number}: there is no {file}"
        assert named_after(number, path.read_text("utf-8")), f"{file} has no test_{number.lower()}_"


def test_a_row_without_a_test_is_noticed() -> None:
    page = "| F01 | this | `tests/a.py`, `tests/b.py` |\n| F99 | that | `tests/c.py` |\n"
    assert rows(page) == {"F01": ("tests/a.py", "tests/b.py"), "F99": ("tests/c.py",)}
    source = "def test_f1_x() -> None: ...\nasync def test_H1_F01_x(a: int) -> None: ...\n"
    assert named_after("F01", source) == ["test_H1_F01_x"]
    assert named_after("F10", source) == []
