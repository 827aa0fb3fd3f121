"""PluginDirectory: names, mtimes that move on, mtimes that don't, and clear refusals."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hot_reload_fixtures import PluginDirectory, SaveStyle


@pytest.fixture
def plugins(tmp_path: Path) -> PluginDirectory:
    return PluginDirectory(tmp_path / "plugins")


def test_write_dedents_and_returns_the_path(plugins: PluginDirectory) -> None:
    path = plugins.write(
        "counter",
        """
        class Counter:
            version = "1.0"
        """,
    )
    assert path == plugins.root / "counter.py"
    assert path.read_text() == 'class Counter:\n    version = "1.0"\n'


def test_every_write_is_two_seconds_newer_than_all_before(plugins: PluginDirectory) -> None:
    paths = [plugins.write("a", "1"), plugins.write("b", "1")]
    first, second = (path.stat().st_mtime_ns for path in paths)
    third = plugins.edit("a", "1", "2").stat().st_mtime_ns
    assert (second - first, third - second) == (2 * 10**9, 2 * 10**9)


def test_a_write_is_newer_than_what_others_wrote(plugins: PluginDirectory) -> None:
    path = plugins.write("a", "1")
    os.utime(path, ns=(10**18, 5 * 10**18 + 7))
    assert plugins.write("a", "2").stat().st_mtime_ns == 5 * 10**18 + 2 * 10**9


@pytest.mark.parametrize(
    "style",
    [s for s in SaveStyle if s not in (SaveStyle.OLDER_MTIME, SaveStyle.SAME_SIZE_AND_MTIME)],
)
def test_every_style_moves_the_mtime_on(style: SaveStyle, plugins: PluginDirectory) -> None:
    before = plugins.write("a", "1").stat().st_mtime_ns
    path = plugins.save("a", "2", style)
    assert path.read_text() == "2"
    assert path.stat().st_mtime_ns == before + 2 * 10**9


def test_same_second_keeps_size_and_mtime(plugins: PluginDirectory) -> None:
    path = plugins.write("counter", "value = 1")
    before = path.stat()
    plugins.edit("counter", "1", "2", same_second=True)
    after = path.stat()
    assert path.read_text() == "value = 2"
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_same_second_refuses_another_size(plugins: PluginDirectory) -> None:
    plugins.write("counter", "value = 1")
    with pytest.raises(ValueError, match="pad the shorter one with a comment"):
        plugins.write("counter", "value = 10", same_second=True)


def test_same_second_really_hides_the_edit_from_python(
    plugins: PluginDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason for the option: importlib serves stale bytecode for such an edit."""
    import importlib
    import sys

    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.syspath_prepend(str(plugins.root))
    plugins.write("staleness_subject", "value = 1")
    module = importlib.import_module("staleness_subject")
    try:
        plugins.write("staleness_subject", "value = 2", same_second=True)
        assert importlib.reload(module).value == 1
        plugins.write("staleness_subject", "value = 3")
        assert importlib.reload(module).value == 3
    finally:
        del sys.modules["staleness_subject"]


def test_a_package(plugins: PluginDirectory) -> None:
    root = plugins.write_package(
        "chat", {"__init__": "from .words import hello", "words": "hello = 1", "sub/more": ""}
    )
    assert root == plugins.path("chat") == plugins.root / "chat"
    assert plugins.read("chat/words") == "hello = 1"
    plugins.edit("chat/words", "1", "2")
    plugins.edit("chat", "hello", "hello as greeting")
    assert plugins.read("chat") == "from .words import hello as greeting"
    assert plugins.path("chat/sub/more") == root / "sub" / "more.py"
    plugins.delete("chat")
    assert not root.exists()


def test_a_package_needs_an_init(plugins: PluginDirectory) -> None:
    with pytest.raises(ValueError, match="'chat' has no '__init__'"):
        plugins.write_package("chat", {"words": ""})


def test_files_of_other_kinds_keep_their_suffix(plugins: PluginDirectory) -> None:
    assert plugins.write("data.json", "{}").name == "data.json"


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../outside", "chat/../../outside"])
def test_names_that_lead_out_are_refused(name: str, plugins: PluginDirectory) -> None:
    with pytest.raises(ValueError, match="is no name of a plugin here"):
        plugins.write(name, "")


@pytest.mark.parametrize(("text", "times"), [("x", 0), ("x x", 2)])
def test_edit_wants_the_text_exactly_once(text: str, times: int, plugins: PluginDirectory) -> None:
    plugins.write("a", text.replace("x", "y") if times == 0 else text)
    with pytest.raises(ValueError, match=f"'x' stands {times} times in a.py"):
        plugins.edit("a", "x", "z")


def test_delete(plugins: PluginDirectory) -> None:
    path = plugins.write("a", "")
    plugins.delete("a")
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        plugins.delete("a")
