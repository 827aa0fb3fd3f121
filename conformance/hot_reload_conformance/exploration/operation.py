"""The operations of the state machine, each one readable line: ``reload a v2 fault=start:raises``.

A script is operations with ``"; "`` between them. It is what a failure tells, and
what ``replay`` runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

VERBS: dict[str, str] = {
    "load": "name version",
    "edit": "name version",
    "reload": "name",
    "unload": "name",
    "enable": "name",
    "disable": "name",
    "add_sink": "name version",
    "remove_sink": "name",
    "emit": "name",
    "put": "value",
}
"""What each verb takes. ``reload`` with a fault takes a version too: the one that fails."""

HANDLERS: tuple[str, ...] = ("a", "b")
SINKS: tuple[str, ...] = ("s", "t", "u")
"""The names of plugins in scripts: with a handler each, and sinks."""


@dataclass(frozen=True, slots=True)
class Op:
    """One operation. ``value`` is a version, or for ``put`` the state as JSON."""

    verb: str
    name: str = ""
    value: str = ""
    fault: str = ""

    def __str__(self) -> str:
        parts = (self.verb, self.name, self.value, self.fault and f"fault={self.fault}")
        return " ".join(part for part in parts if part)

    @classmethod
    def parse(cls, text: str) -> Op:
        """The operation that prints as ``text``.

        Raises:
            ValueError: it is none; the message says what is wrong with it.
        """
        verb, _, rest = text.strip().partition(" ")
        takes = VERBS.get(verb)
        if takes is None:
            raise ValueError(f"{text!r}: no operation {verb!r}; known: {', '.join(VERBS)}")
        if takes == "value":
            if not rest:
                raise ValueError(f"{text!r}: write {verb} and a value as JSON")
            return cls(verb, value=rest)
        words = rest.split()
        fault = ""
        if words and words[-1].startswith("fault="):
            fault = words.pop().removeprefix("fault=")
        wanted = takes.split() + ["version"] * bool(fault and takes == "name")
        if len(words) != len(wanted) or (fault and verb != "reload"):
            raise ValueError(f"{text!r}: write {verb} {' '.join(wanted)}")
        return cls(verb, words[0], words[1] if len(words) > 1 else "", fault)


def script(operations: Iterable[Op]) -> str:
    """Operations as one line."""
    return "; ".join(map(str, operations))


def parse_script(text: str) -> list[Op]:
    """The operations of one line.

    Raises:
        ValueError: a part of it is no operation.
    """
    return [Op.parse(part) for part in text.split(";") if part.strip()]


def renumbered(operations: Iterable[Op]) -> list[Op]:
    """The same operations, their versions counted from v1."""
    numbers: dict[str, str] = {}
    return [
        replace(op, value=numbers.setdefault(op.value, f"v{len(numbers) + 1}"))
        if op.value and VERBS[op.verb] != "value"
        else op
        for op in operations
    ]


def token(words: str) -> str:
    """Words as one token: ``the text is broken`` → ``the-text-is-broken``."""
    return re.sub(r"[^a-zA-Z0-9]+", "-", words).strip("-")
