"""Compiling: heard for one file, by any of Python's ways to compile it, and only meanwhile."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from hot_reload_conformance.bench.compiling import compiling


def test_syntax_errors_of_this_file_are_heard_and_nothing_else(tmp_path: Path) -> None:
    heard: list[str] = []
    path = tmp_path / "alpha.py"
    with compiling(path, lambda: heard.append("compiled")):
        for name in (str(path), os.fsencode(path), path):
            with pytest.raises(SyntaxError):
                compile("def broken(:", name, "exec")
        with pytest.raises(SyntaxError):
            ast.parse("def broken(:", str(path))
        compile("1", str(tmp_path / "beta.py"), "exec")
    compile("1", str(path), "exec")
    assert len(heard) == 4
