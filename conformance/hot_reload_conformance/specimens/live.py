"""Wrong hosts: interrupted, asked from inside, or slow in the middle of an operation."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.operated_host import OperatedAdapter, OperatedHost
from hot_reload_conformance.specimens.registry import specimen

# HR-RACE-01, cancel-anywhere


class _NoRollBack(BlueGreenHost):
    async def release_half_made(self, new: Generation) -> None:
        if not asyncio.current_task().cancelling():  # type: ignore[union-attr]
            await super().release_half_made(new)


@specimen("HR-RACE-01", says="its stop ran 0 times", bug="except Exception is all")
class NoRollBack(BlueGreenAdapter):
    name = "cancel-leaves-half-made"
    host_class = _NoRollBack


class _RetireCancelled(BlueGreenHost):
    async def finished(self, work: Any) -> Any:
        return await work


@specimen("HR-RACE-01", says="its stop ran 0 times", bug="a cancellation in the old one's flush")
class RetireCancelled(BlueGreenAdapter):
    name = "cancel-skips-old-stop"
    host_class = _RetireCancelled


class _MarkStuck(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        if self.sources_of(name) in self.busy:
            raise HostError(f"reload of {name!r} refused: a reload is in progress")
        self.busy.add(self.sources_of(name))
        try:
            warnings = await super().reload(name)
        except Exception:
            self.busy.discard(self.sources_of(name))
            raise
        self.busy.discard(self.sources_of(name))
        return warnings

    def sources_of(self, name: str) -> str:
        return f"reloading {name}"


@specimen("HR-RACE-01", says="the next reload fails: ", bug="no finally around the mark")
class MarkStuck(BlueGreenAdapter):
    name = "cancel-leaves-mark"
    host_class = _MarkStuck


# HR-RACE-04, independent-progress


class _OneLock(BlueGreenHost):
    def lock(self, name: str) -> asyncio.Lock:
        return super().lock("everything")


@specimen("HR-RACE-04", says="had to wait for it", bug="one lock for the whole host")
class OneLock(BlueGreenAdapter):
    name = "one-lock"
    host_class = _OneLock


# HR-RACE-05, no-deadlock


class _KnowsItselfOnly(BlueGreenHost):
    def inside(self, name: str) -> bool:
        from hot_reload_conformance.specimens.blue_green import _inside

        return _inside.get()[-1:] == (name,)


@specimen("HR-RACE-05", says="a deadlock: in a reload the new one's start", bug="cuberite#2112")
class KnowsItselfOnly(BlueGreenAdapter):
    name = "two-plugins-reload-each-other"
    host_class = _KnowsItselfOnly


# HR-RACE-06, close-during-reload


class _WaitsForOperations(BlueGreenHost):
    async def close(self) -> None:
        self.closing = True
        if self.running:
            await asyncio.wait(set(self.running))

    async def hook(self, generation: Generation, what: str, *arguments: Any) -> Any:
        method = getattr(generation.plugin, what, None)
        return await method(*arguments) if method else None


@specimen("HR-RACE-06", says="did not end within", bug="shutdown waits for what never ends")
class WaitsForOperations(BlueGreenAdapter):
    name = "close-waits-for-reload"
    host_class = _WaitsForOperations


class _ForgetsOperations(BlueGreenHost):
    async def close(self) -> None:
        self.live.clear()


@specimen("HR-RACE-06", says="still runs", bug="close() clears a dict")
class ForgetsOperations(BlueGreenAdapter):
    name = "close-forgets-reload"
    host_class = _ForgetsOperations


class _StopsNobody(BlueGreenHost):
    async def close(self) -> None:
        self.live, kept = {}, self.live
        await super().close()
        del kept


@specimen("HR-RACE-06", says="was never stopped", bug="the old generation is dropped, not stopped")
class StopsNobody(BlueGreenAdapter):
    name = "close-stops-nobody"
    host_class = _StopsNobody


# HR-RACE-07, stale-completion


class _CommitsLate(BlueGreenHost):
    def lock(self, name: str) -> asyncio.Lock:
        return asyncio.Lock()

    async def reload(self, name: str) -> list[str]:
        return await asyncio.shield(asyncio.ensure_future(super().reload(name)))

    async def in_time(self, task: asyncio.Future[Any], seconds: float) -> bool:
        await asyncio.wait({task})
        return True


@specimen(
    "HR-RACE-07",
    says="replaced the newer generation",
    bug="home-assistant/core#117756: a retry that had waited set up once more",
)
class CommitsLate(BlueGreenAdapter):
    name = "late-start-commits"
    host_class = _CommitsLate


# HR-LIMIT-04, hook-deadline


class _WaitsForCancelled(BlueGreenHost):
    """What asyncio.wait_for does: it cancels, then waits until the hook agrees."""

    async def in_time(self, task: asyncio.Future[Any], seconds: float) -> bool:
        in_time = await super().in_time(task, seconds)
        if not in_time:
            task.cancel()
            await asyncio.wait({task})
        return in_time


@specimen(
    "HR-LIMIT-04",
    says="swallows its cancellation has no deadline",
    bug="asyncio.wait_for waits for the hook that it cancelled",
)
class WaitsForCancelled(BlueGreenAdapter):
    name = "waits-for-cancelled-hook"
    host_class = _WaitsForCancelled


class _StopUnlimited(BlueGreenHost):
    async def hook(self, generation: Generation, what: str, *arguments: Any) -> Any:
        if what == "stop":
            return await generation.plugin.stop()
        return await super().hook(generation, what, *arguments)


@specimen("HR-LIMIT-04", says="stop of a reload that hangs has no deadline", bug="only start has")
class StopUnlimited(BlueGreenAdapter):
    name = "stop-without-deadline"
    host_class = _StopUnlimited


@specimen("HR-LIMIT-04", says="had to wait for its end", bug="a hung start under a host-wide lock")
class HungUnderOneLock(BlueGreenAdapter):
    name = "hung-under-one-lock"
    host_class = _OneLock


# HR-LEAK-03, memory-flat; HR-LEAK-04, owned-work-cancelled


class _KeepsSources(BlueGreenHost):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.codes: list[Any] = []

    def run(self, new: Generation, module: Any, code: Any) -> None:
        # Not even plain data may be kept of each: here a table of 16 KiB.
        self.codes.append((code, bytearray(16_384)))
        super().run(new, module, code)


@specimen("HR-LEAK-03", says="memory grew by", bug="fluent/fluentd#3342: a cache without a bound")
class KeepsSources(BlueGreenAdapter):
    name = "keeps-every-code"
    host_class = _KeepsSources


class _WatchesItsDead(BlueGreenHost):
    """Looks through what it let go of now and then, sooner where much of it lives."""

    due = 16

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.watched: list[weakref.ref[Any]] = []

    def forget(self, generation: Generation) -> None:
        if generation.plugin is not None:
            self.watched.append(weakref.ref(generation.plugin))
        super().forget(generation)
        if len(self.watched) >= self.due:
            self.watched = [each for each in self.watched if each() is not None]
            self.due = 16 + 16 // len(self.watched)


@specimen("HR-LEAK-03", says="does not reload", bug="a division by what is left, when nothing is")
class WatchesItsDead(BlueGreenAdapter):
    name = "stumbles-when-all-is-gone"
    host_class = _WatchesItsDead


class _LeavesTasks(OperatedHost):
    async def end_tasks(self, generation: Generation) -> None:
        self.tasks.pop(generation, None)


@specimen("HR-LEAK-04", says="still runs", bug="home-assistant/core#112790: tasks go on")
class LeavesTasks(OperatedAdapter):
    name = "leaves-tasks"
    host_class = _LeavesTasks


class _CancelsUnawaited(OperatedHost):
    async def end_tasks(self, generation: Generation) -> None:
        for task in self.tasks.pop(generation, []):
            task.cancel()


@specimen("HR-LEAK-04", says="is reported done while a task", bug="cancelled, and not awaited")
class CancelsUnawaited(OperatedAdapter):
    name = "cancels-unawaited"
    host_class = _CancelsUnawaited


class _CancelsOnce(OperatedHost):
    async def end_tasks(self, generation: Generation) -> None:
        for task in self.tasks.pop(generation, []):
            task.cancel()
            await self.in_time(task, self.ports.hook_deadline_seconds)


@specimen("HR-LEAK-04", says="started another one as it was cancelled", bug="one look at the list")
class CancelsOnce(OperatedAdapter):
    name = "cancels-what-it-sees-at-first"
    host_class = _CancelsOnce


# HR-SWAP-07: a hook that is declared and never asked


class _NeverAsksHealth(BlueGreenHost):
    async def check_health(self, new: Generation) -> None:
        return None


@specimen("HR-SWAP-07", says="health_check was never called", bug="a hook in the docs only")
class NeverAsksHealth(BlueGreenAdapter):
    name = "never-asks-health"
    host_class = _NeverAsksHealth


# HR-GUARD-03, last-healthy-sink


class _CountsSick(OperatedHost):
    def counts(self, sink: str) -> bool:
        return True


@specimen("HR-GUARD-03", says="took the last healthy sink away", bug="a failed sink counts as one")
class CountsSick(OperatedAdapter):
    name = "failed-sink-counts"
    host_class = _CountsSick


# HR-OBS-03, one-terminal-event


class _NoEndOnFailure(OperatedHost):
    @contextlib.contextmanager
    def attempt(self, operation: str, name: str) -> Iterator[None]:
        number = str(next(self.attempts))
        from hot_reload_conformance.adapter import HostEvent

        self.tell(HostEvent(number, "start", name, operation))
        yield
        self.ended(number, name, operation, None)


@specimen("HR-OBS-03", says="has 0 terminal events", bug="an exception skips the last line")
class NoEndOnFailure(OperatedAdapter):
    name = "no-terminal-event-on-failure"
    host_class = _NoEndOnFailure


class _EndsTwice(OperatedHost):
    def ended(self, number: str, name: str, operation: str, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, Exception):
            super().ended(number, name, operation, None)  # the cancellation, then "finally"
        super().ended(number, name, operation, error)


@specimen("HR-OBS-03", says="has 2 terminal events", bug="a cancelled reload ends twice")
class EndsTwice(OperatedAdapter):
    name = "two-terminal-events-on-cancel"
    host_class = _EndsTwice


# HR-OBS-07, history-holds-nothing


class _KeepsErrors(OperatedHost):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.errors: list[BaseException] = []

    def ended(self, number: str, name: str, operation: str, error: BaseException | None) -> None:
        if error is not None:
            self.errors.append(error)
        super().ended(number, name, operation, error)


@specimen("HR-OBS-07", says="the host's records keep old generations", bug="errors with tracebacks")
class KeepsErrors(OperatedAdapter):
    name = "keeps-errors"
    host_class = _KeepsErrors
