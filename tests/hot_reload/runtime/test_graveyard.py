"""The graveyard: a generation that is not garbage is named."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from hot_reload import Engine
from hot_reload.runtime import graveyard

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench


async def test_F82_a_generation_that_somebody_holds_is_named(bench: Bench) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        held: list[Any] = [engine.plugin("counter")]
        await engine.reload("counter", force=True)
        (label,) = engine.lingering()
        assert label.startswith("counter 1.0 sha256:")
        assert label.endswith("(generation 1)")
        held.clear()
        assert engine.lingering() == ()


@pytest.mark.parametrize("part", ["module", "class", "method"])
async def test_F82_a_module_a_class_or_a_method_is_enough(bench: Bench, part: str) -> None:
    bench.plugin()
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        plugin = engine.plugin("counter")
        held: list[Any] = []
        if part == "module":
            held.append(sys.modules[type(plugin).__module__])
        else:
            held.append(type(plugin) if part == "class" else plugin.handle)
        del plugin
        await engine.reload("counter", force=True)
        assert len(engine.lingering()) == 1
        held.clear()
        assert engine.lingering() == ()


async def test_a_plugin_that_takes_no_weak_references_is_watched_by_its_class(bench: Bench) -> None:
    source = "class S:\n    __slots__ = ()\n    version = '1'\n    def handle(self, r): return 1\n"
    async with Engine() as engine:
        await engine.load(bench.plugins.write("slots", source))
        held = [engine.plugin("slots")]
        await engine.reload("slots", force=True)
        assert len(engine.lingering()) == 1
        held.clear()
        assert engine.lingering() == ()


async def test_it_remembers_a_bounded_number(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graveyard, "KEPT", 2)
    bench.plugin()
    held = []
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        for _ in range(6):
            held.append(engine.plugin("counter"))
            await engine.reload("counter", force=True)
        assert len(engine.lingering()) <= 3
    held.clear()


async def test_F82_a_class_from_elsewhere_belongs_to_no_generation(bench: Bench) -> None:
    bench.plugins.write(
        "counter",
        """
        from types import SimpleNamespace

        PLUGIN_META = {"version": "1.0"}

        def create(config):
            return SimpleNamespace(handle=lambda request: "1")
        """,
    )
    async with Engine() as engine:
        await engine.load(bench.plugins.path("counter"))
        await engine.reload("counter", force=True)
        assert engine.lingering() == ()
