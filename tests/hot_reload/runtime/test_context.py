"""What a generation owns through its context goes with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from hot_reload import Engine
from hot_reload.errors import EngineMisuse
from hot_reload.outcome import Swapped
from hot_reload.runtime.context import PluginContext
from hot_reload_fixtures import EXCEPTIONS

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench


def context() -> PluginContext:
    engine: Any = None
    return PluginContext("counter", 3, {"a": [1]}, engine)


async def test_tasks_are_cancelled_awaited_and_no_more_are_started() -> None:
    owner = context()
    ended: list[str] = []

    async def work(name: str) -> str:
        try:
            if name == "short":
                return name
            await asyncio.Event().wait()
        finally:
            ended.append(name)
        return name

    short = owner.spawn(work("short"))
    owner.spawn(work("long"), name="mine")
    assert short.get_name() == "counter@g3"
    assert await short == "short"
    never_ran = owner.spawn(work("never"))
    (first, second) = sorted(owner.cancel_tasks(), key=lambda task: task.get_name())
    assert {first.get_name(), second.get_name()} == {"counter@g3", "mine"}
    await asyncio.wait({first, second})
    assert never_ran.cancelled()
    assert ended == ["short", "long"]
    with pytest.raises(EngineMisuse, match="has stopped and starts no tasks"):
        owner.spawn(work("late"))


@pytest.mark.parametrize(
    "kind", [k for k in EXCEPTIONS if k is not asyncio.CancelledError], ids=lambda k: k.__name__
)
async def test_a_raising_task_is_logged_and_ends_nothing(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    async def bad() -> None:
        raise kind("boom")

    assert await context().spawn(bad()) is None
    assert (
        "a background task of the plugin failed" in caplog.text
        or kind.__name__ == "UnprintableFault"
    )


def test_the_config_is_a_copy_and_cleanups_come_back_last_first() -> None:
    config = {"a": [1]}
    engine: Any = None
    owner = PluginContext("counter", 1, config, engine)
    config["a"].append(2)
    assert owner.config == {"a": [1]}
    done: list[str] = []
    owner.add_cleanup(lambda: done.append("first"))
    owner.add_cleanup(lambda: done.append("second"))
    for call in owner.cleanups():
        call()
    assert done == ["second", "first"]
    assert [call.begun for call in owner.cleanups()] == [True, True]


OWNING = """
    async def start(self):
        self.context.spawn(self.beat())
        if VERSION == "1.0":
            self.context.spawn(self.stubborn(), name="stubborn")
        self.context.add_cleanup(self.clean)
        self.context.add_cleanup(self.clean_badly)
    async def beat(self):
        import asyncio
        while True:
            bench.things["beats"].append(VERSION)
            await asyncio.sleep(0)
    async def stubborn(self):
        import asyncio
        while not bench.things["end"].is_set():
            try:
                await bench.things["end"].wait()
            except asyncio.CancelledError:
                pass
    async def clean(self):
        bench.things["cleaned"].append(VERSION)
    def clean_badly(self):
        raise SystemExit("no")
"""


async def test_what_a_generation_started_ends_with_it(bench: Bench) -> None:
    """HR-LEAK-04: its tasks are cancelled and awaited before its reload is reported done."""
    end = asyncio.Event()
    bench.things |= {"beats": [], "cleaned": [], "end": end}
    bench.plugin(extra=OWNING)
    async with Engine(clock=bench.clock) as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0", extra=OWNING)
        reload = asyncio.create_task(engine.reload("counter"))
        await asyncio.sleep(0)
        while not reload.done():
            bench.clock.advance(0.1)
            for _ in range(5):
                await asyncio.sleep(0)
        outcome = await reload
        assert isinstance(outcome, Swapped)
        causes = " ".join(each.cause for each in outcome.warnings)
        assert "a cleanup raised SystemExit" in causes
        assert "task 'stubborn' swallowed its cancellation and is leaked" in causes
        assert bench.things["cleaned"] == ["1.0"]
        bench.things["beats"].clear()
        for _ in range(5):
            await asyncio.sleep(0)
        assert set(bench.things["beats"]) == {"2.0"}
        end.set()
        assert engine.lingering() == () or await _soon(engine)


async def _soon(engine: Engine) -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return engine.lingering() == ()
