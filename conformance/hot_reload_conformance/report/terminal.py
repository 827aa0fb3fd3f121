"""The report on a terminal: the matrix, the counts, the verdicts, and what to do next."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from hot_reload_conformance.contract.clauses import CONTRACT, CONTRACT_VERSION
from hot_reload_conformance.report.explored_lines import explored_lines
from hot_reload_conformance.report.in_part import HEAD, in_part_lines
from hot_reload_conformance.report.markup import Line, Span, line, width_of, wrapped
from hot_reload_conformance.report.shared_words import shared_words
from hot_reload_conformance.report.signs import SIGNS, STYLES, sign_of
from hot_reload_conformance.report.story import headline
from hot_reload_conformance.report.summary import ClauseOutcome, Report, SubjectReport
from hot_reload_conformance.report.unreached import unreached_lines
from hot_reload_conformance.verdict import CheckResult, Conformance, Verdict

_SHOWN_HINTS = 12
_NAME_WIDTH = 11
_VERDICT_WIDTH = 16
_ORDER = {code: place for place, code in enumerate(CONTRACT)}


def report_lines(
    report: Report, width: int = 80, *, unicode: bool = True, verbose: bool = False
) -> list[Line]:
    """The whole section. ``unicode=False`` for terminals that cannot show ✓; ``verbose`` tells
    what each state machine went through, and why variants were left out."""
    lines: list[Line] = []
    for note in report.notes:
        lines += wrapped(note, width, "", "head")
    if report.subjects:
        lines += [line(), *_matrix(report, width, unicode), line()]
        for subject in report.subjects:
            lines += _standing(subject, report, width)
            lines += explored_lines(subject.machines, width, verbose=verbose)
    lines += _shared(report, width)
    lines += _broken(report, width)
    lines += _listed(HEAD, "head", width, in_part_lines(report.results, verbose=verbose))
    lines += _hints(report, width)
    if report.unreached is not None:
        lines += unreached_lines(report.unreached, width)
    if not report.checks_run and report.problems:
        lines += [line(), *wrapped(report.problems[0], width, "", "bad")]
    return lines


def title(report: Report) -> str:
    """What stands above the section."""
    return f"reload contract {CONTRACT_VERSION}, profile {report.budget}"


def _matrix(report: Report, width: int, unicode: bool) -> list[Line]:
    """Sections downwards, their clauses by number to the right, a row for each subject."""
    label = max(9, *(min(24, len(each.name) + 5) for each in report.subjects))
    rows: list[Line] = []
    for group in _alike(report.subjects):
        sections = group[0].sections
        shown = [
            name for name in sections if any(_seen(subject.sections[name]) for subject in group)
        ]
        most = max((len(sections[name]) for name in shown), default=0)
        heads = "".join(f"{number:>3}" for number in range(1, most + 1))
        corner = group[0].name if len(group) == 1 else ""
        rows.append(line(Span(f"{_short(corner, label):<{label}}", "head"), Span(heads, "quiet")))
        for name in shown:
            if len(group) == 1:
                rows.append(_row(f"  {name}", group[0].sections[name], label, unicode))
                continue
            rows.append(line(Span(f"  {name}", "head")))
            for subject in group:
                text = _short(f"    {subject.name}", label)
                rows.append(_row(text, subject.sections[name], label, unicode))
        unseen = [name for name in sections if name not in shown]
        if unseen:
            text = ", ".join(f"{name} ({len(sections[name])})" for name in unseen)
            rows += wrapped(f"not run: {text}", width - 2, "  ", "quiet")
        rows.append(line())
    return [*rows, *_legend(report, width, unicode)]


def _alike(subjects: Sequence[SubjectReport]) -> list[list[SubjectReport]]:
    """Hosts together, plugins together: they have columns in common."""
    groups: dict[object, list[SubjectReport]] = {}
    for each in subjects:
        groups.setdefault(each.kind, []).append(each)
    return list(groups.values())


def _seen(outcomes: Iterable[ClauseOutcome]) -> bool:
    return any(each.verdict is not Verdict.NOT_RUN for each in outcomes)


def _row(label: str, outcomes: Sequence[ClauseOutcome], width: int, unicode: bool) -> Line:
    spans = [Span(f"{label:<{width}}")]
    for each in outcomes:
        sign = sign_of(each)
        spans.append(Span(f"  {sign.sign if unicode else sign.ascii}", sign.style))
    return tuple(spans)


def _legend(report: Report, width: int, unicode: bool) -> list[Line]:
    used = {sign_of(each) for subject in report.subjects for each in subject.clauses}
    rows: list[list[Span]] = [[Span("  ")]]
    for sign in SIGNS.values():
        if sign not in used:
            continue
        shown = sign.sign if unicode else sign.ascii
        if width_of(tuple(rows[-1])) + len(f"{shown} {sign.words}   ") > width:
            rows.append([Span("  ")])
        rows[-1] += [Span(shown, sign.style), Span(f" {sign.words}   ", "quiet")]
    return [(*row[:-1], Span(row[-1].text.rstrip(), row[-1].style)) for row in rows]


def _short(text: str, width: int) -> str:
    return text if len(text) < width else f"{text[: width - 2]}…"


def _standing(subject: SubjectReport, report: Report, width: int) -> list[Line]:
    """One subject's counts, and its verdict for every profile."""
    counts = subject.counts(report.checked)
    lines = _fitted(line(Span(subject.name, "head"), f" ({subject.kind.value}): {counts}"), width)
    idle: list[str] = []
    for profile, verdict in subject.profiles.items():
        if verdict is Conformance.NOT_RUN:
            idle.append(profile.value)
            continue
        of_profile = subject.counts(report.checked, profile)
        lines += _fitted(
            line(
                f"  {profile.value:<{_NAME_WIDTH}}",
                # Where one profile is all there is, its counts stand on the line above.
                *(
                    [Span(verdict.value, STYLES[verdict])]
                    if of_profile == counts
                    else [
                        Span(f"{verdict.value:<{_VERDICT_WIDTH}}", STYLES[verdict]),
                        Span(str(of_profile), "quiet"),
                    ]
                ),
            ),
            width,
            hang=2 + _NAME_WIDTH + _VERDICT_WIDTH,
        )
    if idle:
        lines += wrapped(f"not run: {', '.join(idle)}", width - 2, "  ", "quiet")
    return lines


def _fitted(spans: Line, width: int, hang: int = 2) -> list[Line]:
    """``spans`` on one line, or the last of them continued below, ``hang`` columns in."""
    *before, last = spans
    room = width - width_of(tuple(before))
    if len(last.text) <= room:
        return [spans]
    first, *more = textwrap.wrap(last.text, max(20, room), drop_whitespace=False)
    below = textwrap.wrap(" ".join("".join(more).split()), max(20, width - hang))
    return [
        (*before, Span(first.rstrip(), last.style)),
        *(line(" " * hang, Span(each, last.style)) for each in below),
    ]


def _shared(report: Report, width: int) -> list[Line]:
    """Where to begin: what several clauses fail with."""
    return _listed(
        "Mend these first",
        "head",
        width,
        [
            f"{subject.name}: {len(each.codes)} clauses fail with the same words ("
            f"{_codes(each.codes)}): {each.words}"
            for subject in report.subjects
            for each in shared_words(subject)
        ],
    )


def _broken(report: Report, width: int) -> list[Line]:
    """What pytest's own sections do not tell: all but the failures of MUST clauses."""
    lines: list[Line] = []
    kit = [each for each in report.results if each.verdict is Verdict.KIT_ERROR]
    lines += _listed(
        "The kit or an adapter broke (nothing against the subject)",
        "bad",
        width,
        [
            f"{reason} ({_these(each for each in kit if each.reason == reason)})"
            for reason in dict.fromkeys(each.reason for each in kit)
        ],
    )
    lines += _listed(
        "Could not be judged",
        "warn",
        width,
        _together([each for each in report.results if each.verdict is Verdict.UNKNOWN]),
    )
    lines += _listed(
        "Broken SHOULD clauses (they do not fail the run)",
        "warn",
        width,
        [
            f"{subject.name}: {headline(result)}"
            for subject in report.subjects
            for outcome in subject.having(Verdict.FAIL, binding=False)
            for result in outcome.results
            if result.verdict is Verdict.FAIL
        ],
    )
    lines += _listed(
        "Expected failures",
        "warn",
        width,
        [
            f"{each.subject}: {each.code} {each.check}: {each.reason}"
            for each in report.results
            if each.verdict is Verdict.EXPECTED_FAIL
        ],
    )
    lines += _listed(
        "Stale expected failures (they fail the run)",
        "bad",
        width,
        [
            *(each.reason for each in report.results if each.stale),
            *report.stale,
        ],
    )
    return lines


def _together(results: Sequence[CheckResult]) -> list[str]:
    """A line for each; what could not be judged for one and the same reason is said once."""
    groups: dict[tuple[str, str], list[CheckResult]] = {}
    for each in sorted(results, key=lambda each: _ORDER.get(each.code, 0)):
        groups.setdefault((each.subject, each.reason), []).append(each)
    return [
        f"{subject}: {group[0].check} {headline(group[0])}"
        if len(group) == 1
        else f"{subject}: {_codes([each.code for each in group])}: {reason}"
        for (subject, reason), group in groups.items()
    ]


def _these(results: Iterable[CheckResult]) -> str:
    checks = [f"{each.subject}: {each.check}" for each in results]
    return checks[0] if len(checks) == 1 else f"{checks[0]} and {len(checks) - 1} more"


def _hints(report: Report, width: int) -> list[Line]:
    """What a subject would have to claim or give, the same for several clauses said once."""
    codes: dict[tuple[str, str], list[str]] = {}
    for result in sorted(report.results, key=lambda each: _ORDER.get(each.code, 0)):
        if result.verdict is Verdict.NOT_CLAIMED:
            codes.setdefault((result.subject, result.reason), []).append(result.code)
    subjects: dict[tuple[str, str], list[str]] = {}
    for (subject, reason), each in codes.items():
        subjects.setdefault((_codes(each), reason), []).append(subject)
    texts = [
        f"{which}{_whose(names, report)}: {reason.removeprefix('not claimed: ')}"
        for (which, reason), names in subjects.items()
    ]
    shown = texts[:_SHOWN_HINTS]
    if len(texts) > len(shown):
        rest = len(texts) - len(shown)
        shown.append(f"… and {rest} more: pytest -rs lists them all, and the JSON report has them")
    return _listed("Not claimed, so not checked", "head", width, shown)


def _whose(names: Sequence[str], report: Report) -> str:
    """Which subjects a hint is for, where it is not for all of them."""
    if len(names) == len(report.subjects):
        return ""
    return f" ({', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''})"


def _codes(codes: Sequence[str]) -> str:
    unique = list(dict.fromkeys(codes))
    return ", ".join(unique[:4]) + (f" and {len(unique) - 4} more" if len(unique) > 4 else "")


def _listed(head: str, style: str, width: int, texts: Sequence[str]) -> list[Line]:
    if not texts:
        return []
    lines = [line(), line(Span(head, style))]
    for text in texts:
        lines += wrapped(text, width - 2, "  ")
    return lines
