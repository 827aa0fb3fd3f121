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
