"""What a run came to: the trace, and what went wrong, with the string that replays it."""

from __future__ import annotations

from dataclasses import dataclass

from hot_reload_conformance.simulation.oracle import PYTHON, Deviation, Trace, parse_deviations
from hot_reload_conformance.simulation.script import Script

DEADLOCK = "deadlock"
LIVELOCK = "livelock"
LEFTOVER = "leftover"
UNRETRIEVED = "unretrieved"
ESCAPE = "escape"
CRASH = "crash"
BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that went wrong. ``kind`` is one of this module's words, or an invariant's name."""

    kind: str
    message: str
    expected: str = ""
    seen: str = ""
    story: tuple[str, ...] = ()
    """What was done, and what the subject's plugins reported, in order."""
    traceback: str = ""
    """Where the subject stood, if it had to be interrupted."""

    def same_as(self, other: Failure | None) -> bool:
        """Whether ``other`` is the same; an endless loop is interrupted in any of its lines."""
        if other is not None and self.kind == other.kind == BLOCKED:
            return True
        return self == other

    @property
    def judges(self) -> bool:
        """Whether it speaks against the subject; an escape only says: not to be judged here."""
        return self.kind != ESCAPE

    def __str__(self) -> str:
        lines = [f"{self.kind}: {self.message}"]
        if self.expected or self.seen:
            lines.append(f"expected {self.expected}, saw {self.seen}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one script. ``failure`` None: nothing was seen."""

    script: Script
    trace: Trace
    failure: Failure | None = None

    @property
    def replay(self) -> str:
        """The one string that runs just this again: ``py3.11 load a v1 | reload a v2 @ 3:1``."""
        return f"py{PYTHON} {self.script} @ {self.trace}".rstrip()

    def same_as(self, other: Run) -> bool:
        """Whether ``other`` went the same way to the same end."""
        same = (
            other.failure is None if self.failure is None else self.failure.same_as(other.failure)
        )
        return same and self.trace.same_as == other.trace.same_as

    def describe(self) -> str:
        """The failure as a story: what broke, what was done, what deviated, how to see it again."""
        if self.failure is None:
            return f"nothing seen\nreplay: {self.replay}"
        lines = [str(self.failure), "", f"script: {self.script}"]
        lines += [f"  {line}" for line in self.failure.story]
        lines += self.failure.traceback.splitlines()
        lines += ["deviations from plain asyncio:"]
        lines += [f"  {line}" for line in self.trace.describe().splitlines()]
        return "\n".join([*lines, f"replay: {self.replay}"])


def parse_replay(text: str) -> tuple[str, Script, tuple[Deviation, ...]]:
    """The Python version, the script and the deviations of a ``replay`` string.

    Raises:
        ValueError: it is malformed.
    """
    version, _, rest = text.strip().partition(" ")
    if not version.startswith("py"):
        raise ValueError(
            f"{text!r} is nothing to replay: it begins with the Python version, such as py3.11"
        )
    line, _, sparse = rest.partition("@")
    return version.removeprefix("py"), Script.parse(line), parse_deviations(sparse)
