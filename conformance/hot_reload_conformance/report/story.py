"""A failure as a story: which sentence was broken, how, what was seen, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from hot_reload_conformance.contract.clause import Clause
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.report.markup import Line, Span, line, wrapped
from hot_reload_conformance.report.steps import brief, told_steps
from hot_reload_conformance.report.timeline import timeline
from hot_reload_conformance.verdict import CheckResult, Finding, Verdict

MAX_ALSO = 5
"""One finding is told in full; of so many others the message, and how many more there are."""
MAX_NAMES = 8


def story(result: CheckResult, again: str, width: int = 80, *, full: bool = False) -> list[Line]:
    """The story of a result that is no pass. ``again``: the id that runs only this check.

    ``full``: with every step, however many there were.
    """
    clause = CONTRACT[result.code]
    lines = _sentence(clause, result, width)
    if result.stale or not result.findings:
        return [*lines, line(), *wrapped(result.reason, width, "E   ", "bad"), *_again("", again)]
    lines += _variants(result, width)
    first, *others = alike(result.findings)
    lines += [line(), *_finding(first[0], width, full), *_also(first[1:], others, width)]
    lines += _next(clause, width)
    return lines + _again(_replay(result), again)


def headline(result: CheckResult) -> str:
    """One line for lists: the first thing that was found."""
    text = result.findings[0].message if result.findings else result.reason
    first = (text.splitlines() or [""])[0]
    return f"{result.code}: {first}"


def _sentence(clause: Clause, result: CheckResult, width: int) -> list[Line]:
    style = "bad" if result.verdict is Verdict.FAIL else "warn"
    head = line(
        Span(f"{clause.code} {clause.slug}", "head"),
        f"  {clause.level.value}  ",
        Span(result.verdict.value, style),
        f"  on {result.subject}",
    )
    return [head, *wrapped(clause.text, width - 2, "  ")]


def _variants(result: CheckResult, width: int) -> list[Line]:
    if len(result.variants) < 2:
        return []
    head = f"{len(result.findings)} of {len(result.variants)} variants failed"
    if len(result.findings) == len(result.variants):
        return [line(), line(Span(head, "head"))]
    names = _some([each.variant for each in result.findings])
    return [line(), *wrapped(f"{head}: {names}", width, "", "head")]


def _some(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMES
    return "; ".join(names[:MAX_NAMES]) + (f"; and {more} more" if more > 0 else "")


def _also(same: Sequence[Finding], others: list[list[Finding]], width: int) -> list[Line]:
    lines: list[Line] = []
    if same:
        names = _some([each.variant for each in same])
        lines += [line(), *wrapped(f"the same in: {names}", width, "  ", hang="  ")]
    if others:
        lines += [line(), line(Span("  also found", "head"))]
    for group in others[:MAX_ALSO]:
        which = f"{_some([each.variant for each in group])}: " if group[0].variant else ""
        lines += wrapped(f"{which}{unnamed(group[0])}", width, "    ", hang="  ")
    if len(others) > MAX_ALSO:
        lines.append(line(f"    and {len(others) - MAX_ALSO} more"))
    return lines


def alike(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings that say the same are told once; each may name its own variant in brackets."""
    groups: dict[str, list[Finding]] = {}
    for each in findings:
        groups.setdefault(unnamed(each), []).append(each)
    return list(groups.values())


def unnamed(finding: Finding) -> str:
    """The message without its variant's name, which stands before it anyway."""
    if not finding.variant:
        return finding.message
    return finding.message.replace(f" ({finding.variant})", "")


def _finding(finding: Finding, width: int, full: bool) -> list[Line]:
    lines: list[Line] = []
    if finding.variant:
        lines.append(line(Span(f"· {finding.variant}", "head")))
    steps = [each for each in finding.story if each.text != finding.message]
    lines += told_steps(steps, width, full=full)
    lines += wrapped(finding.message, width, "E   ", "bad")
    lines += _pair(finding.expected, finding.seen if full else brief(finding.seen), width)
    if finding.timeline:
        lines += [line(), line(Span("  what the plugins went through:", "head"))]
        lines += [line(f"    {each}") for each in timeline(finding.timeline, width - 4)]
    if finding.traceback:
        lines += [line(), *(line(f"  {each}") for each in finding.traceback.splitlines()[-20:])]
    return lines


def _pair(expected: str, seen: str, width: int) -> list[Line]:
    if not expected and not seen:
        return []
    return [
        *wrapped(f"expected: {expected}", width, "E     ", "bad"),
        *wrapped(f"seen:     {seen}", width, "E     ", "bad"),
    ]


def _next(clause: Clause, width: int) -> list[Line]:
    lines: list[Line] = []
    if clause.why:
        lines += [
            line(),
            line(Span("  why it matters", "head")),
            *wrapped(clause.why, width, "    "),
        ]
    if clause.fix:
        lines += [
            line(),
            line(Span("  how to fix it", "head")),
            *wrapped(clause.fix, width, "    "),
        ]
    return lines


def _replay(result: CheckResult) -> str:
    for finding in result.findings:
        if finding.replay:
            return finding.replay
        if finding.variant:
            return f"{result.code}={finding.variant}"
    return ""


def _again(replay: str, again: str) -> list[Line]:
    if not again:
        return []
    command = f"pytest --hot-reload-conformance {_quoted(again)}"
    if replay:
        command += f" --hot-reload-replay {_quoted(replay)}"
    return [
        line(),
        line(Span("  run only this again", "head")),
        line(Span(f"    {command}", "code")),
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
