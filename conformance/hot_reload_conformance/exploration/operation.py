"""The operations of the state machines, each one readable line: ``reload a v2 fault=start:raises``.

A script is operations with ``"; "`` between them. It is what a failure tells, and
what ``replay`` runs. Two operations that overlap are one line too:
``together reload a & disable a``.
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
    "cancel": "name version",
    "batch": "names",
    "again": "name version",
    "stray": "name operation",
    "replace": "name version",
    "busy": "name version",
    "sicken": "name version",
    "heal": "name version",
    "wire": "name version",
    "unload_all": "name",
    "save": "name version",
    "wait": "how-long",
    "stir": "name version",
    "stop": "",
    "switch_off": "",
    "switch_on": "",
    "set": "name version",
    "spoil": "how",
    "refuse": "name version",
    "apply": "",
}
"""What each verb takes. ``reload`` with a fault takes a version too: the one that fails.

``cancel`` is a reload to that version whose caller gives up while the plugin starts;
``batch`` reloads ``a,b`` in one go, ``unload_all`` takes a plugin out with all that need it;
``save``, ``wait``, the switch and ``stop`` are a watch's; ``stir`` saves again and again, without
a quiet period between, for longer than the longest wait. ``set``, ``spoil``, ``refuse`` write a
settings file: a good one with a new value for one plugin, one that is none, and a good one that
this plugin will refuse; ``apply`` has the host take it up.

Trials, each done for the clauses that are about it: ``again`` loads a second plugin under a name
that is live, ``stray`` asks for an operation on a name that nobody knows, ``replace`` is a reload
in which the old version's hook ``fault`` fails, ``busy`` one during which callers change the
state; ``sicken`` makes the host know that a sink has failed, ``heal`` is the good edit behind
that; ``wire`` is an edit by which a plugin needs one more, or one less."""

TOGETHER = "together"
ANY_FAULT = "?"
"""In a script: some fault that this host can meet."""
BROKEN = "syntax"
"""Of a save: the text is broken."""
MEANWHILE = "meanwhile"
"""Of a save: made as the version before it is being loaded, not now."""
PASSING, HOPELESS = "passing", "hopeless"
"""Of a save: its loads fail as by a passing trouble, all but the last that is declared, or all."""

CLEAN_UP = "+stop"
"""Behind a fault: the stop of the version that failed raises, too."""

HANDLERS: tuple[str, ...] = ("a", "b")
SINKS: tuple[str, ...] = ("s", "t", "u")
STAGED: tuple[str, ...] = ("f",)
CONFIGURED: tuple[str, ...] = ("a", "b", "c")
"""The names of plugins in scripts: with a handler each, sinks, one of all stages, with settings."""

_MAY_FAIL = frozenset({"reload", "save", "replace", "busy"})
_OF_NOBODY = frozenset({"emit", "wait", "spoil"})
"""Verbs whose word is no plugin."""


@dataclass(frozen=True, slots=True)
class Op:
    """One operation. ``value`` is a version, or for ``put`` the state as JSON."""

    verb: str
    name: str = ""
    value: str = ""
    fault: str = ""
    parts: tuple[Op, ...] = ()
    """Of ``together``: what is begun at the same time, in this order."""

    def __str__(self) -> str:
        if self.verb == TOGETHER:
            return f"{TOGETHER} {' & '.join(map(str, self.parts))}"
        parts = (self.verb, self.name, self.value, self.fault and f"fault={self.fault}")
        return " ".join(part for part in parts if part)

    @property
    def names(self) -> tuple[str, ...]:
        """The plugins that it names."""
        if self.verb == TOGETHER:
            return tuple(dict.fromkeys(name for part in self.parts for name in part.names))
        return tuple(self.name.split(",")) if self.verb not in _OF_NOBODY and self.name else ()

    @property
    def rule(self) -> str:
        """What coverage calls it: ``reload-fail``, ``reload+disable``."""
        if self.verb == TOGETHER:
            rules = "+".join(part.rule for part in self.parts)
            return rules if len(self.names) == 1 else f"{rules} of another"
        if self.verb == "wait":
            return f"wait-{self.name}"
        if self.fault in (MEANWHILE, PASSING, HOPELESS):
            return f"{self.verb}-{self.fault}"
        if self.fault.endswith(CLEAN_UP):
            return f"{self.verb}-fail-twice"
        return f"{self.verb}-fail" if self.fault else self.verb.replace("_", "-")

    @classmethod
    def parse(cls, text: str) -> Op:
        """The operation that prints as ``text``.

        Raises:
            ValueError: it is none; the message says what is wrong with it.
        """
        verb, _, rest = text.strip().partition(" ")
        if verb == TOGETHER:
            parts = tuple(cls.parse(part) for part in rest.split(" & "))
            if len(parts) < 2 or any(part.verb == TOGETHER for part in parts):
                raise ValueError(f"{text!r}: write {TOGETHER} and operations with ' & ' between")
            return cls(verb, parts=parts)
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
        if len(words) != len(wanted) or (fault and verb not in _MAY_FAIL):
            raise ValueError(f"{text!r}: write {verb} {' '.join(wanted)}".rstrip())
        words += [""] * (2 - len(words))
        return cls(verb, words[0], words[1], fault)


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

    def again(op: Op) -> Op:
        if op.verb == TOGETHER:
            return replace(op, parts=tuple(again(part) for part in op.parts))
        if not op.value or VERBS[op.verb] in ("value", "name operation"):
            return op
        return replace(op, value=numbers.setdefault(op.value, f"v{len(numbers) + 1}"))

    return [again(op) for op in operations]


def token(words: str) -> str:
    """Words as one token: ``the text is broken`` → ``the-text-is-broken``."""
    return re.sub(r"[^a-zA-Z0-9]+", "-", words).strip("-")
