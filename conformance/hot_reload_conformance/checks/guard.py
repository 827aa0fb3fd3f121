"""GUARD: the last sink stays."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import turns
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.sinks import added
from hot_reload_conformance.checks.stages import stages
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.probe import Probe
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation

LAST = PluginSpec(name="writer", sink=True)
_SEEDS = 12
_WRITES = 12
"""Writes that raise, one after the other: a sink of which no host can think well."""
Way: TypeAlias = Callable[[Case, PluginSpec], Awaitable[None]]
"""Tries one way in which the last sink could go, on the only one that was added, and judges."""


async def receivers(case: Case) -> list[str]:
    """Emit one event; the sinks that got it."""
    mark = len(case.recording.deliveries)
    event = await case.emit("probe")
    await case.settle()
    got = [
        each.plugin
        for each in case.recording.deliveries[mark:]
        if (each.producer, each.sequence) == ("probe", event.sequence)
    ]
    case.tell("emit", seen=f"reached {', '.join(sorted(got)) or 'no sink'}")
    return sorted(got)


@dataclass(frozen=True)
class FailedReload:
    """It is reloaded, and ``fault`` has that fail."""

    fault: Fault

    async def __call__(self, case: Case, spec: PluginSpec) -> None:
        await _ready(case)
        await self.fault.strike(case, spec.at("v2"))
        case.expect(
            await receivers(case) == [LAST.name],
            f"a reload of the last sink that failed at {self.fault.stage} took it away: "
            "events reach no sink",
            expected=[LAST.name],
            seen="no sink",
        )


@dataclass(frozen=True)
class SinklessReload:
    """It is reloaded, to a version that is no sink."""

    async def __call__(self, case: Case, spec: PluginSpec) -> None:
        await _ready(case)
        case.write(PluginSpec(name=LAST.name, version="v2", state=spec.state))
        reply = await case.reload(LAST.name)
        case.expect(
            await receivers(case) == [LAST.name],
            "a reload of the last sink to a version that is no sink took it away: events reach no "
            "sink",
            expected="a refusal",
            seen=f"{reply}",
        )
        case.expect(
            not reply.ok and LAST.name in reply.everything,
            "a reload of the last sink to a version that is no sink was refused, and its caller "
            "was told that it went well"
            if reply.ok
            else "the refusal to reload the last sink to a "
            "version that is no sink does not name the sink",
            expected=f"a failed reload, with {LAST.name!r} in its message",
            seen=f"{reply}",
        )


@dataclass(frozen=True)
class Departure:
    """``operation`` is asked for, of the last sink, or of the last that is left."""

    operation: str
    of_other: str = ""
    """What is asked for another sink before; "": there is no other."""
    beside: str = ""
    """Where that leaves the other one, as it follows "the last sink"; "": it has gone."""

    async def __call__(self, case: Case, spec: PluginSpec) -> None:
        if self.of_other:
            await added(case, PluginSpec(name="other", sink=True))
            await _ready(case)
            reply = await getattr(case, self.of_other)("other")
            if not reply.ok:
                raise CannotJudge(f"one of two sinks could not go: {reply.everything or 'no word'}")
        await _ready(case)
        way = self.operation
        reply = await getattr(case, way)(spec.ref)
        case.expect(
            await receivers(case) == [LAST.name],
            f"{way} took the last sink away: events reach no sink",
            expected="a refusal",
            seen=f"{reply}",
        )
        case.expect(
            not reply.ok and bool(reply.everything),
            f"{way} of the last sink was refused, but its caller was not told so"
            if reply.ok
            else f"{way} of the last sink was refused without a word why",
            expected="a refusal that says why",
            seen=f"{reply}",
        )
        case.expect(
            LAST.name in reply.everything,
            f"the refusal of {way} of the last sink{self.beside} does not name the sink: nobody "
            "can tell it from a crash, or know which one is meant",
            expected=f"a message with {LAST.name!r} in it",
            seen=reply.everything,
        )


def ways(adapter: type[HostAdapter]) -> list[Variant]:
    """Each way in which the last sink could go."""
    found: dict[str, Way] = {
        "remove_sink": Departure("remove_sink"),
        "one of two, then the other": Departure("remove_sink", of_other="remove_sink"),
    }
    if Claim.UNLOAD in adapter.claims:
        found["unload"] = Departure("unload")
    if Claim.ENABLE in adapter.claims:
        found["disable"] = Departure("disable")
        found["remove_sink, the other is disabled"] = Departure(
            "remove_sink", of_other="disable", beside=", beside a disabled one"
        )
    if Claim.RELOAD in adapter.claims:
        found["a reload to a version without a sink"] = SinklessReload()
        for each in stages(adapter, kinds=(PlannedError,), hangs=False):
            found[f"failed reload: {each.name}"] = FailedReload(each.value)
    return [Variant(name, way) for name, way in found.items()]


@check("HR-GUARD-01", variants=ways)
async def last_sink_stays(case: Case, way: Way) -> None:
    spec = LAST.at("v1", state=Claim.STATE in case.claims)
    await added(case, spec)
    await way(case, spec)


@dataclass(frozen=True)
class Race:
    """Removals begun together, in an order of their own, each held up in its own hooks."""

    sinks: int
    seed: int


def races(_: type[HostAdapter]) -> Sequence[Variant]:
    return [
        Variant(f"{sinks} sinks, seed {seed}", Race(sinks, seed))
        for sinks in (2, 3)
        for seed in range(_SEEDS)
    ]


@check("HR-GUARD-02", variants=races)
async def last_sink_race(case: Case, race: Race) -> None:
    dice = random.Random(race.seed if case.budget.seed is None else case.budget.seed + race.seed)
    names = [f"s{number}" for number in range(race.sinks)]
    for name in names:
        await added(case, PluginSpec(name=name, sink=True))
    await _ready(case)
    dice.shuffle(names)
    for name in names:
        for hook in ("flush", "stop"):
            case.recording.plan(hook, _turns(dice.randrange(4)), plugin=name)
    tasks: list[asyncio.Future[Reply]] = []
    for name in names:
        operation = case.remove_sink
        if dice.random() < 0.3 and Claim.UNLOAD in case.claims:
            operation = case.unload
        elif dice.random() < 0.3 and Claim.ENABLE in case.claims:
            operation = case.disable
        tasks.append(asyncio.ensure_future(operation(name)))
        await turns(dice.randrange(4))
    await asyncio.wait(tasks)
    case.recording.unplanned()
    for task in tasks:
        task.result()
    left = await receivers(case)
    case.expect(
        bool(left),
        f"{race.sinks} sinks were removed at the same time, and none is left: events reach no sink",
        expected="at least one sink",
        seen="no sink",
    )


def _turns(number: int) -> Any:
    """Hold a hook up for some turns of the loop, where hooks can wait."""

    def action(at: Probe) -> Any:
        return turns(number) if at.recording.asynchronous else None

    return action


async def _ready(case: Case) -> None:
    """Events do reach a sink before anything is done to it.

    Raises:
        CannotJudge: they don't; nothing could be seen.
    """
    if not await receivers(case):
        raise CannotJudge("emit() reached no sink before anything was done to one")


@check("HR-GUARD-03", variants=[Variant(n, n) for n in ("remove_sink", "unload", "disable")])
async def last_healthy_sink(case: Case, way: str) -> None:
    needed = {"unload": Claim.UNLOAD, "disable": Claim.ENABLE}.get(way)
    if needed is not None and needed not in case.claims:
        raise NotClaimed(needed.value)
    sick = PluginSpec(name="sick", sink=True, stop_first=Claim.STOP_FIRST in case.claims)
    await added(case, PluginSpec(name="well", sink=True))
    await added(case, sick)
    await _ready(case)
    await _made_sick(case, sick)
    reply = await getattr(case, way)("well")
    got = await receivers(case)
    case.expect(
        "well" in got,
        f"{way} took the last healthy sink away: only 'sick' is left, which is known to have "
        "failed",
        expected="a refusal",
        seen=f"{reply}",
    )
    case.expect(
        not reply.ok and bool(reply.everything),
        f"{way} of the last healthy sink was refused, but its caller was not told why",
        expected="a refusal that says why",
        seen=f"{reply}",
    )


async def _made_sick(case: Case, spec: PluginSpec) -> None:
    """Have the host know that a sink has failed: its health says so, or it could not be reloaded.

    Raises:
        NotClaimed: neither makes it known to this host.
    """
    case.recording.health[(spec.name, "v1")] = False
    if not await case.guarded(case.adapter.healthy(spec.name), "healthy"):
        case.tell(f"{spec.name} says that it is not healthy")
        return
    if spec.stop_first and Claim.RELOAD in case.claims:
        # Neither the new one starts, nor the old one again.
        case.write(spec.at("v2"))
        case.recording.plan("start", raising(PlannedError), plugin=spec.name, times=2)
        await case.reload(spec.ref)
        case.recording.unplanned()
        if not await case.guarded(case.adapter.healthy(spec.name), "healthy"):
            case.tell(f"a reload of {spec.name} failed, and so did its roll-back")
            return
    case.recording.health.pop((spec.name, "v1"), None)
    case.recording.plan("receive", raising(PlannedError), plugin=spec.name, times=_WRITES)
    for _ in range(_WRITES):
        try:
            await case.emit("probe")
        except Violation:
            raise CannotJudge("what a sink raises comes back to whoever emits") from None
        await case.settle()
        if not await case.guarded(case.adapter.healthy(spec.name), "healthy"):
            case.tell(f"{spec.name} raised in its write, and is not healthy")
            return  # its writes raise on, as what is planned is not used up
    case.recording.unplanned()
    raise NotClaimed(
        "a failed sink: neither a health_check that says no, nor a reload that cannot be rolled "
        f"back, nor {_WRITES} writes that raise make healthy() answer False"
    )
