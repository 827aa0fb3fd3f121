"""Synchronous hosts that hang: their thread never comes back, and the event loop with it.

No deadline of asyncio's can end that. They declare operations of a quarter of a second, so that
nobody waits long.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hot_reload_conformance.specimens.registry import specimen
from hot_reload_conformance.specimens.sync_host import SyncAdapter, SyncHost


class LocksTwice(SyncHost):
    """One lock around every operation, and it is no ``RLock``."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lock = threading.Lock()

    @contextmanager
    def alone(self, operation: str, name: str) -> Iterator[None]:
        with self.lock, super().alone(operation, name):
            yield


@specimen(
    "HR-SWAP-13",
    says="in LocksTwice.alone(): with self.lock, super().alone(operation, name):",
    bug="the lock of the loader is taken again by the plugin that it loads (hexchat/hexchat#1200)",
)
class LocksTwiceAdapter(SyncAdapter):
    name = "locks-twice"
    host_class = LocksTwice
    operation_deadline_seconds = 0.25


class KeepsItsLock(SyncHost):
    """What a failure passes by is never released."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lock = threading.Lock()

    def reload(self, name: str) -> list[str]:
        self.lock.acquire()
        warnings = super().reload(name)
        self.lock.release()
        return warnings


@specimen(
    "HR-ROLL-05",
    says="in KeepsItsLock.reload(): self.lock.acquire()",
    bug="acquire and release without a finally: the first failure is the last reload",
)
class KeepsItsLockAdapter(SyncAdapter):
    name = "keeps-its-lock"
    host_class = KeepsItsLock
    operation_deadline_seconds = 0.25


class WaitsInVain(SyncHost):
    """The error goes to whoever polls for errors, and is waited for from where nobody put it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.errors: queue.Queue[BaseException] = queue.Queue()

    def prepared(self, name: str, old: Any) -> Any:
        try:
            return super().prepared(name, old)
        except BaseException:
            while True:
                try:
                    raise self.errors.get()
                except BaseException:  # a bare except: whatever ends it is contained as well
                    pass


@specimen(
    "HR-ROLL-01",
    says="in WaitsInVain.prepared(): raise self.errors.get()",
    bug="a loop that nothing ends, around a queue that stays empty",
)
class WaitsInVainAdapter(SyncAdapter):
    name = "waits-in-vain"
    host_class = WaitsInVain
    operation_deadline_seconds = 0.25
