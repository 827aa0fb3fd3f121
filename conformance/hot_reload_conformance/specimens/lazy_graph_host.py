"""A correct host of another design: first uses of plugins that need plugins.

Whoever uses one that is only registered has what that needs, and is only registered too,
loaded before it, each by the one load that all who wait for it share.
"""

from __future__ import annotations

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.specimens.blue_green import BlueGreenHost
from hot_reload_conformance.specimens.graph_host import GraphAdapter, GraphHost, needs_in


class LazyGraphHost(GraphHost):
    """Everything but the first use is as in the graph host."""

    async def first_load(self, name: str) -> None:
        for each in self.to_load(name, {name}):
            await super().first_load(each)

    def to_load(self, name: str, seen: set[str]) -> list[str]:
        """What a first use of ``name`` loads, in this order; ``seen`` is what was met before."""
        found: list[str] = []
        for needed in needs_in(BlueGreenHost.read(self, name)):
            if needed in self.lazy and needed not in seen:
                seen.add(needed)
                found += self.to_load(needed, seen)
        return [*found, name]


class LazyGraphAdapter(GraphAdapter):
    """The adapter of ``LazyGraphHost``; a specimen sets ``host_class``."""

    name = "graph-with-first-uses"
    claims = GraphAdapter.claims | {Claim.LAZY}
    host_class: type[BlueGreenHost] = LazyGraphHost
