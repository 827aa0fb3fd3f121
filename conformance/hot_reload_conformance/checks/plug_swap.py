"""PLUG 14, 16: an old generation goes when its time has come, and stays when it has not."""

from __future__ import annotations

import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

from hot_reload import hooks
from hot_reload.errors import SourceError
from hot_reload.manifest import SwapPolicy
from hot_reload_conformance.bench.containment import still_running
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.plug import health_of
from hot_reload_conformance.plugins.bare import copied
from hot_reload_conformance.plugins.case import PluginCase
from hot_reload_conformance.plugins.holders import holder_of
from hot_reload_conformance.plugins.hook_run import run_hook
from hot_reload_conformance.plugins.next_version import BAD_VERSIONS, BadVersion, spoiled
from hot_reload_conformance.plugins.state import difference
from hot_reload_conformance.plugins.words import told
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

if TYPE_CHECKING:
    from hot_reload import Engine


@check("HR-PLUG-14", deadline_seconds=20)
async def collectable(case: PluginCase, _: Any) -> None:
    threads = set(threading.enumerate())
    async with case.engine() as engine:
        name = await case.loaded(engine)
        witnesses: list[tuple[str, weakref.ref[Any], str]] = []
        for _ in range(3):
            await case.exercised(engine.plugin(name))
            witnesses += _witnesses(engine.plugin(name))
            outcome = await case.upgraded(engine, name)
            if not outcome.success:
                raise CannotJudge(
                    f"the plugin does not reload: {told(outcome)} (see HR-PLUG-03, HR-PLUG-04)"
                )
        lingering = _lingering(engine, threads)
        case.tell("collect garbage", expected="no old generation", seen=", ".join(lingering))
        if not lingering:
            await _gone_when_unloaded(case, engine, name, threads)
            return
        # The rest of this is told from the first one that is left; it is dropped before the end.
        kind, holder = _first_held(witnesses)
        case.fail(
            f"after 3 reloads {len(lingering)} old generation(s) are still in memory: the old "
            f"{kind} is held by {holder}. Every reload adds the plugin's code and data once more. "
            "Take out in stop() what start() put into places outside the plugin, or hold it "
            "there by a weakref",
            expected="old generations gone after a garbage collection",
            seen=", ".join(lingering),
        )


def _lingering(engine: Engine, before: set[threading.Thread]) -> tuple[str, ...]:
    found = engine.lingering()
    if not found:
        return found
    # A thread that was told to end, and that nobody joined, gets time to end.
    still_running(set(threading.enumerate()) - before)
    return engine.lingering()


async def _gone_when_unloaded(
    case: PluginCase, engine: Engine, name: str, threads: set[threading.Thread]
) -> None:
    """What each generation takes over from the one before holds the last one alone."""
    witnesses = _witnesses(engine.plugin(name))
    if not (await engine.unload(name)).success:
        return  # HR-PLUG-03's matter
    lingering = _lingering(engine, threads)
    case.tell("unload, collect garbage", expected="nothing of it", seen=", ".join(lingering))
    if not lingering:
        return
    kind, holder = _first_held(witnesses)
    case.fail(
        f"after its unload the plugin is still in memory, and may still be called: its {kind} is "
        f"held by {holder}. Take out in stop() what start() put into places outside the plugin, "
        "and put back what it replaced there",
        expected="the last generation gone as well",
        seen=", ".join(lingering),
    )


def _witnesses(plugin: Any) -> list[tuple[str, weakref.ref[Any], str]]:
    kind = type(plugin)
    found = []
    things = [("plugin object", plugin)]
    if "@" in kind.__module__:  # a generation's; types.SimpleNamespace is nobody's, and stays
        things += [("class", kind), ("module", sys.modules[kind.__module__])]
    for label, thing in things:
        try:
            found.append((label, weakref.ref(thing), kind.__module__.partition(".")[0]))
        except TypeError:
            continue  # slots without __weakref__
    return found


def _first_held(witnesses: list[tuple[str, weakref.ref[Any], str]]) -> tuple[str, str]:
    tops = {top for _, _, top in witnesses}
    own = _Own(tops)
    for label, witness, _ in witnesses:
        thing = witness()
        if thing is not None:
            return label, holder_of(thing, own)
    return "module's own modules", "something that the kit could not find"


class _Own:
    """The modules of the plugin's own generations."""

    def __init__(self, tops: set[str]) -> None:
        self._tops = tops

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.partition(".")[0] in self._tops


@check(
    "HR-PLUG-16",
    variants=tuple(Variant(each.name, each) for each in BAD_VERSIONS),
    deadline_seconds=15,
)
async def survives_failed_upgrade(case: PluginCase, bad: BadVersion) -> None:
    # A stop-first plugin whose next version fails to start comes back as a fresh instance.
    stops_first = await _stops_first(case)
    async with case.engine() as engine:
        name = await case.loaded(engine)
        plugin = engine.plugin(name)
        bound = hooks.bind(plugin)
        if bad.name == "set_reload_state" and not (
            bound.has(hooks.GET_RELOAD_STATE) and bound.has(hooks.SET_RELOAD_STATE)
        ):
            raise NotClaimed("the plugin carries no state")
        await case.exercised(plugin)
        before = await _state(plugin)
        if bad.name == "set_reload_state" and before is None:
            raise NotClaimed("the plugin has no state to carry yet")
        # One that changes by itself, a clock say, tells nothing of harm.
        steady = difference(before, await _state(plugin)) is None
        await _upgrade_that_fails(case, engine, name, bad)
        if not stops_first:
            case.expect(
                engine.plugin(name) is plugin,
                f"after an upgrade that failed ({bad.says}) another object runs",
                expected="the running plugin, untouched",
                seen="a new instance",
            )
        await _unharmed(case, engine, name, before, bad, steady=steady)
        del plugin, bound
        case.files.clear()
        outcome = await case.upgraded(engine, name)
        case.expect(
            outcome.success,
            f"after an upgrade that failed ({bad.says}), the next good one fails too: "
            f"{told(outcome)}. The failed generation's stop() left something behind",
            expected="swapped",
            seen=outcome.describe(),
        )


async def _upgrade_that_fails(case: PluginCase, engine: Engine, name: str, bad: BadVersion) -> None:
    if bad.name == "read":
        case.files.fail(case.main_file, SourceError(f"file missing: {case.main_file}"))
    else:
        case.files.replace(case.main_file, spoiled(case.source(), bad))
    outcome = await engine.reload(name)
    case.tell(f"reload to a version of which {bad.says}", seen=outcome.describe())
    if outcome.success:
        raise CannotJudge(
            f"the kit could not make a version of this plugin of which {bad.says}: it came up"
        )
    case.expect(
        outcome.running is not None,
        f"an upgrade failed ({bad.says}), and the running version could not be brought back: "
        f"{outcome.describe()}",
        expected="the running version serves on",
        seen="nothing runs",
    )


async def _unharmed(
    case: PluginCase, engine: Engine, name: str, before: Any, bad: BadVersion, *, steady: bool
) -> None:
    plugin = engine.plugin(name)
    when = f"after an upgrade that failed ({bad.says})"
    advice = (
        "The failed generation was started and stopped beside the running one: its stop() must "
        "release only what its own start() acquired"
    )
    unwell = await health_of(case, plugin)
    case.expect(
        unwell is None,
        f"{when} the running plugin's health_check() says {unwell}. {advice}",
        expected="as healthy as before",
        seen=unwell or "",
    )
    changed = difference(before, await _state(plugin)) if steady else None
    case.expect(
        changed is None,
        f"{when} the running plugin's state is another: {changed}. {advice}",
        expected=repr(before)[:200],
        seen=changed or "",
    )
    await case.exercised(plugin)


async def _state(plugin: Any) -> Any:
    method = hooks.bind(plugin).get(hooks.GET_RELOAD_STATE)
    if method is None:
        return None
    run = await run_hook("get_reload_state()", method, deadline_seconds=2)
    if run.error is not None or not run.ended:
        raise CannotJudge(f"get_reload_state() fails: {run.error!r} (see HR-PLUG-07)")
    try:
        return copied(run.value)
    except Exception as error:
        raise CannotJudge(f"the state cannot be copied: {error} (see HR-PLUG-07)") from None


async def _stops_first(case: PluginCase) -> bool:
    async with case.bare() as bare:
        return bare.manifest is not None and bare.manifest.swap_policy is SwapPolicy.STOP_FIRST
