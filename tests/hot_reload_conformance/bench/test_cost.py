"""A host whose reloads take long is judged by some variants, and the report says so."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import pytest

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.bench import cost
from hot_reload_conformance.bench import judge as judging
from hot_reload_conformance.bench.budgets import BUDGETS
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.cost import (
    SLOW_SECONDS,
    affordable,
    case_seconds,
    chosen,
    left_out,
    patient,
    slowness,
    spread,
    thinned,
    told,
)
from hot_reload_conformance.bench.judge import Judge, Replay
from hot_reload_conformance.check import Check, Variant, host_checks
from hot_reload_conformance.door import run_contract
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.subjects.expectation import Expectations
from hot_reload_conformance.verdict import CheckResult, Verdict

QUICK = BUDGETS["quick"]
SUBJECT = HostSubject(BlueGreenAdapter)


def check(name: str) -> Check:
    return next(each for each in host_checks() if each.id == name)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "case_seconds", lambda *_: 0.6)


def test_a_case_is_a_load_and_a_reload_and_takes_time() -> None:
    done: list[str] = []

    class Noted(BlueGreenAdapter):
        async def load(self, ref: str) -> Reply | bool | None:
            done.append("load")
            return await super().load(ref)

        async def reload(self, ref: str) -> Reply | bool | None:
            done.append("reload")
            return await super().reload(ref)

    assert case_seconds(HostSubject(Noted)) > 0
    assert done[:2] == ["load", "reload"]


def test_a_host_that_is_not_slow_affords_all() -> None:
    assert affordable(SLOW_SECONDS, QUICK) is None


def test_a_slow_host_affords_fewer_variants_and_at_least_one() -> None:
    assert affordable(0.6, QUICK) == 3
    assert affordable(math.inf, QUICK) == 1
    assert affordable(0.6, BUDGETS["ci"]) is None


def test_a_busy_machine_makes_no_host_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 0.9, 1.0, 1.1])
    monkeypatch.setattr("time.perf_counter", lambda: next(moments))
    monkeypatch.setattr("hot_reload_conformance.bench.cost.run_variant", lambda *_: None)
    assert case_seconds(SUBJECT) == pytest.approx(0.1)


def test_what_a_broken_host_does_meanwhile_is_no_matter_of_its_cost() -> None:
    class Broken(HostAdapter):
        name = "broken"
        claims = frozenset({Claim.RELOAD})

        async def open(self, workdir: object, ports: Ports) -> None:
            raise OSError("no port is free")

        def render(self, spec: PluginSpec) -> dict[str, str]:
            return {f"{spec.ref}.py": ""}

    assert case_seconds(HostSubject(Broken)) > 0


def test_a_slow_host_is_given_time_and_no_other() -> None:
    found = check("next-good-edit-loads")
    assert patient(found, 5.0).deadline_seconds == 50.0
    assert patient(found, 0.6) is found
    assert patient(replace(found, deadline_seconds=0.1), SLOW_SECONDS).deadline_seconds == 0.1


def test_that_a_host_is_slow_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(case: Case, _: object) -> None:
        await case.loaded(PluginSpec())
        await asyncio.Event().wait()

    found = replace(check("takes-effect"), run=hangs, deadline_seconds=0.02)
    monkeypatch.setattr(judging, "case_seconds", lambda *_: 0.0)
    assert "within 0.02 s" in Judge(QUICK).judge(SUBJECT, found).reason
    monkeypatch.setattr(judging, "case_seconds", lambda *_: SLOW_SECONDS + 0.01)
    monkeypatch.setattr(cost, "_CASES_IN_A_VARIANT", 1)
    for budget in (QUICK, BUDGETS["ci"]):
        assert "within 0.21 s" in Judge(budget).judge(SUBJECT, found).reason


def test_the_variants_that_are_taken_lie_evenly() -> None:
    assert spread(range(10), 3) == [0, 3, 6]
    assert spread(range(2), 3) == [0, 1]
    assert spread(range(10), 10) == list(range(10))


@pytest.mark.usefixtures("slow")
def test_a_check_is_thinned_and_says_so() -> None:
    every = check("old-keeps-serving").variants(BlueGreenAdapter)
    result = Judge(QUICK).judge(SUBJECT, check("old-keeps-serving"))
    assert result.verdict is Verdict.PASS
    planned = [each.name for each in chosen(every, 3)]
    # This host has some stages in a first load alone: those variants were not run.
    assert list(result.variants) == [each for each in planned if each in result.variants]
    assert {"read", "syntax", "start"} <= {each.partition(": ")[0] for each in result.variants}
    assert len(result.variants) < len(every) / 2
    assert result.notes == (thinned(0.6),)


@pytest.mark.usefixtures("slow")
def test_a_check_of_one_variant_is_as_ever() -> None:
    result = Judge(QUICK).judge(SUBJECT, check("removed-names-gone"))
    assert (result.verdict, result.notes) == (Verdict.PASS, ())


@pytest.mark.parametrize(
    "name", ["old-keeps-serving[machine]", "old-keeps-serving[simulated]", "census", "memory-flat"]
)
@pytest.mark.usefixtures("slow")
def test_what_takes_many_reloads_is_left_out(name: str) -> None:
    result = Judge(QUICK).judge(SUBJECT, check(name))
    assert result.verdict is Verdict.NOT_RUN
    assert "many reloads, and one load and reload 0.6 s" in result.reason
    assert "--hot-reload-profile ci" in result.reason


@pytest.mark.usefixtures("slow")
def test_what_is_not_claimed_stays_so() -> None:
    class Plain(BlueGreenAdapter):
        claims = frozenset({Claim.RELOAD})

    subject = HostSubject(Plain)
    for name in ("round-trip", "round-trip[machine]"):
        result = Judge(QUICK).judge(subject, check(name))
        assert (result.verdict, result.notes) == (Verdict.NOT_CLAIMED, ())


@pytest.mark.usefixtures("slow")
def test_what_is_named_and_what_is_replayed_runs_whole() -> None:
    every = check("old-keeps-serving").variants(BlueGreenAdapter)
    report = run_contract(BlueGreenAdapter, checks=["old-keeps-serving"])
    assert len(report.results[0].variants) > 3
    assert not report.notes
    replay = Replay("HR-ROLL-01", every[4].name)
    result = Judge(QUICK, replay=replay).judge(SUBJECT, check("old-keeps-serving"))
    assert (result.variants, result.notes) == ((every[4].name,), ())


@pytest.mark.usefixtures("slow")
def test_some_variants_that_pass_prove_no_expected_failure_stale() -> None:
    reasons = {"blue-green": {"old-keeps-serving": "known", "HR-SWAP-01": "known"}}
    expected = Expectations.of(reasons, host_checks())
    judge = Judge(QUICK, expected)
    result = judge.judge(SUBJECT, check("old-keeps-serving"))
    assert (result.verdict, result.thinned, result.stale) == (Verdict.PASS, True, False)
    every = [each for each in host_checks() if each.clause.code == "HR-SWAP-01"]
    passed = [
        CheckResult(
            code="HR-SWAP-01",
            check=each.id,
            subject="blue-green",
            verdict=Verdict.PASS,
            notes=(thinned(0.6),),
        )
        for each in every
    ]
    assert expected.stale(passed, host_checks()) == []
    assert expected.stale([replace(each, notes=()) for each in passed], host_checks())


def test_the_self_test_tells_before_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "case_seconds", lambda _: SLOW_SECONDS)
    assert slowness(SUBJECT) == ""
    monkeypatch.setattr(cost, "case_seconds", lambda _: 0.6)
    assert slowness(SUBJECT).startswith("one load and reload takes 0.6 s, so a run is thinned: ")


def test_the_report_sums_up_what_was_left_out() -> None:
    machine = left_out(SUBJECT, check("old-keeps-serving[machine]"), 0.6)
    (said,) = told([machine])
    assert said.startswith(
        "blue-green: one load and reload takes 0.6 s, so the run was thinned: 0 checks ran some "
        "of their variants, 1 did not run. "
    )
    assert told([]) == []


def test_of_each_stage_at_which_a_reload_fails_one_variant_runs_at_least() -> None:
    names = ["read: gone", "read: empty", "syntax: broken", "syntax: no text", "start: raises"]
    every = [Variant(each) for each in names]
    assert [each.name for each in chosen(every, 1)] == [names[0], names[2], names[4]]
    assert chosen(every, 5) == every
    plain = [Variant(each) for each in "abcd"]
    assert chosen(plain, 2) == [plain[0], plain[2]]
