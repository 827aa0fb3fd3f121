"""An awaitable, step by step."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from hot_reload_conformance.plugins.stepped import Stepped, place_inside

HERE = frozenset({__file__})


async def twice() -> str:
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return "done"


async def test_it_is_asked_at_each_suspension_and_gives_the_value() -> None:
    places: list[str | None] = []

    def suspended(waiting: Any) -> None:
        places.append(place_inside(waiting, HERE))

    assert await Stepped(twice(), suspended) == "done"
    line = twice.__code__.co_firstlineno
    assert places == [f"{__file__}:{line + 1}", f"{__file__}:{line + 2}"]


async def test_what_it_is_told_to_raise_is_raised_in_place_of_the_wait() -> None:
    turned: list[str] = []

    async def waits() -> str:
        asyncio.get_running_loop().call_soon(turned.append, "the loop had a turn")
        try:
            await asyncio.sleep(0)
        except OSError as error:
            assert turned == []
            await asyncio.sleep(0)
            return f"went on without: {error}"
        return "never"

    told: list[Exception | None] = [OSError("refused"), None]
    assert await Stepped(waits(), lambda _: told.pop(0)) == "went on without: refused"
    assert told == []


async def test_a_cancellation_reaches_it() -> None:
    seen: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def stepped() -> None:
        await Stepped(waits(), lambda _: None)

    task = asyncio.ensure_future(stepped())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert seen == ["cancelled"]


async def test_each_step_runs_inside_what_is_given() -> None:
    steps: list[str] = []

    @contextlib.contextmanager
    def step() -> Iterator[None]:
        steps.append("in")
        try:
            yield
        finally:
            steps.append("out")

    assert await Stepped(twice(), lambda _: None, step) == "done"
    assert steps == ["in", "out"] * 3


class Steps:
    """One suspension, and then an end; nothing can be thrown into it."""

    def __init__(self) -> None:
        self._left = 1

    def send(self, _: None) -> None:
        if not self._left:
            raise StopIteration("ended")
        self._left -= 1


class Once:
    """An awaitable that is no coroutine."""

    def __await__(self) -> Any:
        return Steps()


async def test_steps_that_take_no_exception_end_with_it() -> None:
    assert await Stepped(Once(), lambda _: None) == "ended"
    with pytest.raises(OSError, match="refused"):
        await Stepped(Once(), lambda _: OSError("refused"))


async def test_a_place_is_found_behind_one_that_is_stepped() -> None:
    async def outer() -> None:
        await Stepped(twice(), lambda _: None)

    task = asyncio.ensure_future(outer())
    await asyncio.sleep(0)
    assert place_inside(task.get_coro(), HERE) == f"{__file__}:{twice.__code__.co_firstlineno + 1}"
    await task
