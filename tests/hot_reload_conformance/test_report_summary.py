"""The sum of a run, as pure arithmetic."""

from __future__ import annotations

import pytest

from hot_reload_conformance.contract.clause import Level, Profile
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.report.summary import (
    Report,
    SubjectReport,
    conformance,
    counts_against,
)
from hot_reload_conformance.subjects.source import SourceKind
from hot_reload_conformance.verdict import CheckResult, Conformance, Finding, Verdict

STATE = [
    each
    for each in CONTRACT.values()
    if each.profile is Profile.STATEFUL and each.level is Level.MUST
]


def _result(code: str, verdict: Verdict, check: str = "", **rest: object) -> CheckResult:
    return CheckResult(code=code, check=check or code, subject="toy", verdict=verdict, **rest)  # type: ignore[arg-type]


def _host(*results: CheckResult) -> SubjectReport:
    return SubjectReport("toy", SourceKind.HOST, results)


def _report(*results: CheckResult, stale: tuple[str, ...] = ()) -> Report:
    codes = frozenset(each.code for each in results)
    return Report(budget="quick", subjects=(_host(*results),), checked=codes, stale=stale)


def _stateful(*verdicts: Verdict) -> Conformance:
    results = [_result(clause.code, v) for clause, v in zip(STATE, verdicts, strict=True)]
    return _host(*results).profiles[Profile.STATEFUL]


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        (Verdict.PASS, Conformance.CONFORMANT),
        (Verdict.NOT_CLAIMED, Conformance.PARTIAL),
        (Verdict.NOT_RUN, Conformance.PARTIAL),
        (Verdict.UNKNOWN, Conformance.PARTIAL),
        (Verdict.KIT_ERROR, Conformance.PARTIAL),
        (Verdict.FAIL, Conformance.NOT_CONFORMANT),
        (Verdict.EXPECTED_FAIL, Conformance.NOT_CONFORMANT),
    ],
)
def test_one_clause_that_did_not_pass_decides_the_profile(
    odd: Verdict, expected: Conformance
) -> None:
    rest = [Verdict.PASS] * (len(STATE) - 1)
    assert _stateful(*rest, odd) is expected


@pytest.mark.parametrize("verdict", [Verdict.NOT_CLAIMED, Verdict.NOT_RUN, Verdict.KIT_ERROR])
def test_a_profile_of_which_nothing_ran_was_not_run(verdict: Verdict) -> None:
    assert _stateful(*[verdict] * len(STATE)) is Conformance.NOT_RUN


@pytest.mark.parametrize("advisory", [True, False])
def test_what_a_must_says_as_a_should_fails_no_run_and_no_profile(advisory: bool) -> None:
    logged, nameless = Finding(message="logged alone", advisory=True), Finding(message="no line")
    findings = (logged,) if advisory else (logged, nameless)
    odd = _result(STATE[0].code, Verdict.FAIL, findings=findings)
    host = _host(odd, *(_result(each.code, Verdict.PASS) for each in STATE[1:]))
    wanted = Conformance.CONFORMANT if advisory else Conformance.NOT_CONFORMANT
    assert host.profiles[Profile.STATEFUL] is wanted
    assert counts_against(odd) is not advisory
    assert [each.clause for each in host.having(Verdict.FAIL, binding=not advisory)] == [STATE[0]]
    counts = host.counts(frozenset(each.code for each in STATE), Profile.STATEFUL)
    assert (counts.total, counts.ran) == (len(STATE), len(STATE))
    assert counts.passed == len(STATE) - (not advisory)


def test_should_clauses_decide_no_profile() -> None:
    results = [_result(each.code, Verdict.PASS) for each in STATE]
    subject = _host(*results, _result("HR-STATE-09", Verdict.FAIL))
    assert subject.profiles[Profile.STATEFUL] is Conformance.CONFORMANT
    assert conformance([]) is Conformance.NOT_RUN


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ((Verdict.PASS, Verdict.FAIL), Verdict.FAIL),
        ((Verdict.PASS, Verdict.NOT_CLAIMED), Verdict.PASS),
        ((Verdict.KIT_ERROR, Verdict.PASS), Verdict.KIT_ERROR),
        ((Verdict.UNKNOWN, Verdict.EXPECTED_FAIL), Verdict.UNKNOWN),
        ((), Verdict.NOT_RUN),
    ],
)
def test_a_clause_has_the_worst_verdict_of_its_checks(
    verdicts: tuple[Verdict, ...], worst: Verdict
) -> None:
    results = [_result("HR-FLOW-01", each, str(n)) for n, each in enumerate(verdicts)]
    outcome = next(each for each in _host(*results).clauses if each.clause.code == "HR-FLOW-01")
    assert outcome.verdict is worst


def test_hosts_and_plugins_have_clauses_and_profiles_of_their_own() -> None:
    plugin = SubjectReport("counter", SourceKind.PLUGIN, ())
    assert {each.clause.section for each in plugin.clauses} == {"PLUG"}
    assert list(plugin.profiles) == [Profile.PLUGIN]
    assert Profile.PLUGIN not in _host().profiles
    assert len(plugin.clauses) + len(_host().clauses) == len(CONTRACT)


def test_counts_tell_run_not_claimed_not_checked_and_not_run_apart() -> None:
    subject = _host(
        _result("HR-STATE-01", Verdict.PASS),
        _result("HR-STATE-02", Verdict.FAIL),
        _result("HR-STATE-03", Verdict.NOT_CLAIMED),
        _result("HR-STATE-04", Verdict.KIT_ERROR),
    )
    checked = frozenset({"HR-STATE-01", "HR-STATE-02", "HR-STATE-03", "HR-STATE-04"})
    counts = subject.counts(checked | {"HR-STATE-05"}, Profile.STATEFUL)
    total = len(STATE)
    assert str(counts) == (
        f"2 of {total} MUST run, 1 passed (1 not claimed, {total - 5} not yet checked, 2 not run)"
    )


@pytest.mark.parametrize(
    ("result", "against"),
    [
        (_result("HR-ROLL-01", Verdict.FAIL), True),
        (_result("HR-ROLL-01", Verdict.UNKNOWN), True),
        (_result("HR-ROLL-01", Verdict.PASS), False),
        (_result("HR-ROLL-01", Verdict.EXPECTED_FAIL), False),
        (_result("HR-ROLL-01", Verdict.NOT_CLAIMED), False),
        (_result("HR-ROLL-01", Verdict.PASS, stale=True), True),
        (_result("HR-FLOW-12", Verdict.FAIL), False),
        (_result("HR-FLOW-12", Verdict.UNKNOWN), False),
        (_result("HR-FLOW-12", Verdict.KIT_ERROR), True),
        (_result("HR-FLOW-12", Verdict.PASS, stale=True), True),
    ],
)
def test_what_counts_against_a_run(result: CheckResult, against: bool) -> None:
    assert counts_against(result) is against
    assert _report(_result("HR-LOAD-01", Verdict.PASS), result).ok is not against


def test_zero_checks_are_no_success() -> None:
    for nothing in (_report(), _report(_result("HR-ROLL-01", Verdict.NOT_CLAIMED))):
        assert not nothing.ok
        assert nothing.problems == [
            "no check was run to a verdict: nothing is known of any subject"
        ]


def test_a_stale_expectation_of_the_end_is_a_problem() -> None:
    assert not _report(_result("HR-LOAD-01", Verdict.PASS), stale=("gone",)).ok


def test_the_verdict_of_one_clause() -> None:
    report = _report(_result("HR-LOAD-01", Verdict.PASS))
    assert report.verdict("HR-LOAD-01") is Verdict.PASS
    assert report.verdict("HR-LOAD-02", "toy") is Verdict.NOT_RUN
    for code, subject in (("HR-PLUG-01", None), ("HR-LOAD-01", "other")):
        with pytest.raises(KeyError):
            report.verdict(code, subject)
