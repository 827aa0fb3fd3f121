"""Generated edit histories end serving the bytes on disk, or with an error that says why.

A larger run: ``HOT_RELOAD_HISTORIES=100000 pytest tests/hot_reload/watch/test_histories.py``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from hot_reload.watch.settings import WatchSettings
from hot_reload_fixtures import PluginDirectory, SaveStyle

if TYPE_CHECKING:
    from tests.hot_reload.watch.conftest import Scene

HISTORIES = int(os.environ.get("HOT_RELOAD_HISTORIES", "60"))
NAMES = ("alpha", "beta", "gamma")
BROKEN = ("def broken(:", "", "raise RuntimeError('no')", "import nothing_of_this_name", "x = 1")
WRITES_IN_PLACE = (SaveStyle.OLDER_MTIME, SaveStyle.SAME_SIZE_AND_MTIME)


@dataclass(frozen=True)
class Step:
    """One thing that somebody does to the files, and the time until the next."""

    act: str
    name: str
    answer: int = 0
    style: SaveStyle = SaveStyle.IN_PLACE
    broken: str = ""
    hinted: bool = True
    then_seconds: float = 0.0


steps = st.builds(
    Step,
    act=st.sampled_from(["write"] * 6 + ["break", "delete", "revert", "move root", "switch"]),
    name=st.sampled_from(NAMES),
    answer=st.integers(0, 5),
    style=st.sampled_from(SaveStyle),
    broken=st.sampled_from(BROKEN),
    hinted=st.booleans(),
    then_seconds=st.sampled_from([0.0, 0.03, 0.09, 0.1, 0.11, 0.5, 1.0, 3.0, 7.0]),
)
paces = st.builds(
    WatchSettings,
    cooldown_seconds=st.sampled_from([0.0, 1.0, 5.0]),
    limit=st.sampled_from([2, 30]),
    window_seconds=st.just(10.0),
    unload_deleted=st.booleans(),
)


def act(step: Step, scene: Scene, text: dict[str, str]) -> None:
    """Do ``step`` to the files; ``text`` remembers what stood in each before."""
    plugins = scene.plugins
    path = plugins.path(step.name)
    source = scene.source(step.name, step.answer)
    if step.act == "move root":
        if plugins.root.is_dir():
            shutil.copytree(plugins.root, plugins.root.with_name("next"), symlinks=True)
            shutil.rmtree(plugins.root)
            plugins.root.with_name("next").rename(plugins.root)
    elif step.act == "switch":
        scene.watcher.disable() if scene.watcher.health.enabled else scene.watcher.enable()
    elif step.act == "delete":
        path.unlink(missing_ok=True)
    elif step.act == "break":
        text[step.name] = path.read_text() if path.exists() else source
        path.write_text(step.broken)
    elif step.act == "revert":
        path.write_text(text.get(step.name, source))
    else:
        whole = path.is_file() and path.stat().st_size == len(source)
        needs = {*WRITES_IN_PLACE, SaveStyle.BACKUP_RENAME, SaveStyle.DELETE_AND_CREATE}
        style = step.style if whole or step.style not in needs else SaveStyle.IN_PLACE
        text[step.name] = path.read_text() if path.exists() else source
        plugins.save(step.name, source, style)
    if step.hinted:
        scene.hints.tell(path)


async def check_converged(scene: Scene, pace: WatchSettings) -> None:
    for name in NAMES:
        path = scene.plugins.path(name)
        running = scene.engine.status(name).running if name in scene.engine.names else None
        if not path.exists():
            kept = running is not None and not pace.unload_deleted
            if kept:
                assert "file missing" in (scene.engine.status(name).error or ""), name
            else:
                assert running is None, f"{name} was deleted and still runs"
            continue
        source = path.read_text()
        answers = [n for n in range(6) if source == scene.source(name, n)]
        if answers:
            assert running is not None, f"{name} is good and does not run"
            assert await scene.answers(name) == answers[0]
            assert scene.engine.status(name).error is None
        elif running is not None:
            assert scene.engine.status(name).error, f"{name} is broken, and nothing says so"
        else:
            last = [each for each in scene.outcomes if each and each.plugin == name]
            assert last, f"{name} is broken, and was never tried"
            assert not last[-1].success or last[-1].running is None
    health = scene.watcher.health
    assert health.running
    assert health.degraded is None
    assert health.waiting == ()
    assert health.errors == ()


async def live_through(
    history: list[Step], pace: WatchSettings, open_scene: Callable[..., Any]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_scene(PluginDirectory(Path(folder) / "plugins")) as scene:
            text: dict[str, str] = {}
            await scene.watch(settings=pace).start()
            for step in history:
                act(step, scene, text)
                await scene.run(step.then_seconds)
            scene.watcher.enable()
            # The bound: two limits one after the other, a grace, a sweep and the quiet period.
            await scene.run(2 * pace.window_seconds + 5)
            done = len(scene.outcomes)
            await check_converged(scene, pace)
            await scene.run(60)
            assert len(scene.outcomes) == done, "at rest, and something was done"


@given(history=st.lists(steps, max_size=25), pace=paces)
@settings(
    max_examples=HISTORIES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_hr_watch_01_edit_histories_converge(
    open_scene: Callable[..., Any], history: list[Step], pace: WatchSettings
) -> None:
    for step in history:
        note(str(step))
    with asyncio.Runner() as runner:
        runner.run(live_through(history, pace, open_scene))
