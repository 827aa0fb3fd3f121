"""What keeps LEAK from being judged is no verdict on the host, and is told in words."""

from __future__ import annotations

import pytest

from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import Check, host_checks
from hot_reload_conformance.checks import leak_owned
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter, BlueGreenHost, HostError
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CheckResult, Verdict


def judged(code: str, adapter: type[BlueGreenAdapter], variant: str) -> CheckResult:
    found: Check = next(each for each in host_checks() if each.clause.code == code)
    return run_host_check(HostSubject(adapter), found, only=variant)


@pytest.mark.parametrize("variant", ["good reloads", "failing reloads"])
def test_too_slow_for_so_many_reloads_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, variant: str
) -> None:
    monkeypatch.setattr(leak_owned, "IN_TIME_SECONDS", 1e-9)
    result = judged("HR-LEAK-03", BlueGreenAdapter, variant)
    assert result.verdict is Verdict.UNKNOWN
    assert "5 reloads took" in result.reason
    assert "the machine is busy" in result.reason


class StuckHost(BlueGreenHost):
    """What failed to reload once serves on, and is never reloaded again."""

    async def reload(self, name: str) -> list[str]:
        if name in getattr(self, "stuck", ()):
            raise HostError(f"reload of {name!r} refused: it is not loaded")
        try:
            return await super().reload(name)
        except HostError:
            self.stuck = {*getattr(self, "stuck", ()), name}
            raise


class Stuck(BlueGreenAdapter):
    name = "stuck"
    host_class = StuckHost


def test_a_host_that_never_reloads_again_is_told_what_to_mend_before_a_census() -> None:
    result = judged("HR-LEAK-02", Stuck, "failed-start-raises")
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "behind the first, this host reloads no more" in result.reason
    assert "HR-ROLL-05" in result.reason
    assert judged("HR-ROLL-05", Stuck, "start: raises an exception").verdict is Verdict.FAIL
    assert judged("HR-LEAK-02", BlueGreenAdapter, "failed-start-raises").verdict is Verdict.PASS


class StuckSilentlyHost(StuckHost):
    """Behind a reload that failed it reloads no more, and says that all is well."""

    async def reload(self, name: str) -> list[str]:
        if name in getattr(self, "stuck", ()):
            return []
        return await super().reload(name)


class StuckSilently(BlueGreenAdapter):
    name = "stuck-silently"
    host_class = StuckSilentlyHost


def test_a_host_that_only_says_that_it_reloads_again_is_told_what_to_mend_first() -> None:
    result = judged("HR-LEAK-02", StuckSilently, "failed-start-raises")
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "this host reloads no more (it says that it did)" in result.reason
    assert judged("HR-ROLL-05", StuckSilently, "start: raises an exception").verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("traced", "verdict"),
    [
        # As when a table of the interpreter's grows in the midst of it: once.
        ([0, 1_000_000, 1_000_000, 1_024_000], Verdict.PASS),
        ([0, 1_000_000, 1_000_000, 2_000_000], Verdict.FAIL),
    ],
    ids=["once", "again"],
)
def test_memory_that_grows_once_for_all_is_no_growth(
    monkeypatch: pytest.MonkeyPatch, traced: list[int], verdict: Verdict
) -> None:
    monkeypatch.setattr(leak_owned, "_traced", lambda: traced.pop(0))
    monkeypatch.setattr(leak_owned, "WARM_UP", 2)
    monkeypatch.setattr(leak_owned, "ROUNDS", 4)
    result = judged("HR-LEAK-03", BlueGreenAdapter, "good reloads")
    assert result.verdict is verdict, result.reason
    assert traced == []
