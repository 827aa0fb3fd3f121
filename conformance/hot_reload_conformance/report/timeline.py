"""The timeline of a failure: what each generation did, side by side, moment by moment."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TypeVar

from hot_reload_conformance.report.lanes import Moment, moments

T = TypeVar("T")

_MARK = {"begin": "┬", "end": "┴", "raise": "✗", "whole": "─", "taken": "•"}
MAX_LANES = 4
MAX_ROWS = 40


def timeline(texts: Sequence[str], width: int = 80) -> list[str]:
    """``texts`` as text: a column for each generation, the oldest first, times downwards.

    A hook that begins and ends with nothing between stands on one line. What does
    not read like a moment, or needs too many columns, is listed as it is.
    """
    entries = moments(texts)
    lanes = list(dict.fromkeys(each.lane for each in entries or ()))
    if not entries or len(lanes) > MAX_LANES:
        return [row for each in _cut(list(texts)) for row in _listed(each, width)]
    column = max(16, min(30, (width - 4) // len(lanes)))
    rows = ["".join(f"{lane:<{column}}" for lane in lanes).rstrip()]
    for each in _cut(entries):
        cells = ["│" if lane != each.lane else _cell(each) for lane in lanes]
        rows.append("".join(f"{cell:<{column}}" for cell in cells).rstrip())
    return rows


def _cell(entry: Moment) -> str:
    tail = {"begin": " …", "end": " done", "raise": " raised"}.get(entry.phase, "")
    return f"{_MARK[entry.phase]} {entry.what}{tail}"


def _listed(text: str, width: int) -> list[str]:
    """A line as it is, or folded where it is wider than the terminal."""
    return textwrap.wrap(
        text, max(20, width), subsequent_indent="  ", break_long_words=False, tabsize=4
    ) or [""]


def _cut(rows: list[T]) -> list[T]:
    return rows[-MAX_ROWS:]
