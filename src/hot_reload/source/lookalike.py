"""Text that reads otherwise than it runs: controls that turn it round, names that look alike.

It is no error, since honest code may hold such text in a string; whoever reviews a
plugin should know of it (CVE-2021-42574, "Trojan Source").
"""

from __future__ import annotations

import io
import tokenize
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from hot_reload.source.snapshot import SourceFile

_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Remark:
    """What is odd, and where. ``line`` counts from 1."""

    text: str
    file: str
    line: int


def remarks(file: SourceFile) -> tuple[Remark, ...]:
    """The odd places of a file that compiles, at most one of each kind for each line."""
    if file.data.isascii():
        return ()
    found = (Remark(text, str(file.path), line) for line, text in _odd(file.data))
    return tuple(dict.fromkeys(found))


def _odd(data: bytes) -> Iterator[tuple[int, str]]:
    for token in tokenize.tokenize(io.BytesIO(data).readline):
        line = token.start[0]
        for character in sorted(_BIDIRECTIONAL.intersection(token.string)):
            yield line, f"the bidirectional control U+{ord(character):04X} hides the order of text"
        if token.type == tokenize.NAME and len(_scripts(token.string)) > 1:
            scripts = " and ".join(sorted(_scripts(token.string)))
            yield line, f"the name {token.string!a} mixes letters of {scripts}"


def _scripts(name: str) -> set[str]:
    return {unicodedata.name(each, "?").split()[0] for each in name if each.isalpha()}
