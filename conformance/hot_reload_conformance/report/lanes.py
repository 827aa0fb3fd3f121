"""The moments of a failure as lanes: one for each generation, what it went through as bars."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_MOMENT = re.compile(
    r"(?P<lane>\S+ \S+?)#(?P<serial>\d+) (?P<what>.+) (?P<phase>begin|end|raise|taken)$"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment as a finding's timeline has it: ``alpha v2#3 start begin``."""

    lane: str
    """The plugin and its version: ``alpha v2``."""
    serial: str
    what: str
    phase: str
    """``begin``, ``end`` or ``raise``; ``whole``: it began and ended with nothing between;
    ``taken``: no hook, but events that arrived."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One hook of one generation, from its begin to its end."""

    lane: int
    what: str
    serial: str
    first: int
    """The row in which it begins, from 0; rows are moments, in their order."""
    last: int
    depth: int
    """Within how many others of its lane it began."""
    ended: str
    """``whole`` or ``end``, ``raise``, ``taken``, or ``open``: no end of it is known."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """What is drawn: a lane for each name, the oldest first, and bars in ``rows`` rows."""

    names: tuple[str, ...]
    bars: tuple[Bar, ...]
    rows: int


def moments(texts: Sequence[str]) -> list[Moment] | None:
    """``texts`` read, with a begin and its end right behind as one; None: some are no moments."""
    found: list[Moment] = []
    for text in texts:
        match = _MOMENT.match(text)
        if match is None:
            return None
        each = Moment(match["lane"], match["serial"], match["what"], match["phase"])
        if each.phase == "end" and found and found[-1] == replace(each, phase="begin"):
            found[-1] = replace(each, phase="whole")
        else:
            found.append(each)
    return found


def lanes(texts: Sequence[str]) -> Lanes | None:
    """``texts`` as lanes; None where some are no moments, or there are none."""
    read = moments(texts)
    if not read:
        return None
    names = tuple(dict.fromkeys(each.lane for each in read))
    bars: list[Bar] = []
    running: list[int] = []
    for row, each in enumerate(read):
        lane = names.index(each.lane)
        begun = next(
            (at for at in reversed(running) if _is_of(bars[at], lane, each)),
            None,
        )
        if each.phase in ("end", "raise") and begun is not None:
            running.remove(begun)
            bars[begun] = replace(bars[begun], last=row, ended=each.phase)
            continue
        ended = "open" if each.phase == "begin" else each.phase
        depth = sum(bars[at].lane == lane and bars[at].serial == each.serial for at in running)
        if each.phase == "begin":
            running.append(len(bars))
        bars.append(Bar(lane, each.what, each.serial, row, row, depth, ended))
    return Lanes(names, tuple(bars), len(read))


def _is_of(bar: Bar, lane: int, moment: Moment) -> bool:
    return (bar.lane, bar.serial, bar.what) == (lane, moment.serial, moment.what)
