"""Making a generation: what it is told before anything of it has run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hot_reload import Engine
from hot_reload.outcome import Loaded, RolledBack, Stage, Swapped

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


@pytest.mark.parametrize(
    ("method", "complaint"),
    [
        ("def handle(self): return 1", "Asker.handle does not fit: too many positional arguments"),
        ("def handle(self, a, b): return 1", "Asker.handle does not fit: missing a required"),
        ("async def handle(self, *, a): return 1", "Asker.handle does not fit: too many"),
        ("handle = 1", "Asker.handle does not fit: 1 is not a callable object"),
    ],
)
async def test_h12_a_handle_that_cannot_take_a_request_is_refused_at_load(
    bench: Bench, method: str, complaint: str
) -> None:
    """At load, where its author looks, and not at its first use."""
    source = f"class Asker:\n    version = '1.0'\n    roles = ['service']\n    {method}\n"
    async with Engine() as engine:
        outcome = await engine.load(bench.plugins.write("asker", source))
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.METADATA
        assert outcome.failure.cause.startswith(complaint)
        assert outcome.failure.file is not None
        assert "def handle(self, request)" in str(outcome.failure.hint)


@pytest.mark.parametrize(
    "method",
    [
        "def handle(self, request, more=None): yield request",
        "async def handle(self, *requests): yield requests[0]",
        "handle = staticmethod(repr)",
        "handle = property(lambda self: lambda request: request)",
        "handle = int",  # built-ins may say no signature
        "def talk(self): return 1",  # it answers nobody
    ],
)
async def test_h12_a_handle_that_takes_a_request_loads(bench: Bench, method: str) -> None:
    source = f"class Asker:\n    version = '1.0'\n    {method}\n"
    async with Engine() as engine:
        assert isinstance(await engine.load(bench.plugins.write("asker", source)), Loaded)


async def test_h12_a_method_named_handle_of_a_plugin_that_is_no_service_is_its_own(
    bench: Bench,
) -> None:
    source = "class Box:\n    version = '1.0'\n    roles = ['sink']\n"
    source += "    def write(self, event): pass\n    def handle(self): pass\n"
    async with Engine() as engine:
        assert isinstance(await engine.load(bench.plugins.write("box", source)), Loaded)
