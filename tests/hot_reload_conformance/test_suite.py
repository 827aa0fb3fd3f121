"""The contract as pytest items: ids, selection, outcomes, exit status; as a pytest user expects."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest

HOST_IDS = [
    "host.py::hot-reload::takes-effect",
    "host.py::hot-reload::old-keeps-serving",
    "host.py::hot-reload::no-loss",
    "host.py::hot-reload::no-loss[machine]",
    "host.py::hot-reload::producers-not-blocked",
    "host.py::hot-reload::converges",
]
FLAKY = 'breaks = ("HR-ROLL-01",)'


def _ids(result: Any) -> list[str]:
    return [line for line in result.outlines if "::hot-reload::" in line and " " not in line]


def _collected(project: Any, *arguments: str) -> list[str]:
    return _ids(project.conformance("--co", "-q", *arguments))


def _ran(result: Any) -> list[str]:
    """The ids that ``-v`` showed with a verdict, as they ran."""
    found = [re.match(r"(\S+::hot-reload::\S+) [A-Z-]+", line) for line in result.outlines]
    return [each[1] for each in found if each]


def _unwrapped(result: Any) -> str:
    """What was printed, as one line: messages are wrapped to the terminal."""
    return " ".join(result.stdout.str().split())


# Collection


def test_ids_hang_on_the_users_own_file(project: Any) -> None:
    project.host()
    result = project.conformance("--co", "-q", "host.py")
    assert _ids(result) == HOST_IDS
    assert result.ret == 0
    assert "reload contract" not in result.stdout.str()


@pytest.mark.parametrize("chosen", [HOST_IDS[2:3], HOST_IDS[3:4], HOST_IDS[:2]])
def test_ids_paste_back_and_run_only_themselves(project: Any, chosen: list[str]) -> None:
    project.host()
    assert _collected(project, *chosen) == chosen


def test_a_plugin_file_a_package_and_a_folder(project: Any) -> None:
    project.plugin("plugins/counter.py", "raise SystemExit('imported')\n")
    project.plugin("plugins/geo/__init__.py", "raise SystemExit('imported')\n")
    counter = [f"plugins/counter.py::hot-reload::{each}" for each in PLUGIN_CHECKS]
    geo = [f"plugins/geo/__init__.py::hot-reload::{each}" for each in PLUGIN_CHECKS]
    assert _collected(project, "plugins/counter.py") == counter
    assert _collected(project, "plugins/geo") == geo
    assert _collected(project, "plugins") == counter + geo
    assert _collected(project) == counter + geo
    assert _collected(project, geo[0]) == geo[:1]
    project.conformance("plugins").assert_outcomes(passed=2, skipped=2)


PLUGIN_CHECKS = ["metadata", "flush-delivers"]


def test_only_the_contract_is_collected_but_test_files_given_by_name(project: Any) -> None:
    project.host()
    project.write("pytest.ini", "[pytest]\ntestpaths = tests\n")
    project.write("tests/test_own.py", "def test_own(): pass")
    project.write("tests/test_other.py", "def test_other(): pass")
    project.plugin("plugins/counter.py")
    collected = project.conformance("--co", "-q").stdout.str()
    assert "plugins/counter.py::hot-reload::metadata" in collected
    assert "test_own" not in collected
    result = project.conformance("host.py", "tests/test_own.py")
    result.assert_outcomes(passed=6, skipped=1)
    assert "test_other" not in result.stdout.str()


def test_an_adapters_file_is_no_test_module_too(project: Any) -> None:
    project.host()
    project.write("host.py", (project.path / "host.py").read_text() + "def test_x(): assert 0\n")
    for arguments in (("host.py",), ("host.py", "-o", "python_files=*.py")):
        result = project.conformance("--co", "-q", *arguments)
        assert _ids(result) == HOST_IDS
        assert "test_x" not in result.stdout.str()


@pytest.mark.parametrize("expression", ["HR-ROLL-01", "hr-roll-01", "old-keeps-serving"])
def test_k_takes_codes_and_slugs(project: Any, expression: str) -> None:
    project.host()
    assert _collected(project, "host.py", "-k", expression) == [HOST_IDS[1]]


def test_m_takes_levels_and_kinds(project: Any) -> None:
    project.host()
    project.write("pytest.ini", "[pytest]\nstrict = true\n")
    should = _collected(project, "host.py", "-m", "hot_reload(level='SHOULD')")
    assert should == ["host.py::hot-reload::producers-not-blocked"]
    machine = _collected(project, "host.py", "-m", "hot_reload(kind='machine')")
    assert machine == ["host.py::hot-reload::no-loss[machine]"]


def test_the_configured_host_hangs_on_pyproject_and_pastes_back(project: Any) -> None:
    project.host(name="shop/testing.py")
    project.write("pyproject.toml", "[tool.hot-reload]\nhost = 'shop.testing:ToyHost'\n")
    collected = _collected(project)
    assert collected[1] == "pyproject.toml::hot-reload::old-keeps-serving"
    assert _collected(project, collected[1]) == [collected[1]]
    project.conformance().assert_outcomes(passed=5, skipped=1)


def test_the_embedded_default_is_announced_and_its_ids_paste_back(project: Any) -> None:
    collected = _collected(project)
    assert collected[0] == "hot_reload_conformance/adapters/reference.py::hot-reload::takes-effect"
    assert collected[-1] == "hot_reload_fixtures/samples/counter.py::hot-reload::flush-delivers"
    for each in (collected[0], collected[-1]):
        assert _collected(project, each) == [each]
    line = "*no subject given and none found: testing the embedded default*"
    project.conformance("-k", "metadata").stdout.fnmatch_lines([line])


def test_a_folder_without_a_subject_is_a_usage_error(project: Any) -> None:
    project.write("empty/notes.py", "")
    result = project.conformance("empty")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no plugin and no host found in *empty*"])


# Subjects from fixtures


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_a_host_may_come_from_a_fixture(project: Any, scope: str) -> None:
    fixture = f"""
import pytest
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter

@pytest.fixture(scope={scope!r})
def hot_reload_host():
    return BlueGreenAdapter()
"""
    project.write("hosts/conftest.py", fixture)
    result = project.conformance("hosts/conftest.py")
    result.assert_outcomes(passed=5, skipped=1)
    result.stdout.fnmatch_lines(["hosts/conftest.py (host): *"])


@pytest.mark.parametrize(
    "description",
    [
        "hot_reload_subject = PluginSubject(observe=observe)",
        "@pytest.fixture(scope='module')\ndef hot_reload_subject():\n"
        "    return PluginSubject(observe=observe)",
    ],
)
def test_a_plugin_is_described_by_the_nearest_conftest(project: Any, description: str) -> None:
    project.plugin()
    project.conformance("plugins").assert_outcomes(passed=1, skipped=1)
    head = "import pytest\nfrom hot_reload_conformance import PluginSubject\n"
    observe = "async def observe(plugin): return []\n"
    project.write("plugins/conftest.py", f"{head}{observe}{description}\n")
    project.conformance("plugins").assert_outcomes(passed=2)


def test_a_plugin_is_described_by_a_dotted_name(project: Any) -> None:
    project.plugin()
    project.write(
        "subjects.py",
        "from hot_reload_conformance import PluginSubject\n"
        "async def observe(plugin): return []\n"
        "counter = PluginSubject(observe=observe)\n",
    )
    table = "[tool.hot-reload]\nsubject = { counter = 'subjects:counter' }\n"
    project.write("pyproject.toml", table)
    project.conformance("plugins").assert_outcomes(passed=2)


def test_a_description_that_is_none_is_a_kit_error(project: Any) -> None:
    project.plugin()
    project.write("plugins/conftest.py", "hot_reload_subject = {'observe': None}\n")
    result = project.conformance("plugins")
    assert result.ret == 1
    assert re.search(r"your subject description, .* is {'observe': None}", _unwrapped(result))


# Outcomes


def test_a_failure_reads_like_a_story_and_says_how_to_run_it_again(project: Any) -> None:
    project.host(FLAKY)
    result = project.conformance("host.py")
    assert result.ret == 1
    result.assert_outcomes(passed=4, skipped=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "HR-ROLL-01 old-keeps-serving  MUST  fail  on toy",
            "*For every stage: the old G serves*",
            "2 of 2 variants failed",
            "*1. write alpha v1",
            "E   the toy breaks HR-ROLL-01",
            "*the same in: start",
            "*run only this again",
            "*'host.py::hot-reload::old-keeps-serving' --hot-reload-replay 'HR-ROLL-01=import'",
            "FAILED host.py::hot-reload::old-keeps-serving - HR-ROLL-01: *",
        ]
    )


def test_the_line_of_a_failure_runs_only_that_variant(project: Any) -> None:
    project.host(FLAKY)
    result = project.conformance("host.py", "--hot-reload-replay", "HR-ROLL-01=start")
    result.assert_outcomes(failed=1, deselected=5)
    assert "variants failed" not in result.stdout.str()
    result.stdout.fnmatch_lines(["· start"])


def test_a_machine_is_given_its_script(project: Any) -> None:
    project.host()
    result = project.conformance("host.py", "--hot-reload-replay", "HR-FLOW-01=1:boom")
    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(["E   the machine found a loss"])


def test_a_replay_of_an_unknown_clause_is_a_usage_error(project: Any) -> None:
    project.host()
    result = project.conformance("host.py", "--hot-reload-replay", "HR-RLL-01=start")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no clause 'HR-RLL-01'*mean 'HR-ROLL-01'*"])


def test_a_broken_should_is_shown_and_does_not_fail_the_run(project: Any) -> None:
    project.host('breaks = ("HR-FLOW-12",)')
    result = project.conformance("host.py", "-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "*::producers-not-blocked SHOULD-FAIL*",
            "Broken SHOULD clauses*",
            "*toy: HR-FLOW-12: the toy breaks HR-FLOW-12",
            "*1 should-fail*",
        ]
    )


def test_unknown_counts_against_the_run_for_must_alone(project: Any) -> None:
    project.host('puzzles = ("HR-ROLL-01", "HR-FLOW-12")')
    result = project.conformance("host.py")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["Could not be judged", "*old-keeps-serving*nobody knows about HR-ROLL-01*", "*2 unknown*"]
    )
    assert project.conformance("host.py", "-k", "HR-FLOW-12").ret == 0


def test_what_is_not_claimed_is_skipped_with_what_to_add(project: Any) -> None:
    project.host()
    result = project.conformance("host.py", "-rs")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["SKIPPED*host.py:1: not claimed: watch. Add it to the adapter*"])


def test_expected_failures_are_strict(project: Any) -> None:
    project.host(FLAKY)
    table = "[tool.hot-reload.expected-failures.toy]\n'HR-ROLL-01' = 'see issue 12'\n"
    project.write("pyproject.toml", table)
    expected = project.conformance("host.py", "-v")
    assert expected.ret == 0
    expected.stdout.fnmatch_lines(
        ["*::old-keeps-serving EXPECTED-FAIL*", "*core*not conformant*", "*1 expected-fail*"]
    )
    project.host()
    stale = project.conformance("host.py")
    assert stale.ret == 1
    stale.stdout.fnmatch_lines(["E   stale expected failure: HR-ROLL-01 passes on 'toy'*"])


def test_a_stale_expectation_of_several_checks_fails_the_run(project: Any) -> None:
    project.host()
    table = "[tool.hot-reload.expected-failures.toy]\nno-loss = 'see issue 13'\n"
    project.write("pyproject.toml", table)
    result = project.conformance("host.py")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["Stale expected failures*", "*HR-FLOW-01 passes on 'toy' now*"])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[tool.hot-reload.expected-failures.toy]\n'HR-ROL-01' = 'x'", "mean 'HR-ROLL-01'"),
        ("[tool.hot-reload.expected-failures.toi]\n'HR-ROLL-01' = 'x'", "mean 'toy'"),
        ("[tool.hot-reload.expected-failures.toy]\n'HR-ROLL-01' = ''", "gives no reason"),
        ("[tool.hot-reload]\nplugin = []", "mean 'plugins'"),
    ],
)
def test_a_typo_in_the_table_is_a_usage_error(project: Any, table: str, said: str) -> None:
    project.with_all_plugins()
    project.host()
    project.write("pyproject.toml", table)
    for workers in ((), ("-n", "2")):
        result = project.conformance("host.py", *workers)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"ERROR: *pyproject.toml: *{said}*"])


# Kit-errors


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("async def call(self, event=None): return ['v1', 'v1']", "call() already answers"),
        ("async def open(self, workdir, ports): 1 / 0", "your adapter's open() raised Zero"),
        ("async def load(self, ref): return True", "load() said ok, but the plugin that"),
        ("def __init__(self): raise OSError('no net')", "your adapter could not be made"),
        ("reload = None", "claims 'reload' but has no reload()"),
    ],
)
def test_a_wrong_adapter_is_a_kit_error_told_once(project: Any, body: str, said: str) -> None:
    project.host(body)
    result = project.conformance("host.py")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["The kit or an adapter broke*", "*6 kit-error*"])
    text = _unwrapped(result)
    assert said in text
    assert text.count("your adapter fails its self-test") == 1
    assert "not run: core" in text


def test_an_adapters_file_that_cannot_be_imported_says_where(project: Any) -> None:
    project.write("host.py", "import no_such_module_2\nhot_reload_host = 1\n")
    result = project.conformance("host.py")
    assert result.ret == 1
    assert re.search(
        r"your adapter: \S+host.py cannot be imported: Mod.*no_such", _unwrapped(result)
    )


def test_a_run_without_a_check_is_no_success(project: Any) -> None:
    project.host()
    nothing = project.conformance("host.py", "-k", "HR-WATCH-01")
    assert nothing.ret == 1
    nothing.stdout.fnmatch_lines(["no check was run to a verdict*"])
    assert project.conformance("host.py", "-k", "nothing").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    project.write("test_own.py", "def test_own(): pass")
    assert project.conformance("test_own.py").ret == 1


# Other plugins


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_the_report_is_the_same_with_workers(project: Any, workers: tuple[str, ...]) -> None:
    project.with_all_plugins()
    project.host(FLAKY)
    project.plugin()
    written = ("--hot-reload-report", "out/report.json", "--hot-reload-report", "out/report.html")
    result = project.conformance("host.py", "plugins", *written, *workers)
    assert result.ret == 1
    result.assert_outcomes(passed=5, failed=1, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "FAILED host.py::hot-reload::old-keeps-serving - HR-ROLL-01: the toy breaks*",
        ]
    )
    result.stdout.fnmatch_lines(["E   the toy breaks HR-ROLL-01"])
    document = json.loads((project.path / "out/report.json").read_text())
    assert [each["name"] for each in document["subjects"]] == ["toy", "counter"]
    assert document["checks_run"] == 6
    roll = next(each for each in document["subjects"][0]["clauses"] if each["code"] == "HR-ROLL-01")
    assert [each["variant"] for each in roll["checks"][0]["findings"]] == ["import", "start"]
    assert "the toy breaks HR-ROLL-01" in (project.path / "out/report.html").read_text()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("r.txt", "r.txt ends in .txt, and *: name it r.json or r.html"),
        ("out/r.xml", "name it out/r.json or out/r.html; JUnit XML is written by --junitxml"),
        ("plugins", "plugins is a folder: name a file in it, plugins/report.json"),
    ],
)
def test_a_report_that_would_not_be_what_its_name_says_is_refused(
    project: Any, name: str, says: str
) -> None:
    project.plugin()
    result = project.conformance("plugins", f"--hot-reload-report={name}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{says}"])
    assert not (project.path / name).is_file()


def test_a_run_of_a_slow_host_is_thinned_and_what_is_named_runs_whole(project: Any) -> None:
    project.host()
    slow = "\nfrom hot_reload_conformance.bench import judge\njudge.case_seconds = lambda *_: 1.5\n"
    project.write("conftest.py", (project.path / "conftest.py").read_text() + slow)
    said = _unwrapped(project.conformance("host.py"))
    words = "one load and reload takes 1.5 s, so the run was thinned: "
    assert f"toy: {words}" in said
    assert "everything does with --hot-reload-profile ci" in said
    for whole in (("-k", "HR-ROLL"), ("--hot-reload-profile", "ci")):
        assert words not in _unwrapped(project.conformance("host.py", *whole))


def test_the_default_runs_with_workers(project: Any) -> None:
    project.with_all_plugins()
    result = project.conformance("-n", "2", "-k", "HR-PLUG-02")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*testing the embedded default*"])


def test_lf_runs_what_failed(project: Any) -> None:
    project.with_all_plugins()
    project.host(FLAKY)
    project.conformance("host.py")
    again = project.conformance("host.py", "--lf", "-v")
    assert _ran(again) == [HOST_IDS[1]]


def test_a_pass_in_some_variants_says_so(project: Any) -> None:
    project.with_all_plugins()
    project.host('lacks = ("start",)')
    result = project.conformance("host.py", "-v", "--junitxml=junit.xml", "-k", "HR-ROLL-01")
    assert result.parseoutcomes()["passed"] == 1
    result.stdout.fnmatch_lines(
        [
            f"{HOST_IDS[1]} PASSED (1 of 2 variants)*",
            "Passed, though not in every variant",
            "  toy: HR-ROLL-01 1 of 2 variants: without 'start': start: this host has none",
        ]
    )
    properties = {
        each.get("name"): each.get("value")
        for each in ElementTree.parse(project.path / "junit.xml").iter("property")
    }
    assert properties["hot_reload_extent"] == "1 of 2 variants"


def test_junitxml_carries_code_and_verdict(project: Any) -> None:
    project.with_all_plugins()
    project.host('breaks = ("HR-ROLL-01",)\n    puzzles = ("HR-FLOW-12",)')
    project.conformance("host.py", "--junitxml=junit.xml", "-W", "error")
    tree = ElementTree.parse(project.path / "junit.xml")
    verdicts = {}
    for case in tree.iter("testcase"):
        found = {each.get("name"): each.get("value") for each in case.iter("property")}
        verdicts[found["hot_reload_code"]] = found["hot_reload_verdict"]
    assert verdicts["HR-ROLL-01"] == "fail"
    assert verdicts["HR-LOAD-01"] == "pass"
    assert verdicts["HR-WATCH-01"] == "not-claimed"
    (failure,) = tree.iter("failure")
    assert "the toy breaks HR-ROLL-01" in str(failure.get("message"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("-p", "no:xdist"),
        ("-p", "no:terminal"),
        ("-p", "no:timeout"),
        ("-p", "no:cacheprovider"),
        ("-x",),
        ("-q",),
        ("--hypothesis-seed=7",),
        ("--runxfail",),
        ("--hot-reload-profile=ci",),
        ("-W", "error"),
    ],
)
def test_other_options_change_nothing(project: Any, arguments: tuple[str, ...]) -> None:
    project.with_all_plugins()
    project.host(FLAKY)
    result = project.conformance("host.py", *arguments)
    assert result.ret == 1
    if "no:terminal" not in arguments and "-x" not in arguments:
        result.assert_outcomes(passed=4, failed=1, skipped=1)


def test_every_item_has_a_deadline_that_the_user_may_set(project: Any) -> None:
    project.with_all_plugins()
    project.host()
    project.write(
        "conftest.py",
        (project.path / "conftest.py").read_text() + "\ndef pytest_collection_modifyitems(items):\n"
        "    print('deadlines', [m.args for i in items for m in i.iter_markers('timeout')])\n",
    )
    one = "host.py::hot-reload::old-keeps-serving"
    default = project.conformance("--co", "-s", one)
    default.stdout.fnmatch_lines(["deadlines [[](50.0,)[]]"])  # 30 to spare, two variants of 10
    project.conformance("--co", "-s", one, "--timeout=3").stdout.fnmatch_lines(["deadlines [[][]]"])


def test_an_item_that_is_ended_by_its_deadline_is_unknown(project: Any) -> None:
    project.with_all_plugins()
    project.plugin(extra="HANGS = True\n")
    result = project.conformance("plugins", "-k", "HR-PLUG-02", "--timeout=1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["Could not be judged", "*Timeout*1.0s*", "*1 unknown*"])


def test_an_adapter_that_blocks_is_ended_within_the_users_deadline(project: Any) -> None:
    project.with_all_plugins()
    project.host(
        "def render(self, spec):\n        import threading\n        threading.Event().wait()"
    )
    result = project.conformance(HOST_IDS[0], "--timeout=1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["Could not be judged", "*Timeout*1.0s*", "*1 unknown*"])


def test_the_users_warning_filters_do_not_decide_verdicts(project: Any) -> None:
    project.host(
        "async def load(self, ref):\n"
        "        import warnings\n"
        "        warnings.warn('old', DeprecationWarning)\n"
        "        return await super().load(ref)"
    )
    project.write(
        "pytest.ini",
        "[pytest]\nfilterwarnings = error\n",
    )
    project.conformance("host.py").assert_outcomes(passed=5, skipped=1, warnings=2)
