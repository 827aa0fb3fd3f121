"""Which loaded plugin lies where, however its path is written."""

from __future__ import annotations

import os
from pathlib import Path

from hot_reload.runtime.engine import Engine
from hot_reload.runtime.roster import PluginStatus
from hot_reload.watch.watched import Others


class Places:
    """What an engine has loaded at one moment, by place: the real directory, and the name in it.

    Not the wholly resolved path: a plugin that is a link stays itself when the link is
    swapped for one to another file.

    Raises:
        EngineMisuse: the engine is not open.
    """

    def __init__(self, engine: Engine) -> None:
        _ = engine.counts  # of what is read here it alone says that an engine is not open
        self._directories: dict[Path, str] = {}
        self.statuses = {name: engine.status(name) for name in engine.names}
        self._at = {self.of(each.path): name for name, each in self.statuses.items()}

    def of(self, path: Path) -> tuple[str, str]:
        """What identifies the place of ``path``."""
        directory = self._directories.get(path.parent)
        if directory is None:
            directory = self._directories[path.parent] = os.path.realpath(path.parent)
        return directory, path.name

    def at(self, path: Path) -> PluginStatus | None:
        """The plugin that lies at ``path``; None: none that is loaded."""
        name = self._at.get(self.of(path))
        return None if name is None else self.statuses[name]

    def beside(self, path: Path) -> Others:
        """What runs and lies elsewhere."""
        name = self._at.get(self.of(path))
        return frozenset(
            (each.name, each.running.generation)
            for each in self.statuses.values()
            if each.running and each.name != name
        )
