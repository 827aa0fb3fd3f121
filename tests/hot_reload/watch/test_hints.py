"""The operating system's events: real files, real threads, waits that end with an event."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import watchfiles

from hot_reload import Engine
from hot_reload.events import LifecycleEvent
from hot_reload.watch.hints import WatchfilesHints
from hot_reload.watch.settings import WatchSettings
from hot_reload.watch.watcher import Watcher
from hot_reload_fixtures import PluginDirectory, SaveStyle

pytestmark = pytest.mark.real_time

PATIENCE_SECONDS = 20.0
"""Ends a wait that would never end; no test passes by waiting for so long."""
QUICK = WatchSettings(quiet_seconds=0.005, cooldown_seconds=0, limit=1000, sweep_seconds=60)
"""The sweep alone would find an edit after a minute: what is seen was hinted at."""


def source(answer: int) -> str:
    return (
        "class Counter:\n    name, version = 'counter', '1'\n"
        f"    def handle(self, request):\n        return {answer:>6}\n"
    )


def descriptors() -> set[str]:
    """What the process holds open, but for the listing itself."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(f"{each.name}: {each.readlink()}")
    return {each for each in found if "/proc/" not in each}


async def hint_of(hints: WatchfilesHints, path: Path) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while path not in await hints.next_hint():
            pass


@asynccontextmanager
async def listening(*roots: Path) -> AsyncIterator[WatchfilesHints]:
    hints = WatchfilesHints(roots)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await hints.next_hint() == frozenset(), "first it says that it stands"
        yield hints
    finally:
        await hints.close()


async def test_f40_it_tells_of_files_made_written_renamed_and_deleted(tmp_path: Path) -> None:
    path, other = tmp_path / "a.py", tmp_path / "b.py"
    async with listening(tmp_path) as hints:
        path.write_text("1")
        await hint_of(hints, path)
        path.write_text("2")
        await hint_of(hints, path)
        path.rename(other)
        await hint_of(hints, other)
        other.unlink()
        await hint_of(hints, other)


async def test_f40_it_tells_of_directories_below(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    async with listening(tmp_path) as hints:
        (tmp_path / "chat" / "words.py").write_text("1")
        await hint_of(hints, tmp_path / "chat" / "words.py")


async def test_hr_watch_13_close_leaves_no_thread_and_no_descriptor(tmp_path: Path) -> None:
    threads, open_before = threading.enumerate(), descriptors()
    async with listening(tmp_path) as hints:
        assert len(threading.enumerate()) > len(threads)
        await hints.close()
        await hints.close()
        assert threading.enumerate() == threads
    assert descriptors() <= open_before


async def test_close_before_it_stands(tmp_path: Path) -> None:
    threads = threading.enumerate()
    await WatchfilesHints([tmp_path]).close()
    assert threading.enumerate() == threads


async def test_f16_w5_an_undecodable_name_is_an_error_and_no_silence(tmp_path: Path) -> None:
    async with listening(tmp_path) as hints:
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), b"x\xff.py"))).write_text("1")
        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(OSError):
                while True:
                    await hints.next_hint()
        with pytest.raises(OSError, match="Unable to decode path"):
            await hints.next_hint()


async def test_no_directory_to_watch_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none of the directories"):
        WatchfilesHints([tmp_path / "gone"])


class Live:
    """A watched engine in real time, and a wait for what comes of an edit."""

    def __init__(self, engine: Engine, watcher: Watcher) -> None:
        self.engine = engine
        self.watcher = watcher
        self._moved = asyncio.Event()
        engine.listen(self._heard)

    def _heard(self, _: LifecycleEvent) -> None:
        self._moved.set()

    async def until(self, holds: Callable[[], Any]) -> None:
        """Return when ``holds``; it is asked after each event of the engine, and each turn."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                self._moved.clear()
                waiting = asyncio.ensure_future(self._moved.wait())
                # What has no event (health) is asked for now and then.
                await asyncio.wait({waiting}, timeout=0.02)
                waiting.cancel()

    def restarted(self, count: int) -> bool:
        return self.watcher.health.restarts == count

    async def until_it_answers(self, answer: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                self._moved.clear()
                if await self.engine.call(None) == [answer]:
                    return
                await self._moved.wait()


@asynccontextmanager
async def live(plugins: PluginDirectory, settings: WatchSettings = QUICK) -> AsyncIterator[Live]:
    threads, open_before = threading.enumerate(), descriptors()
    async with Engine() as engine:
        watcher = Watcher(engine, [plugins.root], settings=settings)
        one = Live(engine, watcher)
        await watcher.start()
        try:
            await one.until(lambda: watcher.health.degraded is None)
            yield one
        finally:
            await watcher.stop()
    assert threading.enumerate() == threads
    assert descriptors() <= open_before


@pytest.mark.parametrize("style", SaveStyle)
async def test_hr_watch_02_w1_w2_w3_every_save_style_is_hinted_at_five_times(
    hot_reload_dir: PluginDirectory, style: SaveStyle
) -> None:
    hot_reload_dir.write("counter", source(0))
    async with live(hot_reload_dir) as one:
        await one.until_it_answers(0)
        for answer in range(1, 6):
            hot_reload_dir.save("counter", source(answer), style)
            await one.until_it_answers(answer)
        assert one.watcher.health.restarts == 0


async def test_hr_watch_09_w17_a_copied_in_package_and_edits_in_it(
    hot_reload_dir: PluginDirectory, tmp_path: Path
) -> None:
    away = PluginDirectory(tmp_path / "away")
    away.write_package("counter", {"__init__": "from .words import Counter", "words": source(1)})
    async with live(hot_reload_dir) as one:
        shutil.copytree(away.root / "counter", hot_reload_dir.root / "counter")
        await one.until_it_answers(1)
        hot_reload_dir.write("counter/words", source(2))
        await one.until_it_answers(2)


async def test_hr_watch_11_f16_the_watch_survives_an_undecodable_name(
    hot_reload_dir: PluginDirectory,
) -> None:
    hot_reload_dir.write("counter", source(0))
    async with live(hot_reload_dir) as one:
        await one.until_it_answers(0)
        name = os.path.join(os.fsencode(hot_reload_dir.root), b"x\xff.txt")
        Path(os.fsdecode(name)).write_text("1")
        await one.until(lambda: one.watcher.health.restarts == 1)
        await one.until(lambda: one.watcher.health.degraded is None)
        hot_reload_dir.write("counter", source(1))
        await one.until_it_answers(1)


async def test_hr_watch_11_f19_the_watch_survives_a_replaced_root(
    hot_reload_dir: PluginDirectory,
) -> None:
    root = hot_reload_dir.root
    hot_reload_dir.write("counter", source(0))
    settings = WatchSettings(quiet_seconds=0.005, cooldown_seconds=0, sweep_seconds=0.1)
    async with live(hot_reload_dir, settings) as one:
        await one.until_it_answers(0)
        for answer in range(1, 4):
            shutil.copytree(root, root.with_name("next"))
            root.rename(root.with_name(f"away{answer}"))
            root.with_name("next").rename(root)
            await one.until(functools.partial(one.restarted, answer))
            await one.until(lambda: one.watcher.health.degraded is None)
            hot_reload_dir.write("counter", source(answer))
            await one.until_it_answers(answer)


async def test_hr_watch_03_a_burst_of_a_thousand_files_ends_as_the_disk_has_it(
    hot_reload_dir: PluginDirectory,
) -> None:
    hot_reload_dir.write_package(
        "counter", {"__init__": "from .words import Counter", "words": source(0)}
    )
    async with live(hot_reload_dir) as one:
        await one.until_it_answers(0)
        for number in range(1000):
            (hot_reload_dir.root / "counter" / f"part{number}.py").write_text("x = 1\n")
        hot_reload_dir.write("counter/words", source(1))
        await one.until_it_answers(1)


async def test_f13_a_directory_that_may_not_be_read_leaves_the_rest_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As root nothing is denied: the system's word is given here.
    real, asked = watchfiles.watch, []

    def watch(*roots: Path, **more: Any) -> Any:
        asked.append(more["ignore_permission_denied"])
        if not asked[-1]:
            raise PermissionError(13, "Permission denied")
        return real(*roots, **more)

    monkeypatch.setattr(watchfiles, "watch", watch)
    path = tmp_path / "a.py"
    async with listening(tmp_path) as hints:
        path.write_text("1")
        await hint_of(hints, path)
    assert asked == [False, True]
