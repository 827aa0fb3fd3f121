"""The audit's file: lines are added to its end, whole, and it is rotated by size."""

from __future__ import annotations

import errno
import os
import resource
import stat
from logging.handlers import RotatingFileHandler
from pathlib import Path


class AuditFile:
    """Adds lines to the file at ``path``, each with one write; nothing in it is ever changed.

    It is opened anew for each line, so another program may rotate it, and a file system
    that comes back is found. A line that was cut off (a full disk, a killed process) is
    ended by the next one, which begins on a line of its own.

    ``max_bytes``: before the file grows beyond it, it is renamed to ``path.1``, that one
    to ``path.2``, and so on up to ``backups``. One process writes to it.
    """

    def __init__(self, path: Path, *, max_bytes: int, backups: int) -> None:
        self.path = path
        self.rotation_error: str | None = None
        """Why the last rotation failed; the file then grows on."""
        self._max_bytes = max_bytes
        # Only its renaming is used: it writes through buffers, which tear and repeat lines
        # when a write fails.
        self._rotation = RotatingFileHandler(
            path, maxBytes=max_bytes, backupCount=backups, delay=True
        )

    def append(self, line: bytes) -> None:
        """Add ``line``, which ends with its only newline.

        Raises:
            OSError: it could not be written, or not wholly; write it again later.
        """
        descriptor = self._open()
        try:
            size = os.fstat(descriptor).st_size
            if size and size + len(line) > self._max_bytes and self._rotated():
                os.close(descriptor)
                descriptor = -1
                descriptor = self._open()
                size = os.fstat(descriptor).st_size
            torn = bool(size) and os.pread(descriptor, 1, size - 1) != b"\n"
            data = b"\n" + line if torn else line
            written = os.write(descriptor, data)
            # Without the newline alone it is whole: the next line gives it one. Written again
            # it would stand there twice.
            if written < len(data) - 1:
                raise OSError(errno.ENOSPC, f"{written} of {len(data)} bytes were written")
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def check_room(self, needed_bytes: int) -> None:
        """Find out whether a line of ``needed_bytes`` could be added now, without adding one.

        Quotas are not seen, only the space of the file system and the limit of the process.

        Raises:
            OSError: it could not.
        """
        descriptor = self._open()
        try:
            size = os.fstat(descriptor).st_size
            system = os.fstatvfs(descriptor)
        finally:
            os.close(descriptor)
        if system.f_bavail * system.f_frsize < needed_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        if limit != resource.RLIM_INFINITY and size + needed_bytes > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(self.path))

    def _open(self) -> int:
        # O_NOFOLLOW: nobody may redirect the audit by a link; O_NONBLOCK: a FIFO would block.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self.path, flags, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file", str(self.path))
        return descriptor

    def _rotated(self) -> bool:
        try:
            self._rotation.doRollover()
        except OSError as error:  # a record in a file that is too long is better than none
            self.rotation_error = f"cannot rotate: {error.strerror or error}"
            return False
        self.rotation_error = None
        return True
