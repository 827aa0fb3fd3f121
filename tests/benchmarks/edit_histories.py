"""Lives through many generated edit histories, and counts the edits that were lost.

Run it with ``python tests/benchmarks/edit_histories.py --count 100000 --seed 1``. Files are
real, time is not. A history that goes wrong is printed with the seed that repeats it; then
the exit status is 1. The small version of it is ``tests/hot_reload/watch/test_histories.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.hot_reload.watch.conftest import scene_at  # found by the line above
from tests.hot_reload.watch.histories import Convergence, History  # the same


async def live(seed: int) -> Convergence:
    return await History.draw(random.Random(seed)).live_through(scene_at)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0, help="the first; each history has the next")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began = time.perf_counter()
    lost = violations = operations = 0
    longest = 0.0
    with asyncio.Runner() as runner:
        for seed in range(options.seed, options.seed + options.count):
            try:
                found = runner.run(live(seed))
            except Exception as error:  # a crash of one history is a finding of that one
                found = Convergence(0.0, violations=(f"{type(error).__name__}: {error}",))
            longest = max(longest, found.seconds)
            operations += found.operations
            lost += len(found.lost)
            violations += len(found.violations)
            for each in (*found.lost, *found.violations):
                print(f"seed {seed}: {each} (repeat it: --count 1 --seed {seed})", file=sys.stderr)
    print(f"histories: {options.count}")
    print(f"operations: {operations}")
    print(f"lost edits: {lost}")
    print(f"violations: {violations}")
    print(f"longest time to converge, virtual seconds: {longest:.2f}")
    print(f"real seconds: {time.perf_counter() - began:.1f}")
    return 1 if lost or violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
