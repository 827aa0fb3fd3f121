"""FLOW, continued: what one sink's trouble may cost the others, and those who emit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.flow_counted import counted
from hot_reload_conformance.checks.sinks import KEEPER, SUBJECT, added, named
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation
from hot_reload_fixtures.stamp import Stamped

EVENTS = 6
BACKLOG = 40
"""Events that pile up before a sink that hangs: more than a short queue holds."""
BOUND_SECONDS = 2.0
"""How long a check waits for what ends in a few turns of the loop, or never."""


def patient() -> Ports:
    """Deadlines so far away that none of them ends what a check holds."""
    return Ports(hook_deadline_seconds=10, drain_deadline_seconds=10)


@dataclass(frozen=True)
class Trouble:
    """What befalls one sink: it ``raises``, does so and is to be ``counted``, ``hangs``, or
    ``reloads`` and stands in a hook."""

    how: str
    owner: str = ""
    hook: str = ""
    awaits: bool = False


def hooks_of_a_reload(adapter: type[HostAdapter]) -> list[tuple[str, str]]:
    """The hooks, ``("new", "start")``, in which a reload of this host can be held."""
    if Claim.RELOAD not in adapter.claims:
        return []
    return [
        (owner, what)
        for owner, what in (each.split() for each in adapter.hook_order)
        if what not in ("construct", "setup")
        and (what == "start" or Claim.HOOKS in adapter.claims)
        and (what not in ("start",) or "start" in adapter.stages)
        and ("reload_state" not in what or Claim.STATE in adapter.claims)
    ]


def _troubles(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [
        Variant("raises", Trouble("raises")),
        Variant("a coroutine raises", Trouble("raises", awaits=True)),
        Variant("a coroutine hangs", Trouble("hangs", awaits=True)),
        Variant("hangs in a thread", Trouble("hangs")),
        Variant("what it raised for is counted", Trouble("counted")),
        Variant("what a coroutine raised for is counted", Trouble("counted", awaits=True)),
    ]
    for owner, what in hooks_of_a_reload(adapter):
        found.append(Variant(f"reloads, in {owner} {what}", Trouble("reloads", owner, what)))
    return found


@check("HR-FLOW-08", variants=_troubles, ports=patient)
async def sibling_unharmed(case: Case, trouble: Trouble) -> None:
    spec = spec_of(case, trouble.awaits, state="reload_state" in trouble.hook)
    if trouble.how == "counted":
        await counted(case, spec)
        return
    await added(case, PluginSpec(name="before", sink=True))
    await added(case, spec)
    await added(case, KEEPER)
    hold = Hold()
    if trouble.how == "reloads":
        text = f"while a sink stood in its {trouble.hook} in a reload"
        async with held_reload(case, spec, trouble.owner, trouble.hook):
            await _siblings_got(case, await _emitted(case, text), text)
        return
    if trouble.how == "raises":
        text = "beside a sink that raises"
        case.recording.plan("receive", raising(PlannedError), plugin=spec.name, times=EVENTS)
    else:
        text = "beside a sink that hangs"
        case.recording.plan("receive", hold, plugin=spec.name)
    try:
        if trouble.how == "hangs":
            # Or the others may have all of theirs before it has come to its first one.
            await _emitted(case, text, 1)
            await until(lambda: hold.gate.arrived > 0 or hold.refused)
        many = BACKLOG if trouble.how == "hangs" and not trouble.awaits else EVENTS
        await _siblings_got(case, await _emitted(case, text, many), text)
        if trouble.how == "raises":
            await case.settle()
        elif hold.refused:
            raise NotClaimed("sinks that are given their events in a thread: these are not")
        elif not trouble.awaits and hold.gate.arrived and Claim.RELOAD in case.claims:
            await _sibling_reloads(case, text)
        if case.recording.pending() and not hold.gate.arrived:
            raise CannotJudge("the sink that was to fail got no event, so nothing was seen")
    finally:
        hold.open()


async def _siblings_got(case: Case, accepted: list[Event], text: str) -> None:
    for sibling in ("before", KEEPER.name):

        def missing(sibling: str = sibling) -> list[Stamped]:
            got = {
                (d.producer, d.sequence) for d in case.recording.deliveries if d.plugin == sibling
            }
            return [
                Stamped(e.producer, e.sequence)
                for e in accepted
                if (e.producer, e.sequence) not in got
            ]

        await until(lambda missing=missing: not missing())  # type: ignore[misc]
        lost = missing()
        case.expect(
            not lost,
            f"{text}, its sibling {sibling!r} did not get {len(lost)} of {len(accepted)} accepted "
            f"events: {named(lost)}",
            expected="every event, without waiting for the other sink",
            seen=f"{len(accepted) - len(lost)} delivered",
        )


async def _sibling_reloads(case: Case, text: str) -> None:
    """What stands in one sink's write is no reason for another one's reload to wait."""
    case.write(KEEPER.at("v2"))
    reload = asyncio.ensure_future(case.reload(KEEPER.ref))
    await until(reload.done)
    try:
        case.expect(
            reload.done(),
            f"{text}, its sibling {KEEPER.name!r} could not be reloaded: the host waits for the "
            "write of the other one, or for a lock that it holds around each write",
            expected="a reload, without waiting for the other sink",
            seen="still waiting",
        )
    finally:
        if not reload.done():
            reload.cancel()
            await patiently({reload}, BOUND_SECONDS)


async def _emitted(case: Case, text: str, count: int = EVENTS) -> list[Event]:
    """``count`` accepted events; each ``emit`` returns within the declared bound."""
    bound, clock = case.adapter.producer_pause_seconds, asyncio.get_running_loop()
    blocked: list[float] = []
    for number in range(count):
        began = clock.time()
        emitting = asyncio.ensure_future(case.emit("p1"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        blocked.append(clock.time() - began)
        in_time = await _returned(emitting, bound)
        if not in_time:
            emitting.cancel()
        case.expect(
            in_time,
            f"{text}, emit was held up for longer than the declared bound of {bound:g} s "
            f"(event {number + 1} of {count})",
            expected="emit returns",
            seen="still waiting",
        )
        try:
            await emitting
        except Violation as raised:
            raise Violation(
                f"{text}, what went wrong came back to whoever emits: {raised.message}",
                expected="emit returns",
                seen=raised.seen,
            ) from None
    # The quickest of them: a machine that stands still for a moment holds up one, a host all.
    case.expect(
        min(blocked) <= bound,
        f"{text}, emit was held up for longer than the declared bound of {bound:g} s: each one "
        "blocked its thread",
        expected="emit returns",
        seen=f"{min(blocked):.2f} s at least",
    )
    if not case.accepted:
        raise CannotJudge("the host accepted none of the events that were emitted")
    return list(case.accepted)


async def _returned(task: asyncio.Future[Any], bound_seconds: float) -> bool:
    # Turns first: a machine that stands still for a moment is nobody's fault.
    for _ in range(100):
        if task.done():
            return True
        await asyncio.sleep(0)
    await patiently({task}, bound_seconds)
    return task.done()


async def until(so: Callable[[], bool]) -> None:
    """Give the host turns until ``so``, within ``BOUND_SECONDS``."""
    await turns()
    clock = asyncio.get_running_loop()
    end = clock.time() + BOUND_SECONDS
    while not so() and clock.time() < end:  # noqa: ASYNC110 - the host sets no event
        await asyncio.sleep(0)


@asynccontextmanager
async def held_reload(
    case: Case, spec: PluginSpec, owner: str, what: str
) -> AsyncIterator[asyncio.Task[Reply]]:
    """Inside, a reload of ``spec`` to v2 stands in a hook; afterwards it has ended.

    Raises:
        NotClaimed: the host's hooks are synchronous.
        CannotJudge: the reload never came to the hook.
    """
    hold = Hold()
    version = "v2" if owner == "new" else spec.version
    case.recording.plan(what, hold, plugin=spec.name, version=version)
    case.write(spec.at("v2"))
    reload = asyncio.get_running_loop().create_task(case.reload(spec.ref))
    try:
        await hold.reached(reload)
        case.tell(f"{spec.name} stands in {owner} {what}")
        yield reload
    finally:
        hold.open()
        case.recording.unplanned()
        await patiently({reload}, BOUND_SECONDS)
        reload.cancel()
        if reload.done() and not reload.cancelled():
            reload.exception()  # looked at: what came of it is other clauses' matter


def spec_of(case: Case, awaits: bool, state: bool = False) -> PluginSpec:
    """The sink that is operated on; with ``awaits`` its write is a coroutine.

    Raises:
        NotClaimed: this host's sinks are no coroutines.
    """
    spec = SUBJECT.at("v1", state=state)
    if not awaits:
        return spec
    slow = spec.at("v1", awaits=True)
    if dict(case.adapter.render(slow)) == dict(case.adapter.render(spec)):
        raise NotClaimed(
            "sinks whose write is a coroutine: have render() obey `spec.awaits` to show them"
        )
    return slow


def _holds(adapter: type[HostAdapter]) -> Sequence[Variant]:
    hooks = hooks_of_a_reload(adapter)
    return [Variant(f"{owner} {what}", (owner, what)) for owner, what in hooks] or [
        Variant("nowhere", ("", ""))
    ]


@check("HR-FLOW-12", variants=_holds, ports=patient, also=(Kind.REAL,))
async def producers_not_blocked(case: Case, where: tuple[str, str]) -> None:
    owner, what = where
    if not what:
        raise NotClaimed("no stage 'start' in `stages`: a reload cannot be held in its middle")
    spec = SUBJECT.at("v1", state="reload_state" in what)
    await added(case, KEEPER)
    await added(case, spec)
    async with held_reload(case, spec, owner, what):
        await _emitted(case, f"while a reload stood in the {owner} one's {what}")
