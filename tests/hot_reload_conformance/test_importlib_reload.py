"""The plain ``importlib.reload`` host: what the kit says of it, clause by clause."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from hot_reload_conformance.adapters.importlib_host import ImportlibHost
from hot_reload_conformance.adapters.importlib_reload import ImportlibReloadAdapter
from hot_reload_conformance.bench.runner import run_host_check, self_test
from hot_reload_conformance.check import Check, host_checks
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CheckResult, Verdict

SUBJECT = HostSubject(ImportlibReloadAdapter)

BROKEN = {
    "HR-LOAD-02": "left something behind",
    "HR-LOAD-03": "does not name",
    "HR-LOAD-06": "still answers",
    "HR-SWAP-02": "stale code from a bytecode file",
    "HR-SWAP-03": "'extra' was removed from the source, but it still answers",
    "HR-SWAP-04": "imports of it reach other code",
    "HR-SWAP-05": "was stopped before the new one's start had returned",
    "HR-SWAP-06": "the plugin was absent",
    "HR-SWAP-07": "the old one's stop came before",
    "HR-ROLL-01": "the old one does not serve any more",
    "HR-ROLL-02": "but the old one's stop ran",
    "HR-ROLL-03": "its stop never ran",
    "HR-ROLL-04": "was told that it went well",
    "HR-ROLL-07": "the swap was undone",
    "HR-ROLL-08": "its start can run only once",
    "HR-ROLL-10": "came out of the host's reload",
    "HR-ROLL-11": "the old one does not serve on",
    "HR-LEAK-01": "kept in memory",
}
"""What it breaks, and words of the finding."""
KEPT = (
    *("HR-LOAD-01", "HR-LOAD-04", "HR-LOAD-05", "HR-LOAD-07", "HR-LOAD-09"),
    *("HR-SWAP-01", "HR-SWAP-08", "HR-SWAP-09", "HR-SWAP-11", "HR-SWAP-13"),
    *("HR-ROLL-05", "HR-ROLL-06", "HR-RACE-02", "HR-LEAK-02", "HR-ISO-01"),
)
NOT_SHOWN = {"HR-SWAP-10": "cannot wait", "HR-RACE-03": "synchronous"}


def judged(code: str) -> CheckResult:
    (check,) = [each for each in _examples() if each.clause.code == code]
    return run_host_check(SUBJECT, check)


def _examples() -> list[Check]:
    return [each for each in host_checks() if not each.id.endswith(("[machine]", "[simulated]"))]


def test_the_adapter_is_right() -> None:
    assert self_test(SUBJECT) is None


@pytest.mark.parametrize("code", BROKEN)
def test_what_it_breaks(code: str) -> None:
    result = judged(code)
    assert result.verdict is Verdict.FAIL, result.reason
    assert any(BROKEN[code] in each.message for each in result.findings), result.reason


@pytest.mark.parametrize("code", KEPT)
def test_what_it_keeps(code: str) -> None:
    result = judged(code)
    assert result.verdict is Verdict.PASS, result.reason
    assert result.variants


@pytest.mark.parametrize("code", NOT_SHOWN)
def test_what_it_cannot_show(code: str) -> None:
    result = judged(code)
    assert result.verdict is Verdict.NOT_CLAIMED
    assert NOT_SHOWN[code] in result.reason


def test_nothing_that_it_claims_goes_without_a_verdict_here() -> None:
    """A new check has to be looked at on this host too; those that nobody listed show here."""
    claimed = {each.clause.code for each in _examples() if each.needs <= SUBJECT.claims}
    listed = {*BROKEN, *KEPT, *NOT_SHOWN}
    unlisted = {code for code in claimed - listed if code.split("-")[1] in ("LOAD", "SWAP", "ROLL")}
    assert not unlisted
    assert listed <= claimed


def test_the_host_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = "importlib_host_example"
    text = (
        "def on_event(event): return 'one'\n"
        "def setup(registry): registry.collect(__name__)\n"
        "def teardown(registry): raise ValueError('forgets everything')\n"
    )
    (tmp_path / f"{name}.py").write_text(text)
    host = ImportlibHost(tmp_path)
    host.load(name)
    with pytest.raises(ValueError, match="already loaded"):
        host.load(name)
    assert [each(None) for each in host.registry.handlers] == ["one"]
    (tmp_path / f"{name}.py").write_text(text.replace("'one'", "'number two'"))
    importlib.invalidate_caches()
    host.reload(name)  # its teardown raises, and what it registered goes all the same
    assert [each(None) for each in host.registry.handlers] == ["number two"]
    host.unload(name)
    assert host.registry.handlers == []
    assert name not in sys.modules
    with pytest.raises(LookupError, match="not loaded"):
        host.reload(name)
