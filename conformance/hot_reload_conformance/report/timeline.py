"""The timeline of a failure: what each generation did, side by side, moment by moment."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_MOMENT = re.compile(r"(?P<lane>\S+ \S+?)#\d+ (?P<what>.+) (?P<phase>begin|end|raise)$")
_MARK = {"begin": "┬", "end": "┴", "raise": "✗", "whole": "─"}
MAX_LANES = 4
MAX_ROWS = 40


@dataclass(frozen=True, slots=True)
class _Entry:
    lane: str
    what: str
    phase: str


def timeline(moments: Sequence[str], width: int = 80) -> list[str]:
    """``moments`` as text: a column for each generation, the oldest first, times downwards.

    A hook that begins and ends with nothing between stands on one line. What does
    not read like a moment, or needs too many columns, is listed as it is.
    """
    entries = _entries(moments)
    lanes = list(dict.fromkeys(each.lane for each in entries or ()))
    if not entries or len(lanes) > MAX_LANES:
        return [row for each in _cut(list(moments)) for row in _listed(each, width)]
    column = max(16, min(30, (width - 4) // len(lanes)))
    rows = ["".join(f"{lane:<{column}}" for lane in lanes).rstrip()]
    for each in _cut(_folded(entries)):
        cells = ["│" if lane != each.lane else _cell(each) for lane in lanes]
        rows.append("".join(f"{cell:<{column}}" for cell in cells).rstrip())
    return rows


def _entries(moments: Sequence[str]) -> list[_Entry] | None:
    found = [_MOMENT.match(each) for each in moments]
    if not all(found):
        return None
    return [_Entry(each["lane"], each["what"], each["phase"]) for each in found if each]


def _folded(entries: list[_Entry]) -> list[_Entry]:
    folded: list[_Entry] = []
    for each in entries:
        before = folded[-1] if folded else None
        if each.phase == "end" and before == _Entry(each.lane, each.what, "begin"):
            folded[-1] = _Entry(each.lane, each.what, "whole")
        else:
            folded.append(each)
    return folded


def _cell(entry: _Entry) -> str:
    tail = {"begin": " …", "end": " done", "raise": " raised", "whole": ""}[entry.phase]
    return f"{_MARK[entry.phase]} {entry.what}{tail}"


def _listed(text: str, width: int) -> list[str]:
    """A line as it is, or folded where it is wider than the terminal."""
    return textwrap.wrap(
        text, max(20, width), subsequent_indent="  ", break_long_words=False, tabsize=4
    ) or [""]


def _cut(rows: list[T]) -> list[T]:
    return rows[-MAX_ROWS:]
