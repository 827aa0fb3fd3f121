"""The files of a case: what is written, and at which mtime."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path

import pytest

from hot_reload_conformance.bench.case_files import CaseFiles


def stamps(files: dict[str, Path]) -> set[int]:
    return {path.stat().st_mtime_ns for path in files.values()}


def test_every_write_is_two_seconds_after_the_last_whenever_it_happens(tmp_path: Path) -> None:
    files = CaseFiles(tmp_path)
    (first,) = stamps(files.put({"a.py": "1", "b/c.py": "1"}))
    (second,) = stamps(files.put({"a.py": "2"}))
    assert second - first == 2_000_000_000
    assert stamps(files.put({"a.py": "3"}, same_second=True)) == {second}
    assert files.next_stamp() - second == 2_000_000_000
    assert stamps(files.put({"a.py": "4"})) == {second + 4_000_000_000}
    assert files.writes == 4


def test_no_file_is_newer_than_the_clock(tmp_path: Path) -> None:
    files = CaseFiles(tmp_path)
    for _ in range(1_000):
        files.next_stamp()
    assert max(stamps(files.put({"a.py": ""}))) < time.time_ns()


def test_what_stands_in_the_way_is_replaced_and_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.py").symlink_to(elsewhere)
    (root / "b.py").mkdir()
    put = CaseFiles(root).put({"a.py": "a", "b.py": "b"})
    assert list(put) == ["a.py", "b.py"]
    assert [path.read_text() for path in put.values()] == ["a", "b"]
    assert elsewhere.read_text() == "mine"


def test_only_what_is_otherwise_there_is_changed(tmp_path: Path) -> None:
    files = CaseFiles(tmp_path)
    files.put({"a.py": "a", "b.py": "b"})
    assert files.changed({"a.py": "a", "b.py": "other", "c.py": "c"}) == {
        "b.py": "other",
        "c.py": "c",
    }


def test_a_new_module_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    files = CaseFiles(tmp_path)
    name = "written_by_a_case"
    for each in ("first", "second"):
        # The finder lists the folder, and takes that for true while its mtime is the same: on a
        # file system that counts in seconds it is, behind the write.
        os.utime(tmp_path, ns=(0, 0))
        assert importlib.util.find_spec(f"{name}_{each}") is None
        put = files.put({f"{name}_{each}.py": ""})
        os.utime(tmp_path, ns=(0, 0))
        assert list(put) == [f"{name}_{each}.py"]
        assert importlib.util.find_spec(f"{name}_{each}") is not None
    assert not any(module.startswith(name) for module in sys.modules)
