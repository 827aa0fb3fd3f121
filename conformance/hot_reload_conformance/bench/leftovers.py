"""Leftovers: what the process holds more than before, in the parts that the contract names."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Mapping

from hot_reload_conformance.bench.hold import turns
from hot_reload_fixtures.census import Census, Difference

PARTS: Mapping[str, str] = {
    "thread": "threads",
    "task": "tasks",
    "file descriptor": "file descriptors",
    "child process": "child processes",
    "module in sys.modules": "modules in sys.modules",
    "sys.path entry": "sys.path entries",
    "sys.meta_path finder": "finders on sys.meta_path",
    "logging handler": "logging handlers",
    "warnings filter": "warnings filters",
    "atexit callback": "atexit callbacks",
    "signal handler": "signal handlers",
}


@contextlib.contextmanager
def only_new_objects() -> Iterator[None]:
    """Leave what exists now out of garbage collections meanwhile: they get ten times faster."""
    mine = gc.get_freeze_count() == 0
    if mine:
        gc.freeze()
    try:
        yield
    finally:
        if mine:
            gc.unfreeze()


async def census() -> Census:
    """The census of a host at rest: what is about to end anyway has had its turns."""
    await turns()
    return Census.take()


def grown(before: Census, after: Census, *, rounds: int = 1) -> list[str]:
    """The parts that grew by at least one for each of ``rounds``, in words.

    A cache that is filled once is no growth: with more rounds it stays below.
    """
    growth = Census.growth(before, after, ignoring=_bounded)
    return [
        each.describe() for each in growth.differences if each.part in PARTS and _by(each) >= rounds
    ]


def _by(difference: Difference) -> int:
    if difference.part == "signal handler" and difference.changed:
        # There is one handler for a signal: a changed one is a leftover at once.
        return 1_000_000
    return len(difference.added) - len(difference.removed)


def _bounded(part: str, label: str) -> bool:
    # Workers of the event loop's own executor: at most a few, and theirs to keep.
    return part == "thread" and label.startswith("'asyncio_")
