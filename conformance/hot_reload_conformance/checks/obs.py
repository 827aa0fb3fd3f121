"""OBS: what a host says of its operations is so, is said once, and holds nothing alive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter, HostEvent, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold, turns
from hot_reload_conformance.bench.leftovers import only_new_objects
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.leak import still_alive
from hot_reload_conformance.checks.stages import few, few_and_a_hang, plain
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

Script: TypeAlias = "Callable[[Case], Awaitable[dict[str, int]]]"
"""Does something; gives how many attempts of each operation must have been told."""


# HR-OBS-03


async def _all_good(case: Case) -> dict[str, int]:
    await case.loaded(plain(case))
    await case.reloaded(plain(case, "v2"))
    told = {"load": 1, "reload": 1}
    if Claim.UNLOAD in case.claims:
        await case.unload("alpha")
        told["unload"] = 1
    return told


async def _unknown(case: Case) -> dict[str, int]:
    """A refusal need not count as an attempt; if it is told of, then whole."""
    await case.loaded(plain(case))
    await case.reload("nobody")
    await case.load("alpha")
    return {"load": 1}


async def _unchanged(case: Case) -> dict[str, int]:
    await case.loaded(plain(case))
    await case.reloaded(plain(case), write=False)
    return {"load": 1}


async def _failing_load(case: Case) -> dict[str, int]:
    case.write(plain(case))
    case.recording.plan("import", raising(PlannedError), plugin="alpha")
    await case.load("alpha")
    await case.load("alpha")
    return {"load": 2}


async def _overlapping(case: Case) -> dict[str, int]:
    await case.loaded(plain(case))
    await case.loaded(PluginSpec(name="beta"))
    case.write(plain(case, "v2"))
    case.write(PluginSpec(name="beta", version="v2"))
    await asyncio.gather(*(case.reload(name) for name in ("alpha", "beta", "alpha")))
    return {"load": 2, "reload": 2}


async def _cancelled(case: Case) -> dict[str, int]:
    await case.loaded(plain(case))
    case.write(plain(case, "v2"))
    hold = Hold()
    case.recording.plan("start", hold, plugin="alpha", version="v2")
    reload = asyncio.ensure_future(case.adapter.reload("alpha"))
    try:
        await hold.reached(reload)
        reload.cancel()
        await patiently({reload}, 2)
    finally:
        hold.open()
    await turns()
    await case.reloaded(plain(case, "v3"))
    return {"load": 1, "reload": 2}


def _failing(fault: Fault) -> Script:
    async def script(case: Case) -> dict[str, int]:
        await case.loaded(plain(case))
        await fault.strike(case, plain(case, "v2"))
        await case.reloaded(plain(case, "v3"))
        return {"load": 1, "reload": 2}

    return script


def _scripts(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [
        Variant("refusals", _unknown),
        Variant("a failing load", _failing_load),
    ]
    if Claim.RELOAD not in adapter.claims:
        return found
    found += [
        Variant("load, reload, unload", _all_good),
        Variant("unchanged", _unchanged),
        Variant("overlapping reloads", _overlapping),
    ]
    if Claim.CANCEL in adapter.claims and "start" in adapter.stages:
        found.append(Variant("a cancelled reload", _cancelled))
    found += [Variant(f"failed: {v.name}", _failing(v.value)) for v in few_and_a_hang(adapter)]
    return found


@check("HR-OBS-03", variants=_scripts)
async def one_terminal_event(case: Case, script: Script) -> None:
    needed = await script(case)
    await turns()
    attempts: dict[str, list[HostEvent]] = {}
    for event in await case.events():
        attempts.setdefault(event.attempt, []).append(event)
    told: dict[str, int] = {}
    for number, events in attempts.items():
        phases = [event.phase for event in events]
        what = f"attempt {number} ({events[0].operation} of {events[0].plugin!r})"
        for phase in ("start", "end"):
            count = phases.count(phase)
            case.expect(
                count == 1,
                f"{what} has {count} {'terminal' if phase == 'end' else phase} events",
                expected="one start and exactly one terminal event",
                seen=phases,
            )
        case.expect(
            phases[0] == "start" and phases[-1] == "end",
            f"the events of {what} are out of order: something came before its start or after "
            "its end",
            expected="start first, end last",
            seen=phases,
        )
        told[events[0].operation] = told.get(events[0].operation, 0) + 1
    for operation, count in needed.items():
        case.expect(
            told.get(operation, 0) >= count,
            f"{count} attempts to {operation} were made, and events tell of "
            f"{told.get(operation, 0)}",
            expected=f"one start and one terminal event for each {operation}",
            seen=told,
        )


# HR-OBS-04


def _results(adapter: type[HostAdapter]) -> Sequence[Variant]:
    return [
        Variant("a good reload", None),
        Variant("three good reloads", "three"),
        Variant("a good one behind one that failed", "behind a failure"),
        Variant("a load and an unload", "no reload"),
        Variant("unchanged", "unchanged"),
        Variant("an unknown plugin", "unknown"),
        *few(adapter),
    ]


@check("HR-OBS-04", variants=_results)
async def result_tells_truth(case: Case, what: Fault | str | None) -> None:
    if what == "no reload":
        await _load_and_unload(case)
        return
    await case.loaded(plain(case))
    if what == "unknown":
        reply = await case.reload("nobody")
        _agrees(case, reply, "v1", "v1", await case.replies(), "a reload of an unknown plugin")
        case.expect(
            not reply.ok,
            "the result of a reload of an unknown plugin says success",
            expected="no success",
            seen="success",
        )
        return
    if what == "unchanged":
        reply = await case.reloaded(plain(case), write=False)
        _agrees(case, reply, "v1", "v1", await case.replies(), "a reload of the same bytes")
        return
    if isinstance(what, Fault):
        reply = await what.strike(case, plain(case, "v2"))
        said = f"a reload that was made to fail at {what.stage}"
        gone = what.stage == "read"
        _agrees(case, reply, "v1", "v2", await case.replies(), said, gone=gone)
        case.expect(
            reply.ok or bool(reply.everything),
            f"the result of {said} says no success, and no error either",
            expected="an error in words",
            seen="nothing",
        )
        return
    if what == "behind a failure":
        case.spoil(plain(case, "v0"), lambda text: text + "\ndef broken(:\n", "and broken")
        await case.reload("alpha")
    for number in range(2, 5 if what == "three" else 3):
        case.write(plain(case, f"v{number}"))
        reply = await case.reload("alpha")
        said = "a reload of a good edit"
        _agrees(case, reply, f"v{number - 1}", f"v{number}", await case.replies(), said)


async def _load_and_unload(case: Case) -> None:
    """The versions in the results of what is no reload."""
    for version in ("v1", "v2"):
        _tells(case, await case.loaded(plain(case, version)), "a load", "", version)
        if Claim.UNLOAD not in case.claims:
            return
        _tells(case, await case.unload("alpha"), "an unload", version, "")


def _tells(case: Case, reply: Reply, what: str, old: str, new: str) -> None:
    for field, told, so in (("old", reply.old, old), ("new", reply.new, new)):
        case.expect(
            not told or (bool(so) and _names(told, so)),
            f"the result of {what} names {told!r} as its {field} version, and "
            + (f"that is {so}" if so else "there is none"),
            expected=so or "no version",
            seen=told,
        )


def _agrees(
    case: Case,
    reply: Reply,
    old: str,
    edit: str,
    served: list[str],
    what: str,
    *,
    gone: bool = False,
) -> None:
    """The probe's word on who serves against the host's."""
    if reply.ok:
        # A host may declare that it unloads a plugin whose file is gone: then nobody answers.
        case.expect(
            served == [edit] or (gone and not served),
            f"the result of {what} says success, and a call says otherwise",
            expected=[edit],
            seen=served,
        )
    else:
        case.expect(
            served != [edit] or edit == old,
            f"the result of {what} says no success, and yet the edit serves",
            expected=[old],
            seen=served,
        )
    for field, told, so in (
        ("old", reply.old, old),
        ("new", reply.new, served[0] if served else ""),
    ):
        if told and so:
            case.expect(
                _names(told, so),
                f"the result of {what} names {told!r} as its {field} version, and a call says {so}",
                expected=so,
                seen=told,
            )


def _names(told: str, version: str) -> bool:
    """Whether the host's way of writing it, ``1.0+v2``, means ``v2``."""
    head, _, tail = told.rpartition(version)
    return told == version or (bool(head + version) and told.endswith(version) and not tail)


# HR-OBS-07


def _histories(adapter: type[HostAdapter]) -> Sequence[Variant]:
    if Claim.RELOAD not in adapter.claims:
        return [Variant("no reload", "nothing")]
    return [Variant("good reloads", None), *few(adapter)]


@check("HR-OBS-07", variants=_histories)
async def history_holds_nothing(case: Case, fault: Fault | str | None) -> None:
    if isinstance(fault, str):
        raise NotClaimed("reload")
    with only_new_objects():
        await case.loaded(plain(case))
        replies: list[Any] = []
        for number in range(2, 5):
            if fault is not None:
                replies.append(await fault.strike(case, plain(case, "v0")))
            replies.append(await case.reloaded(plain(case, f"v{number}")))
        # Held while it is looked: an error that a caller keeps is kept by its caller's log, too.
        kept = await case.events()
        alive = await still_alive(case, "v4")
    if not kept:
        raise CannotJudge("the host has emitted no event, so it keeps no record of anything")
    old = [each for each in alive if not each.startswith("alpha v4#")]
    after = f"three reloads that failed at {fault.stage}" if fault else "three good reloads"
    case.expect(
        not old,
        f"after {after}, the host's records keep old generations in memory: {', '.join(old)}",
        expected="only v4 alive, though the records are there",
        seen=alive,
    )
