"""The sweep sees every change of bytes, and reads nothing twice for nothing (F40, F20)."""

from __future__ import annotations

import mmap
import os
import shutil
from pathlib import Path

import pytest

from hot_reload.source.snapshot import DiskFiles, take_snapshot
from hot_reload.watch.sweep import INPUT_LIMIT_BYTES, MISSING, Sweep
from hot_reload_fixtures import PluginDirectory, SaveStyle

ONE = "VALUE = 1\n"
TWO = "VALUE = 2\n"


@pytest.fixture
def plugins(hot_reload_dir: PluginDirectory) -> PluginDirectory:
    return hot_reload_dir


@pytest.fixture
def sweep() -> Sweep:
    return Sweep(DiskFiles())


def source(sweep: Sweep, path: Path) -> str:
    return sweep.look({path: ()})[path].source


def test_the_fingerprint_is_the_hash_that_the_engine_runs(
    sweep: Sweep, plugins: PluginDirectory
) -> None:
    module = plugins.write("counter", ONE)
    package = plugins.write_package("chat", {"__init__": ONE, "words": TWO})
    for path in (module, package):
        assert source(sweep, path) == take_snapshot(path, DiskFiles()).sha256


@pytest.mark.parametrize("style", SaveStyle)
def test_hr_watch_02_f5_f18_every_save_style_five_times(
    sweep: Sweep, plugins: PluginDirectory, style: SaveStyle
) -> None:
    path = plugins.write("counter", ONE)
    source(sweep, path)
    for turn in range(5):
        plugins.save("counter", f"VALUE = {turn + 2}\n", style)
        assert source(sweep, path) == take_snapshot(path, DiskFiles()).sha256


def test_at_rest_nothing_is_read_twice(sweep: Sweep, plugins: PluginDirectory) -> None:
    paths: dict[Path, tuple[str, ...]] = {
        plugins.write(name, ONE): ("data.txt",) for name in ("a", "b")
    }
    plugins.write("data.txt", "x")
    sweep.look(paths)
    read = sweep.read
    for _ in range(3):
        sweep.look(paths)
    assert sweep.read == read == 3  # two plugins, and the one input that they share


def test_hr_watch_07_a_touch_changes_no_fingerprint(sweep: Sweep, plugins: PluginDirectory) -> None:
    path = plugins.write("counter", ONE)
    before = source(sweep, path)
    os.utime(path)
    path.read_bytes()
    assert source(sweep, path) == before


def test_hr_watch_07_bytecode_and_hidden_files_change_no_fingerprint(
    sweep: Sweep, plugins: PluginDirectory
) -> None:
    path = plugins.write_package("chat", {"__init__": ONE})
    before, read = source(sweep, path), sweep.read
    for name in ("__pycache__/x.py", "__pycache__/x.pyc", ".git/x.py", "notes.txt", "x.py~"):
        file = path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    assert source(sweep, path) == before
    assert sweep.read == read


def test_f43_any_file_of_a_package_belongs_to_it(sweep: Sweep, plugins: PluginDirectory) -> None:
    path = plugins.write_package("chat", {"__init__": ONE, "sub/__init__": "", "sub/deep": ONE})
    seen = {source(sweep, path)}
    plugins.write("chat/sub/deep", TWO)
    seen.add(source(sweep, path))
    plugins.write("chat/sub/more", ONE)
    seen.add(source(sweep, path))
    plugins.delete("chat/sub/more")
    seen.add(source(sweep, path))
    assert len(seen) == 3  # the last is the second one again


def test_f20_what_no_status_shows_is_found_by_reading_again(
    sweep: Sweep, plugins: PluginDirectory
) -> None:
    path = plugins.write("counter", ONE)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[8:9] = b"1"  # the page is dirty now: further writes change no mtime
        before = source(sweep, path)
        status = os.stat(path)
        mapped[8:9] = b"2"
        after = os.stat(path)
        assert (after.st_mtime_ns, after.st_ctime_ns) == (status.st_mtime_ns, status.st_ctime_ns)
        assert source(sweep, path) == before, "the premise of this test: a status shows nothing"
        assert sweep.again(path).source != before
        again = sweep.again(path).source
        mapped[8:9] = b"3"
        assert sweep.again(path).source not in (before, again)


def test_f20_hard_links_and_link_targets_are_seen(sweep: Sweep, plugins: PluginDirectory) -> None:
    path = plugins.write("counter", ONE)
    first = source(sweep, path)
    other = plugins.root / "other.txt"
    other.hardlink_to(path)
    other.write_text(TWO)  # the same inode by another name
    second = source(sweep, path)
    path.unlink()
    path.symlink_to("other.txt")
    other.write_text("VALUE = 3\n")
    assert len({first, second, source(sweep, path)}) == 3


def test_f1_f7_f8_f10_f12_what_cannot_be_read_has_words(
    sweep: Sweep, plugins: PluginDirectory
) -> None:
    root = plugins.root
    (root / "loop.py").symlink_to("loop.py")
    (root / "dangling.py").symlink_to("nowhere.py")
    (root / "outside.py").symlink_to("/etc/hostname")
    os.mkfifo(root / "pipe.py")
    (root / "dir.py").mkdir()
    plugins.write("empty", "")
    with (root / "sparse.py").open("wb") as file:
        file.truncate(10 * 1024**3)
    words = {
        "loop.py": "symlink loop",
        "dangling.py": "points to nothing",
        "outside.py": "outside the plugin's directory",
        "pipe.py": "not a regular file",
        "dir.py": "not a regular file",
        "empty.py": "is empty",
        "sparse.py": "more than",
    }
    looks = sweep.look({root / name: () for name in words})
    for name, expected in words.items():
        assert expected in looks[root / name].source
        assert not looks[root / name].readable
    assert source(sweep, root / "gone.py") == MISSING
    assert source(sweep, root / "dangling.py" / "x.py") == MISSING


def test_a_package_without_its_init_is_there_and_unreadable(
    sweep: Sweep, plugins: PluginDirectory
) -> None:
    path = plugins.write_package("chat", {"__init__": ONE})
    (path / "__init__.py").unlink()
    assert "no __init__.py" in source(sweep, path)
    shutil.rmtree(path)
    assert source(sweep, path) == MISSING


def test_hr_watch_14_inputs_are_compared_by_content(sweep: Sweep, plugins: PluginDirectory) -> None:
    module = plugins.write("counter", ONE)
    package = plugins.write_package("chat", {"__init__": ONE})
    plugins.write("words.txt", "a")
    plugins.write("chat/words.txt", "a")
    paths = {module: ("words.txt", "absent.txt"), package: ("words.txt",)}
    before = sweep.look(paths)
    assert before[module].inputs[1] == ("absent.txt", MISSING)
    assert before[module].inputs[0] == before[package].inputs[0]
    plugins.write("chat/words.txt", "b")
    after = sweep.look(paths)
    assert after[module] == before[module]
    assert after[package].source == before[package].source
    assert after[package].inputs != before[package].inputs
    assert sweep.again(package, ["words.txt"]) == after[package]


def test_hr_watch_14_a_large_input_is_compared_by_its_status(
    sweep: Sweep, plugins: PluginDirectory
) -> None:
    path = plugins.write("counter", ONE)
    with (plugins.root / "big.bin").open("wb") as file:
        file.truncate(INPUT_LIMIT_BYTES + 1)
    (before,) = sweep.look({path: ("big.bin",)})[path].inputs
    with (plugins.root / "big.bin").open("r+b") as file:
        file.truncate(INPUT_LIMIT_BYTES + 2)
    assert sweep.look({path: ("big.bin",)})[path].inputs[0] != before
    assert "status" in before[1]


def test_what_is_not_kept_is_forgotten(sweep: Sweep, plugins: PluginDirectory) -> None:
    path = plugins.write("counter", ONE)
    sweep.look({path: ("a.txt",)})
    sweep.keep({path: ("a.txt",)})
    read = sweep.read
    sweep.look({path: ("a.txt",)})
    assert sweep.read == read
    sweep.keep({})
    sweep.look({path: ("a.txt",)})
    assert sweep.read == read + 2


def test_f16_a_name_that_is_no_text_is_read(sweep: Sweep, plugins: PluginDirectory) -> None:
    path = plugins.root / os.fsdecode(b"x\xff.py")
    path.write_text(ONE)
    assert sweep.look({path: ()})[path].readable
