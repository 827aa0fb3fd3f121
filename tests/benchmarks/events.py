"""What an event costs on its way through filter, enricher, processor and redactor to two sinks.

Everyone does the same work with the same four methods and two sinks; the floor calls them by
hand. Then events flow from two threads while a sink is swapped 300 times: lost are those
that the sink in place never got, of those that were accepted; the slowest call is set beside
the slowest without swaps.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import itertools
import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.benchmarks.contest import contest
from tests.benchmarks.table import Table

Emit = Callable[[dict[str, Any]], object]

EVENTS, ROUNDS, SWAPS = 20_000, 15, 300
PROBE = "events_benchmark_probe"
SINK = """
import {probe} as probe

class {title}:
    name, version = "{name}", "{version}"

    def write(self, event):
        if probe.remembers:
            probe.{name}.append(event["id"])
"""
STEP = """
class {title}:
    name, version = "{name}", "1"

    def {name}(self, event):
        {body}
        return event
"""
BODIES = {
    "enrich": 'event = {**event, "host": "here"}',
    "process": 'event["text"] = "done"',
    "redact": 'event["password"] = "***"',
}
SOURCES = {
    "filter": STEP.format(title="Filter", name="filter", body='return event["n"] >= 0'),
    **{
        name: STEP.format(title=name.title(), name=name, body=each) for name, each in BODIES.items()
    },
}


def sink(name: str, version: int = 0) -> str:
    return SINK.format(probe=PROBE, title=name.title(), name=name, version=version)


def made(source: str, method: str) -> Callable[[Any], Any]:
    """The bound method of the plugin in ``source``, made without an engine: the work itself."""
    names: dict[str, Any] = {}
    exec(source, names)
    (kind,) = [each for name, each in names.items() if name.istitle()]
    bound: Callable[[Any], Any] = getattr(kind(), method)
    return bound


class Pipe:
    """A contender. ``workload`` is ``rate`` or ``swaps``: see ``turn``."""

    label = ""
    install = ""
    swaps = True

    def __init__(self, folder: Path, workload: str) -> None:
        self.folder, self.workload = folder, workload
        logging.raiseExceptions = False
        self.probe = sys.modules[PROBE] = ModuleType(PROBE)
        self.seen: list[int] = []
        self.kept: list[int] = []
        vars(self.probe).update(remembers=False, first=self.seen, second=self.kept)
        self.keep, self.enrich, self.process, self.redact = (
            made(source, method) for method, source in SOURCES.items()
        )
        self.first, self.second = made(sink("first"), "write"), made(sink("second"), "write")
        self.emit: Emit = self.open()

    def open(self) -> Emit:
        raise NotImplementedError

    def swap(self, number: int) -> None:
        """Let a new first sink take the place of the old one."""
        raise NotImplementedError

    def settle(self) -> None:
        """Return when what was accepted has arrived."""

    def turn(self, number: int) -> dict[str, float]:
        return self._rate() if self.workload == "rate" else self._swaps()

    def _rate(self) -> dict[str, float]:
        emit = self.emit
        gc.collect()
        began = time.process_time()
        for number in range(EVENTS):
            emit({"n": number, "password": "secret"})
        self.settle()
        return {"rate": EVENTS / (time.process_time() - began)}

    def _swaps(self) -> dict[str, float]:
        vars(self.probe)["remembers"] = True
        # Whose collection it would be that stops a producer is chance: it is left out for all.
        gc.disable()
        found = self._produce(self._swap_all)
        calm = self._produce(lambda: time.sleep(found["seconds"]))
        gc.enable()
        return {**found, "slowest": found["slowest"] / calm["slowest"]}

    def _swap_all(self) -> None:
        for number in range(SWAPS):
            self.swap(number)
            time.sleep(0.001)

    def _produce(self, meanwhile: Callable[[], object]) -> dict[str, float]:
        self.seen.clear()
        self.kept.clear()
        done, slowest, accepted = threading.Event(), [0.0, 0.0], [0, 0]

        def produce(index: int) -> None:
            emit, clock = self.emit, time.perf_counter
            for number in itertools.count():
                began = clock()
                emit({"n": 1, "id": 2 * number + index})
                slowest[index] = max(slowest[index], clock() - began)
                if done.is_set():
                    accepted[index] = number + 1
                    return

        began = time.perf_counter()
        threads = [threading.Thread(target=produce, args=(index,)) for index in range(2)]
        for thread in threads:
            thread.start()
        meanwhile()
        done.set()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - began
        self.settle()
        whole = {2 * number + index for index in range(2) for number in range(accepted[index])}
        return {
            "accepted": len(whole),
            "lost": len(whole.difference(self.seen)),
            "lost by the other": len(whole.difference(self.kept)),
            "slowest": max(slowest),
            "seconds": seconds,
        }

    def close(self) -> None:
        """Nothing is held."""


class Direct(Pipe):
    label = "direct calls (floor)"

    def open(self) -> Emit:
        keep, enrich, process, redact = self.keep, self.enrich, self.process, self.redact
        first, second = self.first, self.second

        def emit(event: dict[str, Any]) -> None:
            if keep(event):
                event = redact(process(enrich(event)))
                first(event)
                second(event)

        return emit


class ThisProject(Pipe):
    label = "this project"

    def open(self) -> Emit:
        from hot_reload import Engine

        logging.disable(logging.CRITICAL)
        self.loop = asyncio.new_event_loop()
        self.engine = Engine()
        self.loop.run_until_complete(self.engine.__aenter__())
        for name, text in SOURCES.items():
            self._load(name, text)
        self._load("first", sink("first"))
        self._load("second", sink("second"))
        return self.engine.emit

    def _load(self, name: str, text: str) -> None:
        path = self.folder / f"{name}.py"
        path.write_text(text)
        self.loop.run_until_complete(self.engine.load(path)).unwrap()

    def swap(self, number: int) -> None:
        (self.folder / "first.py").write_text(sink("first", number + 1))
        self.loop.run_until_complete(self.engine.reload("first")).unwrap()

    def settle(self) -> None:
        self.loop.run_until_complete(self.engine.settle())


class StdlibLogging(Pipe):
    label = "logging: filter, four steps, two handlers"

    def open(self) -> Emit:
        self.logger = logging.Logger("benchmark")
        self.logger.addFilter(lambda record: self.keep(record.args))
        self.logger.addFilter(self._steps)
        self.current: logging.Handler = _Handler(self.first)
        self.logger.addHandler(self.current)
        self.logger.addHandler(_Handler(self.second))
        info = self.logger.info
        return lambda event: info("event", event)

    def _steps(self, record: logging.LogRecord) -> bool:
        record.event = self.redact(self.process(self.enrich(record.args)))
        return True

    def swap(self, number: int) -> None:
        old, self.current = self.current, _Handler(self.first)
        self.logger.removeHandler(old)
        self.logger.addHandler(self.current)


class _Handler(logging.Handler):
    def __init__(self, sink: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        self._sink(record.event)  # type: ignore[attr-defined]


class Structlog(Pipe):
    label = "structlog: a chain of processors"
    install = "structlog"
    swaps = False

    def open(self) -> Emit:
        structlog = importlib.import_module("structlog")

        def held(logger: object, name: str, event: Any) -> Any:
            if not self.keep(event):
                raise structlog.DropEvent
            return event

        def both(logger: object, name: str, event: Any) -> Any:
            self.first(event)
            self.second(event)
            raise structlog.DropEvent

        steps = [
            lambda logger, name, event, step=step: step(event)
            for step in (self.enrich, self.process, self.redact)
        ]
        logger = structlog.wrap_logger(None, processors=[held, *steps, both])
        return lambda event: logger.info("event", **event)


class Loguru(Pipe):
    label = "loguru: filter, patcher, two sinks"
    install = "loguru"

    def open(self) -> Emit:
        logger = importlib.import_module("loguru").logger

        logger.remove()
        self.current = logger.add(self._first, filter=self._kept, format="{message}")
        logger.add(lambda m: self.second(m.record["extra"]["event"]), filter=self._kept)
        self.logger = logger.patch(self._steps)
        return lambda event: self.logger.bind(event=event).info("event")

    def _first(self, message: Any) -> None:
        self.first(message.record["extra"]["event"])

    def _kept(self, record: Any) -> bool:
        return bool(self.keep(record["extra"]["event"]))

    def _steps(self, record: Any) -> None:
        record["extra"]["event"] = self.redact(self.process(self.enrich(record["extra"]["event"])))

    def swap(self, number: int) -> None:
        self.logger.remove(self.current)
        self.current = self.logger.add(self._first, filter=self._kept, format="{message}")


class Queue(Pipe):
    label = "asyncio.Queue to one task"
    swaps = False

    def open(self) -> Emit:
        self.loop = asyncio.new_event_loop()
        self.waiting: list[dict[str, Any]] = []
        return self.waiting.append

    def settle(self) -> None:
        async def run() -> None:
            queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(1_000)

            async def consume() -> None:
                while True:
                    event = await queue.get()
                    if self.keep(event):
                        event = self.redact(self.process(self.enrich(event)))
                        self.first(event)
                        self.second(event)
                    queue.task_done()

            task = asyncio.create_task(consume())
            for event in self.waiting:
                await queue.put(event)
            await queue.join()
            task.cancel()

        self.loop.run_until_complete(run())
        self.waiting.clear()


CONTENDERS: tuple[type[Pipe], ...] = (
    Direct,
    ThisProject,
    Queue,
    Structlog,
    StdlibLogging,
    Loguru,
)


def tables(scale: float = 1.0) -> list[Table]:
    return [_rates(max(3, int(ROUNDS * scale))), _losses(max(1, int(3 * scale)))]


def _rates(rounds: int) -> Table:
    found = contest([_path(each) for each in CONTENDERS], "rate", rounds, 2)
    floor, rows = found[0].median("rate"), []
    for each in found:
        rate = each.median("rate")
        if rate is None or floor is None:
            rows.append([each.label, each.missing, ""])
        else:
            rows.append([each.label, f"{rate:,.0f}", f"{rate / floor:.3f}"])
    return Table("Events through a pipeline, one thread", ("", "events/s", "x direct"), rows)


def _losses(rounds: int) -> Table:
    swapping = [each for each in CONTENDERS if each.swaps and each is not Direct]
    found = contest([_path(each) for each in swapping], "swaps", rounds, 0)
    rows = []
    for each in found:
        if each.missing:
            rows.append([each.label, each.missing, "", "", ""])
            continue
        sums = [
            f"{sum(each.turns[kind]):,.0f}" for kind in ("accepted", "lost", "lost by the other")
        ]
        rows.append([each.label, *sums, f"{each.median('slowest'):.2f}"])
    columns = ("", "events", "lost", "lost by the sink not touched", "slowest, x calm")
    title = f"{SWAPS} swaps of a sink under two threads, {rounds} times"
    return Table(title, columns, rows)


def _path(contender: type[Pipe]) -> str:
    return f"tests.benchmarks.events:{contender.__name__}"
