"""From verdicts to what pytest counts, shows and writes down."""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest

from hot_reload_conformance.bench.judge import kit_error
from hot_reload_conformance.report.captured import cut
from hot_reload_conformance.report.json import from_plain, to_plain
from hot_reload_conformance.report.markup import STYLES, Line, plain
from hot_reload_conformance.report.story import headline, story
from hot_reload_conformance.report.summary import counts_against
from hot_reload_conformance.suite.item import RESULT, Broken, ContractItem
from hot_reload_conformance.verdict import CheckResult, Verdict

ATTRIBUTE = "hot_reload"
"""The attribute of reports that carries results, as plain data, from process to process."""

VERBOSE = 2
"""From ``-vv`` on a story is told in full."""

Status: TypeAlias = "tuple[str, str, str | tuple[str, dict[str, bool]]]"

_YELLOW = {"yellow": True}
_CATEGORIES: dict[Verdict, Status] = {
    Verdict.FAIL: ("should-fail", "w", ("SHOULD-FAIL", _YELLOW)),
    Verdict.EXPECTED_FAIL: ("expected-fail", "x", ("EXPECTED-FAIL", _YELLOW)),
    Verdict.UNKNOWN: ("unknown", "?", ("UNKNOWN", _YELLOW)),
    Verdict.KIT_ERROR: ("kit-error", "E", ("KIT-ERROR", {"red": True, "bold": True})),
}
"""Categories of our own; a pass, a MUST that fails and a skip are pytest's."""


class Story:
    """A failure's long form. Stands where pytest puts tracebacks."""

    def __init__(self, result: CheckResult, again: str, *, full: bool = False) -> None:
        self._result = result
        self._again = again
        self._full = full
        self.reprcrash = _Crash(headline(result))

    def toterminal(self, writer: Any) -> None:
        for each in story(self._result, self._again, writer.fullwidth, full=self._full):
            _write(writer, each)

    def __str__(self) -> str:
        return plain(story(self._result, self._again, 100, full=True))


class _Crash:
    """What pytest's short summary looks for."""

    def __init__(self, message: str) -> None:
        self.message = message


def _write(writer: Any, spans: Line) -> None:
    for text, style in spans:
        writer.write(text, **STYLES[style])
    writer.line()


def dress(item: ContractItem, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Give ``report`` the outcome that the item's verdict stands for."""
    if call.when == "setup" and report.failed:
        reason = f"a fixture broke before the check began: {call.excinfo and call.excinfo.value}"
        setattr(report, ATTRIBUTE, _carried(item, kit_error(item.subject_name, item.check, reason)))
    if call.when != "call":
        return
    result = item.stash.get(RESULT, None) or _interrupted(item, call)
    if result is None:
        return
    setattr(report, ATTRIBUTE, _carried(item, result))
    unforeseen = call.excinfo is not None and not isinstance(call.excinfo.value, Broken)
    if counts_against(result):
        report.outcome = "failed"
        if not unforeseen:
            undress(report, item.config)
    elif result.verdict is not Verdict.PASS:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 1, f"Skipped: {result.reason}")
        if result.verdict not in (Verdict.NOT_CLAIMED, Verdict.NOT_RUN):
            report.wasxfail = headline(result)


def undress(report: pytest.TestReport, config: pytest.Config) -> None:
    """Put the story in its place: what crossed processes has lost its form."""
    carried = getattr(report, ATTRIBUTE, None)
    if carried and report.when == "call" and report.failed and carried["told"]:
        full = config.get_verbosity() >= VERBOSE
        if not full:
            report.sections = [(title, cut(text)) for title, text in report.sections]
        told = Story(from_plain(carried["result"]), report.nodeid, full=full)
        report.longrepr = told  # type: ignore[assignment]


def status(report: pytest.TestReport) -> Status | None:
    """The category, letter and word of a report; None: pytest's own."""
    carried = getattr(report, ATTRIBUTE, None)
    if carried is None or report.when != "call":
        return None
    result = from_plain(carried["result"])
    if result.verdict is Verdict.FAIL and counts_against(result):
        return None
    if result.verdict is Verdict.PASS and result.extent and report.passed:
        return "passed", ".", f"PASSED ({result.extent})"
    return _CATEGORIES.get(result.verdict)


def _carried(item: ContractItem, result: CheckResult) -> dict[str, Any]:
    return {
        "kind": item.source.kind.value,
        "anchor": str(item.source.anchor),
        "reached": item.reached,
        "result": to_plain(result),
        "told": RESULT in item.stash,
    }


def _interrupted(item: ContractItem, call: pytest.CallInfo[None]) -> CheckResult | None:
    """The verdict of an item that was ended from outside; None: a fixture skipped it."""
    error = call.excinfo.value if call.excinfo is not None else None
    if error is None or isinstance(error, pytest.skip.Exception):
        return None
    broken = kit_error(
        item.subject_name, item.check, f"the item was ended by {type(error).__name__}: {error}"
    )
    if not isinstance(error, pytest.fail.Exception):
        return broken
    # pytest-timeout ends an item by pytest.fail: the subject may hang, or be slow, or the machine.
    return CheckResult(
        code=broken.code,
        check=broken.check,
        subject=broken.subject,
        verdict=Verdict.UNKNOWN,
        reason=f"ended before there was a verdict: {error}",
    )
