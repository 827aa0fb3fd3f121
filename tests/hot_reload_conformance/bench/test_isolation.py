"""What a subject did to the process does not reach the next variant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
    assert Path.cwd() == tmp_path
    assert os.environ["HOT_RELOAD_TEST_KEPT"] == "as it was"
    assert "HOT_RELOAD_TEST_NEW" not in os.environ
