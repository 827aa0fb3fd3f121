"""Compiled code that outlives the process, kept by content; opt-in, beside the memory.

Not importlib's bytecode files, which are found by mtime and size: a file here is named after
the hash of the source, its path (tracebacks and breakpoints see it) and the interpreter. It
holds what ``marshal`` writes, which whoever may write it can make anything of: so a folder or
a file that others than this user may write to, or own, is not read.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import logging
import marshal
import os
import stat
import sys
from pathlib import Path
from types import CodeType

from hot_reload.errors import EngineMisuse, SourceError
from hot_reload.source.snapshot import DiskFiles, SourceFile

SUFFIX = ".code"
KEPT_FILES = 2_000
LIMIT_BYTES = 64 * 1024 * 1024

_HEAD = b"hot-reload code 1 "
_log = logging.getLogger("hot_reload")


class CodeFiles:
    """Compiled code in ``directory``, which is made, for this user alone, where it is missing.

    Give it to an engine as ``ImportPolicy(code_files=CodeFiles("cache"))``. Any number of
    engines and processes may share it: files appear whole or not at all. Of more than
    ``limit_files`` those that were written first go. Whatever is wrong with a file, or with
    writing one, the source is compiled; ``problem`` says why the folder serves nobody.

    Raises:
        EngineMisuse: ``limit_files`` is less than 1, or the directory can be neither made
            nor used.
    """

    def __init__(self, directory: str | Path, *, limit_files: int = KEPT_FILES) -> None:
        if limit_files < 1:
            raise EngineMisuse(f"limit_files is {limit_files!r}; give 1 or more")
        self.directory = Path(directory).absolute()
        self._limit = limit_files
        self.problem: str | None = None
        """Why the last file could not be kept; None: it could."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.directory.stat()
        except OSError as error:
            raise EngineMisuse(
                f"code cannot be kept in {self.directory}: {error.strerror or error}; give a "
                "directory that can be made"
            ) from None
        if not _ours_alone(found):
            raise EngineMisuse(
                f"code cannot be kept in {self.directory}: others may write to it, and what they "
                f"write would run; run: chmod 700 {self.directory}, or give another directory"
            )

    def path(self, file: SourceFile) -> Path:
        """Where the code of ``file`` is kept, for this interpreter."""
        name = "\0".join((file.sha256, str(file.path), *_INTERPRETER))
        return self.directory / f"{hashlib.sha256(name.encode()).hexdigest()}{SUFFIX}"

    def find(self, file: SourceFile) -> CodeType | None:
        """The code that was kept of ``file``; None: none was, or it is not to be trusted."""
        path = self.path(file)
        try:
            if not _ours_alone(os.lstat(path)) or not _ours_alone(os.stat(self.directory)):
                return None
            data = DiskFiles().read(path, limit_bytes=LIMIT_BYTES)
        except (OSError, SourceError):
            return None
        code = _read(data)
        # What stands in the file decides, not what it is called.
        return code if code is not None and code.co_filename == str(file.path) else None

    def keep(self, file: SourceFile, code: CodeType) -> None:
        """Keep ``code``, as compiled from ``file``. What goes wrong is noted, and harms nobody."""
        path = self.path(file)
        fresh = path.with_name(f"{path.name}.{os.getpid()}.{id(code):x}")
        try:
            data = marshal.dumps(code)
            with open(os.open(fresh, _NEW, 0o600), "wb") as out:
                out.write(_HEAD + hashlib.sha256(data).digest() + data)
            os.replace(fresh, path)
            self._prune()
        except (OSError, ValueError) as error:
            why = f"code cannot be kept in {self.directory}: {error}"
            if self.problem is None:
                _log.warning("%s; it is compiled anew at each start", why)
            self.problem = why
            with contextlib.suppress(OSError):
                fresh.unlink()
        else:
            self.problem = None

    def _prune(self) -> None:
        with os.scandir(self.directory) as entries:
            kept = [each for each in entries if each.name.endswith(SUFFIX)]
            if len(kept) <= self._limit:
                return
            kept.sort(key=_written_at)
        for each in kept[: len(kept) - self._limit]:
            with contextlib.suppress(OSError):
                os.unlink(each.path)


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_INTERPRETER = (
    sys.implementation.cache_tag or sys.implementation.name,
    sys.version,
    importlib.util.MAGIC_NUMBER.hex(),
    str(sys.flags.optimize),
)


def _ours_alone(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read(data: bytes) -> CodeType | None:
    """The code in a file's bytes; None: it was torn, or changed."""
    start = len(_HEAD) + hashlib.sha256().digest_size
    body = data[start:]
    if data[:start] != _HEAD + hashlib.sha256(body).digest():
        return None
    try:
        code = marshal.loads(body)
    except (ValueError, EOFError, TypeError):
        return None
    return code if isinstance(code, CodeType) else None


def _written_at(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0
