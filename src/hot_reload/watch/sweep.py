"""The sweep: what is on disk now, by content. It is the truth that events only hint at.

Files are read again where the status of one of them differs, mtime, ctime, size and
inode together (differ: an older mtime is an edit too). On local file systems every
write moves the ctime, so an edit of the same size and mtime shows as well. What shows
in no status, such as a write through a memory map before it is flushed, is found by
``again``, which the survey calls for a part of the plugins at every sweep.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from hot_reload.errors import SourceError
from hot_reload.ports import Files
from hot_reload.source.snapshot import take_snapshot

MISSING = "missing"
ERROR = "error: "
INPUT_LIMIT_BYTES = 16 * 1024 * 1024
"""A larger input is compared by its status alone: hashing it would hold up the event loop."""

_Entry: TypeAlias = tuple[str, int, int, int, int]
_Status: TypeAlias = tuple[_Entry, ...]
_GONE = (errno.ENOENT, errno.ENOTDIR)


@dataclass(frozen=True, slots=True)
class Look:
    """One plugin on disk.

    ``source`` is the SHA-256 of its source as ``Running`` has it, ``MISSING``, or the
    words for why it cannot be read. ``inputs`` has each declared input with the like.
    """

    source: str
    inputs: tuple[tuple[str, str], ...] = ()

    @property
    def readable(self) -> bool:
        return self.source != MISSING and not self.source.startswith(ERROR)


class Sweep:
    """Looks at plugins on disk. Blocking, quick; used from one thread at a time."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[tuple[str, Path], tuple[_Status, str]] = {}
        self.read = 0
        """How many plugins and inputs were read, for tests and benchmarks."""

    def look(self, plugins: Mapping[Path, Sequence[str]]) -> dict[Path, Look]:
        """Look at each of ``plugins``, given with its declared inputs."""
        return {path: self._look(path, inputs) for path, inputs in plugins.items()}

    def keep(self, plugins: Mapping[Path, Sequence[str]]) -> None:
        """Forget all but ``plugins`` and their inputs."""
        wanted = {("source", path) for path in plugins} | {
            ("input", _home(path) / each) for path, inputs in plugins.items() for each in inputs
        }
        for gone in self._known.keys() - wanted:
            del self._known[gone]

    def again(self, plugin: Path, inputs: Sequence[str] = ()) -> Look:
        """Look at ``plugin`` by reading it now, whatever its status says."""
        self._known.pop(("source", plugin), None)
        for each in inputs:
            self._known.pop(("input", _home(plugin) / each), None)
        return self._look(plugin, inputs)

    def _look(self, path: Path, inputs: Sequence[str]) -> Look:
        source = self._fingerprint("source", path)
        home = _home(path) if inputs else path
        return Look(
            source, tuple((each, self._fingerprint("input", home / each)) for each in inputs)
        )

    def _fingerprint(self, kind: str, path: Path) -> str:
        # The status comes first: what is written while we read differs from it next time.
        status = _status(path)
        known = self._known.get((kind, path))
        if known is not None and known[0] == status:
            return known[1]
        self.read += 1
        content = self._content(kind, path, status)
        self._known[kind, path] = status, content
        return content

    def _content(self, kind: str, path: Path, status: _Status) -> str:
        if not status:
            return MISSING
        try:
            if kind == "source":
                return take_snapshot(path, self._files).sha256
            return self._input(path, status)
        except SourceError as error:
            return f"{ERROR}{error}" if _status(path) else MISSING

    def _input(self, path: Path, status: _Status) -> str:
        if len(status) == 1 and status[0][3] > INPUT_LIMIT_BYTES:
            return f"status: {status}"
        data = self._files.read(Path(os.path.realpath(path)), limit_bytes=INPUT_LIMIT_BYTES)
        return hashlib.sha256(data).hexdigest()


def _home(plugin: Path) -> Path:
    """The directory that a plugin's inputs are relative to: a package's own, a module's parent."""
    return plugin if os.path.isdir(plugin) else plugin.parent


def _status(path: Path) -> _Status:
    """The status of every file that belongs to ``path``; empty: it is not there."""
    # One call in the usual case: this is what a sweep does for every plugin.
    found = _stat(os.fspath(path))
    if isinstance(found, int):
        return () if found in _GONE else (("", -found, 0, 0, 0),)
    if not stat.S_ISDIR(found.st_mode):
        return (_entry("", found),)
    entries: list[_Entry] = []
    _collect(os.fspath(path), "", entries)
    entries.sort()
    # An empty directory is there all the same: it is no package any more, which is an error.
    return tuple(entries) or (("", 0, 0, 0, 0),)


def _collect(folder: str, prefix: str, into: list[_Entry]) -> None:
    try:
        with os.scandir(folder) as entries:
            for each in entries:
                name = each.name
                # Not into links to directories: they may lead round in a circle.
                if each.is_dir(follow_symlinks=False):
                    if name != "__pycache__" and name[0] != ".":
                        _collect(each.path, f"{prefix}{name}/", into)
                elif name.endswith(".py"):
                    found = _stat(each.path)
                    if isinstance(found, int):
                        if found not in _GONE:
                            into.append((prefix + name, -found, 0, 0, 0))
                    elif not stat.S_ISDIR(found.st_mode):
                        into.append(_entry(prefix + name, found))
    except OSError as error:
        if error.errno not in _GONE:
            into.append((prefix, -(error.errno or 1), 0, 0, 0))


def _stat(path: str) -> os.stat_result | int:
    """The status, or the number of the error."""
    try:
        return os.stat(path)
    except OSError as error:
        number = error.errno or 1
    try:
        return os.lstat(path)  # a link that dangles, or goes in a circle, is something too
    except OSError:
        # Not to be seen is not gone: a directory whose permission was taken still has its files.
        return number


def _entry(name: str, found: os.stat_result) -> _Entry:
    return name, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
