"""SWAP, continued: when hooks run in a reload, and who answers meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.observe import (
    NOT_HOOKS,
    SHUTDOWN,
    Calls,
    serial_of,
    turns,
    who,
)
from hot_reload_conformance.checks.stages import good_and_failing, plain
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

Judge: TypeAlias = Callable[[Case], Awaitable[None]]


def _starts(adapter: type[HostAdapter]) -> list[Variant]:
    found = [
        Variant("quick", partial(_alone, slow=False)),
        Variant("slow start", partial(_alone, slow=True)),
    ]
    if {Claim.STOP_FIRST, Claim.DEPENDENCIES} <= adapter.claims:
        found.append(Variant("whoever needs it stops first", _beside_one_that_stops_first))
    return found


@check("HR-SWAP-05", needs=[Claim.HOOKS], variants=_starts)
async def start_before_stop(case: Case, judge: Judge) -> None:
    await judge(case)


async def _alone(case: Case, *, slow: bool) -> None:
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
        missing = " and ".join(
            [each for each, seen in (("stop", stops), ("start", starts)) if not seen]
        )
        raise CannotJudge(
            f"the host claims hooks, but no {missing} was seen in a reload. Where your host has "
            "one hook for the beginning or the end, report it as start or stop, whatever the "
            "host calls it"
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


@dataclass(frozen=True)
class Reloading:
    """A reload that ``fault`` has fail, if any; with state, where the host has that."""

    fault: Fault | None
    state: bool = True


def _reloadings(adapter: type[HostAdapter]) -> list[Variant]:
    # A host may hold calls while it carries state, which hides who would have answered.
    stateless = Variant(
        "a good reload of a plugin without state hooks", Reloading(None, state=False)
    )
    others = good_and_failing(adapter)
    return [stateless, *(Variant(each.name, Reloading(each.value)) for each in others)]


@check("HR-SWAP-06", variants=_reloadings)
async def never_absent(case: Case, reloading: Reloading) -> None:
    state = reloading.state and Claim.STATE in case.claims
    await case.loaded(PluginSpec(state=state))
    await who(case)
    failing = reloading.fault is not None
    with Calls(case) as calls:
        if reloading.fault is not None:
            await reloading.fault.strike(case, PluginSpec(version="v2", state=state))
        else:
            await case.reloaded(PluginSpec(version="v2", state=state))
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


def _orders(adapter: type[HostAdapter]) -> list[Variant]:
    found = [
        Variant("no state", partial(_of_one, state=False)),
        Variant("with state", partial(_of_one, state=True)),
    ]
    if Claim.DEPENDENCIES in adapter.claims:
        found.append(Variant("of a dependent", _of_a_dependent))
    return found


@check("HR-SWAP-07", variants=_orders)
async def hook_order(case: Case, judge: Judge) -> None:
    await judge(case)


async def _of_one(case: Case, *, state: bool) -> None:
    if state and Claim.STATE not in case.claims:
        raise NotClaimed("not claimed: state. The order of the state hooks was not looked at.")
    await case.loaded(PluginSpec(state=state))
    for version in ("v2", "v3"):
        old = serial_of(await who(case))
        mark = case.recording.mark()
        await case.reloaded(PluginSpec(version=version, state=state))
        await turns()
        moments = [m for m in case.recording.moments[mark:] if m.what not in NOT_HOOKS]
        _as_declared(case, moments, old, "in a reload")


async def _of_a_dependent(case: Case) -> None:
    """Whoever is reloaded with what it needs goes through the same hooks."""
    base = PluginSpec(name="base", state=Claim.STATE in case.claims)
    user = PluginSpec(name="user", dependencies=("base",), state=base.state)
    await case.loaded(base)
    await case.loaded(user)
    mark = case.recording.mark()
    before = {m.serial for m in case.recording.moments[:mark] if m.plugin == user.name}
    await case.reloaded(base.at("v2"))
    await turns()
    moments = [
        m
        for m in case.recording.moments[mark:]
        if m.plugin == user.name and m.what not in NOT_HOOKS
    ]
    if not any(m.serial not in before for m in moments):
        raise NotClaimed("dependents that are reloaded too: this host leaves them running")
    old = next((m.serial for m in moments if m.serial in before), -1)
    _as_declared(case, moments, old, "in a reload of 'user' with 'base', which it needs")


def _as_declared(case: Case, moments: list[Moment], old: int, when: str) -> None:
    """The hooks of one plugin in one reload, the old one's with the number ``old``."""
    seen = [
        f"{'old' if m.serial == old else 'new'} {m.what}" for m in moments if m.phase == "begin"
    ]
    if len(seen) < 2:
        raise CannotJudge(f"the host claims hooks, but hardly any ran {when}")
    twice = sorted({each for each in seen if seen.count(each) > 1})
    case.expect(
        not twice,
        f"a hook ran more than once {when.replace('a reload', 'one reload')}: {', '.join(twice)}",
    )
    declared = list(case.adapter.hook_order)
    extra = [each for each in seen if each not in declared]
    case.expect(
        not extra,
        f"a hook ran {when} that the declared order does not have: {', '.join(extra)}",
        expected=declared,
        seen=seen,
    )
    case.expect(
        _looks_at_health(case, seen),
        f"health_check was never called {when}: the adapter declares it in hook_order, and a "
        "reload to a version that is not well would succeed",
        expected="new health_check, before the commit",
        seen=seen,
    )
    _universal_order(case, moments, old)
    wanted = [each for each in declared if each in seen]
    case.expect(
        seen == wanted,
        "the hooks ran in another order than the adapter declares in hook_order"
        + (f", {when}" if when != "in a reload" else ""),
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
