"""EngineFactory: opens, closes and counts; with a stand-in engine and with the real one."""

from __future__ import annotations

import asyncio
import sys
import types
from typing import Any, ClassVar

import pytest

from hot_reload.outcome import RolledBack, Stage
from hot_reload.runtime.engine import Engine
from hot_reload.settings import Settings
from hot_reload_fixtures import EngineFactory, ManualClock, PluginDirectory


class StandIn:
    """An engine that only opens and closes."""

    log: ClassVar[list[str]]

    def __init__(self, **options: object) -> None:
        self.options = options

    async def __aenter__(self) -> StandIn:
        if self.options.get("fails"):
            raise OSError("cannot open")
        self.log.append("open")
        return self

    async def __aexit__(self, *error: object) -> None:
        self.log.append("close")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    module: Any = types.ModuleType("hot_reload.runtime.engine")
    module.Engine = StandIn
    monkeypatch.setitem(sys.modules, "hot_reload.runtime.engine", module)
    monkeypatch.setattr(StandIn, "log", [], raising=False)
    return StandIn.log


def test_run_opens_an_engine_with_the_options_and_closes_it(log: list[str]) -> None:
    async def scenario(engine: Any) -> Any:
        log.append("run")
        return engine.options

    factory: Any = EngineFactory()  # Any: the stand-in takes what no engine takes
    assert factory.run(scenario, clock=3) == {"clock": 3}
    assert log == ["open", "run", "close"]
    assert factory.describe_left_open() == ""


def test_run_takes_a_coroutine_too(log: list[str]) -> None:
    factory: Any = EngineFactory()  # Any: the stand-in takes what no engine takes

    async def scenario() -> str:
        async with factory():
            return "result"

    assert factory.run(scenario()) == "result"
    with pytest.raises(TypeError, match="pass the function itself"):
        factory.run(scenario(), clock=3)
    assert log == ["open", "close"]


def test_run_refuses_what_cannot_be_run() -> None:
    factory: Any = EngineFactory()
    with pytest.raises(TypeError, match=r"run\(\) takes an async function, not a int"):
        factory.run(3)


def test_an_error_of_the_scenario_comes_out_and_the_engine_is_closed(log: list[str]) -> None:
    async def scenario(engine: Any) -> None:
        raise KeyError("from the scenario")

    factory: Any = EngineFactory()  # Any: the stand-in takes what no engine takes
    with pytest.raises(KeyError, match="from the scenario"):
        factory.run(scenario)
    assert log == ["open", "close"]
    assert factory.describe_left_open() == ""


def test_an_engine_that_cannot_open_is_not_left_open(log: list[str]) -> None:
    async def scenario(engine: Any) -> None:
        raise AssertionError("there is no engine")

    factory: Any = EngineFactory()  # Any: the stand-in takes what no engine takes
    with pytest.raises(OSError, match="cannot open"):
        factory.run(scenario, fails=True)
    assert factory.describe_left_open() == ""


async def test_in_an_async_test_it_is_a_context_manager(log: list[str]) -> None:
    factory: Any = EngineFactory()  # Any: the stand-in takes what no engine takes
    async with factory(clock=3):
        assert log == ["open"]
        assert factory.describe_left_open().startswith("1 engine(s) of hot_reload_engine were not")
    assert log == ["open", "close"]
    assert factory.describe_left_open() == ""


async def test_run_inside_a_loop_says_what_to_write(log: list[str]) -> None:
    async def scenario(engine: Any) -> None:
        raise AssertionError("must not run")

    with pytest.raises(RuntimeError, match="async with hot_reload_engine"):
        EngineFactory().run(scenario)


def test_run_leaves_the_current_event_loop_as_it_was(log: list[str]) -> None:
    async def scenario(engine: Any) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    mine = asyncio.new_event_loop()
    asyncio.set_event_loop(mine)
    try:
        assert EngineFactory().run(scenario).is_closed()
        assert asyncio.get_event_loop() is mine
    finally:
        asyncio.set_event_loop(None)
        mine.close()


PLUGIN = """
class Counter:
    version = "{version}"
    def handle(self, request):
        return self.version
"""


async def swap(engine: Engine, plugins: PluginDirectory) -> list[str]:
    path = plugins.write("counter", PLUGIN.format(version="1.0"))
    (await engine.load(path)).unwrap()
    replies = await engine.call("version")
    plugins.edit("counter", "1.0", "2.0", same_second=True)
    (await engine.reload("counter")).unwrap()
    return replies + await engine.call("version")


def test_the_real_engine_in_a_synchronous_test(
    hot_reload_engine: EngineFactory, hot_reload_dir: PluginDirectory
) -> None:
    async def scenario(engine: Engine) -> list[str]:
        return await swap(engine, hot_reload_dir)

    assert hot_reload_engine.run(scenario) == ["1.0", "2.0"]


async def test_the_real_engine_in_an_async_test(
    hot_reload_engine: EngineFactory, hot_reload_dir: PluginDirectory
) -> None:
    async with hot_reload_engine() as engine:
        assert await swap(engine, hot_reload_dir) == ["1.0", "2.0"]


async def test_the_real_engine_on_a_manual_clock(
    hot_reload_engine: EngineFactory,
    hot_reload_dir: PluginDirectory,
    hot_reload_clock: ManualClock,
) -> None:
    """A hook that hangs for ever meets its deadline without a second of real time."""
    hangs = PLUGIN.format(version="2.0") + "    async def start(self):\n"
    hangs += "        import asyncio\n        await asyncio.Event().wait()\n"
    path = hot_reload_dir.write("counter", PLUGIN.format(version="1.0"))
    settings = Settings(hook_deadline_seconds=3600.0)
    async with hot_reload_engine(clock=hot_reload_clock, settings=settings) as engine:
        (await engine.load(path)).unwrap()
        hot_reload_dir.write("counter", hangs)
        reload = asyncio.create_task(engine.reload("counter"))
        await hot_reload_clock.advance_async(3599.0)
        assert not reload.done()
        await hot_reload_clock.advance_async(2.0)
        outcome = await reload
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.START
        assert await engine.call("version") == ["1.0"]
