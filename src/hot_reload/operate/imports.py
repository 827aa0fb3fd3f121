"""What a plugin's source imports as it is loaded, read from its text; nothing of it is run."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from hot_reload.source.snapshot import SourceFile, SourceSnapshot

DISTRIBUTIONS = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "google": "google-api-python-client",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "win32api": "pywin32",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}
"""Distributions that are called otherwise than what they let one import."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An import that every load of the plugin runs. ``own``: of the plugin's own package."""

    module: str
    line: int
    own: bool


def wanted_by(file: SourceFile, dotted: str, snapshot: SourceSnapshot) -> Iterator[Wanted]:
    """What ``file`` imports as it is loaded, in the order of its lines.

    Left out is what may be absent: imports inside functions, under ``TYPE_CHECKING``, and
    in a ``try`` that catches their failure.

    Raises:
        SyntaxError, ValueError: it does not parse.
    """
    is_package = dotted in snapshot.packages
    for node in _always_run(ast.parse(file.data).body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _wanted(alias.name, node.lineno, snapshot)
        elif node.level:
            base = dotted.split(".") if dotted else []
            keep = len(base) - node.level + is_package
            yield Wanted(".".join([*base[: max(0, keep)], node.module or ""]), node.lineno, True)
        elif node.module:
            yield _wanted(node.module, node.lineno, snapshot)


def is_there(wanted: Wanted, snapshot: SourceSnapshot, loaded: Collection[str]) -> bool:
    """Whether ``wanted`` can be found: in the plugin, among the loaded ones, or installed."""
    if wanted.own:
        return wanted.module.strip(".") in snapshot.files
    top = wanted.module.partition(".")[0]
    if top in loaded or top in sys.modules or top in sys.builtin_module_names:
        return True
    try:
        # A top-level name: finding it imports nothing.
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def distribution_of(module: str) -> str:
    """What to install for ``module``, as far as one can say: most go by the same name."""
    top = module.partition(".")[0]
    return DISTRIBUTIONS.get(top, top)


def _wanted(module: str, line: int, snapshot: SourceSnapshot) -> Wanted:
    top, _, rest = module.partition(".")
    if top == snapshot.top:
        return Wanted(rest, line, own=True)
    return Wanted(module, line, own=False)


def _always_run(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.Try) and node.handlers:
            continue  # whoever guards an import knows that it may be absent
        elif isinstance(node, (ast.If, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue  # a condition may be false, and a function not called
        elif isinstance(node, (ast.ClassDef, ast.With, ast.Try)):
            yield from _always_run(node.body)
