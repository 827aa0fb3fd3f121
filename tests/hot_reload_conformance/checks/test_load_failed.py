"""A load that fails has to say so to its caller; in a log alone is less, and is told as less."""

from __future__ import annotations

import logging

import pytest

from hot_reload_conformance.adapter import Reply
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import Check, host_checks
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter, HostError
from hot_reload_conformance.specimens.load import LogsFailures, PrintsFailures
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CheckResult, Verdict


class Mute(BlueGreenAdapter):
    name = "mute"

    async def load(self, ref: str) -> Reply | bool | None:
        try:
            return await super().load(ref)
        except HostError:
            return False


class LogsLittle(BlueGreenAdapter):
    """What it logs does not name the cause, which is no matter of where it says it."""

    name = "logs-little"

    async def load(self, ref: str) -> Reply | bool | None:
        try:
            return await super().load(ref)
        except HostError:
            logging.getLogger("host").error("cannot load %s", ref)
            return False


def judged(adapter: type[BlueGreenAdapter]) -> CheckResult:
    found: Check = next(each for each in host_checks() if each.id == "error-names-cause")
    return run_host_check(HostSubject(adapter), found)


@pytest.mark.parametrize("adapter", [LogsFailures, PrintsFailures])
def test_a_cause_that_is_logged_or_printed_alone_is_advisory(
    adapter: type[BlueGreenAdapter],
) -> None:
    result = judged(adapter)
    assert result.verdict is Verdict.FAIL
    assert result.advisory
    assert "logged or printed alone" in result.reason


@pytest.mark.parametrize(
    ("adapter", "says"), [(Mute, "nobody is told why"), (LogsLittle, "does not name")]
)
def test_a_cause_that_stands_nowhere_is_a_failure(
    adapter: type[BlueGreenAdapter], says: str
) -> None:
    result = judged(adapter)
    assert result.verdict is Verdict.FAIL
    assert not result.advisory
    assert says in result.reason


def test_what_fails_the_run_is_told_first() -> None:
    class Both(BlueGreenAdapter):
        """Of what cannot be read it is silent, all else it logs."""

        name = "both"

        async def load(self, ref: str) -> Reply | bool | None:
            try:
                return await super().load(ref)
            except HostError as error:
                if "start" not in str(error):
                    logging.getLogger("host").exception("cannot load %s", ref)
                return False

    result = judged(Both)
    assert result.findings[-1].advisory
    assert not result.advisory
    assert "nobody is told why" in result.reason
