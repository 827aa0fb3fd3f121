"""A host's recorded result: the kit's report, without what differs from run to run."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.hosts.folder import HostFolder, HostFolderError
from hot_reload_conformance.report.json import from_plain, to_json
from hot_reload_conformance.report.summary import Report, SubjectReport
from hot_reload_conformance.subjects.source import SourceKind
from hot_reload_conformance.verdict import CheckResult, Finding, Verdict

SCHEMA = "hot-reload-host/1"
"""Its number changes when a reader of the old form would misread the new one."""
_WORKDIR = re.compile(r"(/[^\s'\":,()]*)?/hot-reload-[A-Za-z0-9_]{8}\b")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
_INSTALLED = re.compile(r"(/[^\s'\":,()]*)?/(?=(site-packages|python3\.\d+|conformance/hosts)/)")
_ENVIRONMENT = re.compile(r"/[^\s'\":,()]*/\w+-[0-9a-f]{12}(?=/)")
"""The host's own environment, by the name that it has in the cache: a path may be cut behind it."""
_OF_A_PROCESS = re.compile(r"(?<=#)\d{6,}|(?<=\[)\d{2,}(?=\])|(?<=127\.0\.0\.1:)\d+")
"""Serial numbers of a host's process, process ids, ports: others in every run."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was found on one host: ``python`` is the minor version, ``pins`` what was installed."""

    host: str
    python: str
    pins: tuple[str, ...]
    claims: frozenset[Claim]
    subject: SubjectReport

    @property
    def title(self) -> str:
        """``discord.py 2.7.1``; without anything pinned, the Python that it is a part of."""
        if not self.pins:
            return f"{self.subject.name} (Python {self.python})"
        return self.pins[0].replace("==", " ")


def document(report: Report, folder: HostFolder, claims: frozenset[Claim]) -> dict[str, Any]:
    """The record of a run as plain data, the same for every run that finds the same."""
    (subject,) = report.subjects
    quiet = replace(subject, results=tuple(_quiet(each) for each in subject.results))
    return {
        "schema": SCHEMA,
        "host": folder.name,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "pins": list(folder.pins()),
        "claims": sorted(claim.value for claim in claims),
        "report": to_json(replace(report, subjects=(quiet,))),
    }


def _quiet(result: CheckResult) -> CheckResult:
    findings = [
        replace(
            each,
            message=_plain(each.message),
            expected=_plain(each.expected),
            seen=_plain(each.seen),
            # One story for each check is enough to read; a hundred are not.
            story=tuple(
                replace(
                    step,
                    text=_plain(step.text),
                    expected=_plain(step.expected),
                    seen=_plain(step.seen),
                )
                for step in (each.story if number == 0 else ())
            ),
            timeline=(),
            traceback="",
        )
        for number, each in enumerate(result.findings)
    ]
    return replace(
        result,
        findings=tuple(findings),
        reason=_plain(result.reason),
        left_out=tuple(replace(each, why=_plain(each.why)) for each in result.left_out),
        duration_seconds=0.0,
    )


def _plain(text: str) -> str:
    text = _ENVIRONMENT.sub("…", _INSTALLED.sub("…/", _WORKDIR.sub("…", text)))
    return _OF_A_PROCESS.sub("…", _ADDRESS.sub("0x…", text))


def write_record(recorded: Mapping[str, Any], path: Path) -> None:
    """Write the document.

    Raises:
        OSError: it cannot be written.
    """
    text = json.dumps(recorded, indent=1, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def read_record(folder: HostFolder) -> Record:
    """The recorded result of a host.

    Raises:
        HostFolderError: there is none, or it has another form.
    """
    path = folder.result
    try:
        return record_of(json.loads(path.read_text(encoding="utf-8")), str(path))
    except FileNotFoundError:
        raise HostFolderError(
            f"{folder.name} has no recorded result: run it with --refresh to record one"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise HostFolderError(
            f"{path} is no recorded result ({type(error).__name__}: {error}): "
            "run the host with --refresh to record it anew"
        ) from error


def record_of(recorded: Mapping[str, Any], where: str) -> Record:
    """The record in a document.

    Raises:
        HostFolderError: it has another schema.
    """
    if recorded.get("schema") != SCHEMA:
        raise HostFolderError(
            f"{where} has the schema {recorded.get('schema')!r}, this kit reads {SCHEMA!r}: "
            "run the host with --refresh"
        )
    (subject,) = recorded["report"]["subjects"]
    results = tuple(
        from_plain(each)
        for clause in subject["clauses"]
        if clause["code"] in CONTRACT
        for each in clause["checks"]
    )
    judged = SubjectReport(subject["name"], SourceKind(subject["kind"]), results)
    claims = frozenset(map(Claim, recorded["claims"]))
    return Record(recorded["host"], recorded["python"], tuple(recorded["pins"]), claims, judged)


def differences(recorded: Record, now: Record) -> list[str]:
    """What is another verdict now, one line each; how it is worded does not matter."""
    found: list[str] = []
    before = {each.check: each for each in recorded.subject.results}
    after = {each.check: each for each in now.subject.results}
    for check in dict.fromkeys([*before, *after]):
        found += _difference(before.get(check), after.get(check))
    for claim in sorted(each.value for each in recorded.claims ^ now.claims):
        found.append(
            f"the claim {claim!r} was {'dropped' if Claim(claim) in recorded.claims else 'added'}"
        )
    if found and (recorded.python, recorded.pins) != (now.python, now.pins):
        found.append(
            f"recorded with Python {recorded.python} and {', '.join(recorded.pins) or 'no pins'}, "
            f"run with Python {now.python} and {', '.join(now.pins) or 'no pins'}"
        )
    return found


def _difference(before: CheckResult | None, after: CheckResult | None) -> list[str]:
    either = after or before
    assert either is not None
    what = f"{either.code} {either.check}"
    if (before is None or after is None) and either.verdict is Verdict.NOT_CLAIMED:
        return []  # a check that came to the kit, or left it, and says nothing of the host
    if before is None or after is None:
        had, has = (each.verdict.value if each else "no such check" for each in (before, after))
        return [f"{what}: recorded {had}, now {has}"]
    if before.verdict is not after.verdict:
        why = f": {after.reason}" if after.reason else ""
        return [f"{what}: recorded {before.verdict.value}, now {after.verdict.value}{why}"]
    if after.verdict not in (Verdict.FAIL, Verdict.PASS):
        return []
    old, new = _broken(before), _broken(after)
    lines = [
        f"{what}: now broken too at {name!r}: {new[name].message}" for name in new.keys() - old
    ]
    lines += [f"{what}: no longer broken at {name!r}" for name in old.keys() - new]
    return sorted(lines)


def _broken(result: CheckResult) -> dict[str, Finding]:
    return {each.variant: each for each in result.findings}
