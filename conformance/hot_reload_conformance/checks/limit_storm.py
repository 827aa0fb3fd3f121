"""LIMIT: a storm of changes or requests: one reload that runs, and one follow-up."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold, turns
from hot_reload_conformance.bench.watching import (
    ALPHA,
    Watching,
    manual_ports,
)
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.watch import DEADLINE_SECONDS, held, planned, version
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.verdict import NotClaimed

Doing: TypeAlias = Callable[[Watching], Awaitable[None]]

# HR-LIMIT-05

STORM = 30


async def _changes_in_an_import(watching: Watching) -> None:
    def act() -> None:
        for number in range(3, 3 + STORM):
            watching.save(version(number))

    planned(watching, "import", version(2), act)
    watching.save(version(2))
    await watching.settle()
    await _ended(watching, f"v{2 + STORM:02}")


async def _changes_in_a_hook(watching: Watching) -> None:
    hold = Hold()
    watching.case.recording.plan("start", hold, plugin=ALPHA.name, version="v02")
    watching.save(version(2))
    await watching.run(watching.pace.notice_seconds + 3 * watching.pace.quiet_seconds)
    held(watching, hold)
    for number in range(3, 3 + STORM):
        watching.save(version(number))
        await watching.run(watching.pace.quiet_seconds / 2)
    await watching.run(watching.pace.notice_seconds + 2 * watching.pace.quiet_seconds)
    _one_at_a_time(watching)
    hold.open()
    await watching.settle()
    await _ended(watching, f"v{2 + STORM:02}")


async def _requests_in_a_hook(watching: Watching) -> None:
    """All of them want the same: what was edited once since the reload that runs began."""
    hold, case = Hold(), watching.case
    case.recording.plan("start", hold, plugin=ALPHA.name, version="v02")
    watching.save(version(2))
    first = asyncio.ensure_future(case.reload(ALPHA.ref))
    await hold.reached(first)
    watching.save(version(3))
    asked = [asyncio.ensure_future(case.reload(ALPHA.ref)) for _ in range(STORM)]
    await turns()
    _one_at_a_time(watching)
    hold.open()
    await asyncio.wait({first, *asked})
    await watching.settle()
    await _ended(watching, "v03")


async def _requests_at_once(watching: Watching) -> None:
    watching.save(version(2))
    running = overlapped = 0

    async def request() -> None:
        nonlocal running, overlapped
        overlapped += running > 0
        running += 1
        with contextlib.suppress(Exception):
            await watching.case.adapter.reload(ALPHA.ref)
        running -= 1

    watching.case.tell(f"reload {ALPHA.ref}, {STORM} requests at once")
    await asyncio.wait([asyncio.ensure_future(request()) for _ in range(STORM)])
    if not overlapped:
        raise NotClaimed(
            "requests at once: a reload of this host gives the event loop no turn, so that each "
            "has ended before the next one is asked for"
        )
    await watching.settle()
    await _ended(watching, "v02")


def _one_at_a_time(watching: Watching) -> None:
    watching.expect_runs(
        1, "while a reload of a plugin runs, another one of it is begun", plugin=ALPHA.name
    )


async def _ended(watching: Watching, last: str) -> None:
    watching.case.expect(
        len(watching.runs) <= 2,
        f"a storm of changes or requests gave {len(watching.runs)} reloads",
        expected="the one that ran, and one follow-up",
        seen=", ".join(map(str, watching.runs)),
    )
    await watching.expect_serving(last, "after the storm what lies on disk does not run")


def _drawn(seed: int) -> Doing:
    """A storm of changes whose number and pauses are drawn."""

    async def storm(watching: Watching) -> None:
        dice = random.Random((watching.case.budget.seed or 0) * 1000 + seed)
        last = 2 + dice.randint(1, STORM)
        hold = Hold()
        watching.case.recording.plan("start", hold, plugin=ALPHA.name, version="v02")
        watching.save(version(2))
        await watching.run(watching.pace.notice_seconds + 3 * watching.pace.quiet_seconds)
        held(watching, hold)
        for number in range(3, last + 1):
            watching.save(version(number))
            await watching.run(watching.pace.quiet_seconds * dice.choice((0.0, dice.random(), 1.5)))
        _one_at_a_time(watching)
        hold.open()
        await watching.settle()
        await _ended(watching, f"v{last:02}")

    return storm


STORMS: dict[str, Doing] = {
    "changes-in-an-import": _changes_in_an_import,
    "changes-in-a-hook": _changes_in_a_hook,
    "requests-in-a-hook": _requests_in_a_hook,
    "requests-at-once": _requests_at_once,
    **{f"drawn-{seed}-in-a-hook": _drawn(seed) for seed in range(3)},
}


def _storms(adapter: type[HostAdapter]) -> Sequence[Variant]:
    return [
        Variant(name, do)
        for name, do in STORMS.items()
        if (Claim.HOOKS in adapter.claims or not name.endswith("hook"))
        and (Claim.RELOAD in adapter.claims or not name.startswith("requests"))
    ]


@check(
    "HR-LIMIT-05",
    variants=_storms,
    kind=Kind.PROPERTY,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def storm(case: Case, do: Doing) -> None:
    watching = Watching(case)
    await watching.serving(version(1))
    await do(watching)
