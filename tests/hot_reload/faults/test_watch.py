"""Faults of watching, rows W1 to W10: no edit is lost, and health tells the truth."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from tests.hot_reload.watch.conftest import Scene, hold_reload

from hot_reload.watch.settings import WatchSettings

QUIET = WatchSettings().quiet_seconds
COOL = WatchSettings()


@pytest.mark.parametrize("hook", ["setup", "start", "health_check", "on_reload"])
async def test_w8_hr_watch_01_an_edit_during_a_reload_is_not_lost(
    started: Scene, hook: str
) -> None:
    release = await hold_reload(started, hook=hook)
    started.save("counter", 3)
    await started.settle()
    assert await started.answers("counter") == 1, "the reload to 2 is still held"
    release()
    await started.settle()
    assert await started.answers("counter") == 3
    assert started.kinds == ["Swapped", "Swapped"]


async def test_w7_hr_watch_01_an_edit_in_the_cooldown_is_applied_after_it(scene: Scene) -> None:
    scene.save("counter", 1)
    await scene.watch(settings=COOL).start()
    await scene.settle()
    for answer in (2, 3, 4):  # within the cooldown of the load
        scene.save("counter", answer)
        await scene.run(0.5)
    assert list(scene.watcher.health.waiting) == ["counter.py"]
    await scene.run(5)
    assert await scene.answers("counter") == 4
    first, second = scene.times
    assert second == pytest.approx(first + COOL.cooldown_seconds)
    assert scene.kinds == ["Loaded", "Swapped"]
    assert scene.watcher.health.waiting == ()


@pytest.mark.parametrize("step", [QUIET / 10, QUIET / 4, QUIET / 3, QUIET / 2, QUIET * 0.9])
async def test_w6_hr_watch_05_under_constant_change_within_the_max_wait(
    started: Scene, step: float
) -> None:
    began, answer = started.clock.now(), 2
    while started.clock.now() < began + 20:
        started.save("counter", answer)
        await started.run(step)
        answer += 1
    moments = [began, *started.times]
    longest = COOL.max_wait_seconds + step  # the change itself comes up to a step later
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert max(gaps) <= longest + 1e-6
    assert len(gaps) >= 9
    assert min(gaps) > COOL.max_wait_seconds / 2, "it reloaded too often"


async def test_w9_only_the_monotonic_clock_counts(
    started: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)
    monkeypatch.setattr("time.time_ns", lambda: 0)
    started.save("counter", 2)
    await started.run(QUIET)
    assert started.kinds == ["Swapped"]


async def test_w10_hr_watch_08_at_rest_there_is_no_reload(started: Scene) -> None:
    root = started.plugins.root
    started.save("counter", 2, extra=(
        "    def start(self):\n"
        "        import pathlib\n"
        f"        pathlib.Path({str(root)!r}, 'own.json').write_text('x')\n"
        f"        pathlib.Path({str(root)!r}, 'counter.log').write_text('x')\n"
    ))  # fmt: skip
    for _ in range(120):
        started.hints.tell(root)  # the system tells of all of it, reads too
        await started.run(0.5)
    assert (root / "own.json").exists()
    assert started.kinds == ["Swapped"]


async def test_w2_w4_at_the_watch_limit_polling_goes_on_and_health_says_so(scene: Scene) -> None:
    scene.hints.refuse(OSError("OS file watch limit reached"))
    scene.save("counter", 1)
    await scene.watch().start()
    await scene.run(2)
    scene.save("counter", 2)
    await scene.run(1.2)
    assert await scene.answers("counter") == 2
    health = scene.watcher.health
    assert health.running
    assert "OS file watch limit reached" in (health.degraded or "")
    assert "only the sweep" in (health.degraded or "")
    scene.hints.allow()
    await scene.run(35)
    assert scene.watcher.health.degraded is None


async def test_w1_w3_w5_a_source_that_dies_is_set_up_again_and_counted(started: Scene) -> None:
    for count in range(1, 4):
        started.hints.fail(OSError("overflow"))
        await started.run(0)
        assert "overflow" in (started.watcher.health.degraded or "")
        await started.run(1)
        assert started.watcher.health.degraded is None
        assert started.watcher.health.restarts == count
    started.save("counter", 2)
    await started.run(QUIET)
    assert await started.answers("counter") == 2


async def test_w5_f16_hr_watch_11_an_undecodable_name_leaves_the_watch_alive(
    started: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (b"x\xff.py", b"new\nline.py", b"esc\x1b[2J.py", b"y" * 252 + b".py"):
        (Path(os.fsdecode(os.path.join(os.fsencode(started.plugins.root), name)))).write_text("1")
        await started.settle()
    started.hints.fail(OSError("Unable to decode path"))
    await started.run(1)
    started.save("counter", 2)
    await started.settle()
    assert await started.answers("counter") == 2
    health = started.watcher.health
    assert health.running
    assert health.degraded is None
    assert health.restarts == 1
    for record in caplog.records:
        record.getMessage().encode()
        assert "\x1b" not in record.getMessage()
    for text in (*health.errors, *health.waiting):
        text.encode()
