"""The watcher's decisions, on a clock that only the test moves, with real files."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.hot_reload.watch.conftest import hold_reload

from hot_reload import Engine
from hot_reload.errors import EngineMisuse
from hot_reload.outcome import Outcome, RolledBack
from hot_reload.watch.settings import WatchSettings
from hot_reload.watch.watcher import Watcher
from hot_reload_fixtures import PluginDirectory, SaveStyle, ScriptedHints

if TYPE_CHECKING:
    from tests.hot_reload.watch.conftest import HookedFiles, Scene

QUIET = WatchSettings().quiet_seconds
COOL = WatchSettings()
"""The defaults: with their cooldown."""


# HR-WATCH-01, 02: no edit is lost


async def test_f43_every_file_of_a_package_reloads_it(scene: Scene) -> None:
    scene.plugins.write_package(
        "chat", {"__init__": "from .words import Served", "words": scene.source("chat", 1)}
    )
    await scene.watch().start()
    await scene.settle()
    scene.plugins.write("chat/words", scene.source("chat", 2))
    await scene.settle()
    assert await scene.answers("chat") == 2
    assert scene.kinds == ["Loaded", "Swapped"]


async def test_hr_limit_05_a_storm_during_a_reload_gives_one_follow_up(started: Scene) -> None:
    release = await hold_reload(started)
    for answer in range(3, 30):
        started.save("counter", answer)
        await started.run(QUIET * 2)
    assert list(started.watcher.health.waiting) == ["counter.py"]
    release()
    await started.settle()
    assert await started.answers("counter") == 29
    assert started.kinds == ["Swapped", "Swapped"]


async def test_f18_hr_limit_01_no_more_operations_than_the_rate(scene: Scene) -> None:
    settings = WatchSettings(cooldown_seconds=0, limit=3, window_seconds=10)
    scene.save("counter", 0)
    await scene.watch(settings=settings).start()
    for answer in range(1, 120):
        scene.save("counter", answer)
        await scene.run(0.25)
    times = scene.times
    for moment in times:
        assert len([each for each in times if moment <= each < moment + 10]) <= 3
    await scene.run(11)
    assert await scene.answers("counter") == 119


async def test_hr_limit_01_a_revert_in_the_cooldown_does_not_end_it(scene: Scene) -> None:
    scene.save("counter", 1)
    await scene.watch(settings=COOL).start()
    await scene.settle()
    scene.save("counter", 2)
    await scene.run(0.5)
    scene.save("counter", 1)
    await scene.run(0.5)
    scene.save("counter", 3)
    await scene.run(9)
    first, second = scene.times
    assert second >= first + COOL.cooldown_seconds
    assert await scene.answers("counter") == 3


async def test_hr_limit_02_a_revert_in_the_cooldown_leaves_nothing_to_do(scene: Scene) -> None:
    scene.save("counter", 1)
    await scene.watch(settings=COOL).start()
    await scene.settle()
    scene.save("counter", 2)
    await scene.run(0.5)
    scene.save("counter", 1)
    await scene.run(10)
    assert scene.kinds == ["Loaded"]
    assert scene.watcher.health.waiting == ()


@pytest.mark.parametrize("last", ["edit", "delete"])
async def test_hr_limit_02_a_change_right_before_the_cooldown_ends(scene: Scene, last: str) -> None:
    # Its waiting ends while the plugin is not at rest: nothing may go round in circles then.
    path = scene.save("counter", 1)
    await scene.watch(settings=COOL).start()
    await scene.settle()
    (loaded_at,) = scene.times
    scene.save("counter", 2)
    await scene.run(loaded_at + COOL.cooldown_seconds - 0.01 - scene.clock.now())
    path.unlink() if last == "delete" else scene.save("counter", 3)
    await scene.run(COOL.cooldown_seconds)
    assert await scene.answers("counter") == (1 if last == "delete" else 3)
    assert scene.kinds == ["Loaded", "RolledBack" if last == "delete" else "Swapped"]


async def test_hr_watch_01_an_edit_during_a_failing_reload_is_not_lost(started: Scene) -> None:
    release = await hold_reload(started, then="raise RuntimeError('half')")
    started.save("counter", 3)
    await started.settle()
    release()
    await started.settle()
    assert await started.answers("counter") == 3
    assert started.kinds == ["RolledBack", "Swapped"]


async def test_w20_a_broken_edit_and_its_revert_clear_the_error(started: Scene) -> None:
    good = started.plugins.read("counter")
    started.plugins.write("counter", "def broken(:")
    await started.settle()
    assert await started.answers("counter") == 1
    error = started.engine.status("counter").error
    assert error is not None
    assert "syntax" in error
    started.plugins.write("counter", good)
    await started.settle()
    assert started.engine.status("counter").error is None
    assert started.kinds == ["RolledBack", "Unchanged"]


async def test_hr_limit_03_a_broken_edit_is_tried_once(started: Scene) -> None:
    started.save("counter", "1/0 (")
    await started.run(300)
    assert started.kinds == ["RolledBack"]


@pytest.mark.parametrize("gap", [QUIET / 2, QUIET * 3])
async def test_w19_there_and_back_again(started: Scene, gap: float) -> None:
    started.save("counter", 2)
    await started.run(gap)
    started.save("counter", 1)
    await started.settle()
    assert await started.answers("counter") == 1
    # Whether 2 was ever loaded or not: 1 is what runs, and nothing was done in vain.
    assert started.kinds == ([] if gap < QUIET else ["Swapped", "Swapped"])


async def test_an_edit_that_the_host_reloaded_itself_is_not_reloaded_again(started: Scene) -> None:
    started.save("counter", 2)
    await started.engine.reload("counter")
    await started.settle()
    assert started.kinds == ["Swapped"]


# HR-WATCH-03 to 05: when


async def test_hr_watch_03_w5_a_burst_gives_one_reload(started: Scene) -> None:
    for answer in range(2, 12):
        started.save("counter", answer)
        await started.run(QUIET / 2)
    await started.settle()
    assert await started.answers("counter") == 11
    assert started.kinds == ["Swapped"]


async def test_hr_watch_04_not_before_the_quiet_period_has_ended(started: Scene) -> None:
    started.save("counter", 2)
    await started.run(QUIET * 0.9)
    started.save("counter", 3)
    await started.run(QUIET * 0.99)
    assert started.kinds == []
    await started.run(QUIET * 0.01)
    assert started.kinds == ["Swapped"]
    assert await started.answers("counter") == 3


async def test_f42_several_plugins_in_one_settled_set(scene: Scene) -> None:
    names = [f"plugin{number}" for number in range(5)]
    for name in names:
        scene.save(name, 1)
    await scene.watch().start()
    await scene.settle()
    scene.outcomes.clear()
    scene.times.clear()
    for name in names:
        scene.save(name, 2)
    await scene.settle()
    assert [await scene.answers(name) for name in names] == [2] * 5
    assert len(set(scene.times)) == 1
    assert scene.kinds == ["Swapped"] * 5


async def test_f42_plugins_do_not_wait_for_each_other(started: Scene) -> None:
    started.save("other", 1)
    await started.run(QUIET)
    assert started.kinds == ["Loaded"]
    release = await hold_reload(started)
    started.save("other", 2)
    await started.run(QUIET)
    assert await started.answers("other") == 2
    release()


async def test_a_dependent_that_came_first_is_loaded_after_its_dependency(scene: Scene) -> None:
    scene.save("a_needs", 1, extra="    dependencies = ['z_base>=2.0']\n")
    scene.save("z_base", 1)
    await scene.watch().start()
    await scene.run(10)
    status = scene.kinds
    assert sorted(status) == ["Loaded", "RolledBack", "RolledBack"], "no version of z_base fits yet"
    scene.save("z_base", 1, version="2.0")
    await scene.settle()
    assert scene.engine.names == ("z_base", "a_needs")
    assert scene.kinds == ["Swapped", "Loaded"]
    await scene.run(100)
    assert scene.kinds == []


async def test_what_is_wrong_with_a_plugin_itself_is_not_asked_again_when_others_change(
    started: Scene,
) -> None:
    redactor = (
        "class Served:\n    version = '1'\n    def redact(self, event):\n        return event\n"
    )
    started.plugins.write("masks", redactor)
    await started.settle()
    assert started.kinds == ["Loaded"]
    started.plugins.write("masks", redactor.replace("redact", "handle"))
    started.plugins.write("wrong", "class Served:\n    name, version = 'A b', '1'\n")
    started.plugins.write("odd", "class Served:\n    version = 'none'\n")
    await started.settle()
    assert started.kinds == ["RolledBack"] * 3
    started.save("counter", 2)
    await started.settle()
    assert started.kinds == ["Swapped"], "a new counter changes no name, version or role of theirs"


async def test_a_taken_name_is_asked_for_again_when_others_change(started: Scene) -> None:
    started.plugins.write("late", started.source("counter", 7))
    await started.settle()
    assert started.kinds == ["RolledBack"], "counter.py has the name"
    await started.engine.unload("counter")
    started.plugins.delete("counter")
    await started.settle()
    assert await started.answers("counter") == 7
    assert started.kinds == ["Unloaded", "Loaded"]


# HR-WATCH-06: torn files


async def test_hr_watch_06_two_equal_reads_even_if_no_status_changed(
    started: Scene, hooked_files: HookedFiles
) -> None:
    # Between the first look and the second one the bytes change behind the status's back.
    await started.watcher.stop()
    await started.watch(files=hooked_files).start()
    await started.settle()
    started.save("counter", 2)
    hooked_files.before_read[hooked_files.reads + 2] = lambda: started.plugins.save(
        "counter", started.source("counter", 3), SaveStyle.SAME_SIZE_AND_MTIME
    )
    await started.run(QUIET)
    assert started.kinds == [], "two looks that differ are no reason to load"
    await started.run(QUIET)
    assert await started.answers("counter") == 3
    assert started.kinds == ["Swapped"]


async def test_hr_watch_06_what_changes_between_look_and_load_is_not_run(
    open_scene: Callable[..., Any], hot_reload_dir: PluginDirectory, hooked_files: HookedFiles
) -> None:
    async with open_scene(hot_reload_dir, files=hooked_files) as scene:
        path = scene.save("counter", 1)
        await scene.watch().start()  # the watch reads the disk, the engine the bent files
        await scene.settle()
        scene.kinds  # noqa: B018
        scene.save("counter", 2)
        good = path.read_bytes()
        ran: list[Any] = []
        hooked_files.before_read[hooked_files.reads + 1] = lambda: path.write_bytes(
            scene.source("counter", 666).encode()
        )
        await scene.run(QUIET)
        ran.append(await scene.answers("counter"))
        path.write_bytes(good)  # and it is whole again, as it was seen: 2 must not be lost
        for _ in range(20):
            await scene.run(QUIET)
            ran.append(await scene.answers("counter"))
        assert 666 not in ran
        assert ran[0] == 1
        assert ran[-1] == 2
        assert scene.kinds == ["RolledBack", "Swapped"]


async def test_hr_watch_06_torn_at_the_moment_the_longest_wait_ends(started: Scene) -> None:
    path = started.plugins.path("counter")
    began = started.clock.now()
    due = began + COOL.max_wait_seconds - QUIET  # the glances take the rest
    answer = 2
    while started.clock.now() < due - QUIET / 2:
        started.save("counter", answer)
        answer += 1
        await started.run(min(QUIET / 2, due - QUIET / 4 - started.clock.now()))
    await started.run(due - 0.001 - started.clock.now())
    assert started.kinds == []
    path.write_text(started.source("counter", 666))  # torn, and yet it would run
    started.hints.tell(path)
    await started.run(0.01)
    path.write_text(started.source("counter", 1000))
    started.hints.tell(path)
    ran = []
    while started.clock.now() < began + COOL.max_wait_seconds:
        await started.run(0.005)
        ran.append(await started.answers("counter"))
    assert set(ran) == {1, 1000}


# HR-WATCH-07, 08: what is no edit


async def test_hr_watch_07_w22_names_that_resemble_excluded_ones_are_plugins(scene: Scene) -> None:
    scene.save("latest_news", 1)
    scene.save("contest_x", 2)
    await scene.watch().start()
    await scene.settle()
    assert set(scene.engine.names) == {"latest_news", "contest_x"}


async def test_at_rest_nothing_runs_but_the_sweep(started: Scene) -> None:
    turns: list[float] = []
    started.clock.call_later(0, lambda: None)
    before = started.clock.now()
    fired = await started.clock.advance_async(60)
    turns.append(started.clock.now() - before)
    assert fired <= 62, "the watch wakes more often than it sweeps"


# HR-WATCH-09, 10: what comes and goes


async def test_f44_hr_watch_09_w17_new_file_and_copied_in_package(
    started: Scene, tmp_path: Path
) -> None:
    source = tmp_path / "elsewhere" / "chat"
    source.mkdir(parents=True)
    (source / "__init__.py").write_text("from .words import Served")
    (source / "words.py").write_text(started.source("chat", 7))
    started.save("other", 5)
    shutil.copytree(source, started.plugins.root / "chat")
    await started.settle()
    assert [await started.answers(name) for name in ("chat", "other")] == [7, 5]
    assert started.kinds == ["Loaded", "Loaded"]


async def test_hr_watch_09_a_new_file_is_not_loaded_before_it_is_written(started: Scene) -> None:
    started.plugins.write("other", "")
    await started.run(QUIET * 0.9)
    started.save("other", 5)
    await started.settle()
    assert started.kinds == ["Loaded"]


async def test_hr_watch_09_new_files_are_left_alone_where_that_is_asked_for(scene: Scene) -> None:
    path = scene.save("counter", 1)
    await scene.watch(settings=WatchSettings(load_new=False, cooldown_seconds=0)).start()
    await scene.settle()
    assert scene.engine.names == ()
    await scene.engine.load(path)
    scene.save("counter", 2)
    await scene.settle()
    assert await scene.answers("counter") == 2, "what the host loads is watched all the same"
    assert scene.kinds == ["Loaded", "Swapped"]


async def test_hr_watch_10_w16_deleted_unloaded_and_back_with_the_same_bytes(scene: Scene) -> None:
    path = scene.save("counter", 1)
    text = path.read_bytes()
    settings = WatchSettings(unload_deleted=True, cooldown_seconds=0)
    await scene.watch(settings=settings).start()
    await scene.settle()
    path.unlink()
    await scene.run(3)
    assert scene.engine.names == ()
    assert scene.kinds == ["Loaded", "Unloaded"]
    path.write_bytes(text)
    await scene.settle()
    assert await scene.answers("counter") == 1
    assert scene.kinds == ["Loaded"]


async def test_hr_watch_10_a_refused_unload_is_asked_for_again_when_others_change(
    scene: Scene,
) -> None:
    base = scene.save("base", 1)
    await scene.engine.load(base)
    top = scene.save("top", 1, extra="    dependencies = ['base']\n")
    settings = WatchSettings(unload_deleted=True, cooldown_seconds=0)
    await scene.watch(settings=settings).start()
    await scene.settle()
    scene.kinds  # noqa: B018
    base.unlink()
    await scene.run(30)
    assert scene.kinds == ["Refused"], "it may not go while top needs it, and is asked once"
    top.unlink()
    await scene.run(5)
    assert scene.engine.names == ()
    assert scene.kinds == ["Unloaded", "Unloaded"]


async def test_a_file_that_never_loaded_and_goes_is_forgotten(started: Scene) -> None:
    started.plugins.write("broken", "def (")
    await started.settle()
    assert started.kinds == ["RolledBack"]
    started.plugins.delete("broken")
    await started.run(10)
    assert started.kinds == []
    assert started.watcher.health.waiting == ()


# HR-WATCH-11: what the watch survives


async def test_hr_watch_11_f45_failures_of_all_kinds_leave_the_watch_alive(started: Scene) -> None:
    def broken_listener(event: object) -> None:
        raise RuntimeError("a listener's bug")

    started.engine.listen(broken_listener)
    await started.watcher.stop()
    started.watch(settings=WatchSettings(cooldown_seconds=0, retry_tries=1))
    await started.watcher.start()
    broken = (
        "raise SystemExit(3)",
        "raise BaseException('x')",
        "import nothing_there",
        "raise __import__('asyncio').CancelledError",
        "\0",
        "é".encode("latin-1"),
    )
    for source in broken:
        data = source if isinstance(source, bytes) else source.encode()
        started.plugins.path("counter").write_bytes(data)
        await started.settle()
        assert await started.answers("counter") == 1
    started.save("counter", 2)
    await started.settle()
    assert await started.answers("counter") == 2
    assert started.kinds == [*["RolledBack"] * 6, "Swapped"]
    assert started.watcher.health.running


async def test_hr_watch_11_operations_that_raise_neither_end_the_watch_nor_loop(
    started: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    async def broken(name: str, **_: Any) -> Outcome:
        calls.append(name)
        raise ValueError("a bug in the host's engine")

    started.save("other", 1)
    await started.settle()
    with monkeypatch.context() as patch:
        patch.setattr(started.engine, "reload", broken)
        started.save("counter", 2)
        await started.run(120)
        assert calls == ["counter"] * 3
        health = started.watcher.health
        assert health.running
        assert health.errors == ("counter.py: ValueError: a bug in the host's engine",)
        started.save("counter", 3)  # a new edit resets the budget
        await started.run(120)
        assert calls == ["counter"] * 6
    started.save("counter", 4)
    await started.settle()
    assert await started.answers("counter") == 4
    assert started.watcher.health.errors == ()
    assert "applying" in caplog.text


async def test_hr_watch_11_a_cancelled_operation_is_tried_again(
    started: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = started.engine.reload
    first = [asyncio.CancelledError("somebody else's")]

    async def reload(name: str, **more: Any) -> Outcome:
        if first:
            raise first.pop()
        return await real(name, **more)

    monkeypatch.setattr(started.engine, "reload", reload)
    started.save("counter", 2)
    await started.settle()
    assert await started.answers("counter") == 2


async def test_hr_watch_11_a_turn_that_raises_is_followed_by_the_next(
    started: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    turns: list[float] = []

    def broken(*_: Any, **__: Any) -> Any:
        turns.append(started.clock.now())
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("hot_reload.watch.survey.Survey.look", broken)
        started.save("counter", 2)
        await started.run(5)
        assert started.kinds == []
        assert 5 <= len(turns) <= 7, "it goes on at the pace of the sweep"
    await started.settle()
    assert await started.answers("counter") == 2
    assert "a turn of the watch failed" in caplog.text


async def test_hr_watch_11_turns_that_raise_with_something_due_are_told_and_no_busy_loop(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waited for a limit stays due while each turn fails at it."""
    scene.save("counter", 1)
    await scene.watch(settings=WatchSettings(limit=1, window_seconds=4)).start()
    await scene.settle()
    scene.save("counter", 2)
    await scene.settle()
    assert scene.watcher.health.waiting == ("counter.py",)
    turns: list[float] = []

    def broken(*_: Any, **__: Any) -> Any:
        turns.append(scene.clock.now())
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("hot_reload.watch.ledger.Ledger.settle", broken)
        await scene.run(5)
        assert 2 <= len(turns) <= 7, "it goes on at the pace of the sweep"
        (told,) = scene.watcher.health.errors
        assert told == "a turn of the watch failed: RuntimeError: a bug"
    await scene.settle()
    assert not scene.watcher.health.errors
    assert await scene.answers("counter") == 2


async def test_hr_watch_11_w24_a_closed_engine_ends_the_watch_visibly(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.save("counter", 1)
    await scene.watch().start()
    await scene.settle()
    await scene.engine.close()
    await scene.run(3)
    health = scene.watcher.health
    assert not health.running
    assert health.degraded == "the engine is closed"
    assert scene.hints.open_count == 0
    assert scene.clock.pending == 0
    await scene.watcher.stop()
    with pytest.raises(EngineMisuse, match="closed"):
        await scene.watcher.start()


def task_of(name: str) -> asyncio.Task[Any]:
    (found,) = [each for each in asyncio.all_tasks() if each.get_name() == f"watcher: {name}"]
    return found


async def test_hr_watch_11_a_watch_that_somebody_cancelled_says_so(started: Scene) -> None:
    """As by who cancels every task of the loop; health must not go on to call it fine."""
    task_of("turns").cancel()
    await started.run(1)
    health = started.watcher.health
    assert not health.running
    assert "cancelled" in (health.degraded or "")
    assert started.hints.open_count == 0
    await started.watcher.stop()
    await started.watcher.start()
    started.save("counter", 2)
    await started.settle()
    assert await started.answers("counter") == 2
    assert started.watcher.health.running


async def test_hr_watch_11_hints_go_on_where_their_task_was_cancelled(started: Scene) -> None:
    task_of("listener").cancel()
    await started.run(2)
    assert started.hints.open_count == 1
    assert started.watcher.health.running


async def test_f40_the_pauses_between_restarts_grow_to_a_limit(scene: Scene) -> None:
    scene.hints.refuse(OSError("limit"))
    await scene.watch().start()
    await scene.run(600)
    # 0.1, 0.2, ... 25.6, and then each 30 s.
    assert len(scene.hints.opened) == pytest.approx(9 + (600 - 51) / 30, abs=1.5)
    assert scene.watcher.health.restarts == len(scene.hints.opened)


async def test_f40_a_source_that_dies_at_once_each_time_is_not_set_up_in_a_loop(
    scene: Scene,
) -> None:
    class Dying(ScriptedHints):
        def __call__(self, directories: tuple[Path, ...]) -> Any:
            source = super().__call__(directories)
            self.fail(OSError("again"))
            return source

    scene.hints = Dying()
    await scene.watch().start()
    await scene.run(300)
    assert len(scene.hints.opened) < 25


# HR-WATCH-12, 13: switch and end


async def test_f44_hr_watch_12_disabled_nothing_enabled_it_catches_up(started: Scene) -> None:
    started.watcher.disable()
    started.save("counter", 2)
    started.save("other", 5)
    await started.run(60)
    assert started.kinds == []
    assert not started.watcher.health.enabled
    assert set(started.watcher.health.waiting) == {"counter.py", "other.py"}
    started.watcher.enable()
    await started.run(QUIET)
    assert await started.answers("counter") == 2
    assert await started.answers("other") == 5
    assert started.watcher.health.waiting == ()


async def test_hr_watch_12_it_can_be_started_disabled(scene: Scene) -> None:
    scene.save("counter", 1)
    await scene.watch(enabled=False).start()
    await scene.run(5)
    assert scene.kinds == []
    scene.watcher.enable()
    await scene.run(QUIET)
    assert scene.kinds == ["Loaded"]


async def test_hr_watch_12_an_edit_and_its_revert_while_disabled_are_nothing(
    started: Scene,
) -> None:
    started.watcher.disable()
    started.save("counter", 2)
    await started.settle()
    started.save("counter", 1)
    await started.settle()
    started.watcher.enable()
    await started.settle()
    assert started.kinds == []


async def test_hr_watch_13_stop_is_final(started: Scene) -> None:
    tasks = asyncio.all_tasks()
    await started.watcher.stop()
    await started.watcher.stop()
    assert asyncio.all_tasks() < tasks
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert started.hints.open_count == 0
    assert started.clock.pending == 0
    started.save("counter", 2)
    await started.run(60)
    assert started.kinds == []
    assert not started.watcher.health.running
    assert started.watcher.health.degraded == "not started"


async def test_hr_watch_13_stop_during_a_reload_rolls_it_back(started: Scene) -> None:
    await hold_reload(started)
    await started.watcher.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert await started.answers("counter") == 1
    await started.run(60)
    assert started.kinds == ["NoneType"]


async def test_hr_watch_13_stop_while_edits_wait(started: Scene) -> None:
    started.save("counter", 2)
    await started.run(QUIET / 2)
    await started.watcher.stop()
    await started.run(60)
    assert started.kinds == []


async def test_hr_watch_13_stop_in_the_moment_of_the_start(scene: Scene) -> None:
    scene.save("counter", 1)
    await scene.watch().start()
    await scene.watcher.stop()
    await scene.run(10)
    assert scene.kinds == []
    assert scene.hints.open_count == 0


async def test_hr_watch_13_two_who_stop_both_wait_for_the_end(started: Scene) -> None:
    await hold_reload(started)
    await asyncio.gather(started.watcher.stop(), started.watcher.stop())
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_hr_watch_13_a_cancelled_stop_stops_all_the_same(started: Scene) -> None:
    await hold_reload(started)
    stopping = asyncio.create_task(started.watcher.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert started.hints.open_count == 0


async def test_hr_watch_13_a_source_that_is_slow_to_close_is_waited_for(scene: Scene) -> None:
    closing, let = asyncio.Event(), asyncio.Event()

    class Slow(ScriptedHints):
        def __call__(self, directories: tuple[Path, ...]) -> Any:
            source = super().__call__(directories)
            close = source.close

            async def slow() -> None:
                closing.set()
                await let.wait()
                await close()

            source.close = slow  # type: ignore[method-assign]
            return source

    scene.hints = Slow()
    root = scene.plugins.root
    await scene.watch().start()
    await scene.run(0)
    shutil.copytree(root, root.with_name("next"))
    root.rename(root.with_name("away"))
    root.with_name("next").rename(root)
    await scene.run(1.1)  # the source is being replaced, and takes its time
    assert closing.is_set()
    stopping = asyncio.create_task(scene.watcher.stop())
    await scene.run(5)
    assert not stopping.done()
    let.set()
    await stopping
    assert scene.hints.open_count == 0


async def test_start_after_stop_catches_up(started: Scene) -> None:
    await started.watcher.stop()
    started.save("counter", 2)
    await started.watcher.start()
    await started.settle()
    assert await started.answers("counter") == 2
    with pytest.raises(EngineMisuse, match="runs already"):
        await started.watcher.start()


async def test_a_plugin_that_stops_its_watcher_is_told_why_not(started: Scene) -> None:
    heard: list[BaseException] = []

    async def stop() -> None:
        try:
            await started.watcher.stop()
        except EngineMisuse as error:
            heard.append(error)

    started.plugins.write("stopper", (
        "class Stopper:\n    version = '1'\n"
        "    def __init__(self, context):\n        self.stop = context.engine.watch_stop\n"
        "    async def start(self):\n        await self.stop()\n"
    ))  # fmt: skip
    started.engine.watch_stop = stop  # type: ignore[attr-defined]
    await started.settle()
    assert len(heard) == 1
    assert "from inside plugin 'stopper'" in str(heard[0])
    assert started.watcher.health.running


async def test_a_watcher_that_a_plugin_starts_works_from_outside_of_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.watch()
    scene.engine.watch_start = scene.watcher.start  # type: ignore[attr-defined]
    source = (
        "import asyncio\n"
        "class Starter:\n    name, version = 'starter', '1'\n"
        "    def __init__(self, context):\n        self.context = context\n"
        "    async def start(self):\n        self.context.spawn(self.background())\n"
        "    async def background(self):\n"
        "        await self.context.engine.watch_start()\n"
        "        await asyncio.Event().wait()\n"
    )
    await scene.engine.load(scene.plugins.write("starter", source))
    scene.save("counter", 1)
    await scene.settle()
    answered: list[str] = []
    reload = scene.engine.reload

    async def told(name: str, **more: Any) -> Outcome:
        outcome = await reload(name, **more)
        answered.append(type(outcome).__name__)
        return outcome

    monkeypatch.setattr(scene.engine, "reload", told)
    # From inside of its own background task a reload of the plugin would be deferred.
    scene.plugins.write("starter", "class Starter:\n    name, version = 'starter', '2'\n")
    await scene.settle()
    assert scene.kinds == ["Loaded", "Loaded", "Swapped"]
    assert answered == ["Swapped"]


# HR-WATCH-14: declared inputs


INPUT = (
    "    inputs = ['data/words.txt']\n"
    "    def __init__(self, context):\n"
    "        import pathlib\n"
    "        self.app = context.engine\n"
    "        self.words = pathlib.Path({path!r}).read_text()\n"
    "        if self.words == 'bad': raise ValueError('bad words')\n"
    "    def handle(self, request):\n"
    "        return self.words\n"
)


async def with_input(scene: Scene) -> Path:
    path = scene.plugins.root / "data" / "words.txt"
    path.parent.mkdir()
    path.write_text("one")
    scene.save("counter", 1, extra=INPUT.format(path=str(path)))
    await scene.watch().start()
    await scene.settle()
    assert await scene.answers("counter") == "one"
    assert scene.kinds == ["Loaded"]
    return path


async def test_hr_watch_14_f43_an_edit_of_an_input_reloads_once(scene: Scene) -> None:
    path = await with_input(scene)
    for word in ("two", "333", "two", "five words"):
        path.write_text(word)
        scene.hints.tell(path)
        await scene.run(QUIET)
        assert await scene.answers("counter") == word
        await scene.run(10)
        assert scene.kinds == ["Swapped"]


async def test_hr_watch_14_source_and_input_in_one_burst_are_one_reload(scene: Scene) -> None:
    path = await with_input(scene)
    path.write_text("two")
    scene.plugins.edit("counter", "'1.0'", "'2.0'")
    await scene.settle()
    assert await scene.answers("counter") == "two"
    assert scene.kinds == ["Swapped"]


async def test_hr_watch_14_a_bad_input_and_its_revert(scene: Scene) -> None:
    path = await with_input(scene)
    path.write_text("bad")
    await scene.settle()
    assert await scene.answers("counter") == "one"
    assert "bad words" in (scene.engine.status("counter").error or "")
    path.write_text("one")
    await scene.settle()
    assert scene.engine.status("counter").error is None
    path.write_text("bad")
    await scene.settle()
    path.write_text("two")
    await scene.settle()
    assert await scene.answers("counter") == "two"
    assert scene.kinds == ["RolledBack", "Unchanged", "RolledBack", "Swapped"]


async def test_hr_watch_14_a_missing_input_and_its_return(scene: Scene) -> None:
    path = await with_input(scene)
    path.unlink()
    await scene.settle()
    assert await scene.answers("counter") == "one"
    assert scene.kinds == ["RolledBack"]
    path.write_text("back")
    await scene.settle()
    assert await scene.answers("counter") == "back"


async def test_hr_watch_14_inputs_that_a_new_version_declares_are_watched(scene: Scene) -> None:
    path = await with_input(scene)
    more = scene.plugins.root / "more.txt"
    more.write_text("x")
    scene.plugins.edit("counter", "['data/words.txt']", "['data/words.txt', 'more.txt']")
    await scene.settle()
    assert scene.kinds == ["Swapped"]
    await scene.run(20)
    assert scene.kinds == []
    more.write_text("y")
    await scene.settle()
    assert scene.kinds == ["Swapped"]
    scene.plugins.edit("counter", "['data/words.txt', 'more.txt']", "['data/words.txt']")
    await scene.settle()
    assert scene.kinds == ["Swapped"]
    more.write_text("z")
    await scene.settle()
    assert scene.kinds == [], "it is no input any more"
    path.write_text("end")
    await scene.settle()
    assert await scene.answers("counter") == "end"


async def test_hr_watch_14_an_input_edited_while_its_reload_runs_is_not_lost(scene: Scene) -> None:
    path = await with_input(scene)
    release = await hold_reload(scene, extra=INPUT.format(path=str(path)))
    path.write_text("two")
    await scene.settle()
    release()
    await scene.settle()
    assert await scene.answers("counter") == "two"


async def test_hr_watch_14_a_directory_as_input_is_told_of(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    (scene.plugins.root / "data").mkdir()
    scene.save("counter", 1, extra="    inputs = ['data']\n")
    with caplog.at_level(logging.WARNING):
        await scene.watch().start()
        await scene.run(30)
    told = [each for each in caplog.messages if "cannot be watched" in each]
    assert len(told) == 1
    assert "not a regular file" in told[0]
    assert scene.kinds == ["Loaded"]


# Who is watched


async def test_adopted_plugins_are_watched_wherever_they_lie(scene: Scene, tmp_path: Path) -> None:
    elsewhere = PluginDirectory(tmp_path / "elsewhere")
    path = elsewhere.write("counter", scene.source("counter", 1))
    await scene.engine.load(path)
    await scene.watch().start()
    elsewhere.write("counter", scene.source("counter", 2))
    await scene.run(3)
    assert await scene.answers("counter") == 1
    scene.watcher.adopt("counter")
    await scene.run(QUIET)
    assert await scene.answers("counter") == 2
    assert set(scene.hints.opened[-1]) == {scene.plugins.root, elsewhere.root}
    with pytest.raises(EngineMisuse, match="no plugin 'other'"):
        scene.watcher.adopt("other")


async def test_what_the_host_loaded_before_is_not_loaded_again(scene: Scene) -> None:
    path = scene.save("counter", 1)
    await scene.engine.load(path)
    await scene.watch(settings=COOL).start()
    await scene.settle()
    scene.save("counter", 2)
    await scene.run(QUIET)
    assert await scene.answers("counter") == 2, "no cooldown: nothing automatic came before"
    assert scene.kinds == ["Loaded", "Swapped"]


async def test_what_changed_between_the_hosts_load_and_the_start_is_reloaded(scene: Scene) -> None:
    path = scene.save("counter", 1)
    await scene.engine.load(path)
    scene.save("counter", 2)
    await scene.watch().start()
    await scene.settle()
    assert await scene.answers("counter") == 2


async def test_a_failed_plugin_is_brought_back_by_an_edit(started: Scene) -> None:
    started.plugins.write("counter", (
        "class Served:\n    name, version, swap_policy = 'counter', '2', 'stop-first'\n"
        "    def start(self):\n        raise RuntimeError('no')\n"
    ))  # fmt: skip
    await started.settle()
    assert started.kinds == ["RolledBack"]
    started.save("counter", 3)
    await started.settle()
    assert await started.answers("counter") == 3


async def test_a_plugin_that_was_stopped_for_an_edit_that_fails_is_stopped_once(
    started: Scene,
) -> None:
    """What serves then is a fresh instance of its old bytes: that is no reason to try again."""
    started.plugins.write("counter", (
        "class Served:\n    name, version, swap_policy = 'counter', '2', 'stop-first'\n"
        "    def start(self):\n        no_such_name\n"
    ))  # fmt: skip
    await started.settle()
    await started.settle()
    (outcome,) = started.outcomes
    assert isinstance(outcome, RolledBack)
    assert outcome.running == started.engine.status("counter").running
    assert outcome.running != outcome.old
    assert f"still running: {outcome.running}" in outcome.describe()
    assert await started.answers("counter") == 1


@pytest.mark.parametrize(
    ("roots", "message"),
    [([], "roots is empty"), ("plugins", "give a list of directories"), (["file"], "is a file")],
)
async def test_roots_that_cannot_be_watched_are_refused(
    scene: Scene, tmp_path: Path, roots: Any, message: str
) -> None:
    (tmp_path / "file").write_text("x")
    given = roots if isinstance(roots, str) else [tmp_path / each for each in roots]
    with pytest.raises(EngineMisuse, match=message):
        Watcher(scene.engine, given)


async def test_an_engine_that_is_not_open_is_told_of() -> None:
    watcher = Watcher(Engine(), ["plugins"])
    with pytest.raises(EngineMisuse, match="not open"):
        await watcher.start()
    assert not watcher.health.running


async def test_it_all_happens_on_one_thread(started: Scene) -> None:
    assert threading.active_count() == 1
