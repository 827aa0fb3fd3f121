"""The loss ledger: what becomes of every event while plugins are reloaded under load.

Run it with ``python tests/benchmarks/loss_ledger.py --events 10000000 --producers 8
--reloads 10000``. Half of the producers are threads, half are tasks. A synchronous sink, an
asynchronous one, a processor and a redactor are reloaded in turn while events flow; every
fourth reload is of a version that fails, at another stage each time. Printed are, for each
sink, how many events were lost, doubled, out of their producer's order, or dropped and
counted; how many passed unredacted; and how many events a second went through.

The run is cut into rounds, whose accounts are closed one by one, so that its memory is
bounded: between two rounds the producers pause until every event has arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from hot_reload import Engine, Settings
from hot_reload.outcome import RolledBack, Swapped
from hot_reload_fixtures import EventLedger

PROBE = "loss_ledger_probe"
SINKS = ("direct", "queued")
ROUND_EVENTS = 500_000
SECRET, HIDDEN = "s3cr3t", "***"

HEAD = """
import loss_ledger_probe as probe

class {title}:
    name, version = {name!r}, "{version}"
    FAILS = {fails!r}

    def __init__(self):
        self.seen = 0
        if self.FAILS == "construct":
            raise ValueError("planned")

    async def start(self):
        if self.FAILS == "start":
            raise ValueError("planned")

    def get_reload_state(self):
        return {{"seen": self.seen}}

    def set_reload_state(self, state):
        if self.FAILS == "restore":
            raise ValueError("planned")
        self.seen = state["seen"]

    def health_check(self):
        return self.FAILS != "health"
"""
BODIES = {
    "direct": "    def write(self, event): probe.run.delivered(event, 'direct')\n",
    "queued": "    async def write(self, event): probe.run.delivered(event, 'queued')\n",
    "tag": "    def process(self, event): return (event[0], event[1])\n",
    "mask": "    def redact(self, event): return (event[0], '***')\n",
}
FAILURES = ("construct", "start", "restore", "health")


@dataclass
class Figures:
    """What a run came to, over all of its rounds; per sink where that makes a difference."""

    accepted: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    reloads: int = 0
    rolled_back: int = 0
    unredacted: int = 0
    surprises: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled, out of order, dropped or unredacted, and no reload surprised."""
        return not (self.faults.total() or self.dropped or self.unredacted or self.surprises)

    def lines(self) -> Iterator[str]:
        for sink in SINKS:
            kinds = ("lost", "duplicated", "reordered", "unexpected", "miscounted")
            told = ", ".join(f"{self.faults[f'{sink} {kind}']:,} {kind}" for kind in kinds)
            yield f"sink {sink}: {told}"
        yield f"dropped and counted: {self.dropped:,}; unredacted: {self.unredacted:,}"
        yield f"reloads: {self.reloads:,} swapped, {self.rolled_back:,} rolled back as planned"
        rate = self.accepted / self.seconds if self.seconds else 0
        yield f"accepted: {self.accepted:,} in {self.seconds:.1f} s, {rate:,.0f} events/s"
        yield from self.surprises


class Run:
    """One run: plugins on disk, an engine, producers, and the accounts of the present round."""

    def __init__(self, folder: Path) -> None:
        self.figures = Figures()
        self._folder = folder
        self._ledger = EventLedger()
        self._versions = itertools.count(2)

    def delivered(self, event: Any, sink: str) -> None:
        stamp, secret = event
        if secret != HIDDEN:
            self.figures.unredacted += 1
        self._ledger.delivered(stamp, sink)

    def write(self, name: str, version: int, fails: str = "") -> Path:
        path = self._folder / f"{name}.py"
        head = HEAD.format(title=name.title(), name=name, version=version, fails=fails)
        path.write_text(head + BODIES[name])
        return path

    async def measure(self, events: int, producers: int, reloads: int) -> Figures:
        probe = ModuleType(PROBE)
        probe.run = self  # type: ignore[attr-defined]
        sys.modules[PROBE] = probe
        # The mailbox has room for a round: what is measured is loss, not how much fits.
        settings = Settings(gate_limit_events=ROUND_EVENTS + 1)
        began = time.perf_counter()
        try:
            async with Engine(settings=settings) as engine:
                for name in BODIES:
                    (await engine.load(self.write(name, 1))).unwrap()
                rounds = -(-events // ROUND_EVENTS)
                for number in range(rounds):
                    await self._round(
                        engine,
                        _share(events, rounds, number),
                        producers,
                        _share(reloads, rounds, number),
                    )
                self.figures.dropped = engine.counts.dropped_total
                if engine.counts.errors:
                    self.figures.surprises.append(f"errors: {dict(engine.counts.errors)}")
        finally:
            del sys.modules[PROBE]
        self.figures.seconds = time.perf_counter() - began
        return self.figures

    async def _round(self, engine: Engine, events: int, producers: int, reloads: int) -> None:
        self._ledger = EventLedger()
        loop = asyncio.get_running_loop()
        working: list[asyncio.Future[None] | asyncio.Task[None]] = []
        for number in range(producers):
            share = _share(events, producers, number)
            if number % 2:
                working.append(asyncio.create_task(self._task(engine, f"task{number}", share)))
            else:
                working.append(
                    loop.run_in_executor(None, self._produce, engine, f"thread{number}", share)
                )
        names = itertools.cycle(BODIES)
        for number in range(reloads):
            await self._reload(engine, next(names), number)
        await asyncio.gather(*working)
        await engine.settle()
        for sink in SINKS:
            report = self._ledger.report(sink)
            for kind in ("lost", "duplicated", "reordered", "unexpected", "miscounted"):
                self.figures.faults[f"{sink} {kind}"] += len(getattr(report, kind))
        self.figures.accepted += report.accepted

    async def _reload(self, engine: Engine, name: str, number: int) -> None:
        fails = FAILURES[number // 4 % 4] if number % 4 == number // 16 % 4 else ""
        self.write(name, next(self._versions), fails)
        outcome = await engine.reload(name)
        if isinstance(outcome, RolledBack) and fails:
            self.figures.rolled_back += 1
        elif isinstance(outcome, Swapped) and not fails and not outcome.warnings:
            self.figures.reloads += 1
        else:
            self.figures.surprises.append(outcome.describe())

    def _produce(self, engine: Engine, producer: str, events: int) -> None:
        ledger = self._ledger
        for _ in range(events):
            stamp = ledger.stamp(producer)
            if engine.emit((stamp, SECRET)):
                ledger.accepted(stamp)

    async def _task(self, engine: Engine, producer: str, events: int) -> None:
        # In turns with the mailbox, which has to empty itself on the same loop.
        for first in range(0, events, 100):
            self._produce(engine, producer, min(100, events - first))
            await asyncio.sleep(0)


def _share(whole: int, parts: int, number: int) -> int:
    return whole * (number + 1) // parts - whole * number // parts


async def measured(events: int, producers: int, reloads: int) -> Figures:
    """The figures of one run in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return await Run(Path(folder)).measure(events, producers, reloads)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--producers", type=int, default=8)
    parser.add_argument("--reloads", type=int, default=1_000)
    given = parser.parse_args()
    figures = asyncio.run(measured(given.events, given.producers, given.reloads))
    print(*figures.lines(), sep="\n")
    return 0 if figures.clean else 1


if __name__ == "__main__":
    sys.exit(main())
