"""Faults of concurrency (K) that ``runtime/test_engine.py`` and ``test_cascade.py`` leave."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from hot_reload import Engine
from hot_reload.errors import EngineMisuse
from hot_reload.outcome import Outcome, RefusalReason, Refused, Swapped, Unloaded
from hot_reload_fixtures import PluginDirectory

SINK = "class Sink:\n    name, version = '{0}', '1.0'\n    def write(self, event): ...\n"
SERVICE = """
class Counter:
    version = "{version}"
    def __init__(self, config): self.config = config
    def handle(self, request): return ("{version}", self.config.get("n"))
"""


@pytest.mark.parametrize("operations", ["unload unload", "unload disable", "disable disable"])
async def test_k4_the_last_two_sinks_at_once_leave_exactly_one(
    operations: str, hot_reload_dir: PluginDirectory
) -> None:
    async with Engine() as engine:
        for name in ("one", "two"):
            await engine.load(hot_reload_dir.write(name, SINK.format(name)))
        first, second = operations.split()
        outcomes: list[Outcome] = await asyncio.gather(
            getattr(engine, first)("one"), getattr(engine, second)("two")
        )
        assert sorted(each.success for each in outcomes) == [False, True]
        (refused,) = [each for each in outcomes if isinstance(each, Refused)]
        assert refused.reason is RefusalReason.LAST_SINK
        assert engine.emit("event")
        assert engine.counts.dropped_total == 0


@pytest.mark.parametrize("config_first", [True, False])
async def test_k6_a_new_configuration_beside_new_code_ends_with_both(
    config_first: bool, hot_reload_dir: PluginDirectory
) -> None:
    async with Engine() as engine:
        path = hot_reload_dir.write("counter", SERVICE.format(version="1.0"))
        await engine.load(path, config={"n": 1})
        hot_reload_dir.write("counter", SERVICE.format(version="2.0"))
        work: list[Coroutine[Any, Any, Any]] = [
            engine.reconfigure({"counter": {"n": 2}}),
            engine.reload("counter"),
        ]
        done = await asyncio.gather(*(work if config_first else work[::-1]))
        outcomes = [each["counter"] if isinstance(each, dict) else each for each in done]
        assert all(isinstance(each, Swapped) for each in outcomes)
        assert await engine.call("?") == [("2.0", 2)]
        assert engine.lingering() == ()


async def test_k9_another_loop_is_told_what_to_write(hot_reload_dir: PluginDirectory) -> None:
    """From a thread with a loop of its own every operation is refused, and nothing changes."""
    loop = asyncio.get_running_loop()
    async with Engine() as engine:
        path = hot_reload_dir.write("counter", SERVICE.format(version="1.0"))
        await engine.load(path)
        attempts = {
            "load": lambda: engine.load(path, name="other"),
            "reload": lambda: engine.reload("counter", force=True),
            "reconfigure": lambda: engine.reconfigure({"counter": {"n": 2}}),
            "unload": lambda: engine.unload("counter"),
            "disable": lambda: engine.disable("counter"),
            "use": lambda: engine.use("counter"),
            "call": lambda: engine.call("?", plugin="counter"),
            "call of all": lambda: engine.call("?"),
            "settle": engine.settle,
            "close": engine.close,
        }
        told: dict[str, BaseException] = {}
        finished = loop.create_future()

        def elsewhere() -> None:
            for name, attempt in attempts.items():
                try:
                    asyncio.run(attempt())
                except BaseException as error:
                    told[name] = error
            loop.call_soon_threadsafe(finished.set_result, None)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        await finished
        thread.join()
        assert told.keys() == attempts.keys()
        for name, error in told.items():
            assert isinstance(error, EngineMisuse), (name, error)
            assert "asyncio.run_coroutine_threadsafe" in str(error)
        assert engine.names == ("counter",)
        assert await engine.call("?") == [("1.0", None)]

        def as_told() -> None:
            work = asyncio.run_coroutine_threadsafe(engine.reload("counter", force=True), loop)
            loop.call_soon_threadsafe(after.set_result, work.result())

        after = loop.create_future()
        thread = threading.Thread(target=as_told)
        thread.start()
        assert isinstance(await after, Swapped)
        thread.join()
        assert isinstance(await engine.unload("counter"), Unloaded)
