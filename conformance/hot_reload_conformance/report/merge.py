"""Several reports as one: shards of a run, or runs on several machines. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hot_reload_conformance.contract.clauses import CONTRACT_VERSION
from hot_reload_conformance.report.json import SCHEMA, from_json
from hot_reload_conformance.report.summary import Report, SubjectReport
from hot_reload_conformance.report.unreached import Unreached, merged_unreached
from hot_reload_conformance.shard import Part
from hot_reload_conformance.subjects.source import SourceKind
from hot_reload_conformance.verdict import CheckResult


class MergeError(Exception):
    """Reports that are not parts of one whole; the text says which, and what to do."""


Stale = Callable[[Mapping[str, Mapping[str, str]], Sequence[CheckResult]], list[str]]


def merge_reports(
    documents: Mapping[str, Any], order: Mapping[str, int], stale: Stale | None = None
) -> Report:
    """One report from ``documents``: name of the file → the JSON document in it.

    ``order``: check id → its place in a run. ``stale`` judges the expected failures of
    clauses whose checks ran in several shards. A check that ran in several reports (on
    two Pythons, say) keeps all of its results: its clause has the worst of them.

    Raises:
        MergeError: a document is no report, reports are of different contracts or
            profiles, or a shard is missing, or one is there twice.
    """
    if not documents:
        raise MergeError("no report was given: name the files that --hot-reload-report wrote")
    reports = {name: _read(name, document) for name, document in documents.items()}
    _alike("profile", {name: each.budget for name, each in reports.items()})
    parts = {name: each.part for name, each in reports.items() if each.part is not None}
    if parts:
        _complete(parts, len(reports))
    expected: dict[str, dict[str, str]] = {}
    results: dict[tuple[SourceKind, str], list[CheckResult]] = {}
    for each in reports.values():
        for name, reasons in each.expected_failures.items():
            expected.setdefault(name, {}).update(reasons)
        for subject in each.subjects:
            results.setdefault((subject.kind, subject.name), []).extend(subject.results)
    every = [result for found in results.values() for result in found]
    found_stale = [text for each in reports.values() for text in each.stale]
    if stale is not None:
        found_stale += stale(expected, every)
    return Report(
        budget=next(iter(reports.values())).budget,
        subjects=tuple(
            SubjectReport(
                name, kind, tuple(sorted(found, key=lambda each: order.get(each.check, len(order))))
            )
            for (kind, name), found in sorted(results.items(), key=_hosts_first)
        ),
        checked=frozenset(code for each in reports.values() for code in each.checked),
        stale=tuple(dict.fromkeys(found_stale)),
        notes=_notes(reports, every),
        expected_failures=expected,
        unreached=_unreached(list(reports.values())),
    )


def _read(name: str, document: Any) -> Report:
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise MergeError(
            f"{name} is no report that can be merged: its schema is {schema!r}, not {SCHEMA!r}. "
            "Write it anew with --hot-reload-report"
        )
    if document["contract"] != CONTRACT_VERSION:
        raise MergeError(
            f"{name} is of contract {document['contract']}, and this kit has {CONTRACT_VERSION}: "
            "run it again with the same version of the kit"
        )
    try:
        return from_json(document)
    except (KeyError, TypeError, ValueError) as error:
        raise MergeError(
            f"{name} says that it is a report, but cannot be read: {type(error).__name__}: {error}"
        ) from error


def _alike(what: str, values: Mapping[str, str]) -> None:
    if len(set(values.values())) > 1:
        told = ", ".join(f"{name}: {value}" for name, value in values.items())
        raise MergeError(f"reports of different {what}s do not add up ({told})")


def _complete(parts: Mapping[str, Part], reports: int) -> None:
    first = next(iter(parts.values()))
    if len(parts) != reports:
        raise MergeError("some of the reports are of shards, and some are not: merge one kind")
    for name, each in parts.items():
        if (each.of, each.selection) != (first.of, first.selection):
            raise MergeError(
                f"{name} is a shard of another run: all shards need the same subjects, options "
                "(-k, -m) and durations"
            )
    numbers = [each.number for each in parts.values()]
    missing = [f"{n}/{first.of}" for n in range(1, first.of + 1) if n not in numbers]
    if missing:
        raise MergeError(
            f"shards are missing: {', '.join(missing)}. Nothing is known of what they checked"
        )
    if len(numbers) != first.of:
        twice = next(n for n in numbers if numbers.count(n) > 1)
        raise MergeError(f"shard {twice}/{first.of} is there twice: name each report once")
    ran = sum(each.items for each in parts.values())
    if ran != first.items_of_all:
        raise MergeError(
            f"the shards ran {ran} checks, and there are {first.items_of_all}: run them again"
        )


def _notes(reports: Mapping[str, Report], results: Sequence[CheckResult]) -> tuple[str, ...]:
    said = dict.fromkeys(
        note
        for each in reports.values()
        for note in each.notes
        if each.part is None or note != each.part.words
    )
    ran = [(each.subject, each.check) for each in results]
    again = len(ran) - len(set(ran))
    more = f"; {again} checks ran in more than one of them: the worst counts" if again else ""
    return (*said, f"merged from {len(reports)} reports{more}")


def _unreached(reports: Sequence[Report]) -> tuple[Unreached, ...] | None:
    measured = [each.unreached for each in reports if each.unreached is not None]
    return merged_unreached(measured) if measured else None


def _hosts_first(entry: tuple[tuple[SourceKind, str], object]) -> bool:
    return entry[0][0] is SourceKind.PLUGIN
