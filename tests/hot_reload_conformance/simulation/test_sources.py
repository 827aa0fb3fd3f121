"""The sources: each deviates where it should and nowhere else."""

from __future__ import annotations

import asyncio

import pytest

from hot_reload_conformance.simulation.loop import simulation
from hot_reload_conformance.simulation.oracle import KINDS, LATENCY, SCHEDULE, Deviation
from hot_reload_conformance.simulation.simulate import run
from hot_reload_conformance.simulation.sources import (
    Latencies,
    Pct,
    Plan,
    RandomWalk,
    Replay,
    Zero,
)


def test_zero_never_deviates() -> None:
    assert {Zero().choose(kind, 9, "", ()) for kind in KINDS} == {0}


def test_a_random_walk_goes_every_way() -> None:
    walk = RandomWalk(1)
    for kind in KINDS:
        assert {walk.choose(kind, 4, "", ()) for _ in range(5000)} == {0, 1, 2, 3}


def test_mishaps_are_rarer_than_reordering() -> None:
    walk = RandomWalk(1)
    mishaps = sum(walk.choose("fault", 2, "", ()) for _ in range(2000))
    assert 0 < mishaps < sum(bool(walk.choose(SCHEDULE, 2, "", ())) for _ in range(2000)) / 4


def test_latencies_touch_nothing_else() -> None:
    source = Latencies(3)
    for kind in KINDS:
        seen = {source.choose(kind, 3, "", ()) for _ in range(500)}
        assert seen == ({0, 1, 2} if kind == LATENCY else {0})


def test_a_plan_is_taken_modulo_and_then_ends() -> None:
    plan = Plan([5, 3])
    assert [plan.choose(LATENCY, 4, "", ()) for _ in range(3)] == [1, 3, 0]


def test_a_replay_passes_over_a_way_that_is_gone() -> None:
    source = Replay([Deviation(0, 3), Deviation(1, 1)])
    assert [source.choose(LATENCY, 2, "", ()) for _ in range(3)] == [0, 1, 0]


async def starving() -> None:
    """Fails only where one task takes all its turns before another takes its first."""
    done = []

    async def quick() -> None:
        done.append("quick")

    async def slow() -> None:
        for _ in range(12):
            await asyncio.sleep(0)
        assert "quick" in done, "the quick one never had a turn"

    await asyncio.gather(slow(), quick())


def test_pct_starves_a_task_where_a_random_walk_hardly_does() -> None:
    horizon = run(starving).trace.schedule_decisions
    assert horizon > 0

    walks = [run(starving, RandomWalk(seed)) for seed in range(60)]
    ranked = [run(starving, Pct(seed, horizon=horizon, depth=2)) for seed in range(60)]
    assert sum(each.failure is not None for each in ranked) > 10
    assert sum(each.failure is not None for each in walks) < 5


def test_pct_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Pct(1, horizon=0)


def test_a_pause_takes_as_long_as_the_oracle_says() -> None:
    async def main() -> None:
        await simulation().pause("the disk")

    assert run(main, Replay([])).trace.virtual_seconds == 0
    slow = run(main, Replay([Deviation(0, 3)]))
    assert slow.trace.virtual_seconds == 0.01
    assert slow.trace.deviations[0].label == "the disk"
