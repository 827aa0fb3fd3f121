"""The sum of a run: verdicts per clause, per profile and for the run. Pure: no output, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hot_reload_conformance.contract.clause import SECTIONS, Clause, Level, Profile
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.explored import Explored, summed
from hot_reload_conformance.report.unreached import Unreached
from hot_reload_conformance.shard import Part
from hot_reload_conformance.subjects.source import SourceKind
from hot_reload_conformance.verdict import CheckResult, Conformance, Verdict

WORST_FIRST = (
    Verdict.FAIL,
    Verdict.KIT_ERROR,
    Verdict.UNKNOWN,
    Verdict.EXPECTED_FAIL,
    Verdict.PASS,
    Verdict.NOT_CLAIMED,
    Verdict.NOT_RUN,
)
"""A clause that several checks judge has the worst of their verdicts."""

RAN = frozenset({Verdict.FAIL, Verdict.EXPECTED_FAIL, Verdict.PASS, Verdict.UNKNOWN})
"""Verdicts of checks that were run on the subject to some end."""


@dataclass(frozen=True, slots=True)
class ClauseOutcome:
    """What all checks of one clause found on one subject."""

    clause: Clause
    results: tuple[CheckResult, ...] = ()

    @property
    def verdict(self) -> Verdict:
        found = {each.verdict for each in self.results}
        return next((each for each in WORST_FIRST if each in found), Verdict.NOT_RUN)

    @property
    def reason(self) -> str:
        """Why it is not a pass, in the words of the check that decided."""
        return next((each.reason for each in self.results if each.verdict is self.verdict), "")

    @property
    def thinned(self) -> bool:
        """Whether it is a pass of some variants alone, since the subject is slow."""
        return self.verdict is Verdict.PASS and any(each.thinned for each in self.results)

    @property
    def must(self) -> bool:
        return self.clause.level is Level.MUST

    @property
    def binding(self) -> bool:
        """Whether its verdict counts: that of a MUST that is more than advisory."""
        failed = [each for each in self.results if each.verdict is Verdict.FAIL]
        advisory = self.verdict is Verdict.FAIL and all(each.advisory for each in failed)
        return self.must and not advisory


@dataclass(frozen=True, slots=True)
class Counts:
    """How many MUST clauses apply to a subject, and what became of them."""

    total: int
    ran: int
    passed: int
    not_claimed: int
    not_checked: int
    """No check judges them yet."""

    def __str__(self) -> str:
        rest = self.total - self.ran - self.not_claimed - self.not_checked
        parts = [
            f"{self.not_claimed} not claimed" if self.not_claimed else "",
            f"{self.not_checked} not yet checked" if self.not_checked else "",
            f"{rest} not run" if rest else "",
        ]
        tail = ", ".join(each for each in parts if each)
        head = f"{self.ran} of {self.total} MUST run, {self.passed} passed"
        return head + (f" ({tail})" if tail else "")


@dataclass(frozen=True)
class SubjectReport:
    """One subject's results. ``name`` is what expected failures call it by."""

    name: str
    kind: SourceKind
    results: tuple[CheckResult, ...]

    @cached_property
    def clauses(self) -> tuple[ClauseOutcome, ...]:
        """Every clause that binds such a subject, in the order of the contract."""
        by_code: dict[str, list[CheckResult]] = {}
        for result in self.results:
            by_code.setdefault(result.code, []).append(result)
        plugin = self.kind is SourceKind.PLUGIN
        return tuple(
            ClauseOutcome(clause, tuple(by_code.get(clause.code, ())))
            for clause in CONTRACT.values()
            if clause.for_plugins is plugin
        )

    @property
    def sections(self) -> dict[str, tuple[ClauseOutcome, ...]]:
        """The clauses by section, in order."""
        found: dict[str, list[ClauseOutcome]] = {}
        for each in self.clauses:
            found.setdefault(each.clause.section, []).append(each)
        return {name: tuple(outcomes) for name, outcomes in found.items()}

    @property
    def profiles(self) -> dict[Profile, Conformance]:
        """The verdict for each profile that applies to such a subject."""
        plugin = self.kind is SourceKind.PLUGIN
        return {
            profile: conformance(
                each for each in self.clauses if each.clause.section in SECTIONS[profile]
            )
            for profile in Profile
            if (profile is Profile.PLUGIN) is plugin
        }

    def counts(self, checked: frozenset[str], profile: Profile | None = None) -> Counts:
        """Of the MUST clauses; ``checked`` are the codes that have a check."""
        must = [
            each for each in self.clauses if each.must and profile in (None, each.clause.profile)
        ]
        verdicts = _weighed(must)
        return Counts(
            total=len(must),
            ran=sum(each in RAN for each in verdicts),
            passed=verdicts.count(Verdict.PASS),
            not_claimed=verdicts.count(Verdict.NOT_CLAIMED),
            not_checked=sum(
                each.verdict is Verdict.NOT_RUN and each.clause.code not in checked for each in must
            ),
        )

    @property
    def machines(self) -> tuple[Explored, ...]:
        """What the state machine of each profile went through, all of its clauses together."""
        return summed(each.explored for each in self.results if each.explored is not None)

    def having(self, verdict: Verdict, *, binding: bool | None = None) -> list[ClauseOutcome]:
        """The clauses of that verdict; ``binding`` chooses MUST or SHOULD alone."""
        return [
            each
            for each in self.clauses
            if each.verdict is verdict and binding in (None, each.binding)
        ]


def conformance(outcomes: Iterable[ClauseOutcome]) -> Conformance:
    """The verdict for a set of clauses. Only MUST counts; what did not run is no pass."""
    verdicts = _weighed(outcomes)
    if not any(each in RAN for each in verdicts):
        return Conformance.NOT_RUN
    if any(each in (Verdict.FAIL, Verdict.EXPECTED_FAIL) for each in verdicts):
        return Conformance.NOT_CONFORMANT
    if all(each is Verdict.PASS for each in verdicts):
        return Conformance.CONFORMANT
    return Conformance.PARTIAL


def _weighed(outcomes: Iterable[ClauseOutcome]) -> list[Verdict]:
    """The verdicts of MUST clauses; what is advisory stands against none of them."""
    return [each.verdict if each.binding else Verdict.PASS for each in outcomes if each.must]


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole run: its subjects, in the order in which they were met."""

    budget: str
    """The name of the budget: quick, ci or nightly."""
    subjects: tuple[SubjectReport, ...]
    checked: frozenset[str]
    """The codes of the clauses that have a check."""
    stale: tuple[str, ...] = ()
    """Expected failures of several checks that all passed."""
    notes: tuple[str, ...] = ()
    """What else whoever reads the report has to know."""
    part: Part | None = None
    """The shard that this is; None: it is the whole."""
    expected_failures: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Those declared for the subjects, by code or check id, with their reasons."""
    unreached: tuple[Unreached, ...] | None = None
    """Lines of the subjects' own code, by function, where they were measured."""

    @property
    def results(self) -> tuple[CheckResult, ...]:
        return tuple(result for subject in self.subjects for result in subject.results)

    @property
    def checks_run(self) -> int:
        """How many checks came to a verdict about a subject. Zero of them is no success."""
        return sum(each.verdict in RAN for each in self.results)

    @property
    def problems(self) -> list[str]:
        """Why the run is no success, one line each; empty: it is one."""
        found: list[str] = []
        if not self.checks_run and self.part is None:  # of a shard, the others may have all
            found.append("no check was run to a verdict: nothing is known of any subject")
        for each in self.results:
            if counts_against(each):
                what = each.reason if each.stale else f"{each.code} {each.verdict.value}"
                found.append(f"{each.subject}: {what}")
        return list(dict.fromkeys([*found, *self.stale]))

    @property
    def ok(self) -> bool:
        """Whether the run counts as a success: no MUST failed or unknown, no kit-error."""
        return not self.problems

    def verdict(self, code: str, subject: str | None = None) -> Verdict:
        """The verdict for one clause, on ``subject`` or on the only one.

        Raises:
            KeyError: no such clause for such a subject, or no such subject.
        """
        names = [each.name for each in self.subjects]
        if subject is None and len(names) != 1:
            raise KeyError(f"which subject? There are {names}")
        for each in self.subjects:
            if subject in (None, each.name):
                for outcome in each.clauses:
                    if outcome.clause.code == code:
                        return outcome.verdict
        raise KeyError(f"no {code} for {subject or names[0]!r}")


def counts_against(result: CheckResult) -> bool:
    """Whether ``result`` makes the run fail: not so a SHOULD that is broken or unknown,
    nor a finding that is advisory."""
    if result.verdict is Verdict.KIT_ERROR or result.stale:
        return True
    binding = CONTRACT[result.code].level is Level.MUST and not result.advisory
    return binding and result.verdict in (Verdict.FAIL, Verdict.UNKNOWN)
