"""IPython's ``%autoreload 2`` as the kit sees it: a shell without a terminal.

A module that a cell imports is the plugin. IPython looks for newer files before it runs
a cell and patches the modules that it has; so "reload" is "run the next cell". There are
no hooks and nothing can be taken out.
"""

from __future__ import annotations

import atexit
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports
from hot_reload_conformance.dialect import package_files
from hot_reload_conformance.verdict import NotClaimed


class Errors(logging.Handler):
    """What autoreload logs as an error: with what it prints, its only word on a failure."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


class IPythonAutoreloadAdapter(HostAdapter):
    name = "ipython-autoreload"
    claims = frozenset({Claim.RELOAD, Claim.PACKAGES})
    # Any module will do, one without functions too: there is no stage "plugin".
    stages = ("read", "syntax", "import")

    async def open(self, workdir: Path, ports: Ports) -> None:
        self._displayhook = sys.displayhook
        sys.path.insert(0, str(workdir))
        self.imported: list[str] = []
        self.errors = Errors()
        logging.getLogger("autoreload").addHandler(self.errors)
        HistoryManager.enabled = False
        self.shell = InteractiveShell.instance()
        self._run("%load_ext autoreload")
        self._run("%autoreload 2")

    async def close(self) -> None:
        self.shell.atexit_operations()
        atexit.unregister(self.shell.atexit_operations)
        InteractiveShell.clear_instance()
        logging.getLogger("autoreload").removeHandler(self.errors)
        sys.displayhook = self._displayhook

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
        if _module(ref) in self.imported:
            raise NotClaimed("a second load: to import a module again is no load in Python")
        self._run(f"import {_module(ref)}")
        self.imported.append(_module(ref))

    async def reload(self, ref: str) -> bool:
        if _module(ref) not in self.imported:
            raise NotClaimed(
                "reload by name: %autoreload looks at what was imported, and only that"
            )
        before = self.errors.count
        self._run("pass")
        return self.errors.count == before

    async def call(self, event: Event | None = None) -> list[str]:
        # Not by a cell: that would reload first.
        modules = [sys.modules[name] for name in dict.fromkeys(self.imported)]
        functions = [vars(each) for each in modules]
        return [
            function(event)
            for names in functions
            for name, function in list(names.items())
            if name.startswith("on_")
        ]

    def _run(self, cell: str) -> None:
        result = self.shell.run_cell(cell)
        result.raise_error()


def _module(ref: str) -> str:
    return ref.replace("/", ".")


hot_reload_host = IPythonAutoreloadAdapter
