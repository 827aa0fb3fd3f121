"""A subject that blocks its thread is interrupted, and told with its line, script and replay."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from hot_reload_conformance.bench import alarm as alarms
from hot_reload_conformance.bench.alarm import Overdue, alarm
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.bench.stall import Stalls
from hot_reload_conformance.check import host_checks
from hot_reload_conformance.simulation.checking import Checking, SimulationFailed
from hot_reload_conformance.simulation.failure import BLOCKED, CRASH, ESCAPE
from hot_reload_conformance.simulation.hunt import hunt, replay
from hot_reload_conformance.simulation.oracle import PYTHON
from hot_reload_conformance.simulation.script import Op
from hot_reload_conformance.simulation.simulate import run, simulate
from hot_reload_conformance.simulation.sources import RandomWalk
from hot_reload_conformance.simulation.standstill import sitting
from hot_reload_conformance.simulation.study import Study
from hot_reload_conformance.simulation.subject import Subject, SubjectFactory
from hot_reload_conformance.specimens import hanging
from hot_reload_conformance.specimens.registry import SPECIMENS, Specimen
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Verdict

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer signal")

SECONDS = 0.1
HANGING = [
    each
    for each in SPECIMENS
    # The other one hangs where a plugin asks its host, which no script has a host do that is sync.
    if each.adapter.__module__ == hanging.__name__ and each.code.startswith("HR-ROLL")
]


class Standing:
    """A subject whose operation ``block`` never returns."""

    blocked_seconds = SECONDS

    def __init__(self, block: Callable[[], object]) -> None:
        self.block = block
        self.lines: list[str] = []

    async def open(self) -> None: ...

    async def perform(self, op: Op) -> None:
        self.lines.append(f"{op} begins")
        await asyncio.sleep(0)
        if op.verb == "block":
            self.block()

    def look(self) -> None: ...

    async def finish(self) -> None: ...

    async def close(self) -> None: ...

    def story(self) -> tuple[str, ...]:
        return tuple(self.lines)


def standing(block: Callable[[], object], made: type[Standing] = Standing) -> SubjectFactory:
    def fresh() -> contextlib.nullcontext[Subject]:
        return contextlib.nullcontext(made(block))

    return fresh


def locks_twice() -> None:
    lock = threading.Lock()
    with lock, lock:
        pass


def waits_for_a_queue() -> None:
    queue.Queue[int]().get()


def never_ends() -> None:
    number = 0
    while True:
        number += 1
        number -= 1


def contains_everything() -> None:
    waiting: queue.Queue[int] = queue.Queue()
    while True:
        try:
            waiting.get()
        except BaseException:
            waiting.queue.clear()


@pytest.mark.parametrize("block", [locks_twice, waits_for_a_queue, never_ends, contains_everything])
def test_the_fixture_tells_the_line_the_script_and_the_replay(
    block: Callable[[], None], hot_reload_simulation: Checking
) -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(SimulationFailed) as caught:
        hot_reload_simulation.check(standing(block), ["pass; pass; block; pass"])
    assert signal.getsignal(signal.SIGALRM) is before
    told = str(caught.value)
    assert told.startswith("blocked: the subject blocked its thread at test_standstill.py:")
    assert f"in {block.__name__}()" in told
    assert "script: block\n" in told, "it is shrunk to what blocks"
    assert "  block begins\n" in told
    assert "where it stood (most recent call last):" in told
    assert told.endswith(f"replay: py{PYTHON} block @")


def test_a_coroutine_that_blocks_is_told_too(hot_reload_simulation: Checking) -> None:
    async def main() -> None:
        await asyncio.sleep(0)
        locks_twice()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hot_reload_conformance.simulation.standstill.BLOCKED_SECONDS", SECONDS)
        with pytest.raises(SimulationFailed, match=r"in locks_twice\(\): with lock, lock"):
            hot_reload_simulation.check_main(main)


def test_it_blocks_again_when_it_is_replayed_and_by_every_other_door() -> None:
    subject = standing(locks_twice)
    text = f"py{PYTHON} pass; block @ 0:1"
    found = replay(subject, text)
    assert found.failure is not None
    assert (found.failure.kind, found.replay) == (BLOCKED, text)
    failure = simulate(subject, "pass; block", RandomWalk(3)).failure
    assert failure is not None
    assert failure.kind == BLOCKED


def test_only_what_came_before_it_blocked_is_in_its_trace() -> None:
    """A subject that contains the interruption goes on, by other ways each time."""

    def contains() -> None:
        with contextlib.suppress(BaseException):
            locks_twice()

    class Twice(Standing):
        async def finish(self) -> None:
            self.block()

    found = simulate(standing(contains, Twice), "block | pass; pass; pass", RandomWalk(1))
    assert found.failure is not None
    assert found.failure.kind == BLOCKED
    assert found.trace.decisions == 0


def test_a_loop_that_is_interrupted_in_another_line_each_time_is_one_failure() -> None:
    times = itertools.count()

    def in_turn() -> None:
        (locks_twice if next(times) % 2 else waits_for_a_queue)()

    found = hunt(standing(in_turn), ["block"]).found
    assert found is not None
    assert found.failure is not None
    assert not found.failure.same_as(replace(found.failure, kind=CRASH))


def test_who_goes_on_in_every_step_is_never_interrupted() -> None:
    """Each step takes as long as half of the time; all of them many times that."""
    looks = 0

    def slow() -> None:
        seen, until = looks, looks + alarms.LOOKS // 2
        while looks < until:
            assert seen <= looks

    class Slow(Standing):
        async def perform(self, op: Op) -> None:
            for _ in range(5):
                self.block()
                await asyncio.sleep(0)

    def counting(self: alarms.Alarm, number: int, frame: object) -> None:
        nonlocal looks
        looks += 1
        look(self, number, frame)  # type: ignore[arg-type]

    look = alarms.Alarm.look
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alarms.Alarm, "look", counting)
        found = simulate(standing(slow, Slow), "pass")
    assert looks >= 2 * alarms.LOOKS
    assert found.failure is None


def test_a_story_that_takes_the_same_lock_does_not_hang_either() -> None:
    lock = threading.Lock()

    def keeps() -> None:
        lock.acquire()
        lock.acquire()

    class Locked(Standing):
        def story(self) -> tuple[str, ...]:
            with lock:
                return ()

    found = simulate(standing(keeps, Locked), "block")
    assert found.failure is not None
    assert "blocks as well" in found.failure.story[0]


def test_who_waits_for_what_the_simulation_refused_is_not_judged() -> None:
    def waits_for_its_thread() -> None:
        threading.Thread(target=int).start()
        waits_for_a_queue()

    found = hunt(standing(waits_for_its_thread), ["block"])
    assert found.escaped is not None
    assert found.escaped.failure is not None
    assert found.escaped.failure.kind == ESCAPE
    assert "a thread" in found.describe()
    with alarm(SECONDS):  # nor is what stands around it interrupted
        assert hunt(standing(waits_for_its_thread), ["block"]).escaped


def test_the_loop_of_what_blocks_as_it_is_cancelled_is_closed(
    recwarn: pytest.WarningsRecorder,
) -> None:
    class Tidy(Standing):
        async def perform(self, op: Op) -> None:
            if op.verb == "block":
                await asyncio.sleep(0)
                self.block()
                return
            try:
                await asyncio.Event().wait()
            finally:
                asyncio.get_running_loop().call_soon(self.block)

    found = simulate(standing(locks_twice, Tidy), "wait; block")
    gc.collect()
    assert found.failure is not None
    assert found.failure.kind == BLOCKED
    assert not [each for each in recwarn if issubclass(each.category, ResourceWarning)]


def test_none_is_set_in_another_thread() -> None:
    """There nobody could be interrupted: the signal's handler runs in the main thread."""
    found = []

    def elsewhere() -> None:
        found.append(simulate(standing(locks_twice), "pass"))

    before = signal.getsignal(signal.SIGALRM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "setitimer", lambda *_: pytest.fail("a timer was set"))
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert found[0].failure is None
    assert signal.getsignal(signal.SIGALRM) is before


# Others


@pytest.mark.parametrize("specimen", HANGING, ids=lambda each: each.name)
def test_a_study_of_its_own_tells_a_host_that_hangs(specimen: Specimen) -> None:
    subject = HostSubject(specimen.adapter)
    study = Study(subject, Budget(simulated_runs=4))
    finding = study.judge("HR-ROLL-01")
    assert finding is not None
    assert specimen.says in finding.message
    assert "where it stood" in finding.traceback
    code, _, text = finding.replay.partition("=")
    again = study.replay(code, text)
    assert again is not None
    assert again.message == finding.message


def test_the_contract_s_item_tells_the_script_and_the_replay() -> None:
    (check,) = (each for each in host_checks() if each.id == "old-keeps-serving[simulated]")
    result = run_host_check(
        HostSubject(hanging.WaitsInVainAdapter), check, Budget(simulated_runs=4)
    )
    assert result.verdict is Verdict.FAIL
    finding = result.findings[0]
    assert "in WaitsInVain.prepared()" in finding.message
    assert "during the simulated script load a v1 | reload a v2!start" in finding.message
    assert finding.replay.startswith(f"HR-ROLL-01=py{PYTHON} {finding.variant}")
    assert finding.story[0].text == f"simulated: {finding.variant}"


def test_what_an_alarm_around_it_is_told_ends_that_too() -> None:
    stalls = Stalls()
    with pytest.raises(Overdue), alarm(SECONDS, stalls) as watch:
        simulate(standing(locks_twice), "block")
    assert watch.case.doing == "the simulated script block"
    assert stalls.count == 1


# From outside


@contextlib.contextmanager
def handled(number: int, handler: Callable[..., object]) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


class Deadline(BaseException):
    pass


def test_the_user_s_deadline_comes_out_and_says_where_it_stood() -> None:
    """As pytest-timeout does it: a timer signal whose handler raises."""

    def ends(*_: object) -> None:
        raise Deadline("Timeout (>1.0s)")

    with handled(signal.SIGALRM, ends):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Deadline) as caught:
            hunt(standing(contains_everything), ["pass; block"])
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    (note,) = caught.value.__notes__
    assert "in contains_everything()" in note
    assert f"replay: py{PYTHON} pass; block" in note


@pytest.mark.parametrize("error", [SystemExit("terminated"), TimeoutError("late")])
def test_what_a_signal_s_handler_raises_is_none_of_the_subject_s(error: BaseException) -> None:
    def ends(*_: object) -> None:
        raise error

    with handled(signal.SIGTERM, ends), pytest.raises(type(error), match=str(error)):
        simulate(standing(lambda: signal.raise_signal(signal.SIGTERM)), "block")


@pytest.mark.parametrize("outcome", [pytest.skip, pytest.exit, pytest.xfail])
def test_what_ends_a_test_otherwise_comes_out(outcome: Callable[[str], object]) -> None:
    with pytest.raises(outcome.Exception, match="enough"):  # type: ignore[attr-defined]
        simulate(standing(lambda: outcome("enough")), "block")


def test_pytest_fail_in_a_subject_is_its_own_assertion() -> None:
    failure = simulate(standing(lambda: pytest.fail("not so")), "block").failure
    assert failure is not None
    assert (failure.kind, failure.message) == (CRASH, "Failed: not so")


@pytest.mark.parametrize("door", [hunt, simulate])
def test_ctrl_c_that_a_subject_contains_ends_all_at_once(door: Callable[..., object]) -> None:
    begun = 0

    def contains() -> None:
        nonlocal begun
        begun += 1
        with contextlib.suppress(BaseException):
            signal.raise_signal(signal.SIGINT)

    subject = standing(contains)
    with handled(signal.SIGINT, signal.default_int_handler), pytest.raises(KeyboardInterrupt):
        door(subject, ["block"] if door is hunt else "block")
    assert begun == 1


def test_a_sitting_ends_with_what_it_remembers() -> None:
    with sitting():
        first, second = (simulate(standing(locks_twice), "block") for _ in range(2))
    assert first.same_as(second)

    async def main() -> None: ...

    assert run(main).failure is None
