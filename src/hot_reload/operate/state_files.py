"""State files: what plugins know, kept on disk as JSON with a checksum."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import threading
from pathlib import Path

from hot_reload.errors import EngineMisuse, SourceError, StateError
from hot_reload.manifest import NAME_PATTERN
from hot_reload.operate.state_text import dumped, loaded
from hot_reload.ports import SavedState
from hot_reload.source.snapshot import DiskFiles

FORMAT = 1
DEFAULT_LIMIT_BYTES = 16 << 20

_ONE_NAME_ALONE = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
"""What a file system answers that has no second names for files, as those of USB sticks."""

_PREFIX, _MIDDLE = b'{"checksum":"', b'",'
_HASHED_FROM = len(_PREFIX) + 64 + len(_MIDDLE)


class StateFiles:
    """A ``StateStore`` of one file for each plugin in ``directory``, ``<plugin>.state.json``.

    A save writes a file beside it, syncs that to the disk and renames it: a crash, a kill
    or a full disk at any moment leaves the saved state as it was, or as it is to be. The one
    before it is kept as ``<plugin>.state.json.previous``. Files belong to their owner alone
    (mode 0600, a directory that is made here 0700): state may hold secrets.

    Give it to one engine; its methods may be called from any task. One process writes to
    ``directory``.

    Raises:
        EngineMisuse: the directory cannot be made, or ``limit_bytes`` is not positive.
    """

    def __init__(self, directory: str | Path, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        if limit_bytes <= 0:
            raise EngineMisuse(f"limit_bytes is {limit_bytes}; give a positive number")
        self.directory = Path(directory).absolute()
        self._limit_bytes = limit_bytes
        # A save that missed its deadline goes on in its thread: the next one comes after it.
        self._one_at_a_time = threading.Lock()
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EngineMisuse(f"cannot keep state in {directory}: {error.strerror}") from None

    def path(self, plugin: str) -> Path:
        """The file that holds the state of ``plugin``.

        Raises:
            EngineMisuse: that is no plugin's name.
        """
        if not NAME_PATTERN.fullmatch(plugin):
            raise EngineMisuse(f"{plugin!r:.80} is no name of a plugin")
        return self.directory / f"{plugin}.state.json"

    async def save(self, plugin: str, saved: SavedState) -> None:
        """Keep ``saved`` as the state of ``plugin``, on the disk when it returns.

        Raises:
            StateError: it could not be written, or is larger than the limit; what was saved
                before is still there.
        """
        data = _written(plugin, saved)
        path = self.path(plugin)
        if len(data) > self._limit_bytes:
            raise StateError(
                f"the state of {plugin!r} is {len(data)} bytes of JSON, more than "
                f"{self._limit_bytes}",
                hint="keep less in get_reload_state, or raise limit_bytes of the StateFiles",
            )
        await asyncio.to_thread(self._replace, path, data)

    async def load(self, plugin: str) -> SavedState | None:
        """What was last saved of ``plugin``; None: nothing was.

        Raises:
            StateError: the file cannot be read, was changed or torn, is another plugin's, or
                of a newer format. It is left as it is.
        """
        path = self.path(plugin)
        if not os.path.lexists(path):
            return None
        return await asyncio.to_thread(self._read, path, plugin)

    def _replace(self, path: Path, data: bytes) -> None:
        fresh = path.with_name(f"{path.name}.new")
        with self._one_at_a_time:
            try:
                _write_synced(fresh, data)
                self._keep_previous(path)
                os.replace(fresh, path)
                _sync_directory(self.directory)
            except OSError as error:
                raise StateError(
                    f"cannot save the state to {path}: {error.strerror or error}",
                    file=str(path),
                    hint="what was saved before is still there; make room or mend the "
                    "permissions, then reload",
                ) from None
            finally:
                for left in (fresh, _linking(path)):
                    with contextlib.suppress(OSError):
                        left.unlink()

    def _keep_previous(self, path: Path) -> None:
        """Keep the state that is about to be replaced, unless a good one would go for a bad."""
        try:
            data = DiskFiles().read(path, limit_bytes=self._limit_bytes)
            _checked(data, path)
        except (SourceError, StateError):
            return  # not there yet, or damaged
        link = _linking(path)
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        # A second name and no renaming: at no moment is there no file under the first one.
        try:
            os.link(path, link)
        except OSError as error:
            if error.errno not in _ONE_NAME_ALONE:
                raise
            _write_synced(link, data)
        os.replace(link, _previous(path))

    def _read(self, path: Path, plugin: str) -> SavedState:
        try:
            record = _checked(DiskFiles().read(path, limit_bytes=self._limit_bytes), path)
            return _saved(record, plugin)
        except (SourceError, StateError) as fault:
            previous = _previous(path)
            hint = f"move {path.name} away to begin without it"
            if previous.exists():
                hint += f", or rename {previous.name} to it to go on with the state before"
            raise StateError(
                f"the saved state of {plugin!r} cannot be used: {fault}", file=str(path), hint=hint
            ) from None


def _written(plugin: str, saved: SavedState) -> bytes:
    head = json.dumps({"format": FORMAT, "plugin": plugin, "version": saved.version})
    body = f'{head[1:-1]}, "state": {dumped(saved.state)}}}\n'.encode("ascii")
    return _PREFIX + hashlib.sha256(body).hexdigest().encode() + _MIDDLE + body


def _checked(data: bytes, path: Path) -> str:
    """The text of ``data``, where it is what was written."""
    if not data:
        raise StateError(f"{path.name} is empty")
    body = data[_HASHED_FROM:]
    whole = _PREFIX + hashlib.sha256(body).hexdigest().encode() + _MIDDLE + body
    if whole != data:
        raise StateError(
            f"{path.name} is torn or was changed: its {len(data)} bytes do not fit its checksum"
        )
    return data.decode("ascii", errors="replace")


def _saved(text: str, plugin: str) -> SavedState:
    record = loaded(text)
    version = record.get("version")
    if record.get("format") != FORMAT or not isinstance(version, str) or "state" not in record:
        raise StateError(f"it is of format {record.get('format')!r:.40}, this reads {FORMAT}")
    if record.get("plugin") != plugin:
        raise StateError(f"it is the state of {record.get('plugin')!r:.80}")
    return SavedState(record["state"], version)


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")


def _linking(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous.new")


def _write_synced(path: Path, data: bytes) -> None:
    # A name of its own that is made anew: no link that somebody put there is written through.
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_directory(directory: Path) -> None:
    """Make a renaming in ``directory`` last."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
