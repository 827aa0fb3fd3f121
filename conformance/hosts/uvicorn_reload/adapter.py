"""``uvicorn --reload`` as the kit sees it: a server process that is started anew at an edit.

The module with the application is the plugin; there is one. "Reload" is "wait until
uvicorn has seen the edit": it tells nobody, so its log says how it ended. Replies come
over HTTP, and what the module reports comes by a file outside the watched folder.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
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

DELAY_SECONDS = 0.05
"""Between two looks of uvicorn's at the files (0.25 where nothing is said)."""
LOOKED_SECONDS = 8.0
"""Two looks take a tenth of a second; on a busy machine, longer. Its last process ends first."""
ENDED_SECONDS = 8.0
CALL_SECONDS = 1.5
"""A server that does not answer by then has no process behind its socket."""

# As it is after `pip install uvicorn`: watchfiles, which it would use, comes with the kit.
# Each look at the files leaves a byte, as an edit that a look did not see says nothing.
START = """
import sys
sys.modules["watchfiles"] = None
from uvicorn import main
from uvicorn.supervisors.statreload import StatReload
looks, look = open(sys.argv.pop(), "ab", buffering=0), StatReload.should_restart
def counted(reloader):
    seen = look(reloader)
    looks.write(b".")
    return seen
StatReload.should_restart = counted
main()
"""
RELOADS = "Reloading..."
SERVES = "Started server process"
FAILED = ("Traceback", "Error loading ASGI app")

APPLICATION = """
import json
from hot_reload_conformance import probe
from hot_reload_conformance.adapter import Event
P = probe.attach({name!r}, {version!r})
async def app(scope, receive, send):
    message = await receive()
    event = Event(**json.loads(message["body"]))
    answers = json.dumps([P.reply(event, handler) for handler in {handlers!r}])
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": answers.encode()}})
"""


class UvicornReloadAdapter(HostAdapter):
    name = "uvicorn-reload"
    claims = frozenset({Claim.RELOAD, Claim.PACKAGES})
    # What the kit plans for an import does not reach another process.
    stages = ("read", "syntax")
    operation_deadline_seconds = 20.0

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.workdir, self.aside = workdir, Path(tempfile.mkdtemp(prefix="hot-reload-"))
        self.report = ReportFile(self.aside / "report")
        self.looks = self.aside / "looks"
        self.looks.touch()
        self.server: HostProcess | None = None

    async def close(self) -> None:
        if self.server is not None:
            await self.server.end()
        shutil.rmtree(self.aside)

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        text = APPLICATION.format(name=spec.name, version=spec.version, handlers=spec.handlers)
        return package_files(spec, text) if spec.package else {f"{spec.ref}.py": text}

    async def load(self, ref: str) -> bool:
        if self.server is not None:
            raise NotClaimed("a second plugin: uvicorn serves one application")
        if "/" in ref:
            raise NotClaimed("a plugin in a folder: uvicorn serves one application")
        command = [sys.executable, "-c", START, f"{ref}:app", "--port", "0", "--lifespan", "off"]
        command += ["--reload", "--reload-dir", ".", "--reload-delay", str(DELAY_SECONDS)]
        self.server = HostProcess(
            [*command, str(self.looks)],
            self.workdir,
            self.aside / "log",
            self.report.environment,
        )
        return await self._ended(self.server)

    async def reload(self, ref: str) -> bool:
        if self.server is None:
            raise NotClaimed("reload by name: uvicorn looks at files, and only at them")
        # What a look has seen is said after it has ended.
        looked = self.server.looked
        await looked(self.looks, times=3, or_says=RELOADS, within_seconds=LOOKED_SECONDS)
        if RELOADS not in self.server.said():
            return True
        return await self._ended(self.server)

    async def call(self, event: Event | None = None) -> list[str]:
        if self.server is None:
            return []
        try:
            answer = await asyncio.wait_for(self._post(event or Event()), CALL_SECONDS)
        except (TimeoutError, OSError):
            return []
        self.report.gather()
        return [str(each) for each in json.loads(answer)]

    async def _ended(self, server: HostProcess) -> bool:
        """Wait for the end of a start, good or bad."""
        await server.says(SERVES, *FAILED, after=RELOADS, within_seconds=ENDED_SECONDS)
        # Its poller takes what it finds at its first look for the state that runs.
        await server.looked(self.looks, times=1, within_seconds=LOOKED_SECONDS)
        last = server.heard(after=RELOADS)
        self.report.gather()
        if SERVES in last:
            return True
        print(last)  # the kit hears what this process prints
        return False

    async def _post(self, event: Event) -> bytes:
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)", self.server.log)[1])
        body = json.dumps(dataclasses.asdict(event)).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(
                b"POST / HTTP/1.1\r\nHost: kit\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            answer = await reader.read()
        finally:
            writer.close()
        # Uvicorn sends bodies without a length in chunks: a size in hex, the text, a zero.
        return b"".join(answer.partition(b"\r\n\r\n")[2].split(b"\r\n")[1:2])


hot_reload_host = UvicornReloadAdapter
