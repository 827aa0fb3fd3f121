"""A watched engine on a clock that the test moves, with hints that the test gives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hot_reload import Engine
from hot_reload.events import LifecycleEvent, OperationEnded
from hot_reload.outcome import Outcome
from hot_reload.ports import Files
from hot_reload.source.snapshot import DiskFiles
from hot_reload.watch.settings import WatchSettings
from hot_reload.watch.watcher import Watcher
from hot_reload_fixtures import ManualClock, PluginDirectory, SaveStyle, ScriptedHints

QUIET = WatchSettings().quiet_seconds


def plugin(name: str, answer: Any, *, version: str = "1.0", extra: str = "") -> str:
    """The source of a service that answers ``answer``; all sources of one name are as long."""
    return (
        f"class Served:\n    name, version = {name!r}, {version!r}\n"
        f"    def handle(self, request):\n        return {answer!s:>8}\n{extra}"
    )


class HookedFiles(DiskFiles):
    """Real files, with something done right before chosen reads of them."""

    def __init__(self) -> None:
        self.before_read: dict[int, Any] = {}
        """What to call before the n-th read, counted from 1."""
        self.reads = 0

    def read(self, path: Path, *, limit_bytes: int) -> bytes:
        self.reads += 1
        act = self.before_read.pop(self.reads, None)
        if act is not None:
            act()
        return super().read(path, limit_bytes=limit_bytes)


class Scene:
    """One engine, its watcher, the files, and what was done. No real time passes."""

    def __init__(self, plugins: PluginDirectory, engine: Engine, clock: ManualClock) -> None:
        self.plugins = plugins
        self.engine = engine
        self.clock = clock
        self.hints = ScriptedHints()
        self.outcomes: list[Outcome | None] = []
        self.times: list[float] = []
        self.watcher: Watcher
        engine.listen(self._heard)

    source = staticmethod(plugin)

    def _heard(self, event: LifecycleEvent) -> None:
        if isinstance(event, OperationEnded):
            self.outcomes.append(event.outcome)
            self.times.append(self.clock.now())

    def watch(
        self,
        *roots: Path,
        settings: WatchSettings | None = None,
        files: Files | None = None,
        **options: Any,
    ) -> Watcher:
        self.watcher = Watcher(
            self.engine,
            roots or [self.plugins.root],
            settings=settings or WatchSettings(cooldown_seconds=0),
            clock=self.clock,
            files=files,
            hints=self.hints,
            **options,
        )
        return self.watcher

    def save(
        self, name: str, answer: Any, style: SaveStyle = SaveStyle.IN_PLACE, **more: Any
    ) -> Path:
        """Save a plugin that answers ``answer``, and let the system tell of it."""
        path = self.plugins.save(name, plugin(Path(name).name, answer, **more), style)
        self.hints.tell(path)
        return path

    async def run(self, seconds: float) -> None:
        """Let time pass, in steps that a turn of the watch fits between."""
        await self.clock.advance_async(seconds)

    async def settle(self) -> None:
        """Let what was written become live, or be found wanting."""
        await self.run(1.5)

    async def answers(self, name: str) -> Any:
        return await self.engine.use(name)

    @property
    def kinds(self) -> list[str]:
        """The outcomes so far, by their names, and none of them any more."""
        found = [type(each).__name__ for each in self.outcomes]
        self.outcomes.clear()
        self.times.clear()
        return found


@contextlib.asynccontextmanager
async def scene_at(plugins: PluginDirectory, **options: Any) -> AsyncIterator[Scene]:
    """A scene whose watcher, if it made one, is stopped at the end."""
    clock = ManualClock(start_seconds=100.0)
    async with Engine(clock=clock, **options) as engine:
        scene = Scene(plugins, engine, clock)
        try:
            yield scene
        finally:
            if hasattr(scene, "watcher"):
                await scene.watcher.stop()
                assert scene.hints.open_count == 0, "a change source was left open"
                assert clock.pending == 0, "a timer was left"


@pytest.fixture
async def scene(hot_reload_dir: PluginDirectory) -> AsyncIterator[Scene]:
    async with scene_at(hot_reload_dir) as scene:
        yield scene


@pytest.fixture
async def started(scene: Scene) -> Scene:
    """A scene in which ``counter`` serves 1 and is watched; nothing waits."""
    scene.save("counter", 1)
    await scene.watch().start()
    await scene.settle()
    assert scene.kinds == ["Loaded"]
    return scene


@pytest.fixture(scope="session")
def open_scene() -> Callable[..., contextlib.AbstractAsyncContextManager[Scene]]:
    """``scene_at`` itself, for tests that need many scenes."""
    return scene_at


@pytest.fixture
def hooked_files() -> HookedFiles:
    return HookedFiles()


async def hold_reload(
    scene: Scene, *, hook: str = "start", then: str = "pass", extra: str = ""
) -> Callable[[], Awaitable[None] | None]:
    """Let a reload of ``counter`` to 2 begin and wait in a hook; gives what lets it go on."""
    gate = asyncio.Event()
    scene.engine.gate = gate  # type: ignore[attr-defined]
    init = (
        "    def __init__(self, context):\n        self.app = context.engine\n"
        f"    async def {hook}(self):\n"
        f"        await self.app.gate.wait()\n        {then}\n"
    )
    scene.plugins.write("counter", scene.source("counter", 2, extra=init + extra))
    scene.hints.tell()
    await scene.run(QUIET)
    assert scene.kinds == [], "the reload should be held"
    return gate.set
