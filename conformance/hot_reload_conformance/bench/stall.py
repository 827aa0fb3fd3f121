"""A stall: a thread that does not go on, where it stands, and what is known of it by then.

A host that took a lock twice hangs in the same line in every variant of every check. The first
time it is given all the time there is; whoever stands there again has hung.
"""

from __future__ import annotations

import linecache
import os
import sysconfig
from collections.abc import Collection
from dataclasses import dataclass, field
from types import FrameType

_KIT = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_SUBJECTS = tuple(f"{_KIT}{each}{os.sep}" for each in ("specimens", "adapters"))
_LIBRARY = tuple(
    os.path.abspath(path) + os.sep
    for name in ("stdlib", "platstdlib")
    if (path := sysconfig.get_paths().get(name))
)
_INSTALLED = tuple(f"{os.sep}{each}{os.sep}" for each in ("site-packages", "dist-packages"))
_RUNNERS = ("hypothesis", "_pytest", "pytest", "pluggy", "_hypothesis_pytestplugin.py")

MOST_SECONDS = 60.0
"""What a subject's stalls may cost a run in all; then nothing that may stall is asked any more."""
SHOWN = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A line that a frame stood in."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}, in {self.function}()"

    @property
    def text(self) -> str:
        """The line itself; "": there is no such file any more."""
        return linecache.getline(self.file, self.line).strip()


@dataclass(frozen=True, slots=True)
class Stall:
    """A thread that was interrupted since it did not go on."""

    seconds: float
    """How long it had made no turn."""
    frames: tuple[Place, ...]
    """Where it stood, the innermost last; the kit's own frames are left out."""
    own: tuple[Place, ...]
    """Those of them in the subject's own code, or in a library that it uses."""
    known: bool = False
    """It had stalled in that very line before."""
    inside: tuple[str, ...] = ()
    """The hooks of plugins that had begun and not ended, where a host's case knows them."""
    looks: int = 0
    """How often it was looked at in that time, and had not gone on."""

    @property
    def where(self) -> str:
        """The subject's own innermost line, with its text; "": it has none in it."""
        if not self.own:
            return ""
        text = self.own[-1].text
        return f"{self.own[-1]}{f': {text}' if text else ''}"

    @property
    def how_long(self) -> str:
        """In words that follow "it blocked its thread"."""
        if self.known:
            return "again, in the line in which it had hung before"
        return f"for {self.seconds:g} s"

    def describe(self) -> str:
        """The frames, as a traceback has them."""
        lines = ["where it stood (most recent call last):"]
        first = self.frames.index(self.own[0]) if self.own else 0
        for each in self.frames[first:]:
            lines.append(f"  {each.file}:{each.line}, in {each.function}()")
            if each.text:
                lines.append(f"    {each.text}")
        return "\n".join(lines)


@dataclass(slots=True)
class Stalls:
    """All stalls of one subject in one run."""

    places: set[Place] = field(default_factory=set)
    """Its own lines in which it has stalled."""
    count: int = 0
    seconds: float = 0.0

    def known(self, own: Collection[Place]) -> bool:
        """Whether it stalled before in the innermost line of ``own``."""
        return bool(own) and list(own)[-1] in self.places

    @property
    def too_much(self) -> str:
        """Why nothing more is asked of the subject; "": there is no reason yet."""
        if self.seconds < MOST_SECONDS:
            return ""
        lines = sorted(map(str, self.places))
        rest = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
        at = f" at {'; '.join(lines[:SHOWN])}{rest}" if lines else ""
        return (
            f"not asked: the subject blocked its thread {self.count} times in this run{at}. Mend "
            "that first; what else it does was not looked at any more"
        )


def frames_of(frame: FrameType | None, until: FrameType | None) -> tuple[Place, ...]:
    """What the thread stands in, from below ``until`` to ``frame``, the kit's own left out."""
    found: list[Place] = []
    while frame is not None and frame is not until:
        code = frame.f_code
        if not _is_kit(code.co_filename):
            found.append(Place(code.co_filename, frame.f_lineno, code.co_qualname))
        frame = frame.f_back
    return tuple(reversed(found))


def own_of(frames: tuple[Place, ...]) -> tuple[Place, ...]:
    """Those of ``frames`` that are neither Python's own nor a test runner's."""
    return tuple(each for each in frames if is_own(each.file))


def is_own(file: str) -> bool:
    """Whether ``file`` is the subject's, or a library's that it uses."""
    return not _is_kit(file) and not _is_library(file)


def _is_kit(file: str) -> bool:
    return file.startswith(_KIT) and not file.startswith(_SUBJECTS)


def _is_library(file: str) -> bool:
    if file.startswith("<frozen ") or file == "<string>":  # dataclasses write their methods so
        return True
    for each in _INSTALLED:
        _, found, inside = file.rpartition(each)
        if found:
            return inside.partition(os.sep)[0] in _RUNNERS
    return file.startswith(_LIBRARY)
