"""RACE-06, 07: the host is closed in mid-operation; a start that completes too late."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from hot_reload_conformance.adapter import Claim, HostAdapter
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import IF_LACKING, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.flow_bounds import BOUND_SECONDS
from hot_reload_conformance.checks.hang import hang
from hot_reload_conformance.checks.race_live import (
    Place,
    contained,
    no_task_left,
    optional,
    plain_spec,
    planned_for,
    ready,
    standing,
    variants_of_places,
)
from hot_reload_conformance.verdict import CannotJudge, NotClaimed


@check("HR-RACE-06", variants=variants_of_places)
async def close_during_reload(case: Case, at: Place | None) -> None:
    place = standing(at)
    before = asyncio.all_tasks()
    spec = await ready(case, place)
    arrived, let_go, undrivable = asyncio.Event(), asyncio.Event(), []

    def stand(at: Any) -> Any:
        arrived.set()
        if Claim.TIMEOUTS in case.claims:
            return hang(at, undrivable=lambda: undrivable.append(True))
        return let_go.wait()

    version = planned_for(place, spec)
    case.recording.plan(place.hook, stand, plugin=spec.name, version=version)
    operation = asyncio.ensure_future(getattr(case, place.operation)(spec.ref))
    arrival = asyncio.ensure_future(arrived.wait())
    await asyncio.wait({arrival, operation}, return_when=asyncio.FIRST_COMPLETED)
    arrival.cancel()
    if undrivable or (arrived.is_set() and operation.done()):
        operation.cancel()
        raise NotClaimed("the host's hooks are synchronous: nothing can be closed inside of one")
    if not arrived.is_set() and optional(place):
        raise NotClaimed(optional(place))
    if not arrived.is_set():
        raise CannotJudge(f"the {place.operation} never came to {place.hook}{IF_LACKING}")
    case.closed = True
    closing = asyncio.ensure_future(contained(case.adapter.close()))
    await turns()
    let_go.set()
    ports = case.ports
    bound = BOUND_SECONDS + 4 * ports.hook_deadline_seconds + ports.drain_deadline_seconds
    await patiently({closing}, bound)
    when = f"closing the host while {spec.name!r} stood in {place.hook} of its {place.operation}"
    case.tell(when)
    ended = closing.done()
    closing.cancel()
    case.expect(
        ended, f"{when} did not end within {bound:g} s", expected="an end", seen="still waiting"
    )
    error = closing.result()
    case.expect(
        not isinstance(error, BaseException),
        f"{when} raised {type(error).__name__}: {error}",
        expected="closed",
        seen="an exception",
    )
    await turns()
    case.expect(
        operation.done(),
        f"{when} returned, but the {place.operation} still runs",
        expected="nothing left running",
        seen="an operation",
    )
    before.add(operation)
    await no_task_left(case, when, before)
    if Claim.HOOKS not in case.claims:
        return
    begun = [m for m in case.recording.moments if m.phase == "begin"]
    for each in {m.serial: m for m in begun if m.what == "start"}.values():
        case.expect(
            any(m.serial == each.serial and m.what == "stop" for m in begun),
            f"{when} returned, but {each.version}#{each.serial}, which had begun to start, was "
            "never stopped",
            expected="stop for each generation that began to start",
            seen=[m.what for m in begun if m.serial == each.serial],
        )


def _late(adapter: type[HostAdapter]) -> Sequence[Variant]:
    if "start" not in adapter.stages or Claim.RELOAD not in adapter.claims:
        return [Variant("nowhere", "")]
    found = [Variant("its reload was cancelled", "cancelled")]
    if Claim.TIMEOUTS in adapter.claims:
        found.append(Variant("its deadline passed", "overdue"))
    return found


@check("HR-RACE-07", variants=_late)
async def stale_completion(case: Case, how: str) -> None:
    if not how:
        standing(None)
    spec = plain_spec(case)
    await case.loaded(spec)
    arrived, complete = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        arrived.set()
        while not complete.is_set():
            try:
                await complete.wait()
            except asyncio.CancelledError:
                continue  # a start that cannot be stopped, such as one that waits in C

    case.recording.plan("start", lambda _: slow(), plugin=spec.name, version="v2")
    case.write(spec.at("v2"))
    older = asyncio.ensure_future(contained(case.adapter.reload(spec.ref)))
    arrival = asyncio.ensure_future(arrived.wait())
    await asyncio.wait({arrival, older}, return_when=asyncio.FIRST_COMPLETED)
    arrival.cancel()
    if older.done():
        raise NotClaimed("the host's hooks are synchronous, so a start cannot complete late")
    try:
        await turns()
        if how == "cancelled":
            older.cancel()
        await patiently({older}, BOUND_SECONDS)
        case.write(spec.at("v3"))
        newer = asyncio.ensure_future(case.reload(spec.ref))
        await patiently({newer}, BOUND_SECONDS)
    finally:
        complete.set()
    await patiently({newer}, BOUND_SECONDS)
    await turns()
    older.cancel()
    case.expect(
        newer.done() and newer.result().ok,
        "a newer reload does not get through behind an older one whose start is slow: "
        + (newer.result().everything if newer.done() else "it still waits"),
        expected="reloaded",
        seen="failed" if newer.done() else "still waiting",
    )
    await case.expect_replies(
        ["v3"],
        "an older reload whose start completed late replaced the newer generation",
    )
    if Claim.HOOKS in case.claims:
        stops = case.recording.count("stop", spec.name, "v2")
        case.expect(
            stops == 1,
            f"the generation whose start completed late was stopped {stops} times",
            expected="released, once",
            seen=f"{stops} stops",
        )
