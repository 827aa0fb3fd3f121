"""Starts that are broken off in the simulation: what is told, and what is not judged."""

from __future__ import annotations

import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.check import Check, plugin_checks
from hot_reload_conformance.plugins.case import run_plugin_check
from hot_reload_conformance.specimens.plug import PLUGIN_SPECIMENS
from hot_reload_conformance.specimens.plug_correct import STARTING
from hot_reload_conformance.subject import PluginSubject, PluginUnderTest
from hot_reload_conformance.verdict import CheckResult, Verdict

MOMENTS_LATER = ["half-start-loses-what-was-gathered", "half-start-keeps-the-lock-file"]


def check(name: str = "half-start-released[simulated]") -> Check:
    return next(each for each in plugin_checks() if each.id == name)


def judged(folder: Path, body: str, **described: Any) -> CheckResult:
    path = folder / "service.py"
    path.write_text(
        "import asyncio\nimport os\n\nclass Service:\n    version = '1.0'\n    held = None\n"
        "    def handle(self, request): return 'yes'\n"
        + textwrap.indent(textwrap.dedent(body), "    ")
    )
    plugin = PluginUnderTest(path=path, name="service", subject=PluginSubject(**described))
    return run_plugin_check(plugin, check())


@pytest.mark.parametrize("name", MOMENTS_LATER)
def test_only_the_simulation_finds_what_a_task_of_its_own_got(name: str, tmp_path: Path) -> None:
    plugin = next(each for each in PLUGIN_SPECIMENS if each.name == name).write(tmp_path)
    assert run_plugin_check(plugin, check("half-start-released")).verdict is Verdict.PASS
    result = run_plugin_check(plugin, check())
    assert result.verdict is Verdict.FAIL
    found = result.findings[0]
    assert str(tmp_path) not in found.message
    assert "hot-reload-simulation" not in found.message
    line = found.replay.partition("=")[2]
    assert check().replays(line)
    again = run_plugin_check(plugin, check(), Budget(replay=line))
    assert again.findings[0].message == found.message


def test_a_right_plugin_passes_in_every_run(tmp_path: Path) -> None:
    plugin = STARTING.write(tmp_path)
    assert run_plugin_check(plugin, check(), Budget(simulated_runs=40)).verdict is Verdict.PASS


TASK = """
    async def start(self):
        self.held = asyncio.create_task(asyncio.sleep(600), name="ticks")
        await asyncio.sleep(0)
        self.started = True
    async def stop(self):
        if getattr(self, "started", False):
            self.held.cancel()
"""
TIMER = TASK.replace(
    'asyncio.create_task(asyncio.sleep(600), name="ticks")',
    "asyncio.get_running_loop().call_later(600, print)",
)
FILE = """
    async def start(self):
        self.held = os.open("/dev/null", os.O_WRONLY)
        await asyncio.sleep(0)
    def stop(self):
        pass
"""


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (TASK, "there is the task 'ticks', made at service.py:10"),
        (TIMER, "there is a timer that was set at service.py:10"),
        (FILE, "there is the open file /dev/null"),
    ],
    ids=["task", "timer", "file"],
)
def test_what_is_held_is_told_in_words(body: str, says: str, tmp_path: Path) -> None:
    result = judged(tmp_path, body)
    assert result.verdict is Verdict.FAIL
    assert says in result.reason
    assert "while it waited at service.py:11, stop() was called" in result.reason


def test_a_failing_await_breaks_it_off_too(tmp_path: Path) -> None:
    body = """
    async def start(self):
        try:
            self.held = os.open("/dev/null", os.O_WRONLY)
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            os.close(self.held)
            raise
    """
    result = judged(tmp_path, body)
    assert "start() failed while it waited at service.py:12" in result.reason


def test_what_awaits_a_collection_is_no_leak(tmp_path: Path) -> None:
    body = """
    async def start(self):
        try:
            self.held = open("/dev/null")
            self.circle = self
            await asyncio.sleep(0)
        except BaseException as error:
            kept = [error, self.held]
            kept.append(kept)
            raise
    async def stop(self):
        self.held = self.circle = None
    """
    with pytest.warns(ResourceWarning):
        assert judged(tmp_path, body).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "body",
    ["pass", "def start(self): pass", "async def start(self): self.held = 1"],
    ids=["no-start", "synchronous", "never-waits"],
)
def test_a_start_that_never_waits_cannot_be_broken_off(body: str, tmp_path: Path) -> None:
    assert judged(tmp_path, body).verdict is Verdict.PASS


def test_a_start_in_a_thread_is_not_judged_and_is_stopped_all_the_same(tmp_path: Path) -> None:
    body = """
    import threading
    async def start(self):
        self.ended = self.threading.Event()
        self.held = self.threading.Thread(target=self.ended.wait, name="half started")
        self.held.start()
    async def stop(self):
        self.ended.set()
        self.held.join()
    """
    result = judged(tmp_path, body)
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "simulation: the plugin's start leaves it" in result.reason
    assert "half started" not in {each.name for each in threading.enumerate()}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("async def start(self): raise OSError('no network')", "no network"),
        ("async def start(self): await asyncio.Event().wait()", "nothing can go on"),
    ],
    ids=["raises", "never-ends"],
)
def test_a_start_that_comes_to_no_end_by_itself_is_not_verified(
    body: str, says: str, tmp_path: Path
) -> None:
    result = judged(tmp_path, body)
    assert result.verdict is Verdict.UNKNOWN
    assert says in result.reason
