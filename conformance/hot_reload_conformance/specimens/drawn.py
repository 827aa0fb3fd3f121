"""Wrong hosts that no written example comes to, only inputs that are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from hot_reload_conformance.adapter import Ports
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.graph_host import GraphAdapter, GraphHost
from hot_reload_conformance.specimens.registry import specimen


class _GivesUp(BlueGreenHost):
    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.failures: Counter[str] = Counter()

    async def load_locked(self, name: str) -> None:
        if self.failures[name] == 3:
            raise HostError(f"load of {name!r} refused: it failed too often")
        try:
            await super().load_locked(name)
        except HostError:
            self.failures[name] += 1
            raise


@specimen(
    "HR-LOAD-02",
    says="the corrected plugin does not load",
    bug="a plugin whose load failed three times is not loaded any more",
)
class GivesUp(BlueGreenAdapter):
    name = "gives-up-after-three-loads"
    host_class = _GivesUp


class _DropsBehindFailure(BlueGreenHost):
    """What is held back in the reload behind one that failed is thrown away."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.marked_stale: set[str] = set()

    async def roll_back(self, name: str, old: Generation) -> None:
        await super().roll_back(name, old)
        self.marked_stale.add(name)

    def open_gate(self, name: str, generation: Generation) -> None:
        if name in self.gates and name in self.marked_stale:
            self.marked_stale.discard(name)
            self.gates[name].clear()
        super().open_gate(name, generation)


@specimen(
    "HR-FLOW-01",
    says="in reloads that were drawn",
    bug="a queue that a failed reload has marked as stale is emptied by the next one",
)
class DropsBehindFailure(BlueGreenAdapter):
    name = "drops-behind-a-failure"
    host_class = _DropsBehindFailure


class _OneWay(GraphHost):
    """Follows the first dependency of each."""

    def check_cycle(self, name: str, edges: Mapping[str, Mapping[str, str]]) -> None:
        first = {each: dict(list(needs.items())[:1]) for each, needs in edges.items()}
        super().check_cycle(name, first)

    def levels(
        self, names: Iterable[str], edges: Mapping[str, Mapping[str, str]]
    ) -> list[list[str]]:
        left, done = sorted(names), list[list[str]]()
        while left:
            level = [name for name in left if not set(edges[name]) & set(left)] or left[:1]
            done.append(level)
            left = [name for name in left if name not in level]
        return done


@specimen(
    "HR-DEPS-05",
    says="is accepted",
    bug="the search for cycles follows the first dependency of each plugin alone",
)
class OneWay(GraphAdapter):
    name = "cycle-by-a-second-dependency"
    host_class = _OneWay
