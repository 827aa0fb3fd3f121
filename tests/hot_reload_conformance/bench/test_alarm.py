"""The alarm interrupts what does not go on, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from hot_reload_conformance.bench import alarm as module
from hot_reload_conformance.bench.alarm import LOOKS, Alarm, Overdue, alarm, counted, goes_on
from hot_reload_conformance.bench.hold import turns
from hot_reload_conformance.bench.isolation import own_loop
from hot_reload_conformance.bench.stall import Stall, Stalls

SECONDS = 0.1


def _locks_twice() -> None:
    lock = threading.Lock()
    with lock, lock:
        pass


def _waits_for_a_queue() -> None:
    queue.Queue[int]().get()


def _joins_a_thread_that_waits_for_it() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        thread.join()
    finally:
        ended.set()


def _never_ends() -> None:
    while True:
        pass


def _sleeps() -> None:
    time.sleep(3600)


def _waits_for_a_child() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        try:
            child.wait()
        finally:
            child.kill()


BLOCKING = [
    _locks_twice,
    _waits_for_a_queue,
    _joins_a_thread_that_waits_for_it,
    _never_ends,
    _sleeps,
    _waits_for_a_child,
]


def _interrupted(block: Callable[[], None], stalls: Stalls) -> Stall:
    watch = Alarm(0, stalls)
    try:
        with alarm(SECONDS, stalls) as watch:
            block()
    except Overdue:
        assert watch.stall is not None
        return watch.stall
    raise AssertionError("it was not interrupted")


@pytest.mark.parametrize("block", BLOCKING)
def test_a_blocked_thread_is_interrupted_and_its_place_is_known(block: Callable[[], None]) -> None:
    stall = _interrupted(block, Stalls())
    assert (stall.own[-1].function, stall.own[-1].file) == (block.__name__, __file__)
    assert stall.own[-1].text
    assert (stall.seconds, stall.looks, stall.known) == (SECONDS, LOOKS, False)


def test_a_thread_that_contains_every_exception_is_interrupted_all_the_same() -> None:
    waiting: queue.Queue[int] = queue.Queue()
    contained = 0

    def for_ever() -> None:
        nonlocal contained
        while True:
            try:
                waiting.get()
            except BaseException:
                contained += 1

    tracing = sys.gettrace()
    with pytest.raises(Overdue), alarm(SECONDS):
        for_ever()
    assert contained
    assert sys.gettrace() is tracing


def test_who_contained_it_and_went_on_is_told_at_the_end() -> None:
    came_to_its_end: list[bool] = []

    def contains_it() -> None:
        with contextlib.suppress(BaseException):
            _locks_twice()
        came_to_its_end.append(True)

    _interrupted(contains_it, Stalls())
    assert came_to_its_end


def test_what_goes_on_is_never_interrupted() -> None:
    looks = 0

    async def busy() -> None:
        while looks < 2 * LOOKS:
            await turns(1)

    def counting(self: Alarm, number: int, frame: Any) -> None:
        nonlocal looks
        looks += 1
        look(self, number, frame)

    look = Alarm.look
    with pytest.MonkeyPatch.context() as patch, own_loop() as loop:
        patch.setattr(Alarm, "look", counting)
        with alarm(SECONDS) as watch:
            loop.run_until_complete(busy())
    assert watch.stall is None
    assert looks >= 2 * LOOKS


def test_a_loop_that_sleeps_until_a_time_of_its_own_is_no_stall() -> None:
    with own_loop() as loop, alarm(0.02) as watch:
        loop.run_until_complete(asyncio.sleep(0.1))
    assert watch.stall is None


def test_a_loop_that_nothing_will_wake_is_one() -> None:
    with pytest.raises(Overdue), own_loop() as loop, alarm(SECONDS):
        loop.run_until_complete(asyncio.Event().wait())


def test_a_loop_without_a_selector_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    class Opaque(asyncio.SelectorEventLoop):
        def __getattribute__(self, name: str) -> Any:
            if name == "_selector" and sys._getframe(1).f_code is counted.__wrapped__.__code__:  # type: ignore[attr-defined]
                raise AttributeError(name)
            return super().__getattribute__(name)

    monkeypatch.setattr(module, "_BEAT_SECONDS", 0.001)
    loop = Opaque()
    try:
        with counted(loop), alarm(0.05) as watch:
            loop.run_until_complete(asyncio.sleep(0.2))
    finally:
        loop.close()
    assert watch.stall is None


def test_looks_that_the_process_was_not_given_do_not_count() -> None:
    """Of a machine that is busy elsewhere: seconds pass, and it was not looked at meanwhile."""
    watch = Alarm(SECONDS, Stalls())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "setitimer", lambda *_: None)
        for _ in range(LOOKS - 1):
            watch.look(signal.SIGALRM, sys._getframe())
        assert watch.stall is None
        with pytest.raises(Overdue):
            watch.look(signal.SIGALRM, sys._getframe())


def test_who_stands_where_it_hung_before_is_not_waited_for_again() -> None:
    stalls = Stalls()
    found = [_interrupted(_sleeps, stalls) for _ in range(2)]
    assert [each.looks for each in found] == [LOOKS, module.KNOWN_LOOKS]
    assert [each.known for each in found] == [False, True]
    assert stalls.count == 2


def test_what_interrupts_one_inside_another_ends_both() -> None:
    again: list[bool] = []

    def one_in_another() -> None:
        with contextlib.suppress(Overdue), alarm(SECONDS):
            _locks_twice()
        try:
            goes_on()
        except Overdue:
            again.append(True)

    stalls = Stalls()
    stall = _interrupted(one_in_another, stalls)
    assert again
    assert stall.own[-1].function == "_locks_twice"
    assert stalls.count == 1
    goes_on()


def test_the_users_deadline_comes_first_and_its_timer_is_put_back() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: heard.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 100)
        with alarm(SECONDS):
            pass
        assert 90 < signal.getitimer(signal.ITIMER_REAL)[0] <= 100
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        stalls = Stalls()
        with pytest.raises(Overdue), alarm(3600, stalls):
            _locks_twice()
        assert heard == [signal.SIGALRM]
        assert not stalls.places, "it may only have been slow"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_no_timer_is_set_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its handler would run in the main thread, which is somebody else's."""
    timers: list[float] = []
    monkeypatch.setattr(signal, "setitimer", lambda _, seconds: timers.append(seconds))

    def run() -> None:
        with alarm(SECONDS) as watch:
            assert watch.stall is None

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not timers
