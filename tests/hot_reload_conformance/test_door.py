"""The two other doors: a function for programs, a decorator for ordinary test files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance import Claim, Verdict, run_contract
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.subjects.discovery import DiscoveryError
from hot_reload_conformance.verdict import CheckResult, KitError


class Toy(BlueGreenAdapter):
    name = "toy"


class Broken(Toy):
    name = "broken"
    breaks = ("HR-ROLL-01", "HR-FLOW-12")


class Narrow(Toy):
    name = "narrow"
    claims = frozenset({Claim.RELOAD})


def _made() -> Broken:
    return Broken()


pytestmark = pytest.mark.usefixtures("toy_contract")


def test_an_adapter_by_its_class(tmp_path: Path) -> None:
    report = run_contract(Toy, root=tmp_path)
    assert report.ok
    assert report.verdict("HR-ROLL-01") is Verdict.PASS
    assert report.verdict("HR-WATCH-01") is Verdict.NOT_CLAIMED
    assert report.verdict("HR-SWAP-01") is Verdict.NOT_RUN


def test_an_adapter_by_a_function_and_several_at_once(tmp_path: Path) -> None:
    report = run_contract(Toy, _made, root=tmp_path)
    assert report.problems == ["broken: HR-ROLL-01 fail"]
    assert report.verdict("HR-FLOW-12", "broken") is Verdict.FAIL
    assert report.verdict("HR-ROLL-01", "toy") is Verdict.PASS


def test_claims_are_the_adapters(tmp_path: Path) -> None:
    report = run_contract(Narrow, root=tmp_path)
    assert report.verdict("HR-FLOW-01") is Verdict.NOT_CLAIMED
    assert report.verdict("HR-ROLL-01") is Verdict.PASS


def test_only_some_clauses_and_word_of_each(tmp_path: Path) -> None:
    seen: list[CheckResult] = []
    run_contract(Broken, only=["old-keeps-serving"], root=tmp_path, on_result=seen.append)
    assert [each.code for each in seen] == ["HR-ROLL-01"]


def test_plugins_by_their_path_with_what_their_conftest_says(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "counter.py").write_text("class Plugin:\n    version = '1'\n    # BROKEN\n")
    (folder / "geo.py").write_text("class Plugin:\n    version = '1'\n")
    report = run_contract("plugins", root=tmp_path)
    assert report.verdict("HR-PLUG-02", "counter") is Verdict.FAIL
    assert report.verdict("HR-PLUG-02", "geo") is Verdict.PASS
    assert report.verdict("HR-PLUG-11", "geo") is Verdict.NOT_CLAIMED
    (folder / "conftest.py").write_text(
        "from hot_reload_conformance import PluginSubject\n"
        "async def observe(plugin): return []\n"
        "hot_reload_subject = PluginSubject(observe=observe)\n"
    )
    assert run_contract(folder / "geo.py", root=tmp_path).verdict("HR-PLUG-11") is Verdict.PASS


def test_expected_failures_of_the_project_hold_here_too(tmp_path: Path) -> None:
    table = "[tool.hot-reload.expected-failures.broken]\nHR-ROLL-01 = 'see issue 12'\n"
    (tmp_path / "pyproject.toml").write_text(table)
    assert run_contract(Broken, root=tmp_path).ok
    report = run_contract(Toy, root=tmp_path)
    assert report.notes == ("expected failures of 'broken' are not used: no such subject here",)


def test_an_adapter_that_breaks_is_a_verdict(tmp_path: Path) -> None:
    class Breaking(Toy):
        async def load(self, ref: str) -> None:
            raise RuntimeError("no load today")

    report = run_contract(Breaking, root=tmp_path)
    assert {each.verdict for each in report.results} == {Verdict.KIT_ERROR}
    assert not report.ok
    assert "your adapter fails its self-test" in report.results[0].reason


def test_what_is_no_subject_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DiscoveryError, match="there is no file or folder"):
        run_contract("gone.py", root=tmp_path)
    with pytest.raises(KitError, match="is to be a subclass of"):
        run_contract(int, root=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(KitError, match="returned 3, not a"):
        run_contract(lambda: 3, root=tmp_path)  # type: ignore[arg-type, return-value]
    with pytest.raises(LookupError, match="mean 'quick'"):
        run_contract(Toy, profile="quik", root=tmp_path)
    with pytest.raises(LookupError, match="no clause 'HR-NO'"):
        run_contract(Toy, only=["HR-NO"], root=tmp_path)


def test_the_function_needs_no_pytest() -> None:
    code = (
        "import sys\n"
        "from hot_reload_conformance import run_contract\n"
        "assert callable(run_contract)\n"
        "import hot_reload_conformance.bench.judge, hot_reload_conformance.report.terminal\n"
        "assert not {'pytest', '_pytest', 'click'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_decorator_makes_a_test_of_each_check(project: Any) -> None:
    project.write(
        "test_mine.py",
        """
from hot_reload_conformance import parametrize_with_contract
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter

class Toy(BlueGreenAdapter):
    breaks = ("HR-ROLL-01", "HR-FLOW-12")

@parametrize_with_contract(Toy)
def test_contract(clause_check):
    clause_check()
""",
    )
    result = project.run("-v", "test_mine.py")
    result.assert_outcomes(passed=3, failed=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "test_mine.py::test_contract[[]HR-LOAD-01-takes-effect] PASSED*",
            "test_mine.py::test_contract[[]HR-ROLL-01-old-keeps-serving] FAILED*",
            "HR-ROLL-01 old-keeps-serving  MUST  fail  on blue-green",
            "E   the toy breaks HR-ROLL-01",
        ]
    )
    project.run("test_mine.py", "-k", "HR-LOAD-01").assert_outcomes(passed=1, deselected=5)


def test_the_tables_profile_is_taken(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.hot-reload]\nprofile = "ci"\n')
    report = run_contract(Toy, root=tmp_path)
    assert report.budget == "ci"
    assert run_contract(Toy, root=tmp_path, profile="quick").budget == "quick"


def test_checks_and_variants_narrow_what_is_parametrized() -> None:
    from hot_reload_conformance import parametrize_with_contract

    decorate = parametrize_with_contract(Broken, checks=["old-keeps-serving"], variants=["start"])

    def test_it(clause_check: Any) -> None: ...

    (mark,) = decorate(test_it).pytestmark  # type: ignore[attr-defined]
    (parameter,) = mark.args[1]
    assert parameter.id == "HR-ROLL-01-old-keeps-serving"
    with pytest.raises(pytest.fail.Exception) as failed:
        parameter.values[0]()
    assert "start" in str(failed.value)
    assert "2 variants" not in str(failed.value)


def test_a_check_that_does_not_exist_is_refused_where_tests_are_parametrized() -> None:
    from hot_reload_conformance import parametrize_with_contract

    with pytest.raises(LookupError, match=r"no check 'old-keeps'.*old-keeps-serving"):
        parametrize_with_contract(Toy, checks=["old-keeps"])
