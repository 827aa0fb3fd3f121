"""How the blue-green host calls a plugin's hooks: each under its deadline, its failure named."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Event, Ports
from hot_reload_conformance.specimens.blue_green_generation import Generation, HostError


class Hooks:
    """Calls into plugins. Whatever a hook does, its caller gets an answer or a ``HostError``."""

    root: Path
    ports: Ports

    async def hook(self, generation: Generation, what: str, *arguments: Any) -> Any:
        """Call a hook under its deadline; one that swallows its cancellation is left behind."""
        method = getattr(generation.plugin, what, None)
        if method is None:
            return None

        async def contained() -> tuple[Any, BaseException | None]:
            try:
                return await method(*arguments), None
            except BaseException as error:
                return None, error

        task = asyncio.ensure_future(contained())
        try:
            done = await self.in_time(task, self.ports.hook_deadline_seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            raise HostError(f"{generation.name!r} failed at {what}: it did not end in time")
        value, error = task.result()
        if error is not None:
            raise self.failed(generation, what, error) from error
        return value

    async def in_time(self, task: asyncio.Future[Any], seconds: float) -> bool:
        """Whether ``task`` ends within ``seconds`` of the clock that the host was given."""
        expired: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def expire() -> None:
            expired.cancel()

        timer = self.ports.clock.call_later(seconds, expire)
        try:
            await asyncio.wait({task, expired}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            expire()
        return task.done()

    def failed(self, generation: Generation, stage: str, error: BaseException) -> HostError:
        try:
            text = str(error)
        except Exception:
            text = "(no text)"
        place = ""
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename.startswith(f"{self.root}/"):
                place = f" ({frame.f_code.co_filename}:{line})"
        return HostError(
            f"{generation.name!r} failed at {stage}: {type(error).__name__}: {text}{place}"
        )

    async def answer(self, generation: Generation, event: Event | None) -> list[str]:
        generation.calls += 1
        generation.idle.clear()
        try:
            return [await handler(event) for handler in generation.plugin.handlers()]
        finally:
            generation.calls -= 1
            if not generation.calls:
                generation.idle.set()
