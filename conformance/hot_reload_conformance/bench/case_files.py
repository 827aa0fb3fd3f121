"""The files of a case: what is written into its folder, each write at a time of its own."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

_NANOSECONDS = 1_000_000_000


class CaseFiles:
    """Writes files into one folder, with mtimes that do not depend on when that happens.

    Every write moves the mtime on by two seconds, so that staleness by mtime shows only in
    the check that is about it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writes = 0
        """How many different mtimes were given."""
        # Well in the past, so that no file is ever newer than the clock of the machine; read
        # once, so that two writes in the same second are that, whenever they happen.
        self._began_second = int(time.time()) - 100_000

    def next_stamp(self) -> int:
        """Move on by one write; gives its mtime, in nanoseconds."""
        self.writes += 1
        return self._stamp()

    def _stamp(self) -> int:
        return (self._began_second + 2 * self.writes) * _NANOSECONDS

    def put(self, texts: Mapping[str, str], *, same_second: bool = False) -> dict[str, Path]:
        """Write ``texts``, by their paths in the folder; gives those files, in the same order.

        All of them get one mtime: with ``same_second`` that of the write before.
        """
        stamp = self._stamp() if same_second else self.next_stamp()
        files: dict[str, Path] = {}
        for relative, text in texts.items():
            path = self.folder / relative
            if path.is_symlink():
                path.unlink()  # else the text would go to where a fault's link points
            elif path.is_dir():
                path.rmdir()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            os.utime(path, ns=(stamp, stamp))
            files[relative] = path
        # Finders cache directory listings by mtime: a miss there would be the kit's doing.
        importlib.invalidate_caches()
        return files

    def changed(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Those of ``texts`` that are not in the folder, or are otherwise there."""
        return {
            relative: text
            for relative, text in texts.items()
            if not (self.folder / relative).is_file()
            or (self.folder / relative).read_text(encoding="utf-8") != text
        }
