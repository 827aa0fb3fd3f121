"""The public names: all there, typed, lazy, and free of pytest."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import hot_reload_fixtures

PACKAGE = Path(hot_reload_fixtures.__file__).parent


def test_every_public_name_is_there() -> None:
    assert len(hot_reload_fixtures.__all__) == len(set(hot_reload_fixtures.__all__))
    for name in hot_reload_fixtures.__all__:
        module = importlib.import_module(
            f"hot_reload_fixtures.{hot_reload_fixtures._MODULES[name]}"
        )
        assert getattr(hot_reload_fixtures, name) is getattr(module, name)
    assert set(hot_reload_fixtures.__all__) <= set(dir(hot_reload_fixtures))


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    seen = {
        alias.asname: each.module
        for each in block.body
        if isinstance(each, ast.ImportFrom)
        for alias in each.names
    }
    assert seen == {
        name: f"hot_reload_fixtures.{module}"
        for name, module in hot_reload_fixtures._MODULES.items()
    }
    assert sorted(hot_reload_fixtures._MODULES) == sorted(hot_reload_fixtures.__all__)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Cencus'"):
        hot_reload_fixtures.Cencus  # type: ignore[attr-defined]  # noqa: B018


def test_only_the_plugin_module_imports_pytest() -> None:
    for path in PACKAGE.glob("*.py"):
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in _imported(node)
        }
        assert ("pytest" in imported) is (path.name == "pytest_plugin.py"), path.name
        assert "_pytest" not in imported


def test_the_plugin_module_imports_nothing_else() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import pytest, sys; before = set(sys.modules)\n"
            "import hot_reload_fixtures.pytest_plugin\n"
            "print(*sorted(set(sys.modules) - before))",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert loaded == ["hot_reload_fixtures", "hot_reload_fixtures.pytest_plugin"]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
