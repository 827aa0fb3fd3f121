"""Expected failures: strict by subject and clause."""

from __future__ import annotations

import pytest

from hot_reload_conformance.check import all_checks
from hot_reload_conformance.subjects.expectation import ExpectationError, Expectations
from hot_reload_conformance.verdict import CheckResult, Verdict

pytestmark = pytest.mark.usefixtures("toy_contract")


def _expecting(key: str) -> Expectations:
    return Expectations.of({"toy": {key: "see issue 12"}}, all_checks())


def _result(
    verdict: Verdict, code: str = "HR-ROLL-01", check: str = "old-keeps-serving", of: str = "toy"
) -> CheckResult:
    return CheckResult(code=code, check=check, subject=of, verdict=verdict)


@pytest.mark.parametrize("key", ["HR-ROLL-01", "old-keeps-serving"])
def test_a_failure_that_is_expected_says_why(key: str) -> None:
    applied = _expecting(key).applied(_result(Verdict.FAIL))
    assert (applied.verdict, applied.reason) == (Verdict.EXPECTED_FAIL, "see issue 12")


def test_a_pass_that_was_expected_to_fail_is_stale_and_still_a_pass() -> None:
    applied = _expecting("HR-ROLL-01").applied(_result(Verdict.PASS))
    assert applied.stale
    assert applied.verdict is Verdict.PASS
    assert "stale expected failure: HR-ROLL-01 passes on 'toy' now" in applied.reason


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.KIT_ERROR, Verdict.NOT_CLAIMED])
def test_other_verdicts_are_left_alone(verdict: Verdict) -> None:
    result = _result(verdict)
    assert _expecting("HR-ROLL-01").applied(result) == result


def test_other_subjects_and_clauses_are_left_alone() -> None:
    expecting = _expecting("HR-ROLL-01")
    for result in (
        _result(Verdict.FAIL, of="other"),
        _result(Verdict.FAIL, "HR-LOAD-01", "takes-effect"),
    ):
        assert expecting.applied(result) == result


def test_of_several_checks_one_that_fails_is_enough() -> None:
    expecting = _expecting("HR-FLOW-01")
    example = expecting.applied(_result(Verdict.PASS, "HR-FLOW-01", "no-loss"))
    machine = expecting.applied(_result(Verdict.FAIL, "HR-FLOW-01", "no-loss[machine]"))
    assert not example.stale
    assert machine.verdict is Verdict.EXPECTED_FAIL
    assert expecting.stale([example, machine], all_checks()) == []


def test_several_checks_that_all_pass_are_stale_at_the_end() -> None:
    expecting = _expecting("HR-FLOW-01")
    passes = [
        _result(Verdict.PASS, "HR-FLOW-01", "no-loss"),
        _result(Verdict.PASS, "HR-FLOW-01", "no-loss[machine]"),
    ]
    (message,) = expecting.stale(passes, all_checks())
    assert "HR-FLOW-01" in message
    assert expecting.stale(passes[:1], all_checks()) == []


def test_one_check_of_several_may_be_named() -> None:
    expecting = _expecting("no-loss[machine]")
    machine = expecting.applied(_result(Verdict.PASS, "HR-FLOW-01", "no-loss[machine]"))
    example = expecting.applied(_result(Verdict.PASS, "HR-FLOW-01", "no-loss"))
    assert machine.stale
    assert not example.stale


def test_an_unknown_clause_is_refused_with_what_was_meant() -> None:
    with pytest.raises(ExpectationError, match=r"'old-keep-serving'.*mean 'old-keeps-serving'"):
        _expecting("old-keep-serving")


def test_an_unknown_subject_is_refused_when_all_are_known() -> None:
    with pytest.raises(ExpectationError, match=r"'toy'.*Known: counter, geo"):
        _expecting("HR-ROLL-01").check_subjects(["counter", "geo"], all_known=True)


def test_when_not_all_are_known_only_a_misspelt_subject_is_refused() -> None:
    expecting = _expecting("HR-ROLL-01")
    assert expecting.check_subjects(["counter"], all_known=False) == ["toy"]
    with pytest.raises(ExpectationError, match="Did you mean 'toys'"):
        expecting.check_subjects(["toys"], all_known=False)
