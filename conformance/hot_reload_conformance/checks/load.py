"""LOAD: what a host owes when a plugin is loaded and unloaded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec
from hot_reload_conformance.bench.breakage import CAUSE
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold, turns
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.load_sources import Judge, sources
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import NotClaimed

WHO = Event("who")


def _loads(adapter: type[HostAdapter]) -> Sequence[Variant]:
    return [Variant("", _two_loads), *sources(adapter)]


@check("HR-LOAD-01", variants=_loads)
async def takes_effect(case: Case, judge: Judge) -> None:
    await judge(case)


async def _two_loads(case: Case) -> None:
    await case.loaded(PluginSpec())
    await case.expect_replies(["v1"], "load said ok, but the plugin does not answer exactly once")
    await case.loaded(PluginSpec(name="beta", version="v7"))
    await case.expect_replies(
        ["v1", "v7"], "after a second load, each plugin does not answer exactly once"
    )


def _lifetimes(adapter: type[HostAdapter]) -> Sequence[Variant]:
    names = ["load"]
    if Claim.RELOAD in adapter.claims:
        names += ["two-reloads", "unchanged-reload"]
    if Claim.UNLOAD in adapter.claims:
        names.append("unload-and-load")
    if Claim.LAZY in adapter.claims:
        names.append("first-use")
    if "setup" in adapter.stages:
        names.append("setup-fails-first")
    return [Variant(name, name) for name in names]


@check("HR-LOAD-04", variants=_lifetimes)
async def setup_once(case: Case, script: str) -> None:
    spec = PluginSpec()
    if script == "setup-fails-first":
        case.write(spec)
        case.recording.plan("setup", raising(PlannedError, CAUSE), plugin=spec.name)
        await case.load(spec.ref)
        case.recording.unplanned()
    before = case.recording.mark()
    if script == "first-use":
        case.write(spec)
        await case.register_lazy(spec.ref)
        await case.use(spec.ref)
    else:
        await case.loaded(spec)
    began = _begun(case, before)
    _no_reload_hook(case, began, "the first load of a plugin")
    if "start" not in began:
        raise NotClaimed(
            "no start hook was seen: the rendered plugin reports none. Where your host has one "
            "hook for the beginning, report it as start, whatever the host calls it"
        )
    for hook in ("setup", "start"):
        if hook == "setup" and "setup" not in case.adapter.stages:
            continue
        case.expect(
            began.count(hook) == 1,
            f"{hook} ran {began.count(hook)} times in the first load of a plugin",
            expected=f"{hook} once",
            seen=began,
        )
    if script in ("two-reloads", "unchanged-reload"):
        for version in ("v2", "v3"):
            again = spec if script == "unchanged-reload" else spec.at(version)
            await case.reloaded(again)
    elif script == "unload-and-load":
        await case.unload(spec.ref)
        before = case.recording.mark()
        await case.loaded(spec)
        _no_reload_hook(case, _begun(case, before), "the load of a plugin that had been unloaded")
    _neither_twice(case)
    served = await case.replies(WHO)
    started = [
        f"{m.version}#{m.serial}"
        for m in case.recording.moments
        if m.what == "start" and m.phase == "end"
    ]
    case.expect(
        len(served) == 1 and served[0] in started,
        "the generation that serves was never started",
        expected=f"one of {started}",
        seen=served,
    )


def _no_reload_hook(case: Case, began: list[str], load: str) -> None:
    """A hook that takes over from an old generation has no business where there is none."""
    called = [each for each in began if each in _FOR_RELOADS]
    case.expect(
        not called,
        f"{' and '.join(called)} ran in {load}: nothing is taken over there, and a plugin that "
        "counts or re-opens in it does so for a reload that never was",
        expected="construct, setup and start, and no hook of a reload's",
        seen=began,
    )


_FOR_RELOADS = ("on_reload", "get_reload_state", "set_reload_state")


def _begun(case: Case, since: int) -> list[str]:
    return [m.what for m in case.recording.moments[since:] if m.phase == "begin"]


def _neither_twice(case: Case) -> None:
    seen: set[tuple[int, str]] = set()
    for moment in case.recording.moments:
        if moment.phase != "begin" or moment.what not in ("setup", "start"):
            continue
        case.expect(
            (moment.serial, moment.what) not in seen,
            f"{moment.what} ran twice on one generation, {moment.version}#{moment.serial}",
            expected=f"{moment.what} at most once for each generation",
            seen=str(moment),
        )
        seen.add((moment.serial, moment.what))


_ALONE = "failing-alone"
_FIRST_USES = ("plain", "held-start", "failing-start", _ALONE)


@check("HR-LOAD-08", variants=[Variant(n, n) for n in _FIRST_USES])
async def one_load_for_many_waiters(case: Case, script: str) -> None:
    if script != "plain" and "start" not in case.adapter.stages:
        raise NotClaimed("no stage 'start' in `stages`: a load cannot be held open")
    spec = PluginSpec()
    case.write(spec)
    await case.register_lazy(spec.ref)
    if script == _ALONE:
        await _fails_once(case, spec)
        return
    hold = Hold(raising(PlannedError, CAUSE) if script == "failing-start" else None)
    if script != "plain":
        case.recording.plan("start", hold, plugin=spec.name)
    uses = [asyncio.ensure_future(_used(case, spec)) for _ in range(3)]
    try:
        if script != "plain":
            await hold.reached(uses[0])
            await turns()
            hold.open()
        answers = [await use for use in uses]
    finally:
        hold.open()
        for use in uses:
            use.cancel()
    for answer in answers:
        case.tell("first use", seen=answer)
    loads = case.recording.count("import", spec.name)
    case.expect(
        loads == 1,
        f"{len(uses)} first uses at the same time loaded the plugin {loads} times",
        expected="one load, shared",
        seen=f"{loads} loads",
    )
    good = all(CAUSE in each for each in answers) if hold.then else set(answers) == {"v1"}
    case.expect(
        good,
        "uses that waited for one load were not all given its result",
        expected="the same error for all" if hold.then else "v1 for all",
        seen=answers,
    )
    if hold.then:
        return
    served = await case.replies(WHO)
    case.expect(
        len(served) == 1,
        "after concurrent first uses not exactly one generation serves",
        expected="one",
        seen=served,
    )


async def _fails_once(case: Case, spec: PluginSpec) -> None:
    """A first use that fails is one load: the next use is the next attempt."""
    if "import" not in case.adapter.stages:
        raise NotClaimed("no stage 'import' in `stages`: a first use cannot be made to fail there")
    case.recording.plan("import", raising(PlannedError, CAUSE), plugin=spec.name)
    answer = await _used(case, spec)
    loads = case.recording.count("import", spec.name)
    case.expect(
        loads == 1,
        f"one first use that failed ran the plugin {loads} times: what it does as it is imported "
        "is done again, and its error may be gone",
        expected="one load, and its error",
        seen=f"{loads} loads: {answer}",
    )


async def _used(case: Case, spec: PluginSpec) -> str:
    try:
        return await case.adapter.use(spec.ref)
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
