"""Tasks and timers, and the place that made them."""

from __future__ import annotations

import asyncio
import gc
import weakref

from hot_reload_conformance.plugins.loop_watch import LoopWatch


async def test_tasks_and_timers_are_noted_with_their_place() -> None:
    loop = asyncio.get_running_loop()
    watch = LoopWatch(loop, {__file__})
    task = asyncio.create_task(asyncio.sleep(60))
    timer = loop.call_later(60, int)
    await asyncio.sleep(0)
    (place,) = watch.tasks().values()
    assert place.startswith(f"{__file__}:")
    assert watch.timers() == [f"{__file__}:{int(place.rpartition(':')[2]) + 1}"]
    timer.cancel()
    task.cancel()
    await asyncio.wait({task})
    assert (watch.tasks(), watch.timers()) == ({}, [])


async def test_what_others_make_is_not_noted() -> None:
    watch = LoopWatch(asyncio.get_running_loop(), {"elsewhere.py"})
    task = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    assert (watch.tasks(), watch.timers()) == ({}, [])
    task.cancel()
    await asyncio.wait({task})


async def test_watching_holds_nothing() -> None:
    class Plugin:
        def beat(self) -> None: ...

    loop = asyncio.get_running_loop()
    watch = LoopWatch(loop, {__file__})
    plugin = Plugin()
    witness = weakref.ref(plugin)
    loop.call_later(60, plugin.beat).cancel()
    del plugin
    gc.collect()
    assert witness() is None
    assert watch.timers() == []
