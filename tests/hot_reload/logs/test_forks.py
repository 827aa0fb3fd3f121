"""A child that is forked while another thread is inside a sink."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from tests.hot_reload.runtime.test_forks import in_child

from hot_reload import Engine
from hot_reload.errors import EngineMisuse
from hot_reload.logs import SyncHotLogger, sinks


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
async def test_f34_a_child_writes_on_though_a_thread_held_the_file(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    async with Engine() as engine:
        await engine.load(sinks.path("rotating-file"), config={"path": str(file)})
        with engine.plugin("rotating-file")._lock:  # as another thread would
            assert in_child(lambda: engine.emit({"from": "child"})) == 0
        engine.emit({"from": "parent"})
        assert engine.counts.dropped_total == 0
    found = [json.loads(line)["from"] for line in file.read_text().splitlines()]
    assert found == ["child", "parent"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
async def test_f34_a_child_prints_on_though_a_thread_was_printing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with Engine() as engine:
        await engine.load(sinks.path("stream"), config={"stream": "stdout", "format": "json"})
        with engine.plugin("stream")._lock:
            assert in_child(lambda: engine.emit({"from": "child"})) == 0
        engine.emit({"from": "parent"})
    lines = capfd.readouterr().out.splitlines()
    assert lines == ['{"from": "child"}', '{"from": "parent"}'], "each once"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
async def test_f34_a_child_is_refused_the_database_of_its_parent(tmp_path: Path) -> None:
    async with Engine() as engine:
        await engine.load(sinks.path("sqlite"), config={"path": str(tmp_path / "app.db")})

        def work() -> None:
            engine.emit({"n": 1})
            assert engine.counts.dropped == {"sqlite": 1}

        with engine.plugin("sqlite")._lock:
            assert in_child(work) == 0
        assert engine.counts.dropped_total == 0


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_f34_a_child_is_refused_the_logger_of_its_parent_though_a_thread_asked_it() -> None:
    held, over = threading.Event(), threading.Event()

    def work() -> None:
        with pytest.raises(EngineMisuse, match="the process that forked this one"):
            log.flush()

    with SyncHotLogger() as log:

        def ask() -> None:
            with log._asking:
                held.set()
                over.wait()

        thread = threading.Thread(target=ask)
        thread.start()
        held.wait()
        ended = in_child(work)
        over.set()
        thread.join()
    assert ended == 0
