"""Importing the user's own files: adapters and subject descriptions, never plugins under test."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_STDLIB = str(Path(os.__file__).parent)


class ImportProblem(Exception):
    """A file or dotted name of the user's could not be imported; the text says why."""


def import_file(path: Path) -> ModuleType:
    """The module at ``path``, imported as part of its package where it is in one.

    The folder above it goes on ``sys.path``, as pytest does for test files, so that
    what stands beside an adapter can be imported by it.

    Raises:
        ImportProblem: the import failed.
    """
    path = path.resolve()
    folder, parts = path.parent, [path.stem]
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    name = ".".join(parts)
    loaded = sys.modules.get(name)
    if loaded is not None and _is_at(loaded, path):
        return loaded
    if loaded is not None or len(parts) == 1:
        # Another file has the plain name, or could: two adapters.py are common.
        return _import_as(f"hot_reload_user_{_mark(path)}_{path.stem}", path)
    try:
        module = importlib.import_module(name)
    except Exception as error:
        raise _problem(str(path), error) from error
    return module if _is_at(module, path) else _import_as(f"hot_reload_user_{_mark(path)}", path)


def _import_as(name: str, path: Path) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportProblem(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise _problem(str(path), error) from error
    return module


def import_name(dotted: str, root: Path) -> Any:
    """The object at ``module:name``, looked for in ``root`` and ``root/src`` too.

    Raises:
        ImportProblem: malformed, the import failed, or the module has no such name.
    """
    module_name, colon, name = dotted.partition(":")
    if not (module_name and colon and name):
        raise ImportProblem(f"{dotted!r} is no dotted name: write 'package.module:Name'")
    for folder in (root / "src", root):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(module_name)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise _problem(module_name, error) from error
    try:
        return getattr(module, name)
    except AttributeError:
        raise ImportProblem(f"module {module_name!r} has no {name!r}") from None


def _is_at(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == path


def _mark(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:8]


def _problem(what: str, error: BaseException) -> ImportProblem:
    places: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "importlib" not in file and file != __file__:
            places.append(f"{file}:{trace.tb_lineno}")
        trace = trace.tb_next
    # The deepest line, unless that is Python's own, as with a wrong member of an enum.
    own = [each for each in places if not each.startswith(_STDLIB) or "site-packages" in each]
    where = f" ({(own or places)[-1]})" if places else ""
    return ImportProblem(f"{what} cannot be imported: {type(error).__name__}: {error}{where}")
