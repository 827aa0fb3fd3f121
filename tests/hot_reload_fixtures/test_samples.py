"""The sample plugins do their work, by themselves and through a reload."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from hot_reload import Engine
from hot_reload.outcome import RolledBack, StateCarried, Swapped
from hot_reload.source.snapshot import DiskFiles
from hot_reload_fixtures import OverlayFiles
from hot_reload_fixtures.samples import SAMPLES

FILES = sorted(SAMPLES.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SAMPLES).as_posix())
def test_they_import_nothing_of_ours(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = [each.module or "" for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)]
    names += [
        alias.name
        for each in ast.walk(tree)
        if isinstance(each, ast.Import)
        for alias in each.names
    ]
    assert not [name for name in names if name.startswith("hot_reload")]


class Edited:
    """An engine with one sample, whose file is edited without being touched."""

    def __init__(self, sample: str, config: dict[str, Any] | None = None) -> None:
        self.path = SAMPLES / sample
        self.main = self.path / "__init__.py" if self.path.is_dir() else self.path
        self.config = config or {}
        self.files = OverlayFiles(DiskFiles())
        self.engine = Engine(files=self.files)
        self.edits = 0

    async def __aenter__(self) -> Edited:
        await self.engine.__aenter__()
        outcome = await self.engine.load(self.path, config=self.config)
        self.name = outcome.unwrap().plugin
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.close()

    async def reload(self) -> Swapped:
        self.edits += 1
        self.files.append(self.main, f"# edit {self.edits}")
        outcome = await self.engine.reload(self.name)
        assert isinstance(outcome, Swapped), outcome.describe()
        assert outcome.warnings == ()
        return outcome


async def test_the_counter_counts_on_after_a_reload() -> None:
    async with Edited("counter.py") as edited:
        add = {"command": "add", "counter": "visits", "by": 2}
        assert await edited.engine.call(add) == [2]
        assert (await edited.reload()).state is StateCarried.CARRIED
        assert await edited.engine.call(add) == [4]
        assert await edited.engine.call({"command": "list"}) == [{"visits": 4}]
        assert await edited.engine.call({"command": "reset", "counter": "visits"}) == [0]
        assert await edited.engine.call({"command": "get", "counter": "visits"}) == [0]
        assert edited.engine.lingering() == ()


@pytest.mark.parametrize(
    "state", [{"schema": 2, "counts": {}}, {"schema": 1, "counts": {"a": 1, "b": "many"}}]
)
async def test_the_counter_refuses_a_state_as_a_whole(state: dict[str, Any]) -> None:
    async with Edited("counter.py") as edited:
        counter = edited.engine.plugin("counter")
        counter.handle({"command": "add", "counter": "visits"})
        with pytest.raises(ValueError, match=r"schema|whole number"):
            counter.set_reload_state(state)
        assert counter.handle({"command": "list"}) == {"visits": 1}


async def test_the_counter_names_a_request_that_it_does_not_know() -> None:
    async with Edited("counter.py") as edited:
        with pytest.raises(ValueError, match=r"no such request: \{'command': 'sum'\}"):
            edited.engine.plugin("counter").handle({"command": "sum"})


def rows(path: Path) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return [
            json.loads(text) for (text,) in database.execute("SELECT event FROM events ORDER BY id")
        ]


async def test_the_sink_loses_doubles_and_reorders_nothing_over_reloads(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    config = {"path": str(path), "batch_size": 7}
    events = [{"producer": number % 2, "n": number} for number in range(1, 61)]
    async with Edited("sqlite_sink.py", config) as edited:
        for event in events:
            assert edited.engine.emit(event)
            if event["n"] % 20 == 10:
                await edited.reload()
        sink = edited.engine.plugin("sqlite-sink")
        assert sink.health_check()["written"] + 3 >= 56
    assert rows(path) == events


async def test_the_sink_takes_events_from_many_threads(tmp_path: Path) -> None:
    path = tmp_path / "events.db"

    def produce(engine: Engine, producer: int) -> None:
        for number in range(50):
            engine.emit({"producer": producer, "n": number})

    async with Edited("sqlite_sink.py", {"path": str(path), "batch_size": 9}) as edited:
        threads = [asyncio.to_thread(produce, edited.engine, producer) for producer in range(4)]
        producing = asyncio.gather(*threads)
        for _ in range(5):
            await edited.reload()
        await producing
    seen = rows(path)
    assert len(seen) == 200
    for producer in range(4):
        assert [each["n"] for each in seen if each["producer"] == producer] == list(range(50))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "config 'path' is the file to write to, not None"),
        ({"path": "x", "batch_size": 0}, "config 'batch_size' is a whole number from 1, not 0"),
        ({"path": "x", "batch_size": True}, "not True"),
    ],
)
async def test_the_sink_names_the_key_of_a_bad_config(config: dict[str, Any], says: str) -> None:
    async with Engine() as engine:
        outcome = await engine.load(SAMPLES / "sqlite_sink.py", config=config)
        assert isinstance(outcome, RolledBack)
        assert says in outcome.failure.cause


async def test_the_sink_keeps_a_batch_that_could_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    async with Edited("sqlite_sink.py", {"path": str(path), "batch_size": 2}) as edited:
        sink = edited.engine.plugin("sqlite-sink")
        sink.write("first")
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("ALTER TABLE events RENAME TO gone")
        with pytest.raises(sqlite3.OperationalError):
            sink.write("second")
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("ALTER TABLE gone RENAME TO events")
        sink.flush()
        assert rows(path) == ["first", "second"]


async def test_the_enricher_adds_the_country_before_and_after_a_reload() -> None:
    async with Edited("geo") as edited:
        for _ in range(2):
            geo = edited.engine.plugin("geo")
            assert geo.enrich({"address": "192.0.2.7", "n": 1}) == {
                "address": "192.0.2.7",
                "n": 1,
                "country": "CH",
            }
            assert geo.enrich({"address": "2001:db8::1"})["country"] == "NZ"
            assert geo.enrich({"address": "no address"})["country"] is None
            assert geo.enrich({"n": 1}) == {"n": 1}
            del geo  # or this test would hold the generation
            await edited.reload()
        assert edited.engine.lingering() == ()


async def test_the_enrichers_task_reads_the_table_again_and_ends_with_it(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("192.0.2.0/24,AA\n")
    config = {"table": str(table), "refresh_seconds": 0}

    def refreshing() -> int:
        return sum(task.get_name() == "geo refresh" for task in asyncio.all_tasks())

    async with Edited("geo", config) as edited:
        assert refreshing() == 1
        await edited.reload()
        assert refreshing() == 1
        geo = edited.engine.plugin("geo")
        table.write_text("192.0.2.0/24,BB\n192.0.2.0/28,CC\n")
        for _ in range(1000):
            if geo.enrich({"address": "192.0.2.200"})["country"] == "BB":
                break
            await asyncio.sleep(0)
        assert geo.enrich({"address": "192.0.2.1"})["country"] == "CC"
    assert refreshing() == 0


async def test_a_bad_table_is_named_by_file_and_line(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("192.0.2.0/24,CH\nnowhere,XX\n")
    async with Engine() as engine:
        outcome = await engine.load(SAMPLES / "geo", config={"table": str(table)})
        assert isinstance(outcome, RolledBack)
        assert f"{table}:2 is no 'network,country'" in outcome.failure.cause
