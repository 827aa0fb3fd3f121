"""What an adapter left behind after ``close``: threads, tasks, processes, the working directory."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass
from pathlib import Path

_BENCH = str(Path(__file__).parent)
_ENDING_SECONDS = 0.5
_TURNS = 20
"""Of the loop, that cancelled tasks are given to end in."""


@dataclass(frozen=True)
class Holdings:
    """What this process holds at a moment."""

    threads: frozenset[threading.Thread] = frozenset()
    tasks: frozenset[asyncio.Task[object]] = frozenset()
    processes: frozenset[int] = frozenset()
    directory: str = ""

    @classmethod
    def now(cls) -> Holdings:
        """Tasks only where a loop runs: those on it that are not the kit's own."""
        return cls(
            # A loop's own executor ends with the loop, which is the kit's.
            threads=frozenset(
                each for each in threading.enumerate() if not each.name.startswith("asyncio_")
            ),
            tasks=_tasks(),
            processes=frozenset(_children()),
            directory=os.getcwd(),
        )

    def left_since(self, before: Holdings) -> list[str]:
        """In words, what came after ``before`` and is still there."""
        threads = self.threads - before.threads
        for each in threads:
            each.join(_ENDING_SECONDS)  # told to end, it may need a moment
        found = [f"the thread {each.name!r}" for each in threads if each.is_alive()]
        found += [f"the task {_of(each)}" for each in self.tasks - before.tasks]
        found += [f"the process {each}" for each in sorted(self.processes - before.processes)]
        if self.directory != before.directory:
            found.append(f"another working directory ({self.directory})")
        return found


async def settled() -> None:
    """Give what was cancelled or told to end the turns of the loop that it needs."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _tasks() -> frozenset[asyncio.Task[object]]:
    try:
        found = asyncio.all_tasks()
    except RuntimeError:
        return frozenset()
    return frozenset(each for each in found if not _file_of(each).startswith(_BENCH))


def _file_of(task: asyncio.Task[object]) -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return str(getattr(code, "co_filename", ""))


def _of(task: asyncio.Task[object]) -> str:
    coroutine = task.get_coro()
    return getattr(coroutine, "__qualname__", "") or task.get_name()


def _children() -> list[int]:
    """The running children of this process, where the system tells them in files (Linux)."""
    found: list[int] = []
    for file in Path("/proc/self/task").glob("*/children"):
        try:
            found += [int(each) for each in file.read_text().split()]
        except OSError:
            continue  # the thread ended meanwhile
    return [each for each in found if not _ended(each)]


def _ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state == "Z"
