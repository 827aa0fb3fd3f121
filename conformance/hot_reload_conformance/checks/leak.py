"""LEAK: what is over is gone, from memory and from the process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.breakage import (
    CAUSE,
    Breakage,
    load_breakages,
    one_for_each_stage,
    reload_breakages,
)
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import turns
from hot_reload_conformance.bench.leftovers import census, grown, only_new_objects
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.leak_held import held_by
from hot_reload_conformance.checks.sinks import added
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation

LEAST_ROUNDS = 5
SPEC = PluginSpec()
_SINK = "removed-sink"
_AWAITING_SINK = "removed-sink-that-awaits"


_SHOWN = 4
_THREAD_WAITS = 20
_THREAD_WAIT_SECONDS = 0.01


def _rounds(case: Case) -> int:
    return max(LEAST_ROUNDS, case.budget.repeats)


def _histories(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant("reloads", ("reloads", None))]
    if Claim.UNLOAD in adapter.claims:
        found.append(Variant("unloaded", ("unloaded", None)))
    reloads = one_for_each_stage(reload_breakages(adapter))
    loads = one_for_each_stage(load_breakages(adapter))
    if Claim.SINKS in adapter.claims:
        found += [Variant(name, (name, None)) for name in (_SINK, _AWAITING_SINK)]
    found += [Variant(f"failed-{v.name}", ("failed", v.value)) for v in reloads]
    found += [Variant(f"load-{v.name}", ("never", v.value)) for v in loads]
    return found


@check("HR-LEAK-01", variants=_histories, kind=Kind.PROPERTY, repeats=True)
async def old_generation_collected(case: Case, what: tuple[str, Breakage | None]) -> None:
    history, breakage = what
    spec = _spec(case)
    with _no_keeper_of_records(), only_new_objects():
        if history in (_SINK, _AWAITING_SINK):
            await _removed_sink(case, awaits=history == _AWAITING_SINK)
            return
        if history == "never":
            assert breakage is not None
            for number in range(2):
                breakage.apply(case, spec)
                reply = await case.load(spec.ref)
                if number and breakage.planned and case.recording.pending():
                    raise NotClaimed(
                        f"more than one load that fails ({breakage.name}): behind the first, this "
                        f"host does not come to it ({reply.everything or 'no word why'}). Mend "
                        "first what HR-LOAD-02 finds"
                    )
                breakage.sprung(case)
            alive = await still_alive(case, "none")
            case.expect(
                not alive,
                f"a plugin whose load failed ({breakage.name}) is kept in memory: "
                f"{_some(alive)}{_held(case, alive)}",
                expected="nothing of it alive after a garbage collection",
                seen=alive,
            )
            return
        newest = await _reload_often(case, spec, breakage)
        if history == "unloaded":
            await case.unload(spec.ref)
            newest = "none"
        alive = await still_alive(case, newest)
    old = _older(alive, newest)
    if breakage is not None:
        old = await _but_what_serves(case, old)
    failing = f" and failing ones ({breakage.name})" if breakage else ""
    case.expect(
        not old,
        f"after {_rounds(case)} reloads{failing} old generations are kept in memory: "
        f"{_some(old)}{_held(case, old)}",
        expected=f"only {newest} alive after a garbage collection",
        seen=alive,
    )
    instances = [each for each in alive if each.endswith("(instance)")]
    case.expect(
        len(instances) <= 1,
        f"after {_rounds(case)} reloads{failing} more than one instance is kept in memory"
        f"{_held(case, instances if len(instances) > 1 else ())}",
        expected="one instance",
        seen=instances,
    )


async def _removed_sink(case: Case, *, awaits: bool) -> None:
    spec = SPEC.at("v1", sink=True, awaits=awaits)
    if awaits and dict(case.adapter.render(spec)) == dict(
        case.adapter.render(SPEC.at("v1", sink=True))
    ):
        raise NotClaimed("sinks that are coroutines: have render() obey `spec.awaits`")
    await added(case, PluginSpec(name="keeper", sink=True))
    await added(case, spec)
    await case.emit()
    await case.settle()
    if not any(each.plugin == spec.name for each in case.recording.deliveries):
        raise CannotJudge("emit() did not reach the sink that was to be removed")
    reply = await case.remove_sink(spec.ref)
    if not reply.ok:
        raise CannotJudge(f"one of two sinks could not go: {reply.everything or 'no word why'}")
    alive = await still_alive(case, "none")
    case.expect(
        not alive,
        f"a sink that was removed is kept in memory, with what delivers to it: {_some(alive)}"
        f"{_held(case, alive)}",
        expected="nothing of it alive after a garbage collection",
        seen=alive,
    )


async def _reload_often(case: Case, spec: PluginSpec, breakage: Breakage | None) -> str:
    """Load, then reload N times, each followed by a failing reload; gives the newest version."""
    await case.loaded(spec)
    version = spec.version
    for number in range(_rounds(case)):
        version = f"v{number + 2}"
        await case.reloaded(spec.at(version))
        with contextlib.suppress(Violation):  # what it answers is not asked here
            await case.replies(tell=False)  # some remember whom they called
        if breakage is not None:
            breakage.apply(case, spec.at("v0"))
            await case.reload(spec.ref)
            breakage.sprung(case)
    return version


async def still_alive(case: Case, newest: str) -> list[str]:
    """What is in memory of the plugin ``alpha``; more than ``newest`` has had time to go."""
    case.escaped.clear()  # its tracebacks would hold what the host let go of
    await turns()
    alive = case.recording.alive(SPEC.name)
    for _ in range(_THREAD_WAITS):
        if threading.active_count() == 1 or not _older(alive, newest):
            break
        # A worker thread of the host's that has handed an exception over may stand right
        # behind that, its frame still holding it: give it time to get out.
        await asyncio.sleep(_THREAD_WAIT_SECONDS)
        alive = case.recording.alive(SPEC.name)
    return alive


async def _but_what_serves(case: Case, old: Sequence[str]) -> list[str]:
    """Without the failed generation that took the old one's place: it is in use, HR-ROLL-01's
    matter, and no more of them gather."""
    serving: list[str] = []
    if old:
        with contextlib.suppress(Violation):
            serving = await case.replies(tell=False)
    last = {_kind(each): _number(each) for each in sorted(old, key=_number)}
    return [
        each for each in old if _version(each) not in serving or _number(each) != last[_kind(each)]
    ]


def _version(label: str) -> str:
    """``v0`` of ``alpha v0#11 (probe)``."""
    return label.split("#")[0].split(" ")[1]


def _number(label: str) -> int:
    return int(label.split("#")[1].split(" ")[0])


def _kind(label: str) -> str:
    return label.split(" ")[-1]


def _some(alive: Sequence[str]) -> str:
    shown = ", ".join(alive[:_SHOWN])
    return f"{shown} and {len(alive) - _SHOWN} more" if len(alive) > _SHOWN else shown


def _held(case: Case, alive: Sequence[str]) -> str:
    """Who holds the first instance of ``alive``, or the first of all; "": nobody is seen to."""
    for label in sorted(alive, key=lambda each: not each.endswith("(instance)"))[:1]:
        thing = case.recording.living(label)
        chain = held_by(thing) if thing is not None else ""
        if chain:
            return f". {label} is held by {chain}"
    return ""


def _older(alive: Sequence[str], newest: str) -> list[str]:
    return [each for each in alive if _version(each) != newest]


@contextlib.contextmanager
def _no_keeper_of_records() -> Iterator[None]:
    """A host may log exceptions; that the test runner keeps the records is not its doing."""
    kept, logging.root.handlers[:] = list(logging.root.handlers), []
    try:
        yield
    finally:
        logging.root.handlers[:] = kept


def _spec(case: Case) -> PluginSpec:
    return SPEC.at("v1", state=Claim.STATE in case.claims)


def _stages(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant("success")]
    if Claim.UNLOAD in adapter.claims:
        found.append(Variant("load-and-unload", "unload"))
    if Claim.PACKAGES in adapter.claims:
        found.append(Variant("packages", "packages"))
    if Claim.HOOKS in adapter.claims and "start" in adapter.stages:
        found.append(Variant("failed-start-and-its-stop", _STOP_FAILS_TOO))
    return [*found, *(Variant(f"failed-{v.name}", v.value) for v in reload_breakages(adapter))]


_STOP_FAILS_TOO = "the clean-up of a failed start fails too"


@check("HR-LEAK-02", variants=_stages, kind=Kind.PROPERTY, repeats=True)
async def census_does_not_grow(case: Case, what: Breakage | str | None) -> None:
    spec = replace(_spec(case), package=what == "packages")
    if what != "unload":
        await case.loaded(spec)
    # Twice before the first count: what is filled once, such as a cache, is no leak.
    for number in range(2):
        await _round(case, spec, number, what)
    rounds = _rounds(case)
    with only_new_objects():
        before = await census()
        for number in range(rounds):
            await _round(case, spec, number + 2, what)
        more = grown(before, await census(), rounds=rounds)
    how = "reloads of a package" if what == "packages" else "reloads"
    if isinstance(what, Breakage):
        how = f"reloads that fail ({what.name})"
    if what == _STOP_FAILS_TOO:
        how = "reloads in which start failed, and then the stop of what it had begun,"
    case.expect(
        not more,
        f"{rounds} {'loads and unloads' if what == 'unload' else how} left at least one thing "
        f"behind each time: {'; '.join(more)}",
        expected="nothing more in the process than before",
        seen="; ".join(more),
    )


async def _round(case: Case, spec: PluginSpec, number: int, what: Breakage | str | None) -> None:
    version = spec.at(f"v{number + 2}")
    if isinstance(what, Breakage):
        if not await case.replies(tell=False):
            await _brought_back(case, spec)
        what.apply(case, version)
        reply = await case.reload(spec.ref)
        if number and what.planned and case.recording.pending():
            said = "it says that it did" if reply.ok else reply.everything or "no word why"
            raise NotClaimed(
                f"more than one reload that fails ({what.name}): behind the first, this host "
                f"reloads no more ({said}). Mend first what "
                "HR-ROLL-01 and HR-ROLL-05 find"
            )
        what.sprung(case)
    elif what == "unload":
        await case.loaded(version)
        await case.unload(spec.ref)
    elif what == _STOP_FAILS_TOO:
        if not await case.replies(tell=False):
            await _brought_back(case, spec)
        case.write(version)
        for hook in ("start", "stop"):
            failure = raising(PlannedError, CAUSE)
            case.recording.plan(hook, failure, plugin=spec.name, version=version.version)
        await case.reload(spec.ref)
        case.recording.unplanned()
    else:
        await case.reloaded(version)


async def _brought_back(case: Case, spec: PluginSpec) -> None:
    """A failed reload lost the plugin, HR-ROLL-01's matter: have it serve for the next round."""
    case.write(spec)
    if not (await case.reload(spec.ref)).ok:
        await case.load(spec.ref)
