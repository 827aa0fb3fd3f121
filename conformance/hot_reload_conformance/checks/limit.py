"""LIMIT: how often a host reloads, and what it does with what comes too often."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import turns
from hot_reload_conformance.bench.watching import (
    ALPHA,
    SLACK_SECONDS,
    Run,
    Watching,
    manual_ports,
)
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.watch import DEADLINE_SECONDS, version
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

Doing: TypeAlias = Callable[[Watching], Awaitable[None]]

# HR-LIMIT-01


async def _edits(watching: Watching) -> None:
    pace = watching.pace
    # From as fast as a watch can tell two edits apart, to leisurely: by the longest alone, whoever
    # has no cooldown would keep one that is shorter than it.
    told_apart = pace.notice_seconds + pace.quiet_seconds
    longer = (0.0, pace.notice_seconds, pace.quiet_seconds)
    pauses = itertools.cycle([1.05 * (told_apart + each) for each in longer])
    lasts = max(1.2 * pace.window_seconds if pace.limit else 0.0, 6 * pace.cooldown_seconds)
    lasts = max(lasts, 6 * told_apart)
    began, number = watching.now(), 2
    while watching.now() - began < lasts:
        watching.save(version(number).at(f"v{number:03}"))
        number += 1
        await watching.run(next(pauses))
    await watching.settle()


async def _failing_edits(watching: Watching) -> None:
    """What fails at once, and is edited in haste, is to be tried no more often."""
    action = raising(PlannedError, "the kit made every version fail")
    watching.case.recording.plan("import", action, plugin=ALPHA.name, times=10_000)
    await _edits(watching)


async def _requests(watching: Watching) -> None:
    pace = watching.pace
    lasts = max(1.2 * pace.window_seconds if pace.limit else 0.0, 6 * pace.cooldown_seconds)
    pause = min(pace.window_seconds / (3 * pace.limit) if pace.limit else lasts, lasts / 20)
    began, number = watching.now(), 2
    while watching.now() - began < lasts:
        watching.save(version(number).at(f"v{number:03}"))
        number += 1
        await _asked(watching)
        await watching.run(pause)


def _sources(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = []
    if Claim.WATCH in adapter.claims:
        found.append(Variant("edits", ("edits", _edits)))
        if "import" in adapter.stages:
            found.append(Variant("edits that fail", ("failing edits", _failing_edits)))
    if adapter.pace.limits_requests:
        found.append(Variant("requests", ("requests", _requests)))
    return found or [Variant("undeclared", None)]


@check("HR-LIMIT-01", variants=_sources, ports=manual_ports, deadline_seconds=DEADLINE_SECONDS)
async def rate(case: Case, what: tuple[str, Doing] | None) -> None:
    if what is None:
        raise NotClaimed(
            "what the rate is about: claim 'watch' for edits, or say limits_requests in the pace"
        )
    source, do = what
    watching = Watching(case)
    pace = watching.pace
    if not pace.limit and not pace.cooldown_seconds:
        raise NotClaimed("a declared rate: give limit and window_seconds, or cooldown_seconds")
    await _serving(watching, source)
    await do(watching)
    # That what failed is tried again by itself is HR-LIMIT-03's matter.
    first = {each.version: each for each in reversed(watching.runs_of())}
    runs = watching.runs_of() if source != "failing edits" else sorted(first.values(), key=_at)
    if len(runs) < 2:
        raise CannotJudge(f"under constant {source} there were {len(runs)} reloads")
    for before, after in itertools.pairwise(runs):
        gap = after.at - before.at
        case.expect(
            gap >= pace.cooldown_seconds - SLACK_SECONDS,
            f"under constant {source} two reloads came {gap:.2f} s apart; the declared cooldown "
            f"is {pace.cooldown_seconds:g} s",
            expected=f"at least {pace.cooldown_seconds:g} s",
            seen=f"{before}, {after}",
        )
    if pace.limit:
        busiest = max((_window(runs, each.at, pace.window_seconds) for each in runs), key=len)
        case.expect(
            len(busiest) <= pace.limit,
            f"under constant {source} there were {len(busiest)} reloads within "
            f"{pace.window_seconds:g} s; the declared rate is {pace.limit}",
            expected=f"at most {pace.limit}",
            seen=", ".join(map(str, busiest)),
        )


def _at(run: Run) -> float:
    return run.at


def _window(runs: list[Run], begins: float, seconds: float) -> list[Run]:
    # Half open: what began exactly a window ago does not count any more.
    return [each for each in runs if begins <= each.at < begins + seconds - SLACK_SECONDS]


async def _serving(watching: Watching, source: str) -> None:
    if source != "requests":
        await watching.serving(version(1))
    else:
        await watching.case.loaded(version(1))
        await watching.run(max(watching.pace.window_seconds, watching.pace.cooldown_seconds))
        watching.runs.clear()


async def _asked(watching: Watching) -> Reply:
    """A reload that somebody asks for, while time passes for the host."""
    task = asyncio.ensure_future(watching.case.reload(ALPHA.ref))
    await turns()
    for _ in range(100):
        if task.done():
            break
        await watching.run(watching.pace.quiet_seconds)
    return await task


# HR-LIMIT-02


async def _edits_in_the_cooldown(watching: Watching) -> None:
    pace = watching.pace
    watching.save(version(2))
    for _ in range(200):
        await watching.run(pace.quiet_seconds / 2)
        if watching.runs:
            break
    watching.runs.clear()
    count = 5
    for number in range(3, 3 + count):
        watching.save(version(number))
        await watching.run(pace.cooldown_seconds * 0.8 / count)
    early = len(watching.runs)
    await watching.settle()
    await watching.expect_serving(
        f"v{2 + count:02}", "the last of the edits that came during the cooldown was dropped"
    )
    watching.expect_runs(
        early + 1, f"{count} edits that came during the cooldown are coalesced into one reload"
    )


async def _edits_over_the_limit(watching: Watching) -> None:
    pace = watching.pace
    pause = pace.cooldown_seconds + pace.notice_seconds + 3 * pace.quiet_seconds
    last = pace.limit + 4
    for number in range(2, last + 1):
        watching.save(version(number))
        await watching.run(pause)
    if len(watching.runs) > pace.limit:
        raise CannotJudge("the host did not keep its rate, so nothing was over the limit")
    before = len(watching.runs)
    await watching.run(pace.window_seconds)
    await watching.settle()
    await watching.expect_serving(
        f"v{last:02}", "an edit that came over the limit was dropped, and not deferred"
    )
    watching.expect_runs(before + 1, "the edits over the limit are coalesced into one reload")


async def _request_in_the_cooldown(watching: Watching) -> None:
    pace = watching.pace
    watching.save(version(2))
    for _ in range(200):
        await watching.run(pace.quiet_seconds / 2)
        if watching.runs:
            break
    watching.save(version(3))
    _told_when(watching, await _asked(watching))
    await watching.settle()
    await watching.expect_serving("v03", "a request for a reload during the cooldown was dropped")


async def _requests_over_the_limit(watching: Watching) -> None:
    """Without a watch nothing but the requests can bring the last edit to run."""
    pace = watching.pace
    number, accepted = 1, 1
    for _ in range((pace.limit or 1) + 3):
        number += 1
        watching.save(version(number))
        reply = await _asked(watching)
        if reply.ok:
            accepted = number
        else:
            _told_when(watching, reply)
    await watching.run(pace.window_seconds if pace.limit else 0.0)
    await watching.settle()
    served = await watching.case.replies()
    watching.case.expect(
        bool(served) and served[0] >= f"v{accepted:02}",
        f"the request to load v{accepted:02} was answered with ok, and dropped",
        expected=f"v{accepted:02} or what was on disk later",
        seen=served,
    )


def _told_when(watching: Watching, reply: Reply) -> None:
    watching.case.expect(
        reply.ok or re.search(r"\d", reply.everything.replace(ALPHA.name, "")) is not None,
        "a request over the limit was refused without a word when to try again: "
        f"{reply.everything or 'nothing'}",
        expected="deferred, or the seconds to wait",
        seen=reply.everything,
    )


def _deferrals(adapter: type[HostAdapter]) -> Sequence[Variant]:
    pace = adapter.pace
    found = []
    pause = pace.cooldown_seconds + pace.notice_seconds + 3 * pace.quiet_seconds
    if Claim.WATCH in adapter.claims and pace.cooldown_seconds:
        found.append(Variant("edits-in-the-cooldown", ("edits", _edits_in_the_cooldown)))
        if Claim.RELOAD in adapter.claims:
            found.append(Variant("request-in-the-cooldown", ("edits", _request_in_the_cooldown)))
    if (
        Claim.WATCH in adapter.claims
        and pace.limit
        and (pace.limit + 4) * pause < (pace.window_seconds)
    ):
        found.append(Variant("edits-over-the-limit", ("edits", _edits_over_the_limit)))
    if Claim.RELOAD in adapter.claims and pace.limits_requests:
        found.append(Variant("requests-over-the-limit", ("requests", _requests_over_the_limit)))
    return found or [Variant("undeclared", None)]


@check("HR-LIMIT-02", variants=_deferrals, ports=manual_ports, deadline_seconds=DEADLINE_SECONDS)
async def deferred_not_dropped(case: Case, what: tuple[str, Doing] | None) -> None:
    if what is None:
        raise NotClaimed(
            "a declared rate of what: give cooldown_seconds, or limit, in the adapter's pace, and "
            "claim 'watch' for edits"
        )
    source, do = what
    watching = Watching(case)
    await _serving(watching, source)
    await do(watching)
