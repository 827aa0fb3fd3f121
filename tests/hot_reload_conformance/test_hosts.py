"""The command that runs real hosts: folders, records, comparisons, the page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.check import host_checks
from hot_reload_conformance.contract.clause import Level
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.hosts.__main__ import main
from hot_reload_conformance.hosts.comparison import (
    Comparison,
    Row,
    disagreements,
    read_comparison,
    seen_here,
)
from hot_reload_conformance.hosts.environment import EnvironmentProblem, run_child
from hot_reload_conformance.hosts.folder import HostFolder, HostFolderError, host_folders
from hot_reload_conformance.hosts.record import (
    SCHEMA,
    Record,
    _plain,
    differences,
    read_record,
    record_of,
)
from hot_reload_conformance.hosts.table import page
from hot_reload_conformance.report.json import SCHEMA as REPORT_SCHEMA
from hot_reload_conformance.verdict import Verdict

REPOSITORY = Path(__file__).resolve().parents[2]
HOSTS = REPOSITORY / "conformance" / "hosts"
UNMEASURED = frozenset({"fapilog"})
"""Hosts of which nobody else's measurement is known."""
OWN_ROWS = {"hupper": 16, "jurigged": 15}
"""Hosts that were measured by a script of their own, and not by that with the 34 rows."""
RECORDED = [each for each in host_folders(HOSTS) if each.result.is_file()]

FAKE = """\
from pathlib import Path
from hot_reload_conformance import HostAdapter
from hot_reload_conformance.adapter import Claim


class Tiny(HostAdapter):
    name = "tiny"
    claims = frozenset()
    stages = ("syntax",)

    async def open(self, workdir, ports):
        self.workdir, self.live = workdir, {}

    def render(self, spec):
        lines = [
            "from hot_reload_conformance import probe",
            f"P = probe.attach({spec.name!r}, {spec.version!r})",
        ]
        return {f"{spec.ref}.py": "\\n".join(lines)}

    async def load(self, ref):
        if ref in self.live:
            raise ValueError(f"{ref} is loaded already")
        names = {}
        source = (self.workdir / f"{ref}.py").read_bytes()
        exec(compile(source, f"{ref}.py", "exec", dont_inherit=True), names)
        self.live[ref] = names["P"]

    async def call(self, event=None):
        return [each.reply(event) for each in self.live.values()]


hot_reload_host = Tiny
"""
TWICE = ("for each in self.live.values()]", "for each in self.live.values() for _ in self.live]")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of hosts with a tiny one, recorded by the command itself, without network."""
    root = tmp_path_factory.mktemp("hosts")
    (root / "tiny").mkdir()
    (root / "tiny" / "adapter.py").write_text(FAKE)
    assert main(["run", "tiny", "--here", "--refresh", "--folder", str(root)]) == 0
    return root


def _document(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((root / "tiny" / "result.json").read_text())
    return document


def test_a_run_writes_a_record_with_verdicts(recorded: Path) -> None:
    document = _document(recorded)
    assert document["schema"] == SCHEMA
    record = record_of(document, "here")
    verdicts = {each.clause.code: each.verdict for each in record.subject.clauses}
    assert verdicts["HR-LOAD-01"] is Verdict.PASS
    assert verdicts["HR-SWAP-01"] is Verdict.NOT_CLAIMED
    assert "hot-reload-" not in json.dumps(document["report"]["subjects"]), "paths of one run"


def test_the_same_again_is_as_recorded(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (recorded / "tiny" / "result.json").read_bytes()
    assert main(["run", "--here", "--folder", str(recorded)]) == 0
    assert "as recorded" in capsys.readouterr().out
    assert (recorded / "tiny" / "result.json").read_bytes() == before


def test_another_verdict_is_told_and_fails(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "result.json").write_bytes((recorded / "tiny" / "result.json").read_bytes())
    (folder / "adapter.py").write_text(FAKE.replace(*TWICE))
    assert main(["run", "tiny", "--here", "--folder", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "HR-LOAD-01 takes-effect: recorded pass, now fail: after a second load" in out
    assert "--refresh" in out


def test_an_adapter_that_is_wrong_records_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "adapter.py").write_text(FAKE.replace("return [each.reply(event)", "return [1"))
    assert main(["run", "--here", "--refresh", "--folder", str(tmp_path)]) == 2
    assert "the kit or the adapter broke" in capsys.readouterr().err
    assert not (folder / "result.json").exists()


def test_an_unknown_host_is_named(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "tyni", "--here", "--folder", str(recorded)]) == 2
    assert "there is no host 'tyni'" in capsys.readouterr().err


def test_no_record_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(HostFolderError, match="--refresh"):
        read_record(HostFolder(tmp_path))


def test_an_unpinned_requirement_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# why\nrequests>=2  # any\n")
    with pytest.raises(HostFolderError, match=r"'requests>=2' is not pinned"):
        HostFolder(tmp_path).pins()


@pytest.mark.timeout(30)
def test_a_child_beyond_its_deadline_is_killed_with_its_children() -> None:
    waits = "import select; select.select([], [], [])"
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {waits!r}])"
    # Were the inner one left alive, it would keep the pipe open, and this would not come back.
    with pytest.raises(EnvironmentProblem, match=r"did not end within 0\.5 s and was killed"):
        run_child([sys.executable, "-c", starts], deadline_seconds=0.5)


def test_a_child_that_fails_is_quoted() -> None:
    fails = "print('no such package'); raise SystemExit(3)"
    with pytest.raises(EnvironmentProblem, match=r"(?s)ended with 3\..*no such package"):
        run_child([sys.executable, "-c", fails], deadline_seconds=60)


def test_differences_are_in_words(recorded: Path) -> None:
    before = record_of(_document(recorded), "here")
    document = _document(recorded)
    broken = document["report"]["subjects"][0]["clauses"][0]["checks"][0]
    broken["verdict"], broken["reason"] = "fail", "it is late"
    after = record_of(document, "here")
    assert differences(before, before) == []
    assert differences(before, after) == [
        "HR-LOAD-01 takes-effect: recorded pass, now fail: it is late"
    ]


def test_a_comparison_wants_a_reason_where_and_only_where_it_differs(recorded: Path) -> None:
    record = record_of(_document(recorded), "here")
    assert seen_here(["HR-LOAD-01"], record) == "kept"
    assert seen_here(["HR-LOAD-01 no-such-variant"], record) == "not run"
    good = Row(check="loads", seen="kept", clauses=("HR-LOAD-01",))
    bad = Row(check="late", seen="broken", clauses=("HR-LOAD-01",))
    excused = Row(check="late", seen="broken", clauses=("HR-LOAD-01",), because="they hurried")
    stale = Row(check="loads", seen="kept", clauses=("HR-LOAD-01",), because="no more")
    assert disagreements(Comparison("theirs", (good, excused)), record) == []
    first, second = disagreements(Comparison("theirs", (bad, stale)), record)
    assert "late: theirs saw it broken, the kit sees it kept" in first
    assert "delete its `because`" in second


def _named(folder: HostFolder) -> str:
    return folder.name


@pytest.mark.parametrize("folder", RECORDED, ids=_named)
class TestRecorded:
    """What is recorded in the repository."""

    def test_the_schema_is_versioned(self, folder: HostFolder) -> None:
        document = json.loads(folder.result.read_text(encoding="utf-8"))
        assert document["schema"] == SCHEMA
        assert document["report"]["schema"] == REPORT_SCHEMA
        assert tuple(document["pins"]) == folder.pins()

    def test_every_claimed_clause_has_a_verdict(self, folder: HostFolder) -> None:
        record = read_record(folder)
        assert Claim.RELOAD in record.claims
        assert _unjudged(record, folder.only()) == []
        assert not [e for e in record.subject.results if e.verdict is Verdict.KIT_ERROR]

    def test_it_agrees_with_the_other_measurement_or_says_why_not(self, folder: HostFolder) -> None:
        comparison = read_comparison(folder)
        assert (comparison is None) == (folder.name in UNMEASURED)
        if comparison is None:
            return
        assert len(comparison.rows) == OWN_ROWS.get(folder.name, 34)
        assert disagreements(comparison, read_record(folder)) == []

    def test_no_path_of_the_machine_is_in_it(self, folder: HostFolder) -> None:
        text = folder.result.read_text(encoding="utf-8")
        assert "/tmp/" not in text
        assert "/site-packages" not in text.replace("…/site-packages", "")
        assert str(REPOSITORY) not in text

    def test_every_failing_clause_is_in_its_readme(self, folder: HostFolder) -> None:
        readme = (folder.path / "README.md").read_text(encoding="utf-8")
        failing = {e.code for e in read_record(folder).subject.results if e.verdict is Verdict.FAIL}
        missing = {code for code in failing if not _mentioned(code, readme)}
        assert not missing, f"say in {folder.path}/README.md what stands behind the ✗"

    def test_limits_name_checks_that_there_are(self, folder: HostFolder) -> None:
        assert set(folder.only()) <= {check.id for check in host_checks()}


def _mentioned(code: str, readme: str) -> bool:
    """``HR-ROLL-02`` is mentioned by itself and by "HR-ROLL-01, 02"."""
    section, _, number = code.rpartition("-")
    return any(number in found for found in re.findall(rf"{section}-([\d, ]+)", readme))


def _unjudged(record: Record, only: tuple[str, ...]) -> list[str]:
    """MUST clauses that the host claims and that have a check that is run, but no verdict."""
    checks = [check for check in host_checks() if not only or check.id in only]
    checked = {check.clause.code for check in checks}
    verdicts = {
        each.clause.code: {result.verdict for result in each.results}
        for each in record.subject.clauses
    }
    return [
        code
        for code, clause in CONTRACT.items()
        if clause.level is Level.MUST
        and code in checked
        and clause.claims <= record.claims
        and not verdicts.get(code)
    ]


def test_the_page_is_that_of_the_records() -> None:
    shown = (REPOSITORY / "docs" / "reference" / "hosts.md").read_text(encoding="utf-8")
    made = page([(read_record(each), read_comparison(each)) for each in RECORDED])
    assert shown == made, "run: python -m hot_reload_conformance.hosts table --refresh"


def test_no_path_of_an_environment_is_recorded_though_it_was_cut() -> None:
    said = 'File "/home/me/.cache/hosts/hupper-9659b9a22f59/lib… and /tmp/x/sopel-26808e64efc9/lib'
    assert _plain(said) == 'File "…/lib… and …/lib'


def test_only_the_checks_in_limits_are_run(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "adapter.py").write_text(FAKE)
    (folder / "limits.toml").write_text('because = "slow"\nchecks = ["takes-effect"]\n')
    assert main(["run", "--here", "--refresh", "--folder", str(tmp_path)]) == 0
    results = read_record(HostFolder(folder)).subject.results
    assert [(each.check, each.verdict) for each in results] == [("takes-effect", Verdict.PASS)]


@pytest.mark.parametrize("text", ["", 'checks = ["takes-effect"]', 'because = "slow"\nchecks = 3'])
def test_limits_without_a_reason_or_checks_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "limits.toml").write_text(text)
    with pytest.raises(HostFolderError, match=r"limits\.toml: write because ="):
        HostFolder(tmp_path).only()


def test_a_check_in_limits_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "adapter.py").write_text(FAKE)
    (folder / "limits.toml").write_text('because = "slow"\nchecks = ["takes-efect"]\n')
    assert main(["run", "--here", "--folder", str(tmp_path)]) == 2
    assert "there is no check 'takes-efect'" in capsys.readouterr().err


@pytest.mark.installation
@pytest.mark.timeout(600)
@pytest.mark.parametrize("folder", RECORDED, ids=_named)
def test_a_host_is_as_recorded(folder: HostFolder, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hot_reload_conformance.hosts", "run", folder.name]
    options = ["--cache", str(tmp_path), "--folder", str(HOSTS)]
    run = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
