"""Clauses that fail with the same words are told together, and only those."""

from __future__ import annotations

import dataclasses

from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.report.markup import plain
from hot_reload_conformance.report.shared_words import SharedWords, shared_words
from hot_reload_conformance.report.summary import Report, SubjectReport
from hot_reload_conformance.report.terminal import report_lines
from hot_reload_conformance.subjects.source import SourceKind
from hot_reload_conformance.verdict import CheckResult, Finding, Verdict

EXIT = "SystemExit, raised by a plugin, ended the event loop"
CODES = ("HR-LOAD-03", "HR-ROLL-01", "HR-ROLL-04", "HR-ISO-01")


def _failed(code: str, *messages: str) -> CheckResult:
    return CheckResult(
        code=code,
        check=CONTRACT[code].slug,
        subject="toy",
        verdict=Verdict.FAIL,
        reason=messages[0],
        findings=tuple(Finding(message=each) for each in messages),
    )


def _host(*results: CheckResult) -> SubjectReport:
    return SubjectReport("toy", SourceKind.HOST, results)


def test_one_line_for_all_clauses_with_the_same_words() -> None:
    host = _host(
        _failed("HR-LOAD-02", "left a thread"),
        *(_failed(code, f"something of {code}", f"{EXIT}\nmore") for code in CODES),
    )
    assert shared_words(host) == [SharedWords(EXIT, CODES)]
    report = Report(budget="quick", subjects=(host,), checked=frozenset(CODES))
    text = " ".join(plain(report_lines(report, 90)).split())
    assert text.count(EXIT) == 1
    assert (
        f"Mend these first toy: 4 clauses fail with the same words ({', '.join(CODES)}): {EXIT}"
        in text
    )


def test_numbers_make_no_difference_and_other_words_do() -> None:
    numbered = [_failed(code, f"{n} reloads left {n} threads") for n, code in enumerate(CODES)]
    assert [each.codes for each in shared_words(_host(*numbered))] == [CODES]
    worded = [
        _failed(code, f"left {kind} open")
        for code, kind in zip(CODES, ("a", "b", "c", "d"), strict=True)
    ]
    assert shared_words(_host(*worded)) == []


def test_the_same_exception_in_other_sentences() -> None:
    told = "AttributeError: 'NoneType' object has no attribute 'stop'"
    verbs = ("load", "reload", "unload", "call")
    results = [
        _failed(code, f"the {verb} failed: {told}") for code, verb in zip(CODES, verbs, strict=True)
    ]
    assert shared_words(_host(*results)) == [SharedWords(told, CODES)]


def test_what_the_kit_has_plugins_raise_is_no_cause() -> None:
    verbs = ("load", "reload", "unload", "call")
    results = [
        _failed(code, f"{verb}: PlannedError: planned in start")
        for code, verb in zip(CODES, verbs, strict=True)
    ]
    assert shared_words(_host(*results)) == []


def test_two_clauses_are_no_group_and_a_group_is_told_once() -> None:
    two = [_failed(code, EXIT) for code in CODES[:2]]
    assert shared_words(_host(*two)) == []
    both = [_failed(code, EXIT, "left a thread") for code in CODES]
    assert [each.words for each in shared_words(_host(*both))] == [EXIT]


def test_only_failures_count() -> None:
    passed = [dataclasses.replace(_failed(code, EXIT), verdict=Verdict.UNKNOWN) for code in CODES]
    assert shared_words(_host(*passed)) == []
