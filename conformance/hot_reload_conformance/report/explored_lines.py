"""What the state machines went through, as lines of the report."""

from __future__ import annotations

from collections.abc import Sequence

from hot_reload_conformance.explored import Explored
from hot_reload_conformance.report.markup import Line, Span, line, wrapped

_NAME_WIDTH = 11


def explored_lines(machines: Sequence[Explored], width: int, *, verbose: bool) -> list[Line]:
    """One line for all of them; ``verbose``: one for each. What never came is always told."""
    lines: list[Line] = []
    if verbose:
        longest = max([_NAME_WIDTH, *(len(each.machine) + 1 for each in machines)])
        for each in machines:
            name = f"  {each.machine:<{longest}}"
            lines.append(line(name, Span(f"explored: {each}", "quiet")))
    elif machines:
        lines += wrapped(f"explored: {_whole(machines)}", width - 2, "  ", "quiet")
    for each in machines:
        if each.missing:
            text = f"the {each.machine} machine never came to: {'; '.join(each.missing)}"
            lines += wrapped(text, width - 2, "  ", "warn")
    return lines


def _whole(machines: Sequence[Explored]) -> str:
    rules = sum(len(each.rules) for each in machines)
    taken = sum(each.taken for each in machines)
    required = sum(len(each.required) for each in machines)
    steps = sum(each.steps for each in machines)
    plural = "machine" if len(machines) == 1 else "machines"
    return (
        f"{len(machines)} {plural}, {rules} rules, {taken} of {required} transitions, "
        f"{steps:,} steps"
    )
