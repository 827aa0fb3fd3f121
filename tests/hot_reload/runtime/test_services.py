"""Services: requests to plugins, while they are loaded, swapped, and go (F05, SWAP-07)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.hot_reload.runtime.test_engine import turns, until_answers

from hot_reload import Engine
from hot_reload.errors import EngineMisuse, HookFailed, OperationFailed
from hot_reload.outcome import RolledBack, Swapped
from hot_reload_fixtures import EXCEPTIONS, Gate

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench


async def test_F05_many_first_uses_share_one_load(bench: Bench) -> None:
    gate = Gate()
    bench.faults.at("counter", "start", blocks=gate)
    async with Engine() as engine:
        assert engine.register(bench.plugin(), name="lazy") == "lazy"
        assert not engine.status("lazy").loaded
        with pytest.raises(EngineMisuse, match="registered or loaded already"):
            engine.register(bench.plugin(), name="lazy")
        uses = [asyncio.create_task(engine.use("lazy")) for _ in range(5)]
        await gate.reached()
        uses[0].cancel()  # takes the load from nobody else
        gate.open()
        answers = await asyncio.gather(*uses, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert answers[1:] == ["1.0"] * 4
        assert bench.live == [("counter", 1)]
        assert engine.names == ("lazy",)
        assert engine.status("lazy").loaded
        assert await engine.use("lazy") == "1.0"


async def test_F05_a_failed_first_use_fails_all_and_the_next_tries_again(bench: Bench) -> None:
    bench.faults.at("counter", "start", raises=ValueError("no port"))
    async with Engine() as engine:
        name = engine.register(bench.plugin())
        answers = await asyncio.gather(
            *(engine.use(name) for _ in range(3)), return_exceptions=True
        )
        assert [type(each) for each in answers] == [OperationFailed] * 3
        assert "no port" in str(answers[0])
        assert engine.status(name).error
        assert bench.live == [("counter", 1)]
        assert await engine.use(name) == "1.0"


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("asynchronous", [True, False])
async def test_a_raising_handler_is_contained(
    bench: Bench, kind: type[BaseException], asynchronous: bool
) -> None:
    bench.things["kind"] = kind
    keyword = "async def" if asynchronous else "def"
    bad = f"""
    from bench_probe import bench
    class Bad:
        version = "1"
        {keyword} handle(self, request): raise bench.things["kind"]("boom")
    """
    async with Engine() as engine:
        await engine.load(bench.plugins.write("bad", bad))
        await engine.load(bench.plugin())
        if kind is KeyboardInterrupt:  # the user's, as far as anybody can tell
            if not asynchronous:
                with pytest.raises(KeyboardInterrupt):
                    await engine.call("?")
            return
        assert await engine.call("?") == ["1.0"]
        assert engine.counts.errors == {"bad": 1}
        with pytest.raises(HookFailed, match=kind.__name__) as caught:
            await engine.use("bad")
        assert caught.value.line == 4
        assert caught.value.__cause__ is caught.value.__context__ is None


async def test_a_call_in_flight_finishes_on_the_old_generation(bench: Bench) -> None:
    bench.things["gate"] = gate = Gate()
    slow = """
    async def handle(self, request):
        if request == "slow":
            await bench.things["gate"].enter()
        return VERSION
    """
    bench.plugin(extra=slow, state=False)
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        call = asyncio.create_task(engine.call("slow"))
        await gate.reached()
        bench.plugin(version="2.0", extra=slow, state=False)
        reload = asyncio.create_task(engine.reload("counter"))
        await until_answers(engine, "2.0")
        assert "stop" not in bench.hooks("counter", 1)
        gate.open()
        assert await call == ["1.0"]
        assert (await reload).success
        assert "stop" in bench.hooks("counter", 1)


async def test_a_call_that_never_ends_is_left_behind_at_the_drain_deadline(bench: Bench) -> None:
    bench.things["gate"] = gate = Gate()
    hang = "\n    async def handle(self, request):\n        await bench.things['gate'].enter()\n"
    for state in (False, True):
        bench.plugin(extra=hang, state=state)
        async with Engine(clock=bench.clock) as engine:
            await engine.load(bench.plugins.path("counter"))
            call = asyncio.create_task(engine.call("slow"))
            await turns()
            bench.plugin(version="2.0", extra=hang, state=state)
            reload = asyncio.create_task(engine.reload("counter"))
            await bench.clock.advance_async(10)
            outcome = await reload
            if state:  # its state never stood still
                assert isinstance(outcome, RolledBack)
                assert "still inside the running generation" in outcome.failure.cause
            else:
                assert isinstance(outcome, Swapped)
                assert "still inside the old generation" in outcome.warnings[0].cause
            call.cancel()
            await asyncio.wait({call})
    assert gate.arrived == 2


async def test_calls_wait_while_the_state_is_on_its_way(bench: Bench) -> None:
    """HR-STATE-02: what the old generation does before the commit is in the new one."""
    bench.plugin()
    gate = Gate()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0")
        bench.faults.at("counter", "set_reload_state", blocks=gate, version="2.0")
        await engine.call("count")
        reload = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        calls = [asyncio.create_task(engine.call("count")) for _ in range(3)]
        await turns()
        assert not any(each.done() for each in calls)
        gate.open()
        assert (await reload).success
        assert await asyncio.gather(*calls) == [["2.0 2"], ["2.0 3"], ["2.0 4"]]


async def test_a_handler_that_calls_itself_is_not_held_at_its_own_gate(bench: Bench) -> None:
    bench.things["gate"] = gate = Gate()
    nested = """
    async def handle(self, request):
        if request == "outer":
            await bench.things["gate"].enter()
            return await self.context.engine.call("inner", plugin="counter")
        return VERSION
    """
    bench.plugin(extra=nested)
    async with Engine(clock=bench.clock) as engine:
        await engine.load(bench.plugins.path("counter"))
        call = asyncio.create_task(engine.call("outer"))
        await gate.reached()
        bench.plugin(version="2.0", extra=nested)
        reload = asyncio.create_task(engine.reload("counter"))
        await turns()
        gate.open()
        assert await call == [["1.0"]]  # no time passed: nobody waited for a deadline
        assert (await reload).success


async def test_a_call_that_waited_for_a_plugin_that_goes(bench: Bench) -> None:
    bench.plugin()
    gate = Gate()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0")
        bench.faults.at("counter", "on_reload", blocks=gate, version="2.0")
        reload = asyncio.create_task(engine.reload("counter"))
        await gate.reached()
        named = asyncio.create_task(engine.call("?", plugin="counter"))
        every = asyncio.create_task(engine.call("?"))
        await turns()
        # It goes in the very turn in which the gate opens.
        engine.listen(lambda event: _forget(engine, event))
        gate.open()
        await reload
        with pytest.raises(EngineMisuse, match="no service"):
            await named
        assert await every == []


WAITS = """
import asyncio

class Counter:
    version = "1.0"

    def __init__(self, context):
        context.spawn(asyncio.sleep(3600))

    async def handle(self, request):
        if request == "raise":
            raise GeneratorExit
        await asyncio.sleep(3600)
"""


async def test_a_call_that_is_closed_ends_as_a_coroutine_does(bench: Bench) -> None:
    path = bench.plugins.write("counter", WAITS)
    async with Engine() as engine:
        (await engine.load(path)).unwrap()
        call = engine.use("counter")
        call.send(None)
        call.close()
        assert (await engine.reload("counter", force=True)).success
        with pytest.raises(HookFailed, match="GeneratorExit"):
            await engine.use("counter", "raise")


def _forget(engine: Engine, event: Any) -> None:
    if type(event).__name__ == "StageEntered" and event.stage.value == "drain":
        slot = engine._roster.slots["counter"]
        slot.enabled = False


async def test_why_a_plugin_that_is_there_answers_no_call_is_told(bench: Bench) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugin("mute", roles=["sink"], sink="sync"))
        with pytest.raises(EngineMisuse, match="'mute' has no handle"):
            await engine.use("mute")
        await engine.load(bench.plugin(policy="stop-first"))
        await engine.disable("counter")
        with pytest.raises(EngineMisuse, match="'counter' is disabled; enable it; services that"):
            await engine.use("counter")
        await engine.enable("counter")
        bench.faults.at("counter", "start", raises=ValueError("no port"), times=2)
        await engine.reload("counter", force=True)
        with pytest.raises(EngineMisuse, match="nothing of 'counter' runs since"):
            await engine.use("counter")


async def test_what_a_plugin_raised_is_told_without_its_secrets(bench: Bench) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugin(), config={"token": "s3cret-t0ken"})
        told = engine.cause_of("counter", ValueError("no entry with s3cret-t0ken"))
        assert told == "ValueError: no entry with ***"
