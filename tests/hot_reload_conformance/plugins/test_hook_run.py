"""One hook, run step by step."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import pytest

from hot_reload_conformance.plugins.hook_run import BLOCKING_SECONDS, run_hook

HERE = frozenset({__file__})


async def test_it_gives_the_value_of_either_kind_of_hook() -> None:
    async def asynchronous(value: int) -> int:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return value

    run = await run_hook("start()", lambda value: value, 7, deadline_seconds=1)
    assert (run.ended, run.value, run.suspensions) == (True, 7, 0)
    run = await run_hook("start()", asynchronous, 8, deadline_seconds=1)
    assert (run.ended, run.value, run.suspensions, run.blocked) == (True, 8, 2, False)


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, BaseException])
async def test_whatever_it_raises_is_kept_and_not_raised(kind: type[BaseException]) -> None:
    async def asynchronous() -> None:
        await asyncio.sleep(0)
        raise kind("no")

    def synchronous() -> None:
        raise kind("no")

    for hook in (asynchronous, synchronous):
        run = await run_hook("stop()", hook, deadline_seconds=1)
        assert run.ended
        assert type(run.error) is kind


async def test_a_hang_ends_at_the_deadline_and_is_located() -> None:
    async def inner() -> None:
        await asyncio.Event().wait()

    async def hook() -> None:
        await inner()

    run = await run_hook("start()", hook, deadline_seconds=0.01, sources=HERE)
    assert not run.ended
    assert run.waiting_at == f"{__file__}:{inner.__code__.co_firstlineno + 1}"


async def test_it_can_be_cancelled_at_each_suspension() -> None:
    seen: list[str] = []

    async def hook() -> None:
        for number in range(3):
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                seen.append(f"cancelled at {number}")
                raise

    for number in (1, 2, 3):
        run = await run_hook("start()", hook, deadline_seconds=1, cancel_at=number)
        assert run.ended
        assert isinstance(run.error, asyncio.CancelledError)
    run = await run_hook("start()", hook, deadline_seconds=1, cancel_at=4)
    assert (run.error, run.suspensions) == (None, 3)
    assert seen == ["cancelled at 0", "cancelled at 1", "cancelled at 2"]


async def test_what_it_waits_for_can_be_made_to_fail() -> None:
    async def hook() -> str:
        await asyncio.sleep(0)
        try:
            await asyncio.sleep(3600)
        except OSError as error:
            return f"went on without: {error}"
        return "never"

    line = hook.__code__.co_firstlineno + 3
    refused = ConnectionError("refused")
    run = await run_hook(
        "start()", hook, deadline_seconds=1, cancel_at=2, fail_with=refused, sources=HERE
    )
    assert (run.ended, run.value) == (True, "went on without: refused")
    assert run.waiting_at == f"{__file__}:{line}"
    run = await run_hook("start()", hook, deadline_seconds=1, cancel_at=1, fail_with=refused)
    assert run.error is refused


async def test_one_that_swallows_its_cancellation_has_not_ended() -> None:
    async def hook() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            if released:
                return

    released: list[Any] = []
    before = asyncio.all_tasks()
    run = await run_hook("start()", hook, deadline_seconds=1, cancel_at=1, grace_seconds=0.01)
    assert not run.ended
    released.append(True)
    for task in asyncio.all_tasks() - before:
        task.cancel()
        await asyncio.wait({task})


async def test_a_step_that_holds_the_loop_is_seen_and_located() -> None:
    def busy() -> None:
        until = time.perf_counter() + BLOCKING_SECONDS * 1.5
        while time.perf_counter() < until:
            pass

    async def hook() -> None:
        await asyncio.sleep(0)
        busy()

    run = await run_hook("start()", hook, deadline_seconds=5, sources=HERE, look=True)
    assert run.blocked
    assert run.blocked_at
    assert run.blocked_at.startswith(f"{__file__}:")
