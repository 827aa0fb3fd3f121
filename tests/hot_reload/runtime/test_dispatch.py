"""Dispatch alone: views, gates and counts, without an engine."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

import pytest

from hot_reload.outcome import Role
from hot_reload.runtime import route
from hot_reload.runtime.dispatch import (
    PATIENT_ROUNDS,
    Counts,
    Dispatch,
    Gate,
    View,
)
from hot_reload_fixtures import BareFault
from hot_reload_fixtures import Gate as Latch


@pytest.fixture(autouse=True, params=["routes", "loops"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything by routes that are written out, and by the loops that these stand for."""
    if request.param == "loops":
        monkeypatch.setattr(route, "STAGES_LIMIT", 0)
    return str(request.param)


CONTAINED = (ValueError, SystemExit, asyncio.CancelledError, BareFault)


def raising(kind: type[BaseException]) -> Callable[[Any], Any]:
    def write(event: Any) -> Any:
        raise kind("boom")

    return write


def gate(deliver: Callable[[Any], Any], counts: Counts, limit: int = 10) -> Gate:
    return Gate("sink", deliver, counts, limit, 30.0)


def test_every_accepted_event_is_counted_whoever_looks_meanwhile() -> None:
    counts, each_accepts = Counts(), 5_000

    def accept() -> None:
        for _ in range(each_accepts):
            counts.accept()

    threads = [threading.Thread(target=accept) for _ in range(4)]
    for each in threads:
        each.start()
    looks = [counts.accepted for _ in range(100)]
    for each in threads:
        each.join()
    assert looks == sorted(looks)
    assert [counts.accepted, counts.accepted] == [4 * each_accepts] * 2


async def test_nothing_is_accepted_without_a_sink() -> None:
    dispatch = Dispatch(Counts())
    assert not dispatch.emit(1)
    assert dispatch.counts.accepted == 0
    assert dispatch.view.marks == []


@pytest.mark.parametrize("kind", CONTAINED, ids=lambda kind: kind.__name__)
async def test_a_raising_sink_costs_its_siblings_nothing(kind: type[BaseException]) -> None:
    dispatch, seen = Dispatch(Counts()), list[Any]()
    dispatch.install(View(sinks=[("bad", raising(kind)), ("good", seen.append)]))
    assert dispatch.emit(1)
    assert seen == [1]
    assert dispatch.counts.dropped == {"bad": 1}
    assert dispatch.counts.errors == {"bad": 1}
    assert dispatch.view.marks == []


async def test_an_interrupt_reaches_the_producer_after_the_siblings_got_the_event() -> None:
    dispatch, seen = Dispatch(Counts()), list[Any]()
    bad = raising(KeyboardInterrupt)
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


@pytest.mark.parametrize("kind", [*CONTAINED, KeyboardInterrupt], ids=lambda kind: kind.__name__)
async def test_what_a_sink_raises_behind_its_gate_is_counted_once(
    kind: type[BaseException],
) -> None:
    dispatch, seen = Dispatch(Counts()), list[Any]()
    held = gate(dispatch.guarded("bad", raising(kind)), dispatch.counts)
    dispatch.install(View(sinks=[("bad", held.pass_), ("good", seen.append)]))
    if kind is KeyboardInterrupt:
        with pytest.raises(kind):
            dispatch.emit(1)
    else:
        dispatch.emit(1)
    assert seen == [1]
    assert dispatch.counts.dropped == {"bad": 1}
    assert dispatch.counts.errors == {"bad": 1}


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


@pytest.mark.parametrize("reached", [False, True])
def test_an_opening_that_is_interrupted_goes_on_where_it_was(reached: bool) -> None:
    """Nothing is delivered twice, and what was on its way is counted."""
    counts, seen = Counts(), list[int]()
    held = gate(seen.append, counts)
    held.close()
    for number in range(3):
        held.pass_(number)
    interrupts = [MemoryError()]

    def deliver(event: int) -> None:
        if event == 1 and interrupts:
            if reached:
                seen.append(event)
                counts.drop("sink")  # whoever guards the sink has counted it
            raise interrupts.pop()
        seen.append(event)

    with pytest.raises(MemoryError):
        held.open(deliver)
    held.pass_(3)  # it is closed still
    held.open(deliver)
    assert seen == ([0, 1, 2, 3] if reached else [0, 2, 3])
    assert counts.dropped == {"sink": 1}
    held.pass_(4)
    assert seen[-1] == 4


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


async def _coroutine(event: Any) -> Any:
    return event


def _generator(event: Any) -> Any:
    yield event


async def _asynchronous_generator(event: Any) -> Any:
    yield event


UNRUN: list[Callable[[Any], Any]] = [
    lambda event: _coroutine(event),
    _generator,
    _asynchronous_generator,
]


@pytest.mark.parametrize("write", UNRUN)
async def test_a_write_of_which_nothing_ran_is_a_drop_and_no_delivery(
    write: Callable[[Any], Any],
) -> None:
    """A decorator that hides an ``async def`` gives a coroutine that nobody awaits."""
    dispatch, seen = Dispatch(Counts()), list[Any]()
    held = gate(dispatch.guarded("held", write), dispatch.counts)
    dispatch.install(View(sinks=[("bad", write), ("held", held.pass_), ("good", seen.append)]))
    assert dispatch.emit(1)
    assert seen == [1]
    assert dispatch.counts.dropped == dispatch.counts.errors == {"bad": 1, "held": 1}


def _future(event: Any) -> Any:
    return asyncio.get_running_loop().create_future()


def _task(event: Any) -> Any:
    return asyncio.ensure_future(_coroutine(event))


def _work(event: Any) -> Any:
    return concurrent.futures.Future[Any]()


PROMISES: list[Callable[[Any], Any]] = [_future, _task, _work]


@pytest.mark.parametrize("step", [*UNRUN, *PROMISES, lambda event: None])
@pytest.mark.parametrize("role", [Role.ENRICHER, Role.PROCESSOR, Role.REDACTOR])
async def test_a_step_that_gives_no_event_back_is_one_that_fails(
    role: Role, step: Callable[[Any], Any]
) -> None:
    dispatch, seen = Dispatch(Counts()), list[Any]()
    dispatch.install(View([(role, "step", step)], [("sink", seen.append)]))
    assert dispatch.emit("secret")
    assert dispatch.counts.errors == {"step": 1}
    assert seen == ([] if role is Role.REDACTOR else ["secret"])
    assert dispatch.counts.dropped_total == (role is Role.REDACTOR)


class Undecided:
    def __bool__(self) -> bool:
        raise ZeroDivisionError


@pytest.mark.parametrize("step", [*UNRUN, *PROMISES, lambda event: Undecided()])
async def test_a_filter_that_does_not_answer_is_one_that_fails(step: Callable[[Any], Any]) -> None:
    dispatch, seen = Dispatch(Counts()), list[Any]()
    dispatch.install(View([(Role.FILTER, "step", step)], [("sink", seen.append)]))
    assert dispatch.emit(1)
    assert (seen, dispatch.counts.errors, dispatch.counts.filtered) == ([1], {"step": 1}, {})


async def test_a_sink_may_give_what_it_began() -> None:
    dispatch = Dispatch(Counts())
    dispatch.install(View(sinks=[(each.__name__, each) for each in PROMISES]))
    assert dispatch.emit(1)
    assert dispatch.counts.errors == {}


@pytest.mark.parametrize("held", [False, True])
async def test_sinks_that_emit_without_end_end(held: bool) -> None:
    """Caught at each depth, with two of them each depth would be gone through twice."""
    dispatch, calm = Dispatch(Counts()), list[Any]()

    def again(event: Any) -> None:
        if event == "endless":
            dispatch.emit(event)

    sinks = [("first", again), ("second", again), ("calm", calm.append)]
    if held:  # by an open gate, as those that have just been swapped are reached
        sinks[0] = "first", gate(dispatch.guarded("first", again), dispatch.counts).pass_
    dispatch.install(View(sinks=sinks))
    assert dispatch.emit("endless")
    assert calm == ["endless"]  # of the outermost alone
    assert dispatch.counts.errors["first"] > 100
    assert dispatch.emit("calm")
    assert calm == ["endless", "calm"]
    dispatch.install(View(sinks=[("calm", calm.append)]))
    await asyncio.wait_for(dispatch.drained(), 30)


@pytest.mark.parametrize("role", [Role.FILTER, Role.ENRICHER, Role.REDACTOR])
async def test_steps_that_emit_without_end_end(role: Role) -> None:
    dispatch, seen = Dispatch(Counts()), list[Any]()

    def again(event: Any) -> Any:
        if event == "endless":
            dispatch.emit(event)
        return event

    dispatch.install(View([(role, "one", again), (role, "two", again)], [("sink", seen.append)]))
    assert dispatch.emit("endless")
    assert seen == ([] if role is Role.REDACTOR else ["endless"])
    assert dispatch.emit("calm")
    assert seen[-1] == "calm"


async def test_a_recursion_of_the_plugin_s_own_is_one_fault_of_many() -> None:
    dispatch, seen = Dispatch(Counts()), list[Any]()

    def deep(event: Any) -> None:
        deep(event)

    dispatch.install(View(sinks=[("deep", deep), ("sink", seen.append)]))
    assert dispatch.emit(1)
    assert (seen, dispatch.counts.errors, dispatch.counts.dropped) == (
        [1],
        {"deep": 1},
        {"deep": 1},
    )


def test_an_opening_that_is_interrupted_before_it_delivers_has_delivered_nothing() -> None:
    counts, seen = Counts(), list[int]()
    held = gate(seen.append, counts)
    held.close()
    for number in range(3):
        held.pass_(number)

    class Cell(list[Any]):
        struck = False

        def pop(self, *_: Any) -> Any:
            if not Cell.struck:
                Cell.struck = True
                raise KeyboardInterrupt
            return super().pop()

    held._queue[1] = Cell(held._queue[1])
    with pytest.raises(KeyboardInterrupt):
        held.open(seen.append)
    assert seen == [0]
    held.open(seen.append)
    assert (seen, counts.dropped_total) == ([0, 1, 2], 0)


async def test_an_event_that_meets_an_entry_which_has_just_opened_goes_on_and_is_counted_once() -> (
    None
):
    """Its producer read the view while the entry was closed, and comes after the queue is empty."""
    dispatch, seen = Dispatch(Counts()), list[Any]()
    entry = Gate("(entry)", dispatch.run_current, dispatch.counts, 10, 30.0)
    entry.close()
    steps: list[tuple[Role, str, Callable[[Any], Any]]] = [
        (Role.FILTER, "odd", lambda event: event % 2)
    ]
    dispatch.install(View(steps, [("sink", seen.append)], entry))
    assert dispatch.emit(1)
    assert seen == []
    entry.open(dispatch.run_current, here=dispatch.run_here)
    assert dispatch.emit(2)
    assert dispatch.emit(3)
    assert seen == [1, 3]
    assert (dispatch.counts.accepted, dispatch.counts.filtered) == (3, {"odd": 1})
    assert dispatch.view.marks == []
