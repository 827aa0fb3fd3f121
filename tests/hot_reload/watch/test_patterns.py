"""Which files are plugins: by exact pattern (F41, HR-WATCH-07, fault F6)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hot_reload.watch.patterns import Patterns


@pytest.mark.parametrize(
    "name",
    ["counter.py", "latest_news.py", "contest_x.py", "test.py", "tests.py", "a_tester.py",
     "attest_a.py", "backup.py", "tmp.py", "é.py", "contest_test_x.py"],
)  # fmt: skip
def test_f41_a_name_that_only_resembles_an_excluded_one_is_a_plugin(name: str) -> None:
    assert Patterns().admits_module(name)


@pytest.mark.parametrize(
    "name",
    ["test_counter.py", "counter_test.py", "conftest.py", "__init__.py", "__main__.py",
     "_private.py", ".hidden.py", ".counter.py.swp", ".#counter.py", "#counter.py#",
     "counter.py~", "4913", "counter.py.tmp", "counter.tmp.py.tmp.1", "counter.py.bak",
     "counter.py.orig", "counter.pyc", "notes.txt", "Counter.PY", "counter"],
)  # fmt: skip
def test_hr_watch_07_f6_names_of_tests_caches_and_editors_files_are_no_plugins(name: str) -> None:
    assert not Patterns().admits_module(name)


@pytest.mark.parametrize(
    ("name", "admitted"),
    [("chat", True), ("contest_x", True), ("__pycache__", False), ("test_chat", False),
     (".git", False), ("_old", False), ("tests", False), ("chat.egg-info", False),
     ("chat~", False)],
)  # fmt: skip
def test_f41_packages_are_admitted_by_their_own_name(name: str, admitted: bool) -> None:
    assert Patterns().admits_package(name) is admitted


def test_f41_own_patterns_replace_the_default_and_exclusion_wins() -> None:
    patterns = Patterns(include=("*.plugin.py", "x.py"), exclude=("x.*",))
    assert patterns.admits_module("a.plugin.py")
    assert not patterns.admits_module("a.py")
    assert not patterns.admits_module("x.py")


def test_it_finds_modules_and_packages_directly_in_the_root(tmp_path: Path) -> None:
    for name in ("a.py", "test_a.py", "chat/__init__.py", "chat/b.py", "data/c.py", "d.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    (tmp_path / "dangling.py").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe.py")
    found = Patterns().plugins_in(tmp_path)
    # A dangling link and a FIFO are errors to tell of, so they are found.
    assert {each.name for each in found} == {"a.py", "chat", "dangling.py", "pipe.py"}


def test_a_root_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert Patterns().plugins_in(tmp_path / "gone") == frozenset()


def test_f16_a_name_that_is_no_text_is_found(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"x\xff.py")).write_text("x")
    assert [os.fsencode(each.name) for each in Patterns().plugins_in(tmp_path)] == [b"x\xff.py"]
