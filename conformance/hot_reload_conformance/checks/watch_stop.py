"""WATCH-13: nothing is loaded by a watch that was stopped, and nothing is left of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import TURNS, turns
from hot_reload_conformance.bench.leftovers import census, grown, only_new_objects
from hot_reload_conformance.bench.watching import Watching, manual_ports
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.watch import DEADLINE_SECONDS, held_in_start, version
from hot_reload_conformance.contract.clause import Kind

Doing: TypeAlias = Callable[[Watching], Awaitable[None]]

OFTEN = 4


@dataclass(frozen=True)
class Stop:
    """The watch is stopped by ``do``, and then edits are made; ``when`` that is, in words."""

    when: str
    do: Doing
    in_hook: bool = False
    """It is stopped while a plugin stands in a hook: for hosts that claim those."""

    async def __call__(self, watching: Watching) -> None:
        case = watching.case
        await watching.serving(version(1))
        await self.do(watching)
        before = len(watching.runs)
        for number in (5, 6):
            await watching.settle()
            watching.save(version(number))
        await watching.settle()
        await watching.settle()
        more = watching.runs[before:]
        case.expect(
            not more,
            f"the watch was stopped {self.when}, and after that a reload started",
            expected="no reload after stop_watch() returned",
            seen=", ".join(map(str, more)),
        )
        seen = await case.replies()
        case.expect(
            len(seen) == 1,
            f"the watch was stopped {self.when}, and the plugin does not serve any more",
            expected="one handler",
            seen=seen,
        )


async def _at_rest(watching: Watching) -> None:
    await watching.stop()


async def _pending(watching: Watching) -> None:
    watching.save(version(2))
    await watching.run(watching.pace.quiet_seconds / 2)
    await watching.stop()


async def _noticed(watching: Watching) -> None:
    """Stopped when a poll has seen the edit, and its quiet period is not over."""
    watching.save(version(2), told=False)
    await watching.run(watching.pace.notice_seconds + watching.pace.quiet_seconds * 0.5)
    await watching.stop()


async def _in_cooldown(watching: Watching) -> None:
    watching.save(version(2))
    await watching.run(watching.pace.notice_seconds + 3 * watching.pace.quiet_seconds)
    watching.save(version(3))
    await watching.run(watching.pace.notice_seconds)
    await watching.stop()


async def _in_a_hook(watching: Watching) -> None:
    """Stopped in mid-reload: that ends, one way or the other, and nothing comes after it."""
    hold = await held_in_start(watching)
    watching.save(version(3))
    await watching.run(watching.pace.quiet_seconds)
    hold.open()
    await watching.stop()


async def _stays_in_a_hook(watching: Watching) -> None:
    """A reload that stands in start while the watch is stopped is over when that returns."""
    hold = await held_in_start(watching)
    stopping = asyncio.ensure_future(watching.case.adapter.stop_watch())
    try:
        await turns(5 * TURNS)  # no time passes: deadlines are another matter
        returned = stopping.done()
        before = await watching.case.replies() if returned else []
    finally:
        hold.open()
    await watching.driven(stopping, "stop_watch")
    if returned:
        await watching.settle()
        after = await watching.case.replies()
        watching.case.expect(
            after == before,
            "stop_watch() returned while a reload still stood in start, and that was committed "
            "after it: cancel it and await its end, or wait for it",
            expected=before,
            seen=after,
        )


async def _with_new_plugin(watching: Watching) -> None:
    watching.save(PluginSpec(name="beta"))
    await watching.run(watching.pace.quiet_seconds / 2)
    await watching.stop()


async def _often(watching: Watching) -> None:
    """Started and stopped again and again; twice before the first count, which fills caches."""
    case = watching.case
    await case.loaded(version(1))
    with only_new_objects():
        for number in range(2, OFTEN + 4):
            await watching.start()
            watching.save(version(number))
            await watching.settle()
            watching.save(version(number + 40))
            await watching.run(watching.pace.quiet_seconds / 2)
            await watching.stop()
            if number == 3:
                before = await census()
                timers = watching.clock.pending if watching.clock else 0
        more = grown(before, await census(), rounds=OFTEN)
    pending = watching.clock.pending - timers if watching.clock else 0
    if pending >= OFTEN:
        more.append(f"{pending} more timers")
    case.expect(
        not more,
        f"starting and stopping the watch {OFTEN} times left behind each time: {'; '.join(more)}",
        expected="nothing left of a watch that was stopped",
        seen="; ".join(more),
    )


STOPS: dict[str, Stop] = {
    "at-rest": Stop("at rest", _at_rest),
    "edit-pending": Stop("in the quiet period of an edit", _pending),
    "edit-noticed": Stop("in the quiet period of an edit that was polled", _noticed),
    "in-the-cooldown": Stop("while an edit waited for the cooldown", _in_cooldown),
    "in-a-hook": Stop("in the middle of a reload", _in_a_hook, in_hook=True),
    "staying-in-a-hook": Stop("while a reload stood in start", _stays_in_a_hook, in_hook=True),
    "new-plugin-pending": Stop("while a new plugin waited", _with_new_plugin),
}


def _stops(adapter: type[HostAdapter]) -> Sequence[Variant]:
    hooks = Claim.HOOKS in adapter.claims
    found = [Variant(name, stop) for name, stop in STOPS.items() if hooks or not stop.in_hook]
    return [*found, Variant("often", _often)]


@check(
    "HR-WATCH-13",
    variants=_stops,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def stop_is_final(case: Case, judge: Doing) -> None:
    await judge(Watching(case))
