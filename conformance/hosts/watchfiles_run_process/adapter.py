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

SEEN_SECONDS = 8.0
"""What it sees it tells within a tenth of a second; on a busy machine, later."""
AGAIN_SECONDS = 0.1
ENDED_SECONDS = 8.0
CALL_SECONDS = 1.5

# It tells what it has seen in the order in which it was written. So a file of the adapter's that
# it has seen (it is in a folder of its own, and no process is started anew for it) tells that it
# watches, and that it has seen every edit from before.
START = """
import sys
from watchfiles import DefaultFilter, run_process
class Filter(DefaultFilter):
    def __call__(self, change, path):
        if not path.startswith(sys.argv[2]): return super().__call__(change, path)
        print("saw", path.rpartition("/")[2], flush=True)
def changed(changes): print("changed", flush=True)
if __name__ == "__main__":
    target = sys.argv[1] + ".main"
    run_process(".", sys.argv[2], target=target, callback=changed, watch_filter=Filter())
"""
CHANGED = "changed\n"
SAW = "saw {}\n"
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
        self.marks, self.marked = self.aside / "marks", 0
        self.marks.mkdir()
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
            [sys.executable, str(self.aside / "start.py"), ref, str(self.marks.resolve())],
            self.workdir,
            self.aside / "log",
            environment,
        )
        return await self._ended(self.process)

    async def reload(self, ref: str) -> bool:
        if self.process is None:
            raise NotClaimed("reload by name: watchfiles looks at files, and only at them")
        return await self._ended(self.process) if await self._changed(self.process) else True

    async def call(self, event: Event | None = None) -> list[str]:
        if self.process is None:
            return []
        try:
            answer = await asyncio.wait_for(self._ask(event or Event()), CALL_SECONDS)
        except (TimeoutError, OSError):
            return []
        self.report.gather()
        return [str(each) for each in json.loads(answer)]

    async def _changed(self, process: HostProcess) -> bool:
        """Whether it tells a change, of all that was written until now."""
        # What it saw together with the first mark it has told before it sees the second one.
        return await self._seen(process) or await self._seen(process)

    async def _seen(self, process: HostProcess) -> bool:
        """Wait until it has seen a mark of ours; whether it has told a change by then.

        Raises:
            TimeoutError: it runs, and sees nothing.
        """
        ends = asyncio.get_running_loop().time() + SEEN_SECONDS
        words: list[str] = []
        while asyncio.get_running_loop().time() < ends:
            # Again and again: of one that is written before it watches it tells nothing.
            self.marked += 1
            words.append(SAW.format(self.marked))
            (self.marks / str(self.marked)).touch()
            if await process.says(CHANGED, *words, within_seconds=AGAIN_SECONDS):
                return CHANGED in process.said()
            if not process.runs:
                return False
        raise TimeoutError(f"watchfiles has seen no file for {SEEN_SECONDS:g} s")

    async def _ended(self, process: HostProcess) -> bool:
        """Wait for the end of a start, good or bad, and until it watches."""
        changed = True
        while changed:  # one edit may be told in two parts
            await process.says(SERVES, FAILED, after=CHANGED, within_seconds=ENDED_SECONDS)
            last = process.heard(after=CHANGED)
            changed = await self._changed(process)
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
