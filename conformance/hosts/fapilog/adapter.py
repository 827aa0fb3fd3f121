"""fapilog's ``ConfigHotReloader`` as the kit sees it: a watched file of settings.

fapilog reloads configuration, not the code of plugins. A settings module in Python is
the plugin; reading and running it is the loader that fapilog asks its user for, and what
is judged is the rest: seeing the edit, validating, applying, keeping the last good one.
The watch is the real one; only the interval between two looks is the adapter's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fapilog.core import change_detection
from fapilog.core.hot_reload import ConfigHotReloader
from fapilog.core.plugin_config import ValidationIssue, ValidationResult

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.verdict import NotClaimed

TURNS = 20
"""Turns of the loop after which a watch that woke has looked, loaded and applied."""


class Intervals:
    """Stands for ``asyncio`` in fapilog's watch: an interval is over when asked to be."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def sleep(self, _: float) -> None:
        await self.over.wait()

    async def to_thread(self, function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    async def pass_one(self) -> None:
        over, self.over = self.over, asyncio.Event()
        over.set()
        for _ in range(TURNS):
            await asyncio.sleep(0)


class Settings:
    """One file's settings: the reloader, what it applied last, and what it told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.applied: dict[str, Any] = {}
        self.told: asyncio.Queue[Exception | None] = asyncio.Queue()
        self.reloader = ConfigHotReloader(
            path=str(path),
            loader=self.load,
            validator=self.validate,
            on_applied=self.apply,
            on_error=self.told.put,
        )

    async def load(self) -> dict[str, Any]:
        names: dict[str, Any] = {}
        # dont_inherit: this file's own future imports are not the settings'.
        exec(compile(self.path.read_bytes(), str(self.path), "exec", dont_inherit=True), names)
        return names

    async def validate(self, names: dict[str, Any]) -> ValidationResult:
        if "HANDLERS" in names:
            return ValidationResult(ok=True, issues=[])
        issue = ValidationIssue(field="HANDLERS", message=f"{self.path.name} has no HANDLERS")
        return ValidationResult(ok=False, issues=[issue])

    async def apply(self, names: dict[str, Any]) -> None:
        self.applied = names
        await self.told.put(None)

    def heard(self) -> Reply | None:
        """What the reloader told of its last look."""
        if self.told.empty():
            return None
        error = self.told.get_nowait()
        if error is None:
            return Reply(ok=True)
        return Reply(ok=False, message=f"{error} ({error.__cause__!r})")


class FapilogAdapter(HostAdapter):
    name = "fapilog"
    claims = frozenset({Claim.RELOAD})
    stages = ("read", "syntax", "import", "plugin")

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.workdir = workdir
        self.settings: dict[str, Settings] = {}
        change_detection.asyncio = self.intervals = Intervals()

    async def close(self) -> None:
        for each in list(self.settings):
            await self._stop(each)
        change_detection.asyncio = asyncio

    async def _stop(self, ref: str) -> None:
        stopping = asyncio.ensure_future(self.settings.pop(ref).reloader.stop())
        await self.intervals.pass_one()
        await stopping

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        lines = [
            "from hot_reload_conformance import probe",
            f"P = probe.attach({spec.name!r}, {spec.version!r})",
            f"HANDLERS = {spec.handlers!r}",
        ]
        return {f"{spec.ref}.py": "\n".join(lines) + "\n"}

    async def load(self, ref: str) -> Reply | bool:
        if ref in self.settings:
            raise NotClaimed("a second load: a reloader is started once")
        settings = self.settings[ref] = Settings(self.workdir / f"{ref}.py")
        await settings.reloader.start()
        await self.intervals.pass_one()
        reply = settings.heard()
        if reply is None or not reply.ok:
            await self._stop(ref)
        return reply or False

    async def reload(self, ref: str) -> Reply | None:
        if ref not in self.settings:
            raise NotClaimed("reload by name: the reloader looks at its file, and only at that")
        await self.intervals.pass_one()
        return self.settings[ref].heard()

    async def call(self, event: Event | None = None) -> list[str]:
        return [
            names["P"].reply(event, handler)
            for names in [each.applied for each in self.settings.values() if each.applied]
            for handler in names["HANDLERS"]
        ]


hot_reload_host = FapilogAdapter
