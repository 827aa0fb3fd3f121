"""How mutants are judged; mutmut and the engine are not in it."""

from __future__ import annotations

import argparse
import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from tests.mutation import cases as of_contract
from tests.mutation import jury
from tests.mutation.cases import Case, Tried, cases
from tests.mutation.jury import Jury
from tests.mutation.reach import Place

from hot_reload_conformance.specimens.registry import all_specimens
from hot_reload_conformance.subject import HostSubject

# pytest-xdist's workers have threads, which a forked process of these tests never needs.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@dataclass(frozen=True)
class FakeCheck:
    id: str


@dataclass(frozen=True)
class FakeCase:
    """Red on the mutants that it names."""

    name: str
    kills: tuple[str, ...] = ()
    does: Callable[[], None] = field(default=lambda: None)
    check_id: str = ""

    @property
    def check(self) -> FakeCheck:
        return FakeCheck(self.check_id or self.name)

    def red(self) -> str:
        self.does()
        mutant = os.environ["MUTANT_UNDER_TEST"]
        return f"{mutant} is seen" if mutant in self.kills else ""


def place(statement: int) -> Place:
    return Place("a.py", (1, 9), (statement, statement), f"-{statement}")


def lines(*numbers: int) -> frozenset[tuple[str, int]]:
    return frozenset(("a.py", number) for number in numbers)


def judged(
    capsys: pytest.CaptureFixture[str],
    tried: dict[FakeCase, tuple[frozenset[tuple[str, int]], float]],
    where: dict[str, Place],
    *,
    thin: int = 0,
    jobs: int = 1,
) -> list[dict[str, Any]]:
    found = [Tried(ran, seconds, "") for ran, seconds in tried.values()]
    options = argparse.Namespace(thin=thin, jobs=jobs)
    every = cast("list[Case]", list(tried))
    Jury(every, found, where, frozenset(), options).judge(list(where))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(each["name"] for each in told) == sorted(where)
    return told


def test_a_mutant_is_judged_by_the_cases_that_reach_its_statement(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried = {
        FakeCase("dear", kills=("m.1",)): (lines(1, 2, 3), 2.0),
        FakeCase("cheap", kills=("m.1", "m.2", "m.3")): (lines(1, 3), 1.0),
    }
    found = judged(capsys, tried, {"m.1": place(1), "m.2": place(2), "m.3": place(4)})
    assert [(each["status"], each["cases"]) for each in found] == [
        ("killed", 2),
        ("survived", 1),  # the one that would see it does not run it
        ("survived", 0),
    ]
    assert found[0]["by"] == "cheap"
    assert found[0]["reason"] == "m.1 is seen"
    assert found[1]["diff"] == "-2"


def test_a_function_that_nothing_enters(capsys: pytest.CaptureFixture[str]) -> None:
    tried = {FakeCase("one", kills=("m.1",)): (lines(20), 1.0)}
    assert judged(capsys, tried, {"m.1": place(1)})[0]["status"] == "no tests"


def test_what_killed_before_is_tried_first(capsys: pytest.CaptureFixture[str]) -> None:
    both = ("m.2", "m.3")
    tried = {
        FakeCase("cheap", kills=("m.3",)): (lines(1), 1.0),
        FakeCase("dear", kills=both): (lines(1), 1.5),
    }
    found = judged(capsys, tried, {"m.2": place(1), "m.3": place(1)})
    assert [each["by"] for each in found] == ["dear", "dear"]


def test_a_mutant_that_hangs_or_crashes_is_told_so_and_the_next_is_judged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jury, "HANG_SECONDS", 0.05)

    def acts() -> None:
        mutant = os.environ["MUTANT_UNDER_TEST"]
        if mutant == "m.hangs":
            signal.pause()
        if mutant == "m.crashes":
            os.kill(os.getpid(), signal.SIGKILL)
        if mutant == "m.raises":
            raise KeyboardInterrupt

    tried = {FakeCase("one", does=acts): (lines(1), 0.0)}
    names = ("m.hangs", "m.crashes", "m.raises", "m.lives")
    found = judged(capsys, tried, {name: place(1) for name in names}, jobs=2)
    assert {each["name"]: each["status"] for each in found} == {
        "m.hangs": "timeout",
        "m.crashes": "crashed",
        "m.raises": "crashed",
        "m.lives": "survived",
    }


def test_thin_takes_some_of_each_check_of_those_that_reach_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried = {
        FakeCase(f"{check}{number}", check_id=check): (lines(number % 2), 1.0)
        for check in "ab"
        for number in range(10)
    }
    for thin, count in ((0, 10), (5, 10), (3, 6), (1, 2)):
        found = judged(capsys, tried, {"m.1": place(1)}, thin=thin)
        assert found[0]["cases"] == count


def test_every_variant_is_a_case_and_a_machine_is_one() -> None:
    every, some = cases(), cases(explore=False)
    assert len({each.name for each in every}) == len(every) > 1000
    assert not any(each.check.explores for each in some)
    assert {each.name for each in every if not each.check.explores} == {e.name for e in some}


def test_a_case_is_green_on_the_engine_as_it_is_and_red_on_a_wrong_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = next(each for each in all_specimens() if each.code == "HR-SWAP-01")
    own = [each for each in cases(explore=False) if each.check.clause.code == wrong.code]
    assert not any(each.red() for each in own)
    monkeypatch.setattr(of_contract, "SUBJECT", HostSubject(wrong.adapter))
    assert any(wrong.says in each.red() for each in own)
