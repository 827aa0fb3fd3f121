"""Wrong hosts: those who need a plugin stay behind it, come out of order, or half of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from hot_reload_conformance.specimens.blue_green import Generation
from hot_reload_conformance.specimens.graph_host import (
    GraphAdapter,
    GraphHost,
    StatefulGraphAdapter,
)
from hot_reload_conformance.specimens.registry import specimen

Needs = Mapping[str, Mapping[str, str]]

# HR-DEPS-01, dependents-follow


class _TargetOnly(GraphHost):
    def followers(self, names: Iterable[str], edges: Needs) -> list[str]:
        return list(names)


@specimen("HR-DEPS-01", says="still uses an old version", bug="openplanet-nl/issues#90")
class TargetOnly(GraphAdapter):
    name = "reloads-target-only"
    host_class = _TargetOnly


class _DirectOnly(GraphHost):
    def followers(self, names: Iterable[str], edges: Needs) -> list[str]:
        first = list(names)
        return [*first, *(n for n, needs in edges.items() if set(first) & set(needs))]


@specimen("HR-DEPS-01", says="still uses an old version", bug="design B-m: no transitivity")
class DirectOnly(GraphAdapter):
    name = "reloads-direct-dependents-only"
    host_class = _DirectOnly


class _UnloadsDependents(GraphHost):
    async def swap(self, staged: dict[str, dict[str, bytes]], old_edges: Needs) -> list[str]:
        gone = [name for name in staged if old_edges[name]]
        for name in gone:
            del staged[name]
        warnings = await super().swap(staged, old_edges)
        for name in gone:
            await self.retire(self.live.pop(name))
        return warnings


@specimen("HR-DEPS-01", says="that need it are gone", bug="openplanet-nl/plugin-manager#12")
class UnloadsDependents(GraphAdapter):
    name = "unloads-dependents"
    host_class = _UnloadsDependents


class _ImportsLive(GraphHost):
    def imported(self, name: str) -> Generation:
        return self.live.get(name) or self.coming[name]


@specimen(
    "HR-DEPS-01", says="still uses an old version", bug="an import reaches what is registered"
)
class ImportsLive(GraphAdapter):
    name = "dependents-import-the-old-one"
    host_class = _ImportsLive


# HR-DEPS-02, dependency-order


class _ByName(GraphHost):
    def levels(self, names: Iterable[str], edges: Needs) -> list[list[str]]:
        return [[name] for name in sorted(names)]

    def imported(self, name: str) -> Generation:
        return self.coming.get(name) or self.live[name]


@specimen("HR-DEPS-02", says="started before", bug="openplanet-nl/plugin-manager#17")
class ByName(GraphAdapter):
    name = "starts-by-name"
    host_class = _ByName


class _StopsForwards(GraphHost):
    async def retire_all(self, olds: Mapping[str, Generation], edges: Needs) -> list[str]:
        warnings: list[str] = []
        for level in self.levels(olds, edges):
            for name in level:
                warnings += await self.retire(olds[name])
        return warnings


@specimen("HR-DEPS-02", says="stopped before", bug="design E-d: the order is reversed")
class StopsForwards(GraphAdapter):
    name = "stops-dependencies-first"
    host_class = _StopsForwards


class _ClosesForwards(GraphHost):
    async def close(self) -> None:
        order = self.levels(self.live, self.old_edges())
        await super(GraphHost, self.in_order(reversed(order))).close()

    def in_order(self, levels: Iterable[Sequence[str]]) -> _ClosesForwards:
        self.live = {name: self.live[name] for level in levels for name in level}
        return self


@specimen("HR-DEPS-02", says="as the host closed", bug="stopped in the order of loading")
class ClosesForwards(GraphAdapter):
    name = "closes-dependencies-first"
    host_class = _ClosesForwards


class _UnloadsForwards(GraphHost):
    async def unload_with_dependents(self, name: str) -> None:
        for each in self.followers([name], self.old_edges()):
            await self.unload_one(each)


@specimen(
    "HR-DEPS-02", says="with its dependents", bug="unloaded as they are found, from the root up"
)
class UnloadsForwards(GraphAdapter):
    name = "unloads-dependencies-first"
    host_class = _UnloadsForwards


# HR-DEPS-03, only-affected


class _EverythingFollows(GraphHost):
    def followers(self, names: Iterable[str], edges: Needs) -> list[str]:
        first = list(names)
        return [*first, *(name for name in edges if name not in first)]


@specimen("HR-DEPS-03", says="not need it", bug="x64dbg/DotX64Dbg#72")
class EverythingFollows(GraphAdapter):
    name = "reloads-everything"
    host_class = _EverythingFollows


class _DependenciesToo(GraphHost):
    def followers(self, names: Iterable[str], edges: Needs) -> list[str]:
        found = super().followers(names, edges)
        return [*found, *(n for name in names for n in edges.get(name, ()) if n not in found)]


@specimen("HR-DEPS-03", says="not need it", bug="dependencies are taken for dependents")
class DependenciesToo(GraphAdapter):
    name = "reloads-dependencies-too"
    host_class = _DependenciesToo


# HR-DEPS-04, cascade-is-atomic


class _CommitsEach(GraphHost):
    async def prepare(self, name: str, old: Generation | None) -> Generation:
        new = await super().prepare(name, old)
        if old is not None:
            self.commit(name, new)
        return new

    async def roll_back_all(self, olds: Mapping[str, Generation]) -> None:
        for name, old in olds.items():
            if self.live[name] is old:
                await self.roll_back(name, old)


@specimen("HR-DEPS-04", says="did not go back", bug="bitbot-irc/bitbot#179")
class CommitsEach(GraphAdapter):
    name = "commits-each-of-a-cascade"
    host_class = _CommitsEach


class _SkipsFailed(GraphHost):
    async def prepare_level(self, level: Sequence[str], olds: Mapping[str, Generation]) -> None:
        for name in level:
            try:
                await super().prepare_level([name], olds)
            except Exception:
                if name != next(iter(self.staged)):
                    self.coming.pop(name, None)
                    continue
                raise


@specimen("HR-DEPS-04", says="the reload says success", bug="design B-m: no rollback of dependents")
class SkipsFailed(GraphAdapter):
    name = "skips-failed-dependents"
    host_class = _SkipsFailed


class _HeedsTheEditedOnly(GraphHost):
    async def check_health(self, new: Generation) -> None:
        if new.name == next(iter(self.staged)):
            await super().check_health(new)
        else:
            await self.hook(new, "health_check")


@specimen("HR-DEPS-04", says="the reload says success", bug="a dependent's answer is thrown away")
class HeedsTheEditedOnly(GraphAdapter):
    name = "health-of-the-edited-only"
    host_class = _HeedsTheEditedOnly


class _ReleasesNone(GraphHost):
    async def roll_back_all(self, olds: Mapping[str, Generation]) -> None:
        for name, old in olds.items():
            await self.roll_back(name, old)


@specimen("HR-DEPS-04", says="never stopped", bug="only the one that failed is released")
class ReleasesNone(GraphAdapter):
    name = "cascade-leaves-the-started"
    host_class = _ReleasesNone


class _RollsBackForwards(GraphHost):
    async def roll_back_all(self, olds: Mapping[str, Generation]) -> None:
        self.coming = dict(reversed(self.coming.items()))
        await super().roll_back_all(olds)


@specimen("HR-DEPS-04", says="and it rolled back", bug="released in the order of starting")
class RollsBackForwards(GraphAdapter):
    name = "cascade-rolls-back-forwards"
    host_class = _RollsBackForwards


# HR-STATE-01, round-trip, of those that follow


class _StateOfTheEdited(GraphHost):
    async def hand_over(self, old: Generation, new: Generation) -> None:
        if new.name == next(iter(self.staged)):
            await super().hand_over(old, new)


@specimen(
    "HR-STATE-01",
    says="do not have the state that they had before",
    bug="dependents are made anew without their state",
)
class StateOfTheEdited(StatefulGraphAdapter):
    name = "dependents-lose-state"
    host_class = _StateOfTheEdited


# HR-DEPS-08, batch


class _OneByOne(GraphHost):
    async def reload_many(self, names: Sequence[str]) -> list[str]:
        return [each for name in names for each in await super(_OneByOne, self).reload_many([name])]


@specimen("HR-DEPS-08", says="was reloaded 2 times", bug="a checkout reloads the same ten times")
class OneByOne(GraphAdapter):
    name = "reloads-a-batch-one-by-one"
    host_class = _OneByOne


class _Serial(GraphHost):
    async def prepare_level(self, level: Sequence[str], olds: Mapping[str, Generation]) -> None:
        for name in level:
            await super().prepare_level([name], olds)


@specimen("HR-DEPS-08", says="one after the other", bug="a slow start delays all others")
class Serial(GraphAdapter):
    name = "starts-a-batch-serially"
    host_class = _Serial


class _AsListed(GraphHost):
    def levels(self, names: Iterable[str], edges: Needs) -> list[list[str]]:
        return [[name] for name in names] if len(self.staged) > 3 else super().levels(names, edges)


@specimen(
    "HR-DEPS-08", says="not every plugin of it", bug="design B-m: batch in the order of the events"
)
class AsListed(GraphAdapter):
    name = "reloads-a-batch-as-listed"
    host_class = _AsListed


class _LeavesTheOthers(GraphHost):
    """The first failure is told at once; what starts beside it starts on."""

    async def prepare_level(self, level: Sequence[str], olds: Mapping[str, Generation]) -> None:
        await asyncio.gather(*(self.prepare(name, olds[name]) for name in level))


@specimen(
    "HR-DEPS-04",
    says="went on behind its stop",
    bug="asyncio.gather without return_exceptions leaves the others running",
)
class LeavesTheOthers(GraphAdapter):
    name = "cascade-leaves-siblings-starting"
    host_class = _LeavesTheOthers
