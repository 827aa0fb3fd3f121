"""Turns: one after the other, and nobody waits for whoever is gone."""

from __future__ import annotations

import asyncio

import pytest

from hot_reload.runtime.turns import Turn, Turns
from hot_reload_fixtures import Gate


async def test_a_turn_is_had_by_one_at_a_time_in_the_order_of_asking() -> None:
    turns = Turns()
    order: list[str] = []
    gate = Gate()

    async def work(name: str) -> None:
        async with turns.of(lambda: ["counter"]):
            order.append(f"{name} in")
            await gate.enter()
            order.append(f"{name} out")

    tasks = [asyncio.create_task(work(name)) for name in "abc"]
    await gate.reached()
    async with turns.of(lambda: ["other"]):  # names do not wait for each other
        assert order == ["a in"]
    tasks[1].cancel()
    gate.open()
    await asyncio.wait(tasks)
    assert order == ["a in", "a out", "c in", "c out"]
    assert turns.tasks == set()
    assert turns._queues == {}  # nothing is kept of a name that nobody uses


async def test_a_turn_on_many_is_had_when_all_of_them_are_free() -> None:
    turns, order, gate = Turns(), [], Gate()

    async def work(label: str, *names: str) -> None:
        async with turns.of(lambda: names):
            order.append(label)
            await gate.enter()

    tasks = [
        asyncio.create_task(work(label, *names))
        for label, names in {"b": "b", "ab": "ab", "ba": "ba", "c": "c"}.items()
    ]
    await gate.reached()
    assert order == ["b", "c"]
    gate.open()
    await asyncio.wait(tasks)
    assert order == ["b", "c", "ab", "ba"]
    assert turns.tasks == set()
    assert turns._queues == {}


async def test_a_turn_is_on_what_the_names_are_when_it_comes() -> None:
    turns, order, gate = Turns(), [], Gate()
    names = ["a"]

    async def first() -> None:
        async with turns.of(lambda: ["a"]):
            names.append("b")
            await gate.enter()

    async def second() -> None:
        async with turns.of(lambda: names):
            order.append("second")

    tasks = [asyncio.create_task(first()), asyncio.create_task(second())]
    await gate.reached()
    async with turns.of(lambda: ["b"]):
        gate.open()
        await asyncio.wait(tasks[:1])
        await asyncio.sleep(0)
        assert order == []  # it waits for b as well now
    await asyncio.wait(tasks)
    assert order == ["second"]
    assert turns.tasks == set()
    assert turns._queues == {}


async def test_a_turn_ends_with_its_task_whatever_became_of_its_leaving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a signal strikes at the very line that leaves."""
    turns, order, gate = Turns(), [], Gate()

    async def work(name: str) -> None:
        async with turns.of(lambda: ["counter"]):
            order.append(name)
            await gate.enter()

    tasks = [asyncio.create_task(work(name)) for name in "abc"]
    await gate.reached()
    leave = Turn._leave
    lost = tasks[:2]
    monkeypatch.setattr(Turn, "_leave", lambda turn: turn.task in lost or leave(turn))
    tasks[1].cancel()  # it stands there still, and is nobody any more
    await asyncio.wait(tasks[1:2])
    gate.open()
    for _ in range(10):
        await asyncio.sleep(0)
    assert order == ["a", "c"]
    assert all(task.done() for task in tasks)
    assert turns._queues == {}


async def test_who_has_a_turn_or_waits_for_one() -> None:
    turns, gate = Turns(), Gate()

    async def work() -> None:
        async with turns.of(lambda: ["a", "b"]):
            await gate.enter()

    tasks = {asyncio.create_task(work()) for _ in range(3)}
    await gate.reached()
    assert turns.tasks == tasks
    gate.open()
    await asyncio.wait(tasks)
    assert turns.tasks == set()


async def test_who_is_cancelled_while_he_waits_holds_up_nobody_behind_him() -> None:
    turns, order, gate = Turns(), [], Gate()

    async def work(label: str, *names: str) -> None:
        async with turns.of(lambda: names):
            order.append(label)
            await gate.enter()

    first = asyncio.create_task(work("b", "b"))
    await gate.reached()
    both = asyncio.create_task(work("ab", "a", "b"))  # it has a, and waits for b
    await asyncio.sleep(0)
    last = asyncio.create_task(work("a", "a"))
    await asyncio.sleep(0)
    both.cancel()
    await asyncio.wait({both})
    gate.open()
    await asyncio.wait({first, last})
    assert order == ["b", "a"]
    assert turns._queues == {}


async def test_names_that_cannot_be_told_leave_nothing_behind() -> None:
    turns = Turns()
    answers = [["a", "b"]]
    with pytest.raises(IndexError):
        await turns.of(lambda: answers.pop()).__aenter__()
    assert turns._queues == {}


async def test_a_name_that_comes_while_one_waits_is_waited_for_too() -> None:
    """What it had is free again meanwhile: whoever stands behind does not wait for nothing."""
    turns, order = Turns(), list[str]()
    names = ["b"]
    on_a, on_b = Gate(), Gate()

    async def work(label: str, name: str, gate: Gate) -> None:
        async with turns.of(lambda: [name]):
            await gate.enter()
            order.append(label)

    async def grown() -> None:
        async with turns.of(lambda: names):
            order.append(f"grown {sorted(names)}")

    first = [asyncio.create_task(work("a", "a", on_a)), asyncio.create_task(work("b", "b", on_b))]
    await on_a.reached()
    await on_b.reached()
    waiting = asyncio.create_task(grown())
    await asyncio.sleep(0)
    names.append("a")
    on_b.open()
    await asyncio.wait(first[1:])
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    async with turns.of(lambda: ["b"]):
        order.append("free")
    on_a.open()
    await asyncio.wait({waiting, *first})
    assert order == ["b", "free", "a", "grown ['a', 'b']"]
    assert turns._queues == {}


async def test_who_gives_up_leaves_the_queues_that_he_had_not_come_to() -> None:
    turns, gate = Turns(), Gate()

    async def work(*names: str) -> None:
        async with turns.of(lambda: names):
            await gate.enter()

    tasks = [asyncio.create_task(work("b")), asyncio.create_task(work("c"))]
    await gate.reached()
    waiting = asyncio.create_task(work("a", "b", "c"))
    await asyncio.sleep(0)  # it has a, waits for b, and does not stand in the queue of c yet
    assert {name: len(queue) for name, queue in turns._queues.items()} == {"a": 1, "b": 2, "c": 1}
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert {name: len(queue) for name, queue in turns._queues.items()} == {"b": 1, "c": 1}
    gate.open()
    await asyncio.wait(tasks)
    assert turns._queues == {}
