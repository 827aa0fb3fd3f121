"""Threads that run a generation's code now, told by the frames on their stacks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

TELLTALES = (b"hread", b"xecutor")
"""Without one of these in its text, a plugin hardly starts a thread."""


@dataclass(frozen=True, slots=True)
class OwnThread:
    """A thread, and where in the generation's own source it stands: the innermost such line."""

    ident: int
    name: str
    file: str
    line: int


def own_threads(owns: Callable[[FrameType], bool]) -> list[OwnThread]:
    """The other threads that run a function of a generation, which says what it ``owns``."""
    names = {each.ident: each.name for each in threading.enumerate()}
    found = []
    for ident, innermost in sys._current_frames().items():
        frame: FrameType | None = innermost
        while frame is not None and ident != threading.get_ident():
            if owns(frame):
                name = names.get(ident, str(ident))
                found.append(OwnThread(ident, name, frame.f_code.co_filename, frame.f_lineno))
                break
            frame = frame.f_back
    return sorted(found, key=lambda each: each.name)
