"""Hosts that get a successful reload wrong, one bug each."""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import py_compile
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from hot_reload_conformance.adapter import Event, Ports, Reply
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.package_host import PackageAdapter, PackageHost
from hot_reload_conformance.specimens.registry import specimen
from hot_reload_conformance.specimens.stop_first_host import StopFirstAdapter, StopFirstHost


class NothingSwapped(BlueGreenHost):
    def commit(self, name: str, new: Generation) -> None:
        self.open_gate(name, self.live[name])
        self.forgotten = new

    async def retire(self, old: Generation) -> list[str]:
        return []


@specimen(
    "HR-SWAP-01",
    says="what answers is not just the new code",
    bug="the caller's own list of handlers never sees the swap (design A-i)",
)
class NothingSwappedAdapter(BlueGreenAdapter):
    name = "nothing-swapped"
    host_class = NothingSwapped


class StaleBytecode(BlueGreenHost):
    def execute(self, new: Generation, part: str, files: Mapping[str, bytes]) -> None:
        path = str(self.root / f"{new.name}.py")
        loader = importlib.machinery.SourceFileLoader(new.module_name, path)
        spec = importlib.util.spec_from_loader(new.module_name, loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[new.module_name] = module
        try:
            loader.exec_module(module)
        except SyntaxError as error:
            raise HostError(f"{new.name!r} failed at syntax: {error}") from error
        except BaseException as error:
            raise self.failed(new, "import", error) from error


@specimen(
    "HR-SWAP-02",
    says="from a bytecode file",
    bug="importlib takes bytecode by the source's size and second (design B-q, 14 hosts of 14)",
)
class StaleBytecodeAdapter(BlueGreenAdapter):
    name = "stale-bytecode"
    host_class = StaleBytecode


class ReloadsByTime(BlueGreenHost):
    """Asks the file's time whether there is anything to do."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.seen: dict[str, float] = {}

    async def load(self, name: str) -> None:
        await super().load(name)
        self.seen[name] = (self.root / f"{name}.py").stat().st_mtime

    async def reload(self, name: str) -> list[str]:
        path = self.root / f"{name}.py"
        mtime = path.stat().st_mtime if path.exists() else 0.0
        if mtime == self.seen.get(name):
            return []
        self.seen[name] = mtime
        return await super().reload(name)


@specimen(
    "HR-SWAP-02",
    says="size and time of the file, not at its bytes",
    bug="a poll by mtime misses an edit within the clock's grain",
)
class ReloadsByTimeAdapter(BlueGreenAdapter):
    name = "reloads-by-time"
    host_class = ReloadsByTime


class ReloadsByTimeBesideBytecode(ReloadsByTime):
    """A bytecode file lies there, and it is not to blame."""

    def read(self, name: str) -> dict[str, bytes]:
        py_compile.compile(str(self.root / f"{name}.py"), doraise=False, quiet=2)
        return super().read(name)


@specimen(
    "HR-SWAP-02",
    says="size and time of the file, not at its bytes",
    bug="a patcher that compares dates reads the source itself (jurigged 0.6.1, %autoreload)",
)
class ReloadsByTimeBesideBytecodeAdapter(BlueGreenAdapter):
    name = "reloads-by-time-beside-bytecode"
    host_class = ReloadsByTimeBesideBytecode


class RemovedNamesStay(BlueGreenHost):
    """``importlib.reload`` in place: what the new text does not define stays defined."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.commands: dict[str, list[Callable[..., Any]]] = {}

    async def answer(self, generation: Generation, event: Event | None) -> list[str]:
        return [await handler(event) for handler in self.handlers_of(generation)]

    def handlers_of(self, generation: Generation) -> list[Callable[..., Any]]:
        current = generation.plugin.handlers()
        kept = self.commands.get(generation.name, [])
        merged = [*current, *kept[len(current) :]]
        self.commands[generation.name] = merged
        return merged


@specimen(
    "HR-SWAP-03",
    says="it still answers",
    bug="names removed from the source persist after importlib.reload (design B-c)",
)
class RemovedNamesStayAdapter(BlueGreenAdapter):
    name = "removed-names-stay"
    host_class = RemovedNamesStay


class SubmodulesStay(PackageHost):
    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.first: dict[tuple[str, str], bytes] = {}

    def execute(self, new: Generation, part: str, files: Mapping[str, bytes]) -> None:
        if part:
            files = {**files, part: self.first.setdefault((new.name, part), files[part])}
        super().execute(new, part, files)


@specimen(
    "HR-SWAP-04",
    says="imports of it reach other code",
    bug="only the package's __init__ is loaded again, its modules are not (design B-d)",
)
class SubmodulesStayAdapter(PackageAdapter):
    name = "submodules-stay"
    host_class = SubmodulesStay


class StaleSubmoduleBytecode(PackageHost):
    def run(self, new: Generation, module: ModuleType, code: Any) -> None:
        _, _, part = module.__name__.partition(".")
        if part:  # only the package's own file is read as it is
            path = str(self.root / new.name / f"{part}.py")
            loader = importlib.machinery.SourceFileLoader(f"{new.name}.{part}", path)
            code = loader.get_code(f"{new.name}.{part}")
        super().run(new, module, code)


@specimen(
    "HR-SWAP-02",
    says="of a package's own module of the same size",
    bug="python/cpython#75953, in the modules of a package alone",
)
class StaleSubmoduleBytecodeAdapter(PackageAdapter):
    name = "stale-bytecode-of-modules"
    host_class = StaleSubmoduleBytecode


class OneNamespaceForAll(PackageHost):
    """The name ``alpha.part`` means the generation that was made last."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.latest: dict[str, str] = {}

    def builtins_of(self, new: Generation) -> dict[str, Any]:
        self.latest[new.name] = new.module_name
        own = super().builtins_of(new)

        def imported(name: str, *rest: Any) -> ModuleType:
            head, dot, tail = name.partition(".")
            if head == new.name:
                name = f"{self.latest[head]}{dot}{tail}"
            return builtins.__import__(name, *rest)

        own["__import__"] = imported
        return own


@specimen(
    "HR-SWAP-04",
    says="reach another one's module",
    bug="a late import in old code finds sys.modules already turned to the new one",
)
class OneNamespaceForAllAdapter(PackageAdapter):
    name = "one-namespace-for-all"
    host_class = OneNamespaceForAll


class StopsBeforeStart(BlueGreenHost):
    async def prepare(self, name: str, old: Generation | None) -> Generation:
        if old is not None:
            await self.hook(old, "stop")
        return await super().prepare(name, old)

    async def retire(self, old: Generation) -> list[str]:
        self.forget(old)
        return []


@specimen(
    "HR-SWAP-05",
    says="stopped before the new one's start had returned",
    bug="the old one is torn down before the new one is known to be good (design B-a)",
)
class StopsBeforeStartAdapter(BlueGreenAdapter):
    name = "stops-before-start"
    host_class = StopsBeforeStart


class UnloadsFirst(BlueGreenHost):
    async def prepare(self, name: str, old: Generation | None) -> Generation:
        self.live.pop(name, None)
        return await super().prepare(name, old)

    async def roll_back(self, name: str, old: Generation) -> None:
        self.live[name] = old
        await super().roll_back(name, old)


@specimen(
    "HR-SWAP-06",
    says="the plugin was absent",
    bug="an unload and a load: what comes in between is lost (vectordotdev/vector#5795)",
)
class UnloadsFirstAdapter(BlueGreenAdapter):
    name = "unloads-first"
    host_class = UnloadsFirst


class BothServe(BlueGreenHost):
    async def check_health(self, new: Generation) -> None:
        self.live[f"{new.name}+"] = new
        await super().check_health(new)

    def commit(self, name: str, new: Generation) -> None:
        self.live.pop(f"{name}+")
        super().commit(name, new)

    async def roll_back(self, name: str, old: Generation) -> None:
        self.live.pop(f"{name}+", None)
        await super().roll_back(name, old)

    async def load_locked(self, name: str) -> None:
        await super().load_locked(name)
        self.live.pop(f"{name}+", None)


@specimen(
    "HR-SWAP-06",
    says="old and new served side by side",
    bug="duplicates while both run (vectordotdev/vector#4031)",
)
class BothServeAdapter(BlueGreenAdapter):
    name = "both-serve"
    host_class = BothServe


class StartsTwice(BlueGreenHost):
    async def hook(self, generation: Generation, what: str, *arguments: Any) -> Any:
        if what == "start":
            await super().hook(generation, what, *arguments)
        return await super().hook(generation, what, *arguments)


@specimen(
    "HR-SWAP-07",
    says="ran more than once in one reload: new start",
    bug="the running hook fires twice (mitmproxy/mitmproxy#4511)",
)
class StartsTwiceAdapter(BlueGreenAdapter):
    name = "starts-twice"
    host_class = StartsTwice


class TearsDownBeforeStop(BlueGreenHost):
    async def retire(self, old: Generation) -> list[str]:
        for what in ("teardown", "flush", "stop"):
            await self.hook(old, what)
        self.forget(old)
        return []


@specimen(
    "HR-SWAP-07",
    says="another order than the adapter declares",
    bug="teardown runs while the plugin still works",
)
class TearsDownBeforeStopAdapter(BlueGreenAdapter):
    name = "tears-down-before-stop"
    host_class = TearsDownBeforeStop


class HandlersPileUp(BlueGreenHost):
    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.registered: dict[str, int] = {}

    def commit(self, name: str, new: Generation) -> None:
        super().commit(name, new)
        self.registered[name] = self.registered.get(name, 1) + 1

    async def answer(self, generation: Generation, event: Event | None) -> list[str]:
        replies = await super().answer(generation, event)
        return replies * self.registered.get(generation.name, 1)


@specimen(
    "HR-SWAP-08",
    says="not handled exactly once by each handler",
    bug="handlers are registered again with each reload (swiftly-solution/swiftlys2#331)",
)
class HandlersPileUpAdapter(BlueGreenAdapter):
    name = "handlers-pile-up"
    host_class = HandlersPileUp


class RefusesUnchanged(BlueGreenHost):
    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        await super().build(new, files)
        old = self.live.get(new.name)
        if old is not None and old.sha256 == new.sha256:
            raise HostError(f"{new.name!r} failed at import: it is a duplicate")


@specimen(
    "HR-SWAP-09",
    says="a reload of unchanged source failed",
    bug="the same bytes are taken for a second plugin of that name",
)
class RefusesUnchangedAdapter(BlueGreenAdapter):
    name = "refuses-unchanged"
    host_class = RefusesUnchanged


class NoDrain(BlueGreenHost):
    async def drain(self, old: Generation) -> None:
        return


@specimen(
    "HR-SWAP-10",
    says="while a call on it was still in flight",
    bug="a call in flight ends on a stopped plugin (design A-o)",
)
class NoDrainAdapter(BlueGreenAdapter):
    name = "no-drain"
    host_class = NoDrain


class NoDrainAtUnload(BlueGreenHost):
    async def drain(self, old: Generation) -> None:
        if old.name in self.live:
            await super().drain(old)


@specimen(
    "HR-SWAP-10",
    says="while a call on it was still in flight",
    bug="reloads wait for the calls in flight, and an unload frees what they still use",
)
class NoDrainAtUnloadAdapter(BlueGreenAdapter):
    name = "no-drain-at-unload"
    host_class = NoDrainAtUnload


class EndlessDrain(BlueGreenHost):
    async def drain(self, old: Generation) -> None:
        await old.idle.wait()


@specimen(
    "HR-SWAP-10",
    says="waits without end",
    bug="a drain without a deadline never ends (vectordotdev/vector#15952)",
)
class EndlessDrainAdapter(BlueGreenAdapter):
    name = "endless-drain"
    host_class = EndlessDrain


class UnregistersByName(BlueGreenHost):
    async def retire(self, old: Generation) -> list[str]:
        warnings = await super().retire(old)
        self.live.pop(old.name, None)
        return warnings


@specimen(
    "HR-SWAP-11",
    says="what the new one had registered is gone",
    bug="the old one's stop removes by name what is the new one's by now (xujialiu/Zotero-TTS#28)",
)
class UnregistersByNameAdapter(BlueGreenAdapter):
    name = "unregisters-by-name"
    host_class = UnregistersByName

    async def reload(self, ref: str) -> Reply | bool | None:
        return Reply(ok=True, warnings=tuple(await self.host.reload(ref)))


class StaysStopped(StopFirstHost):
    async def restore(
        self, name: str, old: Generation, state: Any, cause: BaseException
    ) -> Generation:
        return old


@specimen(
    "HR-SWAP-12",
    says="did not come back",
    bug="the old one was stopped for its port and is not started again (vectordotdev/vector#2449)",
)
class StaysStoppedAdapter(StopFirstAdapter):
    name = "stays-stopped"
    host_class = StaysStopped


class WaitsForItself(BlueGreenHost):
    def inside(self, name: str) -> bool:
        return False


@specimen(
    "HR-SWAP-13",
    says="waited for itself",
    bug="a plugin reloads itself from its own command (hexchat/hexchat#1200)",
)
class WaitsForItselfAdapter(BlueGreenAdapter):
    name = "waits-for-itself"
    host_class = WaitsForItself


class FirstEndHost(BlueGreenHost):
    """The first call that ends says that nothing is in flight."""

    async def answer(self, generation: Generation, event: Event | None) -> list[str]:
        try:
            return await super().answer(generation, event)
        finally:
            generation.idle.set()


@specimen("HR-SWAP-10", says="the first was taken for that of both", bug="a flag, not a count")
class FirstEnd(BlueGreenAdapter):
    name = "first-call-ends-drain"
    host_class = FirstEndHost
