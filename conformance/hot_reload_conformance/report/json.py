"""The report as JSON, in a versioned schema: ``docs/reference/report.schema.json``.

The same plain form carries results between processes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hot_reload_conformance.contract.clauses import CONTRACT_VERSION
from hot_reload_conformance.explored import Explored
from hot_reload_conformance.report.summary import ClauseOutcome, Report, SubjectReport
from hot_reload_conformance.report.unreached import Unreached
from hot_reload_conformance.shard import Part
from hot_reload_conformance.subjects.source import SourceKind
from hot_reload_conformance.verdict import CheckResult, Finding, LeftOut, Step, Verdict

SCHEMA = "hot-reload-report/1"
"""Its number changes when a reader of the old form would misread the new one."""


def to_json(report: Report) -> dict[str, Any]:
    """The report as a document of the schema. Plain data: dicts, lists, strings, numbers."""
    return {
        "schema": SCHEMA,
        "contract": CONTRACT_VERSION,
        "budget": report.budget,
        "ok": report.ok,
        "checks_run": report.checks_run,
        "problems": report.problems,
        "notes": list(report.notes),
        "stale": list(report.stale),
        "shard": asdict(report.part) if report.part is not None else None,
        "expected_failures": {
            subject: dict(reasons) for subject, reasons in report.expected_failures.items()
        },
        "unreached": _listed([asdict(each) for each in report.unreached])
        if report.unreached is not None
        else None,
        "subjects": [_subject(each, report) for each in report.subjects],
    }


def from_json(document: Mapping[str, Any]) -> Report:
    """The report that ``to_json`` made ``document`` of; what is derived is derived again.

    Raises:
        KeyError, TypeError, ValueError: it is no document of this schema.
    """
    subjects = document["subjects"]
    part, unreached = document.get("shard"), document.get("unreached")
    return Report(
        budget=document["budget"],
        subjects=tuple(
            SubjectReport(
                each["name"],
                SourceKind(each["kind"]),
                tuple(
                    from_plain(check) for clause in each["clauses"] for check in clause["checks"]
                ),
            )
            for each in subjects
        ),
        checked=frozenset(
            clause["code"] for each in subjects for clause in each["clauses"] if clause["has_check"]
        ),
        stale=tuple(document.get("stale", ())),
        notes=tuple(document["notes"]),
        part=Part(**part) if part else None,
        expected_failures=document.get("expected_failures", {}),
        unreached=None
        if unreached is None
        else tuple(Unreached(**{**each, "lines": tuple(each["lines"])}) for each in unreached),
    )


def write_json(report: Report, path: Path) -> None:
    """Write the document to ``path``, its folder made where it is missing.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(to_json(report), indent=2, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _subject(subject: SubjectReport, report: Report) -> dict[str, Any]:
    counts = subject.counts(report.checked)
    return {
        "name": subject.name,
        "kind": subject.kind.value,
        "profiles": {profile.value: verdict.value for profile, verdict in subject.profiles.items()},
        "must": asdict(counts),
        "machines": [
            {**_listed(asdict(each)), "missing": list(each.missing)} for each in subject.machines
        ],
        "clauses": [_clause(each, report.checked) for each in subject.clauses],
    }


def _clause(outcome: ClauseOutcome, checked: frozenset[str]) -> dict[str, Any]:
    clause = outcome.clause
    return {
        "code": clause.code,
        "slug": clause.slug,
        "level": clause.level.value,
        "profile": clause.profile.value,
        "verdict": outcome.verdict.value,
        "reason": outcome.reason,
        "has_check": clause.code in checked,
        "checks": [to_plain(each) for each in outcome.results],
    }


def to_plain(result: CheckResult) -> dict[str, Any]:
    """A result as dicts and lists."""
    document = asdict(result)
    document["verdict"] = result.verdict.value
    return _listed(document)  # type: ignore[no-any-return]


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_listed(each) for each in value]
    return value


def from_plain(document: Mapping[str, Any]) -> CheckResult:
    """The result that ``to_plain`` made ``document`` of."""
    fields = dict(document)
    fields["verdict"] = Verdict(fields["verdict"])
    fields["variants"] = tuple(fields["variants"])
    fields["left_out"] = tuple(LeftOut(**each) for each in fields.get("left_out", ()))
    fields["notes"] = tuple(fields["notes"])
    fields["findings"] = tuple(_finding(each) for each in fields["findings"])
    explored = fields.get("explored")
    if explored is not None:
        fields["explored"] = Explored(**{**explored, "required": tuple(explored["required"])})
    return CheckResult(**fields)


def _finding(document: Mapping[str, Any]) -> Finding:
    fields = dict(document)
    fields["story"] = tuple(Step(**each) for each in fields["story"])
    fields["timeline"] = tuple(fields["timeline"])
    return Finding(**fields)
