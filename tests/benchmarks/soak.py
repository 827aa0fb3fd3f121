"""Many reloads in one process: what they leave behind.

Run it with ``python tests/benchmarks/soak.py --reloads 10000``. A plugin with state, a task,
a logger and a dataclass is swapped that often. Printed are the growth of the process's
memory for each reload after the first tenth, what a census finds more of than before, and
the generations that are still there at the end; the exit status is 1 where some are.
The small version of it is ``tests/benchmarks/test_soak.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hot_reload import Engine

SOURCE = """
import asyncio, logging
from dataclasses import dataclass

log = logging.getLogger(__name__)

@dataclass
class Tally:
    seen: int = 0

class Counter:
    name, version = "counter", "1.{version}"

    def __init__(self, context):
        self.context, self.tally = context, Tally()

    async def start(self):
        self.context.spawn(asyncio.Event().wait())

    def get_reload_state(self):
        return {{"seen": self.tally.seen}}

    def set_reload_state(self, state):
        self.tally = Tally(state["seen"] + 1)

    def handle(self, request):
        return self.tally.seen
"""


@dataclass(frozen=True)
class Soaked:
    """What a run came to. ``more`` is what a census counts more of than after the first tenth."""

    reloads: int
    answer: int
    bytes_per_reload: float
    lingering: tuple[str, ...]
    more: dict[str, int]
    seconds: float


async def soaked(reloads: int) -> Soaked:
    began, warm = time.perf_counter(), max(1, reloads // 10)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "counter.py")
        path.write_text(SOURCE.format(version=0))
        async with Engine() as engine:
            (await engine.load(path)).unwrap()
            await _swap(engine, path, range(1, warm + 1))
            before, census = _resident_bytes(), _census()
            await _swap(engine, path, range(warm + 1, reloads + 1))
            lingering = engine.lingering()
            after, more = _resident_bytes(), _census() - census
            (answer,) = await engine.call(None)
    per_reload = (after - before) / max(1, reloads - warm)
    seconds = time.perf_counter() - began
    return Soaked(reloads, answer, per_reload, lingering, dict(more), seconds)


async def _swap(engine: Engine, path: Path, versions: range) -> None:
    for version in versions:
        path.write_text(SOURCE.format(version=version))
        (await engine.reload("counter")).unwrap()


def _resident_bytes() -> int:
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _census() -> Counter[str]:
    """What a leak would be of: each kind is as many as it was, or something stays behind."""
    gc.collect()
    return Counter(
        {
            "modules": len(sys.modules),
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
            "loggers": len(logging.Logger.manager.loggerDict),
            "classes of plugins": sum(
                isinstance(each, type) and "@g" in str(each.__module__) for each in gc.get_objects()
            ),
        }
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--reloads", type=int, default=10_000)
    found = asyncio.run(soaked(parser.parse_args().reloads))
    print(
        f"{found.reloads:,} reloads in {found.seconds:.1f} s; state carried {found.answer:,} times"
    )
    print(f"memory: {found.bytes_per_reload:+.0f} bytes for each reload after the first tenth")
    print(f"old generations still there: {len(found.lingering)}")
    print(f"more than before: {found.more or 'nothing'}")
    return 1 if found.lingering or found.more or found.answer != found.reloads else 0


if __name__ == "__main__":
    sys.exit(main())
