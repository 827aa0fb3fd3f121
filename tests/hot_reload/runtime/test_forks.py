"""A child that is forked while another thread holds what it needs for an emit."""

from __future__ import annotations

import gc
import os
import signal
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hot_reload.runtime import forks
from hot_reload.runtime.dispatch import Counts, Gate

CHILD_SECONDS = 3


def in_child(work: Any) -> int:
    """How a forked child ended that did ``work``: 0, or the signal that ended its waiting."""
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(CHILD_SECONDS)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1]


@contextmanager
def held_elsewhere(lock: Any) -> Iterator[None]:
    """``lock`` is held by another thread."""
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_f34_a_child_counts_on_though_a_thread_was_counting() -> None:
    counts = Counts()

    def work() -> None:
        counts.filter("passes")
        assert counts.filtered == {"passes": 1}

    with held_elsewhere(counts._lock):
        assert in_child(work) == 0
    assert not counts.filtered


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_f34_a_child_delivers_on_though_a_thread_was_at_the_gate() -> None:
    seen: list[str] = []
    gate = Gate("kept", seen.append, Counts(), limit=5, patience_seconds=0)

    def work() -> None:
        gate.pass_("in the child")
        assert seen == ["in the child"]

    with held_elsewhere(gate._room):
        assert in_child(work) == 0
    assert seen == []


def test_f34_who_hears_of_forks_is_kept_alive_by_nobody() -> None:
    class Holder:
        def forked(self) -> None: ...

    holder = Holder()
    forks.call_in_children(holder)
    gone = weakref.ref(holder)
    del holder
    gc.collect()
    assert gone() is None
