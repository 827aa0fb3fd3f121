"""Faults of lifecycle hooks (H) that ``runtime/test_transaction.py`` has no case of its own for."""

from __future__ import annotations

from typing import Any

import pytest

from hot_reload import Engine
from hot_reload.outcome import RolledBack, Stage, Swapped
from hot_reload_fixtures import ManualClock, PluginDirectory

SOURCE = """
import logging

log = logging.getLogger("hooked")

class Counter:
    version = "{version}"

    def __init__(self, context):
        self.held = []

    {hook}

    def stop(self):
        log.info("stop {version} %s", self.held)

    def handle(self, request):
        return "{version}"
"""


def source(version: str, hook: str = "") -> str:
    return SOURCE.format(version=version, hook=hook.replace("\n", "\n    "))


async def rolled_back(
    engine: Engine, plugins: PluginDirectory, hook: str, stage: Stage
) -> RolledBack:
    old = engine.plugin("counter")
    plugins.write("counter", source("2.0", hook))
    outcome = await engine.reload("counter")
    assert isinstance(outcome, RolledBack), outcome.describe()
    assert outcome.failure.stage is stage
    assert engine.plugin("counter") is old
    assert await engine.call("?") == ["1.0"]
    plugins.write("counter", source("3.0"))
    return outcome


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_h2_a_start_that_raises_at_once(
    kind: str, hot_reload_dir: PluginDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is held yet: it is stopped all the same, once, and the old one never."""
    caplog.set_level("INFO", "hooked")
    async with Engine() as engine:
        await engine.load(hot_reload_dir.write("counter", source("1.0")))
        hook = f"{kind} start(self):\n    raise OSError('port 80')\n    self.held.append(1)"
        outcome = await rolled_back(engine, hot_reload_dir, hook, Stage.START)
        assert "start raised OSError: port 80" in outcome.failure.cause
        assert [each.getMessage() for each in caplog.records if each.name == "hooked"] == [
            "stop 2.0 []"
        ]
        assert isinstance(await engine.reload("counter"), Swapped)


async def test_h6_a_start_that_blocks_the_loop_spends_the_time_of_the_reload(
    hot_reload_dir: PluginDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What blocks the loop cannot be interrupted; it is told when it lets go, and rolled back."""
    clock = ManualClock()
    hook = "async def start(self):\n    import builtins\n    builtins.block(40)"
    monkeypatch.setattr("builtins.block", clock.advance, raising=False)
    async with Engine(clock=clock) as engine:
        await engine.load(hot_reload_dir.write("counter", source("1.0")))
        healthy = f"{hook}\n\ndef health_check(self):\n    return True"
        outcome = await rolled_back(engine, hot_reload_dir, healthy, Stage.HEALTH)
        assert "still under way after 30 s" in outcome.failure.cause
        assert isinstance(await engine.reload("counter"), Swapped)


@pytest.mark.parametrize("raised", ["ValueError('x')", "SystemExit(3)", "KeyboardInterrupt()"])
async def test_h15_an_on_reload_that_raises_rolls_back(
    raised: str, hot_reload_dir: PluginDirectory
) -> None:
    """It runs before the commit: there is no half-way."""
    async with Engine() as engine:
        await engine.load(hot_reload_dir.write("counter", source("1.0")))
        hook = f"def on_reload(self):\n    raise {raised}"
        outcome = await rolled_back(engine, hot_reload_dir, hook, Stage.ON_RELOAD)
        assert f"on_reload raised {raised.partition('(')[0]}" in outcome.failure.cause
        assert isinstance(await engine.reload("counter"), Swapped)
        assert engine.lingering() == ()


@pytest.mark.parametrize("raised", [ValueError("no"), SystemExit(1)])
async def test_h9_a_stop_that_raises_leaves_nothing_registered(
    raised: BaseException, hot_reload_dir: PluginDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: dict[str, Any] = {"error": raised}
    monkeypatch.setattr("builtins.fault", faults, raising=False)
    broken = source("1.0").replace(
        "def stop(self):", "def stop(self):\n        import builtins; raise builtins.fault['error']"
    )
    async with Engine() as engine:
        path = hot_reload_dir.write("counter", broken)
        await engine.load(path)
        outcome = await engine.unload("counter")
        assert outcome.success
        assert [each.stage for each in outcome.warnings] == [Stage.STOP]
        assert engine.names == ()
        hot_reload_dir.write("counter", source("2.0"))
        assert (await engine.load(path)).success
        raised.__traceback__ = None
        assert engine.lingering() == ()
