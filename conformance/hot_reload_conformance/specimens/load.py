"""Wrong hosts for LOAD, each with one step broken."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import IO, Any

from hot_reload_conformance.adapter import Reply
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.registry import specimen


class RegistersFirstHost(BlueGreenHost):
    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        await super().build(new, files)
        self.live.setdefault(new.name, new)

    async def load_locked(self, name: str) -> None:
        if name in self.live:
            raise HostError(f"load of {name!r} refused: it is loaded already")
        self.live[name] = await self.prepare(name, None)

    async def release_half_made(self, new: Generation) -> None:
        """The registration is forgotten about, so the plugin goes on answering."""


@specimen("HR-LOAD-02", says="a handler of the plugin answers", bug="scaarup/aula#362: half set up")
class RegistersFirst(BlueGreenAdapter):
    name = "registers-first"
    host_class = RegistersFirstHost


class KeepsFailedNameHost(BlueGreenHost):
    async def load_locked(self, name: str) -> None:
        self.known_names.append(name)
        await super().load_locked(name)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.known_names: list[str] = []


@specimen("HR-LOAD-02", says="registries are not as before", bug="design A, add_sink")
class KeepsFailedName(BlueGreenAdapter):
    name = "keeps-failed-name"
    host_class = KeepsFailedNameHost

    async def snapshot(self) -> Mapping[str, object]:
        return {**await super().snapshot(), "names": list(self.host.known_names)}  # type: ignore[attr-defined]


class KeepsFailedModuleHost(BlueGreenHost):
    async def release_half_made(self, new: Generation) -> None:
        """The failed generation's module stays in ``sys.modules``."""


@specimen(
    "HR-LOAD-02", says="module in sys.modules", bug="AstrBotDevs/AstrBot#5462: residue of a failure"
)
class KeepsFailedModule(BlueGreenAdapter):
    name = "keeps-failed-module"
    host_class = KeepsFailedModuleHost


class LeavesFileOpenHost(BlueGreenHost):
    def read(self, name: str) -> dict[str, bytes]:
        files = super().read(name)
        stream = (self.root / f"{name}.py").open("rb")
        self.streams[name] = stream  # closed by commit alone, which a failed load never sees
        return files

    async def load_locked(self, name: str) -> None:
        await super().load_locked(name)
        self.streams.pop(name).close()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.streams: dict[str, IO[bytes]] = {}


@specimen("HR-LOAD-02", says="file descriptor", bug="crowdsecurity/crowdsec#4545: the error path")
class LeavesFileOpen(BlueGreenAdapter):
    name = "leaves-file-open"
    host_class = LeavesFileOpenHost

    async def close(self) -> None:
        for stream in self.host.streams.values():  # type: ignore[attr-defined]
            stream.close()
        await super().close()


class LeavesTaskHost(BlueGreenHost):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.tasks: list[asyncio.Task[None]] = []

    async def load_locked(self, name: str) -> None:
        async def supervise() -> None:
            await asyncio.Event().wait()

        task = asyncio.ensure_future(supervise())
        self.tasks.append(task)
        await super().load_locked(name)
        task.cancel()


@specimen("HR-LOAD-02", says="more task", bug="hashicorp/nomad#28286: spawned, then setup failed")
class LeavesTask(BlueGreenAdapter):
    name = "leaves-task"
    host_class = LeavesTaskHost


class CachesFailureHost(BlueGreenHost):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.bad: set[str] = set()

    async def load_locked(self, name: str) -> None:
        if name in self.bad:
            raise HostError(f"load of {name!r} refused: it failed before")
        try:
            await super().load_locked(name)
        except HostError:
            self.bad.add(name)
            raise


@specimen(
    "HR-LOAD-02",
    says="the corrected plugin does not load",
    bug="mag1024/bosch-alarm-homeassistant#24: unrecoverable after a failed setup",
)
class CachesFailure(BlueGreenAdapter):
    name = "caches-failure"
    host_class = CachesFailureHost


@specimen("HR-LOAD-03", says="was told that it worked", bug="errbotio/errbot#1346: reports success")
class PrintsFailures(BlueGreenAdapter):
    name = "prints-failures"

    async def load(self, ref: str) -> Reply | bool | None:
        try:
            return await super().load(ref)
        except HostError as error:
            print(error)
            return None


@specimen("HR-LOAD-03", says="learns only that, not why", bug="design A-w: no error to be seen")
class LogsFailures(BlueGreenAdapter):
    name = "logs-failures"

    async def load(self, ref: str) -> Reply | bool | None:
        try:
            return await super().load(ref)
        except HostError:
            logging.getLogger("host").exception("cannot load %s", ref)
            return False


@specimen("HR-LOAD-03", says="does not name the cause", bug="design E-f: the cause is masked")
class MasksCause(BlueGreenAdapter):
    name = "masks-cause"

    async def load(self, ref: str) -> Reply | bool | None:
        try:
            return await super().load(ref)
        except HostError as error:
            stage = str(error).split(":")[0]
            raise HostError(f"{stage}: see the log") from None


class PointsAtItselfHost(BlueGreenHost):
    def failed(self, generation: Generation, stage: str, error: BaseException) -> HostError:
        line = error.__traceback__.tb_lineno if error.__traceback__ else 0
        kind = type(error).__name__
        return HostError(f"{generation.name!r} failed at {stage}: {kind}: {error} (host.py:{line})")


@specimen("HR-LOAD-03", says="the file and line", bug="breuleux/jurigged#49: wrong lines")
class PointsAtItself(BlueGreenAdapter):
    name = "points-at-itself"
    host_class = PointsAtItselfHost


class PointsAtAnAddressHost(BlueGreenHost):
    def failed(self, generation: Generation, stage: str, error: BaseException) -> HostError:
        words = f"{generation.name!r} failed at {stage}: {type(error).__name__}: {error}"
        address = "a".join(str(number) for number in range(99))  # every number, and no line
        return HostError(f"{words} ({generation.name}.py in <Loader at 0x{address}>)")


@specimen("HR-LOAD-03", says="the file and line", bug="a digit of an address is no line")
class PointsAtAnAddress(BlueGreenAdapter):
    name = "points-at-an-address"
    host_class = PointsAtAnAddressHost


class StartsTwiceHost(BlueGreenHost):
    async def hook(self, generation: Generation, what: str, *arguments: Any) -> Any:
        if what == "start":
            await super().hook(generation, what)
        return await super().hook(generation, what, *arguments)


@specimen("HR-LOAD-04", says="start ran 2 times", bug="mitmproxy/mitmproxy#4511: started twice")
class StartsTwice(BlueGreenAdapter):
    name = "starts-every-time-twice"
    host_class = StartsTwiceHost


class SetsUpTwiceHost(BlueGreenHost):
    async def check_health(self, new: Generation) -> None:
        await super().check_health(new)
        if new.name in self.live:
            await self.hook(new, "setup")
            await self.hook(new, "setup")


@specimen("HR-LOAD-04", says="setup ran twice on one generation", bug="design B-i: pool made twice")
class SetsUpTwice(BlueGreenAdapter):
    name = "sets-up-twice"
    host_class = SetsUpTwiceHost


class AcceptsDuplicateHost(BlueGreenHost):
    async def load_locked(self, name: str) -> None:
        self.live[name] = await self.prepare(name, None)


@specimen(
    "HR-LOAD-05", says="what serves has changed", bug="design A-h: the old one is unreachable"
)
class AcceptsDuplicate(BlueGreenAdapter):
    name = "accepts-duplicate"
    host_class = AcceptsDuplicateHost


@specimen("HR-LOAD-05", says="was not refused", bug="fluent/fluent-bit#8457: answers ok, idle")
class IgnoresDuplicate(BlueGreenAdapter):
    name = "ignores-duplicate"

    async def load(self, ref: str) -> Reply | bool | None:
        return True if ref in self.host.live else await super().load(ref)


class LeavesHandlerHost(BlueGreenHost):
    async def unload(self, name: str) -> None:
        old = self.known(name, "unload")
        for what in ("flush", "stop", "teardown"):
            await self.hook(old, what)


@specimen(
    "HR-LOAD-06",
    says="a handler of the plugin still answers",
    bug="swiftly-solution/swiftlys2#331: no deregistration",
)
class LeavesHandler(BlueGreenAdapter):
    name = "leaves-handler"
    host_class = LeavesHandlerHost


class StopFailureKeepsHost(BlueGreenHost):
    async def unload(self, name: str) -> None:
        old = self.known(name, "unload")
        await self.hook(old, "stop")
        del self.live[name]
        await self.hook(old, "teardown")
        self.forget(old)


@specimen(
    "HR-LOAD-06", says="still answers", bug="design A-f: stop raises, the stopped one stays listed"
)
class StopFailureKeeps(BlueGreenAdapter):
    name = "stop-failure-keeps"
    host_class = StopFailureKeepsHost


class MissesInheritedHost(BlueGreenHost):
    async def hook(self, generation: Generation, what: str, *arguments: Any) -> Any:
        if what == "stop" and what not in type(generation.plugin).__dict__:
            return None
        return await super().hook(generation, what, *arguments)


@specimen(
    "HR-LOAD-06",
    says="inherited from a base class",
    bug="Maoer233/astrbot_plugin_steam_status_monitor#53: hook looked up in __dict__",
)
class MissesInherited(BlueGreenAdapter):
    name = "misses-inherited"
    host_class = MissesInheritedHost


class KeepsModulesHost(BlueGreenHost):
    def forget(self, generation: Generation) -> None:
        generation.plugin = None


@specimen("HR-LOAD-06", says="still in sys.modules", bug="discord.py: modules of an unloaded one")
class KeepsModules(BlueGreenAdapter):
    name = "keeps-modules"
    host_class = KeepsModulesHost


@specimen("HR-LOAD-07", says="was not refused", bug="errbotio/errbot#216: nothing was reloaded")
class AdmitsUnknown(BlueGreenAdapter):
    name = "admits-unknown"

    async def reload(self, ref: str) -> Reply | bool | None:
        return await super().reload(ref) if ref in self.host.live else True


class NamelessRefusalHost(BlueGreenHost):
    def known(self, name: str, operation: str) -> Generation:
        if name not in self.live:
            raise HostError(f"{operation} refused: no such plugin")
        return self.live[name]


@specimen("HR-LOAD-07", says="does not say which name", bug="design B: a bare refusal")
class NamelessRefusal(BlueGreenAdapter):
    name = "nameless-refusal"
    host_class = NamelessRefusalHost


class LoadsForEachHost(BlueGreenHost):
    async def first_load(self, name: str) -> None:
        self.live[name] = await self.prepare(name, None)
        self.lazy.discard(name)


@specimen(
    "HR-LOAD-08", says="loaded the plugin 3 times", bug="design E-e: two waiters of one lazy load"
)
class LoadsForEach(BlueGreenAdapter):
    name = "loads-for-each"
    host_class = LoadsForEachHost


class RetriesForEachHost(BlueGreenHost):
    async def first_load(self, name: str) -> None:
        async with self.lock(name):
            if name in self.lazy:
                await self.load_locked(name)


@specimen("HR-LOAD-08", says="loaded the plugin 2 times", bug="design E-e: the error is not shared")
class RetriesForEach(BlueGreenAdapter):
    name = "retries-for-each"
    host_class = RetriesForEachHost


class TriesAtOnceHost(BlueGreenHost):
    async def first_load(self, name: str) -> None:
        try:
            await super().first_load(name)
        except HostError:
            await super().first_load(name)


@specimen("HR-LOAD-08", says="one first use that failed ran the plugin 2 times", bug="hopes twice")
class TriesAtOnce(BlueGreenAdapter):
    name = "tries-lazy-load-at-once-again"
    host_class = TriesAtOnceHost


class RemembersFailureHost(BlueGreenHost):
    async def first_load(self, name: str) -> None:
        if name not in self.loading:
            self.loading[name] = asyncio.ensure_future(self.load(name))
        await asyncio.shield(self.loading[name])


@specimen(
    "HR-LOAD-02",
    says="the next use of it fails all the same",
    bug="the future that all waiters share is kept when it has failed",
)
class RemembersFailure(BlueGreenAdapter):
    name = "remembers-a-failed-first-use"
    host_class = RemembersFailureHost


class NamesByStemHost(BlueGreenHost):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.by_stem: dict[str, tuple[str, ModuleType]] = {}

    def execute(self, new: Generation, part: str, files: Mapping[str, bytes]) -> None:
        stem = new.name.rsplit("/", 1)[-1]
        owner, module = self.by_stem.get(stem, (new.name, None))
        if module is not None and owner != new.name:
            sys.modules[new.module_name] = module  # "imported already", says the cache
            return
        super().execute(new, part, files)
        self.by_stem[stem] = (new.name, sys.modules[new.module_name])

    def forget(self, generation: Generation) -> None:
        super().forget(generation)
        self.by_stem.pop(generation.name.rsplit("/", 1)[-1], None)


@specimen(
    "HR-LOAD-09",
    says="do not both serve their own code",
    bug="mitmproxy: a script's module name is not unique among scripts",
)
class NamesByStem(BlueGreenAdapter):
    name = "names-by-stem"
    host_class = NamesByStemHost
