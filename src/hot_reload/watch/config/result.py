"""Results: what became of a settings file that was read."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from hot_reload.config.problem import Problem
from hot_reload.outcome import Outcome


class Verdict(enum.Enum):
    """What was done."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    """It says what runs already; nothing was done."""
    REFUSED = "refused"
    """It is wrong, or would do harm; nothing was changed."""
    ROLLED_BACK = "rolled back"
    """A plugin did not take it; what was done of it was undone."""
    FAILED = "failed"
    """A plugin did not take it, and what was done of it could not be undone wholly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigResult:
    """One attempt. Plain data, in which no secret is."""

    verdict: Verdict
    files: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    affected: tuple[str, ...] = ()
    """The plugins that were touched, or were about to be; sorted."""
    later: tuple[str, ...] = ()
    """Keys that changed and take effect at the host's next start."""
    outcomes: tuple[Outcome, ...] = ()
    """Of the engine's operations, those of the undoing too, in their order."""

    @property
    def success(self) -> bool:
        return self.verdict in (Verdict.APPLIED, Verdict.UNCHANGED)

    def describe(self) -> str:
        """For a log: one line, and one more for each problem."""
        names = ", ".join(self.affected) or "no plugin"
        lines = [f"configuration {', '.join(self.files)} {self.verdict.value}: {names}"]
        if self.later:
            lines[0] += f"; at the next start: {', '.join(self.later)}"
        return "\n".join([*lines, *map(str, self.problems)])
