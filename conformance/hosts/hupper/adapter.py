"""``hupper`` as the kit sees it: a function in a process that is started anew, as Pyramid's
``pserve --reload`` does it.

The module with the function is the plugin; there is one. "Reload" is "wait until hupper has
looked". Replies come over a Unix socket, and what the module reports comes by a file; both
lie outside the watched folder.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports
from hot_reload_conformance.dialect import package_files
from hot_reload_conformance.host_process import HostProcess
from hot_reload_conformance.report_file import ReportFile
from hot_reload_conformance.verdict import NotClaimed

INTERVAL_SECONDS = 0.2
"""Between two looks at the files, and between two starts. Its default is 1."""
LOOKED_SECONDS = 8.0
"""Three looks take half a second; on a busy machine, longer."""
WATCHED_SECONDS = 1.5
"""The new process tells once a second which modules it has; what a file is like when it is first
looked at after that counts as the old one."""
ENDED_SECONDS = 8.0
CALL_SECONDS = 1.5

# The polling monitor, which `pip install hupper` gives. Each look at the files leaves a byte, as
# an edit that a look did not see says nothing.
START = """
import os, sys
import hupper
from hupper.polling import PollingFileMonitor
class Counted(PollingFileMonitor):
    looks = open(os.environ["CONFORMANCE_LOOKS"], "ab", buffering=0)
    def check_reload(self, paths):
        super().check_reload(paths)
        self.looks.write(b".")
hupper.start_reloader(sys.argv[1] + ".main", float(sys.argv[2]), monitor_factory=Counted)
"""
CHANGED = "; reloading"
SERVES = "serves"
FAILED = "Traceback"

PLUGIN = """
import json, os, socketserver
from hot_reload_conformance import probe
from hot_reload_conformance.adapter import Event
P = probe.attach({name!r}, {version!r})
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        event = Event(**json.loads(self.rfile.readline()))
        answers = [P.reply(event, handler) for handler in {handlers!r}]
        self.wfile.write(json.dumps(answers).encode())
def main():
    path = os.environ["CONFORMANCE_SOCKET"]
    if os.path.exists(path): os.unlink(path)
    with socketserver.UnixStreamServer(path, Handler) as server:
        print("serves", flush=True)
        server.serve_forever(0.01)
"""


class HupperAdapter(HostAdapter):
    name = "hupper"
    claims = frozenset({Claim.RELOAD, Claim.PACKAGES})
    # What the kit plans for an import does not reach another process.
    stages = ("read", "syntax")
    operation_deadline_seconds = 20.0

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.workdir, self.aside = workdir, Path(tempfile.mkdtemp(prefix="hot-reload-"))
        self.report = ReportFile(self.aside / "report")
        self.looks = self.aside / "looks"
        self.looks.touch()
        self.process: HostProcess | None = None
        self.waiting = asyncio.Lock()

    async def close(self) -> None:
        if self.process is not None:
            await self.process.end()
        shutil.rmtree(self.aside)

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        text = PLUGIN.format(name=spec.name, version=spec.version, handlers=spec.handlers)
        return package_files(spec, text) if spec.package else {f"{spec.ref}.py": text}

    async def load(self, ref: str) -> bool:
        if self.process is not None or "/" in ref:
            raise NotClaimed("a second plugin: hupper runs one program")
        environment = {
            **self.report.environment,
            "CONFORMANCE_SOCKET": str(self.aside / "socket"),
            "CONFORMANCE_LOOKS": str(self.looks),
            # The new process is given its path by the environment alone.
            "PYTHONPATH": os.pathsep.join([str(self.workdir), *filter(None, sys.path)]),
        }
        command = [sys.executable, "-c", START, ref, str(INTERVAL_SECONDS)]
        self.process = HostProcess(command, self.workdir, self.aside / "log", environment)
        return await self._ended(self.process)

    async def reload(self, ref: str) -> bool:
        if self.process is None:
            raise NotClaimed("reload by name: hupper looks at files, and only at them")
        async with self.waiting:  # two that wait would share one log
            looked = self.process.looked
            await looked(self.looks, times=2, or_says=CHANGED, within_seconds=LOOKED_SECONDS)
            return await self._ended(self.process) if CHANGED in self.process.said() else True

    async def call(self, event: Event | None = None) -> list[str]:
        if self.process is None:
            return []
        try:
            answer = await asyncio.wait_for(self._ask(event or Event()), CALL_SECONDS)
        except (TimeoutError, OSError):
            return []
        self.report.gather()
        return [str(each) for each in json.loads(answer)]

    async def _ended(self, process: HostProcess) -> bool:
        """Wait for the end of a start, good or bad, and until its files are watched."""
        await process.says(SERVES, FAILED, after=CHANGED, within_seconds=ENDED_SECONDS)
        await asyncio.sleep(WATCHED_SECONDS)
        last = process.heard(after=CHANGED)
        self.report.gather()
        if SERVES in last:
            return True
        print(last)  # the kit hears what this process prints
        return False

    async def _ask(self, event: Event) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self.aside / "socket"))
        try:
            writer.write(json.dumps(dataclasses.asdict(event)).encode() + b"\n")
            return await reader.read()
        finally:
            writer.close()


hot_reload_host = HupperAdapter
