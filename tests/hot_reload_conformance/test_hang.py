"""A hook that stands: until it is let go, whatever happens to its task."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hot_reload_conformance import probe
from hot_reload_conformance.checks.hang import Stand
from hot_reload_conformance.recording import Recording


def _hook(stand: Stand) -> tuple[Recording, probe.Probe]:
    recording = Recording()
    recording.plan("start", stand)
    return recording, probe.Probe(recording, "alpha", "v1")


async def _standing(stand: Stand) -> asyncio.Task[Any]:
    _, plugin = _hook(stand)
    task = asyncio.get_running_loop().create_task(plugin.ahook("start"))
    await stand.arrived.wait()
    return task


def test_it_stands_until_it_is_let_go() -> None:
    async def main() -> None:
        stand = Stand()
        task = await _standing(stand)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not task.done()
        stand.let_go.set()
        await task

    asyncio.run(main())


@pytest.mark.parametrize("swallows", [False, True])
def test_its_cancellation_ends_it_unless_it_swallows_it(swallows: bool) -> None:
    async def main() -> None:
        stand = Stand(swallows)
        task = await _standing(stand)
        task.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        assert task.cancelled() is not swallows
        stand.let_go.set()
        await asyncio.wait({task})
        assert task.done()

    asyncio.run(main())


def test_a_synchronous_hook_says_that_it_cannot_stand() -> None:
    async def main() -> None:
        stand = Stand()
        _, plugin = _hook(stand)
        with pytest.raises(probe.NotDrivable):
            plugin.hook("start")
        assert stand.undrivable

    asyncio.run(main())
