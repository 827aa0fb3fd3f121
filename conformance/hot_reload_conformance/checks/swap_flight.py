"""SWAP-10: calls that are in flight as their plugin is reloaded or unloaded end on the old one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.observe import in_background, serial_of, turns, who
from hot_reload_conformance.checks.swap_drain import Judge, timed_flights
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation


@dataclass(frozen=True)
class EndsInTime:
    """One call, which ends while its plugin is waiting to go."""

    go: Callable[[Case], Coroutine[Any, Any, Reply]]
    operation: str
    verb: str
    after: list[str]
    """What is answered once it has gone."""
    unlike: str
    """What is wrong where anything else is."""

    async def __call__(self, case: Case) -> None:
        old = await _loaded(case)
        hold, call = await _in_flight(case)
        mark = case.recording.mark()
        case.tell("a call is in flight on v1")
        going = in_background(self.go(case))
        await turns()
        begun = _stops(case, mark, old)
        hold.open()
        case.expect(
            not begun,
            "the old one's stop began while a call on it was still in flight",
            expected="the call's end, then stop",
            seen="stop began first",
        )
        done, _ = await patiently({call, going}, 5)
        if call not in done or call.exception() is not None:
            error = call.exception() if call in done else None
            raise Violation(
                f"a call that was in flight when its plugin was {self.verb} got no answer: "
                f"{type(error).__name__ if error else 'it never ended'}",
                expected=["v1"],
                seen=repr(error),
            )
        case.expect(
            call.result() == ["v1"],
            "a call that began on the old one was not answered by it",
            expected=["v1"],
            seen=call.result(),
        )
        case.expect((await going).ok, f"{self.operation} with a call in flight failed")
        await turns()
        if not _stops(case, mark, old):
            raise CannotJudge("the old one's stop was never seen")
        await case.expect_replies(self.after, f"after the call in flight ended, {self.unlike}")


async def _reload(case: Case) -> Reply:
    case.write(PluginSpec(version="v2"))
    return await case.reload("alpha")


async def _unload(case: Case) -> Reply:
    return await case.unload("alpha")


def _flights(adapter: type[HostAdapter]) -> list[Variant]:
    reload = EndsInTime(_reload, "a reload", "reloaded", ["v2"], "v2 does not serve")
    found = [
        Variant("ends in time", reload),
        Variant("never ends", _never_ends),
        Variant("one of two ends", _one_of_two_ends),
    ]
    if Claim.UNLOAD in adapter.claims:
        unload = EndsInTime(_unload, "an unload", "unloaded", [], "what was unloaded serves")
        found.append(Variant("unload", unload))
    return [*found, *timed_flights(adapter)]


@check("HR-SWAP-10", needs=[Claim.HOOKS], kind=Kind.SIMULATION, variants=_flights)
async def calls_in_flight_finish(case: Case, judge: Judge) -> None:
    await judge(case)


async def _loaded(case: Case) -> int:
    """Load v1; gives the number of the instance that serves.

    Raises:
        NotClaimed: no call could stay in flight on it.
    """
    await case.loaded(PluginSpec())
    old = serial_of(await who(case))
    if not case.recording.asynchronous:
        raise NotClaimed("calls in flight: the handlers of this host's plugins cannot wait")
    return old


async def _in_flight(case: Case) -> tuple[Hold, asyncio.Task[Any]]:
    """Begin a call on v1; it ends as the hold is opened.

    Raises:
        NotClaimed: it did not come to its handler, or that does not wait.
    """
    hold = Hold()
    case.recording.plan("reply", hold, version="v1")
    call = in_background(case.adapter.call())
    await turns()
    if not hold.gate.arrived:
        raise NotClaimed("calls in flight: render the handlers with probe.areply() to show them")
    return hold, call


async def _never_ends(case: Case) -> None:
    await _loaded(case)
    _hold, call = await _in_flight(case)
    case.tell("a call is in flight on v1")
    case.write(PluginSpec(version="v2"))
    reload = in_background(case.reload("alpha"))
    bound_seconds = 4 * case.ports.drain_deadline_seconds
    done, _waiting = await patiently({reload}, bound_seconds)
    call.cancel()
    case.expect(
        bool(done),
        "a reload waits without end for a call in flight that does not end: a drain needs a "
        "deadline",
        expected=f"an end within {bound_seconds:g} s",
        seen="still waiting",
    )
    await asyncio.wait({call})
    if (await reload).ok:
        message = "after a drain that ran into its deadline, v2 is not on"
        await case.expect_replies(["v2"], message)
        return
    # A host may rather give the reload up than end the call, as long as it says so.
    message = "a reload was given up as its drain ran into the deadline, and v1 is not on"
    await case.expect_replies(["v1"], message)


async def _one_of_two_ends(case: Case) -> None:
    old = await _loaded(case)
    holds, calls = (Hold(), Hold()), []
    for hold in holds:
        case.recording.plan("reply", hold, version="v1")
        calls.append(in_background(case.adapter.call()))
        await turns()
    together = all(hold.gate.arrived for hold in holds)
    mark = case.recording.mark()
    case.write(PluginSpec(version="v2"))
    reload = in_background(case.reload("alpha"))
    await turns()
    holds[0].open()
    await patiently({calls[0]}, 5)
    await turns()
    early = bool(_stops(case, mark, old))
    holds[1].open()
    await patiently({*calls, reload}, 5)
    if not together:
        raise NotClaimed("two calls in flight: this host makes one after the other")
    case.expect(
        not early,
        "the old one's stop began while a call on it was still in flight: of two, and the end of "
        "the first was taken for that of both",
        expected="the end of both calls, then stop",
        seen="stop began first",
    )
    await turns()
    if not reload.done() or not _stops(case, mark, old):
        raise CannotJudge("the old one's stop was never seen")


def _stops(case: Case, mark: int, serial: int) -> list[Moment]:
    return [
        moment
        for moment in case.recording.moments[mark:]
        if (moment.serial, moment.what, moment.phase) == (serial, "stop", "begin")
    ]
