"""Long ways are cut where nobody looks: never what broke, never a number."""

from __future__ import annotations

import pytest

from hot_reload_conformance.report.markup import plain, width_of
from hot_reload_conformance.report.steps import MAX_LINES, MAX_STEPS, told_steps
from hot_reload_conformance.verdict import Step

HASH = "sha256:23bb7693bc23"


def _numbers(text: str) -> list[int]:
    """The steps that are shown."""
    heads = [line[2:].strip().split(".")[0] for line in text.splitlines()]
    return [int(each) for each in heads if each.isdecimal()]


def _way(length: int, broken: tuple[int, ...] = ()) -> list[Step]:
    return [Step(f"reload {n}", seen="ok", broken=n in broken) for n in range(1, length + 1)]


@pytest.mark.parametrize("length", [1, MAX_STEPS])
def test_a_short_way_is_told_whole(length: int) -> None:
    assert _numbers(plain(told_steps(_way(length), 80))) == list(range(1, length + 1))


def test_of_a_long_way_the_ends_are_told_and_the_rest_is_counted() -> None:
    text = plain(told_steps(_way(25), 80))
    assert _numbers(text) == [1, 2, 3, 22, 23, 24, 25]
    assert "      … 18 more steps like these (-vv shows all) …" in text.splitlines()
    assert len(text.splitlines()) == 8


def test_steps_of_another_kind_are_not_called_alike() -> None:
    steps = [*_way(12), Step("unplug"), *_way(12)]
    assert "… 18 more steps (-vv shows all) …" in plain(told_steps(steps, 80))


def test_what_broke_is_always_told() -> None:
    text = plain(told_steps(_way(40, broken=(20, 30)), 80))
    assert _numbers(text) == [1, 2, 3, 20, 30, 37, 38, 39, 40]
    assert "E 20. reload 20" in text
    counts = [int(line.split()[1]) for line in text.splitlines() if "more steps" in line]
    assert counts == [16, 9, 6]


def test_one_step_is_told_rather_than_counted() -> None:
    text = plain(told_steps(_way(30, broken=(5,)), 80))
    assert _numbers(text)[:5] == [1, 2, 3, 4, 5]


def test_full_has_every_step_and_every_hash() -> None:
    steps = [Step(f"reload {n}", seen=f"swapped, {HASH} (generation {n})") for n in range(30)]
    text = plain(told_steps(steps, 200, full=True))
    assert _numbers(text) == list(range(1, 31))
    assert text.count(HASH) == 30


def test_a_generation_goes_by_its_number() -> None:
    seen = f"swapped 'leak' from 1.0 {HASH} (generation 2) to 1.0 {HASH} (generation 3)"
    (line,) = told_steps([Step("reload", seen=seen)], 120)
    assert plain([line]) == (
        "   1. reload  → swapped 'leak' from 1.0 (generation 2) to 1.0 (generation 3)"
    )


def test_a_hash_that_no_generation_stands_for_stays() -> None:
    assert HASH in plain(told_steps([Step("validate", seen=f"read {HASH}")], 80))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_long_step_is_cut_unless_it_broke(width: int) -> None:
    words = "word " * 200
    cut = told_steps([Step("reload", seen=words)], width)
    assert len(cut) == MAX_LINES
    assert plain(cut).endswith("word …")
    assert all(width_of(each) <= width for each in cut)
    for whole in (
        told_steps([Step("reload", seen=words, broken=True)], width),
        told_steps([Step("reload", seen=words)], width, full=True),
    ):
        assert plain(whole).count("word") == 200
        assert all(width_of(each) <= width for each in whole)
