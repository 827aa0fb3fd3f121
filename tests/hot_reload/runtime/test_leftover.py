"""Leftovers: a task that a plugin started by itself and forgot is told, with its line."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from hot_reload import Engine, Settings
from hot_reload.runtime.leftover import TOLD_LIMIT

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench

SOURCE = """
import asyncio

class Counter:
    version = "1.0"

    async def start(self):
        self.tasks = [asyncio.create_task(self.poll(), name=f"poll {{n}}") for n in range({tasks})]
        await asyncio.sleep(0)

    async def poll(self):
        await asyncio.Event().wait()

    {stop}
"""
ENDS = "def stop(self):\n        for task in self.tasks:\n            task.cancel()"


def end_all() -> None:
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        if task.get_name().startswith("poll"):
            task.cancel()


async def test_r8_a_forgotten_task_is_told_with_its_line(bench: Bench) -> None:
    path = bench.plugins.write("counter", SOURCE.format(tasks=1, stop=""))
    async with Engine() as engine:
        (await engine.load(path)).unwrap()
        outcome = await engine.reload("counter", force=True)
        assert outcome.success
        (warning,) = outcome.warnings
        assert warning.cause == "task 'poll 0' of its own goes on after its end"
        lines = path.read_text().splitlines()
        assert warning.line is not None
        assert "Event().wait()" in lines[warning.line - 1]
        assert "context.spawn" in (warning.hint or "")
        end_all()


async def test_one_that_its_stop_cancels_is_none(bench: Bench) -> None:
    path = bench.plugins.write("counter", SOURCE.format(tasks=3, stop=ENDS))
    async with Engine() as engine:
        (await engine.load(path)).unwrap()
        assert (await engine.reload("counter", force=True)).warnings == ()


TOLD_TO_END = """
import asyncio

class Counter:
    version = "1.0"

    def start(self):
        self.queue = asyncio.Queue()
        self.task = asyncio.create_task(self.work())

    async def work(self):
        while await self.queue.get() is not None:
            pass
        await asyncio.sleep(0)

    def write(self, event):
        self.queue.put_nowait(event)

    def stop(self):
        self.queue.put_nowait(None)
"""


async def test_one_that_its_stop_tells_to_end_is_none(bench: Bench) -> None:
    """As workers of queues are ended: it takes them a few turns of the loop."""
    path = bench.plugins.write("counter", TOLD_TO_END)
    async with Engine() as engine:
        (await engine.load(path)).unwrap()
        assert (await engine.reload("counter", force=True)).warnings == ()


async def test_many_are_cut(bench: Bench) -> None:
    path = bench.plugins.write("counter", SOURCE.format(tasks=TOLD_LIMIT + 3, stop=""))
    async with Engine() as engine:
        (await engine.load(path)).unwrap()
        assert len((await engine.unload("counter")).warnings) == TOLD_LIMIT
        end_all()


async def test_nobody_looks_where_nothing_is_async(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked() -> None:
        raise AssertionError("it looked at every task")

    text = "class Counter:\n    version = '1'\n    def handle(self, request): ...\n"
    path = bench.plugins.write("counter", text)
    async with Engine() as engine:
        (await engine.load(path)).unwrap()
        monkeypatch.setattr(asyncio, "all_tasks", looked)
        assert (await engine.reload("counter", force=True)).success
        monkeypatch.undo()


THREADED = """
import threading

class Counter:
    version = "1.0"
    go = None

    def start(self):
        self.go = threading.Event()
        self.thread = threading.Thread(target=self.poll, name="poll", daemon=True)
        self.thread.start()

    def poll(self):
        self.go.wait()

    {stop}
"""


@pytest.mark.parametrize("fails", [False, True])
async def test_c4_r8_a_thread_that_goes_on_after_the_end_is_told_with_its_line(
    bench: Bench, fails: bool
) -> None:
    path = bench.plugins.write("counter", "class Counter:\n    version = '0.9'\n    go = None\n")
    async with Engine(settings=Settings(cancel_grace_seconds=0.001)) as engine:
        (await engine.load(path)).unwrap()
        after = "" if not fails else "def on_reload(self): raise ValueError"
        bench.plugins.write("counter", THREADED.format(stop=after))
        outcome = await engine.reload("counter")
        assert outcome.success is not fails
        if not fails:
            assert outcome.warnings == ()
            thread = engine.plugin("counter").thread
            outcome = await engine.reload("counter", force=True)
        else:
            thread = next(each for each in threading.enumerate() if each.name.startswith("poll"))
        (warning,) = outcome.warnings
        assert warning.cause == "thread 'poll' runs its code on after its end"
        assert (warning.file, warning.line) == (str(path), 13)
        assert "join" in (warning.hint or "")
        go = thread._target.__self__.go
        go.set()
        thread.join()
        if not fails:
            go = engine.plugin("counter").go
            thread = engine.plugin("counter").thread
        go.set()
        thread.join()


async def test_c4_r8_a_thread_that_its_stop_ends_is_none(bench: Bench) -> None:
    path = bench.plugins.write("counter", THREADED.format(stop="def stop(self): self.go.set()"))
    async with Engine() as engine:
        (await engine.load(path)).unwrap()
        thread = engine.plugin("counter").thread
        assert (await engine.reload("counter", force=True)).warnings == ()
        thread.join()
        assert (await engine.unload("counter")).warnings == ()


async def test_i18_a_thread_that_a_failed_import_began_is_told(bench: Bench) -> None:
    path = bench.plugins.write("counter", THREADED.format(stop="") + "Counter().start()\n1 / 0\n")
    async with Engine(settings=Settings(cancel_grace_seconds=0.001)) as engine:
        outcome = await engine.load(path)
        assert not outcome.success
        assert [each.cause for each in outcome.warnings] == [
            "thread 'poll' runs its code on after its end"
        ]
    (thread,) = (each for each in threading.enumerate() if each.name == "poll")
    thread._target.__self__.go.set()  # type: ignore[attr-defined]
    thread.join()
