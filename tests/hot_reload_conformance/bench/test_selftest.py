"""The self-test blames the adapter, in words that tell what to look at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hot_reload_conformance.adapter import Claim, HostAdapter
from hot_reload_conformance.bench import runner as bench
from hot_reload_conformance.bench import selftest
from hot_reload_conformance.bench.runner import self_test
from hot_reload_conformance.specimens import faulty_adapters as faulty
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.subject import HostSubject


class LacksUnload(BlueGreenAdapter):
    unload = HostAdapter.unload


class LacksCall(BlueGreenAdapter):
    call = HostAdapter.call


class ClaimsLess(LacksUnload):
    claims = BlueGreenAdapter.claims - {Claim.UNLOAD}


@pytest.mark.parametrize(
    ("adapter", "says"),
    [
        (LacksUnload, "claims 'unload' but has no unload(): write it, or drop the claim"),
        (LacksCall, "has no call(), which every adapter needs"),
        (faulty.CannotBeMade, "could not be made"),
        (faulty.OpenRaises, "open() raised RuntimeError"),
        (faulty.CloseRaises, "close() raised RuntimeError"),
        (faulty.RendersNothing, "render gave no file"),
        (faulty.RendersNoProbe, "never ran"),
        (faulty.LoadDoesNothing, "never ran"),
        (faulty.LoadReturnsNumber, "returns a Reply, None or a bool"),
        (faulty.LoadHasTypo, "has no attribute 'hots'"),
        (faulty.CallMakesItUp, "before anything was loaded, your adapter's call() already answers"),
        (faulty.CallTellsOne, "does the rendered handler return probe.reply(event)?"),
        (faulty.ExitsTheLoop, "ended the event loop"),
        (faulty.RendersElsewhere, "render() writes into a wrong place: '../alpha.py'"),
        (faulty.ForgetsAHandler, "forgets a handler"),
        (faulty.CallRemembers, "call() returns stale replies"),
    ],
)
def test_wrong_adapter_is_told_what_is_wrong(adapter: type[HostAdapter], says: str) -> None:
    problem = self_test(HostSubject(adapter))
    assert problem is not None
    assert says in problem


def test_adapter_that_keeps_its_host_is_found_in_the_second_run() -> None:
    faulty.KeepsItsHost.kept = None
    problem = self_test(HostSubject(faulty.KeepsItsHost))
    assert problem is not None
    assert "the first run was fine: the adapter keeps something" in problem


def test_adapter_that_hangs_as_it_opens_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "OPEN_DEADLINE_SECONDS", 0.05)
    problem = self_test(HostSubject(faulty.OpenHangs))
    assert problem is not None
    assert "open() did not end within" in problem


@pytest.mark.parametrize("adapter", [BlueGreenAdapter, ClaimsLess])
def test_right_adapter_passes(adapter: type[HostAdapter]) -> None:
    assert self_test(HostSubject(adapter)) is None


def test_adapter_that_blocks_is_told_so_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "BLOCKED_GRACE_SECONDS", 0.0)
    quick = replace(selftest.SELF_TEST, deadline_seconds=0.1)
    monkeypatch.setattr(selftest, "SELF_TEST", quick)
    problem = self_test(HostSubject(faulty.LoadBlocks))
    assert problem is not None
    assert "your adapter blocks the event loop" in problem
    assert "in load alpha" in problem
    assert "asyncio.to_thread" in problem


def test_adapter_that_is_slow_is_told_of_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faulty.LoadHangs, "operation_deadline_seconds", 0.05)
    problem = self_test(HostSubject(faulty.LoadHangs))
    assert problem is not None
    assert "load alpha did not end" in problem
    assert "Declare operation_deadline_seconds" in problem


@pytest.mark.parametrize(
    ("adapter", "says"),
    [(faulty.LeavesATask, "the task Event.wait"), (faulty.LeavesAThread, "the thread 'poller'")],
)
def test_what_close_leaves_is_named_to_who_asks(adapter: type[HostAdapter], says: str) -> None:
    try:
        problem = self_test(HostSubject(adapter), thorough=True)
        assert problem is not None
        assert f"close() leaves something: {says}" in problem
        # It may be the host that does not let go: no verdict depends on it.
        assert self_test(HostSubject(adapter)) is None
    finally:
        for each in faulty.LeavesAThread.ended:
            each.set()


def test_a_right_adapter_leaves_nothing() -> None:
    assert self_test(HostSubject(BlueGreenAdapter), thorough=True) is None


class Slow(BlueGreenAdapter):
    operation_deadline_seconds = 20.0


def test_a_slow_host_gives_each_check_more_time() -> None:
    usual = bench.deadline_of(selftest.SELF_TEST, BlueGreenAdapter)
    assert bench.deadline_of(selftest.SELF_TEST, Slow) == 4 * usual
