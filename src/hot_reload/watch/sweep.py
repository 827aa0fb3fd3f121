"""The sweep: what is on disk now, by content. It is the truth that events only hint at.

A plugin's fingerprint is the hash of its source, or the words for why it cannot be
read. Files are read again only where the status of one of them differs, mtime,
ctime, size and inode together (differ: an older mtime is an edit too), and all of
them in every ``thorough_every``th sweep: a write through a memory map shows in no
status before it is flushed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from hot_reload.errors import SourceError
from hot_reload.ports import Files
from hot_reload.source.snapshot import take_snapshot

MISSING = "missing"

_Status: TypeAlias = tuple[tuple[str, int, int, int, int], ...]


class Sweep:
    """Looks at plugins on disk. Blocking, quick; used from one thread at a time."""

    def __init__(self, files: Files, *, thorough_every: int = 10) -> None:
        self._files = files
        self._thorough_every = thorough_every
        self._sweeps = 0
        self._known: dict[Path, tuple[_Status, str]] = {}
        self.read = 0
        """How many plugins were read, for tests and benchmarks."""

    def look(self, plugins: Iterable[Path]) -> dict[Path, str]:
        """The fingerprint of each of ``plugins``; others are forgotten."""
        self._sweeps += 1
        thorough = self._sweeps % self._thorough_every == 0
        found = {path: self._fingerprint(path, thorough) for path in plugins}
        for path in [each for each in self._known if each not in found]:
            del self._known[path]
        return found

    def again(self, plugin: Path) -> str:
        """The fingerprint of ``plugin`` by reading it now, whatever its status says."""
        return self._fingerprint(plugin, True)

    def _fingerprint(self, path: Path, thorough: bool) -> str:
        status = _status(path)
        known = self._known.get(path)
        if known is not None and known[0] == status and not thorough:
            return known[1]
        self.read += 1
        fingerprint = self._content(path) if status else MISSING
        self._known[path] = status, fingerprint
        return fingerprint

    def _content(self, path: Path) -> str:
        try:
            return take_snapshot(path, self._files).sha256
        except SourceError as error:
            return MISSING if not path.exists() and not path.is_symlink() else f"error: {error}"


def _status(path: Path) -> _Status:
    """The status of every file that belongs to ``path``; empty: it is not there."""
    try:
        if not path.is_dir():
            return (_entry("", path),)
    except OSError:
        return ()
    entries: list[tuple[str, int, int, int, int]] = []
    for folder, folders, files in os.walk(path):
        folders[:] = [each for each in folders if each != "__pycache__" and each[0] != "."]
        for name in files:
            if name.endswith(".py"):
                file = Path(folder, name)
                try:
                    entries.append(_entry(str(file.relative_to(path)), file))
                except OSError:
                    continue  # it went between the listing and the look
    return tuple(sorted(entries))


def _entry(name: str, path: Path) -> tuple[str, int, int, int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        found = path.lstat()  # a dangling link is something, too
    return name, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
