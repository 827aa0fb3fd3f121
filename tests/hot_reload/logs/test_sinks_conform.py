"""Each sink of the library keeps the whole contract of a plugin."""

from __future__ import annotations

import pytest

from hot_reload.errors import EngineMisuse
from hot_reload.logs import sinks
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.check import plugin_checks
from hot_reload_conformance.plugins.case import run_plugin_check
from hot_reload_conformance.subject import PluginUnderTest
from hot_reload_conformance.verdict import Verdict

NOT_CLAIMED = {
    # What is printed cannot be read back; there is nothing secret in the other configs; a network
    # cannot be simulated.
    "stream": {
        *("flush-delivers", "flush-delivers[simulated]"),
        *("no-loss-under-reload", "no-secrets"),
    },
    "rotating_file": {"no-secrets"},
    "sqlite": {"no-secrets"},
    "http": {"flush-delivers[simulated]"},
}


def test_f34_each_sink_keeps_the_contract(sink_subject: PluginUnderTest) -> None:
    budget = Budget(examples=5, repeats=2)
    results = [run_plugin_check(sink_subject, check, budget) for check in plugin_checks()]
    wrong = [each for each in results if each.verdict not in (Verdict.PASS, Verdict.NOT_CLAIMED)]
    assert wrong == []
    open_ = {each.check for each in results if each.verdict is Verdict.NOT_CLAIMED}
    assert open_ == NOT_CLAIMED[sink_subject.name]


def test_f34_a_sink_that_does_not_come_with_the_library_is_named() -> None:
    with pytest.raises(EngineMisuse, match=r"no sink 'syslog'.*sqlite"):
        sinks.path("syslog")
    assert sinks.path("rotating-file") == sinks.path("rotating_file")
