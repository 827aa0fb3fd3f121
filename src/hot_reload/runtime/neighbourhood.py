"""The neighbourhood: from which generation of another plugin a new one imports."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hot_reload.runtime.part import Part
from hot_reload.runtime.roster import Roster
from hot_reload.source.namespace import Namespace


class Neighbourhood:
    """The plugins as a transaction's new generations see them: each other, then what runs.

    It remembers which running generations it gave, so that the transaction notices where
    one of them was replaced meanwhile. Used on the loop's thread.
    """

    def __init__(self, roster: Roster, parts: Sequence[Part]) -> None:
        self._roster = roster
        self._parts = parts
        self._given: dict[str, int] = {}

    def importable(self, top: str) -> Collection[str]:
        """The plugins whose module is imported as ``top``."""
        coming = {p.name for p in self._parts if p.snapshot is not None and p.snapshot.top == top}
        return coming | self._roster.importable(top)

    def namespace(self, plugin: str) -> Namespace | None:
        """Where ``plugin`` is imported from; None: nothing of it runs, nor will."""
        for part in self._parts:
            if part.name == plugin and part.new is not None:
                return part.new.namespace
        slot = self._roster.slots.get(plugin)
        if slot is None or slot.current is None:
            return None
        self._given[plugin] = slot.current.number
        return slot.current.namespace

    def moved(self) -> bool:
        """Whether what runs beside the parts is no longer what they were built upon.

        Either a plugin that one of them needs was renewed, or another one came to need them.
        """
        slots = self._roster.slots
        for plugin, number in self._given.items():
            slot = slots.get(plugin)
            if slot is not None and slot.current is not None and slot.current.number != number:
                return True
        parts = [part.name for part in self._parts]
        known = [part.name for part in self._parts if slots.get(part.name) is part.slot]
        others = set(self._roster.followers(known)).difference(parts)
        return any(slots[name].current is not None for name in others)
