"""A database that others lock, move, delete or replace (F34)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hot_reload import Engine
from hot_reload.logs import sinks
from hot_reload.outcome import RolledBack, Stage

from .test_sinks import load


@pytest.mark.parametrize("how", ["renamed", "deleted", "replaced"])
async def test_f34_a_database_that_another_program_took_away_is_made_anew(
    how: str, tmp_path: Path, rows_of: Callable[[Path], list[Any]]
) -> None:
    path, old = tmp_path / "app.db", tmp_path / "old.db"
    async with Engine() as engine:
        sink = await load(engine, "sqlite", path=str(path), batch_size=1)
        engine.emit({"n": 1})
        path.unlink() if how == "deleted" else path.rename(old)
        if how == "replaced":
            sqlite3.connect(path).close()
        engine.emit({"n": 2})
        engine.emit({"n": 3})
        assert sink.health_check()["error"] == ""
        del sink
    assert [each["n"] for each in rows_of(path)] == [2, 3]


async def test_f34_a_database_whose_directory_is_gone_is_told_and_waited_for(
    tmp_path: Path, rows_of: Callable[[Path], list[Any]]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    async with Engine() as engine:
        sink = await load(engine, "sqlite", path=str(folder / "app.db"), batch_size=1)
        folder.rename(tmp_path / "away")
        engine.emit({"n": 1})
        assert sink.health_check()["healthy"] is False
        assert "unable to open" in sink.health_check()["error"]
        folder.mkdir()
        engine.emit({"n": 2})
        assert sink.health_check()["healthy"] is True
        del sink
    assert [each["n"] for each in rows_of(folder / "app.db")] == [1, 2]


async def test_f34_who_waited_for_a_lock_in_vain_does_not_wait_again(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    async with Engine() as engine:
        sink = await load(engine, "sqlite", path=str(path), batch_size=1)
        waits = []
        sink._connection.set_trace_callback(
            lambda text: waits.append(text) if "busy_timeout" in text else None
        )
        sink._error = "OperationalError: database is locked"
        engine.emit({"n": 1})  # all else in the process waits along
        engine.emit({"n": 2})
        engine.emit({"n": 3})
        assert waits == [f"PRAGMA busy_timeout={ms}" for ms in (0, 1000, 1000)]
        del sink


async def test_f34_a_database_that_came_back_is_written_to_again(
    tmp_path: Path, rows_of: Callable[[Path], list[Any]]
) -> None:
    """As a folder does that was renamed and renamed back, or unmounted for a while."""
    folder, away = tmp_path / "logs", tmp_path / "away"
    folder.mkdir()
    async with Engine() as engine:
        sink = await load(engine, "sqlite", path=str(folder / "app.db"), batch_size=1)
        folder.rename(away)
        engine.emit({"n": 1})
        assert sink.health_check()["healthy"] is False
        away.rename(folder)
        engine.emit({"n": 2})
        assert sink.health_check()["error"] == ""
        del sink
    assert [each["n"] for each in rows_of(folder / "app.db")] == [1, 2]


async def test_f34_a_program_that_changes_its_directory_keeps_its_database(
    tmp_path: Path, rows_of: Callable[[Path], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    async with Engine() as engine:
        await load(engine, "sqlite", path="app.db", batch_size=1)
        engine.emit({"n": 1})
        monkeypatch.chdir(tmp_path / "elsewhere")
        engine.emit({"n": 2})
    assert [each["n"] for each in rows_of(tmp_path / "app.db")] == [1, 2]
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("what", ["garbage", "directory", "other table"])
async def test_f34_a_database_of_another_kind_is_refused_by_its_path(
    what: str, tmp_path: Path
) -> None:
    path = tmp_path / "app.db"
    if what == "garbage":
        path.write_bytes(b"no database" * 100)
    elif what == "directory":
        path.mkdir()
    else:
        sqlite3.connect(path).execute("CREATE TABLE events (at TEXT, text TEXT)").connection.close()
    async with Engine() as engine:
        outcome = await engine.load(sinks.path("sqlite"), config={"path": str(path)})
        assert isinstance(outcome, RolledBack), "else every event would wait for what never comes"
        assert outcome.failure.stage is Stage.START
        assert str(path) in outcome.failure.cause
