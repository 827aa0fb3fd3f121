"""A plugin's source as bytes: each file read once, bounded, and hashed.

What is validated, compiled, run, audited and shown in status is this snapshot.
Nothing reads the files a second time, so nothing can differ from what was checked.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hot_reload.errors import SourceError
from hot_reload.ports import Files

FILE_LIMIT_BYTES = 4 * 1024 * 1024
"""Compiling larger sources takes many seconds; nobody writes such a plugin by hand."""
PACKAGE_LIMIT_FILES = 2_000


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: where it lies, its bytes, and their SHA-256 in hex."""

    path: Path
    data: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class SourceSnapshot:
    """The bytes of one version of a plugin.

    ``files`` maps the dotted name inside the plugin to the file: ``""`` is the
    module itself or the package's ``__init__``, ``"helpers"`` its submodule.
    ``sha256`` is the file's own for a module, and covers names and bytes of all
    files for a package.
    """

    top: str
    """The name under which the plugin imports itself."""
    files: Mapping[str, SourceFile]
    packages: frozenset[str]
    """Those of ``files`` that are packages."""
    sha256: str

    @property
    def main(self) -> SourceFile:
        return self.files[""]

    @property
    def is_package(self) -> bool:
        return "" in self.packages


class DiskFiles:
    """The real peer of ``OverlayFiles``: regular files on a disk, read defensively."""

    def read(self, path: Path, *, limit_bytes: int) -> bytes:
        try:
            return _read_once(path, limit_bytes)
        except OSError as error:
            if error.errno != errno.EIO:
                raise _unreadable(path, error) from None
        try:
            return _read_once(path, limit_bytes)  # a network or flash disk may recover at once
        except OSError as error:
            raise _unreadable(path, error) from None

    def list_sources(self, directory: Path) -> tuple[Path, ...]:
        found: list[str] = []
        start = len(os.path.join(directory, ""))
        try:
            for folder, folders, files in os.walk(directory, onerror=_raise):
                folders[:] = [
                    each for each in folders if each != "__pycache__" and not each.startswith(".")
                ]
                base = os.path.join(folder, "")[start:]
                found += [base + each for each in files if each.endswith(".py")]
        except OSError as error:
            raise _unreadable(directory, error) from None
        return tuple(map(Path, sorted(found, key=_parts)))


def take_snapshot(
    path: Path, files: Files, *, known: SourceSnapshot | None = None
) -> SourceSnapshot:
    """Read the plugin at ``path``, a module file or a package's directory.

    Links are followed as long as they stay inside the directory that holds the plugin; those
    to folders inside of a package are not, for they may lead round in a circle. Of
    ``known``, an earlier snapshot of the same path, the files are kept whose bytes are what
    was read now: they are hashed already. It is the answer where all of them are.

    Raises:
        SourceError: it cannot be read as it should; the message says what and why.
    """
    # os.path's, for Path.is_dir() raises on a name that is too long for the file system.
    if not path.name.endswith(".py") and os.path.isdir(path):
        return _package_snapshot(path, files, known)
    data = files.read(_Resolver(path.parent).resolved(path), limit_bytes=FILE_LIMIT_BYTES)
    if not data or data.isspace():
        raise SourceError(f"file {path} is empty", file=str(path))
    if known is not None and known.main.data == data:
        return known
    main = _hashed(path, data)
    return SourceSnapshot(path.stem, {"": main}, frozenset(), main.sha256)


def _package_snapshot(
    directory: Path, files: Files, known: SourceSnapshot | None
) -> SourceSnapshot:
    sources = {each.as_posix(): each for each in files.list_sources(directory)}
    base = os.path.join(directory, "")
    if "__init__.py" not in sources:
        raise SourceError(
            f"directory {directory} is no package: it has no __init__.py",
            file=str(directory),
            hint="add one, or name the plugin's .py file",
        )
    if len(sources) > PACKAGE_LIMIT_FILES:
        raise SourceError(
            f"package {directory} has {len(sources)} files, more than {PACKAGE_LIMIT_FILES}",
            file=str(directory),
        )
    resolver = _Resolver(directory.parent)
    earlier = {} if known is None else known.files
    found: dict[str, SourceFile] = {}
    packages: set[str] = set()
    digest = hashlib.sha256()
    for text, relative in sources.items():
        name = text.removesuffix(".py").replace("/", ".")
        if name == "__init__" or name.endswith(".__init__"):
            name = name[: -len(".__init__")]
            packages.add(name)
        file = earlier.get(name)
        if file is not None and str(file.path) != base + text:
            file = None  # a package that was a module, or the other way round
        path = directory / relative if file is None else file.path
        data = files.read(resolver.resolved(path), limit_bytes=FILE_LIMIT_BYTES)
        if file is None or file.data != data:
            file = _hashed(path, data)
        found[name] = file
        # fsencode: a name that is no UTF-8 is still a name.
        digest.update(os.fsencode(text) + f"\0{file.sha256}\n".encode())
    sha256 = digest.hexdigest()
    if known is not None and known.sha256 == sha256:
        return known
    return SourceSnapshot(directory.name, found, frozenset(packages), sha256)


def _parts(path: str) -> list[str]:
    return path.split(os.sep)


def _hashed(path: Path, data: bytes) -> SourceFile:
    return SourceFile(path, data, hashlib.sha256(data).hexdigest())


class _Resolver:
    """Where paths below ``root`` really lie, which has to be inside it; for one snapshot.

    What is no link, in a folder that is none, lies where it seems to: that is all that has
    to be known of most files.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._plain = {str(root)}

    def resolved(self, path: Path) -> Path:
        """
        Raises:
            SourceError: nothing is there, or a link leads out of the root.
        """
        try:
            if self._is_plain(str(path)):
                return path
            real = path.resolve(strict=True)
            inside = real.is_relative_to(self._root.resolve(strict=True))
        # RuntimeError: a loop of links before Python 3.13; ValueError: a NUL in the name.
        except (OSError, RuntimeError, ValueError) as error:
            raise _unreadable(path, error) from None
        if not inside:
            raise SourceError(
                f"{path} is a link to {real}, outside the plugin's directory {self._root}",
                file=str(path),
                hint="copy the file, or load the plugin from where it lies",
            )
        return real

    def _is_plain(self, path: str) -> bool:
        """Whether no link, nor a step upwards, is on the way from the root to ``path``."""
        folder, _, name = path.rpartition(os.sep)
        if name in {"", ".", ".."} or stat.S_ISLNK(os.lstat(path).st_mode):
            return False
        if folder not in self._plain:
            if not self._is_plain(folder):
                return False
            self._plain.add(folder)
        return True


def _read_once(path: Path, limit_bytes: int) -> bytes:
    # O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
    # O_NOFOLLOW: links were resolved, and checked, before.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return _read_regular(descriptor, path, limit_bytes)
    finally:
        os.close(descriptor)


def _read_regular(descriptor: int, path: Path, limit_bytes: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(
            f"{path} is not a regular file ({stat.filemode(status.st_mode)})", file=str(path)
        )
    if status.st_size > limit_bytes:
        raise SourceError(
            f"{path} has {status.st_size} bytes, more than {limit_bytes}", file=str(path)
        )
    chunks: list[bytes] = []
    left = limit_bytes + 1  # one more: a file that grows while it is read is noticed
    size = max(status.st_size + 1, 4096)  # no more room than it needs: a megabyte is felt
    while left and (chunk := os.read(descriptor, min(left, size))):
        chunks.append(chunk)
        left -= len(chunk)
    if not left:
        raise SourceError(f"{path} grew beyond {limit_bytes} bytes", file=str(path))
    return b"".join(chunks)


def _unreadable(path: Path, error: OSError | RuntimeError | ValueError) -> SourceError:
    if isinstance(error, ValueError):
        return SourceError(f"cannot read {path}: {error}", file=str(path))
    if isinstance(error, RuntimeError) or error.errno == errno.ELOOP:
        return SourceError(f"symlink loop at {path}", file=str(path))
    if error.errno == errno.ENOENT:
        if path.is_symlink():
            return SourceError(
                f"symlink {path} points to nothing ({os.readlink(path)})", file=str(path)
            )
        return SourceError(f"file missing: {path}", file=str(path), hint=_where_it_went(path))
    if error.errno == errno.ENXIO:  # what opening a socket says
        kind = stat.filemode(os.lstat(path).st_mode)
        return SourceError(f"{path} is not a regular file ({kind})", file=str(path))
    return SourceError(f"cannot read {path}: {error.strerror or error}", file=str(path))


def _where_it_went(path: Path) -> str:
    """What to do about a file or folder that is gone: perhaps the one became the other."""
    other = path.with_suffix("") if path.suffix == ".py" else path.with_name(f"{path.name}.py")
    main = other / "__init__.py" if path.suffix == ".py" else other
    if main.is_file():
        return f"if {other.name} is to replace it, unload the plugin, then load {other}"
    return "restore it, or unload the plugin"


def _raise(error: OSError) -> None:
    raise error
