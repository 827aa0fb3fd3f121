"""A correct host of another design: it stops the old one before it starts the new one.

Its plugins may hold exclusive resources. What can be known beforehand (does it
compile, can it be constructed, does the old one hand out its state) is found out
while the old one still serves; when the new one fails later, a fresh instance of
the old code takes over with the old state, and where that fails too the plugin is
declared FAILED until the next good edit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hot_reload_conformance.adapter import Claim, Ports
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
    path_to_uncopyable,
)


class StopFirstHost(BlueGreenHost):
    """Everything but the reload is as in the blue-green host."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.sources: dict[str, dict[str, bytes]] = {}
        """The bytes that run, by plugin: what a restored instance is made of."""
        self.broken: dict[str, str] = {}
        """The plugins in FAILED state, and why."""

    async def load_locked(self, name: str) -> None:
        await super().load_locked(name)
        self.sources[name] = self.last_read
        self.broken.pop(name, None)

    def read(self, name: str) -> dict[str, bytes]:
        self.last_read = super().read(name)
        return self.last_read

    async def reload(self, name: str) -> list[str]:
        if self.inside(name):
            raise HostError(f"reload of {name!r} refused: it was asked for from its own hook")
        async with self.lock(name):
            with self.marked(name):
                return await self.replace(name)

    async def replace(self, name: str) -> list[str]:
        old = None if name in self.broken else self.known(name, "reload")
        source = self.read(name)
        new = Generation(name, next(self.numbers))
        try:
            await self.build(new, source)
        except BaseException:
            self.forget(new)
            raise
        state, warnings = None, []
        if old is not None:
            new.enabled = old.enabled
            del self.live[name]
            await self.drain(old)
            try:
                state = await self.state_of(old, new)
            except BaseException:
                self.forget(new)
                self.live[name] = old
                raise
            warnings = await self.finished(self.shut_down(old))
        try:
            await self.bring_up(new, state)
        except BaseException as error:
            await self.release_half_made(new)
            if old is not None:
                await self.restore(name, old, state, error)
            raise
        self.sources[name] = source
        self.broken.pop(name, None)
        self.live[name] = new
        return warnings

    async def state_of(self, old: Generation, new: Generation) -> Any:
        state = await self.hook(old, "get_reload_state")
        try:
            return self.carried(state)
        except Exception as error:
            raise HostError(
                f"{old.name!r} failed at get_reload_state: the state cannot be carried, "
                f"{path_to_uncopyable(state)}: {error}"
            ) from error

    async def shut_down(self, old: Generation) -> list[str]:
        """Flush and stop, each guarded; teardown belongs to setup and waits for the unload."""
        warnings: list[str] = []
        for what in ("flush", "stop"):
            try:
                await self.hook(old, what)
            except HostError as error:
                warnings.append(str(error))
        self.forget(old)
        return warnings

    async def bring_up(self, new: Generation, state: Any) -> None:
        await self.hook(new, "start")
        if state is not None and hasattr(new.plugin, "set_reload_state"):
            await self.hook(new, "set_reload_state", self.carried(state))
            new.carried = True
        await self.check_health(new)
        await self.hook(new, "on_reload")

    async def restore(
        self, name: str, old: Generation, state: Any, cause: BaseException
    ) -> Generation:
        """A fresh instance of the old code, without setup: that ran when the plugin was loaded.

        Raises:
            HostError: it failed too; the plugin is FAILED, and the error has both causes.
        """
        again = Generation(name, next(self.numbers))
        again.enabled = old.enabled
        try:
            await self.build(again, self.sources[name])
            await self.hook(again, "start")
            if state is not None and hasattr(again.plugin, "set_reload_state"):
                await self.hook(again, "set_reload_state", self.carried(state))
        except BaseException as error:
            await self.release_half_made(again)
            self.broken[name] = f"{cause}; restoring the old one failed too: {error}"
            raise HostError(f"{name!r} is FAILED: {self.broken[name]}") from cause
        self.live[name] = again
        return again


class StopFirstAdapter(BlueGreenAdapter):
    name = "stop-first"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.STOP_FIRST,
            Claim.STATE,
            Claim.TIMEOUTS,
        }
    )
    hook_order: ClassVar[Sequence[str]] = (
        "new construct",
        "old get_reload_state",
        "old flush",
        "old stop",
        "new start",
        "new set_reload_state",
        "new health_check",
        "new on_reload",
    )
    host_class: type[BlueGreenHost] = StopFirstHost

    async def snapshot(self) -> Mapping[str, object]:
        assert isinstance(self.host, StopFirstHost)
        return {"live": sorted(self.host.live), "failed": sorted(self.host.broken)}
