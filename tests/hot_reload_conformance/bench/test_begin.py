"""Coroutines begun inside a hook, as a task or by hand."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable

import pytest

from hot_reload_conformance.bench.begin import Ended, begin, begin_in_hook, step
from hot_reload_conformance.bench.hold import Hold
from hot_reload_conformance.planned import PlannedExit, raising
from hot_reload_conformance.probe import Probe
from hot_reload_conformance.recording import Recording

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")


async def at_once() -> str:
    variable.set("inside")
    return "done"


async def wait_for(event: asyncio.Event) -> str:
    await event.wait()
    await asyncio.sleep(0)
    return "waited"


async def fail() -> str:
    raise SystemExit(3)


async def test_by_hand_it_has_ended_before_the_loop_gets_a_turn() -> None:
    begun = begin(at_once(), as_task=False)
    assert begun.done()
    assert begun.result() == Ended(value="done")
    assert variable.get() == "outside"


async def test_as_a_task_it_ends_later() -> None:
    begun = begin(at_once(), as_task=True)
    assert not begun.done()
    assert (await begun).value == "done"


async def test_by_hand_one_that_waits_goes_on_as_a_task() -> None:
    event = asyncio.Event()
    begun = begin(wait_for(event), as_task=False)
    assert not begun.done()
    event.set()
    assert (await begun).value == "waited"


async def test_the_rest_of_one_that_waits_can_be_cancelled() -> None:
    begun = begin(wait_for(asyncio.Event()), as_task=False)
    await asyncio.sleep(0)
    begun.cancel()
    assert isinstance((await begun).error, asyncio.CancelledError)


async def test_what_it_raises_is_kept_and_not_raised() -> None:
    for as_task in (False, True):
        assert isinstance((await begin(fail(), as_task=as_task)).error, SystemExit)


def test_a_step_ends_or_says_what_it_waits_for() -> None:
    ended, _ = step(at_once())
    assert ended == Ended(value="done")
    waiting = asyncio.sleep(0)
    assert step(waiting)[0] is None
    waiting.close()


# From a hook in a worker thread


def recorded() -> Recording:
    recording = Recording()
    recording.loop = asyncio.get_running_loop()
    return recording


async def test_in_a_hook_of_a_worker_thread_it_runs_on_the_loop() -> None:
    recording = recorded()

    def in_hook() -> asyncio.Future[Ended[str]]:
        return begin_in_hook(at_once(), recording)

    begun = await asyncio.to_thread(in_hook)
    assert (await begun).value == "done"
    assert begun.get_loop() is recording.loop


async def test_a_hook_in_a_worker_thread_can_be_held() -> None:
    recording, hold = recorded(), Hold()
    recording.plan("start", hold)
    hook = asyncio.ensure_future(asyncio.to_thread(Probe(recording, "alpha", "v1").hook, "start"))
    await hold.reached(hook)
    assert recording.whats("alpha", phase="end") == []
    hold.open()
    await hook
    assert recording.whats("alpha", phase="end") == ["start"]


async def test_what_a_held_hook_raises_is_raised_in_its_thread() -> None:
    def then(at: Probe) -> None:
        raising(PlannedExit)(at)

    recording, hold = recorded(), Hold(then)
    recording.plan("start", hold)
    hold.open()

    def in_thread() -> str:
        with pytest.raises(PlannedExit):
            Probe(recording, "alpha", "v1").hook("start")
        return "raised there"

    assert await asyncio.to_thread(in_thread) == "raised there"


async def test_a_held_hook_is_let_go_as_the_case_ends() -> None:
    recording, hold = recorded(), Hold()
    recording.plan("start", hold)
    start: Callable[[], None] = lambda: Probe(recording, "alpha", "v1").hook("start")  # noqa: E731
    hook = asyncio.ensure_future(asyncio.to_thread(start))
    await hold.reached(hook)
    recording.released.set()
    with pytest.raises(TimeoutError, match="the case ended while this hook was held"):
        await hook


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_who_asks_from_outside_does_not_see_a_hooks_context(asynchronous: bool) -> None:
    """A host may know by a context variable that a hook of a plugin's asks it something."""
    recording = Recording()
    recording.asynchronous = asynchronous

    async def asked() -> str:
        return variable.get()

    token = variable.set("inside")
    try:
        begun = begin_in_hook(asked(), recording)
    finally:
        variable.reset(token)
    assert await begun == Ended(value="outside")
