"""What a watch costs at rest: the share of one processor, by number of plugins.

Run it with ``python tests/benchmarks/sweep_cost.py``. It lays out so many directories (or,
with ``--modules``, single files), watches them with the system's events on, waits until
nothing is left to do and measures the process's own time. The plugins do not load, on
purpose: a watch costs the same for them, and a round is not spent on loading thousands.
Printed are the share of one processor and within how long an edit is found that no event
tells of: one that a file's status shows, and one that only its content does.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import logging
import tempfile
import time
from pathlib import Path

from hot_reload import Engine, Watcher, WatchSettings
from hot_reload.watch.watched import WatchHealth

SOURCE = "VALUE = 1\n" + "# padding\n" * 45


def lay_out(root: Path, count: int, *, modules: bool) -> None:
    for number in range(count):
        name = f"plugin{number:05}"
        path = root / f"{name}.py" if modules else root / name / "__init__.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(SOURCE)


async def at_rest(watcher: Watcher) -> WatchHealth:
    """Wait until all was tried, and the pace is that of rest."""
    rounds: list[float] = []
    while True:
        await asyncio.sleep(2)
        health = watcher.health
        rounds.append(health.sweep_seconds)
        steady = len(rounds) > 3 and abs(rounds[-1] - rounds[-3]) < 0.1 * rounds[-1]
        if not health.waiting and steady:
            return health


async def measure(count: int, seconds: float, *, modules: bool) -> tuple[float, WatchHealth]:
    """The share of one processor in percent, and the health at the end."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lay_out(root, count, modules=modules)
        async with Engine() as engine:
            watcher = Watcher(engine, [root], settings=WatchSettings(cooldown_seconds=0))
            await watcher.start()
            await at_rest(watcher)
            began, spent = time.perf_counter(), time.process_time()
            await asyncio.sleep(seconds)
            share = (time.process_time() - spent) / (time.perf_counter() - began)
            health = watcher.health
            await watcher.stop()
            return share * 100, health


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--counts", type=int, nargs="*", default=[100, 1_000, 10_000])
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each is measured")
    parser.add_argument("--modules", action="store_true", help="single files, no directories")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    kind = "modules" if options.modules else "packages"
    print(f"{kind:>10}{'% CPU':>9}{'status s':>10}{'content s':>11}")
    for count in options.counts:
        share, health = await measure(count, options.seconds, modules=options.modules)
        found = dataclasses.asdict(health)
        sweep, content = found["sweep_seconds"], found["content_seconds"]
        print(f"{count:>10}{share:>9.2f}{sweep:>10.1f}{content:>11.1f}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
