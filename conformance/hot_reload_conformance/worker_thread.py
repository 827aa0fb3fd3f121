"""Hooks in a worker thread: what they wait for is awaited on the kit's event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable
from typing import Any

LOOP_ANSWERS_SECONDS = 0.5
"""A loop that has not taken a callback by then is blocked by a host that waits for its thread."""
_POLL_SECONDS = 0.05


def foreign(loop: asyncio.AbstractEventLoop | None) -> bool:
    """Whether this is another thread than that of ``loop``, and the loop runs and listens.

    May be called from any thread.
    """
    if loop is None or not loop.is_running() or asyncio._get_running_loop() is not None:
        return False
    listens = threading.Event()
    try:
        loop.call_soon_threadsafe(listens.set)
    except RuntimeError:  # it was closed just now
        return False
    return listens.wait(LOOP_ANSWERS_SECONDS)


def wait_on(
    loop: asyncio.AbstractEventLoop, awaitable: Awaitable[Any], released: threading.Event
) -> None:
    """Block this thread until ``awaitable`` has come to its end on ``loop``, and raise what it
    raised. It is cancelled once ``released`` is set and it still waits.

    Raises:
        TimeoutError: ``released`` was set before its end.
    """

    async def contained() -> BaseException | None:
        # What is no Exception would take the loop with it.
        try:
            await awaitable
        except BaseException as error:
            return error
        return None

    running = asyncio.run_coroutine_threadsafe(contained(), loop)
    while True:
        try:
            error = running.result(_POLL_SECONDS)
        except concurrent.futures.TimeoutError:
            if not released.is_set():
                continue
            running.cancel()
            raise TimeoutError("the case ended while this hook was held") from None
        except concurrent.futures.CancelledError:
            raise TimeoutError("the case ended while this hook was held") from None
        if error is not None:
            raise error
        return
