"""Making a generation: what it is told before anything of it has run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hot_reload import Engine
from hot_reload.outcome import Loaded, Swapped

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench

USER = """
import shared_of_f40
class User:
    version = {version!r}
    dependencies = [str("shared")]  # no literal: the text leaves it open
    def handle(self, request): return shared_of_f40.WHERE
"""
SHARED = "WHERE = 'plugin'\nclass Shared:\n    name, version = 'shared', '1.0'\n"


async def test_f40_what_the_text_leaves_open_the_running_ones_metadata_say(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A declared plugin comes before a distribution of its name, any other one after it."""
    (tmp_path / "shared_of_f40.py").write_text("WHERE = 'distribution'\n")
    monkeypatch.syspath_prepend(tmp_path)
    async with Engine() as engine:
        await engine.load(bench.plugins.write("shared_of_f40", SHARED))
        first = await engine.load(bench.plugins.write("user", USER.format(version="1.0")))
        assert isinstance(first, Loaded)
        assert await engine.use("user", None) == "distribution"
        bench.plugins.write("user", USER.format(version="2.0"))
        assert isinstance(await engine.reload("user"), Swapped)
        assert await engine.use("user", None) == "plugin"
