"""Which loaded plugin lies where, however its path is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from hot_reload.errors import EngineMisuse
from hot_reload.events import LifecycleEvent
from hot_reload.outcome import Running
from hot_reload.runtime.engine import Engine
from hot_reload.runtime.roster import PluginStatus
from hot_reload.watch.watched import Others

Place: TypeAlias = tuple[str, str]
"""A real directory, and the name in it.

Not the wholly resolved path: a plugin that is a link stays itself when the link is
swapped for one to another file.
"""


class Places:
    """What an engine has loaded at one moment, by place.

    Raises:
        EngineMisuse: the engine is not open.
    """

    def __init__(self, engine: Engine) -> None:
        _ = engine.counts  # of what is read here it alone says that an engine is not open
        self._engine = engine
        self._directories: dict[Path, str] = {}
        self.statuses = {name: engine.status(name) for name in engine.names}
        """As they were at that moment."""
        self._at = {self.of(each.path): name for name, each in self.statuses.items()}

    def of(self, path: Path) -> Place:
        """What identifies the place of ``path``."""
        directory = self._directories.get(path.parent)
        if directory is None:
            directory = self._directories[path.parent] = os.path.realpath(path.parent)
        return directory, path.name

    def at(self, path: Path) -> PluginStatus | None:
        """The plugin that lies at ``path``, as it is right now; None: none that is loaded."""
        name = self._at.get(self.of(path))
        try:
            return None if name is None else self._engine.status(name)
        except EngineMisuse:
            return None  # it went since

    def running(self, path: Path) -> Running | None:
        """What ran of the plugin at ``path`` at that moment."""
        name = self._at.get(self.of(path))
        return None if name is None else self.statuses[name].running

    def beside(self, path: Path) -> Others:
        """What runs and lies elsewhere."""
        name = self._at.get(self.of(path))
        return frozenset(
            (each.name, each.running.generation)
            for each in self.statuses.values()
            if each.running and each.name != name
        )

    def stand(self) -> bool:
        """Whether the directories are still the same ones: a link may have been swapped."""
        return all(os.path.realpath(path) == real for path, real in self._directories.items())


class PlacesNow:
    """The places as they are, made anew only when something happened to the engine.

    Making them asks for the status of every plugin, which is too much for every turn of
    a watch. Used on the loop's thread.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._places: Places | None = None
        self._unlisten: Callable[[], None] | None = None

    def get(self) -> Places:
        """The places now; the same object as long as nothing changed.

        Raises:
            EngineMisuse: the engine is not open.
        """
        if self._unlisten is None:  # nobody would say that they are out of date
            return Places(self._engine)
        _ = self._engine.counts  # a closed engine says so here
        if self._places is None or not self._places.stand():
            self._places = Places(self._engine)
        return self._places

    def follow(self) -> None:
        """Begin to hear of what happens to the engine.

        Raises:
            EngineMisuse: the engine is not open.
        """
        if self._unlisten is None:
            self._places = None
            self._unlisten = self._engine.listen(self._changed)

    def leave(self) -> None:
        """Hear of nothing any more. Idempotent."""
        if self._unlisten is not None:
            self._unlisten()
        self._unlisten = None

    def _changed(self, event: LifecycleEvent) -> None:
        self._places = None
