"""Dispatch alone: views, gates, mailboxes and counts, without an engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hot_reload.outcome import Role
from hot_reload.runtime.dispatch import (
    PATIENT_ROUNDS,
    Counts,
    Dispatch,
    Gate,
    Mailbox,
    View,
)
from hot_reload_fixtures import BareFault
from hot_reload_fixtures import Gate as Latch

CONTAINED = (ValueError, SystemExit, asyncio.CancelledError, BareFault)


def raising(kind: type[BaseException]) -> Callable[[Any], Any]:
    def write(event: Any) -> Any:
        raise kind("boom")

    return write


def gate(deliver: Callable[[Any], Any], counts: Counts, limit: int = 10) -> Gate:
    return Gate("sink", deliver, counts, limit, 30.0)


def test_counts_are_kept_over_threads_that_die() -> None:
    counts = Counts()
    for _ in range(3):
        threads = [threading.Thread(target=counts.accept) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(counts._cells) <= 12
    counts.accept()
    assert counts.accepted == 13
    assert len(counts._cells) <= 5  # those of the dead were folded


async def test_nothing_is_accepted_without_a_sink() -> None:
    dispatch = Dispatch(Counts())
    assert not dispatch.emit(1)
    assert dispatch.counts.accepted == 0
    assert dispatch.view.marks == []


@pytest.mark.parametrize("kind", CONTAINED, ids=lambda kind: kind.__name__)
async def test_a_raising_sink_costs_its_siblings_nothing(kind: type[BaseException]) -> None:
    dispatch, seen = Dispatch(Counts()), list[Any]()
    bad = dispatch.guarded("bad", raising(kind))
    dispatch.install(View(sinks=[("bad", bad), ("good", seen.append)]))
    assert dispatch.emit(1)
    assert seen == [1]
    assert dispatch.counts.dropped == {"bad": 1}
    assert dispatch.counts.errors == {"bad": 1}
    assert dispatch.view.marks == []


async def test_an_interrupt_reaches_the_producer_after_the_siblings_got_the_event() -> None:
    dispatch, seen = Dispatch(Counts()), list[Any]()
    bad = dispatch.guarded("bad", raising(KeyboardInterrupt))
    dispatch.install(View(sinks=[("bad", bad), ("good", seen.append)]))
    with pytest.raises(KeyboardInterrupt):
        dispatch.emit(1)
    assert seen == [1]
    assert dispatch.counts.dropped == {"bad": 1}
    assert dispatch.view.marks == []


@pytest.mark.parametrize("kind", CONTAINED, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("role", [Role.FILTER, Role.ENRICHER, Role.PROCESSOR, Role.REDACTOR])
async def test_a_raising_step_is_skipped_but_nothing_passes_a_raising_redactor(
    role: Role, kind: type[BaseException]
) -> None:
    dispatch, seen = Dispatch(Counts()), list[Any]()
    dispatch.install(View([(role, "step", raising(kind))], [("sink", seen.append)]))
    assert dispatch.emit("secret")
    assert dispatch.counts.errors == {"step": 1}
    if role is Role.REDACTOR:
        assert seen == []
        assert dispatch.counts.dropped == {"step": 1}
    else:
        assert seen == ["secret"]
        assert dispatch.counts.dropped_total == 0


async def test_an_interrupted_step_drops_the_event_and_says_so() -> None:
    dispatch, seen = Dispatch(Counts()), list[Any]()
    step = (Role.REDACTOR, "step", raising(KeyboardInterrupt))
    dispatch.install(View([step], [("sink", seen.append)]))
    with pytest.raises(KeyboardInterrupt):
        dispatch.emit("secret")
    assert (seen, dispatch.counts.dropped) == ([], {"step": 1})


async def test_steps_transform_in_order_and_a_filter_holds_back() -> None:
    dispatch, seen = Dispatch(Counts()), list[Any]()
    steps: list[tuple[Role, str, Callable[[Any], Any]]] = [
        (Role.FILTER, "odd", lambda event: event % 2),
        (Role.ENRICHER, "plus", lambda event: event + 10),
        (Role.REDACTOR, "text", str),
    ]
    dispatch.install(View(steps, [("sink", seen.append)]))
    assert [dispatch.emit(n) for n in range(4)] == [True] * 4
    assert seen == ["11", "13"]
    counts = dispatch.counts
    assert counts.filtered == {"odd": 2}
    assert counts.accepted == len(seen) + counts.filtered.total() + counts.dropped_total


async def test_a_drain_waits_for_those_inside_the_old_view_only() -> None:
    dispatch, inside, go = Dispatch(Counts()), Latch(), Latch()

    def slow(event: Any) -> None:
        inside.open()
        go.enter_blocking(30)

    dispatch.install(View(sinks=[("slow", slow)]))
    producer = threading.Thread(target=dispatch.emit, args=(1,))
    producer.start()
    await inside.enter()
    dispatch.install(View(sinks=[("fast", lambda event: None)]))
    drained = asyncio.create_task(dispatch.drained())
    for n in range(100):  # traffic in the new view does not hold the drain up, nor end it
        dispatch.emit(n)
        await asyncio.sleep(0)
    assert not drained.done()
    go.open()
    await drained
    producer.join()
    assert dispatch._retiring == []


async def test_a_producer_that_meets_a_swap_takes_its_mark_back() -> None:
    """Between reading the view and marking it another one is installed."""
    dispatch, seen = Dispatch(Counts()), list[str]()
    new = View(sinks=[("new", lambda event: seen.append("new"))])

    class Marks(list[None]):
        def append(self, mark: None) -> None:
            super().append(mark)
            if dispatch.view is old:
                dispatch.install(new)

    old = View(sinks=[("old", lambda event: seen.append("old"))])
    old.marks = Marks()
    dispatch.install(old)
    assert dispatch.emit(1)
    assert (seen, old.marks, new.marks) == (["new"], [], [])
    await dispatch.drained()


async def test_who_leaves_after_the_loop_is_closed_harms_nobody() -> None:
    loop = asyncio.new_event_loop()

    async def make() -> Dispatch:
        return Dispatch(Counts())

    dispatch = await asyncio.to_thread(loop.run_until_complete, make())
    old = dispatch.view
    old.marks.append(None)
    dispatch.install(View())
    loop.close()
    old.leave()


# The gate


def test_an_open_gate_is_no_obstacle() -> None:
    seen: list[int] = []
    gate(seen.append, Counts()).pass_(1)
    assert seen == [1]


def test_a_gate_holds_and_delivers_in_order_to_the_next() -> None:
    old: list[int] = []
    new: list[int] = []
    held = gate(old.append, Counts())
    held.close()
    for n in range(3):
        held.pass_(n)
    assert (old, new) == ([], [])
    held.open(new.append)
    held.pass_(3)
    assert (old, new) == ([], [0, 1, 2, 3])


def test_what_comes_while_a_gate_opens_queues_behind_what_waited() -> None:
    seen: list[int] = []
    held = gate(seen.append, Counts())

    def deliver(event: int) -> None:
        if event == 0:
            held.pass_(3)
        seen.append(event)

    held.close()
    for n in range(3):
        held.pass_(n)
    held.open(deliver)
    assert seen == [0, 1, 2, 3]


def test_a_full_gate_on_the_loops_thread_drops_and_counts() -> None:
    counts, seen = Counts(), list[int]()
    held = gate(seen.append, counts, limit=2)
    held.close()
    for n in range(5):
        held.pass_(n)
    held.open(seen.append)
    assert (seen, counts.dropped) == ([0, 1], {"sink": 3})


def test_a_full_gate_lets_a_thread_wait_for_room() -> None:
    counts, seen = Counts(), list[int]()
    held = gate(seen.append, counts, limit=1)
    held.close()
    held.pass_(0)
    waits = threading.Event()
    real = held._room.wait_for

    def wait_for(predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        waits.set()
        return real(predicate, timeout)

    held._room.wait_for = wait_for  # type: ignore[method-assign,assignment]
    producer = threading.Thread(target=held.pass_, args=(1,))
    producer.start()
    assert waits.wait(30)
    held.open(seen.append)
    producer.join()
    assert (seen, counts.dropped) == ([0, 1], {})


def test_a_threads_patience_ends() -> None:
    counts, seen = Counts(), list[int]()
    held = Gate("sink", seen.append, counts, 1, 0.001)
    held.close()
    held.pass_(0)
    producer = threading.Thread(target=held.pass_, args=(1,))
    producer.start()
    producer.join()
    held.open(seen.append)
    assert (seen, counts.dropped) == ([0], {"sink": 1})


def test_an_opening_gate_ends_under_traffic_that_never_does() -> None:
    seen: list[int] = []
    held = gate(seen.append, Counts(), limit=1000)
    sent = 0

    def deliver(event: int) -> None:
        nonlocal sent
        seen.append(event)
        if sent < 5 * PATIENT_ROUNDS:  # a sink that is fed while it is emptied
            sent += 1
            held.pass_(sent)

    held.close()
    held.pass_(0)
    held.open(deliver)
    assert seen == list(range(5 * PATIENT_ROUNDS + 1))
    held.pass_(99)
    assert seen[-1] == 99


def test_an_interrupt_from_a_held_event_does_not_stop_the_opening() -> None:
    counts, seen = Counts(), list[int]()

    def deliver(event: int) -> None:
        if event == 0:
            raise KeyboardInterrupt
        seen.append(event)

    held = gate(seen.append, counts)
    held.close()
    for n in range(3):
        held.pass_(n)
    held.open(deliver)
    assert seen == [1, 2]


# The mailbox


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def grace(task: asyncio.Task[None]) -> object:
    return await asyncio.wait({task})


async def test_a_mailbox_delivers_one_at_a_time_and_in_order() -> None:
    counts, seen, hold = Counts(), list[int](), Latch()
    box = Mailbox("sink", counts, 10)

    async def slow(event: int) -> None:
        await hold.enter()
        seen.append(event)

    for n in range(3):
        box.post(n)
    await settled()
    assert seen == []  # it waits for a target
    box.aim(slow)
    await hold.reached()
    await settled()
    assert hold.arrived == 1
    hold.open()
    await box.empty()
    assert seen == [0, 1, 2]
    await box.end(grace)


async def test_a_mailbox_has_a_limit_and_counts_what_it_drops() -> None:
    counts = Counts()
    box = Mailbox("sink", counts, 2)
    for n in range(5):
        box.post(n)
    assert counts.dropped == {"sink": 3}
    await box.end(grace)  # never aimed: nothing runs
    assert counts.dropped == {"sink": 5}


async def test_posting_from_a_thread_wakes_the_mailbox() -> None:
    seen: list[int] = []
    got = asyncio.Event()
    box = Mailbox("sink", Counts(), 10)

    async def write(event: int) -> None:
        seen.append(event)
        got.set()

    box.aim(write)
    await settled()
    producer = threading.Thread(target=box.post, args=(1,))
    producer.start()
    await got.wait()
    producer.join()
    assert seen == [1]
    await box.end(grace)


@pytest.mark.parametrize("swallows", [False, True])
async def test_a_hung_write_is_abandoned_and_the_rest_goes_on(swallows: bool) -> None:
    dispatch, seen, hold = Dispatch(Counts()), list[int](), Latch()
    box = Mailbox("sink", dispatch.counts, 10)

    async def write(event: int) -> None:
        if event == 0:
            try:
                await hold.enter()
            except asyncio.CancelledError:
                if not swallows:
                    raise
                await hold.enter()
                return
        seen.append(event)

    box.aim(dispatch.guarded_async("sink", write))
    for n in range(3):
        box.post(n)
    await hold.reached()
    box.abandon()
    await box.empty()
    assert seen == [1, 2]
    assert dispatch.counts.dropped == ({} if swallows else {"sink": 1})
    hold.open()
    await settled()
    box.post(3)
    await box.empty()
    assert seen == [1, 2, 3]
    await box.end(grace)


async def test_abandoning_a_mailbox_that_never_ran_does_nothing() -> None:
    box = Mailbox("sink", Counts(), 10)
    box.abandon()
    assert box._task is None


@pytest.mark.parametrize("kind", [*CONTAINED, KeyboardInterrupt], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("asynchronous", [True, False])
async def test_a_raising_write_does_not_end_the_mailbox(
    kind: type[BaseException], asynchronous: bool
) -> None:
    dispatch, seen = Dispatch(Counts()), list[int]()
    box = Mailbox("sink", dispatch.counts, 10)

    def write(event: int) -> Awaitable[None] | None:
        if event == 0 and not asynchronous:
            raise kind("boom")
        if asynchronous:
            return later(event)
        seen.append(event)
        return None

    async def later(event: int) -> None:
        if event == 0:
            raise kind("boom")
        seen.append(event)

    box.aim(dispatch.guarded_async("sink", write))
    box.post(0)
    box.post(1)
    await box.empty()
    assert (seen, dispatch.counts.dropped) == ([1], {"sink": 1})
    assert dispatch.counts.errors == {"sink": 1}
    await box.end(grace)


async def test_a_paused_and_an_orphaned_mailbox_keep_what_they_hold() -> None:
    seen: list[tuple[str, int]] = []
    box = Mailbox("sink", Counts(), 10)

    def target(name: str) -> Callable[[int], Awaitable[None]]:
        async def write(event: int) -> None:
            seen.append((name, event))

        return write

    box.aim(target("old"))
    box.post(0)
    await box.empty()
    box.pause()
    box.post(1)
    await settled()
    await box.idle()
    assert seen == [("old", 0)]
    box.orphan()
    box.post(2)
    await settled()
    assert seen == [("old", 0)]
    box.aim(target("new"))
    await box.empty()
    assert seen == [("old", 0), ("new", 1), ("new", 2)]
    await box.end(grace)


async def test_an_abandoned_write_that_ends_late_takes_up_nothing_more() -> None:
    dispatch, seen = Dispatch(Counts()), list[int]()
    first, second = Latch(), Latch()
    box = Mailbox("sink", dispatch.counts, 10)

    async def write(event: int) -> None:
        gate = first if event == 0 else second
        while not gate.is_open:
            try:
                await gate.enter()
            except asyncio.CancelledError:
                continue  # swallowed
        seen.append(event)

    box.aim(dispatch.guarded_async("sink", write))
    for n in range(3):
        box.post(n)
    await first.reached()
    box.abandon()
    await second.reached()
    first.open()  # two remain, and one of them is under way elsewhere
    await settled()
    assert seen == [0]
    assert second.arrived == 1
    second.open()
    await box.empty()
    assert seen == [0, 1, 2]
    await box.end(grace)
