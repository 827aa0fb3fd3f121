"""The trials: what is done for single clauses alone, and where nothing of it can be judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hot_reload_conformance.adapter import Claim, HostAdapter
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import host_checks
from hot_reload_conformance.exploration.invariants import INVARIANTS
from hot_reload_conformance.exploration.machine import exploration, explore, replay
from hot_reload_conformance.exploration.operation import Op, parse_script, renumbered, script
from hot_reload_conformance.exploration.plan import PLANS, plan_of
from hot_reload_conformance.exploration.trial_rules import trial_rules
from hot_reload_conformance.exploration.trials import TRIALS, Changes
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter, BlueGreenHost, Generation
from hot_reload_conformance.specimens.graph_host import GraphAdapter, GraphHost
from hot_reload_conformance.specimens.operated_host import OperatedAdapter, OperatedHost
from hot_reload_conformance.specimens.registry import Specimen, all_specimens
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, NotVerified, Verdict

GOOD = HostSubject(BlueGreenAdapter)
SCRIPTS_ALONE = Budget(examples=1, steps=1)
TRIED = {code: each for code, each in INVARIANTS.items() if each.draws}
OF_SEQUENCES = [
    each
    for each in all_specimens()
    if each.adapter.__module__.rpartition(".")[2] in ("core_sequences", "wider_sequences")
]


@pytest.mark.parametrize("specimen", OF_SEQUENCES, ids=lambda each: each.name)
def test_no_example_of_its_clause_catches_a_specimen_of_sequences(specimen: Specimen) -> None:
    for check in host_checks():
        if check.clause.code == specimen.code and not check.explores:
            result = run_host_check(HostSubject(specimen.adapter), check)
            assert result.verdict is Verdict.PASS, (check.id, result.reason)


def test_each_clause_that_has_trials_has_a_specimen_of_sequences() -> None:
    assert {*TRIED} <= {each.code for each in OF_SEQUENCES}


def test_a_trial_is_printed_and_read_back() -> None:
    text = (
        "again a v1; stray b unload; replace a v2 fault=stop; busy a v3; busy a v4 fault=on_reload;"
        " sicken s v5; heal s v6; wire lone v7; reload a v8 fault=start:raises-an-exception+stop"
    )
    operations = parse_script(text)
    assert script(operations) == text
    assert [each.rule for each in operations] == [
        *("again", "stray", "replace-fail", "busy", "busy-fail", "sicken", "heal", "wire"),
        "reload-fail-twice",
    ]


def test_the_operation_of_a_stray_name_is_no_version() -> None:
    operations = [Op("load", "a", "v9"), Op("stray", "b", "unload")]
    assert script(renumbered(operations)) == "load a v1; stray b unload"


@pytest.mark.parametrize("code", TRIED)
def test_each_trial_is_drawn_and_in_a_script_of_its_clause(code: str) -> None:
    assert trial_rules(TRIED[code].draws)
    plan = plan_of(code)
    scripts = "; ".join(plan.seeds_by[code])
    for trial in TRIED[code].draws & {*TRIALS, "wire"}:
        assert f"{trial} " in scripts


def test_no_other_clause_bears_a_trial() -> None:
    assert trial_rules(frozenset()) == ()
    for plan in PLANS.values():
        common = {op.verb for text in plan.seeds for op in parse_script(text)}
        assert not common & {*TRIALS, "wire"}
    # One that is not asked for is left out of a script, so this one does nothing to ``a``.
    line = "load a v1; again a v2; replace a v3 fault=stop; stray b unload"
    assert replay(GOOD, "HR-SWAP-01", line) is None


@pytest.mark.parametrize(
    ("code", "line"),
    [
        # Two generations of one version: each of them is stopped once.
        ("HR-LOAD-06", "load a v1; disable a; reload a; unload a"),
        ("HR-LOAD-06", "load a v1; reload a; reload a; unload a; load a v2; unload a"),
        # Calls would reach the other handler, too.
        ("HR-STATE-02", "load a v1; load b v2; busy a v3"),
    ],
)
def test_a_correct_host_is_not_told_off(code: str, line: str) -> None:
    assert replay(GOOD, code, line) is None


class Bare(BlueGreenAdapter):
    """Declares no hook of an old one's end."""

    name = "bare"
    hook_order = ("new construct", "new start")


class Stateless(BlueGreenAdapter):
    name = "stateless"
    stages = ("read", "syntax", "import", "plugin", "start")


class FailsEarly(BlueGreenAdapter):
    name = "fails-early"
    stages = ("read", "syntax")


class _NeverStops(BlueGreenHost):
    async def retire(self, old: object) -> list[str]:
        return []

    async def release_half_made(self, new: object) -> None:
        self.forget(new)  # type: ignore[arg-type]


class NeverStops(BlueGreenAdapter):
    name = "never-stops"
    host_class = _NeverStops


class _NeverSick(OperatedHost):
    async def healthy(self, name: str) -> bool:
        return True


class NeverSick(OperatedAdapter):
    name = "never-sick"
    host_class = _NeverSick


class _Binds(GraphHost):
    """Leaves dependents running, and starts nobody but the one that is edited."""

    async def hook(self, generation: object, what: str, *arguments: object) -> object:
        if what in ("start", "stop"):
            return None
        return await super().hook(generation, what, *arguments)  # type: ignore[arg-type]


class Binds(GraphAdapter):
    name = "binds"
    host_class = _Binds


@pytest.mark.parametrize(
    ("code", "adapter", "says"),
    [
        ("HR-ROLL-07", Bare, "none stands in the adapter's hook_order"),
        ("HR-STATE-04", Stateless, "not among the adapter's stages"),
        ("HR-ROLL-03", FailsEarly, "none fails half-started"),
        ("HR-ROLL-03", NeverStops, "never called a plugin's stop"),
        ("HR-GUARD-03", NeverSick, "makes healthy\\(\\) answer False"),
        ("HR-DEPS-02", Binds, "leaves them running"),
    ],
)
def test_what_a_host_cannot_show_is_not_claimed(
    code: str, adapter: type[HostAdapter], says: str
) -> None:
    with pytest.raises(NotClaimed, match=says):
        explore(HostSubject(adapter), code, SCRIPTS_ALONE)


@pytest.mark.parametrize(
    ("code", "fact"),
    [
        ("HR-LOAD-05", "loaded again"),
        ("HR-LOAD-07", "unknown name"),
        ("HR-ROLL-03", "half-started one failed"),
        ("HR-ROLL-07", "shutdown failed"),
        ("HR-STATE-02", "changed while a reload ran"),
        ("HR-STATE-04", "restore failed"),
    ],
)
def test_without_its_trial_a_clause_is_not_verified(
    code: str, fact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = INVARIANTS[code].machine
    plan = replace(PLANS[machine], seeds=("load a v1; edit a v2; reload a",), seeds_by={})
    monkeypatch.setitem(PLANS, machine, replace(plan, required=(), required_by={}))
    monkeypatch.setattr(INVARIANTS[code], "draws", frozenset())
    with pytest.raises(NotVerified, match=f"never .*{fact}"):
        exploration(GOOD, code, SCRIPTS_ALONE)


@pytest.mark.parametrize("code", ["HR-ROLL-02", "HR-ROLL-03"])
def test_a_host_that_never_rolls_back_is_told_what_to_mend_first(code: str) -> None:
    class HalfWay(BlueGreenHost):
        """The new one serves, however far it came."""

        async def release_half_made(self, new: Generation) -> None:
            self.half = new

        async def roll_back(self, name: str, old: Generation) -> None:
            self.commit(name, self.half)
            await self.retire(old)

    class Adapter(BlueGreenAdapter):
        name = "half-way"
        stages = ("start",)
        host_class = HalfWay

    with pytest.raises(CannotJudge, match="mend first what HR-ROLL-01 finds"):
        explore(HostSubject(Adapter), code, SCRIPTS_ALONE)


def test_who_was_lost_in_a_failed_reload_is_no_matter_of_loads() -> None:
    class Loses(BlueGreenHost):
        """Whose reload fails is gone."""

        async def roll_back(self, name: str, old: Generation) -> None:
            await super().roll_back(name, old)
            del self.live[name]

    class Adapter(BlueGreenAdapter):
        name = "loses"
        host_class = Loses

    lost = "load a v1; reload a v2 fault=start:raises-an-exception"
    assert replay(HostSubject(Adapter), "HR-LOAD-05", f"{lost}; again a v3") is None
    with pytest.raises(CannotJudge, match="lost before"):
        replay(HostSubject(Adapter), "HR-LOAD-06", f"{lost}; unload a")
    assert replay(HostSubject(Adapter), "HR-ROLL-01", lost) is not None


def test_without_a_claim_its_trials_are_not_required() -> None:
    class Plain(BlueGreenAdapter):
        claims = frozenset({Claim.RELOAD, Claim.UNLOAD})

    for code in ("HR-LOAD-05", "HR-LOAD-06", "HR-LOAD-07", "HR-ROLL-04"):
        found = exploration(HostSubject(Plain), code, SCRIPTS_ALONE)
        assert found.finding is None
        assert found.explored is not None
        assert "reload-fail-twice" not in " ".join(found.explored.required)


def test_what_the_state_may_be_behind_calls_of_which_some_raised() -> None:
    changes = Changes(before=3, asked=4, answered=2, seen=[])
    assert changes.possible == ["{'count': 5}", "{'count': 6}", "{'count': 7}"]
