"""What is wrong in a configuration: where it stands, what it is, and what to write instead.

::

    HotReloadError
    └── ConfigError     one or more ``Problem``; nothing of the configuration was applied
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from hot_reload.errors import HotReloadError

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of mappings and indices of lists."""

SHOWN_LIMIT = 80
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong. ``hint`` says what to write instead."""

    text: str
    path: KeyPath = ()
    hint: str = ""
    file: str = ""
    line: int = 0

    def at(self, place: Place | None) -> Problem:
        """The same at ``place``; None: as it was."""
        return self if place is None else replace(self, file=place.file, line=place.line)

    def below(self, path: KeyPath) -> Problem:
        """The same, its path taken as one that begins at ``path``."""
        return replace(self, path=(*path, *self.path))

    def __str__(self) -> str:
        line = f":{self.line}" if self.line else ""
        where = f"{self.file}{line}: " if self.file else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{where}{key_path(self.path)}: {self.text}{hint}"


class ConfigError(HotReloadError):
    """A configuration cannot be taken; ``problems`` has all that was found, in order.

    Its text has one line for each: file, line, key path, what is wrong, what to write.
    """

    cure = "Mend each line that the message names; what ran before still runs."

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def key_path(path: KeyPath) -> str:
    """``path`` as it is written in messages: ``$.servers[0].port``."""
    parts = ["$"]
    for each in path:
        if isinstance(each, int):
            parts.append(f"[{each}]")
        elif each and _PLAIN.issuperset(each):
            parts.append(f".{each}")
        else:
            parts.append(f"[{shown(each)}]")
    return "".join(parts)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant by ``name``; the rule is ``Registry.suggest``'s."""
    close = difflib.get_close_matches(name.lower(), [*known], n=1)
    return close[0] if close else None


def unknown_key(name: str, known: Iterable[str], path: KeyPath) -> Problem:
    """The problem that the mapping at ``path`` has the key ``name``, which nobody reads."""
    names = sorted(known)
    guess = nearest(name, names)
    if guess:
        hint = f"did you mean {guess!r}?"
    else:
        hint = f"known: {', '.join(names)}" if names else "no keys are known here; take it out"
    return Problem(text=f"unknown key {shown(name)}", path=(*path, name), hint=hint)


def shown(value: object) -> str:
    """``value`` in a message: short, on one line, with nothing that acts on a terminal."""
    try:
        text = ascii(value) if isinstance(value, (str, bytes)) else repr(value)
    except Exception:  # a value of a caller's own class
        text = f"a {type(value).__name__}"
    if isinstance(value, str) and value.isprintable():
        text = repr(value)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= SHOWN_LIMIT else f"{text[: SHOWN_LIMIT - 1]}…"


def kind(value: object) -> str:
    """What ``value`` is, in the words of a configuration file."""
    name = type(value).__name__
    return _KINDS.get(name, f"a {name}")


_KINDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "a table of keys",
    "list": "a list",
    "tuple": "a list",
    "NoneType": "nothing",
}
