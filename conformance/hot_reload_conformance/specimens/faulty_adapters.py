"""Adapters that are wrong in one way each, for the tests of the bench and the self-test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hot_reload_conformance.adapter import Event, PluginSpec, Ports, Reply
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter, BlueGreenHost


class CannotBeMade(BlueGreenAdapter):
    def __init__(self) -> None:
        raise RuntimeError("no database")


class OpenRaises(BlueGreenAdapter):
    async def open(self, workdir: Path, ports: Ports) -> None:
        raise RuntimeError("no database")


class OpenHangs(BlueGreenAdapter):
    async def open(self, workdir: Path, ports: Ports) -> None:
        await asyncio.Event().wait()


class CloseRaises(BlueGreenAdapter):
    async def close(self) -> None:
        raise RuntimeError("no database")


class RendersNothing(BlueGreenAdapter):
    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        return {}


class RendersNoProbe(BlueGreenAdapter):
    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        return {f"{spec.ref}.py": "class Plugin: pass\n"}

    async def load(self, ref: str) -> Reply | bool | None:
        return True


class LoadHangs(BlueGreenAdapter):
    async def load(self, ref: str) -> Reply | bool | None:
        await asyncio.Event().wait()
        return None


class LoadBlocks(BlueGreenAdapter):
    async def load(self, ref: str) -> Reply | bool | None:
        while True:
            pass


class ContainsTheAlarm(BlueGreenAdapter):
    async def load(self, ref: str) -> Reply | bool | None:
        try:
            while True:
                pass
        except BaseException:
            return False


class LoadDoesNothing(BlueGreenAdapter):
    async def load(self, ref: str) -> Reply | bool | None:
        return True


class LoadReturnsNumber(BlueGreenAdapter):
    async def load(self, ref: str) -> Any:
        return 3


class LoadHasTypo(BlueGreenAdapter):
    async def load(self, ref: str) -> Reply | bool | None:
        return await self.hots.load(ref)  # type: ignore[attr-defined, no-any-return]


class CallReturnsText(BlueGreenAdapter):
    async def call(self, event: Event | None = None) -> Any:
        return "v1"


class CallReturnsNumbers(BlueGreenAdapter):
    async def call(self, event: Event | None = None) -> Any:
        return [1 for _ in await super().call(event)]


class CallMakesItUp(BlueGreenAdapter):
    async def call(self, event: Event | None = None) -> list[str]:
        return ["v1"]


class CallTellsOne(BlueGreenAdapter):
    async def call(self, event: Event | None = None) -> list[str]:
        return ["the plugin is alive" for _ in await super().call(event)]


class KeepsItsHost(BlueGreenAdapter):
    kept: BlueGreenHost | None = None

    async def open(self, workdir: Path, ports: Ports) -> None:
        if KeepsItsHost.kept is None:
            KeepsItsHost.kept = BlueGreenHost(workdir, ports)
        self.host = KeepsItsHost.kept

    async def close(self) -> None:
        """The host goes on, into the next case."""


class ExitsTheLoop(BlueGreenAdapter):
    kind: type[BaseException] = SystemExit

    async def load(self, ref: str) -> Reply | bool | None:
        def exit_now() -> None:
            raise self.kind("bye")

        asyncio.get_running_loop().call_soon(exit_now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await super().load(ref)


class CancelsEverything(BlueGreenAdapter):
    async def load(self, ref: str) -> Reply | bool | None:
        for task in asyncio.all_tasks():
            task.cancel()
        return None


class RendersElsewhere(BlueGreenAdapter):
    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        return {f"../{path}": text for path, text in super().render(spec).items()}


class ForgetsAHandler(BlueGreenAdapter):
    async def call(self, event: Event | None = None) -> list[str]:
        return (await super().call(event))[:1]


class CallRemembers(BlueGreenAdapter):
    """Asks once for each number of plugins, and then tells the same for good."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def call(self, event: Event | None = None) -> list[str]:
        self.told = self.told or await super().call(event)
        return self.told


class LeavesATask(BlueGreenAdapter):
    async def open(self, workdir: Path, ports: Ports) -> None:
        await super().open(workdir, ports)
        self.polling = asyncio.ensure_future(asyncio.Event().wait())


class LeavesAThread(BlueGreenAdapter):
    ended: ClassVar[list[threading.Event]] = []

    async def open(self, workdir: Path, ports: Ports) -> None:
        await super().open(workdir, ports)
        self.ended.append(threading.Event())
        threading.Thread(target=self.ended[-1].wait, name="poller", daemon=True).start()
