"""What many hosts of one check say alike is told once; what a few lines say is told whole."""

from __future__ import annotations

from typing import Any

from hot_reload_conformance.report.captured import FIRST, MAX_LINES, cut


def test_few_lines_stay_as_they_are() -> None:
    text = "\n".join(f"line {n}" for n in range(MAX_LINES))
    assert cut(text) == text
    assert cut("") == ""


def test_a_repeated_line_is_told_once_with_its_count() -> None:
    assert cut("WARNING a\nWARNING a\nWARNING a\nWARNING b\n\n\nWARNING a") == (
        "WARNING a  (×3)\nWARNING b\n\nWARNING a"
    )


def test_of_many_lines_the_ends_are_told_and_the_rest_is_counted() -> None:
    lines = cut("\n".join(f"line {n}" for n in range(100))).splitlines()
    assert lines[:FIRST] == [f"line {n}" for n in range(FIRST)]
    assert lines[FIRST] == f"… {101 - MAX_LINES} more lines (-vv shows all) …"
    assert lines[FIRST + 1 :] == [f"line {n}" for n in range(101 - MAX_LINES + FIRST, 100)]
    # A report may come by twice, in a worker and in the process that shows it.
    assert cut("\n".join(lines)) == "\n".join(lines)


LOUD = """breaks = {"HR-ROLL-01"}
    async def open(self, workdir, ports):
        import logging
        logging.getLogger("toy").warning("no intents")
        await super().open(workdir, ports)
"""


def test_a_loud_host_is_heard_once_and_in_full_for_who_asks(project: Any) -> None:
    project.host(LOUD)
    short = project.conformance("host.py", "-k", "old-keeps-serving")
    short.stdout.fnmatch_lines(["*Captured log*", "*no intents  (×*)"])
    full = project.conformance("host.py", "-k", "old-keeps-serving", "-vv")
    assert "(×" not in full.stdout.str()
    assert full.stdout.str().count("no intents") > short.stdout.str().count("no intents")
