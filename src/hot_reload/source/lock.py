"""``plugins.lock``: the SHA-256 of every file that may run, all or nothing.

The lock names files by their path relative to its own directory. A plugin that has no
entry may not run, nor one with a file more, less or other than it says. What is compared
is the snapshot, the very bytes that are compiled afterwards, so nothing can be
exchanged between the check and the run.

``python -m hot_reload.source.lock plugins.lock plugins/counter.py`` writes the entries of
the plugins that are named, and leaves the others as they are.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hot_reload.errors import LockMismatch, SourceError
from hot_reload.ports import Files
from hot_reload.source.snapshot import DiskFiles, SourceSnapshot, take_snapshot

LOCK_VERSION = 1
LOCK_LIMIT_BYTES = 4 * 1024 * 1024
SHOWN_FILES = 5
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class LockChange:
    """What writing a lock changed, by path in the lock."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = ("added", self.added), ("changed", self.changed), ("removed", self.removed)
        told = [f"{verb} {', '.join(map(_shown, names))}" for verb, names in parts if names]
        return "; ".join(told) or "nothing changed"


class Lock:
    """A lock file. It is read at each check, so an update counts at the next reload.

    May be used from any thread; it holds nothing but its path.
    """

    def __init__(self, path: Path, files: Files | None = None) -> None:
        self.path = Path(os.path.abspath(path))
        self._files = files or DiskFiles()

    def check(self, snapshot: SourceSnapshot) -> None:
        """Hold ``snapshot`` against the lock. Never skipped, not even by a forced reload.

        Raises:
            LockMismatch: a file is missing, extra or different, or the lock itself is missing,
                malformed or unreadable; the message names each file, and the hint the command.
        """
        locked, found = self.read(), self._entries(snapshot)
        expected = {path: sha for path, sha in locked.items() if self._belongs(path, snapshot)}
        missing = sorted(expected.keys() - found.keys())
        extra = sorted(found.keys() - expected.keys())
        differing = sorted(p for p in expected.keys() & found.keys() if expected[p] != found[p])
        if not (missing or extra or differing):
            return
        if not expected:
            raise self._mismatch(snapshot, f"{_shown(self._root(snapshot))} is not in {self.path}")
        parts = ("missing", missing), ("not in the lock", extra), ("different", differing)
        told = "; ".join(f"{what}: {_several(names)}" for what, names in parts if names)
        first = next(iter([*differing, *extra, *missing]))
        raise self._mismatch(
            snapshot, f"{snapshot.top!r} is not what {self.path} allows: {told}", first
        )

    def read(self) -> dict[str, str]:
        """The entries: path relative to the lock's directory, to SHA-256 in hex.

        Raises:
            LockMismatch: it is not there, not readable or malformed.
        """
        try:
            data = self._files.read(self.path, limit_bytes=LOCK_LIMIT_BYTES)
        except SourceError as error:
            raise self._unusable(str(error)) from None
        try:
            return _entries_of(json.loads(data, object_pairs_hook=_unique))
        except (ValueError, RecursionError) as error:
            raise self._unusable(f"{self.path} is no lock: {error}") from None

    def write(self, snapshots: Sequence[SourceSnapshot]) -> LockChange:
        """Lock exactly ``snapshots``; every other entry goes.

        The file is replaced at once: whoever reads it sees the old one or the new one.

        Raises:
            OSError: it cannot be written; the old one is as it was.
        """
        try:
            before = self.read()
        except LockMismatch:
            before = {}
        return self._replace(before, self._all_entries(snapshots))

    def update(self, snapshots: Sequence[SourceSnapshot]) -> LockChange:
        """Lock ``snapshots`` anew and leave the entries of other plugins; see ``write``.

        Raises:
            LockMismatch: there is a lock, and it cannot be read.
            OSError: as ``write``.
        """
        before = self.read() if os.path.lexists(self.path) else {}
        kept = {
            path: sha
            for path, sha in before.items()
            if not any(self._belongs(path, each) for each in snapshots)
        }
        return self._replace(before, {**kept, **self._all_entries(snapshots)})

    def _all_entries(self, snapshots: Sequence[SourceSnapshot]) -> dict[str, str]:
        return {p: sha for each in snapshots for p, sha in self._entries(each).items()}

    def _entries(self, snapshot: SourceSnapshot) -> dict[str, str]:
        return {self._relative(each.path): each.sha256 for each in snapshot.files.values()}

    def _root(self, snapshot: SourceSnapshot) -> str:
        path = snapshot.main.path
        return self._relative(path.parent if snapshot.is_package else path)

    def _belongs(self, entry: str, snapshot: SourceSnapshot) -> bool:
        root = self._root(snapshot)
        return entry == root or (snapshot.is_package and entry.startswith(f"{root}/"))

    def _relative(self, path: Path) -> str:
        return Path(os.path.relpath(path, self.path.parent)).as_posix()

    def _replace(self, before: Mapping[str, str], after: Mapping[str, str]) -> LockChange:
        document = {"lock_version": LOCK_VERSION, "sha256": dict(sorted(after.items()))}
        write_atomically(self.path, json.dumps(document, indent=2).encode() + b"\n")
        return LockChange(
            added=tuple(sorted(after.keys() - before.keys())),
            changed=tuple(sorted(p for p in after if p in before and after[p] != before[p])),
            removed=tuple(sorted(before.keys() - after.keys())),
        )

    def _mismatch(self, snapshot: SourceSnapshot, text: str, entry: str = "") -> LockMismatch:
        main = snapshot.main.path
        plugin = main.parent if snapshot.is_package else main
        return LockMismatch(
            text,
            file=str(self.path.parent / entry) if entry else str(main),
            hint="review the change, then run: python -m hot_reload.source.lock "
            f"{_shown(str(self.path))} {_shown(str(plugin))}",
        )

    def _unusable(self, text: str) -> LockMismatch:
        return LockMismatch(
            f"{text}; nothing runs without it",
            file=str(self.path),
            hint="restore it, or write it anew by: python -m hot_reload.source.lock "
            f"{_shown(str(self.path))} PLUGIN...",
        )


def write_atomically(path: Path, data: bytes) -> None:
    """Put ``data`` in place of what is at ``path``; a reader sees one or the other, never half.

    Raises:
        OSError: it cannot be written; what was there still is.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            # mkstemp's 0600 would hide the lock from a host that runs as somebody else.
            os.fchmod(file.fileno(), _mode_of(path))
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # the new name is on the disk too, not only the bytes
    finally:
        os.close(directory)


def main(arguments: Sequence[str] | None = None) -> int:
    """``LOCK PLUGIN...``: update the entries of the plugins named. The exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) < 2:
        print("usage: python -m hot_reload.source.lock LOCK PLUGIN...", file=sys.stderr)
        return 2
    lock = Lock(Path(given[0]))
    try:
        change = lock.update([take_snapshot(Path(each), DiskFiles()) for each in given[1:]])
    except (SourceError, OSError) as error:
        print(f"{lock.path} was not changed: {error}", file=sys.stderr)
        return 1
    print(f"{lock.path}: {change}")
    return 0


def _mode_of(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        return 0o644


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands in it twice")
    return found


def _entries_of(document: object) -> dict[str, str]:
    if not isinstance(document, dict) or document.keys() != {"lock_version", "sha256"}:
        raise ValueError('it is not {"lock_version": ..., "sha256": {...}}')
    if document["lock_version"] != LOCK_VERSION:
        raise ValueError(
            f"its lock_version is {document['lock_version']!r:.40}; read is {LOCK_VERSION}"
        )
    entries = document["sha256"]
    if not isinstance(entries, dict):
        raise ValueError('its "sha256" is no mapping of paths to hashes')
    for path, sha256 in entries.items():
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise ValueError(f"the hash of {path!r} is not 64 hexadecimal digits")
    return entries


def _several(names: Sequence[str]) -> str:
    shown = ", ".join(map(_shown, names[:SHOWN_FILES]))
    left = len(names) - SHOWN_FILES
    return f"{shown} and {left} more" if left > 0 else shown


def _shown(name: str) -> str:
    return name if name.isprintable() and " " not in name else ascii(name)


if __name__ == "__main__":
    sys.exit(main())
