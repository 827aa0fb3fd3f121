"""Wrong hosts: loads and failures that go wrong only behind another operation.

No example of the clauses that they break comes to these: the machine of the core does.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hot_reload_conformance.adapter import Ports
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.registry import specimen


class _Counts(BlueGreenHost):
    """Knows how often in a row the reloads of each plugin failed."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.failures: Counter[str] = Counter()

    def commit(self, name: str, new: Generation) -> None:
        super().commit(name, new)
        self.failures.pop(name, None)

    async def roll_back(self, name: str, old: Generation) -> None:
        await super().roll_back(name, old)
        self.failures[name] += 1


# LOAD


class _StartsAtEnable(BlueGreenHost):
    """Who was reloaded while disabled is taken for one that nobody has started yet."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.asleep: set[str] = set()

    def commit(self, name: str, new: Generation) -> None:
        super().commit(name, new)
        if not new.enabled:
            self.asleep.add(name)

    async def enable(self, name: str) -> None:
        await super().enable(name)
        if name in self.asleep:
            self.asleep.discard(name)
            await self.hook(self.live[name], "start")


@specimen(
    "HR-LOAD-04",
    says="start ran a second time on one generation",
    bug="enabling starts a plugin that its reload, done while it was disabled, had started",
)
class StartsAtEnable(BlueGreenAdapter):
    name = "enable-starts-again"
    host_class = _StartsAtEnable


class _LoadsOverTheFailed(_Counts):
    """Takes a load for another way to try again what could not be reloaded."""

    async def load_locked(self, name: str) -> None:
        if self.failures.pop(name, 0):
            await self.retire(self.live.pop(name))
        await super().load_locked(name)


@specimen(
    "HR-LOAD-05",
    says="and what serves has changed",
    bug="a plugin whose last reload failed counts as not loaded",
)
class LoadsOverTheFailed(BlueGreenAdapter):
    name = "load-replaces-what-failed"
    host_class = _LoadsOverTheFailed


class _NeverStopsDisabled(BlueGreenHost):
    async def retire(self, old: Generation) -> list[str]:
        if old.enabled or old.name in self.live:
            return await super().retire(old)
        self.forget(old)
        return []


@specimen(
    "HR-LOAD-06",
    says="ran stop of",
    bug="who is disabled is thought to be stopped already as it is unloaded",
)
class NeverStopsDisabled(BlueGreenAdapter):
    name = "disabled-unloaded-without-stop"
    host_class = _NeverStopsDisabled


class _KeepsTheFailed(BlueGreenHost):
    """Keeps the modules of the version that failed, for tracebacks, until a reload works."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.kept: dict[str, list[Generation]] = {}

    async def release_half_made(self, new: Generation) -> None:
        self.kept.setdefault(new.name, []).append(new)
        await super().release_half_made(new)

    def forget(self, generation: Generation) -> None:
        if generation not in self.kept.get(generation.name, []):
            super().forget(generation)

    def commit(self, name: str, new: Generation) -> None:
        super().commit(name, new)
        for each in self.kept.pop(name, []):
            self.forget(each)


@specimen(
    "HR-LOAD-06",
    says="are still in sys.modules",
    bug="what a failed reload left is cleared away by the next good one, and never by an unload",
)
class KeepsTheFailed(BlueGreenAdapter):
    name = "unload-leaves-what-failed"
    host_class = _KeepsTheFailed


class _KnowsTheGone(BlueGreenHost):
    """The switch looks into a table of all plugins that were ever switched."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.ever: dict[str, bool] = {}

    async def enable(self, name: str) -> None:
        if name in self.live or name not in self.ever:
            await super().enable(name)
        self.ever[name] = True

    async def disable(self, name: str) -> None:
        if name in self.live or name not in self.ever:
            await super().disable(name)
        self.ever[name] = False


@specimen(
    "HR-LOAD-07",
    says="was not refused",
    bug="enable and disable say ok for a plugin that was switched once and is unloaded",
)
class KnowsTheGone(BlueGreenAdapter):
    name = "switches-what-is-unloaded"
    host_class = _KnowsTheGone


# ROLL


class _FreshensUp(_Counts):
    """When two reloads in a row have failed, the old one is started anew, to be safe."""

    async def roll_back(self, name: str, old: Generation) -> None:
        await super().roll_back(name, old)
        if self.failures[name] == 2:
            await self.hook(old, "stop")
            await self.hook(old, "start")


@specimen(
    "HR-ROLL-02",
    says="what serves on was shut down or set up again",
    bug="the second failure in a row restarts the version that serves",
)
class FreshensUp(BlueGreenAdapter):
    name = "second-failure-restarts-old"
    host_class = _FreshensUp


class _NeverReleasesDisabled(BlueGreenHost):
    async def release_half_made(self, new: Generation) -> None:
        if new.enabled:
            await super().release_half_made(new)
        else:
            self.forget(new)


@specimen(
    "HR-ROLL-03",
    says="but its stop never ran",
    bug="the new version of a disabled plugin is thought not to have started as it fails",
)
class NeverReleasesDisabled(BlueGreenAdapter):
    name = "failed-while-disabled-is-not-stopped"
    host_class = _NeverReleasesDisabled


class _RemembersTheFirst(BlueGreenHost):
    """What went wrong is noted down, and read from there until a reload works."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.errors: dict[str, str] = {}

    async def reload(self, name: str) -> list[str]:
        try:
            warnings = await super().reload(name)
        except HostError as error:
            raise HostError(self.errors.setdefault(name, str(error))) from None
        self.errors.pop(name, None)
        return warnings


@specimen(
    "HR-ROLL-04",
    says="what its caller got does not",
    bug="the second failure in a row is told in the words of the first",
)
class RemembersTheFirst(BlueGreenAdapter):
    name = "tells-the-first-failure"
    host_class = _RemembersTheFirst


class _TriesAtEnable(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        try:
            return await super().reload(name)
        except HostError:
            if self.known(name, "reload").enabled:
                raise
            return []


@specimen(
    "HR-ROLL-04",
    says="was told that it went well",
    bug="a failure of what is disabled is put off until it is enabled",
)
class TriesAtEnable(BlueGreenAdapter):
    name = "failed-while-disabled-says-ok"
    host_class = _TriesAtEnable


class _WarnsOnce(BlueGreenHost):
    """A warning that was told before is noise."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.told: set[str] = set()

    async def retire(self, old: Generation) -> list[str]:
        warnings = await super().retire(old)
        new = [each for each in warnings if each not in self.told]
        self.told.update(new)
        return new


@specimen(
    "HR-ROLL-07",
    says="nobody is told",
    bug="the same warning is given once in the life of the host",
)
class WarnsOnce(BlueGreenAdapter):
    name = "warns-once"
    host_class = _WarnsOnce


class _LosesPatience(BlueGreenHost):
    """Whose version before could not be shut down is not asked for the rest of it."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.bad: set[str] = set()

    async def retire(self, old: Generation) -> list[str]:
        if old.name not in self.bad:
            warnings = await super().retire(old)
            if warnings:
                self.bad.add(old.name)
            return warnings
        self.bad.discard(old.name)
        await self.drain(old)
        try:
            for what in ("flush", "stop", "teardown"):
                await self.hook(old, what)
        except HostError as error:
            return [str(error)]
        finally:
            self.forget(old)
        return []


@specimen(
    "HR-ROLL-07",
    says="were skipped or ran twice",
    bug="the second shutdown in a row that fails ends at its first failure",
)
class LosesPatience(BlueGreenAdapter):
    name = "second-bad-shutdown-is-cut-short"
    host_class = _LosesPatience
