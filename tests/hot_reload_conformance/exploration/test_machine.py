"""The state machine finds what is wrong, tells it in few steps, and does it again from one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hot_reload_conformance.adapter import Claim, HostAdapter
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import Check, host_checks
from hot_reload_conformance.checks.machine import ITEMS
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.exploration.invariants import INVARIANTS
from hot_reload_conformance.exploration.machine import explore, replay
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter, BlueGreenHost
from hot_reload_conformance.specimens.flow import (
    DeliversToBoth,
    DropsHeldOnRollback,
    LastInFirstOut,
    StopThenStart,
)
from hot_reload_conformance.specimens.guard import FailedReloadRemoves, NoGuard
from hot_reload_conformance.specimens.state import LostSilently
from hot_reload_conformance.specimens.stop_first_host import StopFirstAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CannotJudge, KitError, Verdict

GOOD = HostSubject(BlueGreenAdapter)
SMALL = Budget(examples=12, steps=20)


def item(code: str) -> Check:
    return next(
        each for each in host_checks() if each.kind is Kind.MACHINE and each.clause.code == code
    )


class Removed(BlueGreenHost):
    """A reload that fails takes the plugin away."""

    async def roll_back(self, name: str, old: object) -> None:
        self.gates.pop(name, None)
        self.live.pop(name, None)


class RemovedAdapter(BlueGreenAdapter):
    name = "removed"
    host_class = Removed


class Stale(BlueGreenHost):
    """Every second reload does nothing."""

    async def reload(self, name: str) -> list[str]:
        self.reloads = getattr(self, "reloads", 0) + 1
        return await super().reload(name) if self.reloads % 2 else []


class StaleAdapter(BlueGreenAdapter):
    name = "stale"
    host_class = Stale


class TwiceStarted(BlueGreenHost):
    """Starts the new one a second time once it is committed."""

    async def retire(self, old: object) -> list[str]:
        new = self.live.get(old.name)  # type: ignore[attr-defined]
        if new is not None:  # None: it is unloaded
            await self.hook(new, "start")
        return await super().retire(old)  # type: ignore[arg-type]


class TwiceStartedAdapter(BlueGreenAdapter):
    name = "twice-started"
    host_class = TwiceStarted


WRONG: tuple[tuple[str, type[HostAdapter], str, int], ...] = (
    ("HR-SWAP-01", StaleAdapter, "does not serve alone", 5),
    ("HR-SWAP-07", TwiceStartedAdapter, "another order", 3),
    ("HR-ROLL-01", RemovedAdapter, "does not serve as before", 2),
    ("HR-STATE-01", LostSilently, "its state is another one", 3),
    ("HR-FLOW-01", StopThenStart, "lost", 3),
    ("HR-FLOW-01", DropsHeldOnRollback, "lost", 2),
    ("HR-FLOW-02", DeliversToBoth, "got a second time", 2),
    ("HR-FLOW-03", LastInFirstOut, "got after a later one", 2),
    ("HR-GUARD-01", NoGuard, "the last one is gone", 2),
    ("HR-GUARD-01", FailedReloadRemoves, "the last one is gone", 2),
)


@pytest.mark.parametrize(
    ("code", "adapter", "says", "steps"), WRONG, ids=[f"{w[0]}-{w[1].name}" for w in WRONG]
)
def test_a_wrong_host_is_told_in_few_steps_that_can_be_replayed(
    code: str, adapter: type[HostAdapter], says: str, steps: int
) -> None:
    subject = HostSubject(adapter)
    found = explore(subject, code, Budget())
    assert found is not None
    assert says in found.message
    assert 1 < len(found.story) <= steps
    assert found.story[-1].broken
    assert all(step.expected for step in found.story)
    assert found.timeline

    clause, _, line = found.replay.partition("=")
    assert clause == code
    again = replay(subject, code, line)
    assert again is not None
    assert (again.message, again.story) == (found.message, found.story)
    assert replay(GOOD, code, line) is None


@pytest.mark.parametrize("code", INVARIANTS)
def test_a_correct_host_passes_and_was_really_tried(code: str) -> None:
    assert explore(GOOD, code, SMALL) is None


@pytest.mark.parametrize("code", ["HR-SWAP-01", "HR-SWAP-07", "HR-ROLL-01", "HR-STATE-01"])
def test_a_correct_host_of_another_design_passes(code: str) -> None:
    assert explore(HostSubject(StopFirstAdapter), code, SMALL) is None


def test_one_failure_masks_no_other() -> None:
    subject = HostSubject(LostSilently)
    assert explore(subject, "HR-SWAP-01", SMALL) is None
    assert explore(subject, "HR-FLOW-01", SMALL) is None


def test_the_items_run_like_any_check() -> None:
    assert set(ITEMS) == set(INVARIANTS)
    result = run_host_check(HostSubject(LostSilently), item("HR-STATE-01"), SMALL)
    assert (result.verdict, result.check) == (Verdict.FAIL, "round-trip[machine]")
    assert result.findings[0].replay.startswith("HR-STATE-01=load a v1; ")
    assert run_host_check(GOOD, item("HR-STATE-01"), SMALL).verdict is Verdict.PASS


def test_a_host_without_sinks_runs_without_their_rules() -> None:
    class Plain(BlueGreenAdapter):
        claims = frozenset({Claim.RELOAD})

    subject = HostSubject(Plain)
    assert explore(subject, "HR-SWAP-01", SMALL) is None
    result = run_host_check(subject, item("HR-FLOW-01"), SMALL)
    assert (result.verdict, "sinks" in result.reason) == (Verdict.NOT_CLAIMED, True)


def test_what_was_never_tried_is_not_verified() -> None:
    with pytest.raises(CannotJudge, match="not verified: in 2 examples never a reload failed"):
        explore(GOOD, "HR-ROLL-01", Budget(examples=2, steps=1))


def test_a_failure_that_does_not_come_again_is_unknown_with_both_traces() -> None:
    lost: list[object] = []

    class Moody(BlueGreenHost):
        """Loses a state once, and never again."""

        def carried(self, state: object) -> object:
            if state and not lost:
                lost.append(state)
                return {}
            return super().carried(state)

    class Adapter(BlueGreenAdapter):
        name = "moody"
        host_class = Moody

    with pytest.raises(CannotJudge, match=r"same twice; first: .* → .*; then: .* → held"):
        explore(HostSubject(Adapter), "HR-STATE-01", Budget())
    assert lost


def test_an_expected_failure_is_not_shortened() -> None:
    subject = HostSubject(DropsHeldOnRollback)
    long = explore(subject, "HR-FLOW-01", Budget(shrink=False))
    short = explore(subject, "HR-FLOW-01", Budget())
    assert long is not None
    assert short is not None
    assert len(long.story) > len(short.story)


def test_a_run_is_the_same_every_time_and_follows_its_seed() -> None:
    subject = HostSubject(NoGuard)

    def told(seed: int | None) -> str:
        found = explore(subject, "HR-GUARD-01", Budget(seed=seed, shrink=False))
        assert found is not None
        return found.replay

    assert told(None) == told(None)
    assert told(7) == told(7)
    assert len({told(seed) for seed in range(4)}) > 1


def test_failing_examples_are_kept_in_a_directory_if_there_is_one(tmp_path: Path) -> None:
    explore(HostSubject(NoGuard), "HR-GUARD-01", Budget(database=str(tmp_path), shrink=False))
    assert list((tmp_path / "last-sink-removed" / "HR-GUARD-01").rglob("*"))


def test_the_budget_can_ask_for_one_script() -> None:
    line = "add_sink s v1; remove_sink s"
    found = explore(HostSubject(NoGuard), "HR-GUARD-01", Budget(replay=line))
    assert found is not None
    assert found.replay == f"HR-GUARD-01={line}"
    assert explore(GOOD, "HR-GUARD-01", Budget(replay=line)) is None


def test_a_malformed_script_or_code_is_the_callers_mistake() -> None:
    with pytest.raises(KitError, match="malformed: 'jump a': no operation 'jump'"):
        replay(GOOD, "HR-ROLL-01", "jump a")
    with pytest.raises(KitError, match="HR-ISO-01 has no state machine; those that have: HR-"):
        replay(GOOD, "HR-ISO-01", "load a v1")


def test_a_broken_adapter_is_no_finding() -> None:
    class Broken(BlueGreenAdapter):
        async def call(self, event: object = None) -> list[str]:
            return self.nothing  # type: ignore[attr-defined,no-any-return]

    with pytest.raises(KitError, match=r"your adapter's call raised AttributeError"):
        explore(HostSubject(Broken), "HR-SWAP-01", SMALL)


def test_hypothesis_is_imported_only_when_a_machine_runs() -> None:
    code = (
        "import sys, hot_reload_conformance.check as c; c.host_checks(); "
        "assert 'hypothesis' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
