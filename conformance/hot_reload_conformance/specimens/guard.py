"""Wrong hosts: the last sink goes."""

from __future__ import annotations

from hot_reload_conformance.adapter import Reply
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.registry import specimen


class _NoGuard(BlueGreenHost):
    def guard_last_sink(self, name: str, operation: str) -> None:
        return None


@specimen("HR-GUARD-01", says="took the last sink away", bug="no guard at all")
class NoGuard(BlueGreenAdapter):
    name = "last-sink-removed"
    host_class = _NoGuard


class _DisableUnguarded(BlueGreenHost):
    async def disable(self, name: str) -> None:
        self.known(name, "disable").enabled = False


@specimen("HR-GUARD-01", says="disable took the last sink away", bug="disable has no guard")
class DisableUnguarded(BlueGreenAdapter):
    name = "last-sink-disabled"
    host_class = _DisableUnguarded


class _CountsDisabled(BlueGreenHost):
    def guard_last_sink(self, name: str, operation: str) -> None:
        sinks = [n for n, g in self.live.items() if g.plugin.is_sink]
        if sinks == [name]:
            raise HostError(f"{operation} of {name!r} refused: it is the last sink")


@specimen("HR-GUARD-01", says="took the last sink away", bug="disabled sinks count as sinks")
class CountsDisabled(BlueGreenAdapter):
    name = "disabled-sinks-counted"
    host_class = _CountsDisabled


class _SinklessReload(BlueGreenHost):
    def keep_last_sink(self, old: Generation, new: Generation) -> None:
        return None


@specimen("HR-GUARD-01", says="to a version that is no sink", bug="a reload has no guard")
class SinklessReload(BlueGreenAdapter):
    name = "last-sink-reloaded-to-none"
    host_class = _SinklessReload


class _FailedReloadRemoves(BlueGreenHost):
    async def roll_back(self, name: str, old: Generation) -> None:
        await super().roll_back(name, old)
        self.live.pop(name, None)


@specimen("HR-GUARD-01", says="a reload of the last sink that failed", bug="failed means unloaded")
class FailedReloadRemoves(BlueGreenAdapter):
    name = "failed-reload-loses-last-sink"
    host_class = _FailedReloadRemoves


@specimen("HR-GUARD-01", says="its caller was not told", bug="return instead of raise")
class SilentRefusal(BlueGreenAdapter):
    name = "last-sink-refused-silently"

    async def remove_sink(self, ref: str) -> Reply | bool | None:
        try:
            await self.host.unload(ref)
        except HostError:
            return None
        return None


class _CheckThenAct(BlueGreenHost):
    async def unload(self, name: str) -> None:
        async with self.lock(name):
            old = self.known(name, "unload")
            self.guard_last_sink(name, "unload")
            await self.hook(old, "flush")
            del self.live[name]
            old.plugin.flush = _flushed
            await self.retire(old)


async def _flushed() -> None:
    return None


@specimen("HR-GUARD-02", says="none is left", bug="the guard is asked, then flush is awaited")
class CheckThenAct(BlueGreenAdapter):
    name = "guard-asked-too-early"
    host_class = _CheckThenAct
