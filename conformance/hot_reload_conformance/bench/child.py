"""A case in a forked child, for plugins that may take their whole process with them.

The child makes a fresh host and runs a script on it; what the script answers
crosses a pipe as JSON. The parent waits with a deadline, and kills the child and
whatever it started. Where there is no ``fork`` nothing can be judged this way.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import json
import os
import resource
import signal
import sys
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from hot_reload_conformance.adapter import HostAdapter, Ports
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.probe import install
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.verdict import CannotJudge, KitError

Script: TypeAlias = Callable[[Case], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Died:
    """The child ended without an answer. ``how`` is in words."""

    how: str


async def in_child(
    make: Callable[[], HostAdapter],
    script: Script,
    workdir: Path,
    *,
    deadline_seconds: float,
    extra_memory_bytes: int,
) -> dict[str, Any] | Died:
    """Run ``script`` on a case of a fresh host in a child process; what it answered.

    The host finds its plugins in ``workdir``, which is the parent's to remove.
    ``extra_memory_bytes`` is how much address space the child may add to what it
    has; its own children inherit the limit.

    Raises:
        CannotJudge: this system has no fork.
        KitError: the script or the adapter broke.
    """
    if not hasattr(os, "fork"):
        raise CannotJudge("this system has no fork: a hostile import cannot be tried in safety")
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns where other threads run: the child calls nothing of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os.close(reading)
        _be_the_child(lambda: _run(make, script, workdir), writing, extra_memory_bytes)
    os.close(writing)
    try:
        text = await _read_all(reading, deadline_seconds)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)  # noqa: ASYNC222  (it was killed: this ends at once)
    if text is None:
        return Died(f"it did not come back within {deadline_seconds:g} s")
    if not text.endswith(b"\n"):
        return Died(_how(status))
    answer: dict[str, Any] = json.loads(text)
    if "kit-error" in answer:
        raise KitError(answer["kit-error"])
    return answer


async def _read_all(descriptor: int, deadline_seconds: float) -> bytes | None:
    """What comes until the pipe's end or a whole line; None: the deadline came first."""
    loop = asyncio.get_running_loop()
    parts: list[bytes] = []
    ended = loop.create_future()

    def ready() -> None:
        part = os.read(descriptor, 65536)
        parts.append(part)
        # Not the end alone: a process that the child left behind may hold the pipe open.
        if (not part or part.endswith(b"\n")) and not ended.done():
            ended.set_result(None)

    loop.add_reader(descriptor, ready)
    try:
        done, _ = await asyncio.wait({ended}, timeout=deadline_seconds)
    finally:
        loop.remove_reader(descriptor)
    return b"".join(parts) if done else None


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"its process was killed by signal {number} ({signal.Signals(number).name})"
    return f"its process ended with status {os.WEXITSTATUS(status)}"


def _be_the_child(
    run: Callable[[], dict[str, Any]], writing: int, extra_memory_bytes: int
) -> NoReturn:
    """Never returns: nothing of the parent's, such as its clean-up, may run here."""
    answer: dict[str, Any] = {"kit-error": "the child ended before its script"}
    try:
        os.setsid()
        faulthandler.disable()  # a crash here is the plugin's, and told in words
        signal.setitimer(signal.ITIMER_REAL, 0)
        _limit_memory(extra_memory_bytes)
        silence = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silence, descriptor)
        answer = run()
    except BaseException as error:
        answer = {"kit-error": f"in the child: {type(error).__name__}: {error}"}
    finally:
        with contextlib.suppress(BaseException):
            os.write(writing, json.dumps(answer).encode() + b"\n")
        os._exit(0)


def _run(make: Callable[[], HostAdapter], script: Script, workdir: Path) -> dict[str, Any]:
    recording = Recording()
    install(recording)
    answer: dict[str, Any] = {}

    async def main() -> None:
        case = Case(make(), recording, workdir, Ports())
        await case.adapter.open(workdir, case.ports)
        answer.update(await script(case))

    # The forked copy of the parent's loop is left alone; its thread has a new one here.
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    return answer


def _limit_memory(extra_bytes: int) -> None:
    try:
        with open("/proc/self/statm") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return  # no such file off Linux, where the limit is not kept either
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + extra_bytes
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def peak_memory_bytes() -> int:
    """The most memory that this very process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
