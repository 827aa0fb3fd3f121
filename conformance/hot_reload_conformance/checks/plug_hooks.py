"""PLUG 10, 17: a plugin's hooks end, let others run, can be cancelled, and tell the truth."""

from __future__ import annotations

import copy
from typing import Any

from hot_reload import hooks
from hot_reload.hooks import Hook
from hot_reload_conformance.bench.tally import Unusable
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.plugins.bare import HOOK_DEADLINE_SECONDS, BarePlugin, is_healthy
from hot_reload_conformance.plugins.case import PluginCase
from hot_reload_conformance.plugins.hook_run import HookRun
from hot_reload_conformance.plugins.state import difference
from hot_reload_conformance.plugins.words import hook_place, outcome_of
from hot_reload_conformance.verdict import NotClaimed

_SEQUENCE: tuple[Hook, ...] = (
    hooks.SETUP,
    hooks.START,
    hooks.GET_RELOAD_STATE,
    hooks.SET_RELOAD_STATE,
    hooks.HEALTH_CHECK,
    hooks.ON_RELOAD,
    hooks.FLUSH,
    hooks.STOP,
    hooks.TEARDOWN,
)
SUSPENSIONS_TRIED = 6


@check(
    "HR-PLUG-10",
    variants=(Variant("in-time", "in-time"), Variant("cancellation", "cancellation")),
    deadline_seconds=20,
)
async def bounded_hooks(case: PluginCase, value: Any) -> None:
    if value == "in-time":
        blocking = await _run_all(case, look=False)
        if blocking:
            # Once may be the machine's doing, or a first import; twice is the hook's.
            again = await _run_all(case, look=True)
            for name in sorted(blocking.keys() & again.keys()):
                _blocks(case, again[name])
    else:
        await _cancel_everywhere(case)


async def _run_all(case: PluginCase, *, look: bool) -> dict[str, HookRun]:
    """Run every hook of a fresh plugin in order; gives the runs that blocked the loop."""
    blocking: dict[str, HookRun] = {}
    state: Any = None
    async with case.bare() as bare:
        for hook in _SEQUENCE:
            if not bare.hooks.has(hook) or (hook is hooks.SET_RELOAD_STATE and state is None):
                continue
            arguments = (state,) if hook is hooks.SET_RELOAD_STATE else ()
            run = await bare.run(hook, *arguments, look=look)
            case.tell(run.name, seen=outcome_of(run, bare))
            case.expect(
                run.ended,
                f"{run.name} was still running after {HOOK_DEADLINE_SECONDS:g} s"
                f"{_waits(run, bare, hook)}: the reload waits for it, and so does everyone who "
                "asked. Give what has no end to a task (asyncio.create_task, or context.spawn), "
                "and put asyncio.timeout() around what may hang",
                expected=f"an end within {HOOK_DEADLINE_SECONDS:g} s",
                seen="still running",
            )
            if hook in (hooks.SETUP, hooks.START) and run.error is not None:
                raise Unusable(f"{run.name} {outcome_of(run, bare)} (see HR-PLUG-03)")
            if run.blocked:
                blocking[run.name] = run
            if hook is hooks.GET_RELOAD_STATE and run.error is None:
                state = _copied(run.value)
            if hook is hooks.START:
                await case.exercised(bare.plugin)
    return blocking


def _waits(run: HookRun, bare: BarePlugin, hook: Hook) -> str:
    return f", waiting at {run.waiting_at or hook_place(bare, hook)}"


def _blocks(case: PluginCase, run: HookRun) -> None:
    place = f" at {run.blocked_at}" if run.blocked_at else ""
    case.fail(
        f"{run.name} blocks the event loop for {run.longest_step_seconds:.1f} s{place}: every "
        "other plugin, and the host itself, stands still meanwhile. Wait with `await "
        "asyncio.sleep(...)`, and give blocking work to `await asyncio.to_thread(...)`",
        expected="control back to the event loop within a fraction of a second",
        seen=f"{run.longest_step_seconds:.1f} s in one step",
    )


async def _cancel_everywhere(case: PluginCase) -> None:
    """Cancel start at its first suspension, on a fresh plugin at its second, and so on."""
    for number in range(1, SUSPENSIONS_TRIED + 1):
        async with case.bare() as bare:
            await bare.run(hooks.SETUP)
            run = await bare.run(hooks.START, cancel_at=number)
            if run.ended and run.suspensions < number:
                return  # it has fewer suspensions than that
            case.tell(f"start(), cancelled at suspension {number}", seen=outcome_of(run, bare))
            case.expect(
                run.ended,
                f"{run.name} was cancelled{_waits(run, bare, hooks.START)} and went on: it "
                "swallows its cancellation, so a host that gives up on it leaks it. After "
                "`except asyncio.CancelledError:` there has to be a `raise`",
                expected="asyncio.CancelledError out of start()",
                seen="still running",
            )
            case.expect(
                run.error is not None,
                f"{run.name} ({hook_place(bare, hooks.START)}) was cancelled while it waited, "
                "and returned as if it had started. Don't catch asyncio.CancelledError or "
                "BaseException around an await without raising it again",
                expected="asyncio.CancelledError out of start()",
                seen="a normal return",
            )


def _copied(state: Any) -> Any:
    try:
        return copy.deepcopy(state)
    except Exception:
        return state  # what cannot be copied is HR-PLUG-07's matter


@check("HR-PLUG-17")
async def health_tells_truth(case: PluginCase, _: Any) -> None:
    bare = await case.build()
    try:
        if not bare.hooks.has(hooks.HEALTH_CHECK):
            raise NotClaimed(
                "the plugin has no health_check(self). Write one that returns whether it works: "
                "a bool, or a mapping with 'healthy'"
            )
        before = await _health(case, bare, "before start()")
        await case.started(bare)
        running = await _health(case, bare, "while it runs")
        await bare.shut_down()
        after = await _health(case, bare, "after stop()")
    finally:
        bare.release()
    place = hook_place(bare, hooks.HEALTH_CHECK)
    case.expect(
        is_healthy(running),
        f"health_check() ({place}) of the running plugin answers {running!r:.80}",
        expected="healthy",
        seen=repr(running),
    )
    for when, answer in (("before start()", before), ("after stop()", after)):
        case.expect(
            difference(running, answer) is not None,
            f"health_check() ({place}) answers {answer!r:.80} {when} and while it runs: nobody can "
            "tell by it whether the plugin works. Let it look at what start() acquires and stop() "
            "gives back",
            expected="another answer than while it runs",
            seen=repr(answer),
        )


async def _health(case: PluginCase, bare: BarePlugin, when: str) -> Any:
    run = await bare.run(hooks.HEALTH_CHECK)
    case.tell(f"{run.name} {when}", seen=repr(run.value) if not run.error else repr(run.error))
    case.expect(
        run.ended and run.error is None,
        f"{run.name} {when} {outcome_of(run, bare)}. A host may ask at any time: return False "
        "(or a mapping with 'healthy': False) where the plugin does not work",
        expected="an answer",
        seen=outcome_of(run, bare),
    )
    return run.value
