"""Which files of a watched directory are plugins, by exact patterns, never by substrings."""

from __future__ import annotations

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
        try:
            entries = sorted(root.iterdir())
        except OSError:
            return frozenset()
        return frozenset(each for each in entries if self._is_plugin(each))

    def _is_plugin(self, path: Path) -> bool:
        try:
            if path.is_dir():
                return self.admits_package(path.name) and (path / "__init__.py").is_file()
            # Not is_file(): a dangling link or a FIFO of a plugin's name is an error to tell.
            return self.admits_module(path.name)
        except OSError:
            return False


def _any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
