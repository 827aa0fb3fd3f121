"""Wrong hosts that give a hook up at its deadline, and let it have a say when it comes back.

The examples leave such a hook where it stands; in the simulation it comes back.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any, TypeVar

from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.registry import specimen

T = TypeVar("T")


class _NamesHooks(BlueGreenHost):
    """Knows in ``in_time`` of which plugin it is the hook that is waited for, and which one."""

    async def hook(self, generation: Generation, what: str, *arguments: Any) -> Any:
        token = _hook.set((generation.name, what))
        try:
            return await super().hook(generation, what, *arguments)
        finally:
            _hook.reset(token)


_hook: contextvars.ContextVar[tuple[str, str]] = contextvars.ContextVar("hook", default=("", ""))


class _DeadlineOfTheCaller(_NamesHooks):
    """A start that takes too long is told as failed, and goes on in a task of its own."""

    async def in_time(self, task: asyncio.Future[Any], seconds: float) -> bool:
        if _hook.get()[1] == "start":
            await asyncio.wait({task})
            return True
        return await super().in_time(task, seconds)

    def lock(self, name: str) -> asyncio.Lock:
        return asyncio.Lock()  # who was told that it failed may try again

    async def within(self, work: Coroutine[Any, Any, T], name: str) -> T:
        task = asyncio.ensure_future(work)
        if not await super().in_time(task, self.ports.hook_deadline_seconds):
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise HostError(f"{name!r} failed: it did not end in time")
        return task.result()

    async def load(self, name: str) -> None:
        await self.within(super().load(name), name)

    async def reload(self, name: str) -> list[str]:
        return await self.within(super().reload(name), name)


@specimen(
    "HR-LIMIT-04",
    says="a hook of a came back that had been given up",
    bug="wait_for around a shielded reload: the caller is let go, and the reload commits later",
)
class DeadlineOfTheCaller(BlueGreenAdapter):
    name = "given-up-reload-commits-later"
    host_class = _DeadlineOfTheCaller


class _ClearsByName(_NamesHooks):
    """A hook that outlives its cancellation is kept in mind, and cleared away when it ends."""

    async def in_time(self, task: asyncio.Future[Any], seconds: float) -> bool:
        (name, _), done = _hook.get(), await super().in_time(task, seconds)
        if not done and name:
            asyncio.get_running_loop().call_later(0, self.outlived, task, name)
        return done

    def outlived(self, task: asyncio.Future[Any], name: str) -> None:
        if not task.done():
            task.add_done_callback(lambda _: self.live.pop(name, None))


@specimen(
    "HR-LIMIT-04",
    says="and now nobody serves",
    bug="the last step of the clean-up looks the plugin up by name, and finds the one that serves",
)
class ClearsByName(BlueGreenAdapter):
    name = "given-up-hook-clears-by-name"
    host_class = _ClearsByName
