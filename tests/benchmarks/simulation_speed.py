"""How quick the simulation is: ``python tests/benchmarks/simulation_speed.py``.

Loop steps per second and their price beside plain asyncio, scripts per second on the
reference engine, and the time that it takes to shrink what is wrong with each specimen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle, islice
from statistics import median

from hot_reload_conformance.adapters.reference import ReferenceAdapter
from hot_reload_conformance.simulation.fitting import fits
from hot_reload_conformance.simulation.host import hosts
from hot_reload_conformance.simulation.hunt import hunt
from hot_reload_conformance.simulation.loop import SimulationLoop
from hot_reload_conformance.simulation.oracle import Oracle, Source
from hot_reload_conformance.simulation.script import Script
from hot_reload_conformance.simulation.scripts import FIXED_SCRIPTS
from hot_reload_conformance.simulation.shrink import shrink
from hot_reload_conformance.simulation.simulate import simulate
from hot_reload_conformance.simulation.sources import Pct, RandomWalk, Zero
from hot_reload_conformance.simulation.specimens import INTERLEAVED

TASKS, TURNS = 10, 20_000
ROUNDS, SCRIPTS = 9, 152
"""Four times through all fixed scripts in a round."""


async def turning() -> None:
    """Ten tasks that do nothing but take turns: all that is measured is the loop."""

    async def turns() -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    await asyncio.gather(*(turns() for _ in range(TASKS)))


def seconds(act: Callable[[], object]) -> float:
    """Of the processor: on a busy machine the clock would measure the others."""
    began = time.process_time()
    act()
    return time.process_time() - began


def loops() -> None:
    plain = min(seconds(lambda: asyncio.run(turning())) for _ in range(3))
    sources: list[Source] = [Zero(), RandomWalk(1), Pct(1, horizon=TASKS * TURNS)]
    for source in sources:
        runs = [simulated(source) for _ in range(3)]
        took, steps = min(runs)
        name = type(source).__name__
        print(f"{name:12} {steps / took:>10,.0f} steps/s   {took / plain:.2f} x asyncio")


def simulated(source: Source) -> tuple[float, int]:
    loop = SimulationLoop(Oracle(source), max_steps=10**9)
    took = seconds(lambda: loop.run_until_complete(turning()))
    loop.close()
    return took, loop.steps


def scripts() -> None:
    subject = hosts(ReferenceAdapter)

    def played(chosen: Sequence[Script]) -> None:
        for seed, script in enumerate(islice(cycle(chosen), SCRIPTS)):
            simulate(subject, script, RandomWalk(seed))

    played(FIXED_SCRIPTS)  # once for what is compiled and imported as it is first used
    for label, chosen in (("short", FIXED_SCRIPTS[:3]), ("all fixed", FIXED_SCRIPTS)):
        rates = [SCRIPTS / seconds(partial(played, chosen)) for _ in range(ROUNDS)]
        print(
            f"engine, {label:10} {max(rates):>6,.0f} scripts/s at best, "
            f"{median(rates):,.0f} in the middle of {ROUNDS}"
        )


def shrinking() -> None:
    for each in INTERLEAVED:
        subject = hosts(each.adapter)
        fitting = [script for script in FIXED_SCRIPTS if fits(each.adapter, script)]
        found = hunt(subject, fitting, shrinking=False)
        if found.found is None:
            print(f"{each.adapter.name}: {found.describe()}")
            continue
        began = time.process_time()
        small = shrink(subject, found.found)
        took = time.process_time() - began
        print(
            f"{each.adapter.name:22} {found.runs:>4} runs, shrunk in {took:.2f} s: {small.replay}"
        )


if __name__ == "__main__":
    loops()
    scripts()
    shrinking()
