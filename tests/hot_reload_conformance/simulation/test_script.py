"""Scripts read back as they print, and say what is wrong with those that don't."""

from __future__ import annotations

import pytest

from hot_reload_conformance.simulation.failure import parse_replay
from hot_reload_conformance.simulation.script import Op, Script
from hot_reload_conformance.simulation.scripts import FIXED_SCRIPTS


@pytest.mark.parametrize("script", FIXED_SCRIPTS, ids=str)
def test_a_script_reads_back(script: Script) -> None:
    assert Script.parse(str(script)) == script
    assert parse_replay(f"py3.11 {script} @ 3:1") == (
        "3.11",
        script,
        parse_replay("py3 x @ 3:1")[2],
    )


def test_there_are_at_least_twelve_fixed_scripts() -> None:
    assert len(set(FIXED_SCRIPTS)) >= 12
    assert all(script.operations for script in FIXED_SCRIPTS)


def test_the_parts_of_a_script() -> None:
    script = Script.parse("load a v1; load s v1 | reload a v2!start; call {cancel,schedule}")
    assert script.given == (Op("load", ("a", "v1")), Op("load", ("s", "v1")))
    assert script.operations[0].value == "v2!start"
    assert script.kinds == ("schedule", "cancel")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("load a | b | c", "is no script"),
        ("load a {weather}", "no kind of decision is called weather"),
        ("load a @ 3:1", "is no script"),
    ],
)
def test_a_wrong_script_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Script.parse(text)


def test_what_is_no_replay_string_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with the Python version"):
        parse_replay("load a v1 @ 3:1")


def test_one_by_one_nothing_overlaps() -> None:
    script = Script.parse("load a v1 | reload a v2; call; unload a {schedule,fault}")
    assert str(script.one_by_one()) == ("load a v1; reload a v2; call | unload a {schedule,fault}")
    assert str(Script.parse("load a v1").one_by_one()) == "load a v1"
