"""Plugins whose edits settle together are reloaded together (F42), and none is lost for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hot_reload.outcome import Outcome
from hot_reload.watch.settings import WatchSettings

if TYPE_CHECKING:
    from tests.hot_reload.watch.conftest import Scene

QUIET = WatchSettings().quiet_seconds
NEEDS = "    dependencies = ['base{0}']\n"


@pytest.fixture
async def pair(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """``top`` needs ``base``; both serve 1, and what the engine is asked for is noted."""
    scene.save("base", 1)
    await scene.engine.load(scene.plugins.path("base"))
    scene.save("top", 1, extra=NEEDS.format(">=1.0,<2.0"))
    await scene.engine.load(scene.plugins.path("top"))
    await scene.watch().start()
    await scene.settle()
    assert scene.kinds == ["Loaded", "Loaded"]
    asked: list[list[str]] = []
    real = scene.engine.reload_many

    async def told(names: Any = None, **more: Any) -> dict[str, Outcome]:
        asked.append(sorted(names))
        return await real(names, **more)

    monkeypatch.setattr(scene.engine, "reload_many", told)
    scene.asked = asked  # type: ignore[attr-defined]
    return scene


def asked(scene: Scene) -> list[list[str]]:
    found: list[list[str]] = scene.asked  # type: ignore[attr-defined]
    return found


async def running(scene: Scene) -> list[Any]:
    return [await scene.answers("base"), await scene.answers("top")]


async def test_f42_a_dependency_and_its_dependent_saved_in_one_go_are_one_transaction(
    pair: Scene,
) -> None:
    # Neither fits the other's old version: one after the other both would be refused.
    pair.save("base", 2, version="2.0")
    pair.save("top", 2, extra=NEEDS.format(">=2.0"))
    await pair.settle()
    assert await running(pair) == [2, 2]
    assert asked(pair) == [["base", "top"]]
    assert pair.kinds.count("Swapped") >= 1
    await pair.run(100)
    assert pair.kinds == []
    assert asked(pair) == [["base", "top"]], "and that was all"


async def test_f42_one_that_is_broken_does_not_hold_back_one_that_fits_without_it(
    pair: Scene,
) -> None:
    pair.save("base", 2)
    pair.plugins.write("top", "def broken(:")
    await pair.settle()
    assert await running(pair) == [2, 1]
    assert pair.engine.status("base").error is None
    assert "SyntaxError" in (pair.engine.status("top").error or "")
    pair.save("top", 3, extra=NEEDS.format(""))
    await pair.settle()
    assert await running(pair) == [2, 3]


async def test_f42_one_that_waits_for_the_mended_other_comes_with_it(pair: Scene) -> None:
    # The new base fits no old top, and the new top is broken at first.
    pair.save("base", 2, version="2.0")
    pair.plugins.write("top", "def broken(:")
    await pair.settle()
    assert await running(pair) == [1, 1]
    pair.save("top", 2, extra=NEEDS.format(">=2.0"))
    await pair.settle()
    assert await running(pair) == [2, 2], "an edit of base was lost"
    await pair.run(100)
    assert pair.watcher.health.waiting == ()
    assert [pair.engine.status(name).error for name in ("base", "top")] == [None, None]


async def test_r11_one_that_went_down_with_another_s_reload_comes_back_when_that_is_mended(
    scene: Scene, tmp_path: Any
) -> None:
    port = tmp_path / "port is taken"
    starts = f"    def start(self): __import__('os').path.exists({str(port)!r}) and 1 / 0\n"
    exclusive = "    swap_policy = 'stop-first'\n"
    scene.save("base", 1, extra=exclusive)
    scene.save("top", 1, extra=NEEDS.format("") + starts)
    await scene.watch().start()
    await scene.settle()
    port.touch()
    scene.save("base", 2, extra=f"{exclusive}    def start(self): 1 / 0\n")
    await scene.settle()
    assert await scene.answers("base") == 1
    assert scene.engine.status("top").failed
    port.unlink()
    scene.save("base", 3, extra=exclusive)
    await scene.settle()
    await scene.settle()
    assert await running(scene) == [3, 1]
    assert scene.engine.status("top").error is None


async def test_f42_so_it_does_after_a_cooldown(scene: Scene) -> None:
    scene.save("base", 1)
    await scene.engine.load(scene.plugins.path("base"))
    scene.save("top", 1, extra=NEEDS.format(">=1.0,<2.0"))
    await scene.engine.load(scene.plugins.path("top"))
    await scene.watch(settings=WatchSettings()).start()
    await scene.settle()
    scene.save("base", 2, version="2.0")
    await scene.settle()
    scene.save("top", 2, extra=NEEDS.format(">=2.0"))
    await scene.run(3 * WatchSettings().cooldown_seconds)
    assert await running(scene) == [2, 2]


async def test_f42_independent_ones_fail_and_succeed_for_themselves(started: Scene) -> None:
    started.save("other", 1)
    await started.settle()
    started.kinds  # noqa: B018
    started.save("counter", 2)
    started.plugins.write("other", "def broken(:")
    await started.settle()
    assert await started.answers("counter") == 2
    assert await started.answers("other") == 1
    assert sorted(started.kinds) == ["RolledBack", "Swapped"]


async def test_f42_an_edited_input_is_forced_within_the_batch_and_others_are_not(
    scene: Scene,
) -> None:
    scene.plugins.write("words.txt", "a")
    scene.save("reader", 1, extra="    inputs = ['words.txt']\n")
    scene.save("counter", 1)
    await scene.watch().start()
    await scene.settle()
    scene.kinds  # noqa: B018
    scene.plugins.write("words.txt", "b")
    scene.save("counter", 2)
    scene.hints.tell()
    await scene.settle()
    assert scene.kinds == ["Swapped", "Swapped"]
    await scene.run(60)
    assert scene.kinds == []


async def test_f42_a_batch_in_which_the_engine_raises_is_tried_again(
    started: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    started.save("other", 1)
    await started.settle()
    started.kinds  # noqa: B018
    real, calls = started.engine.reload_many, 0

    async def broken(*names: Any, **more: Any) -> dict[str, Outcome]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ValueError("a bug in the host's engine")
        return await real(*names, **more)

    monkeypatch.setattr(started.engine, "reload_many", broken)
    started.save("other", 2)
    started.save("counter", 2)
    await started.run(QUIET * 1.5)
    assert sum(1 for _ in started.watcher.health.errors) == 2
    await started.run(5)
    assert not started.watcher.health.errors
    assert [await started.answers(name) for name in ("counter", "other")] == [2, 2]


async def test_f43_an_edit_of_a_dependency_is_the_dependencys(pair: Scene) -> None:
    pair.save("base", 2)
    await pair.settle()
    assert await running(pair) == [2, 1]
    assert asked(pair) == [["base"]], "whoever needs it follows inside of the engine"


async def test_f43_paths_count_by_where_they_lead(scene: Scene, tmp_path: Any) -> None:
    link = tmp_path / "link"
    link.symlink_to(scene.plugins.root)
    data = scene.plugins.write("words.txt", "a")
    scene.save("reader", 1, extra="    inputs = ['words.txt']\n")
    await scene.engine.load(link / "reader.py")
    await scene.watch().start()
    await scene.settle()
    scene.kinds  # noqa: B018
    data.write_text("b")
    scene.hints.tell(data)
    await scene.run(QUIET)
    scene.plugins.edit("reader", "'1.0'", "'2.0'")
    scene.hints.tell(scene.plugins.path("reader"))
    await scene.run(QUIET * 1.01)
    assert scene.kinds == ["Swapped", "Swapped"]
    assert scene.engine.names == ("reader",)
