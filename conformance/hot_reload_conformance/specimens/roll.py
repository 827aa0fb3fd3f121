"""Hosts that get a failed reload wrong, one bug each."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from hot_reload_conformance.adapter import Ports, Reply
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.copy_on_write_host import (
    CopyOnWriteAdapter,
    CopyOnWriteHost,
    Failed,
)
from hot_reload_conformance.specimens.registry import specimen
from hot_reload_conformance.specimens.stop_first_host import StopFirstAdapter, StopFirstHost


class RemovedOnFailure(BlueGreenHost):
    async def roll_back(self, name: str, old: Generation) -> None:
        await super().roll_back(name, old)
        self.live.pop(name, None)


@specimen(
    "HR-ROLL-01",
    says="the old one does not serve any more",
    bug="a registration error removes the plugin, with no roll-back (design B-e)",
)
class RemovedOnFailureAdapter(BlueGreenAdapter):
    name = "removed-on-failure"
    host_class = RemovedOnFailure


class RollsBackImportErrors(BlueGreenHost):
    """The new one is registered once it is constructed; a later failure leaves it there."""

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        await super().build(new, files)
        if new.name in self.live:
            self.live[new.name] = new

    async def release_half_made(self, new: Generation) -> None:
        if self.live.get(new.name) is not new:
            await super().release_half_made(new)


@specimen(
    "HR-ROLL-01",
    says="the old one does not serve any more",
    bug="the registry holds the new instance already when restore fails (design B-f)",
)
class RollsBackImportErrorsAdapter(BlueGreenAdapter):
    name = "rolls-back-import-errors"
    host_class = RollsBackImportErrors


class RebuildsTheOld(BlueGreenHost):
    async def roll_back(self, name: str, old: Generation) -> None:
        await super().roll_back(name, old)
        old.plugin = type(old.plugin)()


@specimen(
    "HR-ROLL-01",
    says="another object than the old one serves",
    bug="the roll-back instantiates the old class again: its state is gone",
)
class RebuildsTheOldAdapter(BlueGreenAdapter):
    name = "rebuilds-the-old"
    host_class = RebuildsTheOld


class TeardownFirst(BlueGreenHost):
    async def prepare(self, name: str, old: Generation | None) -> Generation:
        if old is not None:
            await self.hook(old, "teardown")
        return await super().prepare(name, old)

    async def retire(self, old: Generation) -> list[str]:
        await self.hook(old, "stop")
        self.forget(old)
        return []


@specimen(
    "HR-ROLL-02",
    says="the old one's teardown ran",
    bug="teardown before the new code is known to import (design B-a)",
)
class TeardownFirstAdapter(BlueGreenAdapter):
    name = "teardown-first"
    host_class = TeardownFirst


class RestartsTheOld(BlueGreenHost):
    async def roll_back(self, name: str, old: Generation) -> None:
        await super().roll_back(name, old)
        await self.hook(old, "start")


@specimen(
    "HR-ROLL-02",
    says="the old one's start ran",
    bug="the roll-back starts what was never stopped (microsoft/vscode#109014)",
)
class RestartsTheOldAdapter(BlueGreenAdapter):
    name = "restarts-the-old"
    host_class = RestartsTheOld


class HalfStartedLeaks(BlueGreenHost):
    async def release_half_made(self, new: Generation) -> None:
        self.forget(new)


@specimen(
    "HR-ROLL-03",
    says="but its stop never ran",
    bug="start of the new sink fails and it is never stopped (design A-a)",
)
class HalfStartedLeaksAdapter(BlueGreenAdapter):
    name = "half-started-leaks"
    host_class = HalfStartedLeaks


class StopsTwice(BlueGreenHost):
    async def release_half_made(self, new: Generation) -> None:
        if new.plugin is not None:
            with contextlib.suppress(HostError):
                await self.hook(new, "stop")
        await super().release_half_made(new)


@specimen(
    "HR-ROLL-03",
    says="was stopped 2 times",
    bug="stop in the roll-back and in the finally (invokermain/engin#22)",
)
class StopsTwiceAdapter(BlueGreenAdapter):
    name = "stops-twice"
    host_class = StopsTwice


class GatesPileUp(BlueGreenHost):
    async def release_half_made(self, new: Generation) -> None:
        await super().release_half_made(new)
        self.gates[f"{new.name}@{new.number}"] = []


@specimen(
    "HR-ROLL-03",
    says="stayed registered",
    bug="what a failed attempt registered is never taken out (crowdsecurity/crowdsec#4545)",
)
class GatesPileUpAdapter(BlueGreenAdapter):
    name = "gates-pile-up"
    host_class = GatesPileUp


@specimen(
    "HR-ROLL-04",
    says="was told that it went well",
    bug="success is reported though nothing was swapped (design A)",
)
class SaysOkAdapter(BlueGreenAdapter):
    name = "says-ok"

    async def reload(self, ref: str) -> Reply | bool | None:
        with contextlib.suppress(HostError):
            await self.host.reload(ref)
        return True


@specimen(
    "HR-ROLL-04",
    says="logged only",
    bug="logs as the only interface: reload returns False and nothing else",
)
class LogsOnlyAdapter(BlueGreenAdapter):
    name = "logs-only"

    async def reload(self, ref: str) -> Reply | bool | None:
        try:
            await self.host.reload(ref)
        except HostError as error:
            logging.getLogger("specimen").error("reload failed: %s", error)
            return False
        return True


class CleanUpHidesCause(BlueGreenHost):
    async def release_half_made(self, new: Generation) -> None:
        if new.plugin is not None:
            try:
                await self.hook(new, "stop")
            except HostError as error:
                self.forget(new)
                raise HostError(str(error)) from None
        self.forget(new)


@specimen(
    "HR-ROLL-04",
    says="the clean-up's failure hides it",
    bug="an exception in the clean-up replaces the first one",
)
class CleanUpHidesCauseAdapter(BlueGreenAdapter):
    name = "clean-up-hides-cause"
    host_class = CleanUpHidesCause


class NamesNoStage(BlueGreenHost):
    def failed(self, generation: Generation, stage: str, error: BaseException) -> HostError:
        return HostError(f"{generation.name!r}: {_text(error)}")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(no text)"


@specimen(
    "HR-ROLL-04",
    says="does not name the stage",
    bug="the caller gets the exception's text and has to guess where it came from",
)
class NamesNoStageAdapter(BlueGreenAdapter):
    name = "names-no-stage"
    host_class = NamesNoStage


class FlagStuck(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        if f"reloading {name}" in self.busy:
            raise HostError(f"reload of {name!r} refused: a reload is in progress")
        self.busy.add(f"reloading {name}")
        warnings = await super().reload(name)
        self.busy.discard(f"reloading {name}")
        return warnings


@specimen(
    "HR-ROLL-05",
    says="the next good edit does not load",
    bug="is_reloading stays set after a failure (design A-e)",
)
class FlagStuckAdapter(BlueGreenAdapter):
    name = "flag-stuck"
    host_class = FlagStuck


class ErrorStays(BlueGreenHost):
    """Bytes that are the running ones are no edit, so the last result stands: the error."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.last_error: dict[str, HostError] = {}

    async def reload(self, name: str) -> list[str]:
        running = self.live[name].sha256 if name in self.live else ""
        if name in self.last_error and self.sha256_of(name) == running:
            raise self.last_error[name]
        try:
            warnings = await super().reload(name)
        except HostError as error:
            self.last_error[name] = error
            raise
        self.last_error.pop(name, None)
        return warnings

    def sha256_of(self, name: str) -> str:
        try:
            return hashlib.sha256(self.read(name)[""]).hexdigest()
        except HostError:
            return "unreadable"


@specimen(
    "HR-ROLL-06",
    says="was taken back, but the error stays",
    bug="a revert to the running bytes is taken for no change, and the error stays",
)
class ErrorStaysAdapter(BlueGreenAdapter):
    name = "error-stays"
    host_class = ErrorStays


class FlushSkipsStop(BlueGreenHost):
    async def retire(self, old: Generation) -> list[str]:
        warnings: list[str] = []
        try:
            for what in ("flush", "stop", "teardown"):
                await self.hook(old, what)
        except HostError as error:
            warnings.append(str(error))
        self.forget(old)
        return warnings


@specimen(
    "HR-ROLL-07",
    says="were skipped or ran twice",
    bug="flush raises and stop is skipped: the old one leaks (design A-b)",
)
class FlushSkipsStopAdapter(BlueGreenAdapter):
    name = "flush-skips-stop"
    host_class = FlushSkipsStop


class SilentShutdown(BlueGreenHost):
    async def retire(self, old: Generation) -> list[str]:
        await super().retire(old)
        return []


@specimen(
    "HR-ROLL-07",
    says="nobody is told",
    bug="success=True, error=None though the old one's flush failed (design A-b)",
)
class SilentShutdownAdapter(BlueGreenAdapter):
    name = "silent-shutdown"
    host_class = SilentShutdown


class ShutdownFailsReload(BlueGreenHost):
    async def retire(self, old: Generation) -> list[str]:
        warnings = await super().retire(old)
        if warnings:
            raise HostError("; ".join(warnings))
        return []


@specimen(
    "HR-ROLL-07",
    says="is called a failure though the new one serves",
    bug="the reload is reported as failed after its commit (design A-d)",
)
class ShutdownFailsReloadAdapter(BlueGreenAdapter):
    name = "shutdown-fails-reload"
    host_class = ShutdownFailsReload


class SetsUpAgain(BlueGreenHost):
    async def roll_back(self, name: str, old: Generation) -> None:
        await super().roll_back(name, old)
        try:
            await self.hook(old, "setup")
        except HostError:
            self.live.pop(name, None)


@specimen(
    "HR-ROLL-08",
    says="the roll-back ran it again",
    bug="an entry that was set up already cannot be set up again (scaarup/aula#362)",
)
class SetsUpAgainAdapter(BlueGreenAdapter):
    name = "sets-up-again"
    host_class = SetsUpAgain


class StartsTheOldAgain(CopyOnWriteHost):
    """Its plugins have a start and no setup: it takes the old one down first, and starts it anew
    where the new one fails."""

    def reload(self, name: str) -> list[str]:
        with self._operation(name):
            old = self._known(name)
            warnings = self._ended(name, old)
            self._forget(name)
            try:
                new = self._started(name)
            except Failed:
                self._restart(name, old)
                raise
            self._publish(**{name: new})
            return warnings

    def _restart(self, name: str, old: ModuleType) -> None:
        old.start()
        self._publish(**{name: old})

    def _forget(self, name: str) -> None:
        self.table = {each: module for each, module in self.table.items() if each != name}


@specimen(
    "HR-ROLL-08",
    says="its start can run only once, and the roll-back ran it again",
    bug="the old extension is loaded anew, by the one hook that it has (nextcord 2.6)",
)
class StartsTheOldAgainAdapter(CopyOnWriteAdapter):
    name = "starts-the-old-again"
    host_class = StartsTheOldAgain


class HalfStartedAgain(StartsTheOldAgain):
    """It answers on, by what it had registered before its start was refused; and it is known no
    more."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.unknown: set[str] = set()

    def _restart(self, name: str, old: ModuleType) -> None:
        self._publish(**{name: old})
        self.unknown.add(name)
        old.start()
        self.unknown.discard(name)

    def _known(self, name: str) -> ModuleType:
        if name in self.unknown:
            raise Failed(name, "look-up", LookupError("it has not been loaded"))
        return super()._known(name)


@specimen(
    "HR-ROLL-08",
    says="and now the next good edit is refused",
    bug="a cog is registered, its setup fails, and the extension is not loaded (nextcord 2.6)",
)
class HalfStartedAgainAdapter(CopyOnWriteAdapter):
    name = "half-started-again"
    host_class = HalfStartedAgain


class SilentlyGone(StopFirstHost):
    async def restore(
        self, name: str, old: Generation, state: Any, cause: BaseException
    ) -> Generation:
        try:
            return await super().restore(name, old, state, cause)
        except HostError:
            self.broken.pop(name, None)
            return old


@specimen(
    "HR-ROLL-09",
    says="of the failed restart is not told",
    bug="the running pipeline is gone and nothing says so (elastic/logstash#12688)",
)
class SilentlyGoneAdapter(StopFirstAdapter):
    name = "silently-gone"
    host_class = SilentlyGone


class StuckInFailed(StopFirstHost):
    async def replace(self, name: str) -> list[str]:
        if name in self.broken:
            raise HostError(f"{name!r} is FAILED: {self.broken[name]}")
        return await super().replace(name)


@specimen(
    "HR-ROLL-09",
    says="not brought back by the next good edit",
    bug="a failed plugin needs a restart of the program",
)
class StuckInFailedAdapter(StopFirstAdapter):
    name = "stuck-in-failed"
    host_class = StuckInFailed


class LetsExitThrough(BlueGreenHost):
    def failed(self, generation: Generation, stage: str, error: BaseException) -> HostError:
        if not isinstance(error, Exception):
            raise error
        return super().failed(generation, stage, error)


@specimen(
    "HR-ROLL-10",
    says="came out of the host's reload",
    bug="sys.exit() in a plugin ends the watcher, which still says that it is enabled (design C-g)",
)
class LetsExitThroughAdapter(BlueGreenAdapter):
    name = "lets-exit-through"
    host_class = LetsExitThrough


class CatchesExceptionOnly(BlueGreenHost):
    async def hook(self, generation: Generation, what: str, *arguments: Any) -> Any:
        method = getattr(generation.plugin, what, None)
        if method is None:
            return None
        task = asyncio.ensure_future(method(*arguments))
        await asyncio.wait({task}, timeout=self.ports.hook_deadline_seconds)
        if not task.done():
            task.cancel()
            raise HostError(f"{generation.name!r} failed at {what}: it did not end in time")
        try:
            return task.result()
        except (Exception, asyncio.CancelledError) as error:
            raise self.failed(generation, what, error) from error


@specimen(
    "HR-ROLL-10",
    says="ended the event loop",
    bug="a task that raises SystemExit takes its event loop with it",
)
class CatchesExceptionOnlyAdapter(BlueGreenAdapter):
    name = "catches-exception-only"
    host_class = CatchesExceptionOnly


@specimen(
    "HR-ROLL-11",
    says="was taken out without a word",
    bug="a deleted file unloads the plugin, and nothing says so",
)
class VanishesAdapter(BlueGreenAdapter):
    name = "vanishes"

    async def reload(self, ref: str) -> Reply | bool | None:
        if not (self.host.root / f"{ref}.py").exists() and ref in self.host.live:
            await self.host.unload(ref)
            return True
        return await super().reload(ref)


class DeletedIsFine(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        if not (self.root / f"{name}.py").exists():
            return []
        return await super().reload(name)


@specimen(
    "HR-ROLL-11",
    says="says ok",
    bug="reload of a module whose file is gone is no error (design B-n)",
)
class DeletedIsFineAdapter(BlueGreenAdapter):
    name = "deleted-is-fine"
    host_class = DeletedIsFine
