"""An optional preflight: the module's body is run once in a disposable process first.

A module that never ends, exits, crashes the interpreter or eats the memory as it is
imported would take the host with it; here it takes a child. What passes is imported in
the host afterwards, from the same bytes. It costs a fork, some milliseconds, and
whatever the import itself does to the outside world happens twice.

The child is no prison: it runs as the same user, with the same files and network.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hot_reload.errors import EngineMisuse, HookFailed, HookTimeout, ImportRefused, PluginFault
from hot_reload.source.namespace import as_written, missing_of_a_plugin
from hot_reload.source.snapshot import SourceSnapshot

ANSWER_GRACE_SECONDS = 5.0
"""How much longer than the deadline the host waits for the answer of a watcher."""
START_SECONDS = 30.0
ATTEMPTS = 2


class Verdict(enum.Enum):
    """What became of the import."""

    OK = "ok"
    RAISED = "raised"
    HUNG = "hung"
    EXITED = "exited"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out of memory"
    FORKED = "forked"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightSettings:
    """Limits of one preflight. Immutable.

    Raises:
        EngineMisuse: a value is not positive.
    """

    deadline_seconds: float = 10.0
    cpu_seconds: float = 10.0
    memory_bytes: int = 2 << 30
    """Address space beyond what the child has before it imports; libraries reserve much."""
    output_bytes: int = 16_384
    """How much of what it prints is kept; the rest is read and thrown away."""

    def __post_init__(self) -> None:
        for name in ("deadline_seconds", "cpu_seconds", "memory_bytes", "output_bytes"):
            if not getattr(self, name) > 0:
                raise EngineMisuse(f"setting {name} is {getattr(self, name)!r}; give more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightVerdict:
    """The verdict, where it comes from, and what the import printed (its first bytes)."""

    verdict: Verdict
    text: str = ""
    file: str | None = None
    line: int | None = None
    traceback: str = ""
    hint: str | None = None
    output: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.verdict is Verdict.OK

    def fault(self) -> PluginFault | None:
        """What a transaction raises at its import stage; None: it passed."""
        if self.ok:
            return None
        kinds = {Verdict.RAISED: HookFailed, Verdict.HUNG: HookTimeout}
        kind: type[PluginFault] = kinds.get(self.verdict, ImportRefused)
        return kind(
            f"in the preflight the module's body {self.text}",
            file=self.file,
            line=self.line,
            hint=self.hint,
            traceback_text=self.traceback,
        )


class Preflight:
    """Runs preflights. Used on one event loop's thread; ``check`` may run many times at once.

    The helper process starts with ``start`` or at the first check, is started again when it
    has died, and ends with ``close`` or with this process, however that ends.
    """

    def __init__(self, settings: PreflightSettings | None = None) -> None:
        self.settings = settings or PreflightSettings()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()
        self._closed = False
        self.started = 0
        """How many helper processes were started."""

    @property
    def pid(self) -> int | None:
        """The helper process's id; None: there is none now."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the helper process, and wait until it stands; harmless if it does.

        Raises:
            EngineMisuse: preflights are not available here; the message says why.
        """
        async with self._starting:
            self._refuse_closed()
            if self._process is not None and self._process.poll() is None:
                return
            self._let_go()
            _check_platform()
            await self._start()

    async def check(
        self, snapshot: SourceSnapshot, dependencies: Sequence[SourceSnapshot] = ()
    ) -> PreflightVerdict:
        """Import ``snapshot`` in a child, and tell what became of it.

        ``dependencies`` are the plugins that it may import, each after those that it needs
        itself. The files are not read again: the bytes of the snapshots are sent. If the
        caller is cancelled, the child is killed.

        Raises:
            EngineMisuse: preflights are not available here, or it is closed.
        """
        for _ in range(ATTEMPTS):
            await self.start()
            asked = self._process
            with contextlib.suppress(ConnectionError):
                return await self._ask([*dependencies, snapshot])
            if self._process is asked:  # and no other check has started the next one by now
                self._let_go()
        return PreflightVerdict(
            verdict=Verdict.CRASHED,
            text="took the preflight's own process along, twice",
            file=str(snapshot.main.path),
            hint="a module must not end other processes; if it ends none, look for what kills "
            "those of this program, such as a limit on memory",
        )

    async def close(self) -> None:
        """End the helper process and what runs below it. Idempotent."""
        self._closed = True
        if self._process is not None:
            self._process.kill()  # a start that waits for it to stand is over at once
        async with self._starting:
            self._let_go()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise EngineMisuse("the preflight is closed; open a new engine")

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # By -c and not -m: the host may have found this package by a path of its own.
            program = (
                f"import sys; sys.path[:] = {[*sys.path]!r}; "
                f"from hot_reload.source.zygote import serve; serve({theirs.fileno()})"
            )
            self._process = _spawn(program, theirs.fileno())
        self.started += 1
        self._control = ours
        ours.setblocking(False)
        try:
            async with asyncio.timeout(START_SECONDS):
                ready = await asyncio.get_running_loop().sock_recv(ours, 1)
        except (TimeoutError, ConnectionError):
            ready = b""
        except BaseException:
            self._let_go()
            raise
        if not ready:
            self._let_go()
            self._refuse_closed()
            raise EngineMisuse(
                f"the preflight's helper process did not start: {sys.executable} -c {program!r}"
            )

    async def _ask(self, snapshots: Sequence[SourceSnapshot]) -> PreflightVerdict:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                assert self._control is not None, "it stands: start() has just returned"
                socket.send_fds(self._control, [b"x"], [theirs.fileno()])
            ours.setblocking(False)
            answer = bytearray()
            try:
                async with asyncio.timeout(self.settings.deadline_seconds + ANSWER_GRACE_SECONDS):
                    await loop.sock_sendall(ours, self._request(snapshots))
                    while chunk := await loop.sock_recv(ours, 1 << 16):
                        answer += chunk
            except TimeoutError:
                raise ConnectionResetError from None
        if not answer:
            raise ConnectionResetError
        return self._verdict(json.loads(answer), snapshots)

    def _request(self, snapshots: Sequence[SourceSnapshot]) -> bytes:
        files = [file for each in snapshots for file in each.files.values()]
        header = {
            "snapshots": [
                {
                    "top": each.top,
                    "sha256": each.sha256,
                    "packages": sorted(each.packages),
                    "files": [(name, str(file.path)) for name, file in each.files.items()],
                }
                for each in snapshots
            ],
            "sizes": [len(file.data) for file in files],
            "path": [each for each in sys.path if isinstance(each, str)],
            "environ": dict(os.environ),
            "directory": os.getcwd(),
            "deadline_seconds": self.settings.deadline_seconds,
            "cpu_seconds": self.settings.cpu_seconds,
            "memory_bytes": self.settings.memory_bytes,
            "output_bytes": self.settings.output_bytes,
        }
        head = json.dumps(header).encode()
        return b"".join([len(head).to_bytes(4, "big"), head, *(file.data for file in files)])

    def _verdict(
        self, answer: Mapping[str, Any], snapshots: Sequence[SourceSnapshot]
    ) -> PreflightVerdict:
        told: dict[str, Any] = {"output": answer["output"], "seconds": answer["seconds"]}
        if answer["report"] and not answer["hung"]:
            report = _reported(answer["report"])
            if report is not None:
                return PreflightVerdict(**told, **report)
        sources = {str(file.path) for each in snapshots for file in each.files.values()}
        told["file"], told["line"] = _place_of(answer["dump"], sources)
        told["file"] = told["file"] or str(snapshots[-1].main.path)
        status = answer["status"]
        if answer["hung"] or status == -signal.SIGXCPU:
            what = "processor time" if status == -signal.SIGXCPU else "deadline"
            seconds = self.settings.cpu_seconds if status else self.settings.deadline_seconds
            text = f"was still running at its {what} of {seconds:g} s"
            hint = "move what takes long or waits into start()"
            return PreflightVerdict(verdict=Verdict.HUNG, text=text, hint=hint, **told)
        if status < 0:
            text = f"crashed the process by {signal.Signals(-status).name}"
            return PreflightVerdict(verdict=Verdict.CRASHED, text=text, **told)
        text = f"ended the process with status {status}"
        hint = "a module must not call os._exit() or close descriptors that it did not open"
        return PreflightVerdict(verdict=Verdict.EXITED, text=text, hint=hint, **told)

    def _let_go(self) -> None:
        process, self._process = self._process, None
        if self._control is not None:
            self._control.close()
            self._control = None
        if process is not None:
            process.kill()  # its watchers and their importers die with it
            process.wait()


def _spawn(program: str, descriptor: int) -> subprocess.Popen[bytes]:
    """It returns as soon as the program is executed, within milliseconds."""
    return subprocess.Popen(
        [sys.executable, "-c", program],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


_REPORTED = frozenset({"type", "text", "forked", "memory", "missing", "file", "line", "traceback"})


def _reported(text: str) -> dict[str, Any] | None:
    """The importer's own report; None: it is none, so something else wrote there."""
    try:
        report = json.loads(text)
    except ValueError:
        return None
    if report == {}:
        return {"verdict": Verdict.OK}
    if not isinstance(report, dict) or not report.keys() >= _REPORTED:
        return None
    kind = Verdict.RAISED
    text = as_written(str(report["text"])) if report["missing"] else report["text"]
    told = f"raised {report['type']}: {text}".removesuffix(": ")
    hint = None
    if report["forked"]:
        kind, told = Verdict.FORKED, "forked the process, which would make two hosts of one"
        hint = "start processes in start(), by subprocess or multiprocessing's spawn"
    elif report["memory"]:
        kind, told = Verdict.OUT_OF_MEMORY, "wanted more memory than a preflight may have"
        hint = "raise PreflightSettings.memory_bytes if it honestly needs so much"
    elif report["missing"]:
        name = str(report["missing"])
        hint = missing_of_a_plugin(name) or (
            f"if it is a distribution of that name: python -m pip install {name}"
        )
    place = {each: report[each] for each in ("file", "line", "traceback")}
    return {"verdict": kind, "text": told, "hint": hint, **place}


def _place_of(dump: str, sources: set[str]) -> tuple[str | None, int | None]:
    from hot_reload.source.zygote import place_of  # Linux only, as all of this at run time

    return place_of(dump, sources)


def _check_platform() -> None:
    if sys.platform != "linux" or not hasattr(os, "pidfd_open") or not sys.executable:
        raise EngineMisuse(
            f"a preflight is not available here: it needs Linux 5.3 or newer and a Python that "
            f"can be started again, and this is {sys.platform} with {sys.executable!r}; "
            "open the engine without it"
        )
