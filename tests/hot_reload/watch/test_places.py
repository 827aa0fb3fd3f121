"""Places: who lies where, made anew when something happened to the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from hot_reload import Engine
from hot_reload.errors import EngineMisuse
from hot_reload.watch.places import Places, PlacesNow
from hot_reload_fixtures import PluginDirectory

SOURCE = "class P:\n    version = '{0}'\n    def handle(self, request): return {0}\n"


async def test_a_plugin_is_found_however_its_path_is_written(
    hot_reload_dir: PluginDirectory, tmp_path: Path
) -> None:
    path = hot_reload_dir.write("counter", SOURCE.format(1))
    (tmp_path / "link").symlink_to(hot_reload_dir.root)
    async with Engine() as engine:
        await engine.load(path)
        places = Places(engine)
        found = places.at(tmp_path / "link" / "counter.py")
        assert found is not None
        assert found.name == "counter"
        assert places.at(tmp_path / "counter.py") is None
        assert places.running(path) == found.running
        assert places.beside(path) == frozenset()
        await engine.unload("counter")
        assert places.at(path) is None, "it tells of now where it can"


async def test_the_places_are_made_anew_only_when_something_happened(
    hot_reload_dir: PluginDirectory,
) -> None:
    path = hot_reload_dir.write("counter", SOURCE.format(1))
    async with Engine() as engine:
        now = PlacesNow(engine)
        assert now.get() is not now.get(), "nobody listens yet"
        now.follow()
        first = now.get()
        assert now.get() is first
        await engine.load(path)
        second = now.get()
        assert second is not first
        assert second.at(path) is not None
        assert now.get() is second
        now.leave()
        now.leave()
        assert now.get() is not second
    with pytest.raises(EngineMisuse, match="closed"):
        now.get()


async def test_a_directory_that_was_swapped_makes_them_anew(
    hot_reload_dir: PluginDirectory, tmp_path: Path
) -> None:
    hot_reload_dir.write("counter", SOURCE.format(1))
    (tmp_path / "other").mkdir()
    link = tmp_path / "link"
    link.symlink_to(hot_reload_dir.root)
    async with Engine() as engine:
        await engine.load(link / "counter.py")
        now = PlacesNow(engine)
        now.follow()
        first = now.get()
        (tmp_path / "new").symlink_to("other")
        (tmp_path / "new").replace(link)
        assert now.get() is not first
        now.leave()
