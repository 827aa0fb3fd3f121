"""The report as one page of HTML that needs nothing else: no network, no folder beside it.

The template is ``page.html``; here is what it is filled with. Needs Jinja2, the extra ``report``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hot_reload_conformance.contract.clauses import CONTRACT, CONTRACT_VERSION
from hot_reload_conformance.report.lanes import Lanes, lanes
from hot_reload_conformance.report.shared_words import SharedWords, shared_words
from hot_reload_conformance.report.signs import SIGNS, STYLES, Sign, sign_of
from hot_reload_conformance.report.steps import brief
from hot_reload_conformance.report.story import alike
from hot_reload_conformance.report.summary import ClauseOutcome, Report, SubjectReport
from hot_reload_conformance.verdict import CheckResult, Conformance, Finding, Step, Verdict

if TYPE_CHECKING:
    from jinja2 import Template

MISSING = (
    "a report as a page needs Jinja2, which is not installed here: "
    "pip install 'pytest-hot-reload[report]'"
)
MAX_ROWS = 120
"""Of a timeline, from its end; the JSON report has all of it."""


def page(report: Report) -> str:
    """The page of ``report``. Pure: the same report gives the same text.

    Raises:
        ImportError: Jinja2 is not installed; says what to install.
    """
    return _template().render(
        report=report,
        contract=CONTRACT_VERSION,
        clauses_of_contract=CONTRACT,
        subjects=[SubjectView(each, report) for each in report.subjects],
        signs=_used(report),
    )


def write_page(report: Report, path: Path) -> None:
    """Write the page to ``path``, its folder made where it is missing.

    Raises:
        ImportError: as ``page``.
        OSError: it cannot be written.
    """
    text = page(report)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _template() -> Template:
    try:
        import jinja2
    except ImportError as error:
        raise ImportError(MISSING) from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hot_reload_conformance", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _used(report: Report) -> list[Sign]:
    used = {sign_of(each) for subject in report.subjects for each in subject.clauses}
    return [each for each in SIGNS.values() if each in used]


@dataclass(frozen=True)
class SubjectView:
    """A subject as the template shows it."""

    subject: SubjectReport
    report: Report

    @property
    def name(self) -> str:
        return self.subject.name

    @property
    def kind(self) -> str:
        return self.subject.kind.value

    @property
    def counts(self) -> str:
        return str(self.subject.counts(self.report.checked))

    @property
    def profiles(self) -> list[tuple[str, str, str, str]]:
        """Name, verdict, style and, where it ran, counts of each profile."""
        return [
            (
                profile.value,
                verdict.value,
                STYLES[verdict],
                str(self.subject.counts(self.report.checked, profile))
                if verdict is not Conformance.NOT_RUN
                else "",
            )
            for profile, verdict in self.subject.profiles.items()
        ]

    @property
    def shared(self) -> list[SharedWords]:
        return shared_words(self.subject)

    @cached_property
    def clauses(self) -> list[ClauseView]:
        return [ClauseView(each, self.name) for each in self.subject.clauses]

    @property
    def groups(self) -> list[tuple[str, list[ClauseView]]]:
        """What has to be mended first, then the others; each in the contract's order."""
        broken = [each for each in self.clauses if each.wants_attention]
        others = [each for each in self.clauses if not each.wants_attention]
        named = (("To mend", broken), ("The other clauses" if broken else "The clauses", others))
        return [(title, some) for title, some in named if some]

    @property
    def sections(self) -> list[tuple[str, list[ClauseView]]]:
        """The matrix: a row for each section, a cell for each clause."""
        found: dict[str, list[ClauseView]] = {}
        for each in self.clauses:
            found.setdefault(each.clause.section, []).append(each)
        return list(found.items())

    @property
    def columns(self) -> range:
        return range(1, max(len(row) for _, row in self.sections) + 1)


class ClauseView:
    """A clause on one subject as the template shows it."""

    def __init__(self, outcome: ClauseOutcome, subject: str) -> None:
        self.outcome = outcome
        self.clause = outcome.clause
        self.sign = sign_of(outcome)
        self.anchor = f"{subject}-{outcome.clause.code}".replace(" ", "-")
        self.checks = [CheckView(each) for each in outcome.results]

    @property
    def number(self) -> str:
        return self.clause.code.rpartition("-")[2].lstrip("0")

    @property
    def wants_attention(self) -> bool:
        """Whether it stands open: what is wrong is not looked for."""
        return self.outcome.verdict in (Verdict.FAIL, Verdict.KIT_ERROR, Verdict.UNKNOWN)

    @property
    def gist(self) -> str:
        """One line: what was found, or why it is no pass."""
        for each in self.outcome.results:
            if each.findings:
                return (each.findings[0].message.splitlines() or [""])[0]
        return (self.outcome.reason.splitlines() or [""])[0]


class CheckView:
    """A check on one subject as the template shows it."""

    def __init__(self, result: CheckResult) -> None:
        self.result = result
        self.findings = [FindingView(group) for group in alike(result.findings)]

    @property
    def variants(self) -> str:
        failed, ran = len(self.result.findings), len(self.result.variants)
        if failed and ran > 1:
            return f"{failed} of {ran} variants failed"
        if self.result.extent:
            return self.result.extent
        return f"{ran} variants" if ran > 1 else ""


class FindingView:
    """Findings that say the same: the first of them, and in which variants."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.finding = findings[0]
        self.variants = [each.variant for each in findings if each.variant]

    @property
    def steps(self) -> list[Step]:
        return [
            replace(each, text=brief(each.text), seen=brief(each.seen))
            for each in self.finding.story
            if each.text != self.finding.message
        ]

    @property
    def seen(self) -> str:
        return brief(self.finding.seen)

    @property
    def lanes(self) -> Lanes | None:
        return lanes(self.finding.timeline[-MAX_ROWS:])
