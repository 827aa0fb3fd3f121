"""Save styles: each leaves the new bytes, by the very operations that its name promises."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from hot_reload_fixtures import SaveStyle, save, torn_save

OLD, NEW, NEWER = b"value = 1\n", b"value = 2\n", b"value = 3\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "counter.py"
    path.write_bytes(OLD)
    return path


@pytest.mark.parametrize("style", SaveStyle)
def test_every_style_saves_five_times_in_a_row(style: SaveStyle, path: Path) -> None:
    for number in range(5):
        data = b"value = %d\n" % number
        save(path, data, style)
        assert path.read_bytes() == data
    visible = [each.name for each in path.parent.iterdir() if not each.name.startswith(".")]
    assert visible == ["counter.py"]


@pytest.mark.parametrize("before", SaveStyle)
@pytest.mark.parametrize("style", SaveStyle)
def test_every_style_follows_every_other(before: SaveStyle, style: SaveStyle, path: Path) -> None:
    save(path, NEW, before)
    save(path, NEWER, style)
    assert path.read_bytes() == NEWER


@pytest.mark.parametrize(
    ("style", "keeps"),
    [
        (SaveStyle.IN_PLACE, True),
        (SaveStyle.TRUNCATE_THEN_WRITE, True),
        (SaveStyle.OLDER_MTIME, True),
        (SaveStyle.SAME_SIZE_AND_MTIME, True),
        (SaveStyle.BURST, True),
        (SaveStyle.RENAME, False),
        (SaveStyle.BACKUP_RENAME, False),
        (SaveStyle.SYMLINK_SWAP, False),
        (SaveStyle.DATA_DIRECTORY_SWAP, False),
    ],
)
def test_the_inode_is_kept_or_new(style: SaveStyle, keeps: bool, path: Path) -> None:
    # A second name keeps the old inode in use, so that its number cannot come back.
    os.link(path, path.with_name(".witness"))
    before = path.stat().st_ino
    save(path, NEW, style)
    assert (path.stat().st_ino == before) is keeps
    assert (path.with_name(".witness").read_bytes() == NEW) is keeps


def test_delete_and_create_makes_a_new_file(path: Path) -> None:
    os.link(path, path.with_name(".witness"))
    save(path, NEW, SaveStyle.DELETE_AND_CREATE)
    assert path.with_name(".witness").read_bytes() == OLD


def test_in_place_cuts_a_longer_file(path: Path) -> None:
    save(path, b"x", SaveStyle.IN_PLACE)
    assert path.read_bytes() == b"x"


def test_older_mtime_is_older(path: Path) -> None:
    before = path.stat().st_mtime_ns
    save(path, NEW, SaveStyle.OLDER_MTIME)
    assert path.stat().st_mtime_ns == before - 3600 * 10**9


def test_same_size_and_mtime_keeps_both_to_the_nanosecond(path: Path) -> None:
    os.utime(path, ns=(123_456_789, 987_654_321))
    save(path, NEW, SaveStyle.SAME_SIZE_AND_MTIME)
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (len(OLD), 987_654_321)
    assert path.read_bytes() == NEW


def test_same_size_refuses_another_size_and_changes_nothing(path: Path) -> None:
    with pytest.raises(ValueError, match=r"has 10, the new text 4; pad the shorter"):
        save(path, b"four", SaveStyle.SAME_SIZE_AND_MTIME)
    assert path.read_bytes() == OLD


@pytest.mark.parametrize(
    "style",
    [
        SaveStyle.BACKUP_RENAME,
        SaveStyle.DELETE_AND_CREATE,
        SaveStyle.OLDER_MTIME,
        SaveStyle.SAME_SIZE_AND_MTIME,
    ],
)
def test_styles_that_need_a_file_say_so(style: SaveStyle, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a file to begin with"):
        save(tmp_path / "missing.py", NEW, style)


@pytest.mark.parametrize(
    "style",
    [
        SaveStyle.IN_PLACE,
        SaveStyle.TRUNCATE_THEN_WRITE,
        SaveStyle.RENAME,
        SaveStyle.SYMLINK_SWAP,
        SaveStyle.DATA_DIRECTORY_SWAP,
        SaveStyle.BURST,
    ],
)
def test_the_other_styles_create(style: SaveStyle, tmp_path: Path) -> None:
    save(tmp_path / "new.py", NEW, style)
    assert (tmp_path / "new.py").read_bytes() == NEW


def test_symlink_swap_converts_and_then_swaps(path: Path) -> None:
    save(path, NEW, SaveStyle.SYMLINK_SWAP)
    assert path.is_symlink()
    first = path.resolve()
    save(path, NEWER, SaveStyle.SYMLINK_SWAP)
    assert path.resolve() != first
    assert first.read_bytes() == NEW, "a swap leaves the old target alone"


def test_data_directory_swap_has_the_layout_of_a_configmap(path: Path) -> None:
    other = path.with_name("other.py")
    other.write_bytes(b"other")
    save(other, b"other 2", SaveStyle.DATA_DIRECTORY_SWAP)
    save(path, NEW, SaveStyle.DATA_DIRECTORY_SWAP)
    data = path.with_name("..data")
    first = os.readlink(data)
    assert os.readlink(path) == "..data/counter.py"
    save(path, NEWER, SaveStyle.DATA_DIRECTORY_SWAP)
    assert os.readlink(path) == "..data/counter.py", "the file's own link does not change"
    assert os.readlink(data) != first
    assert not path.with_name(first).exists(), "the old version is removed"
    assert other.read_bytes() == b"other 2", "the other files of the layout are carried over"


def test_a_burst_writes_the_neighbours_too(path: Path) -> None:
    neighbour, given = path.with_name("chat.py"), path.with_name("words.py")
    neighbour.write_bytes(b"chat")
    save(path, NEW, SaveStyle.BURST, mtime_nanoseconds=10**18)
    assert neighbour.read_bytes() == b"chat"
    assert neighbour.stat().st_mtime_ns == 10**18
    save(path, NEWER, SaveStyle.BURST, companions={given: b"words"})
    assert (path.read_bytes(), given.read_bytes()) == (NEWER, b"words")


def test_companions_are_for_a_burst(path: Path) -> None:
    with pytest.raises(ValueError, match=r"companions are for SaveStyle\.BURST"):
        save(path, NEW, companions={})


def test_torn_save_is_torn_inside_and_whole_after(path: Path) -> None:
    inode = path.stat().st_ino
    with torn_save(path, NEW, at=3):
        assert path.read_bytes() == NEW[:3]
    assert path.read_bytes() == NEW
    assert path.stat().st_ino == inode


def test_torn_save_is_whole_after_an_error_too(path: Path) -> None:
    seen = []
    with contextlib.suppress(KeyError), torn_save(path, NEW):
        seen.append(path.read_bytes())
        raise KeyError
    assert seen == [NEW[:5]]
    assert path.read_bytes() == NEW


def test_torn_save_refuses_a_cut_outside_of_the_data(path: Path) -> None:
    with (
        pytest.raises(ValueError, match="at=11 lies outside of the 10 bytes"),
        torn_save(path, NEW, at=11),
    ):
        pass
    assert path.read_bytes() == OLD
