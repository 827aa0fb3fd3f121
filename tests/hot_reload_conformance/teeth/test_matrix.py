"""The matrix: counts, the file, the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.teeth import measure as measuring
from hot_reload_conformance.teeth.matrix import Matrix
from hot_reload_conformance.teeth.measure import Extent, measure
from hot_reload_conformance.teeth.page import matrix_page
from hot_reload_conformance.teeth.quarry import specimens
from hot_reload_conformance.teeth.trial import Order, Scope, Trial

REPOSITORY = Path(__file__).resolve().parents[3]
FILE = REPOSITORY / "docs" / "reference" / "kill-matrix.json"
ONE = next(name for name, each in specimens().items() if each.code == "HR-SWAP-01")
TWO = next(name for name, each in specimens().items() if each.code == "HR-ROLL-01")


def named(name: str, seed: int, *, killed: bool = True) -> Trial:
    order = Order(name, Scope.NAMED, "quick", seed)
    return Trial(order, ("HR-SWAP-01",) if killed else (), 1, () if killed else ("swap: pass",))


def crossed(name: str, *codes: str) -> Trial:
    return Trial(Order(name, Scope.ALL, "quick", 0), codes, 50)


def matrix(*trials: Trial) -> Matrix:
    made = Matrix(made="2026-01-01").trimmed()
    for each in trials:
        made.add(each)
    return made


def test_a_specimen_that_is_killed_sometimes_is_killed_by_chance() -> None:
    made = matrix(named(ONE, 0), named(ONE, 1, killed=False), named(TWO, 0))
    assert made.rate(ONE) == (1, 2)
    assert made.lucky() == {ONE: (1, 2)}
    page = matrix_page(made)
    assert f"| {ONE} | HR-SWAP-01 | 1 of 2 | swap: pass |" in page


def test_a_kill_is_alone_where_no_other_clause_makes_it() -> None:
    made = matrix(crossed(ONE, "HR-SWAP-01"), crossed(TWO, "HR-SWAP-01", "HR-SWAP-06"))
    assert made.victims("HR-SWAP-01") == {ONE: set(), TWO: {"HR-SWAP-06"}}
    page = matrix_page(made)
    assert f"| HR-SWAP-01 new-code-serves | MUST | 2 | 1: {ONE} |" in page
    alone = page.partition("## Clauses that kill nothing alone")[2]
    assert f"| HR-SWAP-06 {CONTRACT['HR-SWAP-06'].slug} | {TWO} | HR-SWAP-01 (1) |" in alone


def test_false_alarms_are_counted_and_told() -> None:
    order = Order("blue-green", Scope.CORRECT, "quick", 0)
    made = matrix(
        Trial(order, (), 70), Trial(order, ("HR-SWAP-01",), 70, ("new-code-serves: fail why",))
    )
    assert made.correct == {"blue-green": [140, 1]}
    page = matrix_page(made)
    assert "140 verdicts of MUST clauses on correct subjects; 1 were false alarms." in page
    assert "blue-green: new-code-serves: fail why" in page


def test_what_it_holds_is_not_wanted_again() -> None:
    made = matrix(named(ONE, 0), crossed(ONE, "HR-SWAP-01"))
    wanted = made.wanted(
        [
            Order(ONE, Scope.NAMED, "quick", 0),
            Order(ONE, Scope.NAMED, "quick", 1),
            Order(ONE, Scope.NAMED, "ci", 0),
            Order(ONE, Scope.ALL, "quick", 0),
        ]
    )
    assert [(each.profile, each.seed) for each in wanted] == [("quick", 1), ("ci", 0)]


def test_a_specimen_that_changed_is_measured_again() -> None:
    made = matrix(named(ONE, 0), crossed(ONE, "HR-SWAP-01"), named("gone", 0), named(TWO, 0))
    made.specimens[ONE]["says"] = "other words"
    made.trimmed()
    assert made.rate(ONE) == (0, 0)
    assert ONE not in made.crossed
    assert made.rate(TWO) == (1, 1)


def test_the_file_gives_it_back(tmp_path: Path) -> None:
    made = matrix(named(ONE, 0), crossed(ONE, "HR-SWAP-01"))
    made.write(tmp_path / "matrix.json")
    assert Matrix.read(tmp_path / "matrix.json") == made
    assert Matrix.read(tmp_path / "none.json") == Matrix()


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 99}', '{"schema": 1}'])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "matrix.json").write_text(text)
    with pytest.raises(ValueError, match=r"matrix"):
        Matrix.read(tmp_path / "matrix.json")


def test_a_measurement_goes_on_where_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "specimens", lambda: {ONE: specimens()[ONE]})
    file = tmp_path / "matrix.json"
    told: list[int] = []
    first = measure(Extent(seeds=1, crossings=0), file, 0, lambda _, total: told.append(total))
    assert first.rate(ONE) == (1, 1)
    again = measure(Extent(seeds=2, crossings=0), file, 0, lambda _, total: told.append(total))
    assert again.rate(ONE) == (2, 2)
    assert told == [1, 1]


def test_the_published_page_is_made_of_the_published_file() -> None:
    page = FILE.with_suffix(".md").read_text(encoding="utf-8")
    assert page == matrix_page(Matrix.read(FILE))
