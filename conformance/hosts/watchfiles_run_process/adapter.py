"""``watchfiles.run_process`` as the kit sees it: a function in a process that is started anew.

The module with the function is the plugin; there is one. "Reload" is "wait until
watchfiles has seen the edit". Replies come over a Unix socket, and what the module
reports comes by a file; both lie outside the watched folder.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
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

SEEN_SECONDS = 0.6
"""An edit that watchfiles has not seen by then is one that it does not see."""
BEGUN_SECONDS = 0.3
"""What it takes to begin to watch: it starts the process first, and says nothing."""
ENDED_SECONDS = 4.0
CALL_SECONDS = 1.5

START = """
import sys
from watchfiles import run_process
def changed(changes): print("changed", flush=True)
if __name__ == "__main__": run_process(".", target=sys.argv[1] + ".main", callback=changed)
"""
CHANGED = "changed\n"
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
    try:
        with socketserver.UnixStreamServer(path, Handler) as server:
            print("serves", flush=True)
            server.serve_forever(0.01)
    except KeyboardInterrupt:
        pass
"""


class WatchfilesRunProcessAdapter(HostAdapter):
    name = "watchfiles-run-process"
    claims = frozenset({Claim.RELOAD, Claim.PACKAGES})
    # What the kit plans for an import does not reach another process.
    stages = ("read", "syntax")

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.workdir, self.aside = workdir, Path(tempfile.mkdtemp(prefix="hot-reload-"))
        self.report = ReportFile(self.aside / "report")
        (self.aside / "start.py").write_text(START)
        self.process: HostProcess | None = None

    async def close(self) -> None:
        if self.process is not None:
            await self.process.end()
        shutil.rmtree(self.aside)

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        text = PLUGIN.format(name=spec.name, version=spec.version, handlers=spec.handlers)
        return package_files(spec, text) if spec.package else {f"{spec.ref}.py": text}

    async def load(self, ref: str) -> bool:
        if self.process is not None or "/" in ref:
            raise NotClaimed("a second plugin: run_process runs one function")
        environment = {
            **self.report.environment,
            "CONFORMANCE_SOCKET": str(self.aside / "socket"),
            "PYTHONPATH": str(self.workdir),
        }
        self.process = HostProcess(
            [sys.executable, str(self.aside / "start.py"), ref],
            self.workdir,
            self.aside / "log",
            environment,
        )
        return await self._ended()

    async def reload(self, ref: str) -> bool:
        if self.process is None:
            raise NotClaimed("reload by name: watchfiles looks at files, and only at them")
        if not await self.process.says(CHANGED, within_seconds=SEEN_SECONDS):
            return True
        return await self._ended()

    async def call(self, event: Event | None = None) -> list[str]:
        if self.process is None:
            return []
        try:
            answer = await asyncio.wait_for(self._ask(event or Event()), CALL_SECONDS)
        except (TimeoutError, OSError):
            return []
        self.report.gather()
        return [str(each) for each in json.loads(answer)]

    async def _ended(self) -> bool:
        """Wait for the end of a start, good or bad."""
        await self.process.says(SERVES, FAILED, after=CHANGED, within_seconds=ENDED_SECONDS)
        await asyncio.sleep(BEGUN_SECONDS)
        last = self.process.heard(after=CHANGED)
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


hot_reload_host = WatchfilesRunProcessAdapter
