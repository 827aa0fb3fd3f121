"""A plugin that serves, whatever is saved over it: the standing outcome of a fault."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.hot_reload.watch.conftest import scene, started

from hot_reload import Engine
from hot_reload.outcome import RolledBack, Stage, Swapped
from hot_reload_fixtures import PluginDirectory

__all__ = ["scene", "started"]  # a watched engine, as the watch's own tests have it

GOOD = "class Counter:\n    version = '{0}'\n    def handle(self, request): return '{0}'\n"

Edit: TypeAlias = bytes | Callable[[Path], object]


class Serving:
    """``counter`` 1.0, loaded. Each fault is followed by a good save that must work."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self.engine = engine
        self.path = path
        self._saves = 1

    async def survives(
        self, edit: Edit, stage: Stage, *fragments: str, line: int | None = None
    ) -> RolledBack:
        """Reload over ``edit``: it must fail in ``stage``, say so, and leave the old serving."""
        engine, old = self.engine, self.engine.plugin("counter")
        before = await engine.call("?", plugin="counter")
        if isinstance(edit, bytes):
            self.path.write_bytes(edit)
        else:
            self._clear()
            edit(self.path)
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack), outcome
        assert outcome.failure.stage is stage, outcome
        told = outcome.describe()
        for each in ("'counter'", f"{stage.value}: ", "still running: ", " sha256:", *fragments):
            assert each in told
        assert told.isprintable()
        assert outcome.failure.file is None or outcome.failure.file.startswith(str(self.path))
        assert line is None or outcome.failure.line == line
        assert engine.plugin("counter") is old
        assert await engine.call("?", plugin="counter") == before
        assert engine.status("counter").error
        await self.heals()
        return outcome

    async def heals(self) -> None:
        """The next good save is served."""
        self._clear()
        self._saves += 1
        version = f"{self._saves}.0"
        self.path.write_text(GOOD.format(version))
        assert isinstance(await self.engine.reload("counter"), Swapped)
        assert await self.engine.call("?", plugin="counter") == [version]
        assert not self.engine.status("counter").error

    def _clear(self) -> None:
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        elif os.path.lexists(self.path):
            self.path.unlink()


@pytest.fixture
async def serving(hot_reload_dir: PluginDirectory) -> AsyncIterator[Serving]:
    path = hot_reload_dir.write("counter", GOOD.format("1.0"))
    async with Engine() as engine:
        await engine.load(path)
        yield Serving(engine, path)
