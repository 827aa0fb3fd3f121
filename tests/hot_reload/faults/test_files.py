"""Faults of the file system that a watch meets: rows F1 to F6, F16, F18 to F20."""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hot_reload.watch.conftest import Scene

from hot_reload.watch.settings import WatchSettings
from hot_reload_fixtures import PluginDirectory, SaveStyle, torn_save

QUIET = WatchSettings().quiet_seconds
COOL = WatchSettings()


async def test_f1_hr_watch_10_deleted_and_kept(started: Scene) -> None:
    text = started.plugins.read("counter")
    started.plugins.delete("counter")
    await started.run(0.9)
    assert started.kinds == []
    await started.run(2)
    assert await started.answers("counter") == 1
    assert "file missing" in (started.engine.status("counter").error or "")
    assert started.kinds == ["RolledBack"]
    await started.run(60)
    assert started.kinds == []
    started.plugins.write("counter", text)
    await started.settle()
    assert started.engine.status("counter").error is None
    assert started.kinds == ["Unchanged"]


@pytest.mark.parametrize("unload", [True, False])
async def test_f2_hr_watch_10_gone_within_the_grace_is_an_edit(scene: Scene, unload: bool) -> None:
    path = scene.save("counter", 1)
    settings = WatchSettings(unload_deleted=unload, cooldown_seconds=0)
    await scene.watch(settings=settings).start()
    await scene.settle()
    for answer in range(2, 5):
        path.unlink()
        scene.hints.tell(path)
        await scene.run(0.9)
        scene.save("counter", answer)
        await scene.run(0.2)
        assert await scene.answers("counter") == answer
    assert scene.kinds == ["Loaded", *["Swapped"] * 3]


async def test_f3_hr_watch_06_a_file_torn_for_a_moment_is_not_run(started: Scene) -> None:
    torn = started.source("counter", 2)
    whole = torn.replace("       2", "       2 + 40")
    data = whole.encode()
    with torn_save(started.plugins.path("counter"), data, at=data.index(b" + 40")):
        compile(torn.rstrip(), "counter.py", "exec")  # what stands there now would run
        started.hints.tell()
        await started.run(QUIET * 0.9)
    started.hints.tell()
    await started.settle()
    assert await started.answers("counter") == 42
    assert started.kinds == ["Swapped"]


@pytest.mark.parametrize("style", SaveStyle)
@pytest.mark.parametrize("told", [True, False], ids=["hinted", "unhinted"])
async def test_f5_f18_hr_watch_02_every_save_style_five_times_in_a_row(
    started: Scene, style: SaveStyle, told: bool
) -> None:
    for answer in range(2, 7):
        path = started.plugins.save("counter", started.source("counter", answer), style)
        if told:
            started.hints.tell(path)
        await started.run(QUIET if told else COOL.sweep_seconds + QUIET)
        assert await started.answers("counter") == answer
        assert started.kinds == ["Swapped"]


async def test_f6_hr_watch_07_noise_triggers_nothing(started: Scene) -> None:
    root = started.plugins.root
    path = started.plugins.path("counter")
    for name in (".counter.py.swp", "counter.py~", "4913", "#counter.py#", "counter.py.tmp",
                 "test_counter.py", "counter_test.py", "conftest.py", "notes.txt",
                 "__pycache__/counter.cpython-311.pyc"):  # fmt: skip
        file = root / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("raise SystemExit")
        started.hints.tell(file)
        await started.run(0.3)
    for _ in range(100):
        path.read_bytes()
        os.utime(path)
        started.hints.tell(path)
        await started.run(0.05)
    assert started.kinds == []
    assert started.watcher.health.waiting == ()


async def test_f18_data_swap_never_mixes_two_revisions(scene: Scene) -> None:
    root = scene.plugins.root
    for number in range(1, 7):
        revision = root / f"..rev{number}" / "chat"
        revision.mkdir(parents=True)
        (revision / "__init__.py").write_text(
            "from . import a, b\nclass Served:\n    name, version = 'chat', '1'\n"
            "    def handle(self, request):\n        return a.NUMBER, b.NUMBER\n"
        )
        (revision / "a.py").write_text(f"NUMBER = {number}\n")
        (revision / "b.py").write_text(f"NUMBER = {number}\n")
    (root / "..data").symlink_to("..rev1")
    (root / "chat").symlink_to("..data/chat")
    await scene.watch().start()
    await scene.settle()
    assert await scene.answers("chat") == (1, 1)
    for number in range(2, 7):
        (root / "..data_tmp").symlink_to(f"..rev{number}")
        (root / "..data_tmp").replace(root / "..data")
        await scene.settle()
        assert await scene.answers("chat") == (number, number)
    assert scene.kinds == ["Loaded", *["Swapped"] * 5]


async def test_f19_hr_watch_11_a_replaced_root_is_armed_again(started: Scene) -> None:
    root = started.plugins.root
    away = root.with_name("away")
    shutil.copytree(root, root.with_name("next"))
    root.rename(away)
    root.with_name("next").rename(root)
    await started.run(2)
    assert started.watcher.health.restarts == 1
    assert started.watcher.health.degraded is None
    assert started.hints.opened == [(root,), (root,)]
    assert started.hints.open_count == 1
    assert started.kinds == [], "the same bytes are no edit"
    started.save("counter", 2)
    await started.run(QUIET)
    assert await started.answers("counter") == 2


@pytest.mark.parametrize("unload", [True, False])
async def test_f19_hr_watch_11_a_root_that_is_away_for_a_while_deletes_nothing(
    scene: Scene, unload: bool
) -> None:
    root = scene.plugins.root
    scene.save("counter", 1)
    settings = WatchSettings(unload_deleted=unload, cooldown_seconds=0)
    await scene.watch(settings=settings).start()
    await scene.settle()
    root.rename(root.with_name("away"))
    await scene.run(60)
    health = scene.watcher.health
    assert health.running
    assert health.missing_roots == (str(root),)
    assert health.degraded is not None
    assert "none of the directories" in health.degraded
    assert health.waiting == ()
    assert await scene.answers("counter") == 1
    root.with_name("away").rename(root)
    await scene.run(2)
    assert scene.watcher.health.degraded is None
    assert scene.watcher.health.missing_roots == ()
    assert scene.kinds == ["Loaded"]
    scene.save("counter", 2)
    await scene.run(QUIET)
    assert await scene.answers("counter") == 2


async def test_f19_an_edit_that_waits_while_its_root_goes_is_not_lost(started: Scene) -> None:
    root = started.plugins.root
    started.save("counter", 2)
    await started.run(QUIET / 2)
    root.rename(root.with_name("away"))
    await started.run(20)
    assert started.kinds == []
    root.with_name("away").rename(root)
    await started.settle()
    assert await started.answers("counter") == 2


async def test_f19_a_symlinked_root_and_its_swap(scene: Scene, tmp_path: Path) -> None:
    root = scene.plugins.root
    link = tmp_path / "link"
    link.symlink_to(root)
    scene.save("counter", 1)
    await scene.engine.load(root / "counter.py")  # by its other path
    await scene.watch(link, root).start()
    scene.save("counter", 2)
    await scene.settle()
    assert await scene.answers("counter") == 2
    assert scene.kinds == ["Loaded", "Swapped"], "one plugin, however its path is written"


async def test_f19_a_root_link_that_is_swapped_shows_its_new_directory(
    scene: Scene, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    scene.save("counter", 1)
    link.symlink_to(scene.plugins.root)
    await scene.watch(link).start()
    await scene.settle()
    other = PluginDirectory(tmp_path / "other")
    other.write("counter", scene.source("counter", 2))
    (tmp_path / "new").symlink_to(other.root)
    (tmp_path / "new").replace(link)
    await scene.run(2)
    assert await scene.answers("counter") == 2
    assert scene.watcher.health.restarts == 1
    other.write("counter", scene.source("counter", 3))
    scene.hints.tell()
    await scene.run(QUIET)
    assert await scene.answers("counter") == 3
    assert scene.kinds == ["Loaded", "Swapped", "Swapped"]


async def test_f4_a_file_of_zero_bytes_is_told_of_and_its_writing_is_waited_for(
    started: Scene,
) -> None:
    path = started.plugins.path("counter")
    path.write_bytes(b"")
    await started.settle()
    assert await started.answers("counter") == 1
    assert "is empty" in (started.engine.status("counter").error or "")
    assert started.kinds == ["RolledBack"]
    path.write_bytes(b"")
    started.hints.tell(path)
    await started.run(QUIET / 2)
    started.save("counter", 2)
    await started.settle()
    assert await started.answers("counter") == 2
    assert started.kinds == ["Swapped"]


def map_into(path: Path, text: str) -> None:
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:] = text.encode()


def write_by_another_name(path: Path, text: str) -> None:
    other = path.with_suffix(".link")
    other.unlink(missing_ok=True)
    other.hardlink_to(path)
    other.write_text(text)


def write_the_target(path: Path, text: str) -> None:
    target = path.with_name("target.txt")
    if not path.is_symlink():
        path.rename(target)
        path.symlink_to(target.name)
    target.write_text(text)


def write_before_the_epoch(path: Path, text: str) -> None:
    path.write_text(text)
    os.utime(path, (1, 1))  # as with a clock that was set back


def write_in_the_same_moment(path: Path, text: str) -> None:
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize(
    "write",
    [
        map_into,
        write_by_another_name,
        write_the_target,
        write_before_the_epoch,
        write_in_the_same_moment,
    ],
)
async def test_f20_edits_that_no_event_tells_of_are_found_by_the_sweep(
    started: Scene, write: Callable[[Path, str], None]
) -> None:
    path = started.plugins.path("counter")
    for answer in range(2, 7):
        write(path, started.source("counter", answer))
        await started.run(2)
        assert await started.answers("counter") == answer
    assert started.kinds == ["Swapped"] * 5
    health = started.watcher.health
    assert health.sweep_seconds == health.content_seconds == COOL.sweep_seconds
