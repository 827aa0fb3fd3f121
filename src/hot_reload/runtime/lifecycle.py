"""Calling a plugin's code: contained, and under a deadline that holds.

``asyncio.wait_for`` is not used: it waits for ever for a hook that swallows its
cancellation, and on Python 3.11 it can swallow the caller's.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Sequence
from types import CodeType, CoroutineType
from typing import Any

from hot_reload.errors import HookFailed, HookTimeout
from hot_reload.ports import Clock
from hot_reload.runtime import calls
from hot_reload.runtime.fault import Origin, hook_failed, standing
from hot_reload.settings import Settings

_NOBODY = Origin()
_NO_TASK = "return data; for work of its own start a task with context.spawn(...)"
_NO_CANCEL = "to end early, return or raise; cancel only tasks that the plugin has started"


class HookCall:
    """One call of a plugin's function, from which alone is seen whether it has begun.

    Whoever is interrupted, at whichever line, asks it: a coroutine that nobody stepped has not
    begun, nor has a function of which no frame is in the traceback of what was raised.
    """

    __slots__ = ("_arguments", "_called", "_function", "answer")

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any] = ()) -> None:
        self._function = function
        self._arguments = arguments
        self._called = False
        self.answer: Any = None

    def __call__(self) -> Any:
        try:
            self._called = True
            self.answer = self._function(*self._arguments)
        except BaseException as error:
            # What is written in Python leaves its frame in the traceback. A TypeError without one
            # says that it cannot be called so, which is its own. Nothing is called to find out:
            # where the stack is full that would fail, too.
            code = getattr(self._function, "__code__", None)
            trace = error.__traceback__.tb_next if error.__traceback__ else None
            inside = trace is not None and trace.tb_frame.f_code is code
            self._called = inside or code is None or isinstance(error, TypeError)
            raise
        return self.answer

    @property
    def begun(self) -> bool:
        """Whether anything of the function, or of the coroutine that it is, has run."""
        return self._called and not (
            type(self.answer) is CoroutineType  # its __class__ may be anything's
            and inspect.getcoroutinestate(self.answer) == inspect.CORO_CREATED
        )

    def defined(self, origin: Origin) -> tuple[str | None, int | None]:
        """Where the function begins, if that is in the plugin's own source."""
        code = getattr(self._function, "__code__", None)
        if isinstance(code, CodeType) and code.co_filename in origin.files:
            return code.co_filename, code.co_firstlineno
        return None, None

    def close(self) -> None:
        """Let go of a coroutine that nobody stepped."""
        if not self.begun:
            self._called = False
            self.answer.close()


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

    def call(
        self,
        what: str,
        function: Callable[..., Any],
        *arguments: Any,
        origin: Origin = _NOBODY,
        deadline_seconds: float | None = None,
    ) -> Coroutine[Any, Any, Any]:
        """What ``function(*arguments)`` returns; see ``run``."""
        call = HookCall(function, arguments)
        return self.run(what, call, origin=origin, deadline_seconds=deadline_seconds)

    async def run(
        self,
        what: str,
        call: HookCall,
        *,
        origin: Origin = _NOBODY,
        deadline_seconds: float | None = None,
    ) -> Any:
        """What ``call`` comes to, awaited where that is awaitable.

        ``what`` names it in errors. ``deadline_seconds`` None: the setting's. What is raised
        before it has begun is not its own, and passes as it is.

        Raises:
            HookFailed: it raised, whatever it raised; without reference to it.
            HookTimeout: it was still running at its deadline; it was cancelled, and the
                message says where that did not help.
            asyncio.CancelledError: the caller of the engine was cancelled.
        """
        task = asyncio.current_task()
        requests = task.cancelling() if task else 0
        try:
            value = call()
        except BaseException as error:
            if not call.begun:
                raise
            fault = hook_failed(error, what, origin)
        else:
            if task is not None and task.cancelling() > requests:
                raise await _taken_back(task, what, call.defined(origin))
            try:
                waits = value is not None and inspect.isawaitable(value)
            except BaseException as error:  # its __class__ is the plugin's own
                if not call.begun:
                    raise
                fault = hook_failed(error, f"what {what} returned", origin)
            else:
                if not waits:
                    return value
                if value is task:  # each would wait for the other, and be cancelled for it
                    file, line = call.defined(origin)
                    message = f"{what} returned the task that it was called in"
                    raise HookFailed(message, file=file, line=line, hint=_NO_TASK)
                limit = self._settings.hook_deadline_seconds
                return await self._finish(
                    what, call, origin, limit if deadline_seconds is None else deadline_seconds
                )
        raise fault

    async def _finish(self, what: str, call: HookCall, origin: Origin, seconds: float) -> Any:
        task: asyncio.Task[tuple[Any, HookFailed | None]] | None = None
        try:
            task = asyncio.get_running_loop().create_task(_contained(call, what, origin))
            in_time = await self.wait(task, seconds)
        except BaseException:  # it would go on beside whatever is done next
            if task is not None:
                await self._abandon(task, call)
            raise
        if in_time:
            if task.cancelled() and (call.begun or task.cancelling()):  # by itself, or a sibling
                call.close()
                file, line = call.defined(origin)
                message = f"{what} cancelled its own task"
                raise HookFailed(message, file=file, line=line, hint=_NO_CANCEL)
            value, fault = task.result()
            if fault is not None:
                raise fault
            return value
        file, line = standing(call.answer, origin)
        stopped = await self._abandon(task, call)
        message = f"{what} was still running at its deadline of {seconds:g} s"
        if not stopped:
            message += ", swallowed its cancellation, and is left behind as a leaked task"
        whole = seconds < self._settings.hook_deadline_seconds
        setting = "reload_deadline_seconds" if whole else "hook_deadline_seconds"
        raise HookTimeout(message, file=file, line=line, hint=f"return earlier, or raise {setting}")

    async def wait(self, awaited: asyncio.Future[Any], seconds: float) -> bool:
        """Whether ``awaited`` is done within ``seconds`` of the engine's clock."""
        # Most hooks end in their first step: no timer is worth setting for them.
        if not awaited.done():
            await asyncio.sleep(0)
        if awaited.done():
            return True
        # One future that either of the two sets: asyncio.wait needs three times as long for it.
        woken = asyncio.get_running_loop().create_future()

        def wake(_: object = None) -> None:
            if not woken.done():
                woken.set_result(None)

        awaited.add_done_callback(wake)
        timer = self._clock.call_later(seconds, wake)
        try:
            await woken
        finally:
            timer.cancel()
            awaited.remove_done_callback(wake)
        return awaited.done()

    async def _abandon(self, task: asyncio.Future[Any], call: HookCall) -> bool:
        """Cancel ``task``, which awaits ``call``; whether it ended within the grace."""
        task.cancel()
        # A task that is cancelled before its first step never awaits what it was given.
        task.add_done_callback(lambda _: call.close())
        return await self.wait(task, self._settings.cancel_grace_seconds)


async def _taken_back(
    task: asyncio.Task[Any], what: str, place: tuple[str | None, int | None]
) -> HookFailed:
    """Undo a cancellation that a plugin asked for and that has not arrived yet; its fault."""
    try:
        await asyncio.sleep(0)  # it arrives here: uncancel() alone does not call it off
    except asyncio.CancelledError:
        task.uncancel()
    file, line = place
    message = f"{what} cancelled the task that it was called in"
    return HookFailed(message, file=file, line=line, hint=_NO_CANCEL)


async def _contained(call: HookCall, what: str, origin: Origin) -> tuple[Any, HookFailed | None]:
    calls.adopt_task()
    # Caught inside the task: a task that ends with SystemExit takes the event loop with it.
    try:
        return await call.answer, None
    except BaseException as error:
        if not call.begun:
            raise
        return None, hook_failed(error, what, origin)
