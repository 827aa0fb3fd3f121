"""The watchdog of the event loop. Real time passes in it: that is what it measures."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from hot_reload import Engine, Health, Watchdog
from hot_reload.errors import EngineMisuse
from hot_reload.operate.watchdog import Stall
from hot_reload.outcome import Loaded
from hot_reload_fixtures import PluginDirectory

pytestmark = pytest.mark.real_time

LIMIT_SECONDS = 0.02

BLOCKS = """\
import builtins

class Blocks:
    version = "1.0"

    def start(self):
        self.wait()

    def wait(self):
        assert builtins.released.wait(30)

    def handle(self, request):
        return request
"""
LINE = BLOCKS[: BLOCKS.index("        assert")].count("\n") + 1


class Noticed:
    """Takes the watchdog's word, and releases who blocks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stalls: list[Stall] = []
        self.released = threading.Event()
        monkeypatch.setattr("builtins.released", self.released, raising=False)

    def __call__(self, stall: Stall) -> None:
        self.stalls.append(stall)
        self.released.set()


@pytest.fixture
def noticed(monkeypatch: pytest.MonkeyPatch) -> Noticed:
    return Noticed(monkeypatch)


async def test_h6_r5_a_start_that_blocks_the_loop_is_named_while_it_does(
    hot_reload_dir: PluginDirectory, noticed: Noticed, caplog: pytest.LogCaptureFixture
) -> None:
    """The hook ends only after the watchdog has told of it."""
    path = hot_reload_dir.write("blocks", BLOCKS)
    watchdog = Watchdog(LIMIT_SECONDS, on_stall=noticed)
    async with Engine() as engine:
        health = Health(engine, watchdog=watchdog)
        watchdog.start()
        assert isinstance(await engine.load(path), Loaded)
        watchdog.stop()
        (stall,) = (each for each in noticed.stalls if each.plugin)
        assert (stall.plugin, stall.file, stall.over) == ("blocks", str(path), False)
        assert stall.line == LINE
        assert stall.function == "wait"
        assert stall.seconds >= LIMIT_SECONDS
        loop = health.report().loop
        assert loop is not None
        assert loop.stalls >= 1
        assert loop.longest_seconds >= LIMIT_SECONDS
        assert loop.last is not None
        assert loop.last.over
    words = [each for each in caplog.messages if "plugin 'blocks'" in each]
    assert "has blocked the event loop for" in words[0]
    assert f"in wait() at {path}:" in words[0]
    assert "blocked the event loop for" in words[-1]


async def test_who_is_no_plugin_is_told_too(noticed: Noticed) -> None:
    watchdog = Watchdog(LIMIT_SECONDS, on_stall=noticed)
    watchdog.start()
    assert noticed.released.wait(30)
    watchdog.stop()
    assert noticed.stalls[0].plugin is None
    assert "something that is no plugin has blocked" in noticed.stalls[0].describe()


async def test_a_stall_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stalls: list[Stall] = []
    looks = threading.Semaphore(0)
    real = threading.Event.wait

    def counted(event: threading.Event, timeout: float | None = None) -> bool:
        looks.release()
        return real(event, timeout)

    watchdog = Watchdog(LIMIT_SECONDS, on_stall=stalls.append)
    monkeypatch.setattr("threading.Event.wait", counted)
    watchdog.start()
    for _ in range(12):  # as many looks of the thread, while the loop stands still
        assert looks.acquire(timeout=30)
    monkeypatch.undo()
    watchdog.stop()
    assert len(stalls) == 1


async def test_an_on_stall_that_raises_does_not_end_it(
    noticed: Noticed, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(stall: Stall) -> None:
        noticed(stall)
        raise RuntimeError("a bug")

    watchdog = Watchdog(LIMIT_SECONDS, on_stall=broken)
    watchdog.start()
    assert noticed.released.wait(30)
    await asyncio.sleep(0)
    assert watchdog.health.running
    watchdog.stop()
    assert "on_stall failed" in caplog.text


async def test_it_starts_once_and_stops_often(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    before = threading.active_count()
    watchdog = Watchdog(60)
    watchdog.stop()
    watchdog.start()
    with pytest.raises(EngineMisuse, match="looks already"):
        watchdog.start()
    watchdog.stop()
    watchdog.stop()
    assert threading.active_count() == before
    assert not watchdog.health.running
    watchdog.start()
    watchdog.stop()
    assert watchdog.health.stalls == 0
    assert caplog.messages == []


def test_it_needs_a_loop_and_a_limit() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        Watchdog().start()
    with pytest.raises(EngineMisuse, match="limit_seconds is 0"):
        Watchdog(0)


def test_h6_a_loop_that_was_closed_is_blocked_by_nobody() -> None:
    """Who forgets to stop it hears nothing wrong of what the thread does after its loop."""
    told: list[Stall] = []
    watchdog = Watchdog(LIMIT_SECONDS, on_stall=told.append)

    async def forgetful() -> None:
        watchdog.start()

    asyncio.run(forgetful())
    thread = watchdog._thread
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()
    assert (told, watchdog.health.running, watchdog.health.stalls) == ([], False, 0)

    async def again() -> None:
        watchdog.start()
        assert watchdog.health.running
        watchdog.stop()

    asyncio.run(again())
