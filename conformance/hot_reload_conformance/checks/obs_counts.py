"""OBS-02: whatever is done, and however it ends, the counters add up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from hot_reload_conformance.adapter import Claim, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.stages import CAUSE
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.operated import Counts
from hot_reload_conformance.planned import PlannedError, raising

ALPHA = PluginSpec()

# HR-OBS-02: any sequence of operations


@dataclass(frozen=True)
class Drawn:
    seed: int


Step: TypeAlias = Callable[[Case], Awaitable[str]]
"""Does something; gives what it has to count as, success or failure; "": whatever the host says,
or nothing, where it does not take a refusal for an attempt."""


async def _load_one(case: Case) -> str:
    await case.loaded(ALPHA)
    return "success"


async def _reload_one(case: Case) -> str:
    await case.reloaded(ALPHA.at(f"v{case.files.writes + 2}"))
    return "success"


async def _same_again(case: Case) -> str:
    await case.reload("alpha")
    return ""


async def _load_twice(case: Case) -> str:
    await case.load("alpha")
    return ""


async def _unknown(case: Case) -> str:
    await case.reload("nobody")
    return ""


async def _broken(case: Case) -> str:
    case.spoil(ALPHA.at("v0"), lambda text: text + "\ndef broken(:\n", "and broken")
    return "failure" if not (await case.reload("alpha")).ok else "success"


async def _gone(case: Case) -> str:
    next(iter(case.write(ALPHA).values())).unlink()
    return "failure" if not (await case.reload("alpha")).ok else "success"


def _raises(what: str) -> Step:
    async def step(case: Case) -> str:
        case.write(ALPHA.at(f"v{case.files.writes + 2}"))
        case.recording.plan(what, raising(PlannedError, CAUSE), plugin="alpha")
        reply = await case.reload("alpha")
        case.recording.unplanned()
        return "success" if reply.ok else "failure"

    return step


async def cancelled(case: Case) -> str:
    """Cancel a reload in its start; "": it ended before."""
    case.write(ALPHA.at(f"v{case.files.writes + 2}"))
    hold = Hold()
    case.recording.plan("start", hold, plugin="alpha")
    reload = asyncio.ensure_future(case.adapter.reload("alpha"))
    try:
        if not await hold.reached_or(reload):
            return ""
        reload.cancel()
        await patiently({reload}, 2)
    finally:
        hold.open()
        case.recording.unplanned()
    return "failure"


async def _bad_load(case: Case) -> str:
    """A first load that fails is an attempt as any other."""
    other = PluginSpec(name="beta")
    case.spoil(other, lambda text: text + "\ndef broken(:\n", "and broken")
    return "failure" if not (await case.load("beta")).ok else "success"


async def _out_and_in(case: Case) -> str:
    await case.unload("alpha")
    return "success"


def _steps(case: Case) -> list[Step]:
    steps: list[Step] = [
        _reload_one,
        _reload_one,
        _same_again,
        _load_twice,
        _unknown,
        _broken,
        _gone,
        _bad_load,
    ]
    steps += [_raises(what) for what in ("import", "start") if what in case.adapter.stages]
    if Claim.CANCEL in case.claims and "start" in case.adapter.stages:
        steps.append(cancelled)
    if Claim.UNLOAD in case.claims:
        steps.append(_out_and_in)
    return steps


@check(
    "HR-OBS-02",
    variants=[Variant(f"seed {seed}", Drawn(seed)) for seed in range(6)],
    needs=(Claim.RELOAD,),
    kind=Kind.PROPERTY,
)
async def counts_conserve(case: Case, drawn: Drawn) -> None:
    seed = drawn.seed if case.budget.seed is None else case.budget.seed + drawn.seed
    dice = random.Random(seed)
    before = await _counted(case)
    if Claim.AUDIT in case.claims:
        await case.guarded(case.adapter.audit(), "audit")
    steps = _steps(case)
    rounds = [dice.sample(steps, len(steps)) for _ in range(max(1, case.budget.repeats // 5))]
    loaded = False
    for step in [each for one in rounds for each in one]:
        for act in (step,) if loaded else (_load_one, step):
            counts_as = await act(case)
            before = await _after(case, before, counts_as)
        loaded = step is not _out_and_in


async def _agrees_with_audit(case: Case, before: Counts, now: Counts, step: str) -> None:
    """The one attempt that was counted just now is of the kind that its audit record says."""
    if Claim.AUDIT not in case.claims or now.attempts != before.attempts + 1:
        return
    records = await case.guarded(case.adapter.audit(), "audit")
    counters = {"success": "successes", "failure": "failures", "refused": "refusals"}
    counted = [n for n in counters.values() if getattr(now, n) > getattr(before, n)]
    said = records[-1].result if records else ""
    if said in counters and len(records) == now.attempts:
        case.expect(
            counted == [counters[said]],
            f"{step} stands as {said!r} in the audit log, and is counted among the "
            f"{' and '.join(counted)}: the two tell of one attempt differently",
            expected=counters[said],
            seen=str(now),
        )


async def _counted(case: Case) -> Counts:
    return await case.guarded(case.adapter.metrics(), "metrics")


async def _after(case: Case, before: Counts, counts_as: str) -> Counts:
    """Look at the counters behind one operation."""
    await turns()
    now = await _counted(case)
    case.tell("metrics", seen=str(now))
    step = case.story[-2].text if len(case.story) > 1 else "an operation"
    for name in ("attempts", "successes", "failures", "refusals", "durations"):
        was, is_now = getattr(before, name), getattr(now, name)
        case.expect(
            is_now >= was,
            f"the counter of {name} went down, from {was} to {is_now}, at {step}",
            expected=f"{was} or more",
            seen=is_now,
        )
    total = now.successes + now.failures + now.refusals
    case.expect(
        now.attempts == total,
        f"after {step}, {now.attempts} attempts are counted, and {total} results",
        expected="attempts = successes + failures + refusals",
        seen=str(now),
    )
    case.expect(
        now.durations == now.attempts,
        f"after {step}, the duration of {now.durations} of {now.attempts} attempts was measured",
        expected="a duration for every attempt, whatever came of it",
        seen=str(now),
    )
    await _agrees_with_audit(case, before, now, step)
    if not counts_as:
        return now
    case.expect(
        now.attempts == before.attempts + 1,
        f"after {step}, {now.attempts - before.attempts} attempts more are counted",
        expected="one more",
        seen=now.attempts - before.attempts,
    )
    good = now.successes == before.successes + 1
    wrong = "no success, and is" if good else "a success, and is not"
    case.expect(
        good is (counts_as == "success"),
        f"{step} was {wrong} counted as one",
        expected=counts_as,
        seen=str(now),
    )
    return now
