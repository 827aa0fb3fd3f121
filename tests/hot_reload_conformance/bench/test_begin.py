"""Coroutines begun inside a hook, as a task or by hand."""

from __future__ import annotations

import asyncio
import contextvars

from hot_reload_conformance.bench.begin import Ended, begin, step

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
