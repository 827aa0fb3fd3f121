"""Wrong hosts: graphs that cannot be, that change, or that lose what others need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hot_reload_conformance.specimens.blue_green import Generation, HostError
from hot_reload_conformance.specimens.graph_host import GraphAdapter, GraphHost, declared
from hot_reload_conformance.specimens.registry import specimen

Needs = Mapping[str, Mapping[str, str]]

# HR-DEPS-05, cycle-named


class _NoCycleCheck(GraphHost):
    def check_cycle(self, name: str, edges: Needs) -> None:
        return None

    def levels(self, names: Iterable[str], edges: Needs) -> list[list[str]]:
        left = sorted(names)
        done: list[list[str]] = []
        while left:
            level = [name for name in left if not set(edges[name]) & set(left)] or left[:1]
            done.append(level)
            left = [name for name in left if name not in level]
        return done


@specimen("HR-DEPS-05", says="is accepted", bug="an order that nobody declared")
class NoCycleCheck(GraphAdapter):
    name = "accepts-cycles"
    host_class = _NoCycleCheck


class _Recurses(GraphHost):
    def check_cycle(self, name: str, edges: Needs) -> None:
        try:
            self.visit(name, edges)
        except RecursionError:
            raise RecursionError("maximum recursion depth exceeded") from None

    def visit(self, name: str, edges: Needs) -> None:
        for needed in edges.get(name, ()):
            self.visit(needed, edges)


@specimen("HR-DEPS-05", says="does not name", bug="it recurses until it crashes")
class Recurses(GraphAdapter):
    name = "recurses-into-cycles"
    host_class = _Recurses


# HR-DEPS-06, version-range


class _NoRanges(GraphHost):
    def check_release(self, name: str, needed: str, below: str) -> None:
        return None


@specimen("HR-DEPS-06", says="is accepted", bug="ranges are read and never compared")
class NoRanges(GraphAdapter):
    name = "ignores-ranges"
    host_class = _NoRanges


class _RangesAsTexts(GraphHost):
    def check_release(self, name: str, needed: str, below: str) -> None:
        release = declared(self.staged.get(needed) or self.files[needed], "RELEASE")
        if below and release >= below:
            raise HostError(f"{name!r} needs {needed!r} below {below}, and it is {release}")


@specimen("HR-DEPS-06", says="'base' 10.0, of which", bug="versions compared as texts: 10.0 < 2")
class RangesAsTexts(GraphAdapter):
    name = "compares-ranges-as-texts"
    host_class = _RangesAsTexts


class _RangesAtLoadOnly(GraphHost):
    def check_release(self, name: str, needed: str, below: str) -> None:
        if name not in self.live:
            super().check_release(name, needed, below)


@specimen("HR-DEPS-06", says="'base' 2.0, of which 'user' needs", bug="compared at the load only")
class RangesAtLoadOnly(GraphAdapter):
    name = "compares-ranges-at-load-only"
    host_class = _RangesAtLoadOnly


class _RangesAfterCommit(GraphHost):
    def admit(self, staged: Mapping[str, Mapping[str, bytes]]) -> None:
        self.is_late = False
        super().admit(staged)

    def check_release(self, name: str, needed: str, below: str) -> None:
        if self.is_late:
            super().check_release(name, needed, below)

    def commit_all(self, coming: Mapping[str, Generation]) -> None:
        super().commit_all(coming)
        self.is_late = True
        for name, needs in self.new_edges().items():
            for needed, below in needs.items():
                self.check_release(name, needed, below)

    async def roll_back_all(self, olds: Mapping[str, Generation]) -> None:
        if not self.is_late:
            await super().roll_back_all(olds)


@specimen("HR-DEPS-06", says="and yet something changed", bug="compared when it is in place")
class RangesAfterCommit(GraphAdapter):
    name = "compares-ranges-after-commit"
    host_class = _RangesAfterCommit


# HR-DEPS-07, changed-edges


class _EdgesOfTheLoad(GraphHost):
    """The graph is made as plugins are loaded."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.kept: dict[str, dict[str, str]] = {}

    def old_edges(self) -> dict[str, dict[str, str]]:
        now = super().old_edges()
        self.kept = {name: self.kept.get(name, now[name]) for name in now}
        return self.kept


@specimen("HR-DEPS-07", says="runs or imports something else", bug="the graph is cached")
class EdgesOfTheLoad(GraphAdapter):
    name = "keeps-the-first-graph"
    host_class = _EdgesOfTheLoad


class _StopsByNew(GraphHost):
    async def retire_all(self, olds: Mapping[str, Generation], edges: Needs) -> list[str]:
        return await super().retire_all(olds, self.new_edges())


@specimen("HR-DEPS-07", says="stopped before", bug="one graph for both")
class StopsByNew(GraphAdapter):
    name = "stops-by-the-new-graph"
    host_class = _StopsByNew


class _NeverDrops(GraphHost):
    """What was once needed stays protected."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.ever: dict[str, dict[str, str]] = {}

    def old_edges(self) -> dict[str, dict[str, str]]:
        for name, needs in super().old_edges().items():
            self.ever.setdefault(name, {}).update(needs)
        return {name: self.ever[name] for name in self.live}


@specimen("HR-DEPS-07", says="which does not need it any more", bug="edges are added, never taken")
class NeverDrops(GraphAdapter):
    name = "never-drops-edges"
    host_class = _NeverDrops


# HR-DEPS-09, missing


class _ImportError(GraphHost):
    def check_there(self, name: str, needed: str, edges: Mapping[str, object]) -> None:
        if needed not in edges:
            raise ImportError(f"no module {needed!r}")


@specimen("HR-DEPS-09", says="does not name 'fresh'", bug="an ImportError from inside")
class NamelessMissing(GraphAdapter):
    name = "missing-without-who-asks"
    host_class = _ImportError


class _LeavesOut(GraphHost):
    def check_there(self, name: str, needed: str, edges: Mapping[str, object]) -> None:
        return None

    def check_release(self, name: str, needed: str, below: str) -> None:
        if needed in self.live:
            super().check_release(name, needed, below)

    def imported(self, name: str) -> Generation:
        empty = Generation("types", 0)
        empty.module_name = "types"
        return self.coming.get(name) or self.live.get(name) or empty


@specimen("HR-DEPS-09", says="is accepted", bug="fails at its first use")
class LeavesOut(GraphAdapter):
    name = "accepts-missing-dependencies"
    host_class = _LeavesOut


class _UnloadsWhoMisses(GraphHost):
    async def reload(self, name: str) -> list[str]:
        try:
            return await super().reload(name)
        except Exception as error:
            if "not loaded" in str(error):
                del self.files[name]
                await self.retire(self.live.pop(name))
            raise


@specimen("HR-DEPS-09", says="and yet something changed", bug="taken out as it cannot be satisfied")
class UnloadsWhoMisses(GraphAdapter):
    name = "unloads-who-misses-something"
    host_class = _UnloadsWhoMisses


# HR-GUARD-04, dependents-protected


class _NoDependentsGuard(GraphHost):
    def guard_dependents(self, name: str) -> None:
        return None


@specimen("HR-GUARD-04", says="is accepted", bug="OxideMod/Oxide#1148")
class NoDependentsGuard(GraphAdapter):
    name = "removes-under-dependents"
    host_class = _NoDependentsGuard


class _GuardsEnabled(GraphHost):
    def guard_dependents(self, name: str) -> None:
        edges = {n: needs for n, needs in self.old_edges().items() if self.live[n].enabled}
        if self.followers([name], edges)[1:]:
            super().guard_dependents(name)


@specimen("HR-GUARD-04", says="is accepted", bug="a disabled plugin counts as none")
class GuardsEnabled(GraphAdapter):
    name = "forgets-disabled-dependents"
    host_class = _GuardsEnabled


class _AlwaysCascades(GraphHost):
    async def unload(self, name: str) -> None:
        await self.unload_with_dependents(name)


@specimen("HR-GUARD-04", says="is accepted", bug="a cascade that nobody asked for")
class AlwaysCascades(GraphAdapter):
    name = "cascades-unasked"
    host_class = _AlwaysCascades


class _CascadesForwards(GraphHost):
    async def unload_with_dependents(self, name: str) -> None:
        edges = self.old_edges()
        for level in self.levels(self.followers([name], edges), edges):
            for each in level:
                await self.unload_one(each)


@specimen("HR-GUARD-04", says="stopped before", bug="dependencies go first")
class CascadesForwards(GraphAdapter):
    name = "cascades-dependencies-first"
    host_class = _CascadesForwards


class _GuardForgetsNames(GraphHost):
    def guard_dependents(self, name: str) -> None:
        if self.followers([name], self.old_edges())[1:]:
            raise RuntimeError("the plugin is in use")


@specimen("HR-GUARD-04", says="does not name 'user'", bug="'in use', and not by whom")
class GuardForgetsNames(GraphAdapter):
    name = "in-use-by-nobody"
    host_class = _GuardForgetsNames


class _CascadeLeavesTop(GraphHost):
    async def unload_with_dependents(self, name: str) -> None:
        for each in [user for user, needs in self.old_edges().items() if name in needs]:
            await self.unload_one(each)
        await self.unload_one(name)


@specimen("HR-GUARD-04", says="still answers", bug="direct dependents only")
class CascadeLeavesTop(GraphAdapter):
    name = "cascades-one-step"
    host_class = _CascadeLeavesTop


# HR-SWAP-07, hook-order: of those that are reloaded with what they need


class _HealthOfTheEdited(GraphHost):
    """Only the plugin that somebody edited is asked whether it is well."""

    edited: tuple[str, ...] = ()

    async def reload_many(self, names: Sequence[str]) -> list[str]:
        self.edited = tuple(names)
        return await super().reload_many(names)

    async def check_health(self, new: Generation) -> None:
        if new.name in self.edited:
            await super().check_health(new)


@specimen(
    "HR-SWAP-07",
    says="health_check was never called in a reload of 'user' with 'base'",
    bug="a cascade that commits dependents which are not well",
)
class HealthOfTheEdited(GraphAdapter):
    name = "dependents-health-not-asked"
    host_class = _HealthOfTheEdited
