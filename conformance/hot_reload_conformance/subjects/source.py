"""Sources: where subjects are found, told apart by reading files and never by running them."""

from __future__ import annotations

import ast
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hot_reload.hooks import TABLE
from hot_reload.manifest import ROLE_METHOD

HOST_NAME = "hot_reload_host"
SUBJECT_NAME = "hot_reload_subject"


class SourceKind(enum.Enum):
    """What stands behind a source."""

    HOST = "host"
    PLUGIN = "plugin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One subject to be: the file that its test ids hang on, and how to get at it."""

    kind: SourceKind
    anchor: Path
    """The plugin's file or package ``__init__``, the adapter's file, or pyproject.toml."""
    target: str = ""
    """``module:Name`` of the adapter; "": the name ``hot_reload_host`` in the anchor."""
    fixture: bool = False
    """The host is given by a pytest fixture in the anchor, a conftest."""
    label: str = ""
    """Stands for the anchor's path in test ids, where the anchor lies outside the project."""

    @property
    def name(self) -> str:
        """A plugin's name; a host's is known once its adapter is imported."""
        return self.anchor.parent.name if self.anchor.name == "__init__.py" else self.anchor.stem

    @property
    def path(self) -> Path:
        """The plugin itself: its file, or the folder of its package."""
        return self.anchor.parent if self.anchor.name == "__init__.py" else self.anchor


@dataclass(frozen=True, slots=True)
class Outline:
    """What a look at a file's text shows."""

    names: frozenset[str] = frozenset()
    """All that the module defines, assigns or imports at its top level."""
    fixtures: frozenset[str] = frozenset()
    """The functions among them that are pytest fixtures."""
    plugin: bool = False
    """Whether something in it looks like a plugin."""
    adapters: tuple[str, ...] = ()
    """The classes that extend HostAdapter, directly or through another one of the file."""
    reexports: bool = False
    """Whether it imports from its own package."""
    readable: bool = True
    """False: not Python; what it is shows only when it is loaded."""


def outline(path: Path) -> Outline:
    """The outline of the Python file at ``path``. Runs nothing."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return Outline(readable=False)
    names: set[str] = set()
    fixtures: set[str] = set()
    for node in tree.body:
        names.update(_bound(node))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_fixture(node):
            fixtures.add(_fixture_name(node))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    adapters = _adapters(classes)
    return Outline(
        names=frozenset(names | fixtures),
        fixtures=frozenset(fixtures),
        plugin=bool(names & {"PLUGIN_META", "PLUGIN_METADATA"})
        or any(_is_plugin(each) for each in classes if each.name not in adapters),
        adapters=adapters,
        reexports=any(isinstance(node, ast.ImportFrom) and node.level for node in tree.body),
    )


def _bound(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [each.id for each in node.targets if isinstance(each, ast.Name)]
    if isinstance(node, ast.AnnAssign) and node.value and isinstance(node.target, ast.Name):
        return [node.target.id]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [each.asname or each.name for each in node.names]
    return []


def _is_fixture(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(_decorator(each).endswith("fixture") for each in node.decorator_list)


def _fixture_name(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """``@pytest.fixture(name="other")`` goes by the other name."""
    for each in node.decorator_list:
        for keyword in each.keywords if isinstance(each, ast.Call) else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return node.name


def _decorator(node: ast.expr) -> str:
    return ast.unparse(node.func if isinstance(node, ast.Call) else node)


_METHODS = frozenset(name for hook in TABLE for name in hook.names) | frozenset(
    ROLE_METHOD.values()
)
_FIELDS = frozenset({"version", "metadata", "PLUGIN_META"})


def _adapters(classes: Sequence[ast.ClassDef]) -> tuple[str, ...]:
    found: list[str] = []
    for node in classes:
        if _bases(node) & {"HostAdapter", *found}:
            found.append(node.name)
    return tuple(found)


def _bases(node: ast.ClassDef) -> set[str]:
    return {ast.unparse(each).rpartition(".")[2] for each in node.bases}


def _is_plugin(node: ast.ClassDef) -> bool:
    if node.name.startswith("Test"):  # has setup and teardown too, but is none
        return False
    bases = _bases(node)
    names = {
        each.name for each in node.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))
    } | {name for each in node.body for name in _bound(each)}
    return "Plugin" in bases or bool(names & (_METHODS | _FIELDS))
