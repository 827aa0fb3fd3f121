"""The self-test blames the adapter, in words that tell what to look at."""

from __future__ import annotations

import pytest

from hot_reload_conformance.adapter import Claim, HostAdapter
from hot_reload_conformance.bench import runner as bench
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
