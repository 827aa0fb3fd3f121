"""Wrong hosts: state, sinks and graphs that go wrong only behind another operation.

No example of the clauses that they break comes to these: the machines of the stateful, the
pipeline and the graph profile do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Ports
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.graph_host import GraphAdapter, GraphHost, needs_in
from hot_reload_conformance.specimens.operated_host import OperatedAdapter, OperatedHost
from hot_reload_conformance.specimens.registry import specimen

# stateful


class _GateLeftOpen(BlueGreenHost):
    """A failed reload marks its gate as opened; the next one finds the mark, and closes none."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.opened_before: set[str] = set()

    async def roll_back(self, name: str, old: Generation) -> None:
        await super().roll_back(name, old)
        self.opened_before.add(name)

    def close_gate(self, name: str) -> None:
        if name in self.opened_before:
            self.opened_before.discard(name)
        else:
            super().close_gate(name)


@specimen(
    "HR-STATE-02",
    says="are lost",
    bug="behind a reload that failed calls are not held back in the next one",
)
class GateLeftOpen(BlueGreenAdapter):
    name = "no-gate-behind-a-failure"
    host_class = _GateLeftOpen


class _GivesUpTheState(BlueGreenHost):
    """A state that could not be restored twice is taken for a broken one, and left out."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.refused: Counter[str] = Counter()

    async def restore_state(self, old: Generation, new: Generation, state: Any) -> None:
        try:
            await super().restore_state(old, new, state)
        except HostError:
            self.refused[new.name] += 1
            if self.refused[new.name] < 2:
                raise
        else:
            self.refused.pop(new.name, None)


@specimen(
    "HR-STATE-04",
    says="the old one does not serve as before",
    bug="the second restore in a row that fails is done without",
)
class GivesUpTheState(BlueGreenAdapter):
    name = "second-failed-restore-is-skipped"
    host_class = _GivesUpTheState


# pipeline


class _CountsTheSilent(OperatedHost):
    """A sink that is healthy is one that may take over, whether it is enabled or not."""

    def guard_last_sink(self, name: str, operation: str) -> None:
        sinks = [n for n, each in self.live.items() if each.plugin.is_sink]
        if name in sinks and not [n for n in sinks if n != name and self.counts(n)]:
            raise HostError(f"{operation} of {name!r} refused: it is the last healthy sink")


@specimen(
    "HR-GUARD-03",
    says="took the last healthy sink away",
    bug="a healthy sink that is disabled stands in for the one that goes",
)
class CountsTheSilent(OperatedAdapter):
    name = "disabled-sink-counts-as-healthy"
    host_class = _CountsTheSilent


# graph


class _DisabledLast(GraphHost):
    """Who serves is brought up first: the disabled ones can wait."""

    def levels(
        self, names: Iterable[str], edges: Mapping[str, Mapping[str, str]]
    ) -> list[list[str]]:
        every = list(names)
        off = [name for name in every if name in self.live and not self.live[name].enabled]
        on = [name for name in every if name not in off]
        return super().levels(on, edges) + super().levels(off, edges)


@specimen(
    "HR-DEPS-02",
    says="though it needs it",
    bug="a cascade starts disabled plugins last, whoever needs them",
)
class DisabledLast(GraphAdapter):
    name = "disabled-ones-start-last"
    host_class = _DisabledLast


class _EdgesOfTheFailed(GraphHost):
    """Who needs whom is noted down as an edit is read, and stays so where it fails."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.read_last: dict[str, dict[str, str]] = {}

    async def swap(self, staged: Any, old_edges: Any) -> list[str]:
        self.read_last |= {name: needs_in(files) for name, files in staged.items()}
        return await super().swap(staged, old_edges)

    def old_edges(self) -> dict[str, dict[str, str]]:
        return {
            name: self.read_last.get(name, needs) for name, needs in super().old_edges().items()
        }

    async def unload_one(self, name: str) -> None:
        await super().unload_one(name)
        self.read_last.pop(name, None)


@specimen(
    "HR-DEPS-07",
    says="behind edits that change what plugins need",
    bug="an edit that failed leaves its dependencies in the graph",
)
class EdgesOfTheFailed(GraphAdapter):
    name = "failed-edit-changes-the-graph"
    host_class = _EdgesOfTheFailed
