"""The pipeline in an engine: stages, gates and mailboxes over reloads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from hot_reload import Engine, Settings
from hot_reload.errors import EngineMisuse
from hot_reload.outcome import Failed, RolledBack, Swapped
from hot_reload.runtime.pipeline import Placed
from hot_reload_fixtures import EXCEPTIONS, Gate

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until it is so; the test's own deadline bounds it."""
    while not condition():  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0)


def balanced(engine: Engine, delivered: int) -> bool:
    """Accepted = delivered + dropped + filtered, for one sink."""
    counts = engine.counts
    return counts.accepted == delivered + counts.dropped_total + counts.filtered.total()


async def test_F30_an_event_passes_all_stages_in_order(bench: Bench) -> None:
    stages = {
        "filter": "return event != 'noise'",
        "enrich": "return event + 'e'",
        "process": "return event + 'p'",
        "redact": "return event + 'r'",
    }
    async with Engine() as engine:
        for method, body in reversed(stages.items()):
            source = f"class P:\n    version = '1'\n    def {method}(self, event): {body}\n"
            assert (await engine.load(bench.plugins.write(method, source))).success
        assert not engine.emit("before there is a sink")
        await engine.load(bench.plugin("sink", sink="sync"))
        assert engine.emit("x")
        assert engine.emit("noise")
        assert bench.events("sink") == ["xepr"]
        assert engine.counts.filtered == {"filter": 1}
        assert balanced(engine, 1)


async def test_a_sink_added_sees_all_after_and_one_removed_none(bench: Bench) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugin("one", sink="sync"))
        engine.emit(1)
        await engine.load(bench.plugin("two", sink="async"))
        engine.emit(2)
        await engine.unload("two")  # what it had accepted is written first
        engine.emit(3)
        assert bench.events("one") == [1, 2, 3]
        assert bench.events("two") == [2]
        flush = bench.recorder.hooks("two")
        assert flush.index("flush") < flush.index("stop")


@pytest.mark.parametrize("sink", ["sync", "async"])
async def test_S11_events_wait_while_the_state_is_on_its_way(bench: Bench, sink: str) -> None:
    gate = Gate()
    async with Engine() as engine:
        await engine.load(bench.plugin("sink", sink=sink))
        bench.plugin("sink", "2.0", sink=sink)
        bench.faults.at("sink", "set_reload_state", blocks=gate, version="2.0")
        engine.emit(0)
        reload = asyncio.create_task(engine.reload("sink"))
        await gate.reached()
        for n in range(1, 4):
            assert engine.emit(n)
        for _ in range(20):
            await asyncio.sleep(0)
        assert bench.events("sink") == [0]
        gate.open()
        assert isinstance(await reload, Swapped)
        engine.emit(4)
        await engine.settle()
        assert bench.events("sink") == [0, 1, 2, 3, 4]
        assert [version for _, version, _ in bench.written] == ["1.0"] + ["2.0"] * 4


@pytest.mark.parametrize("sink", ["sync", "async"])
@pytest.mark.parametrize("end", ["fails", "cancelled"])
async def test_a_rollback_releases_what_waited_to_the_old(
    bench: Bench, sink: str, end: str
) -> None:
    gate = Gate()
    async with Engine() as engine:
        await engine.load(bench.plugin("sink", sink=sink))
        bench.plugin("sink", "2.0", sink=sink)
        bench.faults.at("sink", "health_check", blocks=gate, version="2.0")
        reload = asyncio.create_task(engine.reload("sink"))
        await gate.reached()
        for n in range(3):
            engine.emit(n)
        if end == "fails":
            bench.faults.at("sink", "on_reload", raises=ValueError, version="2.0")
            gate.open()
            assert isinstance(await reload, RolledBack)
        else:
            reload.cancel()
            await asyncio.wait({reload})
        await engine.settle()
        assert bench.written == [("sink", "1.0", n) for n in range(3)]


@pytest.mark.parametrize("sink", ["sync", "async"])
async def test_gate_limit(bench: Bench, sink: str) -> None:
    gate = Gate()
    async with Engine(settings=Settings(gate_limit_events=2)) as engine:
        await engine.load(bench.plugin("sink", sink=sink))
        bench.plugin("sink", "2.0", sink=sink)
        bench.faults.at("sink", "set_reload_state", blocks=gate, version="2.0")
        reload = asyncio.create_task(engine.reload("sink"))
        await gate.reached()
        for n in range(5):
            assert engine.emit(n)
        gate.open()
        await reload
        await engine.settle()
        assert bench.events("sink") == [0, 1]
        assert engine.counts.dropped == {"sink": 3}
        assert balanced(engine, 2)


async def test_gate_patience_of_a_thread(bench: Bench) -> None:
    gate = Gate()
    async with Engine(settings=Settings(gate_limit_events=1)) as engine:
        await engine.load(bench.plugin("sink", sink="sync"))
        bench.plugin("sink", "2.0", sink="sync")
        bench.faults.at("sink", "set_reload_state", blocks=gate, version="2.0")
        reload = asyncio.create_task(engine.reload("sink"))
        await gate.reached()
        threads = [threading.Thread(target=engine.emit, args=(n,)) for n in range(4)]
        for each in threads:
            each.start()
        gate.open()
        assert (await reload).success
        await until(lambda: not any(each.is_alive() for each in threads))
        assert sorted(bench.events("sink")) == [0, 1, 2, 3]
        assert engine.counts.dropped_total == 0


STATEFUL_REDACTOR = """
from bench_probe import bench
class Redactor:
    name, version = "redactor", {version!r}
    def __init__(self): self.count = 0
    def redact(self, event):
        self.count += 1
        return (event.replace("secret", "***"), {version!r}, self.count)
    def get_reload_state(self): return self.count
    async def set_reload_state(self, state):
        await bench.faults.arrive("redactor", "set_reload_state", {version!r})
        self.count = state
"""


@pytest.mark.parametrize("fails", [False, True])
async def test_nothing_passes_unredacted_while_a_redactor_with_state_reloads(
    bench: Bench, fails: bool
) -> None:
    gate = Gate()
    async with Engine() as engine:
        await engine.load(bench.plugin("sink", sink="sync"))
        path = bench.plugins.write("redactor", STATEFUL_REDACTOR.format(version="1"))
        await engine.load(path)
        engine.emit("secret 1")
        bench.plugins.write("redactor", STATEFUL_REDACTOR.format(version="2"))
        bench.faults.at("redactor", "set_reload_state", blocks=gate, version="2")
        reload = asyncio.create_task(engine.reload("redactor"))
        await gate.reached()
        for n in (2, 3):
            engine.emit(f"secret {n}")
        assert len(bench.written) == 1  # they wait at the entry
        if fails:
            reload.cancel()
            await asyncio.wait({reload})
        gate.open()
        await asyncio.wait({reload})
        engine.emit("secret 4")
        version = "1" if fails else "2"
        assert bench.events("sink") == [
            ("*** 1", "1", 1),
            ("*** 2", version, 2),
            ("*** 3", version, 3),
            ("*** 4", version, 4),
        ]
        assert balanced(engine, 4)


class Signal(BaseException):
    """What a signal's handler raises, at any line."""


async def test_who_is_interrupted_as_he_places_does_it_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugin("one", sink="sync"))
        await engine.load(bench.plugin("two", sink="sync"))
        pipeline = engine._machinery.pipeline
        gone = [Placed("two", None)]

        def interrupted() -> None:
            raise Signal

        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "_publish", interrupted)
            with pytest.raises(Signal):
                pipeline.place(gone)
        pipeline.place(gone)
        engine.emit(1)
        assert (bench.events("one"), bench.events("two")) == ([1], [])


async def test_a_service_that_is_swapped_leaves_the_view_of_events_alone(bench: Bench) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugin("sink", sink="sync"))
        path = bench.plugins.write("service", SERVICE.format(version="1"))
        await engine.load(path)
        view = engine._machinery.pipeline.dispatch.view
        bench.plugins.write("service", SERVICE.format(version="2"))
        assert isinstance(await engine.reload("service"), Swapped)
        assert engine._machinery.pipeline.dispatch.view is view
        assert await engine.call("?", plugin="service") == ["2"]


SERVICE = """class Service:
    version = {version!r}
    def handle(self, request): return {version!r}
    def get_reload_state(self): return 1
    def set_reload_state(self, state): pass
"""


async def test_two_transforms_that_reload_at_once_share_the_entry_gate(bench: Bench) -> None:
    enricher = STATEFUL_REDACTOR.replace('"redactor"', '"enricher"').replace("redact(", "enrich(")
    enricher = enricher.replace("return (event.replace", "return str((event.replace").replace(
        "self.count)\n", "self.count))\n", 1
    )
    gates = {"redactor": Gate(), "enricher": Gate()}
    async with Engine() as engine:
        await engine.load(bench.plugin("sink", sink="sync"))
        for name, text in (("redactor", STATEFUL_REDACTOR), ("enricher", enricher)):
            await engine.load(bench.plugins.write(name, text.format(version="1")))
            bench.plugins.write(name, text.format(version="2"))
            bench.faults.at(name, "set_reload_state", blocks=gates[name], version="2")
        reloads = [asyncio.create_task(engine.reload(name)) for name in gates]
        for gate in gates.values():
            await gate.reached()
        engine.emit("x")
        gates["redactor"].open()
        assert (await reloads[0]).success
        assert bench.written == []  # the other one's state is still on its way
        gates["enricher"].open()
        assert (await reloads[1]).success
        assert bench.events("sink") == [("('x', '2', 1)", "2", 1)]


async def test_nothing_passes_unredacted_under_threads(bench: Bench) -> None:
    stop = threading.Event()
    async with Engine() as engine:
        await engine.load(bench.plugin("sink", sink="sync"))
        path = bench.plugins.write("redactor", STATEFUL_REDACTOR.format(version="0"))
        await engine.load(path)
        sent = 0

        def produce() -> None:
            nonlocal sent
            pause = threading.Event()
            while not stop.is_set():
                engine.emit("secret")
                sent += 1
                pause.wait(0.0002)

        thread = threading.Thread(target=produce)
        thread.start()
        for version in range(1, 40):
            bench.plugins.write("redactor", STATEFUL_REDACTOR.format(version=str(version)))
            assert (await engine.reload("redactor")).success
        stop.set()
        thread.join()
        events = bench.events("sink")
        assert {event[0] for event in events} == {"***"}
        assert [event[2] for event in events] == list(range(1, sent + 1))  # no update is lost
        assert [int(event[1]) for event in events] == sorted(int(event[1]) for event in events)


# Asynchronous sinks


async def test_a_hung_write_is_given_up_after_the_commit(bench: Bench) -> None:
    bench.gates["sink"] = gate = Gate()
    async with Engine(clock=bench.clock) as engine:
        await engine.load(bench.plugin("sink", sink="async", state=False))
        await engine.load(bench.plugin("other", sink="sync"))
        engine.emit("hangs")
        await gate.reached()
        engine.emit("waits")
        bench.plugin("sink", "2.0", sink="async", state=False)
        reload = asyncio.create_task(engine.reload("sink"))
        await bench.clock.advance_async(9.9)
        assert not reload.done()
        assert bench.events("other") == ["hangs", "waits"]  # siblings are not held up
        del bench.gates["sink"]
        await bench.clock.advance_async(0.1)
        outcome = await reload
        assert isinstance(outcome, Swapped)
        assert "still inside the old generation" in outcome.warnings[0].cause
        await engine.settle()
        assert bench.events("sink") == ["waits"]
        assert engine.counts.dropped == {"sink": 1}


async def test_a_hung_write_of_a_sink_with_state_rolls_back(bench: Bench) -> None:
    """Its state never stands still, so there is none to hand over."""
    bench.gates["sink"] = gate = Gate()
    async with Engine(clock=bench.clock) as engine:
        await engine.load(bench.plugin("sink", sink="async"))
        engine.emit("hangs")
        await gate.reached()
        engine.emit("waits")
        bench.plugin("sink", "2.0", sink="async")
        reload = asyncio.create_task(engine.reload("sink"))
        await bench.clock.advance_async(10)
        assert isinstance(await reload, RolledBack)
        gate.open()
        await engine.settle()
        assert bench.events("sink") == ["hangs", "waits"]
        assert isinstance(await engine.reload("sink"), Swapped)


async def test_unload_with_a_hung_write_counts_what_is_left(bench: Bench) -> None:
    bench.gates["sink"] = gate = Gate()
    async with Engine(clock=bench.clock) as engine:
        await engine.load(bench.plugin("other", sink="sync"))
        await engine.load(bench.plugin("sink", sink="async"))
        for n in range(3):
            engine.emit(n)
        await gate.reached()
        unload = asyncio.create_task(engine.unload("sink"))
        await bench.clock.advance_async(11)
        outcome = await unload
        assert outcome.success
        assert outcome.warnings
        assert engine.counts.dropped == {"sink": 3}
        assert bench.hooks("sink", 2)[-3:] == ("flush", "stop", "teardown")
        assert engine.lingering() == ()


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
async def test_a_raising_async_write_is_counted_and_the_next_is_delivered(
    bench: Bench, kind: type[BaseException]
) -> None:
    bench.faults.at("sink", "write", raises=kind("boom"))
    async with Engine() as engine:
        await engine.load(bench.plugin("sink", sink="async"))
        engine.emit(1)
        engine.emit(2)
        await engine.settle()
        assert bench.events("sink") == [2]
        assert engine.counts.errors == {"sink": 1}
        assert balanced(engine, 1)


@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize(("old", "new"), [("sync", "async"), ("async", "sync")])
async def test_a_sink_may_turn_asynchronous_and_back(
    bench: Bench, old: str, new: str, state: bool
) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugin("sink", sink=old, state=state))
        for n in range(3):
            engine.emit(n)
        bench.plugin("sink", "2.0", sink=new, state=state)
        assert isinstance(await engine.reload("sink"), Swapped)
        for n in range(3, 6):
            engine.emit(n)
        await engine.settle()
        assert bench.events("sink") == list(range(6))
        assert engine.lingering() == ()


@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("sink", ["sync", "async"])
async def test_a_sink_that_becomes_none_gets_nothing_after_its_stop(
    bench: Bench, sink: str, state: bool
) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugin("other", sink="sync"))
        await engine.load(bench.plugin("sink", sink=sink, state=state))
        for n in range(3):
            engine.emit(n)
        bench.plugin("sink", "2.0", state=state)
        assert isinstance(await engine.reload("sink"), Swapped)
        engine.emit(3)
        await engine.settle()
        got = bench.events("sink")
        assert len(got) + engine.counts.dropped["sink"] == 3
        assert got == list(range(len(got)))
        assert {version for name, version, _ in bench.written if name == "sink"} <= {"1.0"}
        assert engine.lingering() == ()
        bench.plugin("sink", "3.0", sink=sink, state=state)
        assert isinstance(await engine.reload("sink"), Swapped)
        engine.emit(4)
        await engine.settle()
        assert bench.events("sink")[-1] == 4


@pytest.mark.parametrize("state", [False, True])
async def test_what_a_disabled_async_sink_still_holds_goes_to_its_next_generation(
    bench: Bench, state: bool
) -> None:
    bench.gates["sink"] = gate = Gate()
    async with Engine(clock=bench.clock) as engine:
        await engine.load(bench.plugin("other", sink="sync"))
        await engine.load(bench.plugin("sink", sink="async", state=state))
        engine.emit(0)
        engine.emit(1)
        await gate.reached()
        disable = asyncio.create_task(engine.disable("sink"))
        for _ in range(10):
            await asyncio.sleep(0)
        engine.emit("not for it")
        bench.plugin("sink", "2.0", sink="async", state=state)
        reload = asyncio.create_task(engine.reload("sink"))
        gate.open()
        assert (await disable).success
        assert isinstance(await reload, Swapped)
        await engine.settle()
        assert bench.events("sink") == [0, 1]
        assert engine.lingering() == ()
        assert (await engine.enable("sink")).success
        engine.emit(2)
        await engine.settle()
        assert [(v, e) for n, v, e in bench.written if n == "sink"][-1] == ("2.0", 2)


async def test_an_interrupt_from_a_held_event_does_not_break_the_commit(bench: Bench) -> None:
    """HR-ROLL-10: whatever a plugin raises as the gate opens, the new generation serves."""
    gate = Gate()
    async with Engine() as engine:
        await engine.load(bench.plugin("sink", sink="sync"))
        bench.plugin("sink", "2.0", sink="sync")
        bench.faults.at("sink", "on_reload", blocks=gate, version="2.0")
        bench.faults.at("sink", "write", raises=KeyboardInterrupt, version="2.0")
        reload = asyncio.create_task(engine.reload("sink"))
        await gate.reached()
        engine.emit(1)
        engine.emit(2)
        gate.open()
        assert isinstance(await reload, Swapped)
        assert bench.events("sink") == [2]
        assert balanced(engine, 1)


async def test_a_hook_that_calls_its_own_service_is_not_held_at_the_gate(bench: Bench) -> None:
    extra = """
    async def health_check(self):
        return await self.context.engine.call("?", plugin="counter") if self.number > 1 else True
    """
    bench.plugin(extra=extra)
    async with Engine(clock=bench.clock) as engine:
        await engine.load(bench.plugins.path("counter"))
        bench.plugin(version="2.0", extra=extra)
        assert isinstance(await engine.reload("counter"), Swapped)


REDACTS = "\n    def redact(self, event): return f'{VERSION} {event}'\n"


@pytest.mark.parametrize("end", ["reload", "unload"])
async def test_nothing_passes_where_a_redactor_could_not_be_brought_back(
    bench: Bench, end: str
) -> None:
    """Neither what waited while it was tried nor what comes later: all is counted as its drop."""

    def redactor(version: str) -> None:
        bench.plugin("red", version, roles=["redactor"], policy="stop-first", extra=REDACTS)

    gate = Gate()
    async with Engine() as engine:
        redactor("1.0")
        await engine.load(bench.plugins.path("red"))
        await engine.load(bench.plugin("sink", sink="sync"))
        engine.emit("a")
        redactor("2.0")
        bench.faults.at("red", "health_check", blocks=gate, version="2.0")
        bench.faults.at("red", "on_reload", raises=OSError("no"), version="2.0")
        bench.faults.at("red", "start", raises=OSError("no"), version="1.0")
        reload = asyncio.create_task(engine.reload("red"))
        await gate.reached()
        assert engine.emit("waits")
        gate.open()
        assert isinstance(await reload, Failed)
        assert engine.emit("later")
        assert bench.events("sink") == ["1.0 a"]
        assert engine.counts.dropped == {"red": 2}
        if end == "reload":
            assert (await engine.reload("red")).success
        else:
            assert (await engine.unload("red")).success
        assert engine.emit("b")
        assert bench.events("sink") == ["1.0 a", "2.0 b" if end == "reload" else "b"]
        assert balanced(engine, 2)


async def test_nothing_passes_without_a_required_redactor(bench: Bench) -> None:
    """Before it is loaded, after a first load that failed, disabled, unloaded, and no redactor."""
    async with Engine(settings=Settings(required_redactors=("red",))) as engine:
        await engine.load(bench.plugin("sink", sink="sync"))
        assert engine.emit("early")
        bench.plugins.write("red", "raise OSError('no')")
        assert isinstance(await engine.load(bench.plugins.path("red")), RolledBack)
        assert engine.emit("after a failed load")
        bench.plugin("red", roles=["redactor"], extra=REDACTS)
        assert (await engine.load(bench.plugins.path("red"))).success
        engine.emit("a")
        assert (await engine.disable("red")).success
        engine.emit("disabled")
        assert (await engine.enable("red")).success
        engine.emit("b")
        bench.plugin("red", "2.0", roles=["redactor"], extra=REDACTS)
        assert (await engine.reload("red")).success
        engine.emit("c")
        assert (await engine.unload("red")).success
        engine.emit("unloaded")
        assert (await engine.load(bench.plugin("red", "3.0", sink="sync"))).success
        engine.emit("a sink of the name")
        assert bench.events("sink") == ["1.0 a", "1.0 b", "2.0 c"]
        assert bench.events("red") == []
        assert engine.counts.dropped == {"red": 5}


async def test_nothing_passes_unredacted_while_the_engine_closes(bench: Bench) -> None:
    """The redactor is unloaded before the sink, and what stops in between takes its time."""
    gate = Gate()
    async with Engine() as engine:
        await engine.load(bench.plugin("asink", sink="sync"))
        await engine.load(bench.plugin("between"))
        await engine.load(bench.plugin("red", roles=["redactor"], extra=REDACTS))
        engine.emit("before")
        bench.faults.at("between", "stop", blocks=gate)
        closing = asyncio.create_task(engine.close())
        await gate.reached()
        assert engine.names == ("asink",)
        assert engine.emit("while it closes")
        gate.open()
        counts = engine.counts
        await closing
    assert bench.events("asink") == ["1.0 before"]
    assert counts.dropped == {"red": 1}


@pytest.mark.parametrize("names", ["red", ["red"], ("",), (1,), None])
def test_required_redactors_are_a_tuple_of_names(names: object) -> None:
    with pytest.raises(EngineMisuse, match=r"give a tuple of plugins' names"):
        Settings(required_redactors=names)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", ["drain_deadline_seconds", "gate_limit_events"])
def test_a_limit_is_no_tuple_either(limit: str) -> None:
    with pytest.raises(EngineMisuse, match=rf"setting {limit} is \(\)"):
        Settings(**{limit: ()})  # type: ignore[arg-type]
