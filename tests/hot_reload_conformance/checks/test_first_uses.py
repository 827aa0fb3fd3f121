"""First uses that meet, are cancelled and fail: which hosts are told, and in which words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hot_reload_conformance.adapter import Claim, Event
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import Check, host_checks
from hot_reload_conformance.checks.first_uses import scripts
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter, BlueGreenHost, HostError
from hot_reload_conformance.specimens.first_use import FirstLoadsForAll, NoShield
from hot_reload_conformance.specimens.sync_host import SyncAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CheckResult, Verdict


def check(name: str = "one-load-for-many-waiters[simulated]") -> Check:
    return next(each for each in host_checks() if each.id == name)


def judged(host: type[BlueGreenHost], budget: Budget | None = None) -> CheckResult:
    class Adapter(BlueGreenAdapter):
        name = "judged"
        host_class = host

    return run_host_check(HostSubject(Adapter), check(), budget)


class LoadsAgainBehindACancelled(BlueGreenHost):
    """The caller who began is cancelled, and whoever waits begins anew: half is done twice."""

    async def first_load(self, name: str) -> None:
        while name in self.lazy:
            task = self.loading.get(name)
            if task is None:
                task = self.loading[name] = asyncio.ensure_future(self.load(name))
                task.add_done_callback(lambda _: self.loading.pop(name))
                try:
                    await task
                except asyncio.CancelledError:
                    task.cancel()
                    raise
            else:
                await asyncio.wait({task})
                if not task.cancelled():
                    task.result()


class OtherWords(BlueGreenHost):
    """Who waits is told that it failed, and not why."""

    async def first_load(self, name: str) -> None:
        waits = name in self.loading
        try:
            await super().first_load(name)
        except HostError as error:
            raise HostError(f"{name!r} is not there") if waits else error from None


class RefusesTheSecond(BlueGreenHost):
    async def first_load(self, name: str) -> None:
        if name in self.loading:
            raise HostError(f"{name!r} is being loaded")
        await super().first_load(name)


class AnswersTwice(BlueGreenHost):
    async def call(self, event: Event | None) -> list[str]:
        return (await super().call(event)) * 2


@pytest.mark.parametrize(
    ("host", "says"),
    [
        (LoadsAgainBehindACancelled, "waited for one first load, and the plugin was loaded 2"),
        (OtherWords, "waited for a load, and was not given its result"),
        (RefusesTheSecond, "waited for a load, and was not given its result"),
        (AnswersTwice, "not exactly one generation serves"),
    ],
)
def test_a_wrong_host_is_told_in_words(host: type[BlueGreenHost], says: str) -> None:
    result = judged(host)
    assert result.verdict is Verdict.FAIL
    assert says in result.reason


@pytest.mark.parametrize("adapter", [NoShield, FirstLoadsForAll])
def test_what_is_found_is_replayed_and_a_correct_host_does_not_have_it(
    adapter: type[BlueGreenAdapter],
) -> None:
    examples = run_host_check(HostSubject(adapter), check("one-load-for-many-waiters"))
    assert examples.verdict is Verdict.PASS
    found = run_host_check(HostSubject(adapter), check()).findings[0]
    line = found.replay.partition("=")[2]
    assert check().replays(line)
    again = run_host_check(HostSubject(adapter), check(), Budget(replay=line))
    assert again.findings[0].message == found.message
    assert judged(BlueGreenHost, Budget(replay=line)).verdict is Verdict.PASS


def test_who_comes_when_the_load_has_failed_may_try_again() -> None:
    assert judged(BlueGreenHost, Budget(simulated_runs=60, seed=3)).verdict is Verdict.PASS


def test_hosts_are_asked_what_they_claim() -> None:
    class NoStart(BlueGreenAdapter):
        stages = ("read", "syntax", "import", "plugin")
        claims = BlueGreenAdapter.claims - {Claim.CANCEL}

    assert all("cancel" not in each and "!start" not in each for each in scripts(NoStart))
    assert len(scripts(NoStart)) == 1
    assert len(scripts(BlueGreenAdapter)) == 5


def test_a_host_that_never_waits_is_not_judged() -> None:
    result = run_host_check(HostSubject(SyncAdapter), check())
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "a first use of this host never waits" in result.reason


def test_a_host_that_leaves_the_simulation_is_not_judged() -> None:
    class Threads(BlueGreenHost):
        async def load(self, name: str) -> Any:
            await asyncio.to_thread(str)
            return await super().load(name)

    result = judged(Threads)
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "leaves it" in result.reason
