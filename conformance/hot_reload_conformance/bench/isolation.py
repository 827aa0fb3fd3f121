"""What every variant of every check runs in: a folder, a loop and a deadline of its own.

Nothing that a subject does may reach the next variant: modules, paths, finders and
root handlers that came are taken away again, the working directory and the environment
are put back, leftover tasks are cancelled, and a main thread that does not go on is interrupted
(``bench.alarm``).
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
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from hot_reload_conformance import probe
from hot_reload_conformance.bench.alarm import counted, goes_on, handler_of, set_handler
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
        with counted(loop):
            try:
                yield loop
            finally:
                with contextlib.suppress(*PLANNED, RuntimeError):
                    _clear(loop)
    finally:
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
    # Hypothesis reads every module that it takes for the project's own, and keeps it for good:
    # with all that its case has recorded. What lies in a folder of this name it leaves alone.
    root = Path(tempfile.mkdtemp(prefix="hot-reload-")).resolve() / "test"
    root.mkdir()
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
        shutil.rmtree(root.parent, ignore_errors=True)


@contextlib.contextmanager
def recording_installed() -> Iterator[Recording]:
    """A fresh recording, to which rendered plugins report."""
    goes_on()
    recording = Recording()
    before = probe.install(recording)
    try:
        yield recording
    finally:
        recording.released.set()
        probe.install(before)


@dataclass(slots=True)
class _Interrupts:
    came: bool = False


_kept: list[_Interrupts] = []


def user_goes_on() -> None:
    """Let no further case begin after a Ctrl-C that a host contained.

    Raises:
        KeyboardInterrupt: ``user_interrupts`` is to raise it.
    """
    if any(each.came for each in _kept):
        raise KeyboardInterrupt


@contextlib.contextmanager
def user_interrupts() -> Iterator[None]:
    """Ctrl-C ends the run, also where a host contained the KeyboardInterrupt as a plugin's.

    Raises:
        KeyboardInterrupt: the process was sent SIGINT meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = handler_of(signal.SIGINT)
    if not callable(before):
        yield  # the process ignores SIGINT, or dies of it: as its owner wants it
        return
    handler = before
    interrupts = _Interrupts()

    def note(number: int, frame: FrameType | None) -> None:
        interrupts.came = True
        handler(number, frame)

    _kept.append(interrupts)
    set_handler(signal.SIGINT, note)
    try:
        yield
    finally:
        set_handler(signal.SIGINT, before)
        _kept.pop()
        if interrupts.came:
            raise KeyboardInterrupt
