"""A table of results, as Markdown: what the console shows is what the reference page takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """``rows`` have as many cells as there are ``columns``; all but the first are right-aligned."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def lines(self) -> list[str]:
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]

        def line(cells: Sequence[str]) -> str:
            first, *rest = zip(cells, widths, strict=True)
            padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
            return f"| {' | '.join(padded)} |"

        ruler = ["-" * widths[0], *(f"{'-' * (width - 1)}:" for width in widths[1:])]
        note = [self.note, ""] if self.note else []
        return [f"### {self.title}", "", *map(line, (self.columns, ruler, *self.rows)), "", *note]
