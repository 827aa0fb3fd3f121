"""Roots are listed when they may hold something new, and not again at rest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hot_reload.errors import EngineMisuse
from hot_reload.watch.patterns import Contents, Patterns
from hot_reload.watch.roots import DOUBT_SECONDS, Roots, identities, shown


class Counting(Patterns):
    """Patterns that count how often a directory was listed."""

    listed = 0

    def contents_of(self, root: Path) -> Contents:
        type(self).listed += 1
        return super().contents_of(root)


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    Counting.listed = 0
    (tmp_path / "a.py").write_text("x")
    (tmp_path / "plain").mkdir()
    return Roots([tmp_path], Counting())


def test_a_change_of_the_directory_is_seen(roots: Roots, tmp_path: Path) -> None:
    (first,) = roots.contents(0.0)
    assert first == Contents(frozenset({tmp_path / "a.py"}), frozenset({tmp_path / "plain"}))
    (tmp_path / "b.py").symlink_to("a.py")
    (second,) = roots.contents(100.0)
    assert second.plugins == {tmp_path / "a.py", tmp_path / "b.py"}
    assert second.links == {tmp_path / "b.py"}
    shutil.rmtree(tmp_path)
    assert roots.contents(101.0) == (Contents(),)
    assert roots.missing == (tmp_path,)


def test_at_rest_it_is_listed_no_more_and_is_the_same_object(roots: Roots) -> None:
    roots.contents(0.0)
    roots.contents(DOUBT_SECONDS)
    listed = Counting.listed
    (one,) = roots.contents(DOUBT_SECONDS + 1)
    (two,) = roots.contents(DOUBT_SECONDS + 2)
    assert Counting.listed == listed
    assert one is two


def test_a_young_change_is_doubted_since_time_stamps_are_coarse(
    roots: Roots, tmp_path: Path
) -> None:
    roots.contents(0.0)
    listed = Counting.listed
    roots.contents(DOUBT_SECONDS / 2)
    assert Counting.listed == listed + 1


def test_a_doubt_lists_anew(roots: Roots, tmp_path: Path) -> None:
    roots.contents(0.0)
    roots.contents(100.0)
    (tmp_path / "plain" / "__init__.py").write_text("x")  # moves no stamp of the root
    assert tmp_path / "plain" in roots.contents(101.0)[0].folders
    roots.doubt()
    assert tmp_path / "plain" in roots.contents(102.0)[0].plugins


def test_what_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(EngineMisuse, match="is a file"):
        Roots([tmp_path / "file"], Patterns())
    with pytest.raises(EngineMisuse, match="empty"):
        Roots([], Patterns())


def test_identities_and_texts(tmp_path: Path) -> None:
    assert identities([tmp_path, tmp_path / "gone"]).keys() == {tmp_path}
    assert shown("a\x1b[2J\udcff") == "a\\x1b[2J\\udcff"


@pytest.mark.parametrize(
    ("root", "says"),
    [
        ("", r"a root is ''; give a directory, '\.' for the working one"),
        (b"plugins", "a root is b'plugins'; give a directory"),
        (None, "a root is None; give a directory"),
        ("a\0b", r"a root is 'a\\x00b', which no file system can hold"),
        ("x" * 5000, "a root has a name that is too long: 'xxx"),
    ],
)
def test_f40_what_can_be_no_directory_is_refused_at_once(root: object, says: str) -> None:
    with pytest.raises(EngineMisuse, match=says):
        Roots([root], Patterns())  # type: ignore[list-item]  # that is the point


def test_f40_a_root_that_leads_round_in_a_circle_counts_as_missing(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    roots = Roots([tmp_path / "loop"], Patterns())
    assert roots.missing == (tmp_path / "loop",)
    assert roots.contents(0.0) == (Contents(),)
