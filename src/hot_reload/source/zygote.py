"""The zygote: a fresh single-threaded process that forks one disposable child per import.

A host with threads cannot fork safely: a lock that another thread holds stays held in the
child. This process is executed anew, has no thread, and forks for it. Each request comes
as one end of a socket pair; a watcher is forked for it, which forks the importer:

    host ── control ── zygote ── forks ── watcher ── forks ── importer (session of its own)
      └──────────── request and answer ─────┘         └─ runs the module's body

The watcher runs no code of a plugin. It reads the bytes, keeps the time, drains the
output, and kills everything below it. Each dies with the one above it. Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import hashlib
import json
import os
import re
import resource
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from hot_reload.source.code import CodeCache
from hot_reload.source.namespace import Namespace
from hot_reload.source.snapshot import SourceFile, SourceSnapshot

LENGTH = struct.Struct("!I")
READY = b"r"
TEXT_LIMIT = 500
TRACEBACK_LIMIT = 8_000
DUMP_SECONDS = 0.05
"""How long a hung importer may take to say where it hangs."""
KILL_ROUNDS = 100
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)


def serve(descriptor: int) -> NoReturn:
    """Answer requests that come over the control socket until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the host's affair
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # watchers are reaped by the kernel
    control = socket.socket(fileno=descriptor)
    control.sendall(READY)
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            os._exit(0)
        _fork(_watch, control, descriptors[0], os.getpid())
        os.close(descriptors[0])


def _fork(run: Any, *arguments: Any) -> int:
    """The id of a child that runs ``run`` and ends with it."""
    return os.fork() or _in_child(run, *arguments)


def _in_child(run: Any, *arguments: Any) -> NoReturn:
    """Never return into the parent's frames, whatever happens."""
    status = 70
    try:
        run(*arguments)
        status = 0
    finally:
        os._exit(status)


def _die_with_parent(parent: int) -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that was said
        os._exit(70)


# -- the watcher -------------------------------------------------------------------------


def _watch(control: socket.socket, descriptor: int, parent: int) -> None:
    _die_with_parent(parent)
    control.close()
    answer = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what leaves its session still comes back here
    header = json.loads(_exactly(answer, LENGTH.unpack(_exactly(answer, LENGTH.size))[0]))
    data = [_exactly(answer, size) for size in header["sizes"]]
    began = time.monotonic()
    pipes = {name: os.pipe() for name in ("report", "dump", "output")}
    pid = _fork(_import, header, data, pipes, answer, os.getpid())
    for _, writer in pipes.values():
        os.close(writer)
    readers = {reader: name for name, (reader, _) in pipes.items()}
    end = _follow(pid, answer, readers, header, began + header["deadline_seconds"])
    _kill_all_below()
    if end is not None:
        end["seconds"] = time.monotonic() - began
        with contextlib.suppress(OSError):  # the host may have gone
            answer.sendall(json.dumps(end).encode())


def _follow(
    pid: int, answer: socket.socket, readers: dict[int, str], header: Any, deadline: float
) -> dict[str, Any] | None:
    """Wait for the importer's end. None: the host no longer wants to know."""
    kept = {name: bytearray() for name in readers.values()}
    poll = select.poll()
    for reader in readers:
        poll.register(reader, select.POLLIN)
    poll.register(answer, select.POLLIN)
    ended = os.pidfd_open(pid)
    poll.register(ended, select.POLLIN)
    hung = False
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            if hung:
                break
            # Its handler is in C, and tells the line even while no Python code can run.
            hung, deadline = True, time.monotonic() + DUMP_SECONDS
            os.kill(pid, signal.SIGUSR1)
            continue
        over = False
        for descriptor, _ in poll.poll(left * 1000):
            if descriptor == answer.fileno():
                return None  # it sends nothing after the request: this is its end
            if descriptor == ended:
                over = True
            elif not _keep(descriptor, kept[readers[descriptor]], header["output_bytes"]):
                poll.unregister(descriptor)
        if hung and kept["dump"].endswith(b"<module>\n"):
            break
        if over:
            break
    status = None
    if not hung:
        _, status = os.waitpid(pid, 0)
    for descriptor, name in readers.items():  # what was still in the pipes
        os.set_blocking(descriptor, False)
        while _keep(descriptor, kept[name], header["output_bytes"]):
            pass
    return {
        "hung": hung,
        "status": None if status is None else os.waitstatus_to_exitcode(status),
        **{name: bytes(data).decode(errors="replace") for name, data in kept.items()},
    }


def _keep(descriptor: int, kept: bytearray, limit: int) -> bool:
    """Read what is there, and keep it up to the limit: a full pipe would stop the importer."""
    try:
        data = os.read(descriptor, 65_536)
    except BlockingIOError:
        return False
    kept += data[: max(0, limit - len(kept))]
    return bool(data)


def _kill_all_below() -> None:
    """Kill the importer's session, and whatever left it, until nothing is left below."""
    for _ in range(KILL_ROUNDS):
        for child in _children(os.getpid()):
            with contextlib.suppress(OSError):
                os.killpg(child, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children(parent: int) -> Iterator[int]:
    try:
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except OSError:
        return
    yield from map(int, text.split())


def _exactly(stream: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = stream.recv(min(size - len(data), 1 << 20))
        if not chunk:
            os._exit(0)  # the host gave up
        data += chunk
    return bytes(data)


# -- the importer ------------------------------------------------------------------------


class Forked(BaseException):
    """The import forked the process: from then on there would be two hosts."""


def _import(
    header: Any,
    data: list[bytes],
    pipes: dict[str, tuple[int, int]],
    request: socket.socket,
    parent: int,
) -> None:
    os.setsid()
    _die_with_parent(parent)
    request.close()
    for reader, _ in pipes.values():
        os.close(reader)
    writers = {name: writer for name, (_, writer) in pipes.items()}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _redirect(writers.pop("output"))
    faulthandler.enable(writers["dump"])
    faulthandler.register(signal.SIGUSR1, writers["dump"], all_threads=False)
    _limit(header)
    os.environ.clear()
    os.environ.update(header["environ"])
    os.chdir(header["directory"])
    sys.path[:] = header["path"]
    snapshots = _snapshots(header, data)
    sources = {str(file.path) for each in snapshots for file in each.files.values()}
    sys.addaudithook(_forbid_fork)
    answer: dict[str, Any] = {}
    try:
        _execute(snapshots)
    except BaseException as error:
        answer = _told(error, sources)
    os.write(writers["report"], json.dumps(answer).encode())


class _Passengers:
    """The plugins that were sent along, as neighbours: each goes by the name of its module."""

    def __init__(self) -> None:
        self.namespaces: dict[str, Namespace] = {}

    def importable(self, top: str) -> Collection[str]:
        return {top} & self.namespaces.keys()

    def namespace(self, plugin: str) -> Namespace | None:
        return self.namespaces.get(plugin)


def _execute(snapshots: list[SourceSnapshot]) -> None:
    """Import the last of them; the others are the plugins that it may import."""
    passengers, codes = _Passengers(), CodeCache()
    for number, snapshot in enumerate(snapshots):
        declared = frozenset(passengers.namespaces) - {snapshot.top}
        namespace = Namespace(
            snapshot, number, codes, neighbours=passengers, declared=partial(frozenset, declared)
        )
        passengers.namespaces[snapshot.top] = namespace
    namespace.execute()


def _forbid_fork(event: str, _: tuple[Any, ...]) -> None:
    if event in {"os.fork", "os.forkpty"}:
        raise Forked("the import forks the process: from then on there would be two hosts")


def _redirect(output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it lives as long as the process
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def _limit(header: Any) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = (
        (resource.RLIMIT_AS, used + header["memory_bytes"]),
        (resource.RLIMIT_CPU, max(1, round(header["cpu_seconds"]))),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, value in limits:
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, hard))


def _snapshots(header: Any, data: list[bytes]) -> list[SourceSnapshot]:
    left = iter(data)
    found = []
    for each in header["snapshots"]:
        files = {}
        for name, path in each["files"]:
            content = next(left)
            digest = hashlib.sha256(content).hexdigest()
            files[name] = SourceFile(Path(path), content, digest)
        packages = frozenset(each["packages"])
        found.append(SourceSnapshot(each["top"], files, packages, each["sha256"]))
    return found


def _told(error: BaseException, sources: set[str]) -> dict[str, Any]:
    try:
        text = str(error)
    except BaseException as broken:  # a plugin's __str__ may raise anything
        text = f"(its text cannot be shown: __str__ raised {type(broken).__name__})"
    try:
        formatted = "".join(traceback.format_exception(error))
    except BaseException:
        formatted = ""
    file, line = None, None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename in sources:
            file, line = frame.f_code.co_filename, number
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    return {
        "type": type(error).__name__,
        "text": text[:TEXT_LIMIT],
        "forked": isinstance(error, Forked),
        "memory": isinstance(error, MemoryError),
        "missing": missing if isinstance(missing, str) else None,
        "file": file,
        "line": line,
        "traceback": formatted[-TRACEBACK_LIMIT:],
    }


def place_of(dump: str, sources: set[str]) -> tuple[str | None, int | None]:
    """The innermost place in a plugin's own sources of what faulthandler wrote."""
    for match in re.finditer(r'^  File "(.*)", line (\d+) in ', dump, re.MULTILINE):
        if match[1] in sources:
            return match[1], int(match[2])
    return None, None
