"""Failing clauses of one subject that say the same words: most likely one thing to mend."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hot_reload_conformance.report.summary import SubjectReport
from hot_reload_conformance.verdict import CheckResult, Verdict

LEAST_CLAUSES = 3
"""Two clauses about one thing say the same by chance; from three on it is worth a line."""
MAX_SHOWN = 3

_NUMBER = re.compile(r"\d+")
_EXCEPTION = re.compile(r"\b\w*(?:Error|Exception|Exit|Interrupt): .+")
# The kit has plugins raise these; that several clauses do so is no cause of anything.
_PLANNED = "Planned"


@dataclass(frozen=True, slots=True)
class SharedWords:
    """Words that the findings of several clauses have in common."""

    words: str
    """As the first of them says it; others may differ in their numbers."""
    codes: tuple[str, ...]


def shared_words(subject: SubjectReport) -> list[SharedWords]:
    """The words that most clauses fail with, first; those of fewer than three are left out.

    The words are a finding's whole first line, or the exception that it ends with, numbers
    apart. Words whose clauses all stand behind earlier ones are left out as well.
    """
    said: dict[str, str] = {}
    codes: dict[str, dict[str, None]] = {}
    failing = [each for each in subject.results if each.verdict is Verdict.FAIL]
    for result in failing:
        for words in _words(result):
            key = _NUMBER.sub("0", words)
            said.setdefault(key, words)
            codes.setdefault(key, {})[result.code] = None
    found: list[SharedWords] = []
    covered: set[str] = set()
    for key in sorted(codes, key=lambda each: -len(codes[each])):
        if len(codes[key]) >= LEAST_CLAUSES and not codes[key].keys() <= covered:
            found.append(SharedWords(said[key], tuple(codes[key])))
            covered |= codes[key].keys()
    return found[:MAX_SHOWN]


def _words(result: CheckResult) -> Iterable[str]:
    messages = [each.message for each in result.findings] or [result.reason]
    for message in messages:
        first = (message.splitlines() or [""])[0].strip()
        if first:
            yield first
        raised = _EXCEPTION.search(first)
        if raised and _PLANNED not in raised[0]:
            yield raised[0]
