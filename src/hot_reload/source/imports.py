"""Whether what a plugin imports can be found, without importing it.

Optional imports are passed over: under ``try`` with an ``except ImportError``, under
``if TYPE_CHECKING``. One inside a function may never run, so it is only doubtful.
"""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from hot_reload.source.bindings import ImportedName, Text, Texts, is_type_checking
from hot_reload.source.snapshot import SourceSnapshot

_CATCHING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An import that will fail: what is missing, where, and how sure that is.

    ``distribution`` is the name to try with pip, where it is not the plugin's own module.
    """

    text: str
    file: str
    line: int
    certain: bool
    distribution: str | None = None


def unresolved_imports(texts: Texts, dependencies: Collection[str] = ()) -> Iterator[Unresolved]:
    """The imports of a plugin's files that cannot be resolved.

    ``dependencies`` are the names of other plugins, which the engine provides. Nothing is
    imported, not even the package around a submodule.

    Raises:
        SyntaxError, ValueError, MemoryError, RecursionError: a file does not parse.
    """
    for text in texts:
        for statement, late in _unguarded(text.tree.body, late=False):
            for name in texts.imported(text.name, statement):
                if name.target.partition(".")[0] in dependencies:
                    continue
                missing = _missing(texts, text, statement, name)
                if missing is not None:
                    why, sure, distribution = missing
                    certain = sure and not late and text.name in texts.reached
                    file, line = str(text.file.path), statement.lineno
                    yield Unresolved(why, file, line, certain, distribution)


def imported_tops(snapshot: SourceSnapshot) -> frozenset[str]:
    """The first parts of all that the plugin imports from outside itself, optional or not.

    Empty for a text that does not parse: then nothing of it runs.
    """
    texts = Texts(snapshot)
    try:
        return frozenset(
            name.target.partition(".")[0]
            for text in texts
            for node in ast.walk(text.tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for name in texts.imported(text.name, node)
            if name.own is None and not name.target.startswith(".")
        )
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return frozenset()


def _unguarded(
    body: list[ast.stmt], *, late: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for statement in body:
        match statement:
            case ast.Import() | ast.ImportFrom():
                yield statement, late
            case ast.If(test=test) if is_type_checking(test):
                yield from _unguarded(statement.orelse, late=late)
            case ast.If():
                # Either branch may be the one that is never taken on this machine.
                yield from _unguarded([*statement.body, *statement.orelse], late=True)
            case ast.Try() | ast.TryStar():
                if not any(map(_catches_import_error, statement.handlers)):
                    yield from _unguarded(statement.body, late=late)
                yield from _unguarded([*statement.orelse, *statement.finalbody], late=late)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _unguarded(statement.body, late=True)
            case ast.With(items=items) if any(map(_suppresses, items)):
                continue
            case ast.ClassDef() | ast.With() | ast.AsyncWith() | ast.For() | ast.While():
                yield from _unguarded(statement.body, late=late)


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(getattr(each, "id", getattr(each, "attr", "")) in _CATCHING for each in kinds)


def _suppresses(item: ast.withitem) -> bool:
    call = item.context_expr
    if not isinstance(call, ast.Call):
        return False
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    return name == "suppress" and any(getattr(each, "id", "") in _CATCHING for each in call.args)


def _missing(
    texts: Texts, text: Text, statement: ast.Import | ast.ImportFrom, name: ImportedName
) -> tuple[str, bool, str | None] | None:
    """What is missing, whether that is sure, and the distribution to look for."""
    relative = isinstance(statement, ast.ImportFrom) and statement.level > 0
    if name.own is None and relative:
        if not texts.snapshot.is_package:
            return f"relative import of {name.target!r} in a plugin that is one file", True, None
        return f"relative import of {name.target!r} goes above the plugin", True, None
    if name.own is not None:
        return _missing_of_its_own(texts, text, name)
    top, _, rest = name.target.partition(".")
    if not _is_found(top):
        return f"no module named {top!r}", True, top
    if rest and not _is_submodule_found(name.target):
        # A package may make such modules as it is imported.
        return f"no module named {name.target!r}, though there is {top!r}", False, top
    return None


def _missing_of_its_own(
    texts: Texts, text: Text, name: ImportedName
) -> tuple[str, bool, str | None] | None:
    files, own = texts.snapshot.files, name.own or ""
    if own not in files:
        # A folder without __init__.py has no entry of its own.
        if not any(each.startswith(f"{own}.") for each in files):
            return f"the plugin has no module {own!r}", True, None
        return None
    if name.symbol in {None, "*"} or f"{own}.{name.symbol}".lstrip(".") in files:
        return None
    bound = texts[own].bound
    if name.symbol in bound or "*" in bound or "__getattr__" in bound or own == text.name:
        return None
    if str(name.symbol).startswith("__"):
        return None
    return f"module {own or texts.snapshot.top!r} has no {name.symbol!r}", False, None


def _is_found(top: str) -> bool:
    if top in sys.modules:
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _is_submodule_found(target: str) -> bool:
    if target in sys.modules:
        return True
    parts = target.split(".")
    try:
        spec = importlib.util.find_spec(parts[0])
        for number in range(2, len(parts) + 1):
            if spec is None or spec.submodule_search_locations is None:
                return False
            name, places = ".".join(parts[:number]), list(spec.submodule_search_locations)
            spec = importlib.machinery.PathFinder.find_spec(name, places)
    except (ImportError, ValueError):
        return False
    return spec is not None
