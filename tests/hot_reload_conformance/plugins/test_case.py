"""Plugins as subjects: the way from a newcomer's file to a verdict, and what it leaves alone."""

from __future__ import annotations

import dataclasses
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance.check import Check, plugin_checks
from hot_reload_conformance.plugins.case import PluginCase, run_plugin_check
from hot_reload_conformance.plugins.samples import SAMPLE_PLUGINS
from hot_reload_conformance.subject import PluginSubject, PluginUnderTest
from hot_reload_conformance.verdict import CheckResult, Verdict

CHECKS = plugin_checks()

NEWCOMERS = """
    class Inbox:
        version = "1.0"

        def __init__(self):
            self.new, self.kept = [], []

        def write(self, event):
            self.new.append(event)

        def flush(self):
            self.kept += self.new
            self.new = []

        def get_reload_state(self):
            return {"kept": self.kept + self.new}

        def set_reload_state(self, state):
            self.kept = list(state["kept"])
"""


async def kept(plugin: Any) -> list[Any]:
    return list(plugin.kept)


def subject(folder: Path, source: str, **described: Any) -> PluginUnderTest:
    path = folder / "inbox.py"
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    return PluginUnderTest(path=path, name="inbox", subject=PluginSubject(**described))


def judged(plugin: PluginUnderTest) -> dict[str, CheckResult]:
    return {each.clause.code: run_plugin_check(plugin, each) for each in CHECKS}


def failed(results: dict[str, CheckResult]) -> set[str]:
    return {code for code, result in results.items() if result.verdict is Verdict.FAIL}


def one(code: str) -> Check:
    return next(each for each in CHECKS if each.clause.code == code)


def test_a_newcomers_plugin_passes_everything(tmp_path: Path) -> None:
    results = judged(subject(tmp_path, NEWCOMERS, observe=kept))
    not_passed = {code for code, each in results.items() if each.verdict is not Verdict.PASS}
    # It has no health_check, no secrets, no schema of its config and no earlier release.
    assert not_passed == {"HR-PLUG-09", "HR-PLUG-15", "HR-PLUG-17", "HR-PLUG-18"}
    assert {results[code].verdict for code in not_passed} == {Verdict.NOT_CLAIMED}


@pytest.mark.parametrize(
    ("sound", "broken", "code", "says"),
    [
        (
            "def flush(self):",
            "def start(self):\n            import asyncio\n"
            "            asyncio.ensure_future(asyncio.sleep(60))\n\n        def flush(self):",
            "HR-PLUG-13",
            "still runs",
        ),
        ("self.kept += self.new", "pass", "HR-PLUG-11", "are missing after flush() returned"),
        (
            'return {"kept": self.kept + self.new}',
            'self.flush()\n            return {"kept": self.kept}',
            "HR-PLUG-07",
            "hands out the plugin's own object at $['kept'], not a copy",
        ),
    ],
    ids=["leaked-task", "dropped-in-flush", "shared-list"],
)
def test_a_breakage_fails_the_right_clause_in_words(
    tmp_path: Path, sound: str, broken: str, code: str, says: str
) -> None:
    assert NEWCOMERS.count(sound) == 1
    plugin = subject(tmp_path, NEWCOMERS.replace(sound, broken), observe=kept)
    result = run_plugin_check(plugin, one(code))
    assert result.verdict is Verdict.FAIL, result
    assert says in result.reason
    assert "inbox.py:" in result.reason
    assert str(tmp_path) not in result.reason
    assert result.findings[0].story[-1].broken


@pytest.mark.parametrize("plugin", SAMPLE_PLUGINS, ids=lambda each: each.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.id)
def test_the_samples_pass(plugin: PluginUnderTest, check: Check) -> None:
    result = run_plugin_check(plugin, check)
    assert result.verdict in (Verdict.PASS, Verdict.NOT_CLAIMED), result


def test_the_sample_sink_is_judged_on_delivery() -> None:
    sink = next(each for each in SAMPLE_PLUGINS if each.name == "sqlite-sink")
    for code in ("HR-PLUG-11", "HR-PLUG-12"):
        assert run_plugin_check(sink, one(code)).verdict is Verdict.PASS


def test_without_observe_a_sink_is_told_what_to_write(tmp_path: Path) -> None:
    result = run_plugin_check(subject(tmp_path, NEWCOMERS), one("HR-PLUG-11"))
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "return PluginSubject(observe=delivered" in result.reason


def test_what_can_never_be_read_back_is_no_loss(tmp_path: Path) -> None:
    async def torn(plugin: Any) -> list[Any]:
        raise OSError("no such table")

    result = run_plugin_check(subject(tmp_path, NEWCOMERS, observe=torn), one("HR-PLUG-12"))
    assert result.verdict is Verdict.UNKNOWN
    assert "observe() of the subject description raised OSError: no such table" in result.reason


def test_what_can_be_read_back_only_without_a_reload_is_a_loss(tmp_path: Path) -> None:
    forgetful = NEWCOMERS.replace("self.kept = list(state", "self.lost = list(state").replace(
        "self.new, self.kept = [], []", "self.new, self.kept, self.lost = [], [], None"
    )

    async def read(plugin: Any) -> list[Any]:
        if plugin.lost is not None:
            raise OSError("no such table")
        return list(plugin.kept)

    result = run_plugin_check(subject(tmp_path, forgetful, observe=read), one("HR-PLUG-12"))
    assert result.verdict is Verdict.FAIL
    assert "events without a reload leave" in result.reason


def test_the_authors_files_are_only_read(tmp_path: Path) -> None:
    plugin = subject(tmp_path, NEWCOMERS, observe=kept)
    before = os.stat(plugin.path), plugin.path.read_bytes()
    judged(plugin)
    after = os.stat(plugin.path), plugin.path.read_bytes()
    assert [each.name for each in tmp_path.iterdir()] == ["inbox.py"]
    assert (after[0].st_mtime_ns, after[0].st_ino, after[1]) == (
        before[0].st_mtime_ns,
        before[0].st_ino,
        before[1],
    )


@pytest.mark.parametrize(
    "source",
    [
        "def broken(:",
        "raise SystemExit('not today')",
        "import a_distribution_that_nobody_has",
        "class Inbox:\n    version = '1'\n    def __init__(self): raise OSError('no disk')",
        "class Inbox:\n    version = '1'\n    def start(self): raise KeyboardInterrupt",
        "class Inbox:\n    version = '1'\n    async def start(self): raise SystemExit(3)",
    ],
    ids=["syntax", "exit", "import", "constructor", "interrupt", "exit-in-start"],
)
def test_a_plugin_that_does_not_load_fails_one_clause_and_passes_none_about_running(
    tmp_path: Path, source: str
) -> None:
    results = judged(subject(tmp_path, source))
    assert results["HR-PLUG-03"].verdict is Verdict.FAIL
    assert "inbox.py" in results["HR-PLUG-03"].reason or "KeyboardInterrupt" in source
    for code in ("HR-PLUG-04", "HR-PLUG-13", "HR-PLUG-14", "HR-PLUG-16"):
        assert results[code].verdict is Verdict.UNKNOWN, results[code]
        assert "see HR-PLUG-0" in results[code].reason


def test_a_plugin_that_lacks_its_config_is_told_where_to_give_one(tmp_path: Path) -> None:
    source = """
        class Inbox:
            version = "1"
            def __init__(self, config): self.limit = config["limit"]
    """
    told = run_plugin_check(subject(tmp_path, source), one("HR-PLUG-03")).reason
    assert "KeyError: 'limit'" in told
    assert "give it one in conftest.py: hot_reload_subject = PluginSubject(config={...})" in told
    mistaken = run_plugin_check(subject(tmp_path, source, config={"size": 1}), one("HR-PLUG-03"))
    assert "conftest.py" not in mistaken.reason
    broken = source.replace('config["limit"]', "1 / 0").replace(", config)", ")")
    assert (
        "conftest.py" not in run_plugin_check(subject(tmp_path, broken), one("HR-PLUG-03")).reason
    )


def test_a_state_that_tells_the_time_is_not_called_harmed_by_an_upgrade(tmp_path: Path) -> None:
    source = """
        import itertools
        TICKS = itertools.count()
        class Inbox:
            version = "1"
            def get_reload_state(self): return {"told": next(TICKS)}
            def set_reload_state(self, state): pass
    """
    plugin = subject(tmp_path, source)
    assert run_plugin_check(plugin, one("HR-PLUG-16")).verdict is Verdict.PASS
    told = run_plugin_check(plugin, one("HR-PLUG-07")).reason
    assert "asked twice in a row" in told
    assert "the time of asking does not belong into it" in told


def test_a_timer_left_running_is_told_to_be_cancelled(tmp_path: Path) -> None:
    source = """
        import threading
        class Inbox:
            version = "1"
            def start(self):
                self.timer = threading.Timer(60, print)
                self.timer.daemon = True
                self.timer.start()
    """
    result = run_plugin_check(subject(tmp_path, source), one("HR-PLUG-13"))
    assert result.verdict is Verdict.FAIL
    assert "a threading.Timer is ended by its cancel()" in result.reason


@pytest.mark.parametrize("code", ["HR-PLUG-07", "HR-PLUG-09", "HR-PLUG-11", "HR-PLUG-18"])
def test_the_lines_of_a_description_can_be_pasted(tmp_path: Path, code: str) -> None:
    source = NEWCOMERS.replace('{"kept": self.kept + self.new}', "None")
    told = run_plugin_check(subject(tmp_path, source), one(code)).reason
    lines = [each for each in told.splitlines() if each.startswith("    ")]
    assert "conftest.py" in told
    assert all(len(each) <= 78 for each in lines), "the terminal would wrap them"
    names: dict[str, Any] = {}
    exec(textwrap.dedent("\n".join(lines)), names)
    assert "hot_reload_subject" in names


def test_a_plugin_that_blocks_its_thread_is_interrupted(tmp_path: Path) -> None:
    source = "import threading\nthreading.Event().wait(60)\nclass Inbox:\n    version = '1'\n"
    hasty = dataclasses.replace(one("HR-PLUG-14"), deadline_seconds=0.1)
    result = run_plugin_check(subject(tmp_path, source), hasty)
    assert result.verdict is Verdict.FAIL
    assert "the plugin blocked its thread at inbox.py:2, in <module>()" in result.reason
    assert "Give long work to asyncio.to_thread()" in result.reason


def test_a_sink_whose_write_blocks_fails_the_clause_about_what_it_took(tmp_path: Path) -> None:
    source = """
        import queue
        class Inbox:
            version = "1"
            def start(self): self.room = queue.Queue(1)
            def write(self, event): self.room.put(event)
    """

    async def read(plugin: Any) -> Sequence[Any]:
        return list(plugin.room.queue)

    hasty = dataclasses.replace(one("HR-PLUG-11"), deadline_seconds=0.2)
    result = run_plugin_check(subject(tmp_path, source, observe=read), hasty, only="3-events")
    assert result.verdict is Verdict.FAIL
    assert "in Inbox.write(): def write(self, event): self.room.put(event)" in result.reason


def test_what_an_impure_plugin_changed_reaches_no_other_test(tmp_path: Path) -> None:
    source = """
        import logging, os, sys
        os.environ["HOT_RELOAD_IMPURE"] = "1"
        os.chdir("/")
        sys.path.insert(0, "/nowhere")
        logging.getLogger("impure").addHandler(logging.NullHandler())

        class Inbox:
            version = "1"
    """
    here = os.getcwd()
    plugin = subject(tmp_path, source)
    result = run_plugin_check(plugin, one("HR-PLUG-01"))
    assert result.verdict is Verdict.FAIL
    for words in ("'HOT_RELOAD_IMPURE' (inbox.py:3)", "working directory", "sys.path", "'impure'"):
        assert words in result.reason
    assert "HOT_RELOAD_IMPURE" not in os.environ
    assert os.getcwd() == here
    assert run_plugin_check(plugin, one("HR-PLUG-01")).reason == result.reason


def test_what_a_dependency_does_at_its_first_import_is_not_the_plugins_doing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "lib")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/impure_dependency_of_inbox.py").write_text(
        "import logging\nlogging.getLogger('its').addHandler(logging.NullHandler())\n"
    )
    plugin = subject(tmp_path, "import impure_dependency_of_inbox\nclass Inbox:\n  version = '1'")
    assert run_plugin_check(plugin, one("HR-PLUG-01")).verdict is Verdict.PASS


def test_a_config_function_gets_a_fresh_folder_for_each_case(tmp_path: Path) -> None:
    folders: list[Path] = []

    def config(folder: Path) -> dict[str, Any]:
        folders.append(folder)
        assert list(folder.iterdir()) == []
        return {}

    plugin = subject(tmp_path, NEWCOMERS, config=config, observe=kept)
    assert run_plugin_check(plugin, one("HR-PLUG-11")).verdict is Verdict.PASS
    assert len(set(folders)) == len(folders) == 3  # one for each of its variants
    assert not any(folder.exists() for folder in folders)


def test_a_broken_description_is_the_descriptions_fault(tmp_path: Path) -> None:
    def config(folder: Path) -> dict[str, Any]:
        raise KeyError("HOME")

    async def observe(plugin: Any) -> list[Any]:
        raise ConnectionError("no database")

    plugin = subject(tmp_path, NEWCOMERS, config=config)
    result = run_plugin_check(plugin, one("HR-PLUG-13"))
    assert (result.verdict, "config" in result.reason) == (Verdict.KIT_ERROR, True)
    plugin = subject(tmp_path, NEWCOMERS, observe=observe)
    result = run_plugin_check(plugin, one("HR-PLUG-11"))
    assert (result.verdict, "no database" in result.reason) == (Verdict.UNKNOWN, True)


def test_one_variant_can_be_run_alone(tmp_path: Path) -> None:
    plugin = subject(tmp_path, NEWCOMERS)
    result = run_plugin_check(plugin, one("HR-PLUG-16"), only="syntax")
    assert (result.verdict, result.variants) == (Verdict.PASS, ("syntax",))


def test_events_come_from_the_author_or_are_plain_mappings(tmp_path: Path) -> None:
    from hypothesis import strategies as st

    def events(given: Any, count: int) -> list[Any]:
        return PluginCase(subject(tmp_path, NEWCOMERS, events=given), tmp_path).events(count)

    assert events((), 2) == [
        {"sequence": 1, "message": "event 1"},
        {"sequence": 2, "message": "event 2"},
    ]
    assert events(["a", "b"], 3) == ["a", "b", "a"]
    drawn = events(st.integers(min_value=3), 4)
    assert len(drawn) == 4
    assert all(each >= 3 for each in drawn)
    assert drawn == events(st.integers(min_value=3), 4)
