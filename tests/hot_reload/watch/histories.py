"""Generated edit histories: what somebody does to files, and whether the watch converged.

Used by ``test_histories.py``, with Hypothesis, which shrinks, and by the command
``tests/benchmarks/edit_histories.py``, with plain random numbers, which is quicker.
"""

from __future__ import annotations

import itertools
import mmap
import os
import random
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hot_reload.watch.roots import DOUBT_SECONDS
from hot_reload.watch.settings import WatchSettings
from hot_reload_fixtures import PluginDirectory, SaveStyle

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from tests.hot_reload.watch.conftest import Scene

NAMES = ("alpha", "beta", "gamma")
BROKEN = ("def broken(:", "", "raise RuntimeError('no')", "import nothing_of_this_name", "x = 1")
WRITES_IN_PLACE = (SaveStyle.OLDER_MTIME, SaveStyle.SAME_SIZE_AND_MTIME)
ACTS = (
    *["write"] * 6,
    "break",
    "delete",
    "revert",
    "move root",
    "switch",
    "map",
    "hard link",
    "sibling",
    "overflow",
    "limit",
)
PAUSES = (0.0, 0.03, 0.09, 0.1, 0.11, 0.5, 1.0, 3.0, 7.0)
COOLDOWNS = (0.0, 1.0, 5.0)
LIMITS = (2, 30)
TRIES = (1, 3)
WINDOW_SECONDS = 10.0
_TICKS = itertools.count(1)
BOUND_SECONDS = 3 * WINDOW_SECONDS + 5
"""Within so long all is done: limits one after the other, a grace, retries, a sweep."""


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


@dataclass(frozen=True)
class Convergence:
    """What came of one history."""

    seconds: float
    """From the last edit to the end of the last operation, in the watch's own time."""
    lost: tuple[str, ...] = ()
    """What is on disk, and neither runs nor is said to have failed; one text for each."""
    violations: tuple[str, ...] = ()
    """What else is wrong."""
    operations: int = 0


@dataclass
class History:
    """Steps and the pace of the watch that lives through them."""

    steps: list[Step]
    pace: WatchSettings
    texts: dict[str, str] = field(default_factory=dict)
    """What stood in each file before its last edit."""

    @classmethod
    def draw(cls, chance: random.Random, longest: int = 25) -> History:
        """One at random."""
        steps = [
            Step(
                act=chance.choice(ACTS),
                name=chance.choice(NAMES),
                answer=chance.randrange(6),
                style=chance.choice(list(SaveStyle)),
                broken=chance.choice(BROKEN),
                hinted=chance.random() < 0.5,
                then_seconds=chance.choice(PAUSES),
            )
            for _ in range(chance.randint(1, longest))
        ]
        return cls(
            steps,
            pace(
                chance.choice(COOLDOWNS),
                chance.choice(LIMITS),
                chance.choice(TRIES),
                chance.random() < 0.5,
            ),
        )

    async def live_through(
        self,
        open_scene: Callable[..., AbstractAsyncContextManager[Scene]],
    ) -> Convergence:
        """Do all steps to real files under a fake clock, let time pass, and look."""
        with tempfile.TemporaryDirectory() as folder:
            async with open_scene(PluginDirectory(Path(folder) / "plugins")) as scene:
                await scene.watch(settings=self.pace).start()
                paused_seconds = 0.0
                for step in self.steps:
                    before = _names(scene.plugins.root)
                    self._act(step, scene)
                    if paused_seconds >= DOUBT_SECONDS and before != _names(scene.plugins.root):
                        _tick(scene.plugins.root)
                    await scene.run(step.then_seconds)
                    paused_seconds = step.then_seconds
                scene.watcher.enable()
                scene.hints.allow()
                last = scene.clock.now()
                # A source that was refused is asked for again after 30 seconds at most.
                await scene.run(BOUND_SECONDS)
                lost, violations = await self._judge(scene)
                done = len(scene.outcomes)
                seconds = max(0.0, scene.times[-1] - last) if scene.times else 0.0
                await scene.run(60)
                if len(scene.outcomes) != done:
                    violations.append("at rest, and something was done")
                return Convergence(seconds, tuple(lost), tuple(violations), done)

    def _act(self, step: Step, scene: Scene) -> None:
        plugins, path = scene.plugins, scene.plugins.path(step.name)
        source = scene.source(step.name, step.answer)
        whole = path.is_file() and path.stat().st_size == len(source)
        if step.act in {"break", "write", "map", "hard link"}:
            self.texts[step.name] = path.read_text() if path.exists() else source
        if step.act == "move root":
            _replace_root(plugins.root)
        elif step.act == "switch":
            scene.watcher.disable() if scene.watcher.health.enabled else scene.watcher.enable()
        elif step.act == "delete":
            path.unlink(missing_ok=True)
        elif step.act == "break":
            path.write_text(step.broken)
        elif step.act == "revert":
            path.write_text(self.texts.get(step.name, source))
        elif step.act == "sibling":
            name = b"x\xff\n%d.py.txt" % step.answer
            Path(os.fsdecode(os.path.join(os.fsencode(plugins.root), name))).write_text("x")
        elif step.act == "overflow":
            scene.hints.fail(OSError("overflow"))
        elif step.act == "limit":
            scene.hints.refuse(OSError("OS file watch limit reached"))
            scene.hints.fail(OSError("limit"))
        elif step.act == "map" and whole:
            with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
                mapped[:] = source.encode()
        elif step.act == "hard link" and whole:
            other = plugins.root / f"{step.name}.link"
            other.unlink(missing_ok=True)
            other.hardlink_to(path.resolve())
            other.write_text(source)
        else:
            needs = {*WRITES_IN_PLACE, SaveStyle.BACKUP_RENAME, SaveStyle.DELETE_AND_CREATE}
            style = step.style if whole or step.style not in needs else SaveStyle.IN_PLACE
            plugins.save(step.name, source, style)
        if step.hinted:
            scene.hints.tell(path)

    async def _judge(self, scene: Scene) -> tuple[list[str], list[str]]:
        lost: list[str] = []
        for name in NAMES:
            wrong = await self._wrong(scene, name)
            lost += [f"{name} {wrong}"] if wrong else []
        health = scene.watcher.health
        violations = [
            words
            for holds, words in (
                (health.running, "the watch has ended"),
                (health.degraded is None, f"the watch stays degraded: {health.degraded}"),
                (health.waiting == (), f"waiting at rest: {health.waiting}"),
                (health.errors == (), f"errors of the watch itself: {health.errors}"),
                (health.retries == (), f"retries at rest: {health.retries}"),
            )
            if not holds
        ]
        return lost, violations

    async def _wrong(self, scene: Scene, name: str) -> str:
        """What is wrong with a plugin in the end; empty: nothing."""
        path, known = scene.plugins.path(name), name in scene.engine.names
        status = scene.engine.status(name) if known else None
        running = status.running if status else None
        error = (status.error if status else None) or ""
        if not path.exists():
            if running is None:
                return ""
            if self.pace.unload_deleted:
                return "was deleted and still runs"
            return "" if "file missing" in error else "was deleted, and nothing says so"
        source = path.read_text()
        answers = [number for number in range(6) if source == scene.source(name, number)]
        if answers:
            if running is None:
                return "is good and does not run"
            if await scene.answers(name) != answers[0]:
                return f"answers {await scene.answers(name)}, and the disk says {answers[0]}"
            return f"runs as on disk, and has the error {error}" if error else ""
        if running is not None:
            return "" if error else "is broken, and nothing says so"
        last = [each for each in scene.outcomes if each and each.plugin == name]
        if not last:
            return "is broken, and was never tried"
        return "is broken and counts as served" if last[-1].success and last[-1].running else ""


def pace(cooldown_seconds: float, limit: int, tries: int, unload_deleted: bool) -> WatchSettings:
    """The settings of a watch that lives through a history."""
    return WatchSettings(
        cooldown_seconds=cooldown_seconds,
        limit=limit,
        window_seconds=WINDOW_SECONDS,
        retry_tries=tries,
        unload_deleted=unload_deleted,
    )


def _replace_root(root: Path) -> None:
    if root.is_dir():
        shutil.copytree(root, root.with_name("next"), symlinks=True)
        shutil.rmtree(root)
        root.with_name("next").rename(root)


def _names(root: Path) -> list[str]:
    return sorted(os.listdir(root)) if root.is_dir() else []


def _tick(root: Path) -> None:
    """Date a change of the directory ``root`` after the one before it: seconds lie between them,
    which here pass within one tick of the file system's clock."""
    if root.is_dir():
        found = root.stat()
        os.utime(root, ns=(found.st_atime_ns, found.st_mtime_ns + next(_TICKS)))
