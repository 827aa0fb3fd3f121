"""What is drawn from an author's strategy: always the same, and not always the same value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from hot_reload_conformance.check import plugin_checks
from hot_reload_conformance.plugins.case import run_plugin_check
from hot_reload_conformance.plugins.examples import examples_of
from hot_reload_conformance.subject import PluginSubject, PluginUnderTest
from hot_reload_conformance.verdict import Verdict

SORTS = """
class Sink:
    version = "1.0"

    def __init__(self):
        self.batch, self.delivered = [], []

    def write(self, event):
        self.batch.append(event)

    def flush(self):
        batch, self.batch = self.batch, []
        self.delivered += sorted(batch)
"""


def test_a_sequence_is_taken_in_turn_and_again() -> None:
    assert examples_of(["a", "b"], 5) == ["a", "b", "a", "b", "a"]
    assert examples_of((), 3) == []


@pytest.mark.parametrize(
    "strategy",
    [st.integers(), st.text(max_size=5), st.dictionaries(st.sampled_from("abc"), st.integers())],
)
def test_examples_of_a_strategy_differ_and_are_the_same_again(
    strategy: st.SearchStrategy[object],
) -> None:
    found = examples_of(strategy, 20)
    assert len(found) == 20
    assert len({repr(each) for each in found}) >= 5
    assert examples_of(strategy, 20) == found


def test_one_example_is_not_the_simplest() -> None:
    assert examples_of(st.lists(st.integers(1, 9), max_size=4), 1) != [[]]
    assert examples_of(st.integers(), 1) != [0]


def test_the_simplest_is_among_several() -> None:
    assert 0 in examples_of(st.integers(), 4)


def test_a_strategy_of_one_value_gives_it_as_often_as_asked_for() -> None:
    assert examples_of(st.just("only"), 7) == ["only"] * 7


def test_what_is_neither_is_refused() -> None:
    with pytest.raises(TypeError, match="a sequence or a Hypothesis strategy, not int"):
        examples_of(5, 1)


def test_events_of_a_strategy_show_a_sink_that_changes_their_order(tmp_path: Path) -> None:
    async def delivered(plugin: Any) -> list[Any]:
        return list(plugin.delivered)

    (tmp_path / "sorts.py").write_text(SORTS, encoding="utf-8")
    described = PluginSubject(observe=delivered, events=st.integers(0, 99))
    subject = PluginUnderTest(path=tmp_path / "sorts.py", name="sorts", subject=described)
    check = next(each for each in plugin_checks() if each.id == "flush-delivers")
    result = run_plugin_check(subject, check)
    assert result.verdict is Verdict.FAIL
    assert "not in the order in which they were written" in result.findings[0].message
