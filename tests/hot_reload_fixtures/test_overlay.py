"""Files as they would be after an edit that nobody made."""

from __future__ import annotations

from pathlib import Path

import pytest

from hot_reload import Engine
from hot_reload.errors import SourceError
from hot_reload.outcome import RolledBack, Swapped, Unchanged
from hot_reload.source.snapshot import DiskFiles
from hot_reload_fixtures import OverlayFiles

SOURCE = "class Hello:\n    version = '1.0'\n    def handle(self, request): return 'old'\n"


@pytest.fixture
def overlay() -> OverlayFiles:
    return OverlayFiles(DiskFiles())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "hello.py"
    path.write_text(SOURCE)
    return path


def test_it_shows_other_bytes_and_the_disk_again(overlay: OverlayFiles, path: Path) -> None:
    overlay.replace(path, b"x = 1\n")
    assert overlay.read(path, limit_bytes=100) == b"x = 1\n"
    overlay.append(path, "y = 2")
    assert overlay.read(path, limit_bytes=1000) == f"{SOURCE}\ny = 2\n".encode()
    overlay.clear()
    assert overlay.read(path, limit_bytes=1000) == SOURCE.encode()
    assert overlay.list_sources(path.parent) == (Path("hello.py"),)


def test_it_fails_as_told_and_keeps_the_limit(overlay: OverlayFiles, path: Path) -> None:
    overlay.fail(path, PermissionError("not yours"))
    with pytest.raises(SourceError, match="not yours"):
        overlay.read(path, limit_bytes=100)
    overlay.fail(path, SourceError("file missing"))
    with pytest.raises(SourceError, match="file missing"):
        overlay.read(path, limit_bytes=100)
    overlay.replace(path, b"x" * 101)
    with pytest.raises(SourceError, match="101 bytes, more than 100"):
        overlay.read(path, limit_bytes=100)


async def test_an_engine_reloads_what_it_shows(overlay: OverlayFiles, path: Path) -> None:
    async with Engine(files=overlay) as engine:
        (await engine.load(path)).unwrap()
        overlay.append(path, "raise RuntimeError('a broken edit')")
        assert isinstance(await engine.reload("hello"), RolledBack)
        overlay.replace(path, SOURCE.replace("old", "new").encode())
        assert isinstance(await engine.reload("hello"), Swapped)
        assert await engine.call(None) == ["new"]
        overlay.clear()
        assert isinstance(await engine.reload("hello"), Swapped)
        assert isinstance(await engine.reload("hello"), Unchanged)
        assert await engine.call(None) == ["old"]
    assert path.read_text() == SOURCE
