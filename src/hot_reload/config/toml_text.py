"""TOML text: its data, and the line of each key.

``tomllib`` tells no lines, is recursive, and takes seconds for one key of many
thousand parts. So a walk over the tokens comes first: it finds the keys and holds the
limits. What is no TOML it leaves to ``tomllib`` to say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, TypeAlias

from hot_reload.config.lines import DEPTH_LIMIT, Lines
from hot_reload.config.problem import KeyPath

_TOKEN = re.compile(
    r"""
    (?P<skip>[ \t\r]+ | \#[^\n]*)
  | (?P<line>\n)
  | (?P<long>\"{3}(?:[^"\\]|\\.|"(?!""))*"{3,5} | '{3}(?:[^']|'(?!''))*'{3,5})
  | (?P<string>"(?:[^"\\\n]|\\[^\n])*" | '[^'\n]*')
  | (?P<mark>[\[\]{}.,=])
  | (?P<word>[^\s\#"'\[\]{}.,=]+)
    """,
    re.X | re.S,
)
_PLACE = re.compile(r"\(at line (\d+), column \d+\)$")

_Token: TypeAlias = tuple[str, str, int]
"""Its kind (a mark is its own), its text, where it begins."""


class _NoToml(Exception):
    """The walk does not understand this; the parser will say why."""


def parse_toml(text: str, lines: Lines) -> dict[str, Any]:
    """The data of ``text``; the line of each key goes to ``lines``.

    Raises:
        ConfigError: it is no TOML, or is nested too deep.
    """
    text = text.replace("\r\n", "\n")  # as tomllib does
    _Walk(text, lines).walk()
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _PLACE.search(message)
        line = int(place[1]) if place else len(text.splitlines())
        words = _PLACE.sub("", message).strip()
        raise lines.error(f"no valid TOML: {words}", line) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits
        raise lines.error(f"no valid TOML: {error}") from None


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while found := _TOKEN.match(text, position):
        position = found.end()
        group = found.lastgroup or ""
        if group != "skip":
            yield (found[0] if group == "mark" else group), found[0], found.start()
    yield "end", "", len(text)


class _Walk:
    """One pass over the tokens: tables, keys, values. Its depth is held, so its stack is."""

    def __init__(self, text: str, lines: Lines) -> None:
        self._tokens = _tokens(text)
        self._lines = lines
        self._elements: dict[KeyPath, int] = {}
        """How many elements each array of tables has so far, less one."""
        self._given: set[KeyPath] = set()
        """Keys that have their value, and tables that have their header."""
        self._next()

    def walk(self) -> None:
        base: KeyPath = ()
        try:
            while self._kind != "end":
                if self._kind == "line":
                    self._next()
                elif self._kind == "[":
                    base = self._header()
                else:
                    self._pair(base)
        except _NoToml:
            return

    def _next(self) -> None:
        self._kind, self._word, self._at = next(self._tokens)

    def _take(self, kind: str) -> None:
        if self._kind != kind:
            raise _NoToml
        self._next()

    def _header(self) -> KeyPath:
        line = self._lines.at(self._at)
        self._take("[")
        array = self._kind == "["
        if array:
            self._take("[")
        path = self._key((), line)
        self._take("]")
        if array:
            self._take("]")
        *above, last = path
        inner: KeyPath = ()
        for part in above:
            self._lines.found.setdefault((*inner, part), line)
            inner = self._last_of((*inner, part))
        inner = (*inner, last)
        self._lines.found.setdefault(inner, line)
        if not array:
            self._give(inner, line)
        else:
            self._elements[inner] = self._elements.get(inner, -1) + 1
            inner = self._last_of(inner)
        self._lines.found.setdefault(inner, line)
        return inner

    def _last_of(self, path: KeyPath) -> KeyPath:
        return (*path, self._elements[path]) if path in self._elements else path

    def _key(self, base: KeyPath, line: int) -> KeyPath:
        """The path of the key that stands here; every part of it gets its line."""
        path = base
        while True:
            if self._kind not in ("word", "string"):
                raise _NoToml
            if len(path) >= DEPTH_LIMIT:
                raise self._lines.too_deep(line, path)
            path = (*path, _unquoted(self._word))
            if base:
                self._lines.found.setdefault(path, line)
            self._next()
            if self._kind != ".":
                return path
            self._next()

    def _pair(self, base: KeyPath) -> None:
        line = self._lines.at(self._at)
        path = self._key(base, line)
        for length in range(len(base) + 1, len(path) + 1):
            self._lines.found.setdefault(path[:length], line)
        self._take("=")
        self._give(path, line)
        self._value(path)

    def _give(self, path: KeyPath, line: int) -> None:
        if path in self._given:
            raise self._lines.twice(path, line)
        self._given.add(path)

    def _value(self, path: KeyPath) -> None:
        if self._kind not in "[{":
            if self._kind == "word":
                word, at = self._word, self._at
                self._next()
                if self._kind != ".":
                    self._lines.check_digits(word, at, path)
            # A number or a date may be several words and dots.
            while self._kind in ("word", "string", "long", "."):
                self._next()
            return
        line = self._lines.at(self._at)
        if len(path) >= DEPTH_LIMIT:
            raise self._lines.too_deep(line, path)
        closing = "]" if self._kind == "[" else "}"
        self._next()
        index = 0
        while True:
            while self._kind == "line":
                self._next()
            if self._kind == closing:
                self._next()
                return
            if closing == "]":
                self._value((*path, index))
                index += 1
            else:
                self._pair(path)
            while self._kind == "line":
                self._next()
            if self._kind == ",":
                self._next()
            elif self._kind != closing:
                raise _NoToml


def _unquoted(word: str) -> str:
    if word[0] == "'":
        return word[1:-1]
    if word[0] != '"' or "\\" not in word:
        return word.strip('"')
    try:
        return str(tomllib.loads(f"k = {word}")["k"])
    except tomllib.TOMLDecodeError:
        raise _NoToml from None
