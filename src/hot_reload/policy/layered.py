"""A mapping that never changes, of which a changed copy costs little however large it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

CHANGES_LIMIT = 256
"""How many changes lie over the shared part before both become one again.

Each copy takes along this many at most, and each of them pays for so small a share of
the whole: ten thousand copies of ten thousand entries take milliseconds, not minutes.
"""


class Layered(Mapping[K, V], Generic[K, V]):
    """An immutable mapping: what many versions share, and the changes of this one.

    In the order of insertion, as a dict's; a changed key keeps its place. Safe to share
    between threads and tasks.
    """

    __slots__ = ("_added", "_base", "_gone", "_over")

    def __init__(self, entries: Mapping[K, V] | None = None) -> None:
        self._base: dict[K, V] = dict(entries or {})
        self._over: dict[K, V] = {}
        """Replaced and added entries."""
        self._gone: frozenset[K] = frozenset()
        """Keys of ``_base`` that are no more."""
        self._added = 0
        """How many keys of ``_over`` are not in ``_base``."""

    def changed(self, entries: Mapping[K, V], without: Collection[K] = ()) -> Layered[K, V]:
        """A copy without some keys, and then with ``entries``; unknown keys make no difference."""
        base, over, gone, added = self._base, dict(self._over), self._gone, self._added
        leaving = [key for key in without if key in self]
        if not gone.isdisjoint(entries) or not set(leaving).isdisjoint(entries):
            # A key that comes back comes last, and not where it stood in the shared part.
            base = {key: each for key, each in self.items() if key not in without}
            over, gone, added, leaving = {}, frozenset(), 0, []
        for key in leaving:
            over.pop(key, None)
            added -= key not in base
        gone = gone.union(key for key in leaving if key in base)
        for key, value in entries.items():
            added += key not in over and key not in base
            over[key] = value
        made: Layered[K, V] = object.__new__(Layered)
        made._base, made._over, made._gone, made._added = base, over, gone, added
        if len(over) + len(gone) > CHANGES_LIMIT:
            made._base = made.flat()
            made._over, made._gone, made._added = {}, frozenset(), 0
        return made

    def flat(self) -> dict[K, V]:
        """A dict of its own, which answers quicker: for whoever asks for all of it."""
        found = {**self._base, **self._over}
        for key in self._gone:
            del found[key]
        return found

    def __getitem__(self, key: K) -> V:
        over = self._over
        if key in over:
            return over[key]
        if key in self._gone:
            raise KeyError(key)
        return self._base[key]

    def get(self, key: K, default: Any = None) -> Any:
        over = self._over
        if key in over:
            return over[key]
        return default if key in self._gone else self._base.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._over or (key in self._base and key not in self._gone)

    def __iter__(self) -> Iterator[K]:
        return iter(self.flat() if self._over or self._gone else self._base)

    def __len__(self) -> int:
        return len(self._base) + self._added - len(self._gone)

    def __repr__(self) -> str:
        return repr(MappingProxyType(self.flat()))
