"""No loss, no duplicate, order per producer: the ledger in small, and that it can tell."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hot_reload.runtime import route
from hot_reload.runtime.dispatch import Dispatch

BENCHMARK = Path(__file__).parents[2] / "benchmarks/loss_ledger.py"


@pytest.fixture
def benchmark() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("loss_ledger", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


async def test_f33_nothing_is_lost_doubled_or_reordered_under_load(benchmark: ModuleType) -> None:
    figures = await benchmark.measured(events=12_000, producers=4, reloads=48)
    assert figures.clean, list(figures.lines())
    assert figures.accepted == 12_000
    assert (figures.reloads, figures.rolled_back) == (36, 12)


async def test_f33_the_ledger_sees_a_dispatch_that_loses(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not wait for those who are inside lets a plugin be swapped under them."""
    taken = 0
    run = Dispatch.run

    def leaky(self: Dispatch, view: object, event: object) -> None:
        nonlocal taken
        taken += 1
        if taken % 1000:
            run(self, view, event)  # type: ignore[arg-type]

    monkeypatch.setattr(route, "STAGES_LIMIT", 0)  # a route is written out, and calls no run
    monkeypatch.setattr(Dispatch, "run", leaky)
    figures = await benchmark.measured(events=4_000, producers=1, reloads=0)
    assert not figures.clean
    assert figures.faults["direct lost"] == 4


async def test_f33_the_ledger_sees_what_passes_unredacted(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(benchmark.BODIES, "mask", "    def redact(self, event): return event\n")
    figures = await benchmark.measured(events=100, producers=1, reloads=0)
    assert figures.unredacted == 200


def test_f33_the_command_ends_with_1_where_something_is_wrong(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["loss_ledger.py", "--events", "50", "--reloads", "0"])
    assert benchmark.main() == 0
    assert "accepted: 50 in" in capsys.readouterr().out
    wrong = benchmark.Figures(faults=benchmark.Counter({"direct lost": 1}))
    assert not wrong.clean
    asyncio.set_event_loop(None)
