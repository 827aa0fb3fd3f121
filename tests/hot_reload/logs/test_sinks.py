"""The sinks of the library where it goes wrong: full, locked, unreachable, misconfigured."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hot_reload import Engine
from hot_reload.logs import sinks
from hot_reload.logs.line import line_of
from hot_reload.outcome import RolledBack

if TYPE_CHECKING:
    from tests.hot_reload.logs.conftest import Receiver


async def load(engine: Engine, sink: str, **config: Any) -> Any:
    outcome = await engine.load(sinks.path(sink), config=config)
    outcome.unwrap()
    return engine.plugin(outcome.plugin)


async def test_f34_the_file_is_rotated_and_no_line_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    async with Engine() as engine:
        await load(engine, "rotating_file", path=str(file), limit_bytes=100, backups=3)
        for number in range(60):
            engine.emit({"n": number})
            if number % 7 == 0:
                await engine.reload("rotating-file", force=True)
    kept = [*(tmp_path / f"app.log.{number}" for number in (3, 2, 1)), file]
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    found = [json.loads(line)["n"] for each in kept for line in each.read_text().splitlines()]
    assert found == list(range(60 - len(found), 60)), "in order, up to the last one"
    assert all(each.stat().st_size <= 100 for each in kept)


async def test_f34_a_file_without_backups_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    async with Engine() as engine:
        await load(engine, "rotating_file", path=str(file), limit_bytes=20, backups=0)
        for number in range(5):
            engine.emit({"n": number})
        assert engine.counts.dropped_total == 0
    assert [each.name for each in tmp_path.iterdir()] == ["app.log"]
    assert file.read_text().splitlines()[-1] == '{"n": 4}'


async def test_f34_a_locked_database_delays_and_a_full_buffer_refuses(
    tmp_path: Path, rows_of: Callable[[Path], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "app.db"
    async with Engine() as engine:
        sink = await load(engine, "sqlite", path=str(path), batch_size=2, buffer_limit=4)
        sink._connection.execute("PRAGMA busy_timeout=0")
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(6):
                engine.emit({"n": number})
            health = sink.health_check()
            assert health["healthy"] is False
            assert "locked" in health["error"]
            assert engine.counts.dropped == {"sqlite": 2}
            other.execute("ROLLBACK")
        engine.emit({"n": 6})
        assert sink.health_check()["healthy"] is True
        del sink
    assert [each["n"] for each in rows_of(path)] == [0, 1, 2, 3, 6]


async def test_f34_what_a_sink_could_not_write_is_given_up_once(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    async with Engine() as engine:
        sink = await load(engine, "sqlite", path=str(path), batch_size=10)
        engine.emit({"n": 1})
        assert sink.take_unwritten() == [{"n": 1}]
        assert sink.take_unwritten() == []
        del sink


async def test_f34_a_batch_is_posted_again_under_the_same_key(receiver: Receiver) -> None:
    async with Engine() as engine:
        sink = await load(engine, "http", url=receiver.url, batch_size=2, token="s3cr3t-token")
        receiver.status = 503
        engine.emit({"n": 1})
        engine.emit({"n": 2})
        await engine.settle()
        assert receiver.batches == []
        assert sink.health_check()["error"] == "127.0.0.1 answered 503"
        engine.emit({"n": 3})
        engine.emit({"n": 4})
        await engine.settle()
        assert len(receiver.keys) == 1, "it waits before it tries again"
        receiver.status = 202
        await sink.flush()
        assert receiver.batches == [[{"n": 1}, {"n": 2}], [{"n": 3}, {"n": 4}]]
        assert receiver.keys[0] == receiver.keys[1] != receiver.keys[2]
        assert receiver.headers[0]["Authorization"] == "Bearer s3cr3t-token"
        assert sink.health_check()["healthy"] is True
        assert engine.counts.dropped_total == 0
        del sink


async def test_f34_an_unreachable_server_is_told_without_the_url() -> None:
    async with Engine() as engine:
        url = "http://127.0.0.1:1/hook/s3cr3t-path?key=s3cr3t-key"
        sink = await load(engine, "http", url=url, batch_size=1, buffer_limit=2)
        for number in range(4):
            engine.emit({"n": number})
        await engine.settle()
        assert engine.counts.dropped == {"http": 2}
        told = sink.health_check()["error"]
        assert told == "127.0.0.1: ConnectionRefusedError"
        assert await sink.take_unwritten() == [{"n": 0}, {"n": 1}]
        del sink


@pytest.mark.parametrize(
    ("sink", "config", "says"),
    [
        ("stream", {"stream": "stdin"}, "stream"),
        ("rotating_file", {}, "path"),
        ("rotating_file", {"path": "x", "limit_bytes": -1}, "limit_bytes"),
        ("sqlite", {"path": "x", "batch_size": 0}, "batch_size"),
        ("sqlite", {"path": "x", "flush_seconds": 0}, "flush_seconds"),
        ("http", {"url": "ftp://example.org"}, "url"),
        ("http", {"url": "http://user:s3cr3t@example.org"}, "url"),
        ("http", {"url": "http://[::1"}, "url"),
        ("http", {"url": "http://h/a b"}, "url"),
        ("http", {"url": "http://h", "headers": {"X": "a\r\nHost: s3cr3t"}}, "headers"),
        ("http", {"url": "http://h", "headers": {"Content-Length": "3"}}, "headers"),
        ("http", {"url": "http://h", "token": "s3cr3t\n"}, "token"),
    ],
)
async def test_f34_a_wrong_config_is_refused_by_its_key(
    sink: str, config: dict[str, Any], says: str
) -> None:
    async with Engine() as engine:
        outcome = await engine.load(sinks.path(sink), config=config)
        assert isinstance(outcome, RolledBack)
        assert says in outcome.failure.cause
        assert "s3cr3t" not in outcome.describe()
        assert "s3cr3t" not in outcome.failure.traceback


async def test_f34_the_stream_is_followed_and_takes_what_it_cannot_encode(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with Engine() as engine:
        await load(engine, "stream", stream="stdout", format="text")
        engine.emit({"level": "INFO", "logger": "app", "message": "a\nb", "time": 0, "n": 1})
        assert capsys.readouterr().out == "1970-01-01T00:00:00.000Z INFO app: a\\nb n=1\n"
        with (tmp_path / "out").open("w", encoding="ascii") as narrow:
            monkeypatch.setattr("sys.stdout", narrow)
            engine.emit({"message": "é"})
            monkeypatch.undo()
        assert (tmp_path / "out").read_text() == "\\xe9\n"


class Untold:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ("a\x1b[2J", r"a\x1b[2J"),
        ({"message": "m", "exception": "T:\n  x"}, r"m | T:\n  x"),
        ({"message": "m", "extra": {"k": [1]}, "more": None}, "m k=[1] more=null"),
        ({"message": Untold()}, "<Untold whose text raised RuntimeError>"),
        ({"no": "message"}, '{"no": "message"}'),
        ({"message": "m", "time": 1e300}, "1e+300: m"),
    ],
)
def test_f34_an_event_is_one_line_whatever_is_in_it(event: Any, line: str) -> None:
    assert line_of(event, "text") == line
    assert "\n" not in line_of(event)


async def test_f34_a_line_is_flushed_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8")
    monkeypatch.setattr("sys.stdout", stream)
    async with Engine() as engine:
        await load(engine, "stream", stream="stdout", format="json")
        engine.emit({"n": 1})
        assert raw.getvalue() == b'{"n": 1}\n', "a process that is killed now loses nothing"
        monkeypatch.setattr("sys.stdout", Mute())
        engine.emit({"n": 2})
        assert engine.counts.dropped_total == 0, "what has no flush needs none"


class Mute:
    """Stands in for a stream, as an IDE's does."""

    def write(self, text: str) -> int:
        return len(text)


async def test_f34_a_pipe_that_broke_is_told_until_it_is_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stdout = sys.stdout
    async with Engine() as engine:
        sink = await load(engine, "stream", stream="stdout")
        broken = io.TextIOWrapper(io.FileIO(writing, "w"), write_through=True)
        monkeypatch.setattr("sys.stdout", broken)
        engine.emit({"n": 1})
        assert engine.counts.dropped == {"stream": 1}
        assert sink.health_check()["healthy"] is False
        assert "BrokenPipeError" in sink.health_check()["error"]
        monkeypatch.setattr("sys.stdout", stdout)
        engine.emit({"n": 2})
        assert sink.health_check()["healthy"] is True
        with contextlib.suppress(OSError):
            broken.close()
        del sink
