"""A signal handler or a finalizer that logs, on a thread that is inside a sink's write already."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from hot_reload import Engine
from hot_reload.logs import FloodFilter, SyncHotLogger, sinks
from hot_reload.runtime import dispatch
from hot_reload.runtime.dispatch import Counts

from .test_sinks import load


def interrupted_at(line: int, file: Path, work: Callable[[], object], act: Any) -> bool:
    """Do ``work`` in a thread of its own, and ``act`` inside it, before the ``line``-th line that
    it runs of ``file``; whether it came that far."""
    seen = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal seen
        if frame.f_code.co_filename != str(file):
            return None
        if event == "line":
            seen += 1
            if seen == line:
                act()
        return trace

    def traced() -> None:
        sys.settrace(trace)
        try:
            work()
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=traced, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), f"line {line}: it waits for itself"
    return seen >= line


@pytest.mark.parametrize("name", ["stream", "rotating_file", "sqlite"])
async def test_f34_what_is_logged_inside_a_write_is_written_at_every_line(
    name: str, tmp_path: Path, rows_of: Callable[[Path], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, printed = tmp_path / "app", io.StringIO()
    monkeypatch.setattr("sys.stdout", printed)
    configs: dict[str, dict[str, Any]] = {
        "stream": {"stream": "stdout", "format": "json"},
        "rotating_file": {"path": str(path), "limit_bytes": 60, "backups": 1000},
        "sqlite": {"path": str(path), "batch_size": 2},
    }
    line = 0
    async with Engine() as engine:
        await load(engine, name, **configs[name])

        def work() -> None:
            engine.emit({"n": line, "inside": False})
            engine.plugin(engine.names[0]).flush()

        def inside() -> None:
            assert engine.emit({"n": line, "inside": True})

        reached = True
        while reached:
            line += 1
            reached = interrupted_at(line, sinks.path(name), work, inside)
        assert engine.counts.dropped_total == 0
    if name == "sqlite":
        found = rows_of(path)
    else:
        texts = [each.read_text() for each in sorted(tmp_path.iterdir())]
        text = "".join(texts) if name == "rotating_file" else printed.getvalue()
        found = [json.loads(each) for each in text.splitlines()]
    assert sorted(each["n"] for each in found if each["inside"]) == list(range(1, line))
    assert sorted(each["n"] for each in found if not each["inside"]) == list(range(1, line + 1))
    assert line > 5, "it was inside"


def test_f30_a_close_inside_a_close_does_not_wait_for_itself() -> None:
    file = Path(sys.modules[SyncHotLogger.__module__].__file__ or "")
    line = 0
    reached = True
    while reached:
        line += 1
        log = SyncHotLogger()
        reached = interrupted_at(line, file, log.close, log.close)
        assert not log._thread.is_alive()
    assert line > 5, "it was inside"


@pytest.mark.parametrize("kind", ["drop", "error", "filter"])
def test_f30_what_is_counted_inside_a_count_is_counted(kind: str) -> None:
    counts = Counts()
    count = partial(getattr(counts, kind), "some")
    line = 0
    while interrupted_at(line + 1, Path(dispatch.__file__), count, count):
        line += 1
    found = {"drop": counts.dropped, "error": counts.errors, "filter": counts.filtered}[kind]
    assert found == {"some": 2 * line + 1}
    assert line > 1, "it was inside"


def test_r7_what_is_logged_inside_a_flood_filter_waits_for_nobody() -> None:
    def log() -> bool:
        return flood.filter(logging.makeLogRecord({"name": "hot_reload.plugin.loud"}))

    line = 0
    flood = FloodFilter()
    while interrupted_at(
        line + 1, Path(sys.modules[FloodFilter.__module__].__file__ or ""), log, log
    ):
        line += 1
    assert line > 5, "it was inside"
