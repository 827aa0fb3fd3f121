"""Wrong hosts: the first use of a plugin that needs plugins."""

from __future__ import annotations

from hot_reload_conformance.specimens.blue_green import BlueGreenHost, HostError
from hot_reload_conformance.specimens.graph_host import needs_in
from hot_reload_conformance.specimens.lazy_graph_host import LazyGraphAdapter, LazyGraphHost
from hot_reload_conformance.specimens.registry import specimen


class _LoadsTwice(LazyGraphHost):
    def to_load(self, name: str, seen: set[str]) -> list[str]:
        needs = [each for each in needs_in(BlueGreenHost.read(self, name)) if each in self.lazy]
        return [*(each for needed in needs for each in self.to_load(needed, set())), name]


@specimen(
    "HR-DEPS-02",
    says="began to load what it needs",
    bug="two ways lead to one plugin, which is loaded again on the second",
)
class LoadsTwice(LazyGraphAdapter):
    name = "loads-twice-what-two-need"
    host_class = _LoadsTwice


class _KnowsNoOther(LazyGraphHost):
    async def first_load(self, name: str) -> None:
        if any(each in self.lazy for each in needs_in(BlueGreenHost.read(self, name))):
            raise HostError(f"{name!r} cannot be used yet")
        await BlueGreenHost.first_load(self, name)


@specimen(
    "HR-DEPS-02",
    says="which it needs and nobody has loaded, is missing",
    bug="what is only registered is no plugin yet, and the user is not told which",
)
class KnowsNoOther(LazyGraphAdapter):
    name = "first-use-names-nothing"
    host_class = _KnowsNoOther


class _FollowsForEver(LazyGraphHost):
    def to_load(self, name: str, seen: set[str]) -> list[str]:
        return super().to_load(name, set())


@specimen(
    "HR-DEPS-05",
    says="which needs one of a cycle of hen, egg, fails and does not name",
    bug="nothing is noted of what was met: RecursionError",
)
class FollowsForEver(LazyGraphAdapter):
    name = "follows-a-circle-for-ever"
    host_class = _FollowsForEver
