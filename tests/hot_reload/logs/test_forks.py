"""A child that is forked while another thread is inside a sink."""

from __future__ import annotations

import gc
import json
import os
import signal
import weakref
from pathlib import Path
from typing import Any

import pytest

from hot_reload import Engine
from hot_reload.logs import forks, sinks

CHILD_SECONDS = 10


def in_child(work: Any) -> int:
    """How a forked child ended that did ``work``: 0, or the signal that ended its waiting."""
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(CHILD_SECONDS)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1]


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


def test_f34_who_hears_of_forks_is_kept_alive_by_nobody() -> None:
    class Sink:
        def forked(self) -> None: ...

    sink = Sink()
    forks.call_in_children(sink)
    gone = weakref.ref(sink)
    del sink
    gc.collect()
    assert gone() is None
