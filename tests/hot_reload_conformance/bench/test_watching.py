"""Watching: time that the kit moves, saves that it makes, runs that it counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hot_reload_conformance.adapter import Claim, Ports
from hot_reload_conformance.bench.case import Budget, Case
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.bench.watching import ALPHA, Watching, manual_ports, wall_clock
from hot_reload_conformance.check import Check, host_checks
from hot_reload_conformance.pace import Pace
from hot_reload_conformance.probe import install
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.specimens.watching_host import WatchingAdapter, WatchingHost
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import NotClaimed, Verdict, Violation
from hot_reload_fixtures import ManualClock, SaveStyle

QUICK_PACE = Pace(
    quiet_seconds=0.03, max_wait_seconds=0.3, notice_seconds=0.01, converge_seconds=0.5
)


class RealTimeHost(WatchingHost):
    pace = QUICK_PACE


class RealTimeAdapter(WatchingAdapter):
    """The same host on real time."""

    name = "real-time-host"
    claims = WatchingAdapter.claims - {Claim.CLOCK, Claim.RATE_LIMIT, Claim.RETRY}
    pace = QUICK_PACE
    host_class = RealTimeHost


class SleepingHost(RealTimeHost):
    def turn(self, now: float) -> None:
        """Sees nothing."""


class SleepingAdapter(RealTimeAdapter):
    name = "sleeping-host"
    host_class = SleepingHost


def check(code: str) -> Check:
    return next(each for each in host_checks() if each.clause.code == code)


@pytest.fixture
async def case(tmp_path: Path) -> Case:
    recording = Recording()
    install(recording)
    made = Case(WatchingAdapter(), recording, tmp_path, manual_ports())
    await made.adapter.open(tmp_path, made.ports)
    return made


@pytest.fixture(autouse=True)
def no_recording_left() -> Iterator[None]:
    yield
    install(None)


async def test_time_passes_only_when_it_is_told_to(case: Case) -> None:
    watching = Watching(case)
    assert watching.now() == 0.0
    await watching.run(90.0)
    assert watching.now() == pytest.approx(90.0)


async def test_runs_are_counted_from_the_moment_at_which_the_host_rests(case: Case) -> None:
    watching = Watching(case)
    await watching.serving()
    watching.expect_runs(0, "at rest")
    watching.save(ALPHA.at("v2"))
    await watching.settle()
    watching.expect_runs(1, "one edit")
    assert [each.version for each in watching.runs_of()] == ["v2"]
    assert watching.runs_of("beta") == []
    with pytest.raises(Violation, match=r"two edits; it ran alpha v2 at"):
        watching.expect_runs(2, "two edits")
    await watching.stop()
    await case.adapter.close()


async def test_every_save_has_an_mtime_of_its_own_and_none_of_now(case: Case) -> None:
    watching = Watching(case)
    stamps = []
    for number in range(3):
        watching.save(ALPHA.at(f"v{number}"), SaveStyle.RENAME)
        stamps.append(int(watching.path(ALPHA).stat().st_mtime))
    assert len(set(stamps)) == 3
    watching.put(watching.path(ALPHA), b"", mtime_nanoseconds=5_000_000_000)
    assert watching.path(ALPHA).stat().st_mtime == 5


async def test_a_host_that_never_lets_time_pass_is_found_out(case: Case) -> None:
    watching = Watching(case)
    clock = case.ports.clock
    assert isinstance(clock, ManualClock)

    def again() -> None:
        clock.call_later(0.0, again)

    again()
    with pytest.raises(Violation, match="never rests"):
        await watching.run(1.0)


async def test_a_jump_of_the_wall_clock_is_over_with_its_block(case: Case) -> None:
    import time

    watching = Watching(case)
    before = time.time
    with wall_clock(watching, lambda: 3600.0):
        assert time.time() > before() + 3000
        await watching.run(50.0)
        assert time.time() > before() + 3640
    assert time.time is before


def test_real_time_is_for_budgets_that_allow_it(tmp_path: Path) -> None:
    with pytest.raises(NotClaimed, match="profile ci or nightly"):
        Watching(Case(RealTimeAdapter(), Recording(), tmp_path, Ports()))
    Watching(Case(RealTimeAdapter(), Recording(), tmp_path, Ports(), Budget(real_time=True)))
    result = run_host_check(HostSubject(RealTimeAdapter), check("HR-WATCH-01"), only="edit")
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "claim 'clock'" in result.reason


@pytest.mark.real_time
def test_hosts_without_the_clock_are_judged_in_real_time() -> None:
    converges, budget = check("HR-WATCH-01"), Budget(real_time=True)
    result = run_host_check(HostSubject(RealTimeAdapter), converges, budget, only="edit")
    assert result.verdict is Verdict.PASS, result.reason
    result = run_host_check(HostSubject(SleepingAdapter), converges, budget, only="edit")
    assert result.verdict is Verdict.FAIL
    assert "does not run 0.5 s after" in result.reason
