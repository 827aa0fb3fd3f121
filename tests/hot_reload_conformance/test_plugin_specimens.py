"""Every wrong plugin is caught by the clause it names, in words; no right one is by any."""

from __future__ import annotations

import copyreg
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from hot_reload_conformance.check import Check, plugin_checks
from hot_reload_conformance.contract.clause import Level
from hot_reload_conformance.plugins.case import run_plugin_check
from hot_reload_conformance.specimens.plug import PLUGIN_SPECIMENS
from hot_reload_conformance.specimens.plug_correct import CORRECT_PLUGINS
from hot_reload_conformance.specimens.plugin_specimen import CorrectPlugin, PluginSpecimen
from hot_reload_conformance.verdict import Verdict

CHECKS = plugin_checks()


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    """Specimens that register things elsewhere must not do it to other tests."""
    kept = dict(copyreg.dispatch_table)
    yield
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(kept)
    vars(logging).pop("hot_reload_specimen", None)


@pytest.mark.parametrize("specimen", PLUGIN_SPECIMENS, ids=lambda each: each.name)
def test_a_wrong_plugin_is_caught_by_its_clause(specimen: PluginSpecimen, tmp_path: Path) -> None:
    subject = specimen.write(tmp_path)
    results = [
        run_plugin_check(subject, each) for each in CHECKS if each.clause.code == specimen.code
    ]
    assert results, f"no check of {specimen.code}"
    messages = [finding.message for result in results for finding in result.findings]
    assert Verdict.FAIL in {result.verdict for result in results}, results
    assert any(specimen.says in message for message in messages), messages


@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.id)
@pytest.mark.parametrize("plugin", CORRECT_PLUGINS, ids=lambda each: each.name)
def test_no_clause_fires_on_a_right_plugin(
    plugin: CorrectPlugin, check: Check, tmp_path: Path
) -> None:
    result = run_plugin_check(plugin.write(tmp_path), check)
    assert result.verdict in (Verdict.PASS, Verdict.NOT_CLAIMED), result


def test_every_must_clause_with_a_check_has_a_specimen() -> None:
    checked = {each.clause.code for each in CHECKS if each.clause.level is Level.MUST}
    assert checked <= {each.code for each in PLUGIN_SPECIMENS}
