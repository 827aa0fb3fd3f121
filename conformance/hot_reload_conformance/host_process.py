"""The host process: a host that runs in a process of its own, and says on its output how it is.

For an adapter of a server that is started anew at an edit::

    async def load(self, ref):
        command = [sys.executable, "-m", "server"]
        self.process = HostProcess(command, self.workdir, self.aside / "log")
        await self.process.says("ready", "Traceback", within_seconds=4)
        return "ready" in self.process.heard()

    async def reload(self, ref):
        async with self.waiting:                         # an asyncio.Lock: there is one log
            await self.process.looked(self.looks, times=2, or_says="reloading", within_seconds=8)
            if "reloading" not in self.process.said():
                return True                              # it has seen no edit
            await self.process.says("ready", "Traceback", after="reloading", within_seconds=8)
            return "ready" in self.process.heard(after="reloading")

``self.looks`` is a file to which the host adds a byte at the end of each look at the watched
files: let the program that starts it wrap the method that looks. To wait for a time instead
takes an edit for unseen that a busy machine has not come to.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

_LOOK_SECONDS = 0.01


class HostProcess:
    """Runs ``command`` in ``folder``, with its output in the file ``log``, and in a session of its
    own, so that its end is the end of its children too. Used from one event loop.

    ``environment`` is added to this process's own.

    Raises:
        OSError: ``command`` can't be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log
        self._heard_bytes = 0
        with log.open("wb") as output, _interrupts_reach_it():
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def log(self) -> str:
        """All that it has said."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def said(self, *, after: str = "") -> str:
        """What it has said since ``heard``; ``after``: since it last said that, if it did."""
        return _since(self._new().decode(errors="replace"), after)

    def heard(self, *, after: str = "") -> str:
        """The same, and take it for old from now on."""
        new = self._new()
        self._heard_bytes += len(new)
        return _since(new.decode(errors="replace"), after)

    def _new(self) -> bytes:
        return self._log.read_bytes()[self._heard_bytes :]

    async def says(self, *words: str, within_seconds: float, after: str = "") -> bool:
        """Whether it says one of ``words`` in time (see ``said``), and before it ends."""

        def holds() -> bool:
            said = self.said(after=after)
            return any(word in said for word in words)

        await until(lambda: holds() or not self.runs, within_seconds)
        return holds()

    async def looked(
        self, looks: Path, *, times: int, or_says: str = "", within_seconds: float
    ) -> None:
        """Wait until ``looks``, which grows by a byte at the end of each look of the host's at its
        files, has grown by ``times`` bytes, or the host has said ``or_says``, or has ended.

        A look may have begun before an edit: the second one has seen it. One that says what it
        saw only after it has ended has said so by the end of the third.

        Raises:
            TimeoutError: it runs, and does not look.
        """
        wanted = looks.stat().st_size + times

        def over() -> bool:
            enough = looks.stat().st_size >= wanted
            return enough or bool(or_says and or_says in self.said()) or not self.runs

        if not await until(over, within_seconds):
            raise TimeoutError(
                f"it has not looked at its files {times} times in {within_seconds:g} s"
            )

    async def end(self, *, within_seconds: float = 4.0) -> None:
        """Ask it to end, and where it has not in time, end it and its children."""
        self._process.terminate()
        await until(lambda: not self.runs, within_seconds)
        with contextlib.suppress(ProcessLookupError):  # nobody of its session is left
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@contextlib.contextmanager
def _interrupts_reach_it() -> Iterator[None]:
    """What a script starts in its background ignores interrupts, and so does all that this starts:
    a reloader that ends a server by one would wait for it, and find another verdict than at a
    terminal."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _since(text: str, mark: str) -> str:
    return text.rpartition(mark)[2] if mark else text


async def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Look every hundredth of a second whether ``holds``; False: it did not in time."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    while not holds():
        if loop.time() >= ends:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True
