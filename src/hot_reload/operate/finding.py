"""A finding: one reason why a reload would fail, with what to do about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class FindingKind(enum.Enum):
    """What is wrong, for programs to switch on."""

    UNKNOWN_PLUGIN = "unknown-plugin"
    ENGINE_CLOSED = "engine-closed"
    MISSING = "missing"
    PERMISSION = "permission"
    NOT_REGULAR = "not-regular"
    TOO_LARGE = "too-large"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    SYNTAX = "syntax"
    MISSING_IMPORT = "missing-import"
    MISSING_DEPENDENCY = "missing-dependency"
    DEPENDENCY_VERSION = "dependency-version"
    LAST_FAILURE = "last-failure"
    LAST_REFUSAL = "last-refusal"
    IN_PROGRESS = "in-progress"
    UNCHANGED = "unchanged"
    WATCH = "watch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason, in words, with its place and the next step. Plain data.

    ``blocks``: with this a reload fails, or is not even begun. Otherwise it is worth
    knowing: an earlier failure, or why an edit is not seen.
    """

    kind: FindingKind
    blocks: bool
    text: str
    hint: str
    file: str | None = None
    line: int | None = None

    def describe(self) -> str:
        """One line."""
        place = f" at {self.file}{f':{self.line}' if self.line else ''}" if self.file else ""
        # A text that was told before has its place in it, and may end as a question.
        place = "" if place and place in self.text else place
        end = "" if not place and self.text.endswith((".", "?", "!")) else "."
        return f"{self.kind.value}: {self.text}{place}{end} {self.hint}"
