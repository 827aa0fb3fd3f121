"""Wrong hosts: each operation is right alone; behind or beside another one it is not.

No example of the contract comes to these: the state machines do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Ports, Reply
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.graph_host import GraphAdapter, GraphHost
from hot_reload_conformance.specimens.operated_host import OperatedAdapter, OperatedHost
from hot_reload_conformance.specimens.pipeline_host import PipelineAdapter, PipelineHost
from hot_reload_conformance.specimens.registry import specimen
from hot_reload_conformance.specimens.watching_host import (
    Entry,
    Print,
    WatchingAdapter,
    WatchingHost,
)

# core


class _ForgetsTheThird(BlueGreenHost):
    """Who asks while a reload runs leaves a mark, and nobody takes it away."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.again: set[str] = set()

    async def reload(self, name: str) -> list[str]:
        if name in self.busy:
            self.again.add(name)
            return await super().reload(name)
        if name in self.again:
            self.again.discard(name)
            return []  # as somebody seems to be about to do it
        return await super().reload(name)


@specimen(
    "HR-SWAP-01",
    says="does not serve alone",
    bug="two overlapping reloads leave a mark that swallows the next one",
)
class ForgetsTheThird(BlueGreenAdapter):
    name = "overlap-swallows-next-reload"
    host_class = _ForgetsTheThird


class _RestoresEverything(BlueGreenHost):
    """A failed reload puts back the whole table of plugins as it was when it began."""

    async def prepare(self, name: str, old: Generation | None) -> Generation:
        before = dict(self.live)
        try:
            return await super().prepare(name, old)
        except BaseException:
            self.live.update(before)
            raise


@specimen(
    "HR-RACE-02",
    says="what no order of these operations gives",
    bug="the roll-back restores a copy of the registry, and with it a neighbour's old version",
)
class RestoresEverything(BlueGreenAdapter):
    name = "rollback-restores-registry"
    host_class = _RestoresEverything


class _StuckWhileDisabled(BlueGreenHost):
    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.broken: set[str] = set()

    async def reload(self, name: str) -> list[str]:
        if name in self.broken and name in self.live:
            raise HostError(f"reload of {name!r} refused: enable it first")
        try:
            return await super().reload(name)
        except Exception:
            if name in self.live and not self.live[name].enabled:
                self.broken.add(name)
            raise

    async def enable(self, name: str) -> None:
        await super().enable(name)
        self.broken.discard(name)


@specimen(
    "HR-ROLL-05",
    says="the next good edit is refused",
    bug="a reload that fails while its plugin is disabled needs a manual step",
)
class StuckWhileDisabled(BlueGreenAdapter):
    name = "failed-while-disabled-is-stuck"
    host_class = _StuckWhileDisabled


# stateful


class _NoStateWhileDisabled(BlueGreenHost):
    async def hand_over(self, old: Generation, new: Generation) -> None:
        if old.enabled:
            await super().hand_over(old, new)


@specimen(
    "HR-STATE-01",
    says="was reloaded while disabled, and enabled, its state is another one",
    bug="who does not serve is thought to have no state",
)
class NoStateWhileDisabled(BlueGreenAdapter):
    name = "state-lost-while-disabled"
    host_class = _NoStateWhileDisabled


class _BatchEnables(GraphHost):
    async def reload_many(self, names: Sequence[str]) -> list[str]:
        warnings = await super().reload_many(names)
        for name in names if len(names) > 1 else ():
            self.live[name].enabled = True
        return warnings


@specimen(
    "HR-STATE-05",
    says="serves though it is disabled",
    bug="a batch brings everything up that it reloads",
)
class BatchEnables(GraphAdapter):
    name = "batch-enables"
    host_class = _BatchEnables


# pipeline


class _EnabledWithoutRedactor(PipelineHost):
    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.enabled_again: set[str] = set()

    async def enable(self, name: str) -> None:
        await super().enable(name)
        self.enabled_again.add(name)

    def stages(self) -> list[tuple[str, Generation]]:
        return [
            (role, each)
            for role, each in super().stages()
            if role != "redactor" or each.name not in self.enabled_again
        ]


@specimen(
    "HR-FLOW-11",
    says="without having passed the redactor",
    bug="enable puts a plugin back into the chain, but not into the list of redactors",
)
class EnabledWithoutRedactor(PipelineAdapter):
    name = "redactor-skipped-after-enable"
    host_class = _EnabledWithoutRedactor


# graph


class _LeavesDisabled(GraphHost):
    def read_all(self, names: Sequence[str]) -> dict[str, dict[str, bytes]]:
        found = super().read_all(names)
        return {n: each for n, each in found.items() if n in names or self.live[n].enabled}


@specimen(
    "HR-DEPS-01",
    says="does not use the versions that serve now of what it needs",
    bug="a cascade leaves disabled plugins out, and they come back with the old dependency",
)
class LeavesDisabled(GraphAdapter):
    name = "cascade-leaves-disabled"
    host_class = _LeavesDisabled


class _CommitsWithoutDisabled(GraphHost):
    async def prepare(self, name: str, old: Generation | None) -> Generation:
        try:
            return await super().prepare(name, old)
        except HostError:
            if old is None or old.enabled:
                raise
            self.coming.pop(name)
            return old

    async def retire_all(self, olds: Any, edges: Any) -> list[str]:
        gone = {name: old for name, old in olds.items() if self.live.get(name) is not old}
        return await super().retire_all(gone, edges)


@specimen(
    "HR-DEPS-04",
    says="not all of those that follow it are as they were",
    bug="a disabled plugin's failure counts for nothing, and the rest of the cascade commits",
)
class CommitsWithoutDisabled(GraphAdapter):
    name = "cascade-ignores-disabled-failure"
    host_class = _CommitsWithoutDisabled


class _OrphansAfterCancel(GraphHost):
    """Who follows whom is kept in a table that a cancelled cascade forgets to put back."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.alone_now: set[str] = set()

    async def swap(self, staged: Any, old_edges: Any) -> list[str]:
        try:
            return await super().swap(staged, old_edges)
        except asyncio.CancelledError:
            self.alone_now.update(staged)
            raise

    def read_all(self, names: Sequence[str]) -> dict[str, dict[str, bytes]]:
        found = super().read_all(names)
        if set(names) & self.alone_now:
            self.alone_now.difference_update(names)
            return {name: each for name, each in found.items() if name in names}
        return found


@specimen(
    "HR-DEPS-01",
    says="does not use the versions that serve now of what it needs",
    bug="after a cascade that was cancelled the next one takes nobody along",
)
class OrphansAfterCancel(GraphAdapter):
    name = "cancelled-cascade-orphans"
    host_class = _OrphansAfterCancel


# watching


class _KnowsWhatFailed(WatchingHost):
    """Remembers the plugins whose last load failed."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.bad: set[str] = set()

    def failed_at(self, name: str, entry: Entry, target: Print, error: HostError) -> None:
        super().failed_at(name, entry, target, error)
        self.bad.add(name)

    def succeeded(self, name: str, entry: Entry, target: Print) -> None:
        super().succeeded(name, entry, target)
        self.bad.discard(name)

    def is_bad(self, entry: Entry) -> bool:
        return any(self.entries.get(name) is entry for name in self.bad)


class _StartsAnew(_KnowsWhatFailed):
    """Switched on, it takes what it finds of a plugin that had failed for what runs."""

    async def enable_watch(self) -> None:
        for name in self.bad & set(self.entries):
            entry = self.entries[name]
            entry.seen = entry.applied = self.print_of(name)
            entry.waits_since = None
        await super().enable_watch()


@specimen(
    "HR-WATCH-12",
    says="does not catch up",
    bug="an edit that repairs a plugin while the watch is off is taken for old",
)
class StartsAnew(WatchingAdapter):
    name = "repair-while-off-is-lost"
    host_class = _StartsAnew


class _LoadsAllAnew(WatchingHost):
    """Switched on, it loads whatever there is, edited or not."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.again: set[str] = set()

    async def enable_watch(self) -> None:
        await super().enable_watch()
        self.again = set(self.live)

    def has_work(self, name: str, entry: Entry) -> bool:
        if name in self.again and entry.waits_since is None:
            entry.waits_since = self.now()
        return name in self.again or super().has_work(name, entry)

    def begin(self, name: str, entry: Entry, now: float) -> None:
        self.again.discard(name)
        super().begin(name, entry, now)


@specimen(
    "HR-WATCH-03",
    says="loaded 2 times",
    bug="switched on again, the watch takes all that it finds for new",
)
class LoadsAllAnew(WatchingAdapter):
    name = "switched-on-loads-all-anew"
    host_class = _LoadsAllAnew


class _HurriesToRepair(_KnowsWhatFailed):
    def quiet(self, entry: Entry, now: float) -> bool:
        return self.is_bad(entry) or super().quiet(entry, now)


@specimen(
    "HR-WATCH-04",
    says="the longest wait was not over",
    bug="an edit of a plugin that failed is loaded at once, in the middle of its save",
)
class HurriesToRepair(WatchingAdapter):
    name = "no-quiet-period-behind-a-failure"
    host_class = _HurriesToRepair


class _WaitsToRepair(_KnowsWhatFailed):
    def overdue(self, entry: Entry, now: float) -> bool:
        return not self.is_bad(entry) and super().overdue(entry, now)


@specimen(
    "HR-WATCH-05",
    says="not loaded within the longest wait",
    bug="the longest wait is counted from the last load, and a plugin that failed has none",
)
class WaitsToRepair(WatchingAdapter):
    name = "no-longest-wait-behind-a-failure"
    host_class = _WaitsToRepair


class _RepairsOn(_KnowsWhatFailed):
    """Looks by a task of its own for the repair of what failed, and nobody ends that."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.repairs: set[asyncio.Task[None]] = set()

    def failed_at(self, name: str, entry: Entry, target: Print, error: HostError) -> None:
        super().failed_at(name, entry, target, error)
        self.repairs.add(asyncio.ensure_future(self.repair(name, target)))

    async def repair(self, name: str, failed: Print) -> None:
        while self.print_of(name) == failed:
            await self.sleep(self.pace.notice_seconds)
        if self.stopped:  # until then the watch does it
            await self.reload(name)


@specimen(
    "HR-WATCH-13",
    says="though it was stopped before",
    bug="a timer that waits for the repair of a failed plugin outlives the watch",
)
class RepairsOn(WatchingAdapter):
    name = "repairs-behind-the-stop"
    host_class = _RepairsOn


class _ForgetsTheLimit(WatchingHost):
    async def enable_watch(self) -> None:
        await super().enable_watch()
        for entry in self.entries.values():
            entry.began.clear()


@specimen(
    "HR-LIMIT-01",
    says="is loaded again",
    bug="the switch of the watch begins with fresh counters",
)
class ForgetsTheLimit(WatchingAdapter):
    name = "switched-on-forgets-the-limit"
    host_class = _ForgetsTheLimit


class _OneDeferred(WatchingHost):
    """Keeps in mind one plugin whose limit holds: the next one that begins takes its place."""

    def begin(self, name: str, entry: Entry, now: float) -> None:
        for other in self.entries.values():
            if other is not entry and other.waits_since is not None and now < self.free_at(other):
                other.applied, other.waits_since = other.seen, None
        super().begin(name, entry, now)


@specimen(
    "HR-LIMIT-02",
    says="was dropped",
    bug="what one plugin's cooldown deferred is forgotten as another one is loaded",
)
class OneDeferred(WatchingAdapter):
    name = "neighbour-drops-what-was-deferred"
    host_class = _OneDeferred


# operations


class _SaysButWaits(OperatedHost):
    async def reload(self, name: str) -> list[str]:
        if not self.known(name, "reload").enabled:
            with self.attempt("reload", name):
                return []  # it is to be done at its enabling, which has forgotten it
        return await super().reload(name)


@specimen(
    "HR-OBS-04",
    says="while it was disabled names",
    bug="a disabled plugin's reload is put off for ever, and its result says the new version",
)
class SaysButWaits(OperatedAdapter):
    name = "says-reloaded-while-disabled"
    host_class = _SaysButWaits

    async def reload(self, ref: str) -> Reply | bool | None:
        generation = self.host.live.get(ref)
        reply = await super().reload(ref)
        if generation is None or generation.enabled:
            return reply
        text = (self.host.root / f"{ref}.py").read_text(encoding="utf-8")
        on_disk = next(line for line in text.splitlines() if line.startswith("    version = "))
        return Reply(ok=True, new=on_disk.rpartition(" = ")[2].strip("'"))
