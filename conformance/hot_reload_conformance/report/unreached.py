"""Lines of a subject's own code that no check reached: what the verdicts say nothing about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hot_reload_conformance.report.markup import Line, Span, line, wrapped

MAX_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Unreached:
    """One function's lines. Plain data: it stands in the JSON report as it is."""

    subject: str
    file: str
    """Relative to the project, where it is in it."""
    function: str
    """``Counter.stop``; "": the module's own lines."""
    hook: bool
    """Whether a host calls it: a hook, a role's method or the constructor."""
    lines: tuple[int, ...]
    """Those that no check reached, from 1."""
    of: int
    """How many lines with code it has. ``lines`` of all functions reached are empty."""

    @property
    def where(self) -> str:
        """``plugins/counter.py:12-14,20``: an editor opens it."""
        return f"{self.file}:{ranges(self.lines)}"


def ranges(lines: Iterable[int]) -> str:
    """``12-14,20``."""
    found: list[list[int]] = []
    for each in sorted(set(lines)):
        if found and each == found[-1][1] + 1:
            found[-1][1] = each
        else:
            found.append([each, each])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def merged_unreached(parts: Sequence[Sequence[Unreached]]) -> tuple[Unreached, ...]:
    """What was reached in none of several runs."""
    missed: dict[tuple[str, str, str], set[int]] = {}
    facts: dict[tuple[str, str, str], Unreached] = {}
    for part in parts:
        for each in part:
            key = (each.subject, each.file, each.function)
            facts[key] = each
            missed[key] = missed.get(key, set(each.lines)) & set(each.lines)
    return tuple(
        Unreached(*key, hook=fact.hook, lines=tuple(sorted(missed[key])), of=fact.of)
        for key, fact in facts.items()
    )


def unreached_lines(found: Sequence[Unreached], width: int) -> list[Line]:
    """The section of the report: the hooks first, each with its lines; a sum for the rest."""
    measured = sum(each.of for each in found)
    if not measured:
        head = "Coverage: no line of a subject's own code could be measured"
        return [line(), *wrapped(head, width, "", "warn")]
    reached = measured - sum(len(each.lines) for each in found)
    lines = [line(), line(Span(f"Own code reached: {reached} of {measured} lines", "head"))]
    # What a host calls comes first: nobody else can try that.
    missed = sorted((each for each in found if each.lines), key=lambda each: not each.hook)
    for each in missed[:MAX_SHOWN]:
        whole = " (never called)" if len(each.lines) == each.of else ""
        what = f"{each.function}{whole}" if each.function else "the module itself"
        lines += wrapped(f"{each.where}  {what}", width - 2, "  ", "warn" if each.hook else "")
    if len(missed) > MAX_SHOWN:
        lines.append(line(f"  … and {len(missed) - MAX_SHOWN} functions more"))
    if any(each.hook for each in missed):
        text = "No verdict says anything of these hooks. Say how the plugin is used: `exercise`, "
        lines += wrapped(text + "`events` and `config` of a PluginSubject reach more.", width - 2)
    return lines
