"""Hooks that come back after their deadline: which hosts are told, and in which words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance.adapter import Ports
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import Check, host_checks
from hot_reload_conformance.specimens.abandoned import ClearsByName, DeadlineOfTheCaller
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter, BlueGreenHost, Generation
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CheckResult, Verdict


def simulated() -> Check:
    return next(each for each in host_checks() if each.id == "hook-deadline[simulated]")


def judged(host: type[BlueGreenHost], budget: Budget | None = None) -> CheckResult:
    class Adapter(BlueGreenAdapter):
        name = "judged"
        host_class = host

    return run_host_check(HostSubject(Adapter), simulated(), budget)


class NoDeadline(BlueGreenHost):
    """Waits for whatever it has called."""

    async def in_time(self, task: asyncio.Future[Any], seconds: float) -> bool:
        await asyncio.wait({task})
        return True


class OneLock(BlueGreenHost):
    """One operation at a time, in the whole host."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.only = asyncio.Lock()

    def lock(self, name: str) -> asyncio.Lock:
        return self.only


class KeepsBoth(BlueGreenHost):
    """A generation whose start comes back late is put beside the one that serves."""

    async def release_half_made(self, new: Generation) -> None:
        plugin = new.plugin
        await super().release_half_made(new)
        if new.name in self.live:
            new.plugin = plugin
            self.live[f"{new.name} again"] = new


@pytest.mark.parametrize(
    ("host", "says"),
    [
        (NoDeadline, "the hook has no deadline"),
        (OneLock, "while a hook of another plugin stands, had to wait for it"),
        (KeepsBoth, "a hook of a came back that had been given up, and now a."),
    ],
)
def test_a_wrong_host_is_told_in_words(host: type[BlueGreenHost], says: str) -> None:
    result = judged(host)
    assert result.verdict is Verdict.FAIL
    assert says in result.reason


@pytest.mark.parametrize("adapter", [DeadlineOfTheCaller, ClearsByName])
def test_what_is_found_is_replayed_and_a_correct_host_does_not_have_it(
    adapter: type[BlueGreenAdapter],
) -> None:
    found = run_host_check(HostSubject(adapter), simulated()).findings[0]
    line = found.replay.partition("=")[2]
    assert simulated().replays(line)
    again = run_host_check(HostSubject(adapter), simulated(), Budget(replay=line))
    assert again.findings[0].message == found.message
    assert judged(BlueGreenHost, Budget(replay=line)).verdict is Verdict.PASS


def test_a_replay_of_something_else_is_the_callers_mistake() -> None:
    result = judged(BlueGreenHost, Budget(replay="py2.7 load a v1 @ 3:1"))
    assert result.verdict is Verdict.KIT_ERROR
    assert "made by Python 2.7" in result.reason


def test_a_host_that_leaves_the_simulation_is_not_judged() -> None:
    class Threads(BlueGreenHost):
        async def reload(self, name: str) -> list[str]:
            await asyncio.to_thread(str)
            return await super().reload(name)

    result = judged(Threads)
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "leaves it" in result.reason


def test_a_host_that_never_comes_to_the_hook_is_not_verified() -> None:
    class Refuses(BlueGreenHost):
        async def reload(self, name: str) -> list[str]:
            raise OSError("no reloads today")

    result = judged(Refuses)
    assert result.verdict is Verdict.UNKNOWN
    assert "in no simulated run a hook was given up and came back" in result.reason


def test_hooks_that_cannot_wait_are_not_claimed() -> None:
    class Synchronous(BlueGreenAdapter):
        name = "synchronous"

        def render(self, spec: Any) -> dict[str, str]:
            files = super().render(spec)
            return {
                path: text.replace(
                    "async def start(self): await self.p.ahook('start')",
                    "async def start(self): self.p.hook('start')",
                )
                for path, text in files.items()
            }

    result = run_host_check(HostSubject(Synchronous), simulated())
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "synchronously" in result.reason
