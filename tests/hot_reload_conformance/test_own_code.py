"""Coverage of a subject's own code: what no check reached is named, by file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance import own_code
from hot_reload_conformance.bench.judge import Judge
from hot_reload_conformance.check import plugin_checks
from hot_reload_conformance.report.markup import plain
from hot_reload_conformance.report.unreached import (
    Unreached,
    merged_unreached,
    ranges,
    unreached_lines,
)
from hot_reload_conformance.subject import PluginSubject, PluginUnderTest

pytest.importorskip("coverage", reason="pip install 'pytest-hot-reload[coverage]'")

SOURCE = '''"""A plugin."""


class Counter:
    version = "1.0"

    def __init__(self):
        self.counts = {}

    def start(self):
        if self.counts:
            raise RuntimeError("never so")
        self.begun = True

    def handle(self, request):
        def add(by):
            return by + 1
        return add(request)

    def stop(self):
        self.begun = False


def unused():
    return 1
'''


async def use(plugin: Any) -> None:
    plugin.handle(1)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    file = tmp_path / "counter.py"
    file.write_text(SOURCE, "utf-8")
    return file


def missed(plugin: Path, **described: Any) -> dict[str, tuple[int, ...]]:
    subject = PluginUnderTest(
        path=plugin, name="counter", subject=PluginSubject(**described), described=True
    )
    reached: dict[str, set[int]] = {}
    checks = [each for each in plugin_checks() if each.clause.code in ("HR-PLUG-03", "HR-PLUG-05")]
    for check in checks:
        with own_code.measured(subject, plugin.parent) as lines:
            Judge().judge(subject, check)
        for file, numbers in lines.items():
            reached.setdefault(file, set()).update(numbers)
    found = own_code.unreached("counter", True, reached, plugin.parent)
    assert {each.file for each in found} == {"counter.py"}
    return {each.function: each.lines for each in found if each.lines}


def test_lines_of_hooks_that_no_check_reached_are_named(plugin: Path) -> None:
    assert missed(plugin) == {
        "Counter.start": (12,),
        "Counter.handle": (16, 18),
        "Counter.handle.add": (17,),
        "unused": (25,),
    }


def test_a_description_reaches_more(plugin: Path) -> None:
    assert missed(plugin, exercise=use) == {"Counter.start": (12,), "unused": (25,)}


def test_hooks_come_first_and_say_where() -> None:
    found = [
        Unreached("counter", "counter.py", "unused", False, (25,), 1),
        Unreached("counter", "counter.py", "Counter.start", True, (11, 12, 14), 5),
        Unreached("counter", "counter.py", "", False, (), 9),
    ]
    text = plain(unreached_lines(found, 80))
    assert "Own code reached: 11 of 15 lines" in text
    assert text.index("counter.py:11-12,14  Counter.start") < text.index("counter.py:25  unused")
    assert "unused (never called)" in text
    assert all(len(each) <= 80 for each in text.splitlines())


def test_nothing_measured_is_said() -> None:
    assert "no line of a subject's own code could be measured" in plain(unreached_lines([], 80))


def test_what_two_runs_missed_is_what_both_did() -> None:
    one = Unreached("a", "a.py", "f", True, (1, 2), 4)
    two = Unreached("a", "a.py", "f", True, (2, 3), 4)
    (both,) = merged_unreached([[one], [two]])
    assert (both.lines, both.of) == ((2,), 4)


def test_ranges_of_lines() -> None:
    assert ranges([3, 1, 2, 7, 9, 10]) == "1-3,7,9-10"
    assert ranges([]) == ""


# In a run

HOST = """
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from mine import used

class ToyHost(BlueGreenAdapter):
    name = "toy"

    async def load(self, ref):
        used(False)
        return await super().load(ref)

hot_reload_host = ToyHost
"""
MINE = """
def used(rarely):
    if rarely:
        return 1
    return 2
"""


def test_a_host_s_own_modules_are_measured_and_the_report_has_them(project: Any) -> None:
    project.write("host.py", HOST)
    project.write("mine.py", MINE)
    result = project.conformance(
        "host.py", "--hot-reload-coverage", "--hot-reload-report=r.json", "-k", "takes-effect"
    )
    assert result.ret == 0, result.stdout.str()
    result.stdout.fnmatch_lines(["*mine.py:4*used*"])
    found = json.loads((project.path / "r.json").read_text("utf-8"))["unreached"]
    assert {(each["file"], each["function"]) for each in found} == {
        ("host.py", "ToyHost.load"),
        ("mine.py", "used"),
    }
    assert not any(each["hook"] for each in found)


def test_without_coverage_py_the_option_says_what_to_install(project: Any) -> None:
    project.host()
    conftest = (project.path / "conftest.py").read_text("utf-8")
    project.write("conftest.py", f"import sys\nsys.modules['coverage'] = None\n{conftest}")
    result = project.conformance("host.py", "--hot-reload-coverage")
    assert result.ret == 4
    assert "pip install 'pytest-hot-reload[coverage]'" in result.stderr.str()


def test_without_the_option_nothing_is_measured(project: Any) -> None:
    project.host()
    project.conformance("host.py", "--hot-reload-report=r.json")
    assert json.loads((project.path / "r.json").read_text("utf-8"))["unreached"] is None
