"""The steps of a story: the whole way, or its ends with what broke and a count of the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from hot_reload_conformance.report.markup import Line, Span, line, wrapped
from hot_reload_conformance.verdict import Step

MAX_STEPS = 12
"""So many are shown as they are; of more only those below."""
FIRST = 3
LAST = 4
MAX_LINES = 3
"""Of one step that did not break."""
_HASH = re.compile(r"sha256:[0-9a-f]+ (?=\(generation \d)")
_NUMBER = re.compile(r"\d+")


def told_steps(steps: Sequence[Step], width: int, *, full: bool = False) -> list[Line]:
    """``steps`` as numbered lines. ``full``: every step, and every word of it.

    Otherwise a long way is cut in its middle, but a step that broke is never left
    out, and a long step is cut at its end, unless it broke.
    """
    shown = [full or _shown(number, steps) for number in range(len(steps))]
    known = {_form(step) for step, each in zip(steps, shown, strict=True) if each}
    lines: list[Line] = []
    for kept, group in groupby(enumerate(steps, 1), key=lambda pair: shown[pair[0] - 1]):
        run = list(group)
        # One step takes no more room than the line that would stand for it.
        if kept or len(run) == 1:
            for number, step in run:
                lines += _step(number, step, width, full)
            continue
        alike = " like these" if all(_form(step) in known for _, step in run) else ""
        lines.append(line(Span(f"      … {len(run)} more steps{alike} (-vv shows all) …", "quiet")))
    return lines


def brief(text: str) -> str:
    """``text`` without the hashes of generations: their numbers tell them apart."""
    return _HASH.sub("", text)


def _shown(number: int, steps: Sequence[Step]) -> bool:
    if len(steps) <= MAX_STEPS or steps[number].broken:
        return True
    return number < FIRST or number >= len(steps) - LAST


def _form(step: Step) -> str:
    return _NUMBER.sub("#", step.text)


def _step(number: int, step: Step, width: int, full: bool) -> list[Line]:
    text = f"{number:>2}. {step.text}" + "".join(_outcome(step))
    mark, style = ("E ", "bad") if step.broken else ("  ", "")
    lines = wrapped(text if full else brief(text), width, mark, style, hang="      ")
    if full or step.broken or len(lines) <= MAX_LINES:
        return lines
    (last,) = lines[MAX_LINES - 1]
    return [*lines[: MAX_LINES - 1], line(Span(f"{last.text[: width - 2]} …", last.style))]


def _outcome(step: Step) -> Iterator[str]:
    if step.seen:
        yield f"  → {step.seen}"
    if step.expected:
        yield f"  (expected {step.expected})"
