"""A failure as a test file: it fails by itself, and passes once the bug is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance import follow_steps
from hot_reload_conformance.report.regression import file_name, regression_test
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.verdict import CheckResult, Finding, Verdict

PLUGIN = """
class Counter:
    version = "1.0"

    def __init__(self):
        self.counts = {}

    def get_reload_state(self):
        return {"counts": dict(self.counts)}

    def set_reload_state(self, state):
        self.counts = dict(state["count"])
"""


def _bare(project: Any, *arguments: str) -> Any:
    """With the real checks: the toy contract of the other tests is taken away."""
    conftest = project.path / "conftest.py"
    conftest.unlink(missing_ok=True)
    return project.run(*arguments)


def test_a_plugin_s_failure_fails_on_its_own_and_passes_once_mended(project: Any) -> None:
    project.write("plugins/counter.py", PLUGIN)
    result = _bare(
        project,
        "--hot-reload-conformance",
        "plugins",
        "-k",
        "HR-PLUG-07",
        "--hot-reload-write-tests=tests/contract",
    )
    assert result.ret == 1
    file = project.path / "tests/contract/test_contract_counter_state_round_trip.py"
    assert "HR-PLUG-07" in file.read_text("utf-8")
    assert "run them by: pytest tests/contract" in result.stdout.str()
    alone = _bare(project, "tests/contract")
    alone.assert_outcomes(failed=1)
    assert "HR-PLUG-07 state-round-trip" in alone.stdout.str()
    project.write("plugins/counter.py", PLUGIN.replace('"count"', '"counts"'))
    _bare(project, "tests/contract").assert_outcomes(passed=1)


def test_a_host_s_failing_variants_alone_are_taken_over(project: Any) -> None:
    project.host('breaks = ("HR-ROLL-01",)')
    project.conformance("host.py", "--hot-reload-write-tests")
    file = project.path / "tests/contract/test_contract_toy_old_keeps_serving.py"
    text = file.read_text("utf-8")
    assert 'checks=["old-keeps-serving"]' in text
    assert '"import",\n        "start",' in text
    alone = project.run("tests/contract")
    alone.assert_outcomes(failed=1)
    project.host()
    project.run("tests/contract").assert_outcomes(passed=1)


def test_a_machine_s_failure_is_spelt_out(project: Any) -> None:
    project.host('breaks = ("HR-FLOW-01[machine]",)')
    project.conformance("host.py", "--hot-reload-write-tests=kept")
    text = (project.path / "kept/test_contract_toy_no_loss_machine.py").read_text("utf-8")
    assert 'STEPS = [\n    "1:boom",\n]' in text
    result = project.run("kept")
    result.assert_outcomes(failed=1)
    assert "the machine found a loss" in result.stdout.str()


RACE = """
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.specimens.registry import all_specimens

hot_reload_host = next(each.adapter for each in all_specimens() if each.name == "no-lock")
"""


def test_a_simulation_s_failure_fails_on_its_own_and_passes_once_mended(project: Any) -> None:
    """Not by its trace: that one does not exist any more in a host that was mended."""
    project.write("host.py", RACE)
    _bare(
        project,
        "--hot-reload-conformance",
        "host.py::hot-reload::overlapping-reloads[simulated]",
        "--hot-reload-write-tests=kept",
    )
    (file,) = (project.path / "kept").iterdir()
    text = file.read_text("utf-8")
    assert 'checks=["overlapping-reloads[simulated]"]' in text
    assert "--hot-reload-replay 'HR-RACE-03=py3." in text
    alone = project.run("kept")
    alone.assert_outcomes(failed=1)
    assert "HR-RACE-03 overlapping-reloads" in alone.stdout.str()
    project.write("host.py", f"{RACE}\nhot_reload_host = BlueGreenAdapter\n")
    project.run("kept").assert_outcomes(passed=1)


def test_what_another_profile_found_is_looked_for_by_that_one(tmp_path: Path) -> None:
    found = CheckResult(
        code="HR-RACE-03",
        check="overlapping-reloads[simulated]",
        subject="bot",
        verdict=Verdict.FAIL,
        findings=(Finding(message="lost", replay="HR-RACE-03=py3.11 load a v1 @ 2:1"),),
    )
    text = regression_test(found, tmp_path / "bot.py", tmp_path, tmp_path, profile="nightly")
    assert '    profile="nightly",\n' in text
    assert "profile" not in regression_test(found, tmp_path / "bot.py", tmp_path, tmp_path)


def test_a_file_that_is_there_is_left_as_it_is(project: Any) -> None:
    project.host('breaks = ("HR-ROLL-01",)')
    mine = project.path / "kept/test_contract_toy_old_keeps_serving.py"
    project.write("kept/test_contract_toy_old_keeps_serving.py", "# mine\n")
    result = project.conformance("host.py", "--hot-reload-write-tests=kept")
    assert mine.read_text("utf-8") == "# mine\n"
    assert "is there already, and was left as it is" in " ".join(result.stdout.str().split())


def test_what_no_plain_test_can_have_is_said(project: Any) -> None:
    project.write("toys.py", "from host import ToyHost\n")
    project.host('breaks = ("HR-ROLL-01",)')
    conftest = (project.path / "conftest.py").read_text("utf-8")
    project.write(
        "conftest.py",
        conftest + "\nimport pytest\n@pytest.fixture\ndef hot_reload_host():\n"
        "    from host import ToyHost\n    return ToyHost\n",
    )
    result = project.conformance("conftest.py", "--hot-reload-write-tests=kept")
    assert "make hot_reload_host a class or a function" in " ".join(result.stdout.str().split())
    assert not (project.path / "kept").exists()


def test_a_run_without_the_option_says_how(project: Any) -> None:
    project.host('breaks = ("HR-ROLL-01",)')
    assert "--hot-reload-write-tests" in project.conformance("host.py").stdout.str()
    project.host()
    assert "--hot-reload-write-tests" not in project.conformance("host.py").stdout.str()


def test_a_subject_is_not_taken_for_the_folder(project: Any) -> None:
    project.plugin("plugins/counter.py")
    result = project.conformance("--hot-reload-write-tests", "plugins")
    assert result.ret == 4
    assert "it is a subject" in " ".join(result.stderr.str().split())


def test_steps_fail_where_the_clause_is_broken() -> None:
    from hot_reload_conformance.specimens.registry import all_specimens

    broken = next(each for each in all_specimens() if each.code == "HR-GUARD-01")
    steps = ["add_sink s v1", "remove_sink s"]
    with pytest.raises(pytest.fail.Exception, match="HR-GUARD-01"):
        follow_steps(broken.adapter, "HR-GUARD-01", steps)
    follow_steps(BlueGreenAdapter, "HR-GUARD-01", steps)


def test_steps_of_a_clause_without_a_machine_are_refused() -> None:
    with pytest.raises(LookupError, match="HR-LOAD-03 has no state machine"):
        follow_steps(BlueGreenAdapter, "HR-LOAD-03", ["load a v1"])


NASTY = CheckResult(
    code="HR-ROLL-01",
    check="old-keeps-serving",
    subject='my "odd" host\\',
    verdict=Verdict.FAIL,
    findings=(Finding(message='it said """no""" in C:\\new', variant='a "b" \\ c'),),
)


def test_whatever_a_message_holds_the_file_is_python(tmp_path: Path) -> None:
    text = regression_test(NASTY, tmp_path / "my host.py", tmp_path, tmp_path / "tests" / "x")
    compile(text, "kept", "exec")
    assert "parents[2]" in text
    assert file_name(NASTY) == "test_contract_my_odd_host_old_keeps_serving.py"
    outside = regression_test(NASTY, tmp_path / "a" / "h.py", tmp_path / "a", tmp_path / "b")
    compile(outside, "kept", "exec")
    assert f'ROOT = Path("{tmp_path / "a"}")' in outside
