"""The state machine finds what is wrong, tells it in few steps, and does it again from one line."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from hot_reload_conformance.adapter import Claim, HostAdapter, Ports
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import Check, host_checks
from hot_reload_conformance.checks.machine import ITEMS
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.exploration.invariants import INVARIANTS
from hot_reload_conformance.exploration.machine import exploration, explore, replay
from hot_reload_conformance.exploration.operation import parse_script, script
from hot_reload_conformance.exploration.plan import PLANS
from hot_reload_conformance.exploration.rules import RULES
from hot_reload_conformance.explored import rule_of
from hot_reload_conformance.specimens.audited_host import AuditedAdapter
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter, BlueGreenHost, HostError
from hot_reload_conformance.specimens.configured_host import ConfiguredAdapter
from hot_reload_conformance.specimens.flow import (
    DeliversToBoth,
    DropsHeldOnRollback,
    LastInFirstOut,
    StopThenStart,
)
from hot_reload_conformance.specimens.graph_host import GraphAdapter, GraphHost
from hot_reload_conformance.specimens.guard import FailedReloadRemoves, NoGuard
from hot_reload_conformance.specimens.operated_host import OperatedAdapter
from hot_reload_conformance.specimens.pipeline_host import PipelineAdapter
from hot_reload_conformance.specimens.race import UnlockedUnload
from hot_reload_conformance.specimens.state import LostSilently
from hot_reload_conformance.specimens.stop_first_host import StopFirstAdapter
from hot_reload_conformance.specimens.watching_host import WatchingAdapter
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


CORRECT: dict[str, type[HostAdapter]] = {
    "graph": GraphAdapter,
    "watching": WatchingAdapter,
    "configuration": ConfiguredAdapter,
    "operations": OperatedAdapter,
    "pipeline": PipelineAdapter,
    "HR-GUARD-03": OperatedAdapter,
    "HR-OBS-02": AuditedAdapter,
    "HR-OBS-05": AuditedAdapter,
}
"""By machine; for clauses that need more, by their own code."""


@pytest.mark.parametrize("code", INVARIANTS)
def test_a_correct_host_passes_and_was_really_tried(code: str) -> None:
    adapter = CORRECT.get(code) or CORRECT.get(INVARIANTS[code].machine, BlueGreenAdapter)
    found = exploration(HostSubject(adapter), code, Budget(examples=1, steps=1))
    assert found.finding is None
    explored = found.explored  # of the scripts, as hardly anything is drawn
    assert explored is not None
    assert explored.machine == INVARIANTS[code].machine
    assert len(explored.required) >= 9
    assert explored.taken == len(explored.required)
    assert explored.steps == sum(explored.rules.values()) == sum(explored.transitions.values())


@pytest.mark.parametrize("code", ["HR-SWAP-01", "HR-SWAP-07", "HR-ROLL-01", "HR-STATE-01"])
def test_a_correct_host_of_another_design_passes(code: str) -> None:
    assert explore(HostSubject(StopFirstAdapter), code, SMALL) is None


@pytest.mark.parametrize("code", ["HR-DEPS-01", "HR-DEPS-03", "HR-DEPS-04"])
def test_whoever_follows_may_be_made_anew_of_what_lies_on_the_disk(code: str) -> None:
    """Of what runs, or of an edit that nobody reloaded yet: the contract prescribes neither."""

    class FromDisk(GraphHost):
        def read_all(self, names: Sequence[str]) -> dict[str, dict[str, bytes]]:
            return super().read_all(self.followers(names, self.old_edges()))

    class Adapter(GraphAdapter):
        name = "follows-from-disk"
        host_class = FromDisk

    assert explore(HostSubject(Adapter), code, Budget()) is None


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


def test_a_transition_that_a_host_makes_impossible_is_not_verified() -> None:
    class Unchanging(BlueGreenHost):
        """Refuses every reload of what is disabled."""

        async def reload(self, name: str) -> list[str]:
            if not self.known(name, "reload").enabled:
                raise HostError(f"reload of {name!r} refused: enable it first")
            return await super().reload(name)

    class Adapter(BlueGreenAdapter):
        name = "unchanging"
        host_class = Unchanging

    result = run_host_check(HostSubject(Adapter), item("HR-SWAP-07"), Budget(examples=2, steps=5))
    assert result.verdict is Verdict.UNKNOWN
    assert "not verified: disabled: reload → ok never ran in " in result.reason
    assert result.explored is not None
    assert result.explored.missing == ("disabled: reload → ok",)


def test_a_rule_that_never_ran_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = ("load a v1; load b v2; edit a v3; reload a",)
    monkeypatch.setitem(PLANS, "core", replace(PLANS["core"], seeds=seeds))
    with pytest.raises(CannotJudge, match=r"not verified: reload-fail never ran in \d examples"):
        explore(GOOD, "HR-ROLL-01", Budget(examples=1, steps=1))


def test_a_violation_comes_before_what_is_not_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = ("load a v1; reload a v2 fault=?",)
    monkeypatch.setitem(PLANS, "core", replace(PLANS["core"], seeds=seeds))
    found = exploration(HostSubject(RemovedAdapter), "HR-ROLL-01", Budget(examples=1, steps=1))
    assert found.finding is not None
    assert found.explored is not None
    assert found.explored.missing


def test_the_clauses_own_matter_has_to_come_up(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = replace(PLANS["core"], seeds=(), required=())
    monkeypatch.setitem(PLANS, "core", plan)
    with pytest.raises(CannotJudge, match=r"not verified: in \d examples never a reload failed"):
        explore(GOOD, "HR-ROLL-01", Budget(examples=2, steps=1))


class RemovedAndUnlocked(Removed):
    """An unload waits for nobody, so one in the middle of a reload is undone by it."""

    async def unload(self, name: str) -> None:
        old = self.known(name, "unload")
        del self.live[name]
        await self.retire(old)


def test_what_breaks_alone_is_left_to_others_and_overlaps_are_judged_beside_it() -> None:
    class Both(BlueGreenAdapter):
        name = "removed and unlocked"
        host_class = RemovedAndUnlocked

    assert explore(HostSubject(RemovedAdapter), "HR-ROLL-01", SMALL) is not None
    assert explore(HostSubject(RemovedAdapter), "HR-RACE-02", SMALL) is None
    found = explore(HostSubject(Both), "HR-RACE-02", SMALL)
    assert found is not None
    assert "what no order of these operations gives" in found.message
    assert "fault=" not in found.replay


def test_what_is_drawn_tells_what_breaks_alone_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the scripts: an example that breaks one by one too is no finding."""
    plan = replace(PLANS["core"], seeds=(), required=())
    monkeypatch.setitem(PLANS, "core", plan)
    found = explore(HostSubject(UnlockedUnload), "HR-RACE-02", Budget(examples=30, steps=30))
    assert found is not None
    assert "no order of these operations" in found.message
    asked: list[bool] = []

    def alone(*_: object) -> bool:
        asked.append(True)
        return True

    monkeypatch.setattr("hot_reload_conformance.exploration.machine.breaks_alone", alone)
    subject = HostSubject(UnlockedUnload)
    with contextlib.suppress(CannotJudge):
        assert explore(subject, "HR-RACE-02", Budget(examples=30, steps=30)) is None
    assert asked


def test_no_two_hosts_stand_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of one that changes the process: the second would take the first one's things."""
    standing = most = 0

    class Alone(UnlockedUnload):
        async def open(self, workdir: Path, ports: Ports) -> None:
            nonlocal standing, most
            await super().open(workdir, ports)
            standing += 1
            most = max(most, standing)

        async def close(self) -> None:
            nonlocal standing
            standing -= 1
            await super().close()

    plan = replace(PLANS["core"], seeds=(), required=())
    monkeypatch.setitem(PLANS, "core", plan)
    assert explore(HostSubject(Alone), "HR-RACE-02", Budget(examples=30, steps=30)) is not None
    assert (most, standing) == (1, 0)


def test_a_host_that_is_wrong_without_any_overlap_is_told_what_to_mend_first() -> None:
    class Deaf(BlueGreenHost):
        """No reload takes effect."""

        async def reload(self, name: str) -> list[str]:
            return []

    class Adapter(BlueGreenAdapter):
        name = "deaf"
        host_class = Deaf

    assert explore(HostSubject(Adapter), "HR-SWAP-01", SMALL) is not None
    with pytest.raises(CannotJudge, match=r"wrong where nothing overlaps.* mend first .*SWAP-01"):
        explore(HostSubject(Adapter), "HR-RACE-02", SMALL)


@pytest.mark.parametrize("code", ["HR-SWAP-01", "HR-SWAP-07", "HR-RACE-02", "HR-ISO-01"])
def test_what_a_failed_reload_left_in_the_way_of_a_load_ends_that_example_alone(code: str) -> None:
    class Stuck(BlueGreenHost):
        """What has failed to reload cannot be unloaded, until it has reloaded."""

        async def reload(self, name: str) -> list[str]:
            self.stuck = {*getattr(self, "stuck", ()), name}
            warnings = await super().reload(name)
            self.stuck.discard(name)
            return warnings

        async def unload(self, name: str) -> None:
            if name in getattr(self, "stuck", ()):
                raise HostError(f"unload of {name!r} failed: what it made is not registered")
            await super().unload(name)

    class Adapter(BlueGreenAdapter):
        name = "stuck"
        host_class = Stuck

    assert explore(HostSubject(Adapter), code, SMALL) is None


def test_what_is_not_claimed_is_not_required() -> None:
    class Plain(BlueGreenAdapter):
        claims = frozenset({Claim.RELOAD})

    found = exploration(HostSubject(Plain), "HR-SWAP-01", Budget(examples=1, steps=1))
    assert found.explored is not None
    required = " ".join(found.explored.required)
    assert "reload-fail" in required
    for word in ("disabled", "unload", "cancel", "put"):
        assert word not in required


@pytest.mark.parametrize("machine", PLANS)
def test_each_machine_has_rules_scripts_and_requirements(machine: str) -> None:
    plan = PLANS[machine]
    assert machine in RULES
    assert any(each.machine == machine for each in INVARIANTS.values())
    for text in (*plan.seeds, *itertools.chain.from_iterable(plan.seeds_by.values())):
        assert script(parse_script(text)) == text
    assert {*plan.seeds_by, *plan.required_by} <= {*INVARIANTS}
    assert any("+" in rule_of(each) for each in plan.required), "nothing overlaps"


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


@pytest.fixture
def unscripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is explored is drawn."""
    monkeypatch.setitem(PLANS, "pipeline", replace(PLANS["pipeline"], seeds=()))


@pytest.mark.usefixtures("unscripted")
def test_a_run_is_the_same_every_time_and_follows_its_seed() -> None:
    subject = HostSubject(NoGuard)

    def told(seed: int | None) -> str:
        found = explore(subject, "HR-GUARD-01", Budget(seed=seed, shrink=False))
        assert found is not None
        return found.replay

    assert told(None) == told(None)
    assert told(7) == told(7)
    assert len({told(seed) for seed in range(4)}) > 1


@pytest.mark.usefixtures("unscripted")
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
    with pytest.raises(KitError, match="HR-ISO-02 has no state machine; those that have: HR-"):
        replay(GOOD, "HR-ISO-02", "load a v1")


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
