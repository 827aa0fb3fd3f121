"""The thin plugin: without the flag it is not there; asked a question, it answers and ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

HEAVY = (
    "hot_reload.",
    "hot_reload_conformance.",
    "hot_reload_fixtures.",
    "hypothesis",
    "watchfiles",
    "click",
    "msgspec",
    "packaging",
    "difflib",
    "tomllib",
)
WATCH = """
import json, sys

def pytest_configure(config):
    with open("modules.json", "w") as file:
        json.dump(sorted(sys.modules), file)

def pytest_unconfigure(config):
    with open("modules-after.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def test_without_the_flag_nothing_is_imported_and_nothing_is_said(project: Any) -> None:
    project.with_all_plugins()
    project.write("conftest.py", WATCH)
    project.write("test_own.py", "def test_own(): pass")
    # The others' plugins import what they like; only ours is on trial.
    plain = ("-p", "no:hypothesispytest", "-p", "no:cacheprovider")
    without = project.run(*plain, "-p", "no:hot_reload_conformance")
    baseline = _modules(project)
    result = project.run(*plain)
    result.assert_outcomes(passed=1)
    assert "reload contract" not in result.stdout.str()
    assert len(result.outlines) == len(without.outlines)
    added = _modules(project) - baseline
    assert added == {"hot_reload_conformance", "hot_reload_conformance.pytest_plugin"}
    assert not [name for name in added if name.startswith(HEAVY) and "pytest_plugin" not in name]


def _modules(project: Any) -> set[str]:
    return {
        name
        for file in ("modules.json", "modules-after.json")
        for name in json.loads((project.path / file).read_text())
    }


def test_public_names_load_on_first_use() -> None:
    import hot_reload_conformance

    for name in hot_reload_conformance.__all__:
        assert getattr(hot_reload_conformance, name).__name__ == name
    assert set(hot_reload_conformance.__all__) <= set(dir(hot_reload_conformance))
    with pytest.raises(AttributeError, match="no attribute 'Hostadapter'"):
        _ = hot_reload_conformance.Hostadapter


def test_the_marker_is_registered_and_the_options_are_explained(project: Any) -> None:
    assert "hot_reload(code, level, profile, kind)" in project.run("--markers").stdout.str()
    shown = project.run("--help").stdout.str()
    for option in ("conformance", "profile", "report", "explain", "replay"):
        assert f"--hot-reload-{option}" in shown


def test_explain_prints_the_clause_and_ends(project: Any) -> None:
    result = project.run("--hot-reload-explain", "HR-ROLL-01")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["HR-ROLL-01 old-keeps-serving  MUST, profile core*"])
    assert "collected" not in result.stdout.str()


def test_explain_of_an_unknown_clause_is_a_usage_error_that_helps(project: Any) -> None:
    result = project.run("--hot-reload-explain", "old-keeps-servin")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no clause 'old-keeps-servin'*mean 'old-keeps-serving'*"])


def test_replay_without_the_flag_is_a_usage_error(project: Any) -> None:
    result = project.run("--hot-reload-replay", "HR-ROLL-01=x")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*needs --hot-reload-conformance*"])
