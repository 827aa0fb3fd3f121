"""jurigged as the kit sees it: a watcher that patches the functions of modules where they are.

A module that was imported is the plugin. jurigged hears of edits from watchdog; here the
adapter tells its handlers of an edit itself, as watchdog would, so that nobody waits.
There are no hooks and nothing can be taken out.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jurigged
from jurigged import live, register
from watchdog.events import FileModifiedEvent

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports
from hot_reload_conformance.dialect import package_files
from hot_reload_conformance.verdict import NotClaimed


class Events:
    """In the place of watchdog's observer: the handlers that jurigged schedules, told by hand."""

    def __init__(self) -> None:
        self.handlers: list[Any] = []

    def schedule(self, handler: Any, folder: str) -> None:
        self.handlers.append(handler)

    def tell(self) -> None:
        """That each file was modified. Of a file that is gone watchdog tells something else,
        to which jurigged does not listen."""
        for each in list(self.handlers):
            if Path(each.filename).exists():
                each.dispatch(FileModifiedEvent(each.filename))


class JuriggedAdapter(HostAdapter):
    name = "jurigged"
    claims = frozenset({Claim.RELOAD, Claim.PACKAGES})
    # Any module will do, one without functions too: there is no stage "plugin".
    stages = ("read", "syntax", "import")

    async def open(self, workdir: Path, ports: Ports) -> None:
        sys.path.insert(0, str(workdir))
        self.imported: dict[str, ModuleType] = {}
        self.failures = 0
        self.watcher = jurigged.watch(
            f"{workdir}/*",
            logger=self._heard,
            registry=register.Registry(),
            autostart=False,
            debounce=0,
            # The other observer holds an inotify instance from here on, and never lets go.
            poll=1,
        )
        self.watcher.observer = self.events = Events()

    async def close(self) -> None:
        register._sniffer_callbacks.clear()  # watch() keeps no way to undo it

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        lines = [
            "from hot_reload_conformance import probe",
            f"P = probe.attach({spec.name!r}, {spec.version!r})",
        ]
        for handler in spec.handlers:
            lines.append(f"def on_{handler}(event): return P.reply(event, {handler!r})")
        text = "\n".join(lines) + "\n"
        if spec.package:
            return package_files(spec, text, import_name=_module(spec.ref))
        return {f"{spec.ref}.py": text}

    async def load(self, ref: str) -> None:
        if ref in self.imported:
            raise NotClaimed("a second load: to import a module again is no load in Python")
        self.imported[ref] = importlib.import_module(_module(ref))

    async def reload(self, ref: str) -> bool:
        if ref not in self.imported:
            raise NotClaimed("reload by name: jurigged looks at files, and only at them")
        before = self.failures
        self.events.tell()
        return self.failures == before

    async def call(self, event: Event | None = None) -> list[str]:
        return [
            function(event)
            for module in self.imported.values()
            for name, function in list(vars(module).items())
            if name.startswith("on_")
        ]

    def _heard(self, event: object) -> None:
        """What its command does: it prints what failed."""
        self.failures += isinstance(event, Exception)
        live.conservative_logger(event)


def _module(ref: str) -> str:
    return ref.replace("/", ".")


hot_reload_host = JuriggedAdapter
