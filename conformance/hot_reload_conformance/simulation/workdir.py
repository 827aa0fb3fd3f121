"""The folder in which a simulated host finds its plugins: cheap, and of the same name each time.

Hosts that keep compiled code by path and content find it again in the next run, which
a folder of a new name would not allow.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_numbers = itertools.count(1)
_MEMORY = "/dev/shm"
"""Files in memory, where the system has them: a disk's unlink can take a millisecond."""


class Workdir:
    """Makes its folder as it is entered, and removes it, with modules and paths of it, after."""

    def __init__(self) -> None:
        base = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else tempfile.gettempdir()
        self._base = Path(base).resolve()
        self._path = self._new_path()

    def _new_path(self) -> Path:
        return self._base / f"hot-reload-simulation-{os.getpid()}-{next(_numbers)}"

    @contextlib.contextmanager
    def entered(self) -> Iterator[Path]:
        """A fresh, empty folder; what the host put into the interpreter goes with it."""
        while True:
            try:
                self._path.mkdir(mode=0o700)
                break
            except FileExistsError:  # another run of this factory has it, or a dead process
                self._path = self._new_path()
        last = next(reversed(sys.modules))
        paths, meta_path, handlers = list(sys.path), list(sys.meta_path), logging.root.handlers[:]
        try:
            yield self._path
        finally:
            inside = f"{self._path}/"
            # Later modules stand behind earlier ones: there may be thousands of these.
            for name in [*itertools.takewhile(last.__ne__, reversed(sys.modules))]:
                if str(getattr(sys.modules[name], "__file__", None) or "").startswith(inside):
                    del sys.modules[name]
            sys.path[:], sys.meta_path[:], logging.root.handlers[:] = paths, meta_path, handlers
            for path in [each for each in sys.path_importer_cache if each.startswith(inside[:-1])]:
                del sys.path_importer_cache[path]
            _removed(inside)


class DatedFiles:
    """Writes files into ``root``, and dates each of them and its folders.

    Real time stands still in a simulation: a host that tells texts apart by their time, or
    finds new files by their folder's (HR-SWAP-02), would come to another end by chance.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._written_at = int(root.stat().st_mtime)

    def put(self, relative: str, text: str) -> None:
        path = os.path.join(self._root, relative)
        folder = os.path.dirname(path)
        if folder != self._root:
            os.makedirs(folder, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)
        self._written_at += 2  # a second apart is the same for a file system of whole ones
        os.utime(path, (self._written_at, self._written_at))
        while len(folder) >= len(self._root):
            os.utime(folder, (self._written_at, self._written_at))
            folder = os.path.dirname(folder)


def _removed(folder: str) -> None:
    try:
        for name in os.listdir(folder):
            os.unlink(folder + name)
        os.rmdir(folder)
    except OSError:  # it holds folders, which most runs do without
        shutil.rmtree(folder, ignore_errors=True)
