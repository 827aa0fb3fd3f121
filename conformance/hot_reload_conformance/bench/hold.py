"""Hold: a plugin stopped inside a hook, so that a check can look at the host or start more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hot_reload_conformance.probe import Probe
from hot_reload_conformance.verdict import CannotJudge, NotClaimed
from hot_reload_fixtures.gate import Gate

TURNS = 12
"""Turns of the event loop that count as "time enough" for whoever does not wait."""

IF_LACKING = "; if your host never calls it, leave it out of the adapter's hook_order"
"""What helps where a hook was waited for in vain."""


class Hold:
    """Planned as an action: ``recording.plan("start", hold)``. Safe from any loop or thread."""

    def __init__(self, then: Callable[[Probe], Any] | None = None) -> None:
        self.gate = Gate()
        self.then = then
        """What the hook does once it is let go, such as raising."""
        self.refused = False

    async def __call__(self, probe: Probe) -> None:
        try:
            await self.gate.enter()
        except GeneratorExit:
            self.refused = True  # a synchronous hook: it cannot be held
            raise
        if self.then is not None:
            self.then(probe)

    async def reached(self, operation: asyncio.Future[Any], unless: str = "") -> None:
        """Wait until the plugin stands in the hook.

        ``unless`` says why an operation may end without it, where it may.

        Raises:
            NotClaimed: the host's hooks are synchronous, or what ``unless`` says.
            CannotJudge: ``operation`` ended without running the hook.
        """
        if not await self.reached_or(operation):
            if unless:
                raise NotClaimed(unless)
            raise CannotJudge(
                f"the operation ended without the hook in which it was to be held{IF_LACKING}"
            )

    async def reached_or(self, operation: asyncio.Future[Any]) -> bool:
        """Wait until the plugin stands in the hook, or ``operation`` has ended; was it held?

        Raises:
            NotClaimed: the host's hooks are synchronous.
        """
        arrival = asyncio.ensure_future(self.gate.reached())
        try:
            await asyncio.wait({arrival, operation}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrival.cancel()
        if self.refused:
            raise NotClaimed(
                "the host's hooks are synchronous, so operations cannot overlap inside one"
            )
        return self.gate.arrived > 0

    def open(self) -> None:
        """Let the plugin go on."""
        self.gate.open()


async def turns(count: int = TURNS) -> None:
    """Give every other task ``count`` turns of the event loop."""
    for _ in range(count):
        await asyncio.sleep(0)
