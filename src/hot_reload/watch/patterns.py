"""Which files of a watched directory are plugins, by exact patterns, never by substrings."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

INCLUDED = ("*.py",)
EXCLUDED = (
    "test_*.py",
    "*_test.py",
    "conftest.py",
    "tests",
    "__init__.py",
    "__main__.py",
    "__pycache__",
    ".*",  # hidden, and the swap and lock files of vim and Emacs
    "_*",
    "*~",
    "#*#",
    "4913",  # vim probes a directory with it
    "*.tmp",
    "*.tmp.*",
    "*.bak",
    "*.orig",
)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Shell patterns of file names (``fnmatch``, case matters). Exclusion wins.

    A package is a directory with an ``__init__.py`` whose own name no exclusion
    matches, with ``.py`` after it or without; inclusions are about module files only.
    """

    include: tuple[str, ...] = INCLUDED
    exclude: tuple[str, ...] = EXCLUDED

    def admits_module(self, name: str) -> bool:
        return _any(name, self.include) and not _any(name, self.exclude)

    def admits_package(self, name: str) -> bool:
        excluded = _any(name, self.exclude) or _any(f"{name}.py", self.exclude)
        return not excluded and "." not in name

    def plugins_in(self, root: Path) -> frozenset[Path]:
        """The module files and packages directly in ``root``; empty where it is not there."""
        return self.contents_of(root).plugins

    def contents_of(self, root: Path) -> Contents:
        """What ``root`` holds; empty where it is not there."""
        plugins: set[Path] = set()
        folders: set[Path] = set()
        links: set[Path] = set()
        try:
            with os.scandir(root) as entries:
                for entry in entries:
                    if self._may_be_package(entry):
                        here = (root / entry.name / "__init__.py").is_file()
                        (plugins if here else folders).add(root / entry.name)
                    # Whatever it is: a dangling link or a FIFO of a plugin's name is an error
                    # to tell.
                    elif not _is_folder(entry) and self.admits_module(entry.name):
                        plugins.add(root / entry.name)
                    if entry.is_symlink():
                        links.add(root / entry.name)
        except OSError:
            return Contents()
        return Contents(frozenset(plugins), frozenset(folders), frozenset(links & plugins))

    def _may_be_package(self, entry: os.DirEntry[str]) -> bool:
        return self.admits_package(entry.name) and _is_folder(entry)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a root holds directly."""

    plugins: frozenset[Path] = frozenset()
    folders: frozenset[Path] = frozenset()
    """Directories that are plugins as soon as they have an ``__init__.py``."""
    links: frozenset[Path] = frozenset()
    """The plugins that are links: no event tells of an edit of what they lead to."""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
