"""Sinks in the simulation: what only an order of events shows, and what is not judged there."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.check import Check, plugin_checks
from hot_reload_conformance.plugins.case import run_plugin_check
from hot_reload_conformance.specimens.plug import PLUGIN_SPECIMENS
from hot_reload_conformance.specimens.plug_correct import SENDING
from hot_reload_conformance.subject import PluginSubject, PluginUnderTest
from hot_reload_conformance.verdict import Verdict

SENDERS = ["flush-overlooks-what-is-on-its-way", "flush-asks-before-it-waits"]


def check(name: str = "flush-delivers[simulated]") -> Check:
    return next(each for each in plugin_checks() if each.id == name)


async def delivered(plugin: Any) -> Sequence[Any]:
    return list(plugin.delivered)


def sink(folder: Path, body: str, **described: Any) -> PluginUnderTest:
    path = folder / "sink.py"
    path.write_text(
        "import asyncio\n\nclass Sink:\n    version = '1.0'\n"
        "    def __init__(self):\n        self.batch, self.delivered = [], []\n"
        + textwrap.indent(textwrap.dedent(body), "    ")
    )
    subject = PluginSubject(**{"observe": delivered, **described})
    return PluginUnderTest(path=path, name="sink", subject=subject)


PLAIN = """
    def write(self, event): self.batch.append(event)
    async def flush(self):
        batch, self.batch = self.batch, []
        self.delivered += batch
"""


@pytest.mark.parametrize("name", SENDERS)
def test_only_the_simulation_finds_what_is_being_sent(name: str, tmp_path: Path) -> None:
    plugin = next(each for each in PLUGIN_SPECIMENS if each.name == name).write(tmp_path)
    assert run_plugin_check(plugin, check("flush-delivers")).verdict is Verdict.PASS
    result = run_plugin_check(plugin, check())
    assert result.verdict is Verdict.FAIL
    found = result.findings[0]
    assert str(tmp_path) not in found.message
    line = found.replay.partition("=")[2]
    assert check().replays(line)
    again = run_plugin_check(plugin, check(), Budget(replay=line))
    assert again.findings[0].message == found.message


def test_a_right_sink_that_sends_by_itself_passes_in_every_run(tmp_path: Path) -> None:
    budget = Budget(simulated_runs=40)
    assert run_plugin_check(SENDING.write(tmp_path), check(), budget).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (PLAIN.replace("batch, self.batch = self.batch, []", "batch = self.batch"), "more than on"),
        (PLAIN.replace("self.delivered += batch", "raise OSError('full')"), "flush raised OSError"),
        (
            PLAIN.replace("self.delivered += batch", "await asyncio.Event().wait()"),
            "nothing can go on",
        ),
    ],
    ids=["twice", "raises", "never-returns"],
)
def test_a_wrong_sink_is_told_in_words(body: str, says: str, tmp_path: Path) -> None:
    result = run_plugin_check(sink(tmp_path, body), check())
    assert result.verdict is Verdict.FAIL
    assert says in result.reason


def test_a_sink_that_uses_threads_is_not_judged(tmp_path: Path) -> None:
    body = PLAIN.replace("self.delivered +=", "await asyncio.to_thread(str); self.delivered +=")
    result = run_plugin_check(sink(tmp_path, body), check())
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "simulation: the subject leaves it" in result.reason


def test_without_a_look_at_what_arrived_nothing_is_verified(tmp_path: Path) -> None:
    async def blind(plugin: Any) -> Sequence[Any]:
        raise OSError("no such table")

    result = run_plugin_check(sink(tmp_path, PLAIN, observe=blind), check())
    assert result.verdict is Verdict.UNKNOWN
    assert "no flush came so far" in result.reason
    result = run_plugin_check(sink(tmp_path, PLAIN, observe=None), check())
    assert result.verdict is Verdict.NOT_CLAIMED


def test_few_events_of_the_author_are_written_again(tmp_path: Path) -> None:
    plugin = sink(tmp_path, PLAIN, events=["one"])
    assert run_plugin_check(plugin, check()).verdict is Verdict.PASS


THREADED = """
    def start(self):
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.over.wait, name="a sink's own")
        self.thread.start()
    def write(self, event): self.batch.append(event)
    async def flush(self):
        batch, self.batch = self.batch, []
        self.delivered += batch
    async def stop(self):
        self.over.set()
        self.thread.join()
"""


@pytest.mark.parametrize(
    "body",
    [
        THREADED,
        # The thread is begun as late as that, and waited for beyond the turn in which it is seen.
        THREADED.replace("def start(self)", "async def flush(self)", 1).replace(
            "async def flush(self):\n        batch", "def unused(self):\n        batch"
        ),
        THREADED.replace(
            "async def stop(self):",
            "async def stop(self): raise OSError\n    async def teardown(self):",
        ),
        THREADED.replace("self.thread.join()", "self.thread.join(); await asyncio.sleep(1)"),
    ],
    ids=["in-start", "in-flush", "stop-raises", "stop-waits"],
)
def test_a_sink_that_leaves_the_simulation_is_stopped_all_the_same(
    body: str, tmp_path: Path
) -> None:
    plugin = sink(tmp_path, body)
    plugin.path.write_text("import threading\n" + plugin.path.read_text())
    result = run_plugin_check(plugin, check())
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "left the simulation for a thread" in result.reason
    assert "a sink's own" not in {each.name for each in threading.enumerate()}
