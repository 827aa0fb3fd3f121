"""Escapes: threads, sockets, processes and real time are told, with the place."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from hot_reload_conformance.simulation.failure import ESCAPE
from hot_reload_conformance.simulation.hunt import hunt
from hot_reload_conformance.simulation.simulate import run
from hot_reload_conformance.simulation.subject import MAIN, of_main


async def to_thread() -> None:
    await asyncio.to_thread(len, "x")


async def contained() -> None:
    try:
        await asyncio.to_thread(len, "x")
    except Exception:
        return  # a host that contains everything: what it does from here on proves nothing


async def connection() -> None:
    await asyncio.open_connection("localhost", 1)


async def process() -> None:
    await asyncio.create_subprocess_exec("true")


async def thread() -> None:
    worker = threading.Thread(target=len, args=("x",))
    worker.start()
    worker.join()


async def threadsafe() -> None:
    loop = asyncio.get_running_loop()

    def call() -> None:
        with pytest.raises(RuntimeError, match="another thread"):
            loop.call_soon_threadsafe(len, "x")

    worker = threading.Thread(target=call)
    worker.start()
    worker.join()


async def sleeping() -> None:
    time.sleep(0)  # noqa: ASYNC251  # that is what is to be found


async def reading() -> None:
    time.monotonic()


async def bound() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (to_thread, "a thread (run_in_executor)"),
        (contained, "a thread (run_in_executor)"),
        (connection, "a socket ("),
        (process, "a process (subprocess_exec)"),
        (thread, "a thread"),
        (threadsafe, "call_soon_threadsafe from another thread"),
        (sleeping, "real time (time.sleep)"),
        (reading, "real time (time.monotonic)"),
        (bound, "a socket (bind)"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_an_escape_is_told(main: Callable[[], Coroutine[Any, Any, None]], words: str) -> None:
    failure = run(main).failure
    assert failure is not None
    assert failure.kind == ESCAPE
    assert words in failure.message
    assert not failure.judges
    found = hunt(of_main(main), [MAIN], runs_per_script=4)
    assert found.found is None
    assert found.escaped is not None
    assert "not judged" in found.describe()


def test_the_place_is_the_subject_s_own() -> None:
    failure = run(sleeping).failure
    assert failure is not None
    assert "test_escape.py:" in failure.message


def test_the_fence_is_gone_after_the_run() -> None:
    before = time.sleep, time.monotonic, threading.Thread.start, vars(socket.socket).get("bind")
    run(sleeping)
    after = time.sleep, time.monotonic, threading.Thread.start, vars(socket.socket).get("bind")
    assert after == before
