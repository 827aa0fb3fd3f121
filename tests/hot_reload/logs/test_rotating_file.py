"""A log file that others move, delete, rotate, fill up, or write to as well (F34)."""

from __future__ import annotations

import fcntl
import json
import os
import resource
from pathlib import Path
from typing import Any

import pytest

from hot_reload import Engine
from hot_reload.logs import sinks
from hot_reload.outcome import RolledBack

from .test_sinks import load


def lines_in(*files: Path) -> list[Any]:
    return [json.loads(line)["n"] for file in files for line in file.read_text().splitlines()]


@pytest.mark.parametrize("how", ["renamed", "deleted", "replaced"])
async def test_f34_a_file_that_another_program_took_away_is_made_anew(
    how: str, tmp_path: Path
) -> None:
    file, old = tmp_path / "app.log", tmp_path / "app.log.old"
    async with Engine() as engine:
        await load(engine, "rotating_file", path=str(file))
        engine.emit({"n": 1})
        file.unlink() if how == "deleted" else file.rename(old)
        if how == "replaced":
            file.touch()
        engine.emit({"n": 2})
        assert engine.counts.dropped_total == 0
    assert lines_in(file) == [2]
    assert how == "deleted" or lines_in(old) == [1]


async def test_f34_where_the_directory_is_gone_nothing_counts_as_written(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    async with Engine() as engine:
        sink = await load(engine, "rotating_file", path=str(folder / "app.log"))
        engine.emit({"n": 1})
        (folder / "app.log").unlink()
        folder.rmdir()
        engine.emit({"n": 2})
        assert engine.counts.dropped == {"rotating-file": 1}
        assert sink.health_check()["healthy"] is False
        folder.mkdir()
        engine.emit({"n": 3})
        del sink
    assert lines_in(folder / "app.log") == [3]


async def test_f34_a_file_that_cannot_be_rotated_grows_on(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    obstacle = tmp_path / "app.log.1"
    (obstacle / "in the way").mkdir(parents=True)
    async with Engine() as engine:
        sink = await load(engine, "rotating_file", path=str(file), limit_bytes=20, backups=1)
        for number in range(5):
            engine.emit({"n": number})
        assert "cannot rotate" in sink.health_check()["error"]
        assert engine.counts.dropped_total == 0
        assert lines_in(file) == [0, 1, 2, 3, 4]
        (obstacle / "in the way").rmdir()
        obstacle.rmdir()
        for number in range(5, 8):
            engine.emit({"n": number})
        assert sink.health_check()["error"] == ""
        del sink
    assert lines_in(file)[-1] == 7
    assert obstacle.is_file(), "it was rotated as soon as it could be"


async def test_f34_two_that_write_to_a_file_lose_nothing_by_its_rotation(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    async with Engine() as one, Engine() as two:
        for engine in (one, two):
            # Too many for the oldest to be removed.
            await load(engine, "rotating_file", path=str(file), limit_bytes=50, backups=40)
        for number in range(40):
            (one if number % 3 else two).emit({"n": number})
    kept = list(tmp_path.iterdir())
    assert sorted(lines_in(*kept)) == list(range(40))
    assert all(each.stat().st_size > 40 for each in kept if each != file), "and only full ones"


async def test_f34_only_one_rotates_a_file_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    async with Engine() as engine:
        await load(engine, "rotating_file", path=str(file), limit_bytes=10)
        engine.emit({"n": 1})
        with file.open("ab") as other:
            fcntl.flock(other, fcntl.LOCK_EX)  # another one is about to
            engine.emit({"n": 2})
            assert lines_in(file) == [1, 2]
        engine.emit({"n": 3})
    assert lines_in(file) == [3]


async def test_f34_a_fifo_that_nobody_reads_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    async with Engine() as engine:
        path = sinks.path("rotating_file")
        outcome = await engine.load(path, config={"path": str(tmp_path / "fifo")})
        assert isinstance(outcome, RolledBack)
        assert "No such device or address" in outcome.failure.cause


async def test_f34_a_device_needs_no_flush() -> None:
    async with Engine() as engine:
        sink = await load(engine, "rotating_file", path="/dev/null")
        engine.emit({"n": 1})
        sink.flush()
        assert sink.health_check()["written"] == 1
        del sink


async def test_f34_a_file_that_takes_no_more_is_told_until_it_does(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with Engine() as engine:
        sink = await load(engine, "rotating_file", path=str(file))
        engine.emit({"n": 1})
        resource.setrlimit(resource.RLIMIT_FSIZE, (12, hard))
        try:
            engine.emit({"n": 2})  # a part of it has room
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert engine.counts.dropped == {"rotating-file": 1}
        health = sink.health_check()
        assert (health["healthy"], "could be written" in health["error"]) == (False, True)
        engine.emit({"n": 3})
        assert sink.health_check()["healthy"] is True
        del sink
    assert lines_in(file) == [1, 3], "and no part of a line"


async def test_f34_whenever_a_child_is_forked_the_descriptor_is_an_open_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the file is replaced too: the number of a closed one may be another file's."""
    file = tmp_path / "app.log"
    async with Engine() as engine:
        sink = await load(engine, "rotating_file", path=str(file), limit_bytes=10)
        engine.emit({"n": 1})
        close, closed = os.close, []

        def look(descriptor: int) -> None:
            close(descriptor)
            if sink._descriptor is not None:
                closed.append(descriptor)
                os.fstat(sink._descriptor)

        monkeypatch.setattr(os, "close", look)
        engine.emit({"n": 2})
        monkeypatch.undo()
        assert len(closed) == 1
        assert engine.counts.dropped_total == 0
    assert lines_in(file) == [2]


async def test_f34_where_there_are_no_locks_either_it_grows_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "app.log"
    (tmp_path / "app.log.1" / "in the way").mkdir(parents=True)

    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    async with Engine() as engine:
        await load(engine, "rotating_file", path=str(file), limit_bytes=10, backups=1)
        engine.emit({"n": 1})
        engine.emit({"n": 2})
        assert engine.counts.dropped_total == 0
    assert lines_in(file) == [1, 2]
