"""JSON text: its data, and the line of each key."""

from __future__ import annotations

import json
import re
from typing import Any

from hot_reload.config.lines import DEPTH_LIMIT, Lines
from hot_reload.config.problem import KeyPath

_TOKEN = re.compile(
    r'[ \t\r\n]*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<mark>[{}\[\]:,])|(?P<word>[^\s{}\[\]:,"]+))',
    re.S,
)
_NO_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})


def parse_json(text: str, lines: Lines) -> Any:
    """The data of ``text``; the line of each key goes to ``lines``.

    Raises:
        ConfigError: it is no JSON, is nested too deep, has a key twice, NaN or infinity.
    """
    # First, and without recursion: the parser of the standard library has no limit of depth.
    _Walk(text, lines).walk()
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise lines.error(f"no valid JSON: {error.msg}", error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise lines.error(f"no valid JSON: {error}") from None


class _Walk:
    """Walks over tokens. At what is no JSON it stops: the parser says what that is."""

    def __init__(self, text: str, lines: Lines) -> None:
        self._text = text
        self._lines = lines
        self._open: list[tuple[KeyPath, str]] = []
        """The path of each container around this token, and its opening mark."""
        self._path: KeyPath = ()
        """Of the value that comes next."""
        self._wants_key = False

    def walk(self) -> None:
        position = 0
        while found := _TOKEN.match(self._text, position):
            position = found.end()
            if found["mark"]:
                if not self._mark(found["mark"], found.start("mark")):
                    return
            elif found["word"] in _NO_NUMBERS:
                raise self._lines.error(
                    f"{found['word']} is no number of JSON",
                    self._lines.at(found.start("word")),
                    self._path,
                    "write a finite number",
                )
            elif found["word"]:
                self._lines.check_digits(found["word"], found.start("word"), self._path)
            elif found["string"] and self._wants_key:
                self._key(found["string"], found.start("string"))

    def _mark(self, mark: str, at: int) -> bool:
        if mark in "{[":
            if len(self._open) >= DEPTH_LIMIT:
                raise self._lines.too_deep(self._lines.at(at), self._path[: len(self._open)])
            self._open.append((self._path, mark))
            self._wants_key = mark == "{"
            if mark == "[":
                self._path = (*self._path, 0)
        elif mark in "}]":
            if not self._open:
                return False
            self._path = self._open.pop()[0]
            self._wants_key = False
        elif mark == ",":
            if not self._open:
                return False
            base, opened = self._open[-1]
            self._wants_key = opened == "{"
            if opened == "[":
                last = self._path[len(base)]
                assert isinstance(last, int)
                self._path = (*base, last + 1)
        return True

    def _key(self, token: str, at: int) -> None:
        self._wants_key = False
        try:
            key = json.loads(token)
        except ValueError:
            return
        base = self._open[-1][0]
        self._path = (*base, key)
        line = self._lines.at(at)
        if self._path in self._lines.found:
            raise self._lines.twice(self._path, line)
        self._lines.found[self._path] = line
