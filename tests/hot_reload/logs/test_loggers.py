"""The two façades: everything at run time, and clear words where it cannot work."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hot_reload import AuditLog, Engine, Health, Metrics, Settings
from hot_reload.errors import EngineMisuse, SourceError
from hot_reload.logs import HotLogger, HotReloadHandler, SyncHotLogger
from hot_reload.outcome import Loaded, RefusalReason, Refused, Swapped, Switched, Unloaded
from hot_reload_fixtures import PluginDirectory

NOISE = (
    "class F:\n    version = '1'\n    def filter(self, event): return event['level'] != 'DEBUG'\n"
)
Rows = Callable[[Path], list[Any]]


async def test_f30_the_asynchronous_logger_changes_its_plugins_while_it_logs(
    tmp_path: Path, hot_reload_dir: PluginDirectory, rows_of: Rows
) -> None:
    path, file = tmp_path / "app.db", tmp_path / "app.log"
    async with HotLogger(name="shop", clock=lambda: 1.0) as log:
        assert not log.info("nobody listens")
        assert isinstance(await log.add_sink("sqlite", config={"path": str(path)}), Loaded)
        assert log.info("first", order=7)
        assert isinstance(await log.add_plugin(hot_reload_dir.write("quiet", NOISE)), Loaded)
        assert log.debug("filtered")
        assert isinstance(await log.disable("quiet"), Switched)
        assert log.debug("second")
        assert isinstance(await log.enable("quiet"), Switched)
        assert isinstance(await log.remove_plugin("quiet"), Unloaded)
        assert isinstance(await log.reload_plugin("sqlite", force=True), Swapped)
        await log.add_sink("rotating-file", config={"path": str(file)})
        assert log.exception("third", ValueError("no stock"))
        assert await log.flush() == ()
        assert [each["message"] for each in rows_of(path)] == ["first", "second", "third"]
        assert isinstance(await log.remove_sink("sqlite"), Unloaded)
        refused = await log.remove_sink("rotating-file")
        assert isinstance(refused, Refused)
        assert refused.reason is RefusalReason.LAST_SINK
    assert len(file.read_text().splitlines()) == 1
    assert rows_of(path)[0] == {
        "time": 1.0,
        "level": "INFO",
        "logger": "shop",
        "message": "first",
        "extra": {"order": 7},
    }
    assert rows_of(path)[2]["exception"] == "ValueError: no stock\n"


async def test_f30_every_level_has_its_method(tmp_path: Path, rows_of: Rows) -> None:
    path = tmp_path / "app.db"
    async with HotLogger() as log:
        await log.add_sink("sqlite", config={"path": str(path)})
        for level in ("debug", "info", "warning", "error", "critical"):
            getattr(log, level)("m")
        await log.flush()
        levels = [each["level"] for each in rows_of(path)]
        assert levels == ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


async def test_f30_a_flush_tells_what_failed_and_flushes_the_others(
    tmp_path: Path, hot_reload_dir: PluginDirectory, rows_of: Rows
) -> None:
    wrong = {
        "raising": "def flush(self): raise OSError('disk full')",
        "hanging": "async def flush(self):\n        import asyncio\n"
        "        await asyncio.get_running_loop().create_future()",
    }
    async with HotLogger(settings=Settings(hook_deadline_seconds=0.01)) as log:
        for name, flush in wrong.items():
            source = f"class S:\n    version = '1'\n    def write(self, event): pass\n    {flush}\n"
            await log.add_sink(hot_reload_dir.write(name, source))
        await log.add_sink("sqlite", config={"path": str(tmp_path / "app.db")})
        log.info("m")
        failures = await log.flush()
        assert ["raising" in str(failures[0]), "hanging" in str(failures[1])] == [True, True]
        assert len(failures) == 2
        assert len(rows_of(tmp_path / "app.db")) == 1


async def test_f30_an_engine_that_it_was_given_stays_open(hot_reload_dir: PluginDirectory) -> None:
    async with Engine() as engine:
        log = HotLogger(engine)
        filter_ = hot_reload_dir.write("quiet", NOISE)
        with pytest.raises(EngineMisuse, match=r"'quiet' is no sink but filter; use add_plugin"):
            await log.add_sink(filter_)
        assert not engine.names
        await log.add_plugin(filter_)
        with pytest.raises(EngineMisuse, match=r"'quiet' is no sink; use remove_plugin"):
            await log.remove_sink("quiet")
        with pytest.raises(SourceError, match=r"'nowhere' is installed.*library are: stream"):
            await log.add_sink("nowhere")
        await log.close()
        await log.close()
        with pytest.raises(EngineMisuse, match="logger 'app' is closed"):
            log.info("late")
        assert engine.names == ("quiet",)
        with pytest.raises(EngineMisuse, match="settings belong to the engine"):
            HotLogger(engine, settings=Settings())


async def test_f30_it_says_so_where_it_is_not_open() -> None:
    log = HotLogger()
    with pytest.raises(EngineMisuse, match="write `async with HotLogger"):
        log.info("early")
    async with log:
        pass
    with pytest.raises(EngineMisuse, match="is closed"):
        await log.add_sink("stream")
    with pytest.raises(EngineMisuse, match="opened once"):
        await log.__aenter__()


def test_f30_the_synchronous_logger_does_the_same_without_a_loop(
    tmp_path: Path, hot_reload_dir: PluginDirectory, rows_of: Rows
) -> None:
    path = tmp_path / "app.db"
    before = threading.active_count()
    with SyncHotLogger() as log:
        assert isinstance(log.add_sink("sqlite", config={"path": str(path)}), Loaded)
        log.add_plugin(hot_reload_dir.write("quiet", NOISE))
        threads = [
            threading.Thread(target=lambda: [log.info("m") and log.debug("n") for _ in range(50)])
            for _ in range(3)
        ]
        for each in threads:
            each.start()
        assert isinstance(log.reload_plugin("sqlite", force=True), Swapped)
        for each in threads:
            each.join()
        assert isinstance(log.disable("quiet"), Switched)
        assert isinstance(log.enable("quiet"), Switched)
        assert isinstance(log.remove_plugin("quiet"), Unloaded)
        assert log.flush() == ()
        assert len(rows_of(path)) == 150
        log.add_sink("stream", config={"stream": "stdout"})
        assert isinstance(log.remove_sink("stream"), Unloaded)
        log.info("last, and not flushed")
    assert len(rows_of(path)) == 151
    assert threading.active_count() == before


def test_f30_a_closed_logger_says_so_and_closes_once() -> None:
    log = SyncHotLogger(name="shop")
    closing = [threading.Thread(target=log.close) for _ in range(3)]
    for each in closing:
        each.start()
    for each in closing:
        each.join()
    for use in (lambda: log.info("late"), lambda: log.flush(), lambda: log.add_sink("stream")):
        with pytest.raises(EngineMisuse, match="logger 'shop' is closed"):
            use()
    handler = HotReloadHandler(log)
    handler.handle(handler_record())
    assert handler.not_accepted == 1


def handler_record() -> Any:
    import logging

    return logging.LogRecord("shop", 20, "", 1, "m", (), None)


@pytest.mark.parametrize("use", ["flush", "close", "add_sink"])
def test_f30_a_plugin_that_asks_the_logger_it_runs_on_is_told(
    use: str, hot_reload_dir: PluginDirectory
) -> None:
    """It would wait for itself, for ever."""
    with SyncHotLogger() as log:
        said: list[str] = []

        def ask() -> None:
            try:
                getattr(log, use)(*(["stream"] if use == "add_sink" else []))
            except EngineMisuse as error:
                said.append(str(error))

        source = (
            "class S:\n    version = '1'\n    def __init__(self, context): self.context = context\n"
            "    def start(self): self.context.engine.ask()\n    def write(self, event): pass\n"
        )
        log._log.engine.ask = ask  # type: ignore[attr-defined]
        assert isinstance(log.add_sink(hot_reload_dir.write("asking", source)), Loaded)
        assert "plugins" in said[0]
        assert log.info("it works on")


def test_f30_a_forked_child_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with SyncHotLogger() as log:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(EngineMisuse, match="the process that forked this one"):
            log.info("in the child")
        log.close()  # of nothing, in the child
        monkeypatch.undo()
        assert not log.info("in the parent, which has no sink")


def test_f34_the_handler_takes_a_synchronous_logger(tmp_path: Path, rows_of: Rows) -> None:
    with SyncHotLogger() as log:
        log.add_sink("sqlite", config={"path": str(tmp_path / "app.db")})
        HotReloadHandler(log).handle(handler_record())
        log.flush()
        assert rows_of(tmp_path / "app.db")[0]["logger"] == "shop"


def test_f30_a_program_that_forgets_to_close_ends_with_its_events_written(
    tmp_path: Path, rows_of: Rows
) -> None:
    import subprocess
    import sys

    program = (
        "from hot_reload.logs import SyncHotLogger\n"
        "log = SyncHotLogger()\n"
        f"log.add_sink('sqlite', config={{'path': {str(tmp_path / 'app.db')!r}}})\n"
        "log.info('the end')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert [each["message"] for each in rows_of(tmp_path / "app.db")] == ["the end"]


async def test_f30_closing_ends_what_another_thread_waits_for(
    hot_reload_dir: PluginDirectory,
) -> None:
    source = (
        "import asyncio\nclass S:\n    version = '1'\n"
        "    def __init__(self, context): self.context = context\n"
        "    async def start(self):\n        self.context.engine.started.set()\n"
        "        await asyncio.get_running_loop().create_future()\n"
        "    def write(self, event): pass\n"
    )
    log = SyncHotLogger()
    engine: Any = log._log.engine
    engine.started = threading.Event()
    future = asyncio.get_running_loop().run_in_executor(
        None, log._run, lambda: log._log.add_sink(hot_reload_dir.write("slow", source))
    )
    assert await asyncio.to_thread(engine.started.wait, 10)
    await asyncio.to_thread(log.close)
    outcome = await future
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.CLOSING


async def test_f30_a_flush_does_not_wait_for_ever_for_a_sink_that_hangs(
    tmp_path: Path, hot_reload_dir: PluginDirectory, rows_of: Rows
) -> None:
    source = (
        "import asyncio\nclass S:\n    version = '1'\n"
        "    async def write(self, event): await asyncio.get_running_loop().create_future()\n"
    )
    settings = Settings(hook_deadline_seconds=0.01, drain_deadline_seconds=0.01)
    async with HotLogger(settings=settings) as log:
        await log.add_sink(hot_reload_dir.write("hanging", source))
        await log.add_sink("sqlite", config={"path": str(tmp_path / "app.db")})
        log.info("m")
        (failure,) = await log.flush()
        assert "the delivery to the asynchronous sinks was still running" in str(failure)
        assert len(rows_of(tmp_path / "app.db")) == 1, "the others are flushed"


def test_f30_who_waits_in_another_thread_hears_of_the_close() -> None:
    log = SyncHotLogger()
    started = threading.Event()
    told: list[BaseException] = []

    async def endless() -> None:
        started.set()
        await asyncio.get_running_loop().create_future()

    def ask() -> None:
        try:
            log._run(endless)
        except BaseException as error:
            told.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    assert started.wait(10)
    log.close()
    asking.join(10)
    assert not asking.is_alive(), "it would wait for a loop that is no more"
    with pytest.raises(EngineMisuse, match="logger 'app' is closed"):
        raise told[0]


def test_f30_an_exit_in_a_callback_does_not_end_the_log(
    tmp_path: Path, rows_of: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    with SyncHotLogger() as log:
        log._loop.call_soon_threadsafe(sys.exit, 3)
        log._loop.call_soon_threadsafe(log._loop.stop)
        log.add_sink("sqlite", config={"path": str(tmp_path / "app.db")})
        log.info("it goes on")
    assert [each["message"] for each in rows_of(tmp_path / "app.db")] == ["it goes on"]
    assert "the event loop of the logger was interrupted" in caplog.text


def test_f60_a_program_without_asyncio_is_operated_too(tmp_path: Path) -> None:
    quiet = tmp_path / "quiet.py"
    quiet.write_text("class Quiet:\n    version = '1'\n    def write(self, event): pass\n")
    with SyncHotLogger() as log:
        audit = AuditLog(log.engine, tmp_path / "audit.jsonl", actor="shop")
        health = Health(log.engine, audit=audit)
        metrics = Metrics(log.engine)
        log.add_sink(quiet).unwrap()
        log.info("paid")
        quiet.write_text("class Quiet(")
        assert not log.reload_plugin("quiet").success
        report = health.report()
        assert (report.state.value, report.plugins[0].name) == ("degraded", "quiet")
        assert "hot_reload_events_accepted_total 1.0" in metrics.render()
        assert log.engine.names == ("quiet",)
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    written = [json.loads(line)["result"] for line in lines]
    audit.close()
    assert written == ["loaded", "rolledback", "unloaded"]
    with pytest.raises(EngineMisuse, match="closed"):
        _ = log.engine
