"""Wrong hosts whose first use is shared as long as nobody who waits for it is cancelled.

The examples cancel nobody, and pass on each of these; the simulation does.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from hot_reload_conformance.adapter import Ports
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter, BlueGreenHost
from hot_reload_conformance.specimens.registry import specimen


class _NoShield(BlueGreenHost):
    """All wait for the one task that loads, and a cancelled one of them cancels it."""

    async def first_load(self, name: str) -> None:
        task = self.loading.get(name)
        if task is None:
            task = self.loading[name] = asyncio.ensure_future(self.load(name))
            task.add_done_callback(lambda _: self.loading.pop(name))
        await task


@specimen(
    "HR-LOAD-08",
    says="was given another caller's CancelledError",
    bug="design E-e: await task without asyncio.shield cancels the task for everybody",
)
class NoShield(BlueGreenAdapter):
    name = "first-use-without-shield"
    host_class = _NoShield


class _FirstLoadsForAll(BlueGreenHost):
    """Whoever comes first loads, and tells the others by a future; cancelled, it tells nobody."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.told: dict[str, asyncio.Future[None]] = {}

    async def first_load(self, name: str) -> None:
        if name in self.told:
            return await asyncio.shield(self.told[name])
        told = self.told[name] = asyncio.get_running_loop().create_future()
        try:
            await self.load(name)
        except Exception as error:
            told.set_exception(error)
            told.exception()  # there may be nobody who waits for it
            raise
        else:
            told.set_result(None)
        finally:
            del self.told[name]


@specimen(
    "HR-LOAD-08",
    says="nothing can go on",
    bug="except Exception around the load: the cancelled one's future is never done",
)
class FirstLoadsForAll(BlueGreenAdapter):
    name = "first-use-loads-for-all"
    host_class = _FirstLoadsForAll
