"""Each fixture in a pytest run of its own: it works, in both kinds of test, and it bites."""

from __future__ import annotations

import pytest

PRELUDE = """
import asyncio, threading
import pytest
from hot_reload_fixtures import *
"""


@pytest.fixture
def outcome(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    # Nothing else that happens to be installed has a say in these runs.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")
    return Run(pytester)


class Run:
    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester

    def __call__(self, source: str) -> pytest.RunResult:
        self.pytester.makepyfile(test_subject=PRELUDE + source)
        return self.pytester.runpytest_subprocess(
            "-p", "hot_reload_fixtures", "-p", "asyncio", "-W", "error", "-q"
        )


def test_dir(outcome: Run) -> None:
    outcome("""
def test_sync(hot_reload_dir, tmp_path):
    path = hot_reload_dir.write("counter", "value = 1")
    assert path.is_relative_to(tmp_path)
    hot_reload_dir.save("counter", "value = 2", SaveStyle.RENAME)
    assert path.read_text() == "value = 2"

async def test_async(hot_reload_dir):
    assert list(hot_reload_dir.root.iterdir()) == []
""").assert_outcomes(passed=2)


def test_clock(outcome: Run) -> None:
    outcome("""
def test_sync(hot_reload_clock):
    seen = []
    hot_reload_clock.call_later(5, lambda: seen.append(hot_reload_clock.now()))
    hot_reload_clock.advance(5)
    assert seen == [5.0]

async def test_async(hot_reload_clock):
    assert hot_reload_clock.now() == 0.0
    task = asyncio.create_task(hot_reload_clock.sleep(60))
    await hot_reload_clock.advance_async(60)
    assert task.done()
""").assert_outcomes(passed=2)


def test_debouncer(outcome: Run) -> None:
    outcome("""
def test_sync(hot_reload_debouncer, hot_reload_clock):
    debouncer = hot_reload_debouncer(quiet_seconds=0.5, max_wait_seconds=2.0)
    debouncer.touch("counter")
    hot_reload_clock.advance(0.5)
    assert debouncer.keys_fired == [{"counter"}]

async def test_async(hot_reload_debouncer, hot_reload_clock):
    debouncer = hot_reload_debouncer()
    debouncer.touch("counter")
    await hot_reload_clock.advance_async(0.5)
    assert debouncer.keys_fired == [{"counter"}]
""").assert_outcomes(passed=2)


def test_ledger_names_a_lost_event(outcome: Run) -> None:
    result = outcome("""
def test_sync(hot_reload_ledger):
    for number in range(3):
        stamp = hot_reload_ledger.stamp("p1")
        hot_reload_ledger.accepted(stamp)
        if number != 1:
            hot_reload_ledger.delivered(stamp, sink="file")
    hot_reload_ledger.report(sink="file").assert_clean()

async def test_async(hot_reload_ledger):
    stamp = hot_reload_ledger.stamp("p1")
    hot_reload_ledger.accepted(stamp)
    hot_reload_ledger.delivered(stamp)
    hot_reload_ledger.report().assert_clean()
""")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: 1 lost: p1#1 *"])


def test_census_names_a_leaked_thread(outcome: Run) -> None:
    result = outcome("""
stop = threading.Event()

def test_sync(hot_reload_census):
    before = hot_reload_census()
    threading.Thread(target=stop.wait, name="poller", daemon=True).start()
    growth = Census.growth(before, hot_reload_census())
    assert growth.clean, growth.describe()

async def test_async(hot_reload_census):
    before = hot_reload_census()
    task = asyncio.create_task(asyncio.Event().wait(), name="watch")
    growth = Census.growth(before, hot_reload_census())
    task.cancel()
    assert growth.clean, growth.describe()

@pytest.fixture
def taken_in_setup(hot_reload_census):
    return hot_reload_census()

def test_nothing_grew_since_setup(taken_in_setup, hot_reload_census):
    growth = Census.growth(taken_in_setup, hot_reload_census())
    assert growth.identical, growth.describe()
""")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        ["*1 more thread: 'poller', daemon*", "*1 more task: 'watch' running Event.wait*"]
    )


def test_faults_that_never_happened_fail_the_test(outcome: Run) -> None:
    result = outcome("""
def test_vacuous(hot_reload_faults):
    hot_reload_faults.at("counter", "start", raises=ValueError("x"))

def test_sync(hot_reload_faults):
    hot_reload_faults.at("counter", "start", raises=ValueError("x"))
    with pytest.raises(ValueError):
        hot_reload_faults.check("counter", "start")

async def test_async(hot_reload_faults):
    hot_reload_faults.at("counter", "start", raises=SystemExit)
    with pytest.raises(SystemExit):
        await hot_reload_faults.arrive("counter", "start")
""")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_vacuous*",
            "1 planned fault(s) never happened, so the test shows nothing:",
            "  counter.start: raises ValueError, fired 0 of 1 times",
        ]
    )


def test_faults_release_what_still_hangs_in_a_thread(outcome: Run) -> None:
    outcome("""
workers = []

def test_hangs(hot_reload_faults):
    hot_reload_faults.at("counter", "start", hangs=True)
    workers.append(threading.Thread(target=hot_reload_faults.check, args=("counter", "start")))
    workers[0].start()
    while not hot_reload_faults.fired:
        pass

def test_it_was_let_go():
    workers[0].join()
""").assert_outcomes(passed=2)


def test_faults_release_what_swallows_cancellation_before_the_loop_closes(outcome: Run) -> None:
    outcome("""
tasks = []

async def test_hangs(hot_reload_faults, hot_reload_clock):
    hot_reload_faults.at("counter", "start", swallows_cancellation=True)
    tasks.append(asyncio.create_task(hot_reload_faults.arrive("counter", "start")))
    await hot_reload_clock.settle()
    tasks[0].cancel()
    await hot_reload_clock.settle()
    assert not tasks[0].done()

def test_it_was_let_go_and_not_timed_out():
    assert tasks[0].exception() is None
""").assert_outcomes(passed=2)


def test_recorder(outcome: Run) -> None:
    result = outcome("""
def test_sync(hot_reload_recorder):
    with hot_reload_recorder.hook("counter", 1, "stop"):
        pass
    with hot_reload_recorder.hook("counter", 2, "start"):
        pass
    hot_reload_recorder.assert_order("counter@g2.start:exit", "counter@g1.stop")

async def test_async(hot_reload_recorder):
    with hot_reload_recorder.hook("counter", 1, "start"):
        await asyncio.sleep(0)
    hot_reload_recorder.assert_order("counter.start", "counter.start:exit")
""")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*step 2, 'counter@g1.stop', came too early, as no. 0*"])


def test_engine(outcome: Run) -> None:
    result = outcome('''
PLUGIN = """
class Counter:
    version = "1.0"
    def handle(self, request):
        return request
"""

def test_sync(hot_reload_engine, hot_reload_dir):
    async def scenario(engine):
        (await engine.load(hot_reload_dir.write("counter", PLUGIN))).unwrap()
        return await engine.call("hello")
    assert hot_reload_engine.run(scenario) == ["hello"]

async def test_async(hot_reload_engine, hot_reload_dir):
    async with hot_reload_engine() as engine:
        (await engine.load(hot_reload_dir.write("counter", PLUGIN))).unwrap()
        assert await engine.call("hello") == ["hello"]

left = []

def test_left_open(hot_reload_engine):
    left[:] = [asyncio.new_event_loop(), hot_reload_engine()]
    left[0].run_until_complete(left[1].__aenter__())

def test_after_it():
    loop, engine = left
    loop.run_until_complete(engine.__aexit__(None, None, None))
    loop.close()
''')
    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_left_open*",
            "1 engine(s) of hot_reload_engine were not closed*",
        ]
    )


def test_the_fixtures_are_listed_with_their_first_lines(outcome: Run) -> None:
    outcome.pytester.makepyfile("")
    listing = outcome.pytester.runpytest_subprocess("-p", "hot_reload_fixtures", "--fixtures")
    for name in ("dir", "clock", "debouncer", "ledger", "census", "faults", "recorder", "engine"):
        listing.stdout.fnmatch_lines([f"hot_reload_{name} -- *"])
    assert "no docstring available" not in listing.stdout.str()
