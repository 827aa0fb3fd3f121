"""The JSON report holds to its published schema, and results cross processes unharmed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance.contract.clause import Profile
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.explored import Explored
from hot_reload_conformance.report.json import SCHEMA, from_plain, to_json, to_plain, write_json
from hot_reload_conformance.report.summary import Report, SubjectReport
from hot_reload_conformance.subjects.source import SourceKind
from hot_reload_conformance.verdict import (
    CheckResult,
    Conformance,
    Finding,
    LeftOut,
    Step,
    Verdict,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "report.schema.json"

FAILURE = CheckResult(
    code="HR-ROLL-01",
    check="old-keeps-serving",
    subject="toy",
    verdict=Verdict.FAIL,
    reason="gone",
    variants=("a", "b"),
    left_out=(LeftOut("c", "not claimed: state"),),
    findings=(
        Finding(
            message="gone",
            variant="a",
            expected="['v1']",
            seen="[]",
            story=(Step("load"), Step("gone", "['v1']", "[]", broken=True)),
            timeline=("alpha v1#1 import begin",),
            traceback="Traceback",
            replay="HR-ROLL-01=a",
        ),
    ),
    duration_seconds=0.25,
    notes=("seen twice",),
    explored=Explored(
        machine="core",
        examples=3,
        steps=40,
        rules={"load": 10, "reload": 30},
        transitions={"absent: load → ok": 10, "live: reload → ok": 30},
        required=("absent: load → ok", "live: reload-fail → failed"),
    ),
)
PASS = CheckResult(
    code="HR-PLUG-02", check="metadata", subject="counter", verdict=Verdict.PASS, stale=True
)


@pytest.fixture
def report() -> Report:
    return Report(
        budget="quick",
        subjects=(
            SubjectReport("toy", SourceKind.HOST, (FAILURE,)),
            SubjectReport("counter", SourceKind.PLUGIN, (PASS,)),
        ),
        checked=frozenset({"HR-ROLL-01", "HR-PLUG-02"}),
        notes=("a note",),
    )


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads(DOCUMENT.read_text(encoding="utf-8"))


def problems(value: Any, schema: Any, root: Any, where: str = "$") -> list[str]:
    """What of the schema ``value`` does not hold to: the keywords that ours uses, no others."""
    known = {"$ref", "type", "enum", "const", "properties", "required", "additionalProperties"}
    known |= {"items", "minimum", "pattern", "propertyNames", "oneOf"}
    known |= {"$schema", "$id", "title", "description", "$defs"}
    assert schema.keys() <= known, f"the test does not know {schema.keys() - known}"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return problems(value, root["$defs"][name], root, where)
    if "oneOf" in schema:
        tried = [problems(value, each, root, where) for each in schema["oneOf"]]
        return [] if tried.count([]) == 1 else min(tried, key=lambda each: (not each, each))
    if "const" in schema and value != schema["const"]:
        return [f"{where} is {value!r}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where} is {value!r}"]
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
    types["null"] = type(None)
    kind = schema.get("type")
    if kind == "number":
        types["number"] = (int, float)  # type: ignore[assignment]
    if kind and (not isinstance(value, types[kind]) or (kind != "boolean" and value is True)):
        return [f"{where} is no {kind}"]
    found: list[str] = []
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [
            f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value
        ]
        for name, each in value.items():
            if name in properties:
                found += problems(each, properties[name], root, f"{where}.{name}")
            elif schema.get("additionalProperties", True) is False:
                found.append(f"{where}.{name} is unknown")
            elif isinstance(schema.get("additionalProperties"), dict):
                found += problems(each, schema["additionalProperties"], root, f"{where}.{name}")
            if "propertyNames" in schema:
                found += problems(name, schema["propertyNames"], root, f"{where} key")
    if isinstance(value, list):
        for number, each in enumerate(value):
            found += problems(each, schema.get("items", {}), root, f"{where}[{number}]")
    return found


def test_a_report_holds_to_the_schema(report: Report, schema: Any) -> None:
    assert problems(to_json(report), schema, schema) == []


def test_the_validator_bites(report: Report, schema: Any) -> None:
    document = to_json(report)
    document["subjects"][0]["clauses"][0]["verdict"] = "great"
    document["subjects"][1]["must"]["total"] = "14"
    document["surprise"] = 1
    del document["budget"]
    assert problems(document, schema, schema) == [
        "$.budget is missing",
        "$.subjects[0].clauses[0].verdict is 'great'",
        "$.subjects[1].must.total is no integer",
        "$.surprise is unknown",
    ]


def test_the_schema_knows_every_name_that_the_code_uses(schema: Any) -> None:
    definitions = schema["$defs"]
    assert definitions["verdict"]["enum"] == [each.value for each in Verdict]
    assert definitions["conformance"]["enum"] == [each.value for each in Conformance]
    assert definitions["profile"]["enum"] == [each.value for each in Profile]
    assert schema["properties"]["schema"]["const"] == SCHEMA
    assert SCHEMA.rpartition("/")[2] in schema["$id"]


def test_every_clause_is_there_run_or_not(report: Report) -> None:
    subjects = to_json(report)["subjects"]
    codes = [clause["code"] for subject in subjects for clause in subject["clauses"]]
    assert sorted(codes) == sorted(CONTRACT)


def test_results_come_back_as_they_went(report: Report) -> None:
    for result in report.results:
        document = json.loads(json.dumps(to_plain(result)))
        assert document == to_plain(result)
        assert from_plain(document) == result


def test_writing_makes_the_folder(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "report.json"
    write_json(report, path)
    assert json.loads(path.read_text(encoding="utf-8")) == to_json(report)


def test_what_a_machine_went_through_is_in_the_report(report: Report) -> None:
    machines = [each["machines"] for each in to_json(report)["subjects"]]
    assert machines[1] == []
    (core,) = machines[0]
    assert core["machine"] == "core"
    assert core["transitions"]["live: reload → ok"] == 30
    assert core["missing"] == ["live: reload-fail → failed"]


def test_results_of_before_there_was_coverage_can_be_read() -> None:
    old = to_plain(PASS)
    del old["explored"], old["left_out"]
    assert from_plain(old) == PASS
