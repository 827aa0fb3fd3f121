"""The study: one exploration for all clauses, each with a verdict of its own."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from dataclasses import replace
from pathlib import Path

import pytest

from hot_reload_conformance.adapter import Claim, Ports, Reply
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.judge import Judge, Replay
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import Check, host_checks, plugin_checks
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.plugins.case import run_plugin_check
from hot_reload_conformance.simulation.clauses import CANCELLED_RELOAD, JUDGED
from hot_reload_conformance.simulation.hunt import hunt
from hot_reload_conformance.simulation.invariants import ALL, SERIAL
from hot_reload_conformance.simulation.script import Script
from hot_reload_conformance.simulation.scripts import FIXED_SCRIPTS
from hot_reload_conformance.simulation.study import Study, study_of
from hot_reload_conformance.specimens import interleaved
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    HostError,
)
from hot_reload_conformance.specimens.plug import PLUGIN_SPECIMENS
from hot_reload_conformance.specimens.registry import SPECIMENS, Specimen, all_specimens
from hot_reload_conformance.specimens.sync_host import SyncAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import (
    CannotJudge,
    KitError,
    NotClaimed,
    Verdict,
)

BUDGET = Budget(simulated_runs=6)
TEETH = Budget(simulated_runs=16)
INTERLEAVED = [each for each in SPECIMENS if inspect.getmodule(each.adapter) is interleaved]


@pytest.mark.parametrize("specimen", INTERLEAVED, ids=lambda each: each.name)
def test_a_finding_is_small_and_a_story_and_replays(specimen: Specimen) -> None:
    finding = Study(HostSubject(specimen.adapter), Budget()).judge(specimen.code)
    assert finding is not None
    assert specimen.says in finding.message
    code, _, text = finding.replay.partition("=")
    operations, _, deviations = text.rpartition("|")[2].rpartition("@")
    assert code == specimen.code
    assert len(operations.split(";")) <= 3, text
    assert len([each for each in deviations.split(",") if each.strip()]) <= 2, text
    again = Study(HostSubject(specimen.adapter), BUDGET).replay(code, text)
    assert again is not None
    assert again.message == finding.message
    assert finding.story[0].text.startswith("simulated: ")
    assert finding.story[-1].broken
    assert finding.timeline or "|" not in text  # no plugin was needed, so none has a timeline


@pytest.mark.parametrize("code", JUDGED)
def test_each_simulated_clause_has_teeth(code: str) -> None:
    """Some specimen of the clause is killed by its simulation, not by its examples alone."""
    for specimen in all_specimens():
        if specimen.code == code:
            with contextlib.suppress(NotClaimed, CannotJudge):
                found = Study(HostSubject(specimen.adapter), TEETH).judge(code, shrink=False)
                if found and not found.traceback:  # a host that hangs breaks whatever is asked
                    return
    pytest.fail(f"the simulation of {code} kills none of the clause's specimens")


OF_THEIR_OWN = [
    each
    for each in (*host_checks(), *plugin_checks())
    if each.kind is Kind.SIMULATION and each.clause.code not in JUDGED
]


@pytest.mark.parametrize("check", OF_THEIR_OWN, ids=lambda each: each.id)
def test_each_simulation_with_scripts_of_its_own_has_teeth(check: Check, tmp_path: Path) -> None:
    """The same; what examples pass stands in the tests of each."""
    budget = replace(TEETH, shrink=False)
    wrong = PLUGIN_SPECIMENS if check.clause.for_plugins else all_specimens()
    for specimen in [each for each in wrong if each.code == check.clause.code]:
        if isinstance(specimen, Specimen):
            result = run_host_check(HostSubject(specimen.adapter), check, budget)
        else:
            result = run_plugin_check(specimen.write(tmp_path / specimen.name), check, budget)
        if result.verdict is Verdict.FAIL:
            return
    pytest.fail(f"{check.id} kills none of the clause's specimens")


class Counted(BlueGreenAdapter):
    """Counts how many hosts were opened."""

    opened = 0

    async def open(self, workdir, ports):  # type: ignore[no-untyped-def]
        type(self).opened += 1
        await super().open(workdir, ports)


def test_a_script_is_explored_once_for_all_clauses() -> None:
    subject = HostSubject(Counted)
    assert study_of(subject, BUDGET) is study_of(subject, BUDGET)
    study = Study(subject, BUDGET)
    assert study.judge("HR-RACE-02") is None
    opened = Counted.opened
    assert opened > 0
    assert study.judge("HR-RACE-03") is None
    assert Counted.opened == opened


class LossyAndDouble(interleaved.LossyRollback):
    """Two bugs: events are lost where a reload fails, and every good reload says that it failed."""

    name = "lossy-and-double"

    async def reload(self, ref: str) -> Reply | bool | None:
        await super().reload(ref)
        return False


def test_one_failure_masks_no_other() -> None:
    study = Study(HostSubject(LossyAndDouble), BUDGET)
    lost, unexplained = study.judge("HR-FLOW-01"), study.judge("HR-STATE-02")
    assert lost is not None
    assert "are lost" in lost.message
    assert unexplained is not None
    assert "no order" in unexplained.message


class SaysFailedOnce(BlueGreenAdapter):
    """A good reload of a plugin that is not the only one is said to have failed."""

    name = "says-failed-once"

    async def load(self, ref: str) -> Reply | bool | None:
        self.loaded = [*getattr(self, "loaded", ()), ref]
        return await super().load(ref)

    async def reload(self, ref: str) -> Reply | bool | None:
        await super().reload(ref)
        return len(self.loaded) == 1


def test_what_breaks_one_by_one_is_no_matter_of_overlapping() -> None:
    """The scripts in which it comes to a right end one by one are judged all the same."""
    everywhere = Study(HostSubject(LossyAndDouble), BUDGET)
    with pytest.raises(CannotJudge, match="not verified"):
        everywhere.judge("HR-RACE-02")
    somewhere = Study(HostSubject(SaysFailedOnce), BUDGET)
    assert somewhere.judge("HR-RACE-02") is None
    assert any("serial" in each.found for each in somewhere._explored.values())


class ByTime(BlueGreenAdapter):
    """Reloads a text only where its file has another time than it had."""

    name = "by-time"

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.workdir, self.seconds = workdir, dict[str, int]()
        await super().open(workdir, ports)

    def moved(self, ref: str) -> bool:
        before, now = self.seconds.get(ref), int((self.workdir / f"{ref}.py").stat().st_mtime)
        self.seconds[ref] = now
        return before != now

    async def load(self, ref: str) -> Reply | bool | None:
        self.moved(ref)
        return await super().load(ref)

    async def reload(self, ref: str) -> Reply | bool | None:
        return await super().reload(ref) if self.moved(ref) else None


def test_a_host_that_goes_by_the_time_of_files_sees_each_version() -> None:
    study = Study(HostSubject(ByTime), BUDGET)
    script = Script.parse("load a v1 | reload a v2; call")
    assert study.explored(script).found == {}


class ReloadLoads(BlueGreenHost):
    """Its reload of a plugin that is not loaded loads it, as that of interactions.py does."""

    def __init__(self, workdir: Path, ports: Ports) -> None:
        super().__init__(workdir, ports)
        self.reloads = asyncio.Lock()

    async def reload(self, name: str) -> list[str]:
        async with self.reloads:
            try:
                return await super().reload(name)
            except HostError:
                if name in self.live:
                    raise
            await self.load(name)
            return []


class ReloadLoadsAdapter(BlueGreenAdapter):
    name = "reload-loads"
    host_class = ReloadLoads


UNLOADED = [
    "load a v1 | reload a v2; unload a",
    "load a v1 | reload a v2!start; unload a; reload a v3",
]


@pytest.mark.parametrize("line", UNLOADED)
def test_a_reload_that_comes_behind_the_unload_may_load(line: str) -> None:
    # Which deviations bring the reload behind it is the search's to find out.
    found = hunt(ReloadLoadsAdapter, [line], runs_per_script=60)
    assert found.describe() == "nothing found in 60 runs"


class Keeps(ReloadLoads):
    """Besides, what it unloads stays."""

    async def unload(self, name: str) -> None:
        self.known(name, "unload")


def test_what_serves_there_has_to_be_explained_all_the_same() -> None:
    adapter = type("Adapter", (ReloadLoadsAdapter,), {"host_class": Keeps})
    found = hunt(adapter, ["load a v1; load b v1 | reload a v2; unload b"]).found
    assert found is not None
    assert found.failure is not None
    assert found.failure.kind == SERIAL


class Threaded(BlueGreenAdapter):
    name = "threaded"

    async def reload(self, ref: str) -> Reply | bool | None:
        await asyncio.to_thread(int)
        return await super().reload(ref)


def test_a_host_that_leaves_the_simulation_is_not_judged_and_told_why() -> None:
    with pytest.raises(NotClaimed, match=r"simulation: the host leaves it.*a thread"):
        Study(HostSubject(Threaded), BUDGET).judge("HR-RACE-02")


class NeverReloads(BlueGreenAdapter):
    name = "never-reloads"

    async def reload(self, ref: str) -> Reply | bool | None:
        return False


def test_what_never_came_to_pass_verifies_nothing() -> None:
    with pytest.raises(CannotJudge, match=r"not verified: in .* there was no reload ok"):
        Study(HostSubject(NeverReloads), BUDGET).judge("HR-SWAP-05")


class SyncThatClaimsCancel(SyncAdapter):
    name = "sync-that-claims-cancel"
    claims = SyncAdapter.claims | {Claim.CANCEL}


@pytest.mark.parametrize("code", [c for c, j in JUDGED.items() if j.fact == CANCELLED_RELOAD])
def test_a_host_whose_reloads_never_wait_is_told_to_drop_the_claim(code: str) -> None:
    with pytest.raises(NotClaimed, match="drop the claim `cancel`"):
        Study(HostSubject(SyncThatClaimsCancel), BUDGET).judge(code)
    assert Study(HostSubject(BlueGreenAdapter), BUDGET).judge(code) is None


def test_the_judge_replays_a_finding_as_the_command_line_does() -> None:
    subject = HostSubject(interleaved.Gap)
    finding = Study(subject, BUDGET).judge("HR-SWAP-06")
    assert finding is not None
    replay = Replay.of(finding.replay)
    (check,) = (each for each in host_checks() if each.id == "never-absent[simulated]")
    assert check.replays(replay.script)
    assert not check.replays("load a v1; reload a")
    result = Judge(BUDGET, replay=replay).judge(subject, check)
    assert result.verdict is Verdict.FAIL
    assert result.reason == finding.message


def test_a_replay_that_is_none_is_told() -> None:
    with pytest.raises(KitError, match="py3"):
        Study(HostSubject(BlueGreenAdapter), BUDGET).replay("HR-RACE-02", "load a v1")


@pytest.mark.parametrize("code", JUDGED)
def test_each_clause_has_scripts_and_kinds_that_there_are(code: str) -> None:
    judged = JUDGED[code]
    chosen = [each for each in FIXED_SCRIPTS if judged.scripts(each)]
    assert chosen
    assert Kind.SIMULATION in CONTRACT[code].kinds
    loops_own = {"deadlock", "livelock", "leftover", "crash"}
    assert set(judged.kinds) <= {*ALL, *loops_own}


def test_every_clause_that_asks_for_simulation_has_a_check() -> None:
    simulated = {each.clause.code for each in host_checks() if each.kind is Kind.SIMULATION}
    asked = {
        each.code
        for each in CONTRACT.values()
        if Kind.SIMULATION in each.kinds and not each.for_plugins
    }
    assert asked == simulated


def test_every_invariant_is_some_clause_s() -> None:
    judged = {kind for each in JUDGED.values() for kind in each.kinds}
    assert set(ALL) <= judged


def test_a_project_that_claims_less_is_asked_less() -> None:
    fewer = HostSubject(BlueGreenAdapter, claims=frozenset({Claim.RELOAD}))
    with pytest.raises(NotClaimed, match="no script"):
        Study(fewer, BUDGET).judge("HR-GUARD-02")
