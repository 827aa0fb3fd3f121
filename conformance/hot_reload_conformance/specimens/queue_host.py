"""A correct host of another design: events wait in one bounded queue for one consumer.

An event is accepted when it is in the queue, and reaches whichever generation is live
when its turn comes, so that a swap between two turns loses and doubles nothing. What
was accepted before a sink goes is delivered before it goes. A full queue refuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from hot_reload_conformance.adapter import Claim, Event, Ports
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter, BlueGreenHost

CAPACITY = 10_000


class QueueHost(BlueGreenHost):
    """Reloads are the blue-green host's; the way of an event is not."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.queue: asyncio.Queue[Event] = asyncio.Queue(CAPACITY)
        self.consumer = asyncio.ensure_future(self.consume())

    def emit(self, event: Event) -> bool:
        if self.closing or not self.sinks():
            return False
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            return False
        return True

    def sinks(self) -> list[str]:
        return [name for name, each in self.live.items() if each.enabled and each.plugin.is_sink]

    async def consume(self) -> None:
        """The only one that takes events out: no two are ever under way."""
        while True:
            event = await self.queue.get()
            try:
                super().emit(event)
            finally:
                self.queue.task_done()

    async def unload(self, name: str) -> None:
        if not self.inside(name):
            await self.queue.join()
        await super().unload(name)

    async def disable(self, name: str) -> None:
        await self.queue.join()
        await super().disable(name)

    async def close(self) -> None:
        self.closing = True
        await self.queue.join()
        self.consumer.cancel()
        await asyncio.wait({self.consumer})
        await super().close()


class QueueAdapter(BlueGreenAdapter):
    name = "queue"
    # What is the blue-green host's is judged there. The queue is the loop's, so that emit may
    # not be called from another thread.
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.SINKS,
            Claim.EXACTLY_ONCE,
            Claim.ENABLE,
        }
    )
    host_class = QueueHost

    async def settle(self) -> None:
        assert isinstance(self.host, QueueHost)
        await self.host.queue.join()

    async def snapshot(self) -> Mapping[str, object]:
        assert isinstance(self.host, QueueHost)
        return {**await super().snapshot(), "queue": self.host.queue.qsize()}
