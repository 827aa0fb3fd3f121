"""A script: operations on a subject, as one readable line.

``load a v1; load s v1 | reload a v2; unload a {schedule,cancel}``: what stands before
the bar is done one after the other and explored by nobody; what stands behind it
begins at the same time; the braces name the kinds of decisions that are open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hot_reload_conformance.simulation.oracle import KINDS, LATENCY, SCHEDULE

USUAL_KINDS: tuple[str, ...] = (SCHEDULE, LATENCY)
"""What is decided where a script does not say: no mishap, only time and order."""


@dataclass(frozen=True, slots=True)
class Op:
    """One operation: a verb and its words. What they mean is the subject's matter."""

    verb: str
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.verb, *self.words))

    @property
    def name(self) -> str:
        """The first word: by custom the plugin's name; "" where there is none."""
        return self.words[0] if self.words else ""

    @property
    def value(self) -> str:
        """The second word: by custom the version; "" where there is none."""
        return self.words[1] if len(self.words) > 1 else ""

    @classmethod
    def parse(cls, text: str) -> Op:
        """The operation that prints as ``text``.

        Raises:
            ValueError: it is empty, or has a character that scripts need for themselves.
        """
        words = text.split()
        if not words or set(text) & set("|{};@"):
            raise ValueError(f"{text!r} is no operation: write a verb and its words: reload a v2")
        return cls(words[0], tuple(words[1:]))


@dataclass(frozen=True, slots=True)
class Script:
    """What is done in one run. ``str`` is its line, ``Script.parse`` reads it back."""

    given: tuple[Op, ...]
    """Preparations, one after the other."""
    operations: tuple[Op, ...]
    """What overlaps."""
    kinds: tuple[str, ...] = USUAL_KINDS

    def __str__(self) -> str:
        given, operations = "; ".join(map(str, self.given)), "; ".join(map(str, self.operations))
        text = f"{given} | {operations}" if given else operations
        return text if self.kinds == USUAL_KINDS else f"{text} {{{','.join(self.kinds)}}}"

    @classmethod
    def parse(cls, text: str) -> Script:
        """The script of one line.

        Raises:
            ValueError: the line is malformed; the message says where.
        """
        found = _LINE.fullmatch(text.strip())
        if found is None:
            raise ValueError(
                f"{text!r} is no script: write 'load a v1 | reload a v2; unload a', with the open "
                "kinds of decisions in braces at the end where they are others than the usual"
            )
        kinds = _kinds(found["kinds"])
        return cls(_operations(found["given"] or ""), _operations(found["operations"]), kinds)

    def one_by_one(self) -> Script:
        """The same operations with nothing that overlaps: all but the last are preparations."""
        given, operations = (*self.given, *self.operations[:-1]), self.operations[-1:]
        return replace(self, given=given, operations=operations)

    def opening(self, *kinds: str) -> Script:
        """The same operations with these kinds of decisions open."""
        return replace(self, kinds=_kinds(",".join(kinds)))


_LINE = re.compile(r"(?:(?P<given>[^|{}@]*)\|)?(?P<operations>[^|{}@]*)(?:\{(?P<kinds>[\w, ]*)\})?")


def _kinds(text: str | None) -> tuple[str, ...]:
    if text is None:
        return USUAL_KINDS
    named = {word.strip() for word in text.split(",") if word.strip()}
    if named - set(KINDS):
        unknown = ", ".join(sorted(named - set(KINDS)))
        raise ValueError(f"no kind of decision is called {unknown}; there are {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in named)


def _operations(text: str) -> tuple[Op, ...]:
    return tuple(Op.parse(part) for part in text.split(";") if part.strip())
