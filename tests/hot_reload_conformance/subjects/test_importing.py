"""Importing what users write: the place of a mistake is a line of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from hot_reload_conformance.subjects.importing import ImportProblem, import_file


@pytest.mark.parametrize(
    "mistake",
    [
        "import enum; enum.Enum('Claim', 'RELOAD').UNLAOD",
        "{}['key']",
        "import json; json.loads('{')",
    ],
)
def test_the_line_of_a_failed_import_is_the_users(tmp_path: Path, mistake: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"x = 1\n{mistake}\n", encoding="utf-8")
    with pytest.raises(ImportProblem) as caught:
        import_file(path)
    assert str(caught.value).endswith(f"({path}:2)")
