"""Calling a plugin's code: contained, and under a deadline that holds.

``asyncio.wait_for`` is not used: it waits for ever for a hook that swallows its
cancellation, and on Python 3.11 it can swallow the caller's.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from hot_reload.errors import HookFailed, HookTimeout
from hot_reload.ports import Clock
from hot_reload.runtime import calls
from hot_reload.runtime.fault import Origin, hook_failed
from hot_reload.settings import Settings

_NOBODY = Origin()


class HookRunner:
    """Runs hooks of plugins on the event loop's thread.

    A synchronous hook runs inline and cannot be interrupted; an asynchronous one
    runs in a task of its own, so that its deadline holds even where it swallows
    its cancellation, and so that an exception that is no ``Exception`` (SystemExit,
    a CancelledError that nobody asked for) ends the hook and nothing else.
    """

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings

    def now(self) -> float:
        """Seconds on the engine's clock."""
        return self._clock.now()

    async def call(
        self,
        what: str,
        function: Callable[..., Any],
        *arguments: Any,
        origin: Origin = _NOBODY,
        deadline_seconds: float | None = None,
    ) -> Any:
        """What ``function(*arguments)`` returns, awaited where it is awaitable.

        ``what`` names it in errors. ``deadline_seconds`` None: the setting's.

        Raises:
            HookFailed: it raised, whatever it raised; without reference to it.
            HookTimeout: it was still running at its deadline; it was cancelled, and the
                message says where that did not help.
            asyncio.CancelledError: the caller of the engine was cancelled.
        """
        task = asyncio.current_task()
        requests = task.cancelling() if task else 0
        try:
            value = function(*arguments)
        except BaseException as error:
            fault = hook_failed(error, what, origin)
        else:
            if task is not None and task.cancelling() > requests:
                await _take_back(task)
                raise HookFailed(f"{what} cancelled the task that it was called in")
            if value is None or not inspect.isawaitable(value):
                return value
            limit = self._settings.hook_deadline_seconds
            return await self._finish(
                what, value, origin, limit if deadline_seconds is None else deadline_seconds
            )
        raise fault

    async def _finish(
        self, what: str, awaitable: Awaitable[Any], origin: Origin, seconds: float
    ) -> Any:
        task = asyncio.ensure_future(_contained(awaitable, what, origin))
        if inspect.iscoroutine(awaitable):
            # A task that is cancelled before its first step never awaits what it was given.
            task.add_done_callback(lambda _: awaitable.close())
        try:
            in_time = await self.wait(task, seconds)
        except asyncio.CancelledError:
            await self._abandon(task)
            raise
        if in_time:
            if task.cancelled():  # by itself, in its last step
                raise HookFailed(f"{what} cancelled its own task")
            value, fault = task.result()
            if fault is not None:
                raise fault
            return value
        stopped = await self._abandon(task)
        message = f"{what} was still running at its deadline of {seconds:g} s"
        if not stopped:
            message += ", swallowed its cancellation, and is left behind as a leaked task"
        whole = seconds < self._settings.hook_deadline_seconds
        setting = "reload_deadline_seconds" if whole else "hook_deadline_seconds"
        raise HookTimeout(message, hint=f"return earlier, or raise {setting}")

    async def wait(self, awaited: asyncio.Future[Any], seconds: float) -> bool:
        """Whether ``awaited`` is done within ``seconds`` of the engine's clock."""
        # Most hooks end in their first step: no timer is worth setting for them.
        if not awaited.done():
            await asyncio.sleep(0)
        if awaited.done():
            return True
        expired = asyncio.get_running_loop().create_future()
        timer = self._clock.call_later(
            seconds, lambda: None if expired.done() else expired.set_result(None)
        )
        try:
            await asyncio.wait({awaited, expired}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            expired.cancel()
        return awaited.done()

    async def _abandon(self, task: asyncio.Future[Any]) -> bool:
        """Cancel ``task``; whether it ended within the grace."""
        task.cancel()
        return await self.wait(task, self._settings.cancel_grace_seconds)


async def _take_back(task: asyncio.Task[Any]) -> None:
    """Undo a cancellation that a plugin asked for and that has not arrived yet."""
    try:
        await asyncio.sleep(0)  # it arrives here: uncancel() alone does not call it off
    except asyncio.CancelledError:
        task.uncancel()


async def _contained(
    awaitable: Awaitable[Any], what: str, origin: Origin
) -> tuple[Any, HookFailed | None]:
    calls.adopt_task()
    # Caught inside the task: a task that ends with SystemExit takes the event loop with it.
    try:
        return await awaitable, None
    except BaseException as error:
        return None, hook_failed(error, what, origin)
