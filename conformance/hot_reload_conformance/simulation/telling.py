"""Telling: a simulated failure as a finding, with its steps, its timeline and its replay."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hot_reload_conformance.simulation.failure import Failure, Run
from hot_reload_conformance.verdict import Finding, Step

MAX_MOMENTS = 60

_MOMENT = re.compile(r"    (?P<plugin>\w+)\.(?P<version>\S+)#(?P<serial>\d+) (?P<rest>.+)s")
_END = re.compile(r"(?P<op>.+) ends, (?P<how>.+)")


def finding_of(code: str, run: Run, original: Run | None) -> Finding:
    """The failure of ``run`` as a finding about the clause ``code``.

    ``original`` is the run in which it was met, where ``run`` is a shrunk one.
    """
    failure = run.failure
    assert failure is not None
    return Finding(
        message=failure.message,
        variant=str(run.script if original is None else original.script),
        expected=failure.expected,
        seen=failure.seen,
        story=tuple(_steps(run, failure)),
        timeline=tuple(_timeline(failure))[-MAX_MOMENTS:],
        traceback=failure.traceback,
        replay=f"{code}={run.replay}",
    )


def begun(run: Run, story: Iterable[str]) -> Iterator[Step]:
    """The steps of ``run`` as ``story`` tells them, without what came of it."""
    given = {str(op) for op in run.script.given}
    yield Step(f"simulated: {run.script}")
    for line in story:
        if line.startswith("    "):
            continue
        ended = _END.fullmatch(line)
        if ended is None:
            if not (line.endswith(" begins") and line.removesuffix(" begins") in given):
                yield Step(line)
            continue
        yield Step(ended["op"], seen=ended["how"])
    for each in run.trace.deviations:
        yield Step(f"the simulation's choice {each}, {each.kind}: {each.label}")
    if not run.trace.deviations:
        yield Step("all in the order of plain asyncio, without any mishap")


def _steps(run: Run, failure: Failure) -> Iterator[Step]:
    yield from begun(run, failure.story)
    yield Step(failure.message, failure.expected, failure.seen, broken=True)


def _timeline(failure: Failure) -> Iterator[str]:
    for line in failure.story:
        found = _MOMENT.fullmatch(line)
        if found is not None:
            version = f"{found['plugin']}.{found['version']}#{found['serial']}"
            yield f"{found['plugin']} {version} {found['rest']}"
