"""Merging: what adds up, what does not, and that nothing is lost or made better on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.report.json import from_json, to_json
from hot_reload_conformance.report.merge import MergeError, merge_reports
from hot_reload_conformance.report.summary import Report, SubjectReport
from hot_reload_conformance.report.unreached import Unreached
from hot_reload_conformance.shard import Part
from hot_reload_conformance.subjects.expectation import Expectations
from hot_reload_conformance.subjects.source import SourceKind
from hot_reload_conformance.verdict import CheckResult, Finding, Verdict

GOOD = CheckResult(
    code="HR-FLOW-01", check="no-loss", subject="toy", verdict=Verdict.PASS, duration_seconds=1.5
)
BAD = replace(
    GOOD,
    code="HR-ROLL-01",
    check="old-keeps-serving",
    verdict=Verdict.FAIL,
    reason="gone",
    findings=(Finding(message="gone"),),
)
MACHINE = replace(GOOD, check="no-loss[machine]")
PART = Part(1, 2, 1, 2, "abc")


def report(*results: CheckResult, **facts: Any) -> Report:
    made = Report(
        budget="quick",
        subjects=(SubjectReport("toy", SourceKind.HOST, results),),
        checked=frozenset({"HR-FLOW-01", "HR-ROLL-01"}),
    )
    return replace(made, **facts)


def documents(*reports: Report) -> Mapping[str, Any]:
    # Through text, as they come from files.
    return {f"{n}.json": json.loads(json.dumps(to_json(each))) for n, each in enumerate(reports)}


def test_a_report_comes_back_from_its_document() -> None:
    one = report(
        GOOD,
        BAD,
        notes=("a note",),
        stale=("stale",),
        part=PART,
        expected_failures={"toy": {"HR-FLOW-01": "known"}},
        unreached=(Unreached("toy", "a.py", "f", True, (1, 2), 3),),
    )
    document = json.loads(json.dumps(to_json(one)))
    assert to_json(from_json(document)) == document
    assert from_json(document).problems == one.problems


def test_two_shards_are_the_whole() -> None:
    one = merge_reports(
        documents(report(BAD, part=PART), report(GOOD, part=replace(PART, number=2))),
        {"no-loss": 0, "old-keeps-serving": 1},
    )
    assert [each.check for each in one.results] == ["no-loss", "old-keeps-serving"]
    assert (one.ok, one.part, one.problems) == (False, None, ["toy: HR-ROLL-01 fail"])


def test_the_worst_of_two_runs_counts() -> None:
    passed = replace(BAD, verdict=Verdict.PASS, findings=())
    one = merge_reports(documents(report(GOOD, passed), report(GOOD, BAD)), {})
    assert one.verdict("HR-ROLL-01") is Verdict.FAIL
    assert "2 checks ran in more than one of them" in one.notes[-1]


def test_an_expected_failure_that_passes_in_all_shards_is_stale() -> None:
    known = {"toy": {"HR-FLOW-01": "known"}}
    parts = documents(
        report(GOOD, part=PART, expected_failures=known),
        report(MACHINE, part=replace(PART, number=2), expected_failures=known),
    )

    class Checked:
        def __init__(self, name: str) -> None:
            self.id, self.clause = name, CONTRACT["HR-FLOW-01"]

    checks: Any = [Checked("no-loss"), Checked("no-loss[machine]")]
    one = merge_reports(
        parts, {}, lambda reasons, results: Expectations(reasons).stale(results, checks)
    )
    assert not one.ok
    assert "stale expected failure: HR-FLOW-01" in one.problems[0]


def test_lines_that_one_run_reached_are_reached() -> None:
    fact = Unreached("toy", "a.py", "f", True, (1, 2, 3), 5)
    parts = documents(
        report(GOOD, unreached=(fact,)), report(GOOD, unreached=(replace(fact, lines=(2, 3, 4)),))
    )
    (found,) = merge_reports(parts, {}).unreached or ()
    assert (found.lines, found.where) == ((2, 3), "a.py:2-3")


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({}, "no report was given"),
        ({"x": {"schema": "other/1"}}, "x is no report that can be merged"),
        ({"x": []}, "x is no report that can be merged"),
        (documents(report(GOOD), report(GOOD, budget="ci")), "different profiles"),
        (documents(report(GOOD, part=PART)), "shards are missing: 2/2"),
        (documents(report(GOOD, part=PART), report(GOOD)), "some of the reports are of shards"),
        (
            documents(report(GOOD, part=PART), report(BAD, part=replace(PART, selection="other"))),
            "1.json is a shard of another run",
        ),
        (
            documents(*[report(GOOD, part=replace(PART, number=n)) for n in (1, 2, 2)]),
            "shard 2/2 is there twice",
        ),
        (
            documents(*[report(GOOD, part=Part(n, 2, 1, 9, "abc")) for n in (1, 2)]),
            "the shards ran 2 checks, and there are 9",
        ),
    ],
)
def test_what_does_not_add_up_is_refused(parts: Mapping[str, Any], says: str) -> None:
    with pytest.raises(MergeError, match=says):
        merge_reports(parts, {})


def test_a_broken_document_is_named() -> None:
    (document,) = documents(report(GOOD)).values()
    del document["subjects"][0]["kind"]
    with pytest.raises(MergeError, match=r"0\.json says that it is a report, but"):
        merge_reports({"0.json": document}, {})
    document["contract"] = "0.1"
    with pytest.raises(MergeError, match=r"0\.json is of contract 0\.1"):
        merge_reports({"0.json": document}, {})
