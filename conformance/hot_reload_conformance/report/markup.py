"""Text with meaning instead of colours, so that pytest's writer and click's both can show it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias


class Span(NamedTuple):
    """A piece of a line. ``style`` is a key of ``STYLES``, or ""."""

    text: str
    style: str = ""


Line: TypeAlias = tuple[Span, ...]

STYLES: Mapping[str, Mapping[str, bool]] = {
    "": {},
    "good": {"green": True},
    "bad": {"red": True, "bold": True},
    "warn": {"yellow": True},
    "quiet": {"light": True},
    "head": {"bold": True},
    "code": {"cyan": True},
}
"""Style → the keyword arguments of pytest's ``TerminalWriter.write``."""


def line(*parts: Span | str) -> Line:
    """A line of spans; plain strings have no style."""
    return tuple(Span(part) if isinstance(part, str) else part for part in parts)


def plain(lines: Sequence[Line]) -> str:
    """The text alone."""
    return "\n".join("".join(span.text for span in each).rstrip() for each in lines)


def width_of(spans: Line) -> int:
    return sum(len(span.text) for span in spans)


def wrapped(text: str, width: int, indent: str = "", style: str = "", hang: str = "") -> list[Line]:
    """``text`` in lines of ``width``, its own line breaks kept; ``hang`` indents what follows."""
    lines: list[Line] = []
    for each in text.splitlines() or [""]:
        parts = textwrap.wrap(
            each,
            max(20, width),
            initial_indent=indent,
            subsequent_indent=indent + hang,
            break_on_hyphens=False,
            break_long_words=False,
        )
        lines += [line(Span(part, style)) for part in parts or [indent]]
    return lines
