"""LEAK, continued: memory over many reloads, and the tasks that a generation started."""

from __future__ import annotations

import gc
import linecache
import time
import tracemalloc

from hot_reload_conformance.adapter import Claim, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.observe import turns
from hot_reload_conformance.checks.stages import plain
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

WARM_UP = 12
"""Reloads before the first look: caches and free lists fill."""
ROUNDS = 24
IN_TIME_SECONDS = 30.0
"""For all of them together. Each has the deadline of an operation, which tells a hang."""
_SOON = 5
"""After so many reloads it shows whether the rest will be done in time."""


@check(
    "HR-LEAK-03",
    variants=[Variant("good reloads", False), Variant("failing reloads", True)],
    repeats=True,
    deadline_seconds=3 * IN_TIME_SECONDS,  # never a verdict: the reloads end long before it
    also=(Kind.REAL,),
)
async def memory_flat(case: Case, failing: bool) -> None:
    if failing and "start" not in case.adapter.stages:
        raise NotClaimed("no stage 'start' in `stages`: failing reloads were not looked at")
    bound = case.adapter.memory_per_reload_bytes
    await case.loaded(plain(case))
    began = time.perf_counter()
    mine = not tracemalloc.is_tracing()
    try:
        if mine:
            tracemalloc.start()
        await _rounds(case, range(WARM_UP), failing, began)
        before = _traced()
        await _rounds(case, range(WARM_UP, WARM_UP + ROUNDS), failing, began)
        grown = (_traced() - before) / ROUNDS
        if grown > bound:  # once for all, such as a table of the interpreter's that was full?
            await _rounds(case, range(WARM_UP + ROUNDS), failing, time.perf_counter())
            before = _traced()
            await _rounds(case, range(ROUNDS), failing, time.perf_counter())
            grown = min(grown, (_traced() - before) / ROUNDS)
    finally:
        if mine:
            tracemalloc.stop()
    kind = "failing reloads" if failing else "reloads"
    case.expect(
        grown <= bound,
        f"in {ROUNDS} {kind} memory grew by {grown:,.0f} bytes for each, more than the declared "
        f"bound of {bound:,} (memory_per_reload_bytes)",
        expected=f"at most {bound:,} bytes",
        seen=f"{grown:,.0f} bytes",
    )


async def _rounds(case: Case, numbers: range, failing: bool, began: float) -> None:
    """So many reloads, in time.

    Raises:
        CannotJudge: the host, or the machine, is too slow for all of them.
    """
    for number in numbers:
        seconds = time.perf_counter() - began
        every = WARM_UP + ROUNDS
        if number >= _SOON and seconds / number * every > IN_TIME_SECONDS:
            raise CannotJudge(
                f"{number} reloads took {seconds:.1f} s, and it takes {every} to see memory grow: "
                "the host is slow, or the machine is busy. On a busy machine run it again with "
                "nothing beside it"
            )
        await _round(case, number, failing)


async def _round(case: Case, number: int, failing: bool) -> None:
    spec = plain(case, f"v{number % 10}")
    if failing:
        case.write(spec)
        case.recording.plan("start", raising(PlannedError), plugin=spec.name)
        await case.reload(spec.ref)
        case.recording.unplanned()
    else:
        await case.reloaded(spec)
    # As programs do now and then: a host that watches what it let go of sees it gone.
    gc.collect(1)
    # What the kit itself remembers of it is no growth of the host's.
    case.story.clear()
    case.escaped.clear()
    case.recording.moments.clear()
    case.recording.forget_tracked()


def _traced() -> int:
    linecache.clearcache()
    for _ in range(2):
        gc.collect()
    return tracemalloc.get_traced_memory()[0]


_RESPAWN = "respawn"
_OWNED = (
    Variant("a reload", "reload"),
    Variant("an unload", "unload"),
    Variant("an unload, while a task starts another", _RESPAWN),
    Variant("a reload that fails after start", "failed"),
)


@check("HR-LEAK-04", variants=_OWNED)
async def owned_work_cancelled(case: Case, what: str) -> None:
    spec = PluginSpec(background=True)
    if dict(case.adapter.render(spec)) == dict(case.adapter.render(PluginSpec())):
        raise NotClaimed(
            "tasks that a plugin starts: have render() obey `spec.background` to show them"
        )
    needed = Claim.UNLOAD if what in ("unload", _RESPAWN) else Claim.RELOAD
    if needed not in case.claims:
        raise NotClaimed(needed.value)
    if what == "failed" and "health_check" not in case.adapter.stages:
        raise NotClaimed("no stage 'health_check' in `stages`, after start")
    await case.loaded(spec)
    version = "v1"
    if what == _RESPAWN:
        await _unloaded_as_one_starts_another(case, spec)
        return
    if what == "unload":
        await case.unload(spec.ref)
    elif what == "failed":
        version = "v2"
        case.write(spec.at("v2"))
        case.recording.plan("health_check", raising(PlannedError), plugin=spec.name, version="v2")
        await case.reload(spec.ref)
    else:
        await case.reloaded(spec.at("v2"))
    # No turn of the loop from here on: reported done means that it has ended.
    begun = case.recording.count("background", spec.name, version)
    ended = case.recording.whats(spec.name, version, "end").count("background")
    if not begun and what != "failed":
        raise NotClaimed("no task of the plugin's own was seen to run: see `spec.background`")
    case.expect(
        ended == begun,
        f"{'a failed reload' if what == 'failed' else f'the {what}'} is reported done while a "
        f"task that {version} had started still runs",
        expected="cancelled, and awaited to its end",
        seen="still running",
    )
    running = case.recording.count("background", spec.name)
    done = case.recording.whats(spec.name, None, "end").count("background")
    serving = 0 if what == "unload" else 1
    case.expect(
        running - done <= serving,
        f"{running - done} tasks of the plugin run, and {serving} generation serves",
        expected=f"{serving} at most",
        seen=f"{running - done} tasks",
    )


async def _unloaded_as_one_starts_another(case: Case, spec: PluginSpec) -> None:
    case.recording.plan(_RESPAWN, lambda _: None, plugin=spec.name)
    await turns()  # the task has to run before it can be cancelled
    await case.unload(spec.ref)
    if case.recording.pending():
        case.recording.unplanned()
        raise NotClaimed(
            "a task that starts another as it is cancelled: have render() write "
            "`self.p.background(spawn)`, where spawn(coroutine) has the host own one more"
        )
    await turns()
    begun = case.recording.count("background", spec.name)
    ended = case.recording.whats(spec.name, None, "end").count("background")
    case.expect(
        ended == begun,
        "a task of the plugin's started another one as it was cancelled, and that runs on after "
        "the unload",
        expected="refused, or cancelled and awaited as well",
        seen=f"{begun - ended} still running",
    )
