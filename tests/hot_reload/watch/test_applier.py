"""The applier runs the bytes that were looked at, or none, and notes what was applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hot_reload.outcome import Loaded, RolledBack, Stage
from hot_reload.source.snapshot import DiskFiles
from hot_reload.watch.applier import Applier, Edit, Upshot
from hot_reload.watch.sweep import Look, Sweep
from hot_reload.watch.watched import Watched

if TYPE_CHECKING:
    from tests.hot_reload.watch.conftest import Scene


def applier(scene: Scene, *, unload_deleted: bool = False) -> Applier:
    return Applier(scene.engine, Sweep(DiskFiles()), unload_deleted=unload_deleted)


async def test_hr_watch_06_a_load_runs_the_bytes_that_were_looked_at(scene: Scene) -> None:
    path = scene.save("counter", 1)
    look = Sweep(DiskFiles()).again(path)
    scene.save("counter", 666)
    watched = Watched(seen=look)
    edit = Edit(path, watched, look)
    assert await applier(scene).apply(edit) is Upshot.DONE
    (outcome,) = scene.outcomes
    assert isinstance(outcome, RolledBack)
    assert outcome.failure.stage is Stage.READ
    assert "changed after it was looked at" in outcome.failure.cause
    assert scene.engine.names == ()
    assert watched.applied is None, "what was looked at was never tried"
    scene.save("counter", 1)
    assert await applier(scene).apply(edit) is Upshot.DONE
    assert isinstance(scene.outcomes[-1], Loaded)
    assert watched.applied == look
    assert await scene.answers("counter") == 1


async def test_hr_watch_06_so_does_a_load_after_a_failure_that_left_nothing(scene: Scene) -> None:
    first = scene.save("counter", 1)
    await scene.engine.load(first)
    scene.plugins.write(
        "counter",
        "class Served:\n    name, version, swap_policy = 'counter', '2', 'stop-first'\n"
        "    def start(self):\n        raise RuntimeError('no')\n",
    )
    look = Sweep(DiskFiles()).again(first)
    scene.save("counter", 666)
    assert await applier(scene).apply(Edit(first, Watched(), look)) is Upshot.DONE
    assert await scene.answers("counter") == 1


async def test_the_bytes_that_run_already_are_no_failure_whatever_was_looked_at(
    scene: Scene,
) -> None:
    path = scene.save("counter", 1)
    await scene.engine.load(path)
    now = Sweep(DiskFiles()).again(path)
    watched = Watched()
    assert await applier(scene).apply(Edit(path, watched, Look("0" * 64))) is Upshot.DONE
    assert scene.kinds == ["Loaded", "Unchanged"]
    assert watched.applied == now, "what counts as applied is what runs"


async def test_nothing_on_disk_and_nothing_loaded_is_nothing_to_do(scene: Scene) -> None:
    path = scene.save("counter", 1)
    look = Look("missing")
    gone = Edit(path, Watched(), look)
    assert await applier(scene).apply(gone) is Upshot.GONE
    await scene.engine.load(path)
    path.unlink()
    assert await applier(scene).apply(gone) is Upshot.DONE, "kept"
    assert await applier(scene, unload_deleted=True).apply(gone) is Upshot.GONE
    assert scene.kinds == ["Loaded", "RolledBack", "Unloaded"]
