"""mitmproxy's script addons as the kit sees them: a master without a proxy server.

A script is the plugin. mitmproxy reloads a script by itself, when its watcher finds the
file newer; so "reload" is "let a second pass". The watcher is the real one; only the
second that it sleeps between two looks is the adapter's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mitmproxy.options
from mitmproxy.addons import script
from mitmproxy.hooks import Hook
from mitmproxy.master import Master

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports

TURNS = 5
"""Turns of the loop after which a watcher that woke has looked, and loaded."""


class Seconds:
    """Stands for ``asyncio`` in mitmproxy's script module: a second passes when asked to."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds:
            await self.over.wait()
        else:
            await asyncio.sleep(0)

    async def pass_one(self) -> None:
        over, self.over = self.over, asyncio.Event()
        over.set()
        for _ in range(TURNS):
            await asyncio.sleep(0)


@dataclass
class ConformanceHook(Hook):
    """An event like ``request``: handlers add their answer."""

    event: Any
    answers: list[str]


class Errors(logging.Handler):
    """What mitmproxy logs as an error: its only word on a failure."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


class MitmproxyAdapter(HostAdapter):
    name = "mitmproxy"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            # Promised nowhere: claimed to have the gap measured, which its users meet.
            Claim.BLUE_GREEN,
        }
    )
    # Any module is a script to mitmproxy, one without handlers too: no stage "plugin".
    stages = ("read", "syntax", "import", "setup", "start")
    hook_order = ("old stop", "new setup", "new start")

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.workdir, self.errors, self.seconds = workdir, Errors(), Seconds()
        self.failed: set[str] = set()
        script.asyncio = self.seconds
        logging.getLogger().addHandler(self.errors)
        self.master = Master(mitmproxy.options.Options())
        self.loader = script.ScriptLoader()
        self.master.addons.add(self.loader)
        await self.master.running()

    async def close(self) -> None:
        for each in self.loader.addons:
            each.done()  # at the end of the process nobody else cancels the watchers
        await self.master.done()
        logging.getLogger().removeHandler(self.errors)
        script.asyncio = asyncio

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        lines = [
            "from hot_reload_conformance import probe",
            f"P = probe.attach({spec.name!r}, {spec.version!r})",
            "def load(loader): P.hook('setup')",
            "def running(): P.hook('start')",
            "def done(): P.hook('stop')",
            "class Handler:",
            "    def __init__(self, name): self.handler, self.name = name, f'{__file__}:{name}'",
            "    async def conformance(self, event, answers):",
            "        answers.append(await P.areply(event, self.handler))",
            f"addons = [Handler(name) for name in {spec.handlers!r}]",
        ]
        return {f"{spec.ref}.py": "\n".join(lines) + "\n"}

    async def load(self, ref: str) -> bool:
        scripts, path = self.master.options.scripts, self._path(ref)
        before = self.errors.count
        # A script that failed stays configured: it is loaded again as soon as it is saved.
        if path not in self.failed:
            self.master.options.update(scripts=[*scripts, path])
        await self.seconds.pass_one()
        if self.errors.count == before:
            self.failed.discard(path)
            return True
        self.failed.add(path)
        return False

    async def reload(self, ref: str) -> bool:
        if self._path(ref) not in self.master.options.scripts:
            raise LookupError(f"no script {ref!r} is loaded")
        before = self.errors.count
        await self.seconds.pass_one()
        return self.errors.count == before

    async def unload(self, ref: str) -> None:
        scripts = list(self.master.options.scripts)
        if self._path(ref) not in scripts:
            raise LookupError(f"no script {ref!r} is loaded")
        scripts.remove(self._path(ref))
        self.failed.discard(self._path(ref))
        self.master.options.update(scripts=scripts)

    async def call(self, event: Event | None = None) -> list[str]:
        hook = ConformanceHook(event, [])
        await self.master.addons.trigger_event(hook)
        return hook.answers

    async def snapshot(self) -> Mapping[str, object]:
        return {
            "scripts": list(self.master.options.scripts),
            "addons": sorted(self.master.addons.lookup),
            "commands": sorted(self.master.commands.commands),
        }

    def _path(self, ref: str) -> str:
        return str(self.workdir / f"{ref}.py")


hot_reload_host = MitmproxyAdapter
