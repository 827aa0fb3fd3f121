"""Gate: tasks and threads wait, arrivals are seen, cancellation leaves nothing."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hot_reload_fixtures import Gate


async def test_a_task_waits_until_the_gate_is_opened() -> None:
    gate = Gate()
    task = asyncio.create_task(gate.enter())
    await gate.reached()
    assert (gate.arrived, gate.waiting, task.done()) == (1, 1, False)
    gate.open()
    await task
    await gate.enter()
    assert (gate.arrived, gate.waiting, gate.is_open) == (2, 0, True)


async def test_reached_counts() -> None:
    gate = Gate()
    watcher = asyncio.create_task(gate.reached(2))
    tasks = [asyncio.create_task(gate.enter())]
    await gate.reached(1)
    assert not watcher.done()
    tasks.append(asyncio.create_task(gate.enter()))
    await watcher
    gate.open()
    await asyncio.gather(*tasks)


async def test_a_cancelled_task_leaves_the_queue() -> None:
    gate = Gate()
    task = asyncio.create_task(gate.enter())
    await gate.reached()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gate.waiting == 0


async def test_a_task_is_let_through_from_another_thread() -> None:
    gate = Gate()
    task = asyncio.create_task(gate.enter())
    await gate.reached()
    opener = threading.Thread(target=gate.open)
    opener.start()
    await task
    opener.join()


def test_a_thread_waits_too() -> None:
    gate = Gate()
    worker = threading.Thread(target=gate.enter_blocking)
    worker.start()
    gate.reached_blocking()
    assert gate.waiting == 1
    gate.open()
    worker.join()
    assert gate.waiting == 0


def test_blocking_has_a_limit_and_says_what_to_do() -> None:
    gate = Gate()
    with pytest.raises(TimeoutError, match="nobody opened the gate in 0 s"):
        gate.enter_blocking(timeout_seconds=0)
    assert gate.waiting == 0
    with pytest.raises(TimeoutError, match="1 of 2 arrived"):
        gate.reached_blocking(2, timeout_seconds=0)


def test_opening_for_a_waiter_whose_loop_is_closed_is_harmless() -> None:
    gate = Gate()
    loop = asyncio.new_event_loop()
    stuck = gate.enter()
    task = loop.create_task(stuck)
    loop.run_until_complete(gate.reached())
    loop.close()
    gate.open()
    assert not task.done()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # abandoned on purpose
    stuck.close()
