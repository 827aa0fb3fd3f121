"""A host for plugins that were written for other systems: they know nothing of these tests.

What they do they write to the logger ``style``, as such plugins do.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hot_reload import Engine
from hot_reload.outcome import Loaded, Outcome, RolledBack, Stage, Swapped, Unloaded
from hot_reload_fixtures import PluginDirectory


class Styled:
    """An engine, one plugin's file, and what the plugin has logged."""

    def __init__(
        self, engine: Engine, plugins: PluginDirectory, log: pytest.LogCaptureFixture
    ) -> None:
        self.engine = engine
        self.plugins = plugins
        self._log = log

    def said(self) -> list[str]:
        """What the plugin logged since this was asked last."""
        said = [each.getMessage() for each in self._log.records if each.name == "style"]
        self._log.clear()
        return said

    async def load(self, file: str, source: str, **config: object) -> Path:
        path = self.plugins.write(file, source)
        outcome = await self.engine.load(path, config=config)
        assert isinstance(outcome, Loaded), outcome.describe()
        return path

    async def reload(self, file: str, source: str) -> Outcome:
        name = self.engine.names[-1]
        self.plugins.write(file, source)
        return await self.engine.reload(name)

    async def swaps(self, file: str, source: str) -> Swapped:
        outcome = await self.reload(file, source)
        assert isinstance(outcome, Swapped), outcome.describe()
        assert not outcome.warnings
        return outcome

    async def rolls_back(self, file: str, source: str, stage: Stage) -> RolledBack:
        """A reload to ``source`` fails in ``stage``, and the running object is the same one."""
        name = self.engine.names[-1]
        old = self.engine.plugin(name)
        outcome = await self.reload(file, source)
        assert isinstance(outcome, RolledBack), outcome.describe()
        assert outcome.failure.stage is stage, outcome.describe()
        assert self.engine.plugin(name) is old
        return outcome

    async def stops(self) -> list[str]:
        """Unload it; what it said, and nothing of it is left."""
        self.said()
        outcome = await self.engine.unload(self.engine.names[-1])
        assert isinstance(outcome, Unloaded), outcome.describe()
        assert not outcome.warnings
        assert self.engine.names == ()
        assert self.engine.lingering() == ()
        return self.said()


@pytest.fixture
async def styled(
    hot_reload_dir: PluginDirectory, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Styled]:
    caplog.set_level(logging.INFO, "style")
    async with Engine() as engine:
        yield Styled(engine, hot_reload_dir, caplog)
