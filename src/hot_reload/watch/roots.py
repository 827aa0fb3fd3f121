"""The roots: the directories that are watched, and what lies directly in them."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from hot_reload.errors import EngineMisuse
from hot_reload.watch.patterns import Contents, Patterns

DOUBT_SECONDS = 2.0
"""How long a listing is made anew after a change of its directory.

The time stamp of a directory is as coarse as its file system's: two changes within one
tick look like one.
"""

_Stamp: TypeAlias = tuple[int, int, int, int]


class Roots:
    """Lists directories only when they may hold something new. Used from one thread.

    Raises:
        EngineMisuse: there is no root, or one is a file, empty, or no path at all.
    """

    def __init__(self, roots: Iterable[str | Path], patterns: Patterns) -> None:
        self.paths = _checked(roots)
        self._patterns = patterns
        self._stamps: dict[Path, _Stamp | None] = {}
        self._certain_at: dict[Path, float] = {}
        self._contents: dict[Path, Contents] = {}

    @property
    def missing(self) -> tuple[Path, ...]:
        """The roots that are not there."""
        return tuple(each for each in self.paths if not each.is_dir())

    @property
    def real(self) -> frozenset[str]:
        """The roots with all links resolved."""
        return frozenset(map(os.path.realpath, self.paths))

    def contents(self, now: float) -> tuple[Contents, ...]:
        """What each root holds; the same objects as long as nothing came or went."""
        for root in self.paths:
            stamp = _stamp(root)
            if root not in self._stamps or stamp != self._stamps[root]:
                self._stamps[root] = stamp
                self._certain_at[root] = now + DOUBT_SECONDS
            elif now >= self._certain_at[root]:
                continue
            found = self._patterns.contents_of(root)
            if found != self._contents.get(root):
                self._contents[root] = found
        return tuple(self._contents.get(root, Contents()) for root in self.paths)

    def doubt(self) -> None:
        """List all roots anew at the next occasion."""
        self._stamps.clear()


def identities(directories: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """Those that are there, each with its device and inode."""
    found: dict[Path, tuple[int, int]] = {}
    for path in directories:
        with contextlib.suppress(OSError):
            status = path.stat()
            found[path] = status.st_dev, status.st_ino
    return found


def shown(text: str) -> str:
    """``text`` for a terminal: what is no character, or acts on one, is escaped."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text
    )


def _stamp(root: Path) -> _Stamp | None:
    try:
        found = os.stat(root)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_dev, found.st_ino


def _checked(roots: Iterable[str | Path]) -> tuple[Path, ...]:
    if isinstance(roots, (str, Path)):
        raise EngineMisuse(f"roots is {roots!r}; give a list of directories: [{str(roots)!r}]")
    found = tuple(dict.fromkeys(_root(each) for each in roots))
    if not found:
        raise EngineMisuse("roots is empty; give one or more directories to watch")
    return found


def _root(given: str | Path) -> Path:
    if not isinstance(given, (str, os.PathLike)) or given == "":
        # "" would be the working directory: everything in it would be run as a plugin.
        raise EngineMisuse(f"a root is {given!r}; give a directory, '.' for the working one")
    path = Path(given).absolute()
    try:
        is_file = stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise EngineMisuse(f"a root has a name that is too long: {given!r:.80}…") from None
        return path  # it may come, or be let in, later
    except ValueError:  # NUL
        raise EngineMisuse(f"a root is {given!r}, which no file system can hold") from None
    if is_file:
        raise EngineMisuse(f"root {shown(str(path))} is a file; give the directory that holds it")
    return path
