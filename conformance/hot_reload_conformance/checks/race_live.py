"""RACE, continued: an operation that is cancelled, or slow, in its middle."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.flow_bounds import BOUND_SECONDS, hooks_of_a_reload, patient
from hot_reload_conformance.checks.observe import SHUTDOWN, serial_of
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import NotClaimed

WHO = Event("who")


@dataclass(frozen=True)
class Place:
    """An operation, and the hook in which the plugin stands in its middle."""

    operation: str
    owner: str
    hook: str

    @property
    def name(self) -> str:
        return f"{self.operation}, in {self.owner} {self.hook}"

    @property
    def text(self) -> str:
        return f"in the {self.owner} one's {self.hook}"

    def spec(self, case: Case) -> PluginSpec:
        """The plugin to do it with."""
        return plain_spec(case)

    async def begin(self, case: Case, ref: str, hold: Hold) -> asyncio.Task[Any]:
        """Begin the operation, and come to its middle; it goes on as ``hold`` is opened.

        Raises:
            NotClaimed, CannotJudge: it does not come there.
        """
        task = asyncio.ensure_future(contained(getattr(case.adapter, self.operation)(ref)))
        await hold.reached(task, optional(self))
        return task


@dataclass(frozen=True)
class Drain(Place):
    """A reload whose middle is no hook: it waits for a call that is in flight on the old one."""

    operation: str = "reload"
    owner: str = "old"
    hook: str = "reply"

    @property
    def name(self) -> str:
        return "reload, while a call on the old one ends"

    @property
    def text(self) -> str:
        return "while a call on the old one was in flight"

    def spec(self, case: Case) -> PluginSpec:
        # With state a host may wait for calls before it is read, and the reload is undone there.
        return PluginSpec()

    async def begin(self, case: Case, ref: str, hold: Hold) -> asyncio.Task[Any]:
        await _call_in_flight(case, hold)
        task = asyncio.ensure_future(contained(case.adapter.reload(ref)))
        await turns(_TO_THE_DRAIN)  # where it waits for the call, if it does
        return task


def places(adapter: type[HostAdapter]) -> list[Place]:
    """Every hook of a load, a reload and an unload in which this host can be stopped."""
    found = [Place("reload", owner, what) for owner, what in hooks_of_a_reload(adapter)]
    hooks = Claim.HOOKS in adapter.claims
    for what in ("setup", "start", "health_check"):
        if what in adapter.stages and (hooks or what == "start"):
            found.insert(0, Place("load", "new", what))
    if hooks and Claim.UNLOAD in adapter.claims:
        found += [Place("unload", "old", w) for w in SHUTDOWN if f"old {w}" in adapter.hook_order]
    return found


def variants_of_places(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant(place.name, place) for place in places(adapter)]
    return found or [Variant("nowhere", None)]


def plain_spec(case: Case) -> PluginSpec:
    return PluginSpec(state=Claim.STATE in case.claims)


def standing(place: Place | None) -> Place:
    """``place``, where the host has one.

    Raises:
        NotClaimed: there is no hook in which an operation of this host could be held.
    """
    if place is None:
        raise NotClaimed("no stage 'start' in `stages`: an operation cannot be held in its middle")
    return place


async def ready(case: Case, place: Place) -> PluginSpec:
    """What ``place.operation`` needs before it; gives the plugin as it was written last."""
    spec = place.spec(case)
    if place.operation == "load":
        case.write(spec)
        return spec
    await case.loaded(spec)
    if place.operation == "reload":
        case.write(spec.at("v2"))
        return spec.at("v2")
    return spec


def optional(place: Place) -> str:
    """Why ``place`` may never be reached in a host that keeps the contract; "": it may not."""
    if place.operation == "load" and place.hook == "health_check":
        return "health_check in a load: this host asks for it in a reload only"
    return ""


def planned_for(place: Place, spec: PluginSpec) -> str:
    return "v1" if place.owner == "old" else spec.version


_TO_THE_DRAIN = 300
"""Turns of the loop in which a reload gets through its hooks, of a few turns each."""


def _cancelled(adapter: type[HostAdapter]) -> Sequence[Variant]:
    if Claim.HOOKS not in adapter.claims:
        return variants_of_places(adapter)
    return [*variants_of_places(adapter), Variant(Drain().name, Drain())]


@check("HR-RACE-01", variants=_cancelled, ports=patient)
async def cancel_anywhere(case: Case, at: Place | None) -> None:
    place = standing(at)
    spec = await ready(case, place)
    was = await case.replies(WHO)
    mark, before = case.recording.mark(), asyncio.all_tasks()
    hold = Hold()
    version = planned_for(place, spec)
    case.recording.plan(place.hook, hold, plugin=spec.name, version=version)
    try:
        task = await place.begin(case, spec.ref, hold)
        task.cancel()
        await turns()
    finally:
        hold.open()  # what comes after the commit may go on to its end
    done, _ = await patiently({task}, BOUND_SECONDS)
    case.tell(f"{place.operation} {spec.ref}, cancelled {place.text}")
    when = f"a {place.operation} that was cancelled {place.text}"
    case.expect(
        bool(done),
        f"{when} did not end within {BOUND_SECONDS:g} s",
        expected="an end",
        seen="still running",
    )
    case.recording.unplanned()
    await turns()
    served = await case.replies(WHO)
    allowed = (1,) if place.operation == "reload" else (0, 1)
    case.expect(
        len(served) in allowed,
        f"after {when}, {len(served)} generations serve",
        expected="old or new, and no other" if allowed == (1,) else "one or none",
        seen=served,
    )
    if Claim.HOOKS in case.claims:
        _whole(case, when, served, mark)
    fresh = bool(served) and (place.operation == "load" or served != was)
    await no_task_left(case, when, before, fresh=fresh)
    await _next_works(case, when, spec, bool(served))


async def _call_in_flight(case: Case, hold: Hold) -> None:
    """Begin a call on the plugin, which ends as ``hold`` is opened.

    Raises:
        NotClaimed: no call of this host's stays in its handler.
    """
    call = asyncio.ensure_future(contained(case.adapter.call(None)))
    await turns()
    if not hold.gate.arrived:
        hold.open()
        await call
        raise NotClaimed("calls in flight: the handlers of this host's plugins cannot wait")


async def contained(awaitable: Any) -> Any:
    try:
        return await awaitable
    except (Exception, SystemExit) as error:
        return error


def _whole(case: Case, when: str, served: list[str], since: int) -> None:
    """The one that serves was started and not stopped; every other one that started was."""
    serving = serial_of(served[0]) if served else None
    begun = [m for m in case.recording.moments if m.phase == "begin"]
    for each in {m.serial: m for m in begun if m.what == "start"}.values():
        stops = sum(m.serial == each.serial and m.what == "stop" for m in begun)
        label = f"{each.version}#{each.serial}"
        if each.serial == serving:
            case.expect(
                stops == 0 and _ended(case.recording.moments, each.serial, "start"),
                f"after {when}, {label} serves, but it is "
                + ("stopped" if stops else "not started to its end"),
                expected="a generation that is fully there",
                seen=[m.what for m in begun if m.serial == each.serial],
            )
            continue
        case.expect(
            stops == 1,
            f"after {when}, {label} does not serve, and its stop ran {stops} times",
            expected="stop, once",
            seen=[m.what for m in begun if m.serial == each.serial],
        )


def _ended(moments: Sequence[Moment], serial: int, what: str) -> bool:
    return any((m.serial, m.what, m.phase) == (serial, what, "end") for m in moments)


async def no_task_left(
    case: Case, when: str, before: set[asyncio.Task[Any]], *, fresh: bool = False
) -> None:
    """``fresh``: a generation serves that was not there ``before``, and may have tasks."""
    left = [t for t in asyncio.all_tasks() - before if t is not asyncio.current_task()]
    if left and fresh and len(left) <= await _tasks_of_one(case):
        return
    case.expect(
        not left,
        f"after {when}, {len(left)} {'task is' if len(left) == 1 else 'tasks are'} still running: "
        f"{', '.join(sorted(map(_named, left)))}",
        expected="nothing left running",
        seen=f"{len(left)} tasks",
    )


async def _tasks_of_one(case: Case) -> int:
    """How many tasks this host keeps for one plugin at rest."""
    before = asyncio.all_tasks()
    await case.loaded(PluginSpec(name="beside"))
    await turns()
    kept = len(asyncio.all_tasks() - before)
    if Claim.UNLOAD in case.claims:
        await case.unload("beside")
    return kept


def _named(task: asyncio.Task[Any]) -> str:
    """A task by its name, where it was given one, and by what it is at."""
    frames = task.get_stack(limit=1)
    code = task.get_coro()
    what = getattr(code, "__qualname__", "")
    place = f", {Path(frames[0].f_code.co_filename).name}:{frames[0].f_lineno}" if frames else ""
    return f"{task.get_name()} ({what}{place})"


async def _next_works(case: Case, when: str, spec: PluginSpec, serves: bool) -> None:
    case.write(spec.at("v3"))
    operation = case.reload if serves else case.load
    next_one = asyncio.ensure_future(operation(spec.ref))
    await patiently({next_one}, BOUND_SECONDS)
    if not next_one.done():
        next_one.cancel()
    case.expect(
        next_one.done() and next_one.result().ok,
        f"after {when}, the next {'reload' if serves else 'load'} "
        + (
            f"fails: {next_one.result().everything or 'no reason given'}"
            if next_one.done()
            else "waits for ever: something is still held"
        ),
        expected="done",
        seen="failed" if next_one.done() else "still waiting",
    )
    await case.expect_replies(["v3"], f"after {when} and a good operation, v3 does not serve")


@check("HR-RACE-04", variants=variants_of_places, ports=patient)
async def independent_progress(case: Case, at: Place | None) -> None:
    place = standing(at)
    await case.loaded(PluginSpec(name="beta"))
    spec = await ready(case, place)
    hold = Hold()
    version = planned_for(place, spec)
    case.recording.plan(place.hook, hold, plugin=spec.name, version=version)
    slow = asyncio.ensure_future(getattr(case, place.operation)(spec.ref))
    try:
        await hold.reached(slow, optional(place))
        case.write(PluginSpec(name="beta", version="v2"))
        case.write(PluginSpec(name="gamma"))
        jobs = [("reload", "beta"), ("load", "gamma")]
        if Claim.UNLOAD in case.claims:
            jobs.append(("unload", "gamma"))
        for operation, name in jobs:
            job = asyncio.ensure_future(getattr(case, operation)(name))
            await patiently({job}, BOUND_SECONDS)
            if not job.done():
                job.cancel()
            case.expect(
                job.done() and job.result().ok,
                f"while {spec.name!r} stood in {place.hook} of its {place.operation}, the "
                f"{operation} of {name!r} "
                + ("failed: " + job.result().everything if job.done() else "had to wait for it"),
                expected="done meanwhile",
                seen="failed" if job.done() else "still waiting",
            )
    finally:
        hold.open()
        case.recording.unplanned()
        await patiently({slow}, BOUND_SECONDS)
        slow.cancel()
