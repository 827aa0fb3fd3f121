"""Graphs of plugins that need plugins: drawn small, loaded, and looked at from outside."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from hot_reload_conformance.adapter import Event, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import NotClaimed

Edges: TypeAlias = Mapping[str, tuple[str, ...]]
"""Each plugin with what it needs, dependencies first."""

PAIR: Edges = {"base": (), "user": ("base",)}
CHAIN: Edges = {"base": (), "second": ("base",), "third": ("second",), "fourth": ("third",)}
DIAMOND: Edges = {"base": (), "left": ("base",), "right": ("base",), "top": ("left", "right")}
_LONE: Edges = {"lone": ()}
NAMES = ("ash", "birch", "cedar", "elm", "fir", "hazel", "larch")
_ASIDE = frozenset({"reply", "receive", "health_check"})
"""What a plugin that an operation does not touch may be asked for all the same."""


@dataclass
class Graph:
    """Plugins as they are meant to run: versions and edges, kept beside the host."""

    case: Case
    edges: dict[str, tuple[str, ...]]
    numbers: dict[str, int] = field(default_factory=dict)
    state: bool = False
    """Whether they have state."""

    @classmethod
    def of(cls, case: Case, edges: Edges, *, lone: bool = True, state: bool = False) -> Graph:
        """``edges``, and one beside that has nothing to do with them."""
        everything = dict(edges) | (dict(_LONE) if lone else {})
        return cls(case, everything, dict.fromkeys(everything, 1), state)

    def spec(self, name: str, version: int | None = None) -> PluginSpec:
        """``name`` as it is now, or in another version."""
        number = self.numbers[name] if version is None else version
        return PluginSpec(
            name=name, version=f"v{number}", dependencies=self.edges[name], state=self.state
        )

    async def load(self, names: Iterable[str] | None = None) -> None:
        """Load all, dependencies first.

        Raises:
            NotClaimed: the rendered plugins do not import what they need.
        """
        for name in self.edges if names is None else names:
            await self.case.loaded(self.spec(name))
        bare = {f"{name} {self.spec(name).version}" for name, needs in self.edges.items() if needs}
        if bare & {*(await self.seen()).values()}:
            raise NotClaimed(
                "plugins that import what they need: have render() write "
                "dialect.dependency_lines(spec) behind the line with probe.attach"
            )

    def edit(self, name: str) -> None:
        """Write the next version of ``name``."""
        self.numbers[name] += 1
        self.case.write(self.spec(name))

    def tree(self, name: str) -> str:
        """What ``name`` answers where everything that it reaches is of today's versions."""
        below = ", ".join(self.tree(each) for each in self.edges[name])
        return f"{name} {self.spec(name).version}" + (f" ({below})" if below else "")

    def trees(self) -> dict[str, str]:
        return {name: self.tree(name) for name in self.edges}

    async def seen(self) -> dict[str, str]:
        """What each plugin answers: its version, and the versions that its imports reach."""
        replies = await self.case.replies(Event("needs"))
        return {reply.partition(" ")[0]: reply for reply in replies}

    async def serials(self) -> list[str]:
        return await self.case.replies(Event("who"), tell=False)

    def closure(self, *names: str) -> set[str]:
        """``names`` and all that need one of them, however far."""
        found = set(names)
        while more := {n for n, needs in self.edges.items() if found & {*needs}} - found:
            found |= more
        return found


def random_edges(dice: random.Random, size: int) -> Edges:
    """An acyclic graph over ``size`` plugins; their names tell nothing of their order."""
    names = dice.sample(NAMES, size)
    return {
        name: tuple(sorted(each for each in names[:place] if dice.random() < 0.45))
        for place, name in enumerate(names)
    }


def touched(moments: Iterable[Moment]) -> set[str]:
    """The plugins to which something was done."""
    return {m.plugin for m in moments if m.what not in _ASIDE}


def span(moments: Sequence[Moment], plugin: str, what: str) -> tuple[int, int] | None:
    """When ``plugin`` began ``what`` and when it ended it, the first time; None: it did not."""
    begun = [m.order for m in moments if (m.plugin, m.what, m.phase) == (plugin, what, "begin")]
    ended = [
        m.order for m in moments if (m.plugin, m.what) == (plugin, what) and m.phase != "begin"
    ]
    return (begun[0], ended[-1]) if begun and ended else None


def expect_order(case: Case, edges: Edges, moments: Sequence[Moment], what: str, how: str) -> int:
    """In ``moments`` each ``what`` comes in the order of ``edges``; gives how many pairs did.

    ``start``: dependencies have started before dependents begin to; ``stop``: the reverse.
    """
    pairs = 0
    for user, needs in edges.items():
        for needed in needs:
            first, second = (needed, user) if what == "start" else (user, needed)
            one, other = span(moments, first, what), span(moments, second, what)
            if one is None or other is None:
                continue
            pairs += 1
            case.expect(
                one[1] < other[0],
                f"{how}, {second!r} {_ACTS[what]} before {first!r} "
                f"{'had started' if what == 'start' else 'had stopped'}, "
                + ("though it needs it" if what == "start" else "which needs it"),
                expected=f"{first} {what}, then {second} {what}",
                seen=[str(m) for m in moments if m.what == what],
            )
    return pairs


_ACTS = {"start": "started", "stop": "stopped"}
