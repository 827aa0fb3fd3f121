"""Threads that never end are told, and the process ends without them, with its own exit status."""

from __future__ import annotations

import io
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hot_reload_conformance.bench.straggler import SHOWN, Stragglers, none_waited_for, told


@pytest.fixture
def lock() -> Iterator[threading.Lock]:
    """Held for the time of the test."""
    made = threading.Lock()
    with made:
        yield made


def stands(lock: threading.Lock) -> None:
    with lock:
        pass


def started(lock: threading.Lock, name: str, *, daemon: bool = False) -> threading.Thread:
    thread = threading.Thread(target=stands, args=(lock,), name=name, daemon=daemon)
    thread.start()
    return thread


def test_a_thread_in_a_lock_is_found_with_its_line(lock: threading.Lock) -> None:
    stragglers = Stragglers()
    started(lock, "worker")
    started(lock, "a daemon", daemon=True)
    (found,) = stragglers.found()
    assert str(found).startswith("'worker' at test_straggler.py:")
    assert str(found).endswith("in stands(): with lock:")


def test_what_was_there_before_or_ends_by_itself_is_none(lock: threading.Lock) -> None:
    started(lock, "before")
    stragglers = Stragglers()
    ends = threading.Thread(target=int)
    ends.start()
    python_s_own = threading.Thread(target=lock.acquire)
    python_s_own.start()
    assert stragglers.found() == []
    assert told([]) == ""


def test_of_many_some_are_shown(lock: threading.Lock) -> None:
    output = io.StringIO()
    with none_waited_for(output):
        for number in range(SHOWN + 2):
            started(lock, f"worker {number}")
    lines = output.getvalue().splitlines()
    assert lines[0].startswith(f"hot-reload: {SHOWN + 2} threads of what was judged never ended")
    assert len(lines) == SHOWN + 2
    assert lines[-1] == "  and 2 more"


def test_those_that_are_alike_are_told_once(lock: threading.Lock) -> None:
    stragglers = Stragglers()
    for _ in range(SHOWN + 2):
        started(lock, "worker")
    head, *lines = told(stragglers.found()).splitlines()
    assert f"{SHOWN + 2} threads" in head
    assert len(lines) == 1
    assert lines[0].startswith(f"  {SHOWN + 2} times 'worker' at test_straggler.py:")


PROGRAM = """
import asyncio, atexit, concurrent.futures, queue, sys, threading
from hot_reload_conformance.bench.straggler import none_waited_for

def stands():
    queue.Queue().get()

def thread():
    threading.Thread(target=stands, name="worker").start()

def pool():
    concurrent.futures.ThreadPoolExecutor(2).submit(stands)

def to_thread():
    loop = asyncio.new_event_loop()
    loop.run_in_executor(None, stands)
    loop.close()

atexit.register(print, "its atexit functions ran")
with none_waited_for():
    {how}()
ends = threading.Event()
threading.Thread(target=lambda: (ends.wait(), print("others are waited for"))).start()
ends.set()
sys.exit(7)
"""


@pytest.mark.parametrize("how", ["thread", "pool", "to_thread"])
def test_a_process_ends_all_the_same_with_its_own_status(how: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.format(how=how))
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert "in stands(): queue.Queue().get()" in done.stderr
    assert done.returncode == 7, done.stderr
    assert done.stdout.split("\n") == ["others are waited for", "its atexit functions ran", ""]


ADAPTER = """
import threading
from hot_reload_conformance.specimens.sync_host import SyncAdapter, SyncHost

LOCK = threading.Lock()
LOCK.acquire()

class Host(SyncHost):
    def load(self, name):
        threading.Thread(target=lambda: LOCK.acquire(), name="worker").start()
        return super().load(name)

class Adapter(SyncAdapter):
    name = "threaded"
    host_class = Host
"""

COMMAND = "from hot_reload_conformance.command import main; main()"


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "pytest", "--hot-reload-conformance", "-k", "HR-SWAP-03", "-p", "no:cacheprovider"],
        ["-c", COMMAND, "self-test", "threads:Adapter"],
    ],
    ids=["pytest", "hot-reload"],
)
def test_a_run_of_the_contract_ends(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "threads.py").write_text(textwrap.dedent(ADAPTER))
    (tmp_path / "pyproject.toml").write_text('[tool.hot-reload]\nhost = "threads:Adapter"\n')
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert "never ended, and would have kept this process from its end" in done.stderr
    assert " times 'worker' at threads.py:10, in Host.load.<locals>.<lambda>()" in done.stderr
    # That it leaves threads is the self-test's to say; the clause is about other things.
    assert done.returncode == (0 if "pytest" in command else 1), done.stdout + done.stderr
