"""The hunt: it finds, it shrinks, it replays, and it says when it does not know."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import subprocess
import sys
import time

import pytest

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.simulation.checking import Checking, SimulationFailed
from hot_reload_conformance.simulation.failure import CRASH, Run
from hot_reload_conformance.simulation.hunt import OtherPython, StaleReplay, hunt, replay
from hot_reload_conformance.simulation.oracle import PYTHON
from hot_reload_conformance.simulation.script import Op, Script
from hot_reload_conformance.simulation.search import exhaustive
from hot_reload_conformance.simulation.shrink import shrink
from hot_reload_conformance.simulation.simulate import simulate
from hot_reload_conformance.simulation.sources import RandomWalk
from hot_reload_conformance.simulation.subject import MAIN, Broken, Subject, SubjectFactory, of_main
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter


class Modest(BlueGreenAdapter):
    claims = frozenset({Claim.RELOAD, Claim.HOOKS})
    stages = ("read", "syntax", "import", "start")


class Account:
    """A subject of its own: withdrawals check, await, and then take."""

    def __init__(self, safe: bool) -> None:
        self.balance = 1
        self.lock = asyncio.Lock()
        self.safe = safe
        self.lines: list[str] = []

    async def open(self) -> None: ...

    async def perform(self, op: Op) -> None:
        async with self.lock if self.safe else contextlib.nullcontext():
            for _ in range(int(op.name or "0")):
                await asyncio.sleep(0)
            if self.balance and op.verb == "take":
                await asyncio.sleep(0)
                self.balance -= 1
                self.lines.append(f"{op}: taken")

    def look(self) -> None:
        if self.balance < 0:
            raise Broken("covered", "the account is overdrawn", expected=0, seen=self.balance)

    async def finish(self) -> None: ...

    async def close(self) -> None: ...

    def story(self) -> tuple[str, ...]:
        return tuple(self.lines)


def accounts(safe: bool) -> SubjectFactory:
    def fresh() -> contextlib.nullcontext[Subject]:
        return contextlib.nullcontext(Account(safe))

    return fresh


WITHDRAWALS = "take 0; take 4; wait 12; wait 20; take 30"


def test_a_race_is_found_shrunk_and_replayed() -> None:
    found = hunt(accounts(safe=False), [WITHDRAWALS])
    assert found.found is not None
    assert found.original is not None
    small = found.found
    assert small.failure is not None
    assert small.failure.kind == "covered"
    assert len(small.script.operations) == 2
    assert len(small.trace.deviations) <= 2
    again = replay(accounts(safe=False), small.replay)
    assert again.failure == small.failure
    story = small.describe()
    for line in ("the account is overdrawn", "expected 0, saw -1", "replay: py", "script: "):
        assert line in story


def test_a_correct_one_is_not() -> None:
    found = hunt(accounts(safe=True), [WITHDRAWALS])
    assert found.found is None
    assert found.describe() == f"nothing found in {found.runs} runs"


def test_the_same_seed_is_the_same_hunt() -> None:
    first, second = (hunt(accounts(safe=False), [WITHDRAWALS], seed=3) for _ in range(2))
    assert first.found is not None
    assert second.found is not None
    assert (first.runs, first.found.replay) == (second.runs, second.found.replay)


def test_what_does_not_come_out_the_same_is_unknown() -> None:
    times = itertools.count()

    async def main() -> None:
        for _ in range(next(times) % 3):
            await asyncio.sleep(0)
        raise LookupError("at another step each time")

    found = hunt(of_main(main), [MAIN])
    assert found.found is None
    assert found.unknown is not None
    assert "one trace went two ways" in found.describe()
    first, second = found.unknown
    assert first.trace.same_as != second.trace.same_as


def test_nothing_to_shrink_is_said() -> None:
    with pytest.raises(ValueError, match="nothing to shrink"):
        shrink(accounts(safe=True), simulate(accounts(safe=True), "take 0"))


def test_a_long_walk_shrinks_to_few_deviations() -> None:
    long = next(
        run
        for run in (
            simulate(accounts(safe=False), WITHDRAWALS, RandomWalk(seed)) for seed in range(200)
        )
        if run.failure and len(run.trace.deviations) > 10
    )
    small = shrink(accounts(safe=False), long)
    assert len(small.script.operations) == 2
    assert len(small.trace.deviations) <= 2


def test_a_trace_of_another_python_is_refused() -> None:
    with pytest.raises(OtherPython, match=r"made by Python 2\.7"):
        replay(accounts(safe=False), "py2.7 take 0")


def test_a_trace_that_does_not_fit_is_refused() -> None:
    with pytest.raises(StaleReplay, match="changed since"):
        replay(accounts(safe=False), f"py{PYTHON} take 0 @ 5000:1")


def traces(runs: list[Run]) -> list[str]:
    return [str(run.trace) for run in runs]


def test_exhaustive_goes_through_everything_once() -> None:
    runs = list(exhaustive(accounts(safe=True), "take 0; take 0", deviations=1))
    plain = runs[0]
    assert str(plain.trace) == ""
    assert len(runs) == 1 + sum(asked.n - 1 for asked in plain.trace.log)
    pairs = list(exhaustive(accounts(safe=True), "take 0; take 0", deviations=2))
    assert traces(pairs[: len(runs)]) == traces(runs)
    assert len(set(traces(pairs))) == len(pairs) > len(runs)
    assert max(len(run.trace.deviations) for run in pairs) == 2


def test_exhaustive_finds_the_race_by_itself() -> None:
    assert any(run.failure for run in exhaustive(accounts(safe=False), "take 0; take 4"))


def test_the_fixture_fails_a_test_with_the_story(hot_reload_simulation: Checking) -> None:
    with pytest.raises(SimulationFailed, match="the account is overdrawn"):
        hot_reload_simulation.check(accounts(safe=False), [WITHDRAWALS])
    hot_reload_simulation.check(accounts(safe=True), [WITHDRAWALS], runs_per_script=5)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("load a v1 | unlod a", "'unlod a': no operation 'unlod'; known: write, load,"),
        ("load s v1 | emit; reload s v2", "does not claim: sinks"),
        ("load a v1 | reload a v2!setup", "has no stage: setup"),
    ],
)
def test_a_script_that_a_host_cannot_be_asked_for_is_no_finding(
    hot_reload_simulation: Checking, script: str, says: str
) -> None:
    with pytest.raises(ValueError, match="script") as caught:
        hot_reload_simulation.check(Modest, [script])
    assert says in str(caught.value)
    assert "Modest" in str(caught.value) or "no operation" in says


def test_the_fixture_checks_a_plain_coroutine(hot_reload_simulation: Checking) -> None:
    async def main() -> None:
        order = []

        async def step(name: str) -> None:
            await asyncio.sleep(0)
            order.append(name)

        await asyncio.gather(step("a"), step("b"))
        assert order == ["a", "b"], "the order is not promised"

    with pytest.raises(SimulationFailed, match="the order is not promised"):
        hot_reload_simulation.check_main(main)


def test_the_command_without_a_subject_says_how_it_is_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from hot_reload_conformance.simulation.__main__ import main

    assert main(["--help"]) == 0
    assert "MODULE:NAME [REPLAY]" in capsys.readouterr().out
    assert main([]) == 2
    assert "MODULE:NAME [REPLAY]" in capsys.readouterr().err


def test_it_replays_without_pytest() -> None:
    module = "hot_reload_conformance.simulation"
    name = f"{module}.specimens:LossyRollback"
    line = f"py{PYTHON} load s v1 | reload s v2!health_check; emit @ 3:3,8:3"
    done = subprocess.run(
        [sys.executable, "-m", module, name, line], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no-loss" in done.stdout
    assert line in done.stdout


def test_the_clock_of_the_wall_is_not_asked() -> None:
    began = time.process_time()
    run = simulate(of_main(lambda: asyncio.sleep(3000)), Script((), (Op("main"),)))
    assert run.failure is None
    assert run.trace.virtual_seconds == 3000
    assert time.process_time() - began < 60  # processor time: not the 3000 s, whatever the load


def test_a_subject_s_own_bug_is_a_crash() -> None:
    failure = simulate(accounts(safe=True), "take x").failure
    assert failure is not None
    assert failure.kind == CRASH
    assert "ValueError" in failure.message
