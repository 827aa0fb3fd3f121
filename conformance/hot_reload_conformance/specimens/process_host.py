"""A correct host of another design: every plugin in a child process, JSON lines on stdio.

A reload starts the next process, and only when it said that it serves the name is its
own and the old one is told to end. A process is forked, not started: a start of Python
costs a hundred times as much, and there are hundreds of cases.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import tempfile
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports
from hot_reload_conformance.report_file import ReportFile

ANSWER_SECONDS = 4.0
"""How long a process may take to say that it serves, to answer, or to end."""
MOST_DESCRIPTORS = 256


class ProcessHostError(Exception):
    """An operation that was refused or failed; names the plugin."""


class Child:
    """One plugin's process, from the host's side."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        to_child, self.writing = os.pipe()
        self.reading, from_child = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the child uses no thread
            self.pid = os.fork()
        if self.pid == 0:
            _serve(path, to_child, from_child, environment)
        os.close(to_child)
        os.close(from_child)
        self.heard = b""

    def asked(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer; {"error": ...} where it gave none."""
        try:
            os.write(self.writing, json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            return {"error": "its process has ended"}
        return self.answer()

    def answer(self) -> dict[str, Any]:
        while b"\n" not in self.heard:
            if not select.select([self.reading], [], [], ANSWER_SECONDS)[0]:
                return {"error": f"no answer within {ANSWER_SECONDS:g} s"}
            more = os.read(self.reading, 65_536)
            if not more:
                return {"error": "its process ended without a word"}
            self.heard += more
        line, _, self.heard = self.heard.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """Tell it to end, wait, kill it where it does not; afterwards nothing of it is left."""
        os.close(self.writing)
        if not select.select([self.reading], [], [], ANSWER_SECONDS)[0]:
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.reading)
        os.waitpid(self.pid, 0)


def _serve(path: Path, reading: int, writing: int, environment: Mapping[str, str]) -> NoReturn:
    """The child: run the file, say how that went, answer line by line until the input ends."""
    try:
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.dup2(reading, 0)
        os.dup2(writing, 1)
        # Else it would hold its sisters' inputs open, and they would never end.
        os.closerange(3, MOST_DESCRIPTORS)
        os.environ.update(environment)
        probe.install(None)  # the recording is the parent's: reports go by the file
        module: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
        _say(_started(path, module))
        with os.fdopen(0, "r") as lines:
            for line in lines:
                event = Event(**json.loads(line))
                _say({"replies": [handler(event) for handler in module["handlers"]]})
    finally:
        os._exit(0)  # nothing of the parent's may run here, its exit handlers least of all


def _started(path: Path, module: dict[str, Any]) -> dict[str, Any]:
    try:
        source = path.read_bytes()
        exec(compile(source, str(path), "exec", dont_inherit=True), module)
        if not module.get("handlers"):
            return {"error": f"at plugin: {path} has no handlers"}
    except BaseException as error:
        stage = {OSError: "read", FileNotFoundError: "read", SyntaxError: "syntax"}.get(
            type(error), "import"
        )
        lines = [
            line
            for frame, line in traceback.walk_tb(error.__traceback__)
            if frame.f_code.co_filename == str(path)
        ]
        line = getattr(error, "lineno", None) or (lines[-1] if lines else 1)
        return {"error": f"at {stage}: {type(error).__name__}: {error} ({path}:{line})"}
    return {}


def _say(answer: Mapping[str, Any]) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")


class ProcessHost:
    """``live`` holds the process that serves each name; a swap is one assignment to it."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.root = root
        self.environment = environment
        self.live: dict[str, Child] = {}

    def load(self, name: str) -> None:
        if name in self.live:
            raise ProcessHostError(f"load of {name!r} refused: it is loaded already")
        self.live[name] = self.started(name)

    def reload(self, name: str) -> None:
        old = self.known(name, "reload")
        self.live[name] = self.started(name)
        old.end()

    def unload(self, name: str) -> None:
        old = self.known(name, "unload")
        del self.live[name]
        old.end()

    def call(self, event: Event) -> list[str]:
        answers = [child.asked(asdict(event)) for child in list(self.live.values())]
        return [str(each) for answer in answers for each in answer.get("replies", ())]

    def close(self) -> None:
        for name in list(self.live):
            self.unload(name)

    def known(self, name: str, operation: str) -> Child:
        if name not in self.live:
            raise ProcessHostError(f"{operation} of {name!r} refused: no such plugin")
        return self.live[name]

    def started(self, name: str) -> Child:
        child = Child(self.root / f"{name}.py", self.environment)
        answer = child.answer()
        if "error" in answer:
            child.end()
            raise ProcessHostError(f"{name!r} failed {answer['error']}")
        return child


class ProcessAdapter(HostAdapter):
    name = "process"
    claims = frozenset({Claim.RELOAD, Claim.UNLOAD, Claim.SNAPSHOT})
    # What the kit plans for an import does not reach another process.
    stages = ("read", "syntax")

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.aside = Path(tempfile.mkdtemp(prefix="hot-reload-"))
        self.report = ReportFile(self.aside / "report")
        self.host = ProcessHost(workdir, self.report.environment)

    async def close(self) -> None:
        self.host.close()
        shutil.rmtree(self.aside)

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        handlers = ", ".join(f"lambda event: P.reply(event, {each!r})" for each in spec.handlers)
        lines = (
            "from hot_reload_conformance import probe",
            f"P = probe.attach({spec.name!r}, {spec.version!r})",
            f"handlers = [{handlers}]",
        )
        return {f"{spec.ref}.py": "\n".join(lines) + "\n"}

    async def load(self, ref: str) -> None:
        try:
            self.host.load(ref)
        finally:
            self.report.gather()

    async def reload(self, ref: str) -> None:
        try:
            self.host.reload(ref)
        finally:
            self.report.gather()

    async def unload(self, ref: str) -> None:
        self.host.unload(ref)

    async def call(self, event: Event | None = None) -> list[str]:
        replies = self.host.call(event or Event())
        self.report.gather()
        return replies

    async def snapshot(self) -> Mapping[str, object]:
        return {"live": sorted(self.host.live)}
