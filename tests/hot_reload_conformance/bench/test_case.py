"""The case: what an operation raised, returned, logged and printed, and what the files are."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance.adapter import Channel, Event, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.verdict import KitError, Violation

SPEC = PluginSpec()


class Scripted(HostAdapter):
    """An adapter whose operations do what a test says."""

    def __init__(self, load: Any = None) -> None:
        self.does = load

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        return {f"{spec.ref}.txt": spec.version, f"{spec.ref}/part.txt": "part"}

    async def load(self, ref: str) -> Reply | bool | None:
        answer: Reply | bool | None = await self.does() if self.does else None
        return answer

    async def call(self, event: Event | None = None) -> list[str]:
        return ["v2", "v1"]

    async def emit(self, event: Event) -> bool | None:
        return event.sequence != 2


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(Scripted(), Recording(), tmp_path, Ports())


def told(case: Case, does: Any) -> Case:
    case.adapter.does = does  # type: ignore[attr-defined]
    return case


async def test_raised_reaches_the_caller_with_its_cause(case: Case) -> None:
    async def load() -> None:
        try:
            raise ValueError("inner")
        except ValueError as error:
            raise RuntimeError("outer") from error

    reply = await told(case, load).load("alpha")
    assert (reply.ok, reply.channel) == (False, Channel.RAISED)
    assert reply.message == "RuntimeError: outer (caused by ValueError: inner)"


async def test_logged_and_printed_are_told_apart_from_returned(case: Case) -> None:
    async def logs() -> bool:
        logging.getLogger("host").warning("it is %s", "broken")
        return False

    async def prints() -> bool:
        print("it is broken")
        return False

    async def tells() -> Reply:
        print("noise")
        return Reply(ok=False, message="it is broken")

    async def says_nothing() -> bool:
        return False

    channels = [
        (await told(case, does).load("alpha")) for does in (logs, prints, tells, says_nothing)
    ]
    assert [reply.channel for reply in channels] == [
        Channel.LOGGED,
        Channel.PRINTED,
        Channel.RETURNED,
        Channel.SILENT,
    ]
    assert [reply.said for reply in channels] == ["it is broken", "it is broken", "noise", ""]


async def test_overlapping_operations_give_stdout_back(case: Case) -> None:
    before = (sys.stdout, sys.stderr, list(logging.root.handlers))
    first, second = asyncio.Event(), asyncio.Event()
    waits = iter((first, second))

    async def load() -> None:
        wait = next(waits)
        await wait.wait()
        print("done")

    told(case, load)
    tasks = [asyncio.ensure_future(case.load("alpha")) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.set()  # the first to begin is the first to end, which nests in no way
    await tasks[0]
    second.set()
    assert (await tasks[1]).said == "done"
    assert (sys.stdout, sys.stderr, logging.root.handlers) == before


async def test_hang_is_a_violation_and_ends_the_operation(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(case.adapter), "operation_deadline_seconds", 0.01)
    cancelled = asyncio.Event()

    async def load() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(Violation, match="load alpha did not come back within"):
        await told(case, load).load("alpha")
    await cancelled.wait()


async def test_answer_of_another_type_is_the_adapters_fault(case: Case) -> None:
    async def load() -> int:
        return 3

    with pytest.raises(KitError, match=r"your adapter's load\(\)"):
        await told(case, load).load("alpha")


async def test_operation_that_the_adapter_lacks_is_the_adapters_fault(case: Case) -> None:
    with pytest.raises(KitError, match=r"does not implement reload\('alpha'\)"):
        await case.reload("alpha")


async def test_base_exception_is_contained_and_kept(case: Case) -> None:
    async def load() -> None:
        raise SystemExit(3)

    reply = await told(case, load).load("alpha")
    assert not reply.ok
    assert [type(error) for error in case.escaped] == [SystemExit]


async def test_replies_are_sorted_and_told(case: Case) -> None:
    assert await case.replies() == ["v1", "v2"]
    assert case.story[-1].seen == "['v1', 'v2']"


async def test_expected_replies_that_differ_break_the_step_of_the_story(case: Case) -> None:
    with pytest.raises(Violation) as caught:
        await case.expect_replies(["v3"], "v3 does not serve")
    assert (caught.value.expected, caught.value.seen) == ("['v3']", "['v1', 'v2']")
    assert case.story[-1].broken


async def test_load_that_fails_as_a_precondition_is_a_violation(case: Case) -> None:
    async def load() -> bool:
        return False

    with pytest.raises(Violation, match="a good alpha v1 does not load"):
        await told(case, load).loaded(SPEC)


async def test_only_accepted_events_are_counted(case: Case) -> None:
    for _ in range(3):
        await case.emit("p1")
    assert [event.sequence for event in case.accepted] == [1, 3]


def test_each_write_moves_the_mtime_on(case: Case) -> None:
    stamps = [case.write(SPEC)["alpha.txt"].stat().st_mtime for _ in range(3)]
    assert [stamps[1] - stamps[0], stamps[2] - stamps[1]] == [2, 2]


def test_write_in_the_same_second_does_not(case: Case) -> None:
    path = case.write(SPEC)["alpha.txt"]
    before = path.stat().st_mtime_ns
    case.write(SPEC.at("v2"), same_second=True)
    assert (path.stat().st_mtime_ns, path.read_text()) == (before, "v2")


def test_spoil_changes_the_main_file_alone(case: Case) -> None:
    files = case.spoil(SPEC, lambda text: f"{text}!", "spoilt")
    assert [path.read_text() for path in files.values()] == ["v1!", "part"]
    assert case.story[-1].text == "write alpha v1, spoilt"


def test_no_file_is_newer_than_now(case: Case) -> None:
    path = case.write(SPEC)["alpha.txt"]
    later = case.workdir / "later"
    later.touch()
    assert path.stat().st_mtime < os.stat(later).st_mtime
