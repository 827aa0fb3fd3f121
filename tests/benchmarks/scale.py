"""Ten thousand plugins: loading, one reload among them, a leaf's cascade, the order, closing."""

from __future__ import annotations

import asyncio
import gc
import graphlib
import logging
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.benchmarks.table import Table

from hot_reload import Engine
from hot_reload.manifest import Dependency
from hot_reload.policy.graph import DependencyGraph

PLUGINS, RELOADS = 10_000, 40
WORK_SECONDS = 0.05
SOURCE = """class P:
    version = '1'
    dependencies = {needs!r}
    def handle(self, request): return {answer}
"""
SLOW = """import asyncio
class P:
    version = '1'
    answer = {answer}
    async def start(self): await asyncio.sleep({seconds})
    def handle(self, request): return self.answer
"""


def tables(scale: float = 1.0) -> list[Table]:
    logging.disable(logging.CRITICAL)
    plugins = max(100, int(PLUGINS * scale))
    return [asyncio.run(_crowd(plugins)), _order(plugins), asyncio.run(_beside_each_other())]


async def cpu(act: Callable[[], Awaitable[object]]) -> float:
    began = time.process_time()
    await act()
    return time.process_time() - began


async def _crowd(plugins: int) -> Table:
    """A few and many, side by side: what a reload costs must not depend on how many there are."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder, "few"), Path(folder, "many")
        async with Engine() as small, Engine() as large:
            await _load(small, few, 10)
            loading = await cpu(lambda: _load(large, many, plugins))
            alone: dict[str, list[float]] = {"few": [], "many": [], "leaf": []}
            for number in range(RELOADS):
                for kind, engine, root, name in (
                    ("few", small, few, "p00003"),
                    ("many", large, many, "p00003"),
                    ("leaf", large, many, "p00001"),
                ):
                    needs = ["p00000"] if name == "p00001" else []
                    (root / f"{name}.py").write_text(SOURCE.format(needs=needs, answer=-number - 1))
                    spent = await cpu(lambda e=engine, n=name: _swap(e, n))  # type: ignore[misc]
                    alone[kind].append(spent)
            gc.collect()
            closing = await cpu(large.close)
    medians = {kind: statistics.median(spent) * 1000 for kind, spent in alone.items()}
    rows = [
        ["load them all, for each", f"{loading / plugins * 1000:.2f}", ""],
        ["reload one of 10, beside that engine", f"{medians['few']:.2f}", "1.00"],
        *(
            [f"reload {label}", f"{medians[kind]:.2f}", f"{medians[kind] / medians['few']:.2f}"]
            for kind, label in (("many", "one of them"), ("leaf", "one that needs another"))
        ),
        ["close, for each", f"{closing / plugins * 1000:.3f}", ""],
    ]
    return Table(f"{plugins:,} plugins in one engine, CPU", ("", "ms", "x one of 10"), rows)


async def _load(engine: Engine, root: Path, plugins: int) -> None:
    root.mkdir()
    for number in range(plugins):
        path = root / f"p{number:05}.py"
        path.write_text(SOURCE.format(needs=["p00000"] if number == 1 else [], answer=number))
        (await engine.load(path)).unwrap()


async def _swap(engine: Engine, name: str) -> None:
    (await engine.reload(name)).unwrap()


def _order(plugins: int) -> Table:
    """The start order of a random graph, beside the standard library's."""
    chance = random.Random(1)
    names = [f"p{number:05}" for number in range(plugins)]
    needs = {
        name: sorted({names[chance.randrange(index)] for _ in range(min(index, 2))})
        for index, name in enumerate(names)
    }
    graph = DependencyGraph({k: tuple(map(Dependency, v)) for k, v in needs.items()})
    spent: dict[str, list[float]] = {"ours": [], "graphlib": []}
    for _ in range(9):
        began = time.process_time()
        graph.levels()
        spent["ours"].append(time.process_time() - began)
        began = time.process_time()
        sorter = graphlib.TopologicalSorter(needs)
        sorter.prepare()
        while sorter.is_active():
            ready = sorter.get_ready()
            sorter.done(*ready)
        spent["graphlib"].append(time.process_time() - began)
    ours, theirs = (statistics.median(each) * 1000 for each in spent.values())
    rows = [
        ["graphlib.TopologicalSorter, by levels", f"{theirs:.1f}", "1.00"],
        ["this project's graph, by levels", f"{ours:.1f}", f"{ours / theirs:.2f}"],
    ]
    return Table(f"The order of {plugins:,} plugins, CPU", ("", "ms", "x graphlib"), rows)


async def _beside_each_other() -> Table:
    """Five plugins that need nothing of each other, with 50 ms of asynchronous work each."""
    with tempfile.TemporaryDirectory() as folder:
        spent: dict[str, list[float]] = {"one": [], "five": []}
        async with Engine() as engine:
            names = [f"slow{number}" for number in range(5)]
            paths = [Path(folder, f"{name}.py") for name in names]

            def write(answer: int) -> None:
                for path in paths:
                    path.write_text(SLOW.format(answer=answer, seconds=WORK_SECONDS))

            write(0)
            await asyncio.gather(*map(engine.load, paths))
            for number in range(1, 11):
                for kind, some in (("one", names[:1]), ("five", names)):
                    write(2 * number + (kind == "five"))
                    began = time.perf_counter()
                    for outcome in (await engine.reload_many(some)).values():
                        outcome.unwrap()
                    spent[kind].append(time.perf_counter() - began)
    one, five = (statistics.median(each) * 1000 for each in spent.values())
    rows = [["one", f"{one:.1f}", "1.00"], ["five at once", f"{five:.1f}", f"{five / one:.2f}"]]
    return Table("Plugins of 50 ms of asynchronous work, wall", ("", "ms", "x one"), rows)
