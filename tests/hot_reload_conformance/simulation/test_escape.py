"""Escapes: threads, sockets, processes and real time are told, with the place."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from hot_reload_conformance.simulation.failure import ESCAPE
from hot_reload_conformance.simulation.hunt import hunt
from hot_reload_conformance.simulation.script import Op, Script
from hot_reload_conformance.simulation.simulate import run, simulate
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


class Threaded:
    """A subject with a thread of its own, which ``close`` ends."""

    def __init__(self, where: str = "open") -> None:
        self.where = where
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.over.wait)
        self.closed = 0

    def begin(self, where: str) -> None:
        if where == self.where:
            self.thread.start()

    async def open(self) -> None:
        self.begin("open")
        await asyncio.sleep(0)

    async def perform(self, op: Op) -> None:
        self.begin("perform")
        await asyncio.Event().wait()

    def look(self) -> None: ...

    async def finish(self) -> None: ...

    async def close(self) -> None:
        self.closed += 1
        if self.where == "close":
            self.thread.start()
            await asyncio.sleep(0)  # here it is seen
        await asyncio.sleep(3600)
        self.over.set()
        self.thread.join()

    def story(self) -> tuple[str, ...]:
        return ()


@pytest.mark.parametrize("where", ["open", "perform", "close"])
def test_who_left_is_closed_once_as_no_loop_ends_a_thread(where: str) -> None:
    subject = Threaded(where)
    script = Script((), ()) if where == "close" else Script.parse("op")
    failure = simulate(lambda: contextlib.nullcontext(subject), script).failure
    assert failure is not None
    assert (failure.kind, subject.closed) == (ESCAPE, 1)
    assert not subject.thread.is_alive()


def test_a_close_that_fails_or_never_ends_changes_nothing() -> None:
    class Hangs(Threaded):
        async def close(self) -> None:
            self.over.set()
            await asyncio.Event().wait()

    class Raises(Threaded):
        async def close(self) -> None:
            self.over.set()
            raise SystemExit(3)

    for each in (Hangs, Raises):
        subject = each()
        failure = simulate(lambda: contextlib.nullcontext(subject), "op").failure  # noqa: B023
        assert failure is not None
        assert failure.kind == ESCAPE
        assert "a thread at" in failure.message


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer signal")
def test_a_close_that_blocks_is_interrupted_and_it_is_an_escape_all_the_same() -> None:
    class Blocks(Threaded):
        blocked_seconds = 0.1

        async def close(self) -> None:
            time.monotonic()  # it was over by then
            try:
                self.thread.join()
            finally:
                self.over.set()

    failure = simulate(lambda: contextlib.nullcontext(Blocks()), "op").failure
    assert failure is not None
    assert failure.kind == ESCAPE
    assert "a thread at" in failure.message
    assert "real time" not in failure.message
