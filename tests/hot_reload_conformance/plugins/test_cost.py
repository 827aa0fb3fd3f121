"""A plugin whose hooks take seconds is not judged in every variant of a quick run."""

from __future__ import annotations

from pathlib import Path

import pytest

from hot_reload_conformance.bench import stall
from hot_reload_conformance.bench.budgets import BUDGETS
from hot_reload_conformance.bench.judge import Judge
from hot_reload_conformance.bench.stall import Stalls
from hot_reload_conformance.check import Check, plugin_checks
from hot_reload_conformance.plugins import case, cost
from hot_reload_conformance.plugins.cost import plugin_seconds
from hot_reload_conformance.subject import PluginUnderTest
from hot_reload_conformance.verdict import Verdict

FILE = """
class Plain:
    version = "1"

    def health_check(self):
        {health}
"""


def check(code: str) -> Check:
    return next(each for each in plugin_checks() if each.clause.code == code)


def plugin(tmp_path: Path, health: str = "return True") -> PluginUnderTest:
    path = tmp_path / "plain.py"
    path.write_text(FILE.format(health=health))
    return PluginUnderTest(path=path, name="plain")


@pytest.mark.parametrize("profile", ["quick", "ci"])
def test_a_slow_one_is_judged_in_some_variants_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    monkeypatch.setattr(cost, "plugin_seconds", lambda *_: 6.0)
    failed = check("HR-PLUG-16")
    result = Judge(BUDGETS[profile]).judge(plugin(tmp_path), failed)
    every = failed.variants(plugin(tmp_path))
    assert result.verdict is Verdict.PASS
    if profile == "ci":
        assert not result.thinned
        return
    assert len(result.variants) == 1 < len(every)
    assert result.notes == ("thinned: one load and reload takes 6.0 s",)


def test_a_usual_one_is_judged_in_all(tmp_path: Path) -> None:
    failed = check("HR-PLUG-16")
    result = Judge(BUDGETS["quick"]).judge(plugin(tmp_path), failed)
    assert (result.verdict, result.thinned) == (Verdict.PASS, False)
    assert len(result.variants) > 5


def test_the_cost_is_what_a_load_and_a_reload_take(tmp_path: Path) -> None:
    assert plugin_seconds(plugin(tmp_path), Stalls()) > 0
    assert plugin_seconds(plugin(tmp_path, "raise ValueError"), Stalls()) > 0


def test_one_that_hangs_is_not_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case, "BLOCKED_SECONDS", 0.2)
    stalls = Stalls()
    hanging = plugin(tmp_path, "__import__('threading').Event().wait()")
    assert plugin_seconds(hanging, stalls) == 0
    assert [each.function for each in stalls.places] == ["Plain.health_check"]
    assert stalls.seconds < stall.MOST_SECONDS
