"""What every variant of every check runs in: a folder, a loop and a deadline of its own.

Nothing that a subject does may reach the next variant: modules, paths, finders and
root handlers that came are taken away again, the working directory and the environment
are put back, leftover tasks are cancelled, and a blocked main thread is interrupted by a
timer signal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from hot_reload_conformance import probe
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.planned import PlannedBase, PlannedCancel, PlannedExit, PlannedInterrupt
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.verdict import Violation

PLANNED = (
    PlannedExit,
    PlannedInterrupt,
    PlannedCancel,
    PlannedBase,
)
"""What a plugin was made to raise that is no ``Exception``."""


class Overdue(BaseException):
    """Raised into a check that blocks the thread beyond its deadline."""


async def within(awaitable: Awaitable[None], seconds: float) -> None:
    """Await under a deadline; whatever it raises comes out here and not in the task.

    Raises:
        Violation: it did not end in time.
    """

    async def run() -> BaseException | None:
        try:
            await awaitable
        except BaseException as error:
            return error
        return None

    task = asyncio.ensure_future(run())
    done, _ = await patiently({task}, seconds)
    if not done:
        task.cancel()
        raise Violation(
            f"did not end within {seconds:g} s", expected="an end", seen="still waiting"
        )
    error = task.result()
    if error is not None:
        raise error


def run_in_own_loop(main: Callable[[], Awaitable[None]]) -> None:
    """Run ``main`` on a new loop; leftovers of the host are cancelled, quietly and in bounds."""

    async def entry() -> None:
        await main()

    with own_loop() as loop:
        loop.run_until_complete(entry())


@contextlib.contextmanager
def own_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A new loop; what the host leaves on it is cancelled, quietly and in bounds."""
    loop = asyncio.new_event_loop()
    # A host's forgotten exceptions are not the kit's to print; checks that are about them look.
    loop.set_exception_handler(lambda _loop, _context: None)
    try:
        yield loop
    finally:
        with contextlib.suppress(*PLANNED, RuntimeError):
            _clear(loop)
        loop.close()


def _clear(loop: asyncio.AbstractEventLoop) -> None:
    leftovers = [task for task in asyncio.all_tasks(loop) if not task.done()]
    for task in leftovers:
        task.cancel()
    if leftovers:
        loop.run_until_complete(asyncio.wait(leftovers, timeout=0.2))
    loop.run_until_complete(loop.shutdown_asyncgens())


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for the case's plugins; modules and paths that point into it go with it."""
    root = Path(tempfile.mkdtemp(prefix="hot-reload-")).resolve()
    paths, meta_path, handlers = list(sys.path), list(sys.meta_path), list(logging.root.handlers)
    bytecode = sys.dont_write_bytecode
    directory, environment = os.getcwd(), dict(os.environ)
    try:
        yield root
    finally:
        # First: a working directory that is about to be deleted would break all that follows.
        os.chdir(directory)
        if os.environ != environment:
            os.environ.clear()
            os.environ.update(environment)
        inside = f"{root}/"
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(inside):
                del sys.modules[name]
        sys.path[:], sys.meta_path[:], logging.root.handlers[:] = paths, meta_path, handlers
        sys.dont_write_bytecode = bytecode
        for path in [each for each in sys.path_importer_cache if each.startswith(str(root))]:
            del sys.path_importer_cache[path]
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def recording_installed() -> Iterator[Recording]:
    """A fresh recording, to which rendered plugins report."""
    recording = Recording()
    before = probe.install(recording)
    try:
        yield recording
    finally:
        recording.released.set()
        probe.install(before)


@contextlib.contextmanager
def alarm(seconds: float) -> Iterator[threading.Event]:
    """Interrupt a blocked main thread after ``seconds``; elsewhere nothing can.

    The event is set once it did.
    """
    fired = threading.Event()
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield fired
        return

    def overdue(_signal: int, _frame: FrameType | None) -> None:
        fired.set()
        raise Overdue

    # pytest-timeout uses the same timer for the whole item: what it had left is put back.
    before: Any = signal.signal(signal.SIGALRM, overdue)
    rest, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    if 0 < rest < seconds:  # the user's deadline comes first; his plugin raises right after
        signal.setitimer(signal.ITIMER_REAL, rest)
    began = time.monotonic()
    try:
        yield fired
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        left = rest - (time.monotonic() - began)
        if left > 0:
            signal.setitimer(signal.ITIMER_REAL, left)
        elif rest:
            signal.raise_signal(signal.SIGALRM)  # now: a moment later it hits pytest itself
        # A host that contains every exception contained this one too, and went on.
        if fired.is_set():
            raise Overdue


@contextlib.contextmanager
def user_interrupts() -> Iterator[None]:
    """Ctrl-C ends the run, also where a host contained the KeyboardInterrupt as a plugin's.

    Raises:
        KeyboardInterrupt: the process was sent SIGINT meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):
        yield  # the process ignores SIGINT, or dies of it: as its owner wants it
        return
    handler = before
    interrupted = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if interrupted:
            raise KeyboardInterrupt
