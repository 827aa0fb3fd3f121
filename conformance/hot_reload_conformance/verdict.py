"""Verdicts: what the kit says of a subject, clause by clause, and what it saw."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from hot_reload_conformance.explored import Explored

THINNED = "thinned: "
"""How the note of a result begins of which something was left out."""


class Verdict(enum.Enum):
    """The answer for one clause. Only ``PASS`` is a pass."""

    PASS = "pass"
    FAIL = "fail"
    EXPECTED_FAIL = "expected-fail"
    NOT_CLAIMED = "not-claimed"
    UNKNOWN = "unknown"
    KIT_ERROR = "kit-error"
    NOT_RUN = "not-run"
    """The clause has no check yet, or its check was not selected."""


class Conformance(enum.Enum):
    """The answer for one profile."""

    CONFORMANT = "conformant"
    PARTIAL = "partial"
    NOT_CONFORMANT = "not conformant"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a failure's story: what was done, what the model expected, what was seen."""

    text: str
    expected: str = ""
    seen: str = ""
    broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One way in which a clause was broken."""

    message: str
    variant: str = ""
    expected: str = ""
    seen: str = ""
    story: tuple[Step, ...] = ()
    timeline: tuple[str, ...] = ()
    """What the plugins reported, moment by moment."""
    traceback: str = ""
    replay: str = ""
    """What follows ``--hot-reload-replay`` to run just this again; "" where the id does it."""
    advisory: bool = False
    """It breaks what its clause, a MUST, says as a SHOULD: it fails no run and no profile."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A variant of a check that came to no verdict."""

    variant: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check found on one subject. Plain data: it crosses processes."""

    code: str
    check: str
    subject: str
    verdict: Verdict
    reason: str = ""
    variants: tuple[str, ...] = ()
    """The variants that ran."""
    left_out: tuple[LeftOut, ...] = ()
    """Those that did not, or to no end: the subject does not claim what they need, say."""
    findings: tuple[Finding, ...] = ()
    duration_seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())
    stale: bool = False
    """A pass that was expected to be a failure: nothing against the subject, but the run fails."""
    explored: Explored | None = None
    """Of a state machine: the rules and transitions that its examples went through."""

    @property
    def advisory(self) -> bool:
        """Whether all that it found is advisory."""
        return bool(self.findings) and all(each.advisory for each in self.findings)

    @property
    def extent(self) -> str:
        """``12 of 14 variants``; "": all of them ran."""
        if not self.left_out:
            return ""
        ran = len(self.variants)
        return f"{ran} of {ran + len(self.left_out)} variants"

    @property
    def thinned(self) -> bool:
        """Whether only some of its variants ran, or none, since the host is slow."""
        return any(note.startswith(THINNED) for note in self.notes)


@dataclass(frozen=True, slots=True)
class Exploration:
    """What a check that explores may return in place of a finding or None."""

    finding: Finding | None
    explored: Explored | None = None


class Violation(Exception):
    """A check saw the clause broken."""

    def __init__(
        self, message: str, *, expected: object = "", seen: object = "", advisory: bool = False
    ) -> None:
        super().__init__(message)
        self.message = _cut(message)
        self.advisory = advisory
        self.expected = _cut(expected if isinstance(expected, str) else repr(expected))
        self.seen = _cut(seen if isinstance(seen, str) else repr(seen))


_LINES_FIRST, _LINES_LAST = 12, 4
_LONGEST_LINE = 2_000


def _cut(text: str) -> str:
    """A host's words may be the values of every local variable of every frame. The kit's own
    words stand first or last."""
    lines = text.split("\n")
    left_out = len(lines) - _LINES_FIRST - _LINES_LAST
    if left_out > 1:
        lines[_LINES_FIRST:-_LINES_LAST] = [f"… {left_out} more lines …"]
    half = _LONGEST_LINE // 2
    return "\n".join(
        f"{each[:half]} … {each[-half:]}" if len(each) > _LONGEST_LINE else each for each in lines
    )


class CannotJudge(Exception):
    """A check could not find out; the verdict is ``unknown``, with this reason."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(_cut(reason))


class NotVerified(CannotJudge):
    """An exploration found nothing, and what it is about never came up."""

    def __init__(self, text: str, explored: Explored) -> None:
        super().__init__(text)
        self.explored = explored


class NotClaimed(Exception):
    """A check learned as it ran that the subject does not claim what it needs."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(_cut(reason))


class KitError(Exception):
    """The kit or an adapter broke; never counted against the subject."""
