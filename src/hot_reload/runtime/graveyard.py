"""Proof that old generations are garbage: weak references, looked at after a collection."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from hot_reload.outcome import Running
from hot_reload.runtime.generation import Generation

KEPT = 1_000
_ROOM = 16


class Graveyard:
    """Remembers released generations until they are gone. Used on the loop's thread."""

    def __init__(self) -> None:
        self._graves: list[tuple[str, Running, list[weakref.ref[Any]]]] = []
        self._due = _ROOM
        """At how many graves they are looked through again: a reload pays for its own only."""

    def bury(self, name: str, generation: Generation) -> None:
        """Watch ``generation``, which is about to be let go."""
        if len(self._graves) >= self._due:
            self._graves = [grave for grave in self._graves if _alive(grave[2])]
            self._due = 2 * len(self._graves) + _ROOM
        self._graves.append((name, generation.running, generation.witnesses()))
        del self._graves[:-KEPT]

    def lingering(self) -> tuple[str, ...]:
        """The released generations of which something is still alive after a collection."""
        gc.collect()
        self._graves = [grave for grave in self._graves if _alive(grave[2])]
        return tuple(f"{name} {running}" for name, running, _ in self._graves)


def _alive(witnesses: list[weakref.ref[Any]]) -> bool:
    return any(witness() is not None for witness in witnesses)
