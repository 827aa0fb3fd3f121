"""What a sink holds when its last flush fails goes to the next generation, or is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hot_reload import Engine, Settings
from hot_reload.outcome import Failed, Stage, Swapped, Unloaded
from hot_reload.runtime.generation import Generation
from hot_reload.runtime.rescue import rescue
from hot_reload_fixtures import PluginDirectory

HELD = """
class Held:
    name, version = "held", {version!r}
    def __init__(self, context):
        self.engine, self.waiting = context.engine, []
    {write}
    {flush}
    {take}
"""
WRITE = {
    "keeps": "def write(self, event): self.waiting.append(event)",
    "keeps, async": "async def write(self, event): self.waiting.append(event)",
    "writes": "def write(self, event): self.engine.got.append(event)",
    "writes, async": "async def write(self, event): self.engine.got.append(event)",
}
FLUSH = {
    "raises": "def flush(self): raise OSError('disk full')",
    "hangs": "async def flush(self):\n        import asyncio\n"
    "        await asyncio.get_running_loop().create_future()",
    "works": "def flush(self): self.engine.got += self.waiting; self.waiting = []",
}
TAKE = """def take_unwritten(self):
        waiting, self.waiting = self.waiting, []
        return waiting"""


class Recording(Engine):
    def __init__(self) -> None:
        super().__init__(settings=Settings(hook_deadline_seconds=0.01))
        self.got: list[Any] = []

    def live(self, name: str) -> Generation:
        return self._roster.live(name)

    async def __aenter__(self) -> Recording:
        await super().__aenter__()
        return self


def held(
    plugins: PluginDirectory, version: str, write: str, flush: str = "works", take: str = TAKE
) -> Path:
    source = HELD.format(version=version, write=WRITE[write], flush=FLUSH[flush], take=take)
    return plugins.write("held", source)


async def test_f30_what_is_held_goes_to_the_sink_that_serves(
    hot_reload_dir: PluginDirectory,
) -> None:
    async with Recording() as engine:
        await engine.load(held(hot_reload_dir, "1", "keeps"))
        for number in range(3):
            engine.emit(number)
        old = engine.live("held")
        holder = old.plugin
        fresh = held(hot_reload_dir, "2", "writes")
        (await engine.load(fresh, name="next")).unwrap()
        (failure,) = await rescue(engine._machinery, "next", old)
        assert engine.got == [0, 1, 2]
        assert holder.waiting == [], "it holds them no more, or they would be written twice"
        assert failure.stage is Stage.FLUSH
        assert "3 events were not written when the flush failed: 3 went to the next" in str(failure)
        assert await rescue(engine._machinery, "next", old) == ()
        assert engine.counts.dropped_total == 0


async def test_f30_what_nobody_can_take_is_counted_under_the_sink(
    hot_reload_dir: PluginDirectory,
) -> None:
    async with Recording() as engine:
        await engine.load(held(hot_reload_dir, "1", "keeps"))
        engine.emit(1)
        engine.emit(2)
        (failure,) = await rescue(engine._machinery, "gone", engine.live("held"))
        assert engine.counts.dropped == {"gone": 2}
        assert "2 were dropped" in str(failure)


@pytest.mark.parametrize(
    ("take", "says"),
    [
        ("", ""),
        ("def take_unwritten(self): return 7", "gave int, not a list of events"),
        ("def take_unwritten(self): raise SystemExit", "take_unwritten raised SystemExit"),
    ],
)
async def test_f30_a_sink_that_cannot_say_what_it_holds_harms_nobody(
    take: str, says: str, hot_reload_dir: PluginDirectory
) -> None:
    async with Recording() as engine:
        await engine.load(held(hot_reload_dir, "1", "keeps", take=take))
        failures = await rescue(engine._machinery, "held", engine.live("held"))
        assert [says in str(each) for each in failures] == ([True] if says else [])


@pytest.mark.parametrize("flush", ["raises", "hangs"])
@pytest.mark.parametrize("write", ["writes", "writes, async"])
async def test_f30_a_reload_whose_last_flush_fails_loses_nothing(
    flush: str, write: str, hot_reload_dir: PluginDirectory
) -> None:
    async with Recording() as engine:
        keeps = "keeps, async" if "async" in write else "keeps"
        await engine.load(held(hot_reload_dir, "1", keeps, flush))
        for number in range(3):
            engine.emit(number)
        await engine.settle()
        held(hot_reload_dir, "2", write)
        outcome = await engine.reload("held")
        assert isinstance(outcome, Swapped)
        await engine.settle()
        assert engine.got == [0, 1, 2]
        assert [each.stage for each in outcome.warnings] == [Stage.FLUSH, Stage.FLUSH]


async def test_f30_an_unload_whose_last_flush_fails_counts_what_it_held(
    hot_reload_dir: PluginDirectory,
) -> None:
    async with Recording() as engine:
        await engine.load(held(hot_reload_dir, "1", "keeps", "raises"))
        other = "class O:\n    version = '1'\n    def write(self, event): pass\n"
        await engine.load(hot_reload_dir.write("other", other))
        engine.emit("x")
        assert isinstance(await engine.unload("held"), Unloaded)
        assert engine.counts.dropped == {"held": 1}


async def test_f30_what_waited_for_a_sink_that_failed_is_counted_as_it_is_unloaded(
    hot_reload_dir: PluginDirectory,
) -> None:
    """Stop-first, and neither the new nor the old version starts: its mailbox is left."""
    source = """
class Held:
    name, version, swap_policy = "held", "{version}", "stop-first"
    def __init__(self, context): self.engine = context.engine
    def start(self):
        if "{version}" == "2" or self.engine.got:
            self.engine.got.append("tried")
            self.engine.emit("while it is stopped")
            raise OSError("the port is taken")
    async def write(self, event): pass
"""
    async with Recording() as engine:
        await engine.load(hot_reload_dir.write("held", source.format(version="1")))
        other = "class O:\n    version = '1'\n    def write(self, event): pass\n"
        await engine.load(hot_reload_dir.write("other", other))
        hot_reload_dir.write("held", source.format(version="2"))
        assert isinstance(await engine.reload("held"), Failed)
        assert isinstance(await engine.unload("held"), Unloaded)
        assert engine.got == ["tried", "tried"]
        assert engine.counts.dropped == {"held": 2}
