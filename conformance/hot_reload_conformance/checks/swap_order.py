"""SWAP, continued: when hooks run in a reload, and who answers meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.hang import Hold
from hot_reload_conformance.checks.observe import (
    NOT_HOOKS,
    SHUTDOWN,
    Calls,
    in_background,
    serial_of,
    turns,
    who,
)
from hot_reload_conformance.checks.stages import good_and_failing, plain
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation


def _starts(adapter: type[HostAdapter]) -> tuple[Variant, ...]:
    found: tuple[Variant, ...] = (Variant("quick"), Variant("slow start", True))
    if {Claim.STOP_FIRST, Claim.DEPENDENCIES} <= adapter.claims:
        found += (Variant("whoever needs it stops first", _BESIDE),)
    return found


_BESIDE = "beside"


@check("HR-SWAP-05", needs=[Claim.HOOKS], variants=_starts)
async def start_before_stop(case: Case, slow: bool | str | None) -> None:
    if slow == _BESIDE:
        await _beside_one_that_stops_first(case)
        return
    await case.loaded(plain(case))
    old = serial_of(await who(case))
    mark = case.recording.mark()
    if slow:
        if not case.recording.asynchronous:
            raise NotClaimed("a slow start: the hooks of this host's plugins are synchronous")
        case.recording.plan("start", lambda _: turns(), version="v2")
    await case.reloaded(plain(case, "v2"))
    await turns()
    moments = case.recording.moments[mark:]
    stops = [m.order for m in moments if (m.serial, m.what, m.phase) == (old, "stop", "begin")]
    starts = [m.order for m in moments if (m.version, m.what, m.phase) == ("v2", "start", "end")]
    if not stops or not starts:
        raise CannotJudge(
            "the host claims hooks, but the old one's stop or the new one's start never ran"
        )
    case.expect(
        starts[0] < stops[0],
        "the old one was stopped before the new one's start had returned: if that start fails, "
        "nobody is there",
        expected="new start end, then old stop begin",
        seen=[str(m) for m in moments if m.what in ("start", "stop")],
    )


async def _beside_one_that_stops_first(case: Case) -> None:
    base = PluginSpec(name="base")
    await case.loaded(base)
    await case.loaded(PluginSpec(name="user", dependencies=("base",), stop_first=True))
    mark = case.recording.mark()
    await case.reloaded(base.at("v2"))
    await turns()
    done = [m for m in case.recording.moments[mark:] if m.what in ("start", "stop")]
    place: dict[tuple[str, str, str], int] = {}
    for moment in done:
        place.setdefault((moment.plugin, moment.what, moment.phase), moment.order)
    if ("user", "stop", "begin") not in place or ("user", "start", "begin") not in place:
        raise NotClaimed("dependents that are started and stopped: this host leaves them running")
    if place["user", "start", "begin"] < place["user", "stop", "begin"]:
        raise CannotJudge("'user' declares stop-first, and was not stopped first as 'base' was new")
    if ("base", "stop", "begin") not in place or ("base", "start", "end") not in place:
        raise CannotJudge("the old one's stop or the new one's start never ran in a reload")
    case.expect(
        place["base", "start", "end"] < place["base", "stop", "begin"],
        "in a reload together with a plugin that stops first, one that does not was stopped before "
        "its new one's start had returned: if that start fails, nobody is there",
        expected="'base' v2 start end, then 'base' v1 stop begin",
        seen=[str(m) for m in done],
    )


def _moments(adapter: type[HostAdapter]) -> tuple[Variant, ...]:
    # A host may hold calls while it carries state, which hides who would have answered.
    stateless = (Variant("a good reload of a plugin without state hooks", False),)
    return (*stateless, *good_and_failing(adapter))


@check("HR-SWAP-06", variants=_moments)
async def never_absent(case: Case, fault: Fault | bool | None) -> None:
    state = fault is not False and Claim.STATE in case.claims
    await case.loaded(PluginSpec(state=state))
    await who(case)
    with Calls(case) as calls:
        if isinstance(fault, Fault):
            await fault.strike(case, PluginSpec(version="v2", state=state))
        else:
            await case.reloaded(PluginSpec(version="v2", state=state))
    failing = isinstance(fault, Fault)
    allowed = (["v1"],) if failing else (["v1"], ["v2"])
    seen = await calls.finished()
    for when, answer in seen:
        wrong = "was not answered by exactly one generation"
        if answer == []:
            wrong = "got no answer: the plugin was absent"
        elif isinstance(answer, list) and len(answer) > 1:
            wrong = "got more than one answer: old and new served side by side"
        elif isinstance(answer, list) and failing:
            wrong = "was answered by a version that never came to be"
        case.expect(
            answer in allowed,
            f"a call made at '{when}' {wrong}",
            expected=" or ".join(map(str, allowed)),
            seen=repr(answer),
        )
    if not seen and not failing:
        raise CannotJudge("no hook of the plugin ran during a reload: there was no moment to call")


@check(
    "HR-SWAP-07",
    variants=[Variant("no state", False), Variant("with state", True)],
)
async def hook_order(case: Case, state: bool) -> None:
    if state and Claim.STATE not in case.claims:
        raise NotClaimed("not claimed: state. The order of the state hooks was not looked at.")
    await case.loaded(PluginSpec(state=state))
    for version in ("v2", "v3"):
        old = serial_of(await who(case))
        mark = case.recording.mark()
        await case.reloaded(PluginSpec(version=version, state=state))
        await turns()
        moments = [m for m in case.recording.moments[mark:] if m.what not in NOT_HOOKS]
        seen = [
            f"{'old' if m.serial == old else 'new'} {m.what}" for m in moments if m.phase == "begin"
        ]
        if len(seen) < 2:
            raise CannotJudge("the host claims hooks, but hardly any ran in a reload")
        twice = sorted({each for each in seen if seen.count(each) > 1})
        case.expect(not twice, f"a hook ran more than once in one reload: {', '.join(twice)}")
        declared = list(case.adapter.hook_order)
        extra = [each for each in seen if each not in declared]
        case.expect(
            not extra,
            f"a hook ran in a reload that the declared order does not have: {', '.join(extra)}",
            expected=declared,
            seen=seen,
        )
        case.expect(
            _looks_at_health(case, seen),
            "health_check was never called: the adapter declares it in hook_order, and a reload "
            "to a version that is not well would succeed",
            expected="new health_check, before the commit",
            seen=seen,
        )
        _universal_order(case, moments, old)
        wanted = [each for each in declared if each in seen]
        case.expect(
            seen == wanted,
            "the hooks ran in another order than the adapter declares in hook_order",
            expected=wanted,
            seen=seen,
        )


def _looks_at_health(case: Case, seen: list[str]) -> bool:
    # Other hooks a plugin of the dialect may simply not have; this one is the host's to ask.
    declared = "new health_check" in case.adapter.hook_order
    return "new health_check" in seen or not (declared and "health_check" in case.adapter.stages)


def _universal_order(case: Case, moments: list[Moment], old: int) -> None:
    """What holds for every host, whatever order it declares."""
    place: dict[tuple[bool, str, str], int] = {}
    for moment in moments:
        place.setdefault((moment.serial == old, moment.what, moment.phase), moment.order)

    def before(first: tuple[bool, str, str], then: tuple[bool, str, str], message: str) -> None:
        if first in place and then in place:
            case.expect(place[first] < place[then], message)

    before(
        (True, "get_reload_state", "begin"),
        (True, "stop", "begin"),
        "the state was read from the old one after its stop had begun: it may be gone by then",
    )
    before(
        (False, "construct", "end"),
        (False, "set_reload_state", "begin"),
        "the state was given to the new one before it was constructed",
    )
    if Claim.BLUE_GREEN not in case.claims:
        return
    for new in ("construct", "setup", "start", "set_reload_state", "health_check", "on_reload"):
        for gone in SHUTDOWN:
            before(
                (False, new, "end"),
                (True, gone, "begin"),
                f"the old one's {gone} came before the new one's {new} had ended: a host that "
                "claims blue-green may shut the old one down only when nothing can fail any more",
            )


def _flights(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant("ends in time", "ends"), Variant("never ends", "never")]
    if Claim.UNLOAD in adapter.claims:
        found.append(Variant("unload", "unload"))
    return found


@check("HR-SWAP-10", needs=[Claim.HOOKS], kind=Kind.SIMULATION, variants=_flights)
async def calls_in_flight_finish(case: Case, script: str) -> None:
    await case.loaded(PluginSpec())
    old = serial_of(await who(case))
    if not case.recording.asynchronous:
        raise NotClaimed("calls in flight: the handlers of this host's plugins cannot wait")
    hold = Hold()
    case.recording.plan("reply", hold, version="v1")
    call = in_background(case.adapter.call())
    await turns()
    if not hold.entered.is_set():
        raise NotClaimed("calls in flight: render the handlers with probe.areply() to show them")
    mark = case.recording.mark()
    case.tell("a call is in flight on v1")
    unloads = script == "unload"
    verb = "unloaded" if unloads else "reloaded"
    if unloads:
        reload = in_background(case.unload("alpha"))
    else:
        case.write(PluginSpec(version="v2"))
        reload = in_background(case.reload("alpha"))
    if script == "never":
        bound_seconds = 4 * case.ports.drain_deadline_seconds
        done, _ = await patiently({reload}, bound_seconds)
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
        return
    await turns()
    begun = _stops(case, mark, old)
    hold.open.set()
    case.expect(
        not begun,
        "the old one's stop began while a call on it was still in flight",
        expected="the call's end, then stop",
        seen="stop began first",
    )
    done, _ = await patiently({call, reload}, 5)
    if call not in done or call.exception() is not None:
        error = call.exception() if call in done else None
        raise Violation(
            f"a call that was in flight when its plugin was {verb} got no answer: "
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
    what = "an unload" if unloads else "a reload"
    case.expect((await reload).ok, f"{what} with a call in flight failed")
    await turns()
    if not _stops(case, mark, old):
        raise CannotJudge("the old one's stop was never seen")
    if unloads:
        await case.expect_replies([], "after the call in flight ended, what was unloaded serves")
    else:
        await case.expect_replies(["v2"], "after the call in flight ended, v2 does not serve")


def _stops(case: Case, mark: int, serial: int) -> list[Moment]:
    return [
        moment
        for moment in case.recording.moments[mark:]
        if (moment.serial, moment.what, moment.phase) == (serial, "stop", "begin")
    ]
