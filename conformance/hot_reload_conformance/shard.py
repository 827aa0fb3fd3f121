"""The shard: one of several runs that together are the whole, on machines that know nothing
of each other. Pure: the same ids and durations give the same parts everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part this run is. ``number`` counts from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From ``2/8``.

        Raises:
            ValueError: malformed, or there is no such part; the message says what to write.
        """
        first, slash, last = text.partition("/")
        if not (slash and first.strip().isdecimal() and last.strip().isdecimal()):
            raise ValueError(f"{text!r} is no shard: write 2/8 for the second of eight")
        shard = cls(int(first), int(last))
        if not 1 <= shard.number <= shard.of:
            raise ValueError(f"{text!r} is no shard: the first number is from 1 to {shard.of}")
        return shard

    def share(self, ids: Sequence[str], seconds: Mapping[str, float]) -> frozenset[str]:
        """The ids of this part. ``seconds``: how long some of them took before.

        Every id is in exactly one part. The longest are dealt first, each to the
        part that has least to do; one whose duration nobody knows counts as an average one.
        """
        known = [seconds[each] for each in ids if each in seconds]
        usual = sum(known) / len(known) if known else 1.0
        weights = {each: seconds.get(each, usual) for each in ids}
        load = [0.0] * self.of
        mine: set[str] = set()
        for each in sorted(weights, key=lambda each: (-weights[each], each)):
            part = min(range(self.of), key=lambda number: (load[number], number))
            # A check that took no time still takes a place: else one part got all of them.
            load[part] += max(weights[each], usual / 1000, 1e-9)
            if part == self.number - 1:
                mine.add(each)
        return frozenset(mine)


@dataclass(frozen=True, slots=True)
class Part:
    """What a report says of the shard that it is of, so that the whole can be put together."""

    number: int
    of: int
    items: int
    items_of_all: int
    selection: str
    """A digest of all ids and durations: shards of another selection do not add up to it."""

    @property
    def words(self) -> str:
        return (
            f"shard {self.number} of {self.of}: {self.items} of {self.items_of_all} checks ran "
            "here; hot-reload report merge puts the reports of all shards together"
        )


def part_of(
    shard: Shard, ids: Sequence[str], seconds: Mapping[str, float]
) -> tuple[frozenset[str], Part]:
    """The share of ``shard``, and what its report says of it."""
    mine = shard.share(ids, seconds)
    text = "\n".join(f"{each} {seconds.get(each, '')}" for each in sorted(set(ids)))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return mine, Part(shard.number, shard.of, len(mine), len(set(ids)), digest)
