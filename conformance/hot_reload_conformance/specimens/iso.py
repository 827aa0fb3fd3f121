"""Wrong hosts for ISO, each with one step broken."""

from __future__ import annotations

from collections.abc import Mapping

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
)
from hot_reload_conformance.specimens.registry import specimen


class SharedTryHost(BlueGreenHost):
    async def load(self, name: str) -> None:
        try:
            await super().load(name)
        except BaseException:
            for generation in self.live.values():  # "loading plugins failed": all of them go
                self.forget(generation)
            self.live.clear()
            raise


@specimen(
    "HR-ISO-01", says="no longer serves as the object", bug="one try around the plugins' loop"
)
class SharedTry(BlueGreenAdapter):
    name = "shared-try"
    host_class = SharedTryHost


class ReloadsAllHost(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        warnings = await super().reload(name)
        for other in [each for each in self.live if each != name]:
            warnings += await super().reload(other)
        return warnings


@specimen(
    "HR-ISO-01", says="no longer serves as the object", bug="vectordotdev/vector#24125: all restart"
)
class ReloadsAll(BlueGreenAdapter):
    name = "reloads-all"
    host_class = ReloadsAllHost


class ClearsAllJobsHost(BlueGreenHost):
    async def unload(self, name: str) -> None:
        await super().unload(name)
        for other in self.live.values():
            other.plugin.p.state.clear()


@specimen("HR-ISO-01", says="lost its state", bug="AstrBotDevs/AstrBot#2937: clears all jobs")
class ClearsAllJobs(BlueGreenAdapter):
    name = "clears-all-jobs"
    host_class = ClearsAllJobsHost


class UnloadsByPrefixHost(BlueGreenHost):
    """Meant for the modules of a package: ``mail`` and ``mail.parser``, not ``mailbox``."""

    async def unload(self, name: str) -> None:
        await super().unload(name)
        for other in [each for each in self.live if each.startswith(name)]:
            await super().unload(other)


@specimen(
    "HR-ISO-01",
    says="the neighbour 'alphabet' no longer serves",
    bug="name.startswith(plugin) where name.startswith(plugin + '.') is meant",
)
class UnloadsByPrefix(BlueGreenAdapter):
    name = "unloads-by-prefix"
    host_class = UnloadsByPrefixHost


class StopsNeighboursHost(BlueGreenHost):
    async def release_half_made(self, new: Generation) -> None:
        await super().release_half_made(new)
        for other in self.live.values():
            await self.hook(other, "stop")


@specimen("HR-ISO-01", says="hooks of the neighbour", bug="sopel-irc/sopel#831: stops others")
class StopsNeighbours(BlueGreenAdapter):
    name = "stops-neighbours"
    host_class = StopsNeighboursHost


@specimen(
    "HR-ISO-02", says="took its host with it", bug="design E-h: validation runs the plugin in place"
)
class SaysIsolated(BlueGreenAdapter):
    name = "says-isolated"
    claims = BlueGreenAdapter.claims | {Claim.ISOLATED_IMPORT}


class ReadsTwiceHost(BlueGreenHost):
    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        await super().build(new, files)
        validated = new.sha256
        await super().build(new, self.read(new.name))
        new.sha256 = validated


@specimen(
    "HR-ISO-03",
    says="reads the file more than once",
    bug="design A: hash, then read again",
)
class ReadsTwice(BlueGreenAdapter):
    name = "reads-twice"
    host_class = ReadsTwiceHost
