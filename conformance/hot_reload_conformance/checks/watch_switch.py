"""WATCH-12: a watch that is switched off loads nothing, and catches up once it is on again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.watching import Watching, manual_ports
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.watch import DEADLINE_SECONDS, version
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.verdict import CannotJudge

Doing: TypeAlias = Callable[[Watching], Awaitable[None]]


async def _edit_while_off(watching: Watching) -> None:
    await watching.disable()
    watching.save(version(2))
    await _nothing_happens(watching)
    await watching.enable()
    await _caught_up(watching, "v02")


async def _off_while_it_waits(watching: Watching) -> None:
    """Switched off in the quiet period: the timer that was pending must not fire."""
    watching.save(version(2))
    await watching.run(watching.pace.quiet_seconds / 2)
    if watching.runs:
        raise CannotJudge("the reload came before the watch could be switched off")
    await watching.disable()
    await _nothing_happens(watching)
    await watching.enable()
    await _caught_up(watching, "v02")


async def _several_while_off(watching: Watching) -> None:
    await watching.disable()
    for number in (2, 3, 4):
        watching.save(version(number), told=number != 4)
        await watching.settle()
    await _nothing_happens(watching)
    await watching.enable()
    await _caught_up(watching, "v04")
    watching.expect_runs(1, "three edits that were made while the watch was off give one reload")


async def _there_and_back_while_off(watching: Watching) -> None:
    await watching.disable()
    for number in (2, 1):
        watching.save(version(number))
        await watching.settle()
    await watching.enable()
    await _caught_up(watching, "v01")
    watching.expect_runs(0, "what was taken back while the watch was off needs no reload")


async def _off_and_on_and_off(watching: Watching) -> None:
    for number in (2, 3):
        await watching.disable()
        watching.save(version(number))
        await watching.settle()
        await watching.enable()
        await _caught_up(watching, f"v{number:02}")
    await watching.disable()
    watching.runs.clear()
    watching.save(version(4))
    await _nothing_happens(watching)


async def _nothing_happens(watching: Watching) -> None:
    before = len(watching.runs)
    await watching.settle()
    await watching.settle()
    watching.case.expect(
        len(watching.runs) == before,
        "the watch is switched off, but an edit is loaded all the same",
        expected="no reload",
        seen=str(watching.runs[-1]) if watching.runs else "",
    )


async def _caught_up(watching: Watching, last: str) -> None:
    await watching.settle()
    await watching.expect_serving(
        last, "switched on again, the watch does not catch up with what was edited meanwhile"
    )


SWITCHES: dict[str, Doing] = {
    "edit-while-off": _edit_while_off,
    "off-while-it-waits": _off_while_it_waits,
    "several-while-off": _several_while_off,
    "there-and-back-while-off": _there_and_back_while_off,
    "off-and-on-and-off": _off_and_on_and_off,
}


@check(
    "HR-WATCH-12",
    variants=[Variant(*each) for each in SWITCHES.items()],
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def switch(case: Case, do: Doing) -> None:
    watching = Watching(case)
    await watching.serving(version(1))
    await do(watching)
