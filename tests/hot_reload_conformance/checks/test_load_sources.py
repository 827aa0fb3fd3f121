"""What HR-LOAD-01 writes is what Python takes, and only what can be seen is judged."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import HostAdapter, PluginSpec
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import host_checks
from hot_reload_conformance.checks.load_sources import SOURCES, Source
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.specimens.copy_on_write_host import CopyOnWriteAdapter
from hot_reload_conformance.specimens.sync_host import SyncAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CheckResult, Verdict


@pytest.mark.parametrize("source", SOURCES, ids=lambda each: each.how)
def test_python_runs_it_and_reports_what_is_promised(source: Source) -> None:
    def report(expression: str) -> str:
        return f"SEEN.append(str({expression}))"

    seen: list[str] = []
    data = source.write("import os\nA = [1,\n     2]\n", report)
    code = compile(data, "plugin.py", "exec", dont_inherit=True)
    exec(code, {"__name__": "plugin", "SEEN": seen})
    assert seen == [source.reports]


@pytest.mark.parametrize("source", SOURCES, ids=lambda each: each.how)
def test_none_is_like_another(source: Source) -> None:
    others = [each for each in SOURCES if each is not source]
    assert all(
        each.write("A = 1\n", str) != source.write("A = 1\n", str) and each.how != source.how
        for each in others
    )


def _judged(adapter: type[HostAdapter], only: str | None = None) -> CheckResult:
    check = next(e for e in host_checks() if e.clause.code == "HR-LOAD-01" and not e.explores)
    return run_host_check(HostSubject(adapter), check, only=only)


class NoPython(CopyOnWriteAdapter):
    """The first file that it renders is no Python; the plugin lies beside it."""

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        return {f"{spec.ref}.manifest": "name: ???\n", **super().render(spec)}


class BeginsWithAFuture(SyncAdapter):
    """Nothing may come before the first line of its plugins but comments."""

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        [(path, text)] = super().render(spec).items()
        return {path: f"from __future__ import annotations\n{text}"}


def test_files_that_are_no_python_are_not_judged() -> None:
    result = _judged(NoPython)
    assert result.verdict is Verdict.PASS  # the plain variant
    assert result.variants == ("",)
    assert "what render() gives cannot be so" in str(result.left_out)


def test_a_dialect_that_begins_so_itself_is_judged_by_the_others() -> None:
    result = _judged(BeginsWithAFuture)
    assert result.verdict is Verdict.PASS, result.reason
    assert "what render() gives has one" in str(result.left_out)


class Deaf(SyncAdapter):
    """What a line of the kit's reports never reaches the recording."""

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        [(path, text)] = super().render(spec).items()
        deaf = "from hot_reload_conformance import probe as _p\n_p.reach = lambda *_: None\n"
        return {path: text + deaf}


def test_a_last_line_that_cannot_be_seen_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "reach", probe.reach)  # put back afterwards
    result = _judged(Deaf, "a file with a docstring first")
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "does not report" in result.reason


def test_a_recording_names_what_was_reached() -> None:
    recording = Recording()
    before = probe.install(recording)
    try:
        probe.reach("alpha", "v1", "source: the last line")
    finally:
        probe.install(before)
    assert recording.whats("alpha", "v1") == ["source: the last line"]
