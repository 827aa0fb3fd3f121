"""The mailbox of an asynchronous sink alone, without an engine."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable

import pytest

from hot_reload.runtime.dispatch import Counts, Dispatch
from hot_reload.runtime.mailbox import Mailbox
from hot_reload_fixtures import BareFault
from hot_reload_fixtures import Gate as Latch

CAUGHT = (ValueError, SystemExit, asyncio.CancelledError, BareFault, KeyboardInterrupt)


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


@pytest.mark.parametrize("kind", CAUGHT, ids=lambda kind: kind.__name__)
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


async def test_a_mailbox_goes_on_after_an_interruption_and_counts_what_it_had_in_hand() -> None:
    """Memory runs out in the mailbox itself: what a sink raises is caught before it comes here."""
    counts, seen = Counts(), list[int]()

    async def target(event: int) -> None:
        if event == 1:
            raise MemoryError
        seen.append(event)

    mailbox = Mailbox("sink", counts, 10)
    for number in range(3):
        mailbox.post(number)
    mailbox.aim(target)
    first = mailbox._task
    assert first is not None
    await mailbox.empty()
    assert (seen, counts.dropped) == ([0, 2], {"sink": 1})
    assert isinstance(first.exception(), MemoryError)
    mailbox.post(3)
    await mailbox.empty()
    assert seen == [0, 2, 3]
    await mailbox.end(grace)
    await settled()
    assert mailbox._task is not None
    assert mailbox._task.done(), "what is ended by intent does not go on"


async def test_the_end_of_a_mailbox_counts_what_waits_and_not_what_is_under_way() -> None:
    """Whoever has that in hand, and will not be cancelled, may deliver it still."""
    counts, seen, latch = Counts(), list[int](), Latch()

    async def target(event: int) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await latch.enter()
        await go.wait()
        seen.append(event)

    async def impatient(task: asyncio.Task[None]) -> None:
        await asyncio.sleep(0)

    go = asyncio.Event()
    mailbox = Mailbox("sink", counts, 10)
    mailbox.aim(target)
    for number in range(3):
        mailbox.post(number)
    await latch.reached()
    task = mailbox._task
    assert task is not None
    await mailbox.end(impatient)
    assert counts.dropped == {"sink": 2}
    go.set()
    await asyncio.wait({task}, timeout=0)
    await settled()
    assert (seen, counts.dropped) == ([0], {"sink": 2})
    task.cancel()
    await asyncio.wait({task})
