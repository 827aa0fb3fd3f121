"""The oracle: one place where everything that could go otherwise is decided, and noted.

Every decision is ``decide(kind, n, label)``: one of ``n`` ways, 0 being what plain
asyncio without any mishap does. Which way it goes is the source's word; the oracle
counts the decisions and keeps those that deviate, so that a run is told by a few
pairs (``3:1,17:2``: the fourth decision went way 1, the eighteenth way 2).
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

SCHEDULE = "schedule"
"""Which of the ready tasks takes its next step; 0 is the one that waited longest."""
LATENCY = "latency"
"""How long something takes that the subject waits for; 0 is no time at all."""
FAULT = "fault"
"""Whether a hook fails; 0 is no."""
CANCEL = "cancel"
"""Which operation its caller cancels now; 0 is none."""
CLOCK = "clock"
"""Whether a timer fires before what is ready has run; 0 is no."""

KINDS: tuple[str, ...] = (SCHEDULE, LATENCY, FAULT, CANCEL, CLOCK)

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class Source(Protocol):
    """Where decisions come from. An object serves for one run only, as it may have a state."""

    def choose(self, kind: str, n: int, label: str, options: Sequence[Any]) -> int:
        """A number from 0 to ``n - 1``.

        Where ``kind`` is schedule, the first ``n`` of ``options`` are the tasks. It is the loop's
        own list: look at it now, and neither change nor keep it.
        """


@dataclass(frozen=True, slots=True)
class Deviation:
    """One decision that was not 0. ``label`` says in words what it was about."""

    index: int
    choice: int
    kind: str = ""
    label: str = ""

    def __str__(self) -> str:
        return f"{self.index}:{self.choice}"


@dataclass(frozen=True, slots=True)
class Asked:
    """One decision, as an oracle that records keeps it; ``labels`` of schedule: the tasks."""

    kind: str
    n: int
    labels: tuple[str, ...]
    choice: int


@dataclass(frozen=True, slots=True)
class Trace:
    """What was decided in one run. ``str`` is the sparse form that replays it."""

    deviations: tuple[Deviation, ...] = ()
    decisions: int = 0
    """How many were asked for."""
    schedule_decisions: int = 0
    """How many of them were about the next task: the horizon of a later ``Pct``."""
    steps: int = 0
    """Loop steps, of tasks and of callbacks."""
    virtual_seconds: float = 0.0
    log: tuple[Asked, ...] = ()
    """Every decision, where the run was recorded; else empty."""
    path: int = 0
    """A checksum of which tasks ran in which order, where the run was recorded; else 0."""

    def __str__(self) -> str:
        return ",".join(map(str, self.deviations))

    @property
    def same_as(self) -> tuple[object, ...]:
        """What two runs of one trace have in common, down to each decision."""
        return (
            str(self),
            self.decisions,
            self.steps,
            self.virtual_seconds,
            self.log,
            self.path,
        )

    def describe(self) -> str:
        """The deviations in words; ``plain asyncio`` where there are none."""
        words = [f"{each} {each.kind}: {each.label}" for each in self.deviations]
        return "\n".join(words) or "plain asyncio, without any mishap"


_SPARSE = re.compile(r"\d+:\d+(,\d+:\d+)*")


def parse_deviations(text: str) -> tuple[Deviation, ...]:
    """The deviations that print as ``text``: ``3:1,17:2``; "" is none.

    Raises:
        ValueError: it is malformed, or its indices do not go up.
    """
    if not text.strip():
        return ()
    if not _SPARSE.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is no trace: write index:choice pairs, such as 3:1,17:2")
    pairs = [pair.split(":") for pair in text.strip().split(",")]
    found = tuple(Deviation(int(index), int(choice)) for index, choice in pairs)
    indices = [each.index for each in found]
    if indices != sorted(set(indices)):
        raise ValueError(f"{text!r} is no trace: its indices must go up")
    return found


class Oracle:
    """Asks the source, counts, and keeps what deviates. Serves for one run."""

    __slots__ = (
        "_choose",
        "_deviated",
        "_path",
        "log",
        "next_index",
        "open",
        "recording",
        "schedule_decisions",
    )

    def __init__(
        self,
        source: Source,
        *,
        kinds: Sequence[str] = KINDS,
        record: bool = False,
    ) -> None:
        """``kinds`` are those that are decided at all; the others always go way 0."""
        self._choose = source.choose
        self._path = 0
        self.open = frozenset(kinds)
        self.next_index = 0
        self.schedule_decisions = 0
        self._deviated: list[tuple[int, int, str, str]] = []
        self.recording = record
        self.log: list[Asked] = []

    def decide(self, kind: str, n: int, label: str = "", options: Sequence[Any] = ()) -> int:
        """One of ``n`` ways, 0 where ``kind`` is not open or there is but one way.

        Raises:
            ValueError: the source named a way that there is not.
        """
        if n < 2 or kind not in self.open:
            return 0
        if kind is SCHEDULE:
            self.schedule_decisions += 1
        choice = self._choose(kind, n, label, options)
        index = self.next_index
        self.next_index = index + 1
        if choice:
            if not 0 < choice < n:
                raise ValueError(f"decision {index} ({kind}): way {choice} of {n} does not exist")
            words = options[choice].get_name() if options else label
            self._deviated.append((index, choice, kind, words))
        if self.recording:
            labels = tuple([each.get_name() for each in options[:n]]) if options else (label,)
            self.log.append(Asked(kind, n, labels, choice))
        return choice

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """What was decided otherwise than plain asyncio would have."""
        return tuple(Deviation(*each) for each in self._deviated)

    def deviated(self, kind: str) -> bool:
        """Whether a decision of this kind was."""
        return any(each[2] == kind for each in self._deviated)

    def ran(self, name: str) -> None:
        """Note, where the run is recorded, that a step of the task ``name`` ran."""
        self._path = zlib.crc32(name.encode(), self._path)

    def trace(self, steps: int, virtual_seconds: float) -> Trace:
        """What was decided so far."""
        return Trace(
            deviations=self.deviations,
            decisions=self.next_index,
            schedule_decisions=self.schedule_decisions,
            steps=steps,
            virtual_seconds=virtual_seconds,
            log=tuple(self.log),
            path=self._path,
        )
