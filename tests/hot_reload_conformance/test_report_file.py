"""The report file: what plugins in another process report reaches the case's recording."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hot_reload_conformance import probe
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.report_file import ReportFile

PLUGIN = """
from hot_reload_conformance import probe
P = probe.attach("alpha", "v1")
P.construct(object()).hook("start")
print(P.reply())
"""


@pytest.fixture
def recording() -> Iterator[Recording]:
    fresh = Recording()
    before = probe.install(fresh)
    yield fresh
    probe.install(before)


def _run(report: ReportFile) -> str:
    environment = {**os.environ, **report.environment}
    command = [sys.executable, "-c", PLUGIN]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_moments_cross_and_instances_of_two_processes_differ(
    tmp_path: Path, recording: Recording
) -> None:
    report = ReportFile(tmp_path / "report")
    assert _run(report) == "v1\n"
    assert recording.moments == []
    assert report.gather() == 6
    assert recording.whats("alpha", "v1") == ["import", "construct", "start"]
    assert _run(report) == "v1\n"
    assert report.gather() == 6
    assert report.gather() == 0
    assert len({moment.serial for moment in recording.moments if moment.what == "start"}) == 2
    assert [moment.order for moment in recording.moments] == list(range(12))


def test_a_line_that_is_still_being_written_waits(tmp_path: Path, recording: Recording) -> None:
    report = ReportFile(tmp_path / "report")
    report.path.write_text('["alpha", "v1", 7, "start", "begin"]\n["alpha", "v1", 7, "sta')
    assert report.gather() == 1
    with report.path.open("a") as file:
        file.write('rt", "end"]\n')
    assert report.gather() == 1
    assert [str(each) for each in recording.moments] == [
        "alpha v1#7 start begin",
        "alpha v1#7 start end",
    ]


def test_what_is_no_report_is_named(tmp_path: Path, recording: Recording) -> None:
    report = ReportFile(tmp_path / "report")
    report.path.write_text("Traceback (most recent call last):\n")
    with pytest.raises(ValueError, match=r"Traceback.*is no report of a plugin"):
        report.gather()


def test_without_a_case_there_is_nobody_to_tell(tmp_path: Path) -> None:
    before = probe.install(None)
    try:
        with pytest.raises(RuntimeError, match="no case runs"):
            ReportFile(tmp_path / "report").gather()
    finally:
        probe.install(before)
