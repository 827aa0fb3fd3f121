"""The real peers of the ports."""

from __future__ import annotations

import asyncio

from hot_reload.ports import Clock, LoopClock


def test_now_never_goes_back() -> None:
    clock: Clock = LoopClock()
    moments = [clock.now() for _ in range(1000)]
    assert moments == sorted(moments)


async def test_a_callback_runs_on_the_loop_and_not_at_once() -> None:
    clock: Clock = LoopClock()
    loop = asyncio.get_running_loop()
    ran: asyncio.Future[asyncio.AbstractEventLoop] = loop.create_future()
    clock.call_later(0, lambda: ran.set_result(asyncio.get_running_loop()))
    assert not ran.done()
    assert await ran is loop


async def test_a_cancelled_callback_never_runs() -> None:
    clock: Clock = LoopClock()
    ran: list[str] = []
    last: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    handle = clock.call_later(0, lambda: ran.append("cancelled"))
    clock.call_later(0, lambda: last.set_result(None))
    handle.cancel()
    await last
    handle.cancel()
    assert ran == []


async def test_now_is_the_time_base_of_the_timers() -> None:
    """A timer for a moment that is past by ``now`` is due: both count the same seconds."""
    clock: Clock = LoopClock()
    fired: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    asked = clock.now()
    clock.call_later(0.001, lambda: fired.set_result(clock.now()))
    # Two clock readings around one timer: the resolution of the loop's clock is the slack.
    assert await fired - asked >= 0.001 - asyncio.get_running_loop()._clock_resolution  # type: ignore[attr-defined]
