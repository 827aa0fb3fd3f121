"""The survey: which plugins are looked at now, so that edits show and rest costs little.

Few plugins are all looked at, at every occasion. Where that would take more than a small
share of the time, only those are that a hint names, and the others one part after the
other: how long a round takes follows from what a look was measured to cost.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from hot_reload.policy.pace import Pace
from hot_reload.ports import Clock
from hot_reload.watch.places import Place, Places
from hot_reload.watch.roots import Roots
from hot_reload.watch.settings import WatchSettings
from hot_reload.watch.sweep import Look, Sweep

LOOKING = 0.75
"""The part of the time for a sweep that goes into looking at each file's status …"""
READING = 1 - LOOKING
"""… and into reading files whatever their status says: few edits do not show in it."""


class Survey:
    """Chooses what to look at, and looks. Blocking, quick; used from one thread.

    ``hint`` and ``look`` are all of it: after a hint the next ``look`` looks at what it
    names; a plugin that no hint names is looked at within ``sweep_seconds``, and read
    whatever its status says within ``content_seconds``.
    """

    def __init__(self, roots: Roots, sweep: Sweep, clock: Clock, settings: WatchSettings) -> None:
        self._roots = roots
        self._sweep = sweep
        self._clock = clock
        self._settings = settings
        self._looks = Pace(settings.sweep_seconds)
        self._reads = Pace(settings.sweep_seconds)
        self._share = settings.sweep_share
        self._next_sweep = 0.0
        self._hinted: set[Path] | None = set()
        """What may have changed; None: anything."""
        self._basis: tuple[object, ...] = ()
        self._plugins: dict[Path, tuple[str, ...]] = {}
        self._by_place: dict[Place, Path] = {}
        self._by_input: dict[str, set[Path]] = {}
        self._folders: frozenset[Path] = frozenset()
        self._parents: set[Path] = set()
        self._loose: frozenset[Path] = frozenset()
        """Links: an edit of what one leads to is hinted at by another name, or not at all."""
        self._names: list[Path] = []
        """The plugins, in the order in which they are read …"""
        self._round: list[Path] = []
        """… and, with the folders after them, looked at."""
        self._position = 0
        self._read_position = 0

    @property
    def next_sweep(self) -> float:
        """When the next part of a round is due, on the clock."""
        return self._next_sweep

    @property
    def sweep_seconds(self) -> float:
        """How long an edit stays unseen at most that no hint tells of, and a status shows."""
        return self._looks.round_seconds(len(self._round), self._share * LOOKING)

    @property
    def content_seconds(self) -> float:
        """How long an edit stays unseen at most that neither a hint nor a status shows."""
        return self._reads.round_seconds(len(self._plugins), self._share * READING)

    def begin(self, now: float) -> None:
        """Look at everything at the next occasion, and sweep from then on."""
        self._hinted, self._next_sweep = None, now
        self._roots.doubt()

    def failed(self, now: float) -> None:
        """A turn failed, whoever is to blame: look at everything at the next sweep."""
        self._hinted, self._next_sweep = None, now + self._settings.sweep_seconds
        self.anew()

    def hint(self, paths: Collection[Path]) -> None:
        """``paths`` may have changed; empty: anything may have."""
        if not paths:
            self._hinted = None
        elif self._hinted is not None:
            self._hinted.update(paths)

    def look(
        self,
        now: float,
        places: Places,
        *,
        known: Callable[[], Iterable[Path]],
        moving: Iterable[Path],
        alone: bool,
    ) -> dict[Path, Look]:
        """Look at what is due to be looked at.

        ``known`` gives plugins to be looked at besides those in the roots; ask for ``anew``
        where it has lost or won one. ``moving`` are those whose last change is young.
        ``alone``: no hints come, so that edits are found by this alone; then it may take
        more of the time.
        """
        self._share = self._settings.polling_share if alone else self._settings.sweep_share
        self._refresh(now, places, known)
        sweep = now >= self._next_sweep
        portion = self._looks.portion(len(self._round), self._share * LOOKING)
        hinted, self._hinted = self._hinted, set()
        if hinted is None or portion >= len(self._round):
            chosen = self._round
        else:
            named = self._named(hinted, places) | {*moving}
            if sweep:
                named.update(self._part(self._position, portion, self._round))
                self._position += portion
            chosen = sorted(named)
        looks = self._looked(chosen)
        if sweep:
            self._next_sweep = now + self._settings.sweep_seconds
            looks.update(self._read_some())
        return looks

    def anew(self) -> None:
        """Find out anew, at the next occasion, what there is to look at."""
        self._basis = ()

    def _looked(self, chosen: list[Path]) -> dict[Path, Look]:
        began, read = self._clock.now(), self._sweep.read
        looks = self._sweep.look({p: self._plugins[p] for p in chosen if p in self._plugins})
        for folder in chosen:
            if folder in self._folders and (folder / "__init__.py").is_file():
                self._roots.doubt()  # it has become a package
                self._hinted = None
        # What was read, too, is no measure of what a mere look costs.
        if read == self._sweep.read:
            self._looks.took(len(chosen), self._clock.now() - began)
        return looks

    def _read_some(self) -> dict[Path, Look]:
        """Read the next part of the plugins, whatever their status says."""
        count = self._reads.portion(len(self._plugins), self._share * READING)
        began = self._clock.now()
        part = self._part(self._read_position, count, self._names)
        self._read_position += count
        looks = {path: self._sweep.again(path, self._plugins[path]) for path in part}
        self._reads.took(len(looks), self._clock.now() - began)
        return looks

    @staticmethod
    def _part(position: int, count: int, of: list[Path]) -> list[Path]:
        start = position % len(of) if of else 0
        part = of[start : start + min(count, len(of))]
        return part + of[: min(count, len(of)) - len(part)]

    def _refresh(self, now: float, places: Places, known: Callable[[], Iterable[Path]]) -> None:
        """Find out what there is to look at, where something came or went."""
        contents = self._roots.contents(now) if self._settings.load_new else ()
        real = self._roots.real
        basis = (*contents, places, real)
        if len(basis) == len(self._basis) and all(map(_same, basis, self._basis)):
            return
        self._basis = basis
        found = list(known())
        for each in contents:
            found += sorted(each.plugins)
        found += [each.path for each in places.statuses.values() if places.of(each.path)[0] in real]
        # One path for each place: a root may be given twice, or through a link.
        self._by_place = {places.of(path): path for path in reversed(found)}
        self._plugins, self._by_input = {}, {}
        for path in sorted(self._by_place.values()):
            status = places.at(path)
            self._plugins[path] = inputs = status.inputs if status else ()
            home = path if inputs and path.is_dir() else path.parent
            for given in inputs:
                self._by_input.setdefault(os.path.realpath(home / given), set()).add(path)
        self._loose = frozenset().union(*(each.links for each in contents)) & self._plugins.keys()
        folders: frozenset[Path] = frozenset().union(*(each.folders for each in contents))
        self._folders = folders - self._plugins.keys()
        self._names = list(self._plugins)
        self._round = [*self._names, *sorted(self._folders)]
        self._parents = {*self._roots.paths, *(path.parent for path in self._plugins)}
        self._sweep.keep(self._plugins)

    def _named(self, hinted: set[Path], places: Places) -> set[Path]:
        """The plugins that belong to the hinted paths, and those that may."""
        chosen: set[Path] = set()
        for path in hinted:
            belongs = set(self._by_input.get(os.path.realpath(path), ()))
            for inner in (path, *path.parents):
                if inner.parent in self._parents:
                    plugin = self._by_place.get(places.of(inner))
                    belongs |= {plugin} if plugin else {inner} & self._folders
            chosen |= belongs or self._loose
        return chosen


def _same(one: object, other: object) -> bool:
    return one is other or (not isinstance(one, Places) and one == other)
