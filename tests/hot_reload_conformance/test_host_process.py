"""The host process: what it says is heard in time, and nothing of it outlives its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hot_reload_conformance.host_process import HostProcess, until

PATIENCE_SECONDS = 20.0
TALKS = "import sys\nfor line in ['one', 'ready', 'again', 'two']: print(line, flush=True)\n"
WAITS = (
    "import os, time\nprint('up', os.environ['WORD'], os.getcwd(), flush=True)\ntime.sleep(600)\n"
)
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, "up", flush=True)
time.sleep(600)
"""

LOOKS = """
import os, time
for number in (1, 2):
    while not os.path.exists(str(number)): time.sleep(0.001)
    with open("looks", "ab") as looks: looks.write(b".")
while not os.path.exists("seen"): time.sleep(0.001)
print("seen", flush=True)
time.sleep(600)
"""


def _process(folder: Path, text: str, **environment: str) -> HostProcess:
    command: Sequence[str] = [sys.executable, "-c", text]
    return HostProcess(command, folder, folder / "log", environment)


async def test_what_it_says_is_heard_once(tmp_path: Path) -> None:
    process = _process(tmp_path, TALKS)
    assert await process.says("two", within_seconds=PATIENCE_SECONDS)
    assert process.said(after="ready\n") == "again\ntwo\n"
    assert process.said(after="never said") == process.said() == "one\nready\nagain\ntwo\n"
    assert process.heard(after="again\n") == "two\n"
    assert process.said() == ""
    assert process.log == "one\nready\nagain\ntwo\n"
    await process.end()


async def test_nobody_waits_for_one_that_has_ended(tmp_path: Path) -> None:
    process = _process(tmp_path, "raise SystemExit('no port')")
    assert not await process.says("ready", within_seconds=1_000_000.0)
    assert process.said() == "no port\n"
    assert not process.runs
    await process.end()


async def test_as_many_looks_are_waited_for_as_are_wanted(tmp_path: Path) -> None:
    process, looks = _process(tmp_path, LOOKS), tmp_path / "looks"
    looks.touch()
    waiting = asyncio.create_task(
        process.looked(looks, times=2, or_says="seen", within_seconds=PATIENCE_SECONDS)
    )
    await asyncio.sleep(0)
    (tmp_path / "1").touch()
    assert await until(lambda: looks.stat().st_size == 1, PATIENCE_SECONDS)
    assert not waiting.done()
    (tmp_path / "2").touch()
    await waiting
    with pytest.raises(TimeoutError, match=r"has not looked at its files 1 times in 0\.05 s"):
        await process.looked(looks, times=1, within_seconds=0.05)
    (tmp_path / "seen").touch()
    await process.looked(looks, times=1, or_says="seen", within_seconds=PATIENCE_SECONDS)
    assert process.said() == "seen\n"
    await process.end(within_seconds=PATIENCE_SECONDS)
    await process.looked(looks, times=1, within_seconds=PATIENCE_SECONDS)


async def test_it_runs_in_its_folder_with_what_is_added_to_the_environment(tmp_path: Path) -> None:
    process = _process(tmp_path, WAITS, WORD="hello")
    assert await process.says("\n", within_seconds=PATIENCE_SECONDS)
    assert process.said() == f"up hello {tmp_path}\n"
    assert process.runs
    await process.end(within_seconds=PATIENCE_SECONDS)
    assert not process.runs


async def test_the_end_is_that_of_its_children_and_of_who_will_not(tmp_path: Path) -> None:
    process = _process(tmp_path, STUBBORN)
    assert await process.says("up", within_seconds=PATIENCE_SECONDS)
    child = int(process.said().split()[1])
    await process.end(within_seconds=0.0)
    assert not process.runs
    assert await until(lambda: not _alive(child), PATIENCE_SECONDS)


async def test_an_interrupt_reaches_it_though_this_process_ignores_them(tmp_path: Path) -> None:
    """As pytest does that a script started in its background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        program = "import signal; print(signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)"
        process = HostProcess([sys.executable, "-c", program], tmp_path, tmp_path / "log")
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert await process.says("True", within_seconds=10)
    await process.end()


def test_what_cannot_be_started_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-server"):
        HostProcess(["no-such-server"], tmp_path, tmp_path / "log")


def _alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    # Nobody here waits for it: what may be left of it, where no init does either, is its entry.
    entry = Path(f"/proc/{number}/stat")
    return not entry.exists() or entry.read_text().rpartition(")")[2].split()[0] != "Z"
