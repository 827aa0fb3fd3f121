"""The console command, in this process; and the documents that it writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hot_reload_conformance import command
from hot_reload_conformance.command import main
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.contract.document import contract_markdown
from hot_reload_conformance.report.json import to_plain
from hot_reload_conformance.report.summary import Report, SubjectReport
from hot_reload_conformance.subjects.source import SourceKind
from hot_reload_conformance.suite.outcome import ATTRIBUTE, undress
from hot_reload_conformance.verdict import CheckResult, Finding, Step, Verdict

CONTRACT_DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "contract.md"
HOST = """
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
class CommandHost(BlueGreenAdapter):
    name = "mine"
    breaks = {breaks}
hot_reload_host = CommandHost
"""


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_contract: None) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_host_that_keeps_the_contract_ends_with_0(root: Path) -> None:
    (root / "good_host.py").write_text(HOST.format(breaks="()"))
    result = _run("conformance", "good_host.py", "--report", "out/report.json")
    assert result.exit_code == 0, result.output
    assert "reload contract 1.0, profile quick" in result.output
    assert "mine (host): 3 of 112 MUST run, 3 passed" in result.output
    assert json.loads((root / "out/report.json").read_text())["ok"] is True


def test_a_host_that_breaks_it_ends_with_1_and_a_story(root: Path) -> None:
    (root / "bad_host.py").write_text(HOST.format(breaks="('HR-ROLL-01',)"))
    for subject in ("bad_host.py", "bad_host:CommandHost"):
        result = _run("conformance", subject, "--profile", "ci")
        assert result.exit_code == 1
        assert "E   the toy breaks HR-ROLL-01" in result.output
        assert "profile ci" in result.output


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("gone.py", "there is no file or folder"),
        ("no_module_3:Host", "no_module_3 cannot be imported"),
        (".", "no plugin and no host found"),
    ],
)
def test_what_is_no_subject_is_a_usage_error(root: Path, subject: str, said: str) -> None:
    result = _run("conformance", subject)
    assert result.exit_code == 2
    assert said in result.output


def test_a_wrong_table_is_a_usage_error(root: Path) -> None:
    (root / "pyproject.toml").write_text("[tool.hot-reload]\nplugin = 3\n")
    result = _run("conformance")
    assert result.exit_code == 2
    assert "Did you mean 'plugins'?" in result.output


def test_explain_takes_codes_and_slugs_in_any_case() -> None:
    by_code, by_slug = _run("explain", "hr-roll-01"), _run("explain", "old-keeps-serving")
    assert by_code.exit_code == 0
    assert by_code.output == by_slug.output
    for text in ("HR-ROLL-01", "MUST", "For every stage", "hosts that claim reload"):
        assert text in by_code.output
    told = " ".join(by_code.output.split())
    assert f"why it matters {CONTRACT['HR-ROLL-01'].why} how to fix it" in told
    assert f"how to fix it {CONTRACT['HR-ROLL-01'].fix} holds for" in told
    unknown = _run("explain", "HR-ROL-01")
    assert unknown.exit_code == 2
    assert "Did you mean 'HR-ROLL-01'?" in unknown.output


def test_contract_lists_every_clause() -> None:
    output = _run("contract").output
    assert [line.split()[0] for line in output.splitlines()] == list(CONTRACT)


def test_the_document_is_up_to_date() -> None:
    """Write it anew by ``hot-reload contract --markdown > docs/reference/contract.md``."""
    assert _run("contract", "--markdown").output == contract_markdown()
    assert CONTRACT_DOCUMENT.read_text(encoding="utf-8") == contract_markdown()


def test_the_document_has_every_clause_with_its_whole_text() -> None:
    text = contract_markdown()
    for clause in CONTRACT.values():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {clause.code} ")]
        assert clause.slug in row
        assert clause.text.replace("|", "\\|") in row


def test_the_document_tells_of_every_clause_why_it_matters_and_what_to_do() -> None:
    text = contract_markdown()
    for clause in CONTRACT.values():
        (item,) = [line for line in text.splitlines() if line.startswith(f"- **{clause.code} ")]
        why, fix = item.split(" **Fix:** ")
        # Links get names and dunders get ticks; what stands before the first is as it was.
        assert clause.why.partition("https://")[0].partition("__")[0] in why
        assert clause.fix.partition("https://")[0].partition("__")[0] in fix
        for link in re.findall(r"https://[^\s]+", f"{clause.why} {clause.fix}"):
            assert f"]({link})" in item


def test_the_document_names_threads_and_pages_in_short() -> None:
    text = contract_markdown()
    assert "[python/cpython#75953](https://github.com/python/cpython/issues/75953)" in text
    assert "[SystemExit](https://docs.python.org/3/library/exceptions.html#SystemExit)" in text
    assert "strip `__traceback__`, `__context__` and `__cause__`" in text


LONG = CheckResult(
    code="HR-PLUG-03",
    check="cycle",
    subject="leak",
    verdict=Verdict.FAIL,
    reason="it grows",
    findings=(Finding(message="it grows", story=tuple(Step(f"load {n}") for n in range(25))),),
)


@pytest.mark.parametrize(("flags", "steps"), [((), 7), (("-v",), 7), (("-vv",), 25)])
def test_vv_tells_every_step(
    flags: tuple[str, ...], steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = SubjectReport("leak", SourceKind.PLUGIN, (LONG,))
    report = Report(budget="quick", subjects=(subject,), checked=frozenset({LONG.code}))
    monkeypatch.setattr(command, "_judged", lambda *_: report)
    result = _run("conformance", "leak.py", *flags)
    assert result.exit_code == 1
    assert len(re.findall(r"\. load \d+", result.output)) == steps


@pytest.mark.parametrize(("verbosity", "steps"), [(0, 7), (1, 7), (2, 25)])
def test_so_does_pytests(verbosity: int, steps: int, pytestconfig: pytest.Config) -> None:
    report = pytest.TestReport("leak.py::cycle", ("leak.py", 0, ""), {}, "failed", None, "call")
    setattr(report, ATTRIBUTE, {"result": to_plain(LONG), "told": True})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pytestconfig.option, "verbose", verbosity)
        undress(report, pytestconfig)
    assert len(re.findall(r"\. load \d+", report.longreprtext)) == steps
    # What goes into files is never cut.
    assert len(re.findall(r"\. load \d+", str(report.longrepr))) == 25


@pytest.mark.parametrize("group", [(), ("new",), ("report",)])
def test_no_line_of_the_help_is_cut_off(group: tuple[str, ...]) -> None:
    text = _run(*group, "--help").output
    assert "Commands:" in text
    assert "..." not in text.partition("Commands:")[2]
