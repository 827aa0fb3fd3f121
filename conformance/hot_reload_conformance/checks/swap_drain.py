"""SWAP-10, continued: from when the drain deadline counts, which is from the hand-over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import IF_LACKING, Hold, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant
from hot_reload_conformance.checks.flow_bounds import BOUND_SECONDS, spec_of
from hot_reload_conformance.checks.sinks import KEEPER, SUBJECT, added
from hot_reload_conformance.verdict import CannotJudge, NotClaimed
from hot_reload_fixtures.clock import ManualClock

Judge: TypeAlias = Callable[[Case], Awaitable[None]]

DRAIN_SECONDS = 10.0
LONG_SECONDS = 1.5 * DRAIN_SECONDS
"""What goes on before the hand-over, and uses up a deadline that was set too early."""
IN_TIME_SECONDS = 0.5 * DRAIN_SECONDS
"""What is in flight ends so long after the hand-over."""


def long_starts() -> Ports:
    """A clock that is moved by hand; a start may take longer than a drain."""
    return Ports(
        clock=ManualClock(),
        hook_deadline_seconds=3 * DRAIN_SECONDS,
        drain_deadline_seconds=DRAIN_SECONDS,
    )


def timed_flights(adapter: type[HostAdapter]) -> Sequence[Variant]:
    """The variants of this module; the values are called with the case."""
    if Claim.CLOCK not in adapter.claims:
        return []
    judges: dict[str, Judge] = {
        "a call that began long before": _began_long_before,
        "a second reload behind it": _reloaded_twice,
        "a call that outlives the drain": _outlives_the_drain,
    }
    if "start" in adapter.stages:
        judges["a call, behind a long start"] = _behind_a_long_start
        if Claim.SINKS in adapter.claims:
            judges["an event, behind a long start"] = _event_behind_a_long_start
    return [Variant(name, judge, long_starts) for name, judge in judges.items()]


async def _behind_a_long_start(case: Case) -> None:
    await case.loaded(PluginSpec())
    began = "while the new one's start took longer than the drain deadline"
    await _drained(case, PluginSpec(), began, case.adapter.call, "reply")


async def _event_behind_a_long_start(case: Case) -> None:
    spec = spec_of(case, awaits=True)
    await added(case, KEEPER)
    await added(case, spec)
    began = "while the new one's start took longer than the drain deadline"
    await _drained(case, spec, began, case.emit, "receive")
    await case.settle()
    got = [each.version for each in case.recording.deliveries if each.plugin == SUBJECT.name]
    case.expect(
        got == ["v1"],
        "an event that the old one was taking as its plugin was reloaded was not taken to its end",
        expected=["v1"],
        seen=got,
    )


async def _drained(
    case: Case,
    spec: PluginSpec,
    began: str,
    send: Callable[[], Awaitable[Any]],
    what: str,
) -> None:
    """Reload with a long start, and ``send`` while it stands; it ends in the drain's time."""
    clock, start, flight = _clock(case), Hold(), Hold()
    case.recording.plan("start", start, plugin=spec.name, version="v2")
    case.write(spec.at("v2"))
    reload = asyncio.ensure_future(case.reload(spec.ref))
    sent: asyncio.Future[Any] | None = None
    try:
        await _reached(start, reload, "a start that is held while the old one serves")
        await clock.advance_async(LONG_SECONDS)
        if reload.done():
            raise CannotJudge("the reload ended in a start that was within its deadline")
        case.recording.plan(what, flight, plugin=spec.name, version=spec.version)
        sent = asyncio.ensure_future(send())
        await turns()
        if not flight.gate.arrived:
            raise NotClaimed(
                "what is in flight as the new one starts: nothing stays in the old one's handler, "
                f"or it waits for the reload{IF_LACKING if what == 'start' else ''}"
            )
        mark = case.recording.mark()
        start.open()
        await turns()
        await clock.advance_async(IN_TIME_SECONDS)
        _still_there(case, spec, mark, what, began)
    finally:
        start.open()
        flight.open()
        case.recording.unplanned()
        await patiently({reload, *([sent] if sent else [])}, BOUND_SECONDS)
    await _ended_there(case, sent, spec, began) if what == "reply" else None
    reply = await reload
    case.expect(reply.ok, f"a reload with something in flight failed: {reply.everything}")


async def _began_long_before(case: Case) -> None:
    clock, spec = _clock(case), PluginSpec()
    await case.loaded(spec)
    flight, call = await _call_in_flight(case, spec)
    reload: asyncio.Future[Any] | None = None
    began = "for longer than the drain deadline already"
    try:
        await clock.advance_async(LONG_SECONDS)
        mark = case.recording.mark()
        case.write(spec.at("v2"))
        reload = asyncio.ensure_future(case.reload(spec.ref))
        await turns()
        await clock.advance_async(IN_TIME_SECONDS)
        _still_there(case, spec, mark, "reply", began)
    finally:
        flight.open()
        case.recording.unplanned()
        await patiently({call, *([reload] if reload else [])}, BOUND_SECONDS)
    await _ended_there(case, call, spec, began)


async def _reloaded_twice(case: Case) -> None:
    """A second reload, asked for while the first one's drain waits, is no reason to cut a call."""
    clock, spec = _clock(case), PluginSpec()
    await case.loaded(spec)
    flight, call = await _call_in_flight(case, spec)
    reloads: list[asyncio.Future[Reply]] = []
    began = "as its plugin was reloaded twice in a row"
    mark = case.recording.mark()
    try:
        for version in ("v2", "v3"):
            case.write(spec.at(version))
            reloads.append(asyncio.ensure_future(case.reload(spec.ref)))
            await turns()
        await clock.advance_async(IN_TIME_SECONDS)
        _still_there(case, spec, mark, "reply", began)
    finally:
        flight.open()
        case.recording.unplanned()
        await patiently({call, *reloads}, BOUND_SECONDS)
    await _ended_there(case, call, spec, began)
    replies = [await each for each in reloads]
    if replies[-1].ok:
        await case.expect_replies(["v3"], "a call in flight, two reloads, and v3 does not serve")


async def _outlives_the_drain(case: Case) -> None:
    """At the end of its time the drain is over for the old one as well."""
    clock, spec = _clock(case), PluginSpec()
    await case.loaded(spec)
    flight, call = await _call_in_flight(case, spec)
    mark = case.recording.mark()
    case.write(spec.at("v2"))
    reload: asyncio.Future[Reply] = asyncio.ensure_future(case.reload(spec.ref))
    try:
        for _ in range(4):
            await turns()
            await clock.advance_async(DRAIN_SECONDS)
        await patiently({reload}, BOUND_SECONDS)
        if not reload.done():
            # Whether it has an end at all, the variant "never ends" sees in real time.
            raise NotClaimed("a drain whose deadline goes by the clock that the kit lends")
        stopped = bool(_stops(case, spec, mark))
    finally:
        flight.open()
        case.recording.unplanned()
        await patiently({call, reload}, BOUND_SECONDS)
    if not reload.result().ok:
        raise NotClaimed("a drain that ends in time: this host gives the reload up instead")
    case.expect(
        stopped,
        "a call on the old one outlived the drain deadline, and the old one was never stopped: "
        "what it holds is held for good",
        expected="its stop, at the end of the drain deadline",
        seen="no stop",
    )


async def _call_in_flight(case: Case, spec: PluginSpec) -> tuple[Hold, asyncio.Future[Any]]:
    """A call that is being answered by v1, until the hold is opened.

    Raises:
        NotClaimed: no call stays there.
    """
    flight = Hold()
    case.recording.plan("reply", flight, plugin=spec.name, version="v1")
    call = asyncio.ensure_future(case.adapter.call())
    await turns()
    if not flight.gate.arrived:
        flight.open()
        await asyncio.wait({call})
        raise NotClaimed("calls in flight: render the handlers with probe.areply() to show them")
    return flight, call


def _stops(case: Case, spec: PluginSpec, mark: int) -> list[str]:
    stop = (spec.name, spec.version, "stop")
    found = case.recording.moments[mark:]
    return [str(m) for m in found if (m.plugin, m.version, m.what) == stop]


def _still_there(case: Case, spec: PluginSpec, mark: int, what: str, began: str) -> None:
    """The old one's shutdown has not begun behind ``mark``."""
    begun = _stops(case, spec, mark)
    flying = "a call on the old one was in flight" if what == "reply" else "it was taking an event"
    case.expect(
        not begun,
        f"{flying} {began}, and the old one's stop began {IN_TIME_SECONDS:g} s behind the "
        f"hand-over, of the {DRAIN_SECONDS:g} s that a drain may take: the drain deadline counts "
        "from something that comes before the hand-over, or the drain was broken off",
        expected="drain_deadline_seconds from the hand-over on",
        seen=begun,
    )


async def _ended_there(case: Case, call: Any, spec: PluginSpec, began: str) -> None:
    error = None if call.cancelled() or not call.done() else call.exception()
    answer = call.result() if call.done() and not call.cancelled() and not error else None
    case.expect(
        answer == [spec.version],
        f"a call that was in flight {began} was not answered by the one that it began on",
        expected=[spec.version],
        seen=answer if error is None else repr(error),
    )


async def _reached(hold: Hold, operation: asyncio.Future[Any], what: str) -> None:
    """Wait until the plugin stands there.

    Raises:
        NotClaimed: this host's plugins cannot wait there.
    """
    reached = asyncio.ensure_future(hold.reached(operation))
    await patiently({reached}, BOUND_SECONDS)
    if not reached.done():
        reached.cancel()
        raise NotClaimed(what)
    reached.result()


def _clock(case: Case) -> ManualClock:
    clock = case.ports.clock
    assert isinstance(clock, ManualClock)  # the variants ask for the claim
    return clock
