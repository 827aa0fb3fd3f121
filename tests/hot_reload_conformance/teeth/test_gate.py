"""The gate: open for the kit as it is, shut by any tooth that is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.command import main
from hot_reload_conformance.contract.clause import Level
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.teeth import gate, trial
from hot_reload_conformance.teeth.gate import orders, problems, unbitten
from hot_reload_conformance.teeth.pool import trials
from hot_reload_conformance.teeth.quarry import Quarry, correct_subjects, specimens
from hot_reload_conformance.teeth.trial import Order, Scope, Trial, tried


def _put(monkeypatch: pytest.MonkeyPatch, table: str, quarries: list[Quarry]) -> None:
    world = {each.name: each for each in quarries}
    for module in (gate, trial):
        monkeypatch.setattr(module, table, lambda: world)


def test_F83_a_sample_of_the_teeth_bites() -> None:
    made = list(trials(orders("quick", 1, 8), 0))
    assert len(made) == 16
    assert all(each.judged for each in made if each.order.scope is Scope.NAMED)
    assert sum(each.judged for each in made if each.order.scope is Scope.CORRECT) >= 4
    assert problems(made) == []


def test_F83_every_must_clause_with_a_check_has_a_specimen() -> None:
    assert unbitten() == []


def test_a_clause_without_a_specimen_shuts_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [each for each in specimens().values() if each.code != "HR-SWAP-01"]
    _put(monkeypatch, "specimens", left)
    assert problems([]) == ["HR-SWAP-01 (new-code-serves) is a MUST and kills nothing"]


def test_a_specimen_that_is_right_shuts_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = next(each for each in specimens().values() if each.code == "HR-SWAP-01")
    mended = replace(wrong, subject=BlueGreenAdapter)
    _put(monkeypatch, "specimens", [*specimens().values(), replace(mended, name="mended")])
    made = tried(Order("mended", Scope.NAMED, "quick", 3))
    assert made.killed_by == ()
    assert made.judged
    (found,) = problems([made])
    assert found.startswith("mended is not killed by HR-SWAP-01")
    assert "(seed 3)" in found


def test_a_specimen_that_is_killed_by_chance_has_several_tries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = next(iter(specimens()))
    seeds: list[int | None] = []

    def by_the_third(order: Order, _: Quarry, budget: Budget) -> Trial:
        seeds.append(budget.seed)
        return Trial(order, ("HR-LOAD-02",) if budget.seed == 7 else ())

    monkeypatch.setattr(trial, "_by_named", by_the_third)
    order = Order(name, Scope.NAMED, "quick", 5, tries=9)
    assert problems([tried(order)]) == []
    assert seeds == [5, 6, 7]
    seeds.clear()
    assert problems([tried(replace(order, tries=2))]) != []
    assert seeds == [5, 6]


def test_a_specimen_that_is_killed_in_other_words_shuts_the_gate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = next(each for each in specimens().values() if each.code == "HR-SWAP-01")
    reworded = replace(wrong, name="reworded", says="words that no message has")
    _put(monkeypatch, "specimens", [*specimens().values(), reworded])
    (found,) = problems([tried(Order("reworded", Scope.NAMED, "quick", 0))])
    assert "words that no message has" in found
    assert "fail" in found


def test_a_false_alarm_shuts_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = next(each for each in specimens().values() if each.code == "HR-SWAP-01")
    _put(monkeypatch, "correct_subjects", [replace(wrong, name="said-to-be-right", code="")])
    check = next(each for each in wrong.named_checks)
    made = tried(Order("said-to-be-right", Scope.CORRECT, "quick", 0, check.id))
    assert "HR-SWAP-01" in made.killed_by
    (found,) = problems([made])
    assert found.startswith("false alarm on said-to-be-right")


def test_what_ends_its_process_shuts_the_gate() -> None:
    name = next(iter(specimens()))
    order = Order(name, Scope.NAMED, "quick", 0)
    (found,) = problems([Trial(order, said=("it ended the process",))])
    assert "it ended the process" in found


def test_a_sample_is_the_same_for_the_same_seed_and_only_of_what_is_judged() -> None:
    assert orders("quick", 7, 5) == orders("quick", 7, 5)
    assert orders("quick", 7, 5) != orders("quick", 8, 5)
    for order in orders("quick", 7, 40):
        if order.scope is Scope.CORRECT:
            subject = correct_subjects()[order.subject]
            (check,) = [each for each in subject.checks if each.id == order.check]
            assert check.clause.level is Level.MUST


def test_without_a_sample_everything_is_tried() -> None:
    wanted = orders("quick", 0, None)
    assert {each.subject for each in wanted if each.scope is Scope.NAMED} == set(specimens())
    assert {each.subject for each in wanted if each.scope is Scope.CORRECT} == set(
        correct_subjects()
    )


def test_the_command_says_what_it_tried() -> None:
    done = CliRunner().invoke(
        main, ["kill-matrix", "--check", "--sample", "2", "--seed", "4", "--jobs", "0"]
    )
    assert done.exit_code == 0, done.output
    assert "4 trials" in done.output
    assert "seed 4: 0 problems" in done.output


def test_the_command_ends_with_1_where_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = next(each for each in specimens().values() if each.code == "HR-SWAP-01")
    _put(monkeypatch, "specimens", [replace(wrong, subject=BlueGreenAdapter)])
    _put(monkeypatch, "correct_subjects", [])
    monkeypatch.setattr(gate, "TRIES", 2)
    done = CliRunner().invoke(main, ["kill-matrix", "--check", "--jobs", "0"])
    assert done.exit_code == 1
    assert "not killed by HR-SWAP-01" in done.output
