"""What a subject did to the process does not reach the next variant."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import weakref
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hot_reload_conformance.bench.isolation import folder


def test_the_directory_and_the_environment_are_put_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOT_RELOAD_TEST_KEPT", "as it was")
    with folder() as root:
        os.chdir(root)
        os.environ["HOT_RELOAD_TEST_KEPT"] = "changed"
        os.environ["HOT_RELOAD_TEST_NEW"] = "new"
    assert not root.exists()
    assert not root.parent.exists()
    assert Path.cwd() == tmp_path
    assert os.environ["HOT_RELOAD_TEST_KEPT"] == "as it was"
    assert "HOT_RELOAD_TEST_NEW" not in os.environ


def test_hypothesis_keeps_no_module_of_a_case() -> None:
    """It kept each that was there at the first draw of an example: 12 MB for each subject."""

    @settings(max_examples=100, database=None, derandomize=True)
    @given(st.integers(), st.text())
    def draws(number: int, text: str) -> None:
        assert f"{number}{text}"

    with folder() as root:
        (root / "alpha_of_a_case.py").write_text("TEXT = 'something that nobody else says'\n")
        sys.path.insert(0, str(root))
        module = weakref.ref(importlib.import_module("alpha_of_a_case"))
        draws()
        assert module() is not None
    gc.collect()
    assert module() is None
