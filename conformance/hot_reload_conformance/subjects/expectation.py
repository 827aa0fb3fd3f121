"""Expected failures: what a project knows to be broken, by subject and clause, with a reason.

Strict: an expected failure that passes is itself a failure, so that the list never
outlives what it excuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from hot_reload_conformance.check import Check
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.nearest import did_you_mean, nearest
from hot_reload_conformance.verdict import CheckResult, Verdict


class ExpectationError(Exception):
    """An expected failure names something that does not exist."""


@dataclass(frozen=True, slots=True)
class Expectations:
    """The expected failures of a run, by subject and then by clause code or check id."""

    reasons: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    alone: frozenset[str] = frozenset()
    """Codes of the clauses that one check judges alone."""

    @classmethod
    def of(cls, declared: Mapping[str, Mapping[str, str]], checks: Iterable[Check]) -> Expectations:
        """From what was declared; keys are codes (``HR-ROLL-02``), slugs or check ids.

        Raises:
            ExpectationError: a key is none of them.
        """
        every = tuple(checks)
        codes = [each.clause.code for each in every]
        keys = {code: code for code in CONTRACT} | {c.slug: c.code for c in CONTRACT.values()}
        keys |= {each.id: each.id for each in every if each.id not in keys}
        reasons = {
            subject: {_key(subject, key, keys): reason for key, reason in by_key.items()}
            for subject, by_key in declared.items()
        }
        return cls(reasons, frozenset(code for code in codes if codes.count(code) == 1))

    def reason(self, subject: str, code: str, check: str) -> str | None:
        """Why this check is expected to fail; None: it is not."""
        of_subject = self.reasons.get(subject, {})
        return of_subject.get(check, of_subject.get(code))

    def applied(self, result: CheckResult) -> CheckResult:
        """``result`` as the expectations have it.

        A clause with several checks needs only one that fails: whether all of them
        passed is seen at the end of the run, by ``stale``.
        """
        reason = self.reason(result.subject, result.code, result.check)
        if reason is None:
            return result
        if result.verdict is Verdict.FAIL:
            return replace(result, verdict=Verdict.EXPECTED_FAIL, reason=reason)
        by_check = result.check in self.reasons.get(result.subject, {})
        if result.verdict is Verdict.PASS and (by_check or result.code in self.alone):
            message = stale_message(result.subject, result.code, reason)
            return replace(result, stale=True, reason=message)
        return result

    def stale(self, results: Iterable[CheckResult], checks: Iterable[Check]) -> list[str]:
        """Messages for the clauses of several checks that all ran and all passed."""
        ids: dict[str, set[str]] = {}
        for each in checks:
            ids.setdefault(each.clause.code, set()).add(each.id)
        passed: dict[tuple[str, str], set[str]] = {}
        for result in results:
            if result.verdict is Verdict.PASS and not result.thinned:
                passed.setdefault((result.subject, result.code), set()).add(result.check)
        return [
            stale_message(subject, code, reason)
            for subject, by_key in self.reasons.items()
            for code, reason in by_key.items()
            if len(ids.get(code, ())) > 1 and passed.get((subject, code)) == ids[code]
        ]

    def check_subjects(self, known: Iterable[str], *, all_known: bool) -> list[str]:
        """The subjects with expectations that this run does not have.

        ``all_known``: ``known`` are all subjects of the project, so each must be
        among them. Else only a name that looks like a misspelt one is refused.

        Raises:
            ExpectationError: a name is unknown.
        """
        names = set(known)
        absent = [name for name in self.reasons if name not in names]
        for name in absent:
            if all_known or nearest(name, names):
                raise ExpectationError(
                    f"expected-failures.{name!r}: there is no subject of that name."
                    f"{did_you_mean(name, names)}"
                )
        return absent


def stale_message(subject: str, code: str, reason: str) -> str:
    """What is said of an expected failure that passes."""
    return (
        f"stale expected failure: {code} passes on {subject!r} now. Delete it from "
        f'[tool.hot-reload.expected-failures."{subject}"] (its reason was: {reason})'
    )


def _key(subject: str, key: str, known: Mapping[str, str]) -> str:
    if key not in known:
        raise ExpectationError(
            f"expected-failures.{subject!r}.{key!r}: there is no such clause."
            f"{did_you_mean(key, known)}"
        )
    return known[key]
