"""What may pass is tried again, later and later; what cannot pass is not (F17, HR-LIMIT-03)."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest

from hot_reload.watch.settings import WatchSettings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hot_reload.watch.conftest import Scene

QUIET = WatchSettings().quiet_seconds
PACE = WatchSettings(cooldown_seconds=0, retry_jitter=0)
SHAKY = (
    "    def __init__(self, context):\n        self.app = context.engine\n"
    "    def {hook}(self{more}):\n"
    "        self.app.tries += 1\n"
    "        if self.app.tries <= self.app.failures: {fails}\n"
)


async def shaky(
    scene: Scene,
    failures: int,
    *,
    hook: str = "start",
    fails: str = "raise OSError('no route')",
    settings: WatchSettings = PACE,
    **options: Any,
) -> list[float]:
    """Serve 1, and save a 2 that fails so often; gives when each of its tries ended, from then."""
    scene.save("counter", 1)
    await scene.watch(settings=settings, **options).start()
    await scene.run(QUIET + settings.cooldown_seconds)
    assert scene.kinds == ["Loaded"]
    app: Any = scene.engine
    app.tries, app.failures = 0, failures
    more = ", state" if hook == "set_reload_state" else ""
    scene.save("counter", 2, extra=SHAKY.format(hook=hook, fails=fails, more=more))
    await scene.run(QUIET)
    return scene.times


@pytest.mark.parametrize(
    ("hook", "fails"),
    [
        ("start", "raise OSError('no route')"),
        ("setup", "raise ConnectionError('refused')"),
        ("health_check", "return False"),
        ("on_reload", "raise TimeoutError('late')"),
    ],
)
async def test_f17_a_passing_failure_is_tried_again_and_succeeds(
    scene: Scene, hook: str, fails: str
) -> None:
    if hook == "health_check":
        fails = "return False\n        return True"
    times = await shaky(scene, 2, hook=hook, fails=fails)
    began = times[0]
    assert await scene.answers("counter") == 1
    await scene.run(60)
    assert [each - began for each in times] == pytest.approx([0.0, 1.0, 3.0])
    assert await scene.answers("counter") == 2
    assert scene.kinds == ["RolledBack", "RolledBack", "Swapped"]
    assert scene.watcher.health.waiting == ()


async def test_f17_no_more_tries_than_declared(scene: Scene) -> None:
    await shaky(scene, 1_000)
    await scene.run(600)
    assert scene.kinds == ["RolledBack"] * 3
    assert await scene.answers("counter") == 1
    assert "no route" in (scene.engine.status("counter").error or "")
    health = scene.watcher.health
    assert health.waiting == ()
    assert health.retries == ()


async def test_f17_one_try_means_no_retries(scene: Scene) -> None:
    settings = WatchSettings(cooldown_seconds=0, retry_tries=1)
    await shaky(scene, 1_000, settings=settings)
    await scene.run(600)
    assert scene.kinds == ["RolledBack"]


async def test_hr_limit_03_pauses_grow_with_jitter_from_a_seed(scene: Scene) -> None:
    settings = WatchSettings(cooldown_seconds=0, retry_tries=6, retry_jitter=0.5)
    times = await shaky(scene, 1_000, settings=settings, chance=random.Random(7).random)
    await scene.run(200)
    same = random.Random(7)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    expected = [2.0**number * (1 + 0.5 * same.random()) for number in range(5)]
    assert pauses == pytest.approx(expected)


async def test_f17_a_new_edit_resets_the_budget_and_is_tried_at_once(scene: Scene) -> None:
    await shaky(scene, 1_000)
    await scene.run(0.5)  # the next try is half a second away
    scene.save("counter", 3, extra=SHAKY.format(hook="start", fails="raise OSError(3)", more=""))
    began = scene.clock.now()
    scene.outcomes.clear()
    scene.times.clear()
    await scene.run(600)
    assert [each - began for each in scene.times] == pytest.approx([QUIET, QUIET + 1, QUIET + 3])
    assert scene.kinds == ["RolledBack"] * 3
    scene.save("counter", 4)
    await scene.run(QUIET * 1.01)
    assert await scene.answers("counter") == 4
    assert scene.kinds == ["Swapped"]


async def test_f17_a_revert_ends_the_retries(scene: Scene) -> None:
    await shaky(scene, 1_000)
    scene.save("counter", 1)
    await scene.run(600)
    assert scene.kinds == ["RolledBack", "Unchanged"]
    assert scene.engine.status("counter").error is None


async def test_f17_a_deleted_file_ends_the_retries(scene: Scene) -> None:
    await shaky(scene, 1_000)
    scene.plugins.delete("counter")
    await scene.run(600)
    assert scene.kinds == ["RolledBack", "RolledBack"], "its deletion was told of, once"
    assert "file missing" in (scene.engine.status("counter").error or "")


@pytest.mark.parametrize(
    "source",
    [
        "def broken(:",
        "",
        "x = 1",
        "class P:\n    version = 'not a version'\n    def handle(self, r): return 1\n",
        "class P:\n    version = '1'\n    dependencies = ['nobody']\n"
        "    def handle(self, r): return 1\n",
        "class P:\n    version = '1'\n    def start(self): undefined_name\n"
        "    def handle(self, r): return 1\n",
        "eval('1 +')",
    ],
    ids=["syntax", "empty", "no plugin", "metadata", "dependency", "name", "inner syntax"],
)
async def test_f17_what_the_source_itself_does_wrong_is_tried_once(
    started: Scene, source: str
) -> None:
    started.plugins.write("counter", source)
    await started.run(600)
    assert started.kinds == ["RolledBack"]
    assert started.watcher.health.retries == ()


async def test_f17_health_tells_of_the_next_try(scene: Scene) -> None:
    await shaky(scene, 2)
    await scene.run(0.25)
    health = scene.watcher.health
    assert health.waiting == ("counter.py",)
    (retry,) = health.retries
    assert (retry.file, retry.tried, retry.tries) == ("counter.py", 1, 3)
    assert retry.next_seconds == pytest.approx(0.75)
    await scene.run(1)
    (retry,) = scene.watcher.health.retries
    assert retry.tried == 2
    assert retry.next_seconds == pytest.approx(1.75)
    await scene.run(3)
    assert scene.watcher.health.retries == ()


async def test_f18_retries_keep_their_own_pauses_and_an_edit_keeps_the_cooldown(
    scene: Scene,
) -> None:
    settings = WatchSettings(cooldown_seconds=5, retry_jitter=0)
    times = await shaky(scene, 1, settings=settings)
    await scene.run(2)
    assert [each - times[0] for each in times] == pytest.approx([0, 1])
    assert await scene.answers("counter") == 2
    scene.save("counter", 3)
    await scene.run(20)
    assert times[2] - times[1] == pytest.approx(5)
    assert await scene.answers("counter") == 3


async def test_f18_retries_count_within_the_rate(scene: Scene) -> None:
    settings = WatchSettings(
        cooldown_seconds=0, retry_jitter=0, retry_tries=10, limit=3, window_seconds=60
    )
    times = await shaky(scene, 1_000, settings=settings)
    await scene.run(2_000)
    assert len(times) == 10
    for moment in times:
        assert len([each for each in times if moment <= each < moment + 60]) <= 3


async def test_f17_disabled_nothing_is_retried_and_enabled_it_goes_on(scene: Scene) -> None:
    await shaky(scene, 1)
    scene.watcher.disable()
    await scene.run(100)
    assert scene.kinds == ["RolledBack"]
    scene.watcher.enable()
    await scene.run(0)
    assert scene.kinds == ["Swapped"]


async def test_f17_a_first_load_is_retried_too(scene: Scene) -> None:
    app: Any = scene.engine
    app.tries, app.failures = 0, 2
    scene.save(
        "counter",
        7,
        extra=SHAKY.format(hook="start", fails="raise OSError('no route')", more=""),
    )
    await scene.watch(settings=PACE).start()
    await scene.run(10)
    assert scene.kinds == ["RolledBack", "RolledBack", "Loaded"]
    assert await scene.answers("counter") == 7


async def test_f17_stop_ends_the_retries(scene: Scene) -> None:
    await shaky(scene, 1_000)
    await scene.watcher.stop()
    await scene.run(600)
    assert scene.kinds == ["RolledBack"]


async def test_f17_a_read_that_fails_is_taken_anew(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hot_reload.source.snapshot import DiskFiles

    scene.save("counter", 1)
    await scene.watch(settings=PACE).start()
    await scene.settle()
    real, broken = DiskFiles.read, 2

    def read(self: DiskFiles, path: Path, *, limit_bytes: int) -> bytes:
        nonlocal broken
        from hot_reload.errors import SourceError

        if broken and reading_engine():
            broken -= 1
            raise SourceError(f"cannot read {path}: Input/output error", file=str(path))
        return real(self, path, limit_bytes=limit_bytes)

    def reading_engine() -> bool:
        return scene.watcher.health.waiting == ("counter.py",) and any(
            each.busy for each in scene.watcher._ledger.watched.values()
        )

    monkeypatch.setattr(DiskFiles, "read", read)
    scene.save("counter", 2)
    await scene.run(10)
    assert broken == 0
    assert await scene.answers("counter") == 2
    assert scene.kinds == ["Loaded", "RolledBack", "RolledBack", "Swapped"]
