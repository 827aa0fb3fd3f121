"""The engine as its host sees it: operations, traffic, cancellation, close."""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
import threading
from collections.abc import Awaitable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from hot_reload import Engine, Settings
from hot_reload.errors import EngineMisuse
from hot_reload.outcome import (
    Deferred,
    Loaded,
    RefusalReason,
    Refused,
    RolledBack,
    Swapped,
    Switched,
    Unchanged,
    Unloaded,
)
from hot_reload.source.snapshot import DiskFiles
from hot_reload_fixtures import Census, Gate, OverlayFiles

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench

ECHO = "class Echo:\n    version = '{0}'\n    def handle(self, request): return '{0}'\n"


async def until_answers(engine: Engine, version: str) -> None:
    """Let the loop turn until this version alone serves; the test's deadline bounds it."""
    while await engine.call("?") != [version]:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0)


async def turns(number: int = 30) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


# Load, unload, names


async def test_load_call_and_unload(bench: Bench) -> None:
    path = bench.plugin()
    async with Engine() as engine:
        loaded = await engine.load(str(path))
        assert isinstance(loaded, Loaded)
        assert loaded.new is not None
        assert (loaded.new.version, loaded.new.generation) == ("1.0", 1)
        assert engine.source_hashes("counter") == {"counter.py": loaded.new.sha256}
        assert await engine.call("?") == ["1.0"]
        assert isinstance(await engine.unload("counter"), Unloaded)
        assert await engine.call("?") == []
        assert bench.hooks("counter", 1)[-3:] == ("flush", "stop", "teardown")
        assert engine.lingering() == ()
        assert not [name for name in sys.modules if name.startswith("counter@g")]
        assert isinstance(await engine.load(path), Loaded)


async def test_a_second_load_is_refused_and_changes_nothing(bench: Bench) -> None:
    path = bench.plugin()
    async with Engine() as engine:
        await engine.load(path)
        plugin = engine.plugin("counter")
        refused = await engine.load(path)
        assert isinstance(refused, Refused)
        assert refused.reason is RefusalReason.ALREADY_LOADED
        other = bench.plugin("other", file="elsewhere/counter")
        assert isinstance(await engine.load(other, name="counter"), Refused)
        assert engine.plugin("counter") is plugin
        # The file of another plugin that calls itself by the taken name: found out before
        # anything of it is set up.
        thief = bench.plugin("counter", "6.6", file="thief")
        outcome = await engine.load(thief)
        assert isinstance(outcome, RolledBack)
        assert "already loaded" in outcome.failure.cause
        assert bench.hooks("counter", 2) == ("construct",)
        assert engine.status("counter").error is None  # that was not its failure
        assert isinstance(engine.status("counter").last_outcome, Loaded)
        assert await engine.call("?") == ["1.0"]


async def test_F16_two_files_of_one_name_with_plugins_of_their_own_names(bench: Bench) -> None:
    one = bench.plugin("one", file="a/counter")
    two = bench.plugin("two", "2.0", file="b/counter")
    async with Engine() as engine:
        assert (await engine.load(one)).success
        assert (await engine.load(two)).success
        assert engine.names == ("one", "two")
        assert await engine.call("?") == ["1.0", "2.0"]
        assert engine.plugin("two").context.name == "two"


async def test_F16_twins_by_case_collide_and_strange_names_are_shown_safely(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bench.plugins.write("counter", ECHO.format("1"))
    twin = bench.plugins.root / "COUNTER.py"
    twin.write_text(ECHO.format("2"))
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        outcome = await engine.load(twin)
        assert not outcome.success
        assert "already loaded" in outcome.describe()
        for name in ("e\x1b[2Jvil", "new\nline", "n" * 251, "caf\udce9", "zähler"):
            path = bench.plugins.root / f"{name}.py"
            path.write_text(ECHO.format("3"))
            outcome = await engine.load(path)
            assert not outcome.success
            assert outcome.describe().isprintable()
            assert (await engine.load(path, name="fine")).success  # the caller's name will do
            assert (await engine.unload("fine")).success
        for name in ("../up", "", "a\x1b", "x" * 65, "Upper"):
            with pytest.raises(EngineMisuse, match="malformed"):
                await engine.load(bench.plugins.path("counter"), name=name)
    for record in caplog.records:
        assert record.getMessage().isprintable()
        record.getMessage().encode()


async def test_what_a_plugin_is_configured_with_is_compared_by_value_and_type(
    bench: Bench,
) -> None:
    path = bench.plugin()
    async with Engine() as engine:
        await engine.load(path, config={"limit": 1, "deep": {"on": True}})
        assert engine.is_configured("counter", {"deep": {"on": True}, "limit": 1})
        for other in ({}, {"limit": 1, "deep": {"on": 1}}, {"limit": 1.0, "deep": {"on": True}}):
            assert not engine.is_configured("counter", other)
        await engine.reconfigure({"counter": {"limit": 2}})
        assert engine.is_configured("counter", {"limit": 2})
        await engine.unload("counter")
        with pytest.raises(EngineMisuse, match="no plugin 'counter' is loaded"):
            engine.is_configured("counter", {"limit": 2})
        await engine.load(path)
        assert engine.is_configured("counter", {})


async def test_unknown_names_are_refused_or_misuse(bench: Bench) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugin())
        for operation in (engine.reload, engine.unload, engine.enable, engine.disable):
            refused = await operation("conter")
            assert isinstance(refused, Refused)
            assert refused.reason is RefusalReason.UNKNOWN_PLUGIN
            assert "did you mean 'counter'" in refused.explanation
        for ask in (engine.plugin, engine.status, engine.source_hashes):
            with pytest.raises(EngineMisuse, match="did you mean 'counter'"):
                ask("conter")
        with pytest.raises(EngineMisuse, match="these are: counter"):
            await engine.call("?", plugin="conter")


async def test_an_engine_that_is_not_open_says_so(bench: Bench) -> None:
    engine = Engine()
    assert not engine.emit(1)
    with pytest.raises(EngineMisuse, match="not open"):
        await engine.load(bench.plugin())
    async with engine:
        with pytest.raises(EngineMisuse, match="opened once"):
            await engine.__aenter__()
    assert not engine.emit(1)
    with pytest.raises(EngineMisuse, match="closed"):
        await engine.reload("counter")
    await engine.close()
    with pytest.raises(EngineMisuse, match="opened once"):
        await engine.__aenter__()
    never_opened = Engine()
    await never_opened.close()
    with pytest.raises(EngineMisuse, match="opened once"):
        await never_opened.__aenter__()


async def test_two_engines_in_one_process_do_not_meet(bench: Bench) -> None:
    path = bench.plugins.write("counter", ECHO.format("1"))
    async with Engine() as one, Engine() as two:
        await one.load(path)
        bench.plugins.write("counter", ECHO.format("2"))
        await two.load(path)
        assert (await one.call("?"), await two.call("?")) == (["1"], ["2"])


async def test_the_callers_config_is_copied(bench: Bench) -> None:
    source = "class C:\n    version = '1'\n    def __init__(self, config): self.c = config\n"
    config = {"words": ["a"]}
    async with Engine() as engine:
        await engine.load(bench.plugins.write("counter", source), config=config)
        config["words"].append("b")
        assert engine.plugin("counter").c == {"words": ["a"]}
        await engine.reload("counter", force=True)
        assert engine.plugin("counter").c == {"words": ["a"]}


HOST = """
    async def start(self):
        from hot_reload import Engine

        self.inner = Engine()
        await self.inner.__aenter__()
        self.seen = bench.things["seen"]
        self.seen.append((await self.inner.load(bench.things["path"])).describe())

    async def handle(self, request):
        self.seen.append(await self.inner.use(NAME))  # its own plugin has the same name
        return (await self.inner.reload(NAME, force=True)).describe()

    async def stop(self):
        await self.inner.close()
        self.seen.append(self.inner.emit({}))
"""


async def test_a_plugin_may_be_the_host_of_an_engine_of_its_own(bench: Bench) -> None:
    # What it asks of that engine, from a hook or a handler, waits for none of its own host's.
    path = bench.plugin(hooks=(), state=False, extra=HOST)
    seen: list[Any] = []
    plain = "class Counter:\n    version = '1'\n    def handle(self, request): return 'inner'\n"
    bench.things.update(seen=seen, path=bench.plugins.write("inner/counter", plain))
    async with Engine() as engine:
        assert (await engine.load(path)).success
        assert (await engine.use("counter")).startswith("swapped 'counter'")
        reloaded = await engine.reload("counter", force=True)
        assert (reloaded.success, reloaded.warnings) == (True, ())
        assert (await engine.unload("counter")).warnings == ()
    assert [str(each).partition(" ")[0] for each in seen] == [
        *("loaded", "inner", "loaded"),
        *("False", "False"),  # both were closed
    ]


# Enable, disable, the last sink


async def test_F14_a_disabled_plugin_stays_disabled_through_a_reload(bench: Bench) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.call("count")
        heard: list[Any] = []
        engine.listen(heard.append)
        assert isinstance(await engine.disable("counter"), Switched)
        assert isinstance(await engine.disable("counter"), Unchanged)
        kinds = ["OperationStarted", "OperationEnded"]
        assert [type(each).__name__ for each in heard] == kinds * 2
        assert [type(each) for each in engine.history[-2:]] == [Switched, Unchanged]
        bench.plugin(version="2.0")
        assert isinstance(await engine.reload("counter"), Swapped)
        assert await engine.call("?") == []
        assert not engine.status("counter").enabled
        assert isinstance(await engine.enable("counter"), Switched)
        assert await engine.call("count") == ["2.0 2"]


async def test_F32_the_last_sink_stays(bench: Bench) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugin("one", sink="sync"))
        for operation in (engine.unload, engine.disable):
            refused = await operation("one")
            assert isinstance(refused, Refused)
            assert refused.reason is RefusalReason.LAST_SINK
        bench.plugin("one", "2.0")  # a version that is no sink any more
        outcome = await engine.reload("one")
        assert isinstance(outcome, RolledBack)
        assert "start" not in bench.hooks("one", 2)  # found out before it was started
        assert engine.emit("still here")
        assert bench.events("one") == ["still here"]
        await engine.load(bench.plugin("two", sink="sync"))
        both = await asyncio.gather(engine.unload("one"), engine.unload("two"))
        assert sorted(type(each).__name__ for each in both) == ["Refused", "Unloaded"]
        assert engine.emit("one left")


async def test_a_plugin_that_others_need_stays(bench: Bench) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugin("base"))
        needs = "\n    dependencies = ['base>=1,<2']\n"
        assert (await engine.load(bench.plugin("user", extra=needs))).success
        refused = await engine.unload("base")
        assert isinstance(refused, Refused)
        assert refused.reason is RefusalReason.HAS_DEPENDENTS
        bench.plugin("base", "2.0")
        outcome = await engine.reload("base")
        assert isinstance(outcome, RolledBack)
        assert "needs 'base' in >=1,<2, but it is 2.0" in outcome.failure.cause.replace(
            "<2,>=1", ">=1,<2"
        )
        assert await engine.call("?") == ["1.0", "1.0"]


# Concurrency


async def test_K1_concurrent_reloads_run_one_after_the_other(bench: Bench) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0")
        gate = Gate()
        bench.faults.at("counter", "start", blocks=gate, version="2.0")
        first = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        others = [asyncio.create_task(engine.reload("counter")) for _ in range(2)]
        gate.open()
        assert isinstance(await first, Swapped)
        assert [type(await each) for each in others] == [Unchanged, Unchanged]
        assert await engine.call("?") == ["2.0"]


async def test_K2_reload_and_unload_at_once(bench: Bench) -> None:
    for first in ("reload", "unload"):
        bench.plugin()
        async with Engine() as engine:
            await engine.load(bench.plugins.path("counter"))
            bench.plugin(version="2.0")
            second = "unload" if first == "reload" else "reload"
            outcomes = await asyncio.gather(
                getattr(engine, first)("counter"), getattr(engine, second)("counter")
            )
            names = [type(each).__name__ for each in outcomes]
            assert names == (
                ["Swapped", "Unloaded"] if first == "reload" else ["Unloaded", "Refused"]
            )
            assert engine.names == ()
            assert engine.lingering() == ()


async def test_a_hung_reload_of_one_leaves_the_others_manageable(bench: Bench) -> None:
    bench.plugin()
    async with Engine(clock=bench.clock) as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.load(bench.plugin("other"))
        bench.plugin(version="2.0")
        bench.faults.at("counter", "start", hangs=True, version="2.0")
        reload = asyncio.create_task(engine.reload("counter"))
        await turns()
        bench.plugin("other", "2.0")
        assert isinstance(await engine.reload("other"), Swapped)
        assert isinstance(await engine.unload("other"), Unloaded)
        assert await engine.call("?") == ["1.0"]
        reload.cancel()
        await asyncio.wait({reload})


class Stepper:
    """Cancels an operation at its nth turn of the loop, for every n until it ends by itself."""

    def __init__(self, at: int) -> None:
        self.at = at

    async def run(self, operation: Awaitable[Any]) -> tuple[bool, Any]:
        """Whether the cancellation came in time, and the outcome else."""
        task = asyncio.ensure_future(operation)
        for _ in range(self.at):
            await asyncio.sleep(0)
            if task.done():
                return False, task.result()
        task.cancel()
        try:
            return False, await task
        except asyncio.CancelledError:
            return True, None


SCENES: dict[str, dict[str, Any]] = {
    "plain": {},
    "async sink": {"sink": "async"},
    "sync sink": {"sink": "sync"},
    "stop-first": {"policy": "stop-first"},
    "no state": {"state": False},
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("fails_at", [None, "start", "health_check", "on_reload"])
async def test_K8_cancelled_at_every_step_of_a_reload(
    bench: Bench, scene: str, fails_at: str | None
) -> None:
    """HR-RACE-01: old or new fully serving, nothing held, and the next operation works."""
    options = {**SCENES[scene], "extra": _YIELDING}
    bench.gates["counter"] = gate = Gate()
    gate.open()
    if fails_at:
        bench.faults.at("counter", fails_at, raises=ValueError("no"), version="2.0", times=None)
    in_time, committed, steps = True, 0, 0
    while in_time:
        steps += 1
        bench.plugin(**options)
        async with Engine(clock=bench.clock) as engine:
            await engine.load(bench.plugins.path("counter"))
            await engine.call("count")
            bench.plugin(version="2.0", **options)
            in_time, outcome = await Stepper(steps).run(engine.reload("counter"))
            (answer,) = await engine.call("count")
            version = answer.split()[0]
            if in_time:
                assert version == "1.0" or not fails_at
                committed += version == "2.0"
            else:
                assert outcome.success is not bool(fails_at)
            assert answer.endswith("1" if scene == "no state" and version == "2.0" else "2"), steps
            # One generation is whole; of every other one that was started all was let go.
            for _, number in bench.live:
                hooks = bench.hooks("counter", number)
                stopped = hooks.count("stop")
                serves = engine.plugin("counter").number == number
                assert stopped == (0 if serves or "setup" not in hooks else 1), (steps, number)
            assert engine.lingering() == ()
            bench.plugin(version="3.0", **options)
            assert isinstance(await engine.reload("counter"), Swapped), steps
            assert await engine.call("?") == ["3.0"]
            if options.get("sink"):
                assert engine.emit(steps)
                await engine.settle()
                assert bench.events("counter") == [steps]
        bench.live.clear()
        bench.written.clear()
        bench.recorder._entries.clear()
    assert steps > 10
    assert committed or fails_at


_YIELDING = """
    async def stop(self):
        import asyncio
        with bench.recorder.hook(NAME, self.number, "stop"):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
"""


@pytest.mark.parametrize("operation", ["load", "unload"])
async def test_K8_cancelled_at_every_step_of_load_and_unload(bench: Bench, operation: str) -> None:
    in_time, steps, seen = True, -1, set()
    path = bench.plugin(extra=_YIELDING)
    while in_time:
        steps += 1
        async with Engine() as engine:
            if operation == "unload":
                await engine.load(path)
                in_time, _ = await Stepper(steps).run(engine.unload("counter"))
            else:
                in_time, _ = await Stepper(steps).run(engine.load(path))
            answers = await engine.call("?")
            seen.add(bool(answers))
            assert bool(answers) == (engine.names == ("counter",))
            if answers:
                assert isinstance(await engine.reload("counter", force=True), Swapped)
            else:
                for _, number in bench.live:
                    hooks = bench.hooks("counter", number)
                    assert hooks.count("stop") == ("setup" in hooks)
                assert not [name for name in sys.modules if name.startswith("counter@g")]
                assert isinstance(await engine.load(path), Loaded)
        bench.live.clear()
        bench.recorder._entries.clear()
    assert steps > 5
    assert seen == {True, False}


async def test_H16_a_plugins_cancellation_while_the_caller_is_cancelled_too(bench: Bench) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0")
        gate = Gate()
        bench.faults.at("counter", "start", blocks=gate, version="2.0")
        bench.faults.at("counter", "stop", raises=asyncio.CancelledError("mine"), version="2.0")
        reload = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        reload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reload
        assert bench.hooks("counter", 2)[-2:] == ("stop", "teardown")
        assert await engine.call("?") == ["1.0"]
        assert isinstance(await engine.reload("counter"), Swapped)


async def test_a_caller_that_is_cancelled_waiting_for_its_turn(bench: Bench) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0")
        gate = Gate()
        bench.faults.at("counter", "start", blocks=gate, version="2.0")
        first = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        second = asyncio.create_task(engine.reload("counter"))
        await turns()
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        gate.open()
        assert isinstance(await first, Swapped)


# Close


@pytest.mark.parametrize("point", ["start", "get_reload_state", "health_check", "flush", "stop"])
async def test_K7_close_in_mid_reload(bench: Bench, point: str, hot_reload_census: Any) -> None:
    bench.plugin(sink="async")
    before = hot_reload_census()
    async with Engine(clock=bench.clock) as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0", sink="async")
        gate = Gate()
        version = "1.0" if point in ("get_reload_state", "flush", "stop") else "2.0"
        bench.faults.at("counter", point, blocks=gate, version=version)
        reload = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        waiting = asyncio.create_task(engine.reload("counter"))
        await asyncio.sleep(0)
        closing = asyncio.create_task(engine.close())
        await bench.clock.settle()
        committed = point in ("flush", "stop")
        assert closing.done() is not committed  # what has committed is finished first
        late = asyncio.create_task(engine.load(bench.plugin("late")))
        gate.open()
        await closing
        outcome = await reload
        if committed:
            assert isinstance(outcome, Swapped)
        else:
            assert isinstance(outcome, Refused)
            assert outcome.reason is RefusalReason.CLOSING
        assert isinstance(await waiting, Refused)
        (too_late,) = await asyncio.gather(late, return_exceptions=True)
        assert isinstance(too_late, Refused | EngineMisuse)
        for number in (1, 2):
            assert bench.recorder.count(f"counter@g{number}.stop") == (
                1 if "setup" in bench.hooks("counter", number) else 0
            )
    del reload, waiting, closing, late, outcome, too_late
    growth = Census.growth(before, hot_reload_census())
    assert growth.clean, growth.describe()


async def test_a_cancelled_close_still_closes(bench: Bench) -> None:
    gate = Gate()
    engine = await Engine().__aenter__()
    await engine.load(bench.plugin())
    bench.faults.at("counter", "stop", blocks=gate)
    closing = asyncio.create_task(engine.close())
    await gate.reached()
    closing.cancel()
    again = asyncio.create_task(engine.close())
    await turns()
    assert not closing.done()
    assert not again.done()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await again
    assert bench.hooks("counter", 1)[-2:] == ("stop", "teardown")
    with pytest.raises(EngineMisuse, match="closed"):
        await engine.reload("counter")


async def test_a_close_while_a_cancelled_reload_rolls_back_leaves_nothing(bench: Bench) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0")
        start, stop = Gate(), Gate()
        bench.faults.at("counter", "start", blocks=start, version="2.0")
        bench.faults.at("counter", "stop", blocks=stop, version="2.0")
        reload = asyncio.create_task(engine.reload("counter"))
        await start.reached()
        reload.cancel()
        await stop.reached()
        closing = asyncio.create_task(engine.close())
        await turns()
        stop.open()
        await closing
        await asyncio.wait({reload})
        assert bench.hooks("counter", 2)[-2:] == ("stop", "teardown")
        assert bench.recorder.count("counter@g2.stop:exit") == 1
    assert not [name for name in sys.modules if name.startswith("counter@g")]


@pytest.mark.parametrize("place", ["hook", "handler"])
async def test_a_plugin_cannot_close_the_engine_that_waits_for_it(bench: Bench, place: str) -> None:
    bench.things["error"] = None
    method = "async def start(self)" if place == "hook" else "async def handle(self, request)"
    extra = f"""
    {method}:
        try:
            await self.context.engine.close()
        except BaseException as error:
            bench.things["error"] = repr(error)
    """
    async with Engine() as engine:
        await engine.load(bench.plugin(extra=extra))
        await engine.call("?")
        assert "EngineMisuse" in bench.things["error"]
        assert (await engine.reload("counter", force=True)).success


async def test_a_hook_that_asks_for_an_operation_during_close_is_refused(bench: Bench) -> None:
    bench.things["answer"] = None
    extra = """
    async def stop(self):
        bench.things["answer"] = await self.context.engine.reload("counter")
    """
    async with Engine() as engine:
        await engine.load(bench.plugin(extra=extra))
    assert isinstance(bench.things["answer"], Refused)
    assert len(asyncio.all_tasks()) == 1


async def test_a_deferred_operation_that_the_close_overtakes(bench: Bench) -> None:
    bench.things["answer"] = None
    extra = """
    def start(self):
        import asyncio
        async def ask():
            bench.things["answer"] = await self.context.engine.reload("counter")
        return ask()
    """
    async with Engine() as engine:
        await engine.load(bench.plugin(extra=extra))
        assert isinstance(bench.things["answer"], Deferred)
    assert len(asyncio.all_tasks()) == 1


async def test_SWAP13_a_handler_and_a_task_that_ask_for_their_own_reload(bench: Bench) -> None:
    bench.things["answers"] = []
    extra = """
    async def handle(self, request):
        if request == "me":
            return await self.context.engine.reload("counter")
        if request == "task":
            self.context.spawn(self.later())
        return VERSION
    async def later(self):
        bench.things["answers"].append(await self.context.engine.reload("counter"))
    """
    bench.plugin(extra=extra)
    async with Engine(clock=bench.clock) as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0", extra=extra)
        (answer,) = await engine.call("me")
        assert isinstance(answer, Deferred)
        await until_answers(engine, "2.0")
        bench.plugin(version="3.0", extra=extra)
        await engine.call("task")
        await until_answers(engine, "3.0")
        await turns()
        assert [type(each) for each in bench.things["answers"]] == [Deferred]
        swaps = [each for each in engine.history if isinstance(each, Swapped)]
        assert [each.warnings for each in swaps] == [(), ()]


async def test_a_reload_asked_for_while_a_deferred_one_runs_is_not_forgotten(bench: Bench) -> None:
    """The deferred one has read its bytes: a later edit needs another."""
    gate = Gate()
    ask = """
    async def handle(self, request):
        return await self.context.engine.reload("counter") if request == "me" else VERSION
    """
    bench.plugin(extra=ask, state=False)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0", extra=ask, state=False)
        bench.faults.at("counter", "start", blocks=gate, version="2.0")
        await engine.call("me")
        await engine.call("me")  # shares the first, which has not begun
        await gate.reached()
        bench.plugin(version="3.0", extra=ask, state=False)
        await engine.call("me")
        gate.open()
        await until_answers(engine, "3.0")
        await turns()
        assert sum(isinstance(each, Swapped) for each in engine.history) == 2


async def test_H14_a_hook_that_unloads_another_plugin_or_itself(bench: Bench) -> None:
    extra = """
    async def on_reload(self):
        for name in ("other", "counter"):
            assert type(await self.context.engine.unload(name)).__name__ == "Deferred"
    """
    bench.plugin(extra=extra)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.load(bench.plugin("other"))
        assert (await engine.reload("counter", force=True)).success
        while engine.names:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0)
        await turns()
        assert engine.lingering() == ()


# Listeners


@pytest.mark.parametrize(
    "kind", [ValueError, SystemExit, asyncio.CancelledError, GeneratorExit, BaseException]
)
async def test_F22_a_raising_listener_harms_nobody(
    bench: Bench, kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def bad(event: Any) -> None:
        raise kind("boom")

    async with Engine() as engine:
        stop = engine.listen(bad)
        engine.listen(lambda event: heard.append(type(event).__name__))
        assert (await engine.load(bench.plugin())).success
        assert (await engine.reload("counter", force=True)).success
        assert heard.count("OperationStarted") == heard.count("OperationEnded") == 2
        assert "a listener failed" in caplog.text
        stop()
        stop()


async def test_a_cancelled_attempt_ends_without_an_outcome(bench: Bench) -> None:
    ends: list[Any] = []
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0")
        gate = Gate()
        bench.faults.at("counter", "start", blocks=gate, version="2.0")
        engine.listen(lambda event: ends.append(event) if hasattr(event, "outcome") else None)
        reload = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        reload.cancel()
        await asyncio.wait({reload})
        (end,) = ends
        assert end.outcome is None


# Traffic over reloads


async def test_K5_F33_a_loss_ledger_under_threads_and_tasks(bench: Bench) -> None:
    """200 reloads, one in four of them failing: nothing lost, doubled or out of order."""
    sinks = {"first": "sync", "second": "async"}
    for name, kind in sinks.items():
        bench.plugin(name, sink=kind, hooks=("stop", "on_reload"))
    files = OverlayFiles(DiskFiles())
    stop = threading.Event()
    ledger = bench.ledger
    async with Engine(files=files) as engine:
        for name in sinks:
            await engine.load(bench.plugins.path(name))

        def one(producer: str) -> None:
            stamp = ledger.stamp(producer)
            if engine.emit({"stamp": stamp}):
                ledger.accepted(stamp)

        def thread(producer: str) -> None:
            pause = threading.Event()
            while not stop.is_set():
                for _ in range(10):
                    one(producer)
                pause.wait(0.0005)  # lets the loop have its turn; nothing is timed by it

        async def task(producer: str) -> None:
            while not stop.is_set():
                one(producer)
                await asyncio.sleep(0)

        threads = [threading.Thread(target=thread, args=(f"thread{n}",)) for n in range(2)]
        tasks = [asyncio.create_task(task(f"task{n}")) for n in range(2)]
        for each in threads:
            each.start()
        swapped = failed = 0
        try:
            for round_ in range(100):
                for name in sinks:
                    path = bench.plugins.path(name)
                    files.append(path, f"# edit {round_}")
                    if round_ % 4 == 3:
                        bench.faults.at(name, "on_reload", raises=ValueError("no"))
                    outcome = await engine.reload(name)
                    swapped += isinstance(outcome, Swapped)
                    failed += isinstance(outcome, RolledBack)
        finally:
            stop.set()
            for each in threads:
                each.join()
        await asyncio.gather(*tasks)
        await engine.settle()
        assert (swapped, failed) == (150, 50)
        for name in sinks:
            ledger.report(sink=name).assert_clean(at_least=1000)
        counts = engine.counts
        assert counts.accepted == sum(
            each.accepted for each in ledger.report("first").by_producer.values()
        )
        assert counts.dropped_total == 0


def test_settings_refuse_what_is_no_limit() -> None:
    for value in itertools.chain((0, -1, float("inf"), float("nan"), True), ["5"]):
        with pytest.raises(EngineMisuse, match="hook_deadline_seconds"):
            Settings(hook_deadline_seconds=value)  # type: ignore[arg-type]


def test_it_works_without_any_pytest_plugin(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "echo.py"
    path.write_text(ECHO.format("1"))

    async def main() -> list[Any]:
        async with Engine() as engine:
            await engine.load(path)
            return await engine.call("?")

    assert asyncio.run(main()) == ["1"]


NEVER_ANSWERS = """
import asyncio

class Counter:
    version = "1.0"

    def __init__(self, context):
        context.spawn(asyncio.sleep(3600))

    async def handle(self, request):
        await asyncio.sleep(3600)
"""


def test_an_engine_whose_loop_was_left_behind_says_so(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    path = bench.plugins.write("counter", NEVER_ANSWERS)
    engine, loop = Engine(), asyncio.new_event_loop()

    async def begin() -> Coroutine[Any, Any, Any]:
        await engine.__aenter__()
        (await engine.load(path)).unwrap()
        await asyncio.sleep(0)  # the spawned task begins
        call = engine.use("counter")
        call.send(None)
        return call

    call = loop.run_until_complete(begin())
    tasks = asyncio.all_tasks(loop)
    loop.close()
    call.close()
    assert tasks
    for task in tasks:  # as the interpreter does where it lets go of them
        cast(Coroutine[Any, Any, Any], task.get_coro()).close()
    assert "failed" not in caplog.text

    async def later() -> None:
        for ask in (engine.reload("counter"), engine.use("counter"), engine.close()):
            with pytest.raises(EngineMisuse, match="has ended; make a new one"):
                await ask

    asyncio.run(later())
    generation = engine._roster.slots["counter"].current
    assert generation is not None
    generation.let_go()
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]
