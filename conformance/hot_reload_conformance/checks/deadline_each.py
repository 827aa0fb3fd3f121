"""LIMIT-04, continued: a deadline is one hook's own, and slow hooks in a row have missed none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant
from hot_reload_conformance.checks.flow_bounds import BOUND_SECONDS
from hot_reload_conformance.checks.hang import Stand
from hot_reload_conformance.checks.observe import SHUTDOWN
from hot_reload_conformance.checks.race_live import contained
from hot_reload_conformance.verdict import CannotJudge, NotClaimed
from hot_reload_fixtures.clock import ManualClock

DEADLINES = 20
"""How many deadlines pass before a check calls it none: a roll-back has hooks of its own."""
SHARE = 0.6
"""Of its deadline: what one hook takes. Two of them in a row take longer than one may."""
_A = {"load": "a load", "reload": "a reload", "unload": "an unload"}
BEGINNING = ("setup", "start", "health_check", "on_reload")
Judge: TypeAlias = Callable[[Case], Awaitable[None]]
"""What a variant brings: it is called with the case."""
LAST_TURNS = 60
"""For how long one more hook is waited for once the operation has been answered."""


def short() -> Ports:
    """A clock that is moved by hand, and a deadline so short that no host's bound for a whole
    operation comes near what its hooks take together."""
    return Ports(clock=ManualClock(), hook_deadline_seconds=1, drain_deadline_seconds=60)


@dataclass
class Slow:
    """An action for many hooks: each waits there until the check lets it go."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    hooks: list[str] = field(default_factory=list)
    """Who has come, in order."""

    def at(self, what: str) -> _Stop:
        return _Stop(self, what)

    async def stand(self, what: str) -> None:
        self.hooks.append(what)
        self.arrived.set()
        await self.gate.wait()

    def go_on(self) -> None:
        """Let go who stands there; the next one stands again."""
        self.gate.set()
        self.gate, self.arrived = asyncio.Event(), asyncio.Event()


@dataclass(frozen=True)
class _Stop:
    slow: Slow
    what: str

    def __call__(self, _: probe.Probe) -> Awaitable[None]:
        return self.slow.stand(self.what)


@dataclass(frozen=True)
class InARow:
    """One operation, each hook of which takes most of its deadline."""

    operation: str

    async def __call__(self, case: Case) -> None:
        await _in_a_row(case, self.operation)


@dataclass(frozen=True)
class Beside:
    """A hook that hangs, and another plugin's that began later and is merely slow."""

    async def __call__(self, case: Case) -> None:
        await _beside(case)


@dataclass(frozen=True)
class Again:
    """A second hook that hangs, behind one that was given up."""

    async def __call__(self, case: Case) -> None:
        await case.loaded(PluginSpec())
        for attempt in ("v2", "v3"):
            case.write(PluginSpec(version=attempt))
            asked = partial(case.reload, PluginSpec().ref)
            how = "start of a reload that hangs" + " behind one that did" * (attempt == "v3")
            await _hangs(case, attempt, asked, how)
            await case.expect_replies(["v1"], f"after {how}, the one before does not serve")


@dataclass(frozen=True)
class FirstUse:
    """A load that a first use brings about."""

    async def __call__(self, case: Case) -> None:
        spec = PluginSpec()
        case.write(spec)
        await case.register_lazy(spec.ref)
        asked = partial(case.adapter.use, spec.ref)
        await _hangs(case, spec.version, asked, "start of a first use that hangs")


def slow_ones(adapter: type[HostAdapter]) -> Sequence[Variant]:
    """The variants of this module; the values are called with the case."""
    found = []
    if Claim.HOOKS in adapter.claims:
        operations = ["load", *(["reload"] if Claim.RELOAD in adapter.claims else [])]
        operations += ["unload"] if Claim.UNLOAD in adapter.claims else []
        found = [
            Variant(f"each hook of {_A[operation]} is slow", InARow(operation), short)
            for operation in operations
        ]
    if Claim.RELOAD in adapter.claims and "start" in adapter.stages:
        found.append(Variant("slow beside one that hangs", Beside(), short))
        found.append(Variant("reload, in new start, twice", Again(), short))
    if Claim.LAZY in adapter.claims and "start" in adapter.stages:
        found.append(Variant("first use, in new start", FirstUse(), short))
    return found


def _hooks(adapter: HostAdapter, operation: str) -> list[tuple[str, str]]:
    """Owner and name of the hooks of an operation in which a host's plugin can wait."""
    if operation == "load":
        return [("new", what) for what in BEGINNING[:3]]
    listed = [(each.split()[0], each.split()[1]) for each in adapter.hook_order]
    if operation == "unload":
        return [each for each in listed if each in [("old", what) for what in SHUTDOWN]]
    return [(owner, what) for owner, what in listed if what in (*BEGINNING[1:], *SHUTDOWN)]


async def _in_a_row(case: Case, operation: str) -> None:
    clock, spec = _clock(case), PluginSpec()
    if operation != "load":
        await case.loaded(spec)
    written = spec.at("v2") if operation == "reload" else spec
    if operation != "unload":
        case.write(written)
    slow = Slow()
    for owner, what in _hooks(case.adapter, operation):
        version = written.version if owner == "new" else spec.version
        case.recording.plan(what, slow.at(what), plugin=spec.name, version=version)
    mark = case.recording.mark()
    asked: asyncio.Future[Reply] = asyncio.ensure_future(getattr(case, operation)(spec.ref))
    try:
        while await _another(slow, asked):
            await clock.advance_async(SHARE * case.ports.hook_deadline_seconds)
            slow.go_on()
            await turns()
    finally:
        case.recording.unplanned()
        slow.go_on()
    _refuse_sync(case)
    took = slow.hooks
    if len(took) < 2:
        raise NotClaimed(f"two hooks of {_A[operation]} that can be held: {took or 'none'} could")
    case.tell(f"each of {', '.join(took)} took {SHARE:g} of hook_deadline_seconds")
    told = (
        f"each hook of {_A[operation]} took {SHARE:g} of hook_deadline_seconds, which none of them "
        "missed, and yet "
    )
    why = ": the deadline runs over the hooks together, and has to begin anew for each of them"
    cut = [f"{m.version}'s {m.what}" for m in case.recording.moments[mark:] if m.phase == "raise"]
    case.expect(
        not cut,
        f"{told}{', '.join(cut)} {'was' if len(cut) == 1 else 'were'} cut off{why}",
        expected="every hook ends by itself",
        seen=f"{', '.join(took)}; cut off: {', '.join(cut)}",
    )
    if not asked.done():
        asked.cancel()
        raise CannotJudge(f"the {operation} did not end behind its last hook")
    reply = asked.result()
    case.expect(
        reply.ok,
        f"{told}the {operation} failed{why}: {reply.everything}",
        expected="success",
        seen=reply.everything or "no word why",
    )
    case.expect(
        not any("time" in each or "deadline" in each for each in reply.warnings),
        f"{told}the {operation} warns of a deadline{why}: {'; '.join(reply.warnings)}",
        expected="no warning",
        seen=reply.warnings,
    )
    serves = [] if operation == "unload" else [written.version]
    await case.expect_replies(serves, f"{told}what the {operation} said is not so")


async def _another(slow: Slow, asked: asyncio.Future[Reply]) -> bool:
    """Whether one more hook stands there; False: the operation is over, its last hooks too."""
    arrival: asyncio.Future[Any] = asyncio.ensure_future(slow.arrived.wait())
    waited_for: set[asyncio.Future[Any]] = {arrival, asked}
    try:
        await patiently(waited_for, BOUND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if asked.done() and not arrival.done():
            # The old one may be shut down behind the answer.
            await turns(LAST_TURNS)
        return arrival.done()
    finally:
        arrival.cancel()


async def _hangs(
    case: Case, version: str, ask: Callable[[], Coroutine[Any, Any, Any]], how: str
) -> None:
    """What ``ask`` begins stands in start, and ends within some deadlines."""
    clock, stand = _clock(case), Stand()
    case.recording.plan("start", stand, plugin="alpha", version=version)
    asked: asyncio.Future[Any] = asyncio.ensure_future(contained(ask()))
    arrival: asyncio.Future[Any] = asyncio.ensure_future(stand.arrived.wait())
    try:
        await patiently({arrival, asked}, BOUND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if stand.undrivable:
            case.recording.undrivable = True
            _refuse_sync(case)
        if not stand.arrived.is_set():
            raise CannotJudge("start was never reached")
        for _ in range(DEADLINES):
            if asked.done():
                break
            await clock.advance_async(case.ports.hook_deadline_seconds)
            await turns()
        ended = asked.done()
    finally:
        stand.let_go.set()
        arrival.cancel()
        case.recording.unplanned()
        await patiently({asked}, BOUND_SECONDS)
        asked.cancel()
    case.expect(
        ended,
        f"{how} has no deadline: it still waits after {DEADLINES} times hook_deadline_seconds",
        expected="an end at the hook's deadline",
        seen="still waiting",
    )


async def _beside(case: Case) -> None:
    clock, alpha, beta = _clock(case), PluginSpec(), PluginSpec(name="beta")
    share = SHARE * case.ports.hook_deadline_seconds
    holds = {}
    asked = {}
    for spec in (alpha, beta):
        await case.loaded(spec)
    try:
        for spec in (alpha, beta):
            written = spec.at(f"{spec.name}-v2")
            case.write(written)
            holds[spec.name] = hold = Hold()
            case.recording.plan("start", hold, plugin=spec.name, version=written.version)
            asked[spec.name] = reload = asyncio.ensure_future(case.reload(spec.ref))
            reached = asyncio.ensure_future(hold.reached(reload))
            await patiently({reached}, BOUND_SECONDS)
            if not reached.done():
                reached.cancel()
                raise NotClaimed("two reloads at once: this host makes one after the other")
            reached.result()
            # Of alpha's deadline this is over by then, and beta's has only begun.
            await clock.advance_async(share)
            await turns()
        early = asked["beta"].done()
        holds["beta"].open()
        await patiently({asked["beta"]}, BOUND_SECONDS)
    finally:
        for hold in holds.values():
            hold.open()
        case.recording.unplanned()
        await patiently({*asked.values()}, BOUND_SECONDS)
    if not asked["beta"].done():
        raise CannotJudge("the reload of beta did not end behind its start")
    reply = asked["beta"].result()
    case.expect(
        reply.ok and not early,
        "alpha's start ran into its deadline, and beta's, which had begun later and was in time, "
        f"was given up with it: each hook needs a deadline of its own: {reply.everything}",
        expected="beta reloads",
        seen=reply.everything or "no word why",
    )


def _clock(case: Case) -> ManualClock:
    clock = case.ports.clock
    assert isinstance(clock, ManualClock)  # the clause asks for the claim
    return clock


def _refuse_sync(case: Case) -> None:
    """Raise ``NotClaimed`` where a hook could not wait at all."""
    if case.recording.undrivable:
        raise NotClaimed(
            "a slow hook: this host calls its hooks in the thread of the event loop, where none "
            "of them can be made to wait; drop the claim 'timeouts'"
        )
