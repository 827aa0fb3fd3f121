"""LifecycleRecorder: order, queries, readable failures, and no reference to a plugin."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hot_reload_fixtures import LifecycleEntry, LifecycleRecorder, Phase


@pytest.fixture
def swap() -> LifecycleRecorder:
    recorder = LifecycleRecorder()
    with recorder.hook("counter", 2, "start"):
        pass
    for hook in ("flush", "stop"):
        with recorder.hook("counter", 1, hook):
            recorder.record("chat", 1, "tick")
    return recorder


def test_entries_are_numbered_and_plain(swap: LifecycleRecorder) -> None:
    assert swap.order[0] == LifecycleEntry(0, "counter", 2, "start", Phase.ENTER)
    assert str(swap.order[1]) == "counter@g2.start:exit"
    assert [entry.order for entry in swap.order] == list(range(8))


def test_queries(swap: LifecycleRecorder) -> None:
    assert swap.hooks("counter") == ("start", "flush", "stop")
    assert swap.hooks("counter", 1) == ("flush", "stop")
    assert swap.count("chat.tick") == 2
    assert swap.count("counter@g2.stop") == 0
    assert swap.count("counter.stop:exit") == 1


def test_order_holds(swap: LifecycleRecorder) -> None:
    swap.assert_order("counter@g2.start:exit", "counter@g1.flush", "chat.tick", "counter.stop:exit")


def test_a_step_that_came_too_early_is_named(swap: LifecycleRecorder) -> None:
    with pytest.raises(AssertionError) as caught:
        swap.assert_order("counter@g1.stop", "counter@g2.start")
    assert str(caught.value).splitlines()[0] == (
        "step 2, 'counter@g2.start', came too early, as no. 0, before 'counter@g1.stop':"
    )
    assert "stop enter" in str(caught.value), "the timeline follows"


def test_a_step_that_never_came_is_named(swap: LifecycleRecorder) -> None:
    with pytest.raises(AssertionError, match=r"step 1, 'counter\.teardown', never happened"):
        swap.assert_order("counter.teardown")


def test_a_step_may_not_stand_for_two(swap: LifecycleRecorder) -> None:
    with pytest.raises(AssertionError, match="step 2"):
        swap.assert_order("counter.stop", "counter.stop")


@pytest.mark.parametrize("step", ["start", "counter@2.start", "counter.start:done", ""])
def test_a_malformed_step_is_refused(step: str, swap: LifecycleRecorder) -> None:
    with pytest.raises(ValueError, match=r"is malformed: write 'counter\.start'"):
        swap.count(step)


def test_what_a_hook_raises_is_recorded_and_goes_on() -> None:
    recorder = LifecycleRecorder()
    with pytest.raises(SystemExit), recorder.hook("counter", 1, "start"):
        raise SystemExit
    assert str(recorder.order[-1]) == "counter@g1.start:raise SystemExit"
    assert recorder.count("counter.start:raise") == 1
    assert recorder.count("counter.start:exit") == 0


def test_the_timeline_has_a_column_for_each_generation(swap: LifecycleRecorder) -> None:
    lines = swap.timeline().splitlines()
    assert lines[0].split() == ["counter@g2", "counter@g1", "chat@g1"]
    assert lines[3].index("flush enter") == lines[0].index("counter@g1")
    assert len(lines) == 9
    assert LifecycleRecorder().timeline() == "nothing was recorded"


def test_tracking_names_what_lives_and_holds_nothing() -> None:
    class Plugin:
        def __init__(self) -> None:
            self.itself = self  # a cycle: only the garbage collector ends it

    recorder = LifecycleRecorder()
    old, new = Plugin(), Plugin()
    recorder.track(old, "counter@g1")
    recorder.track(new, "counter@g2")
    assert recorder.alive() == ("counter@g1", "counter@g2")
    del old
    assert recorder.alive("counter@") == ("counter@g2",)
    assert recorder.alive("counter@g1") == ()


def test_tracking_what_takes_no_weak_reference_is_refused() -> None:
    with pytest.raises(TypeError, match="int takes no weak references, so 'x' cannot be tracked"):
        LifecycleRecorder().track(3, "x")


def test_threads_share_one_order() -> None:
    recorder = LifecycleRecorder()

    def work(name: str) -> None:
        for _ in range(500):
            with recorder.hook(name, 1, "tick"):
                pass

    workers = [threading.Thread(target=work, args=(f"p{n}",)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [entry.order for entry in recorder.order] == list(range(4_000))
    assert all(recorder.count(f"p{n}.tick:exit") == 500 for n in range(4))


async def test_a_hook_may_await() -> None:
    recorder = LifecycleRecorder()

    async def hook(name: str, before: asyncio.Event, after: asyncio.Event) -> None:
        with recorder.hook(name, 1, "start"):
            after.set()
            await before.wait()

    one, two = asyncio.Event(), asyncio.Event()
    await asyncio.gather(hook("a", two, one), hook("b", one, two))
    recorder.assert_order("a.start", "b.start", "b.start:exit")
    recorder.assert_order("a.start", "b.start", "a.start:exit")
