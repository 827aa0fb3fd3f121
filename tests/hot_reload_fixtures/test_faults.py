"""FaultPlan: what is planned happens, as often as planned, and what did not is told."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from hot_reload_fixtures import EXCEPTIONS, FaultPlan, FiredFault, Gate, ManualClock


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_every_kind_is_raised_and_booked(kind: type[BaseException]) -> None:
    plan = FaultPlan()
    plan.at("counter", "start", raises=kind("boom"))
    caught: BaseException | None = None
    try:
        plan.check("counter", "start")
    except BaseException as error:
        caught = error
    assert type(caught) is kind
    assert caught.args == ("boom",)
    assert plan.fired == (FiredFault("counter", "start", None, f"raises {kind.__name__}"),)
    assert plan.unfired() == ()


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
async def test_every_kind_is_raised_in_a_coroutine(kind: type[BaseException]) -> None:
    plan = FaultPlan()
    plan.at("counter", "start", raises=kind)
    caught: BaseException | None = None
    try:
        await plan.arrive("counter", "start")
    except BaseException as error:
        caught = error
    assert type(caught) is kind


def test_the_kinds_are_what_they_are_for() -> None:
    bare = [kind for kind in EXCEPTIONS if not issubclass(kind, Exception)]
    assert [kind.__name__ for kind in bare] == [
        "SystemExit",
        "KeyboardInterrupt",
        "CancelledError",
        "BareFault",
    ]
    for show in (str, repr):
        with pytest.raises(RuntimeError):
            show(EXCEPTIONS[-1]("boom"))


def test_times_and_places_and_versions() -> None:
    plan = FaultPlan()
    plan.at("counter", "start", raises=ValueError("first"), times=2, version="2.0")
    plan.check("counter", "start", version="1.0")
    plan.check("counter", "stop", version="2.0")
    plan.check("chat", "start", version="2.0")
    for _ in range(2):
        with pytest.raises(ValueError, match="first"):
            plan.check("counter", "start", version="2.0")
    plan.check("counter", "start", version="2.0")
    assert len(plan.fired) == 2


def test_the_one_planned_first_fires_first_and_stars_fit_all() -> None:
    plan = FaultPlan()
    plan.at("*", "*", raises=ValueError("any"), times=None)
    plan.at("counter", "start", raises=KeyError("late"))
    with pytest.raises(ValueError, match="any"):
        plan.check("counter", "start")
    assert [fault.what for fault in plan.unfired()] == ["raises KeyError"]


def test_unfired_faults_are_described() -> None:
    plan = FaultPlan()
    plan.at("counter", "start", raises=ValueError("x"), times=2, version="2.0")
    plan.at("chat", "flush", hangs=True, times=None)
    assert plan.describe_unfired().splitlines() == [
        "2 planned fault(s) never happened, so the test shows nothing:",
        "  counter.start (version 2.0): raises ValueError, fired 0 of 2 times",
        "  chat.flush: hangs, fired 0 times",
        "does the hook call plan.check or plan.arrive with this plugin and point?",
    ]
    with pytest.raises(ValueError, match="x"):
        plan.check("counter", "start", "2.0")
    assert "fired 1 of 2 times" in plan.describe_unfired()
    assert FaultPlan().describe_unfired() == ""


def test_the_plan_keeps_no_frame_of_a_hook_alive() -> None:
    plan = FaultPlan()
    plan.at("counter", "start", raises=ValueError("x"), times=None)

    class Plugin:
        def start(self) -> None:
            plan.check("counter", "start")

    plugin = Plugin()
    gone = weakref.ref(plugin)
    with pytest.raises(ValueError, match="x"):
        plugin.start()
    del plugin
    gc.collect()
    assert gone() is None


def test_a_class_that_cannot_be_copied_is_raised_itself() -> None:
    class Picky(Exception):
        def __init__(self, *, code: int) -> None:
            super().__init__(f"code {code}")

    plan = FaultPlan()
    plan.at("counter", "start", raises=Picky(code=3))
    with pytest.raises(Picky, match="code 3"):
        plan.check("counter", "start")


def test_a_fault_is_exactly_one_thing() -> None:
    plan = FaultPlan()
    with pytest.raises(ValueError, match="not 0"):
        plan.at("counter", "start")
    with pytest.raises(ValueError, match="not 2"):
        plan.at("counter", "start", hangs=True, raises=ValueError)
    with pytest.raises(ValueError, match="times is 0"):
        plan.at("counter", "start", hangs=True, times=0)


async def test_hanging_honours_cancellation() -> None:
    clock, plan = ManualClock(), FaultPlan()
    plan.at("counter", "start", hangs=True)
    task = asyncio.create_task(plan.arrive("counter", "start"))
    await clock.settle()
    assert not task.done()
    task.cancel()
    await clock.settle()
    assert task.cancelled()


async def test_swallowing_outlasts_cancellation_until_release() -> None:
    clock, plan = ManualClock(), FaultPlan()
    plan.at("counter", "start", swallows_cancellation=True)
    task = asyncio.create_task(plan.arrive("counter", "start"))
    for _ in range(5):
        await clock.settle()
        task.cancel()
    await clock.settle()
    assert not task.done()
    plan.release()
    await task


async def test_swallowing_ends_at_the_safety_valve() -> None:
    plan = FaultPlan(hold_seconds=0.0)
    plan.at("counter", "start", swallows_cancellation=True)
    with pytest.raises(TimeoutError, match=r"counter\.start swallowed cancellation for 0\.0 s"):
        await plan.arrive("counter", "start")


async def test_a_gate_holds_and_lets_go() -> None:
    gate, plan = Gate(), FaultPlan()
    plan.at("counter", "start", blocks=gate)
    task = asyncio.create_task(plan.arrive("counter", "start"))
    await gate.reached()
    plan.release()
    assert not task.done(), "the test's own gate stays shut"
    gate.open()
    await task


def test_a_synchronous_hang_blocks_its_thread_until_release() -> None:
    plan, gate = FaultPlan(), Gate()
    plan.at("counter", "start", hangs=True)
    plan.at("counter", "stop", blocks=gate)

    def hook() -> None:
        plan.check("counter", "start")
        plan.check("counter", "stop")

    worker = threading.Thread(target=hook)
    worker.start()
    plan.release()
    gate.reached_blocking()
    gate.open()
    worker.join()
    assert [fired.what for fired in plan.fired] == ["hangs", "waits at a gate"]


def test_a_synchronous_hang_ends_at_the_safety_valve() -> None:
    plan = FaultPlan(hold_seconds=0.0)
    plan.at("counter", "start", hangs=True)
    with pytest.raises(TimeoutError):
        plan.check("counter", "start")
