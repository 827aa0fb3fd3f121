"""LIMIT-04: every hook has a deadline, and one that misses it holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec, Ports
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import IF_LACKING, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.deadline_each import DEADLINES, Judge, slow_ones
from hot_reload_conformance.checks.flow_bounds import BOUND_SECONDS
from hot_reload_conformance.checks.hang import Stand
from hot_reload_conformance.checks.race_live import Place, places
from hot_reload_conformance.verdict import CannotJudge, NotClaimed
from hot_reload_fixtures.clock import ManualClock


def by_hand() -> Ports:
    """A clock that stands still until the check moves it: no real time passes."""
    return Ports(clock=ManualClock(), hook_deadline_seconds=30, drain_deadline_seconds=60)


@dataclass(frozen=True)
class Overdue:
    place: Place
    swallows: bool

    async def __call__(self, case: Case) -> None:
        await _hung(case, self)


def _overdue(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [
        Variant(f"{place.name}{', swallows its cancellation' * swallows}", Overdue(place, swallows))
        for place in places(adapter)
        for swallows in (False, True)
    ]
    found += slow_ones(adapter)
    return found or [Variant("nowhere", None)]


@check("HR-LIMIT-04", variants=_overdue, ports=by_hand)
async def hook_deadline(case: Case, judge: Judge | None) -> None:
    if judge is None:
        raise NotClaimed("no stage 'start' in `stages`: there is no hook that could hang")
    await judge(case)


async def _hung(case: Case, overdue: Overdue) -> None:
    place, state = overdue.place, Claim.STATE in case.claims
    spec, other = PluginSpec(state=state), PluginSpec(name="beta")
    await case.loaded(other)
    if place.operation != "load":
        await case.loaded(spec)
    written = spec.at("v2") if place.operation == "reload" else spec
    case.write(written)
    stand = Stand(overdue.swallows)
    version = "v1" if place.owner == "old" else written.version
    case.recording.plan(place.hook, stand, plugin=spec.name, version=version)
    try:
        await _given_up(case, overdue, stand, spec, other)
    finally:
        stand.let_go.set()


async def _given_up(
    case: Case, overdue: Overdue, stand: Stand, spec: PluginSpec, other: PluginSpec
) -> None:
    place, clock = overdue.place, case.ports.clock
    assert isinstance(clock, ManualClock)
    hanging = asyncio.ensure_future(getattr(case.adapter, place.operation)(spec.ref))
    arrival = asyncio.ensure_future(stand.arrived.wait())
    await patiently({arrival, hanging}, BOUND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    arrival.cancel()
    if stand.undrivable:
        raise NotClaimed(
            "a hook that hangs: this host calls its hooks in the thread of the event loop, where "
            "no deadline can end them; drop the claim 'timeouts'"
        )
    if not stand.arrived.is_set():
        raise CannotJudge(f"the {place.operation} never came to {place.hook}{IF_LACKING}")
    how = f"{place.hook} of a {place.operation} that hangs"
    how += " and swallows its cancellation" * overdue.swallows
    await _others_are_manageable(case, other, how)
    for _ in range(DEADLINES):
        if hanging.done():
            break
        await clock.advance_async(case.ports.hook_deadline_seconds)
        await turns()
    ended = hanging.done()
    if not ended:
        hanging.cancel()
    case.expect(
        ended,
        f"{how} has no deadline: the {place.operation} still waits after {DEADLINES} times "
        f"hook_deadline_seconds ({case.ports.hook_deadline_seconds:g} s of the kit's clock)",
        expected="an end at the hook's deadline",
        seen="still waiting",
    )
    hanging.exception()  # looked at: what the caller is told is HR-ROLL-04's matter
    case.recording.unplanned()
    served = [reply for reply in await case.replies() if reply != "beta-v2"]
    case.tell("the deadline passed", seen=str(served))
    if place.operation == "reload":
        serves = ["v1"] if place.owner == "new" or "get_reload_state" in place.hook else ["v2"]
        case.expect(
            served == serves,
            f"after {how} and was given up, the wrong generation serves",
            expected=serves,
            seen=served,
        )
    case.write(spec.at("v3"))
    again = await (case.reload if served else case.load)(spec.ref)
    case.expect(
        again.ok,
        f"after {how} and was given up, the plugin cannot be operated on: {again.everything}",
        expected="done",
        seen="failed",
    )


async def _others_are_manageable(case: Case, other: PluginSpec, how: str) -> None:
    # The clock stands still: whoever waits for the hanging hook waits for ever.
    case.write(other.at("beta-v2"))
    job = asyncio.ensure_future(case.reload(other.ref))
    await patiently({job}, BOUND_SECONDS)
    if not job.done():
        job.cancel()
    case.expect(
        job.done() and job.result().ok,
        f"during {how}, the reload of another plugin "
        + (f"failed: {job.result().everything}" if job.done() else "had to wait for its end"),
        expected="done meanwhile",
        seen="failed" if job.done() else "still waiting",
    )
