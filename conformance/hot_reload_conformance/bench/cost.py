"""The cost of a host: how long one load and reload takes, and what is left out where that is long.

A host that starts a process for each reload would take an hour for every variant of every
check. A first run is to end in minutes, and to say what it left out.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from hot_reload_conformance.adapter import Claim, PluginSpec
from hot_reload_conformance.bench.case import Budget, Case
from hot_reload_conformance.bench.runner import run_variant
from hot_reload_conformance.bench.selftest import SELF_TEST
from hot_reload_conformance.bench.stall import Stalls
from hot_reload_conformance.check import Check, Variant
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import (
    THINNED,
    CannotJudge,
    CheckResult,
    KitError,
    NotClaimed,
    Verdict,
    Violation,
)

T = TypeVar("T")
SLOW_SECONDS = 0.2
"""From here on a host is slow: one in this process takes some hundredths of it."""
_NEVER_NOISE_SECONDS = 1.0
_CASES_IN_A_VARIANT = 10
"""The longest variants that do not repeat reloads load and reload some six times."""
_WHOLE = "What you name runs whole (-k HR-ROLL), and everything does with --hot-reload-profile ci"


def case_seconds(subject: HostSubject, stalls: Stalls | None = None) -> float:
    """How long a case of one load and, where it is claimed, one reload takes. Never raises.

    One that has to be interrupted, which ``stalls`` learns, takes no time: it is not slow.
    """
    stalls = Stalls() if stalls is None else stalls
    before = stalls.count
    seconds = _once(subject, stalls)
    if stalls.count > before:
        return 0.0
    if SLOW_SECONDS < seconds < _NEVER_NOISE_SECONDS:  # the machine may have been busy
        seconds = min(seconds, _once(subject, stalls))
    return seconds


def _once(subject: HostSubject, stalls: Stalls) -> float:
    async def load_and_reload(case: Case) -> None:
        spec = PluginSpec()
        case.write(spec)
        await case.load(spec.ref)
        if Claim.RELOAD in subject.claims:
            case.write(spec.at("v2"))
            await case.reload(spec.ref)

    began = time.perf_counter()
    # What is wrong with it is the checks' to say.
    with contextlib.suppress(CannotJudge, KitError, NotClaimed, Violation):
        run_variant(subject, load_and_reload, Variant(""), SELF_TEST, Budget(), stalls)
    return time.perf_counter() - began


def affordable(seconds: float, budget: Budget) -> int | None:
    """How many variants of a check the budget allows for a host of that cost; None: all."""
    if budget.check_seconds is None or seconds <= SLOW_SECONDS:
        return None
    return max(1, int(budget.check_seconds / seconds))


def patient(check: Check, seconds: float) -> Check:
    """``check`` with time enough for a host of that cost: that it is slow is no finding.

    What hangs is told by the deadline of the operation, which the host declares.
    """
    needed = _CASES_IN_A_VARIANT * seconds
    if seconds <= SLOW_SECONDS or needed <= check.deadline_seconds:
        return check
    return replace(check, deadline_seconds=needed, blocked_seconds=needed)


def spread(every: Sequence[T], most: int) -> list[T]:
    """At most so many of them, evenly taken from the first on."""
    if len(every) <= most:
        return list(every)
    return [every[place * len(every) // most] for place in range(most)]


def chosen(every: Sequence[Variant], most: int) -> list[Variant]:
    """So many of them as ``spread`` gives, and one more of each stage that is not among them.

    What a host does without the file says nothing of what it does with a text that is broken.
    """
    taken = {each.name for each in spread(every, most)}
    stages = {_stage(name) for name in taken}
    for each in every:
        if _stage(each.name) not in stages:
            stages.add(_stage(each.name))
            taken.add(each.name)
    return [each for each in every if each.name in taken]


def _stage(name: str) -> str:
    """The stage at which a variant of that name fails; "": it tells none."""
    stage, colon, _ = name.partition(": ")
    return stage if colon else ""


def slowness(subject: HostSubject) -> str:
    """What a slow host's author is to know before the first run; "": it is fast enough."""
    seconds = case_seconds(subject)
    if seconds <= SLOW_SECONDS:
        return ""
    return (
        f"one load and reload takes {seconds:.1f} s, so a run is thinned: it takes some variants "
        f"of each check, and leaves out what reloads many times. {_WHOLE}"
    )


def thinned(seconds: float) -> str:
    """The note of a result that was thinned."""
    return f"{THINNED}one load and reload takes {seconds:.1f} s"


def left_out(subject: HostSubject, check: Check, seconds: float) -> CheckResult:
    """The result of a check that takes dozens of reloads or hundreds, and was not run."""
    return CheckResult(
        code=check.clause.code,
        check=check.id,
        subject=subject.name,
        verdict=Verdict.NOT_RUN,
        reason=f"not run: it takes many reloads, and one load and reload {seconds:.1f} s. {_WHOLE}",
        notes=(thinned(seconds),),
    )


def told(results: Iterable[CheckResult]) -> list[str]:
    """What a report says of thinned runs, a line for each subject."""
    by_subject: dict[str, list[CheckResult]] = {}
    why: dict[str, str] = {}
    for each in results:
        for note in each.notes:
            if note.startswith(THINNED):
                by_subject.setdefault(each.subject, []).append(each)
                why.setdefault(each.subject, note.removeprefix(THINNED))
    return [
        f"{name}: {why[name]}, so the run was thinned: "
        f"{sum(each.verdict is not Verdict.NOT_RUN for each in found)} checks ran some of their "
        f"variants, {sum(each.verdict is Verdict.NOT_RUN for each in found)} did not run. {_WHOLE}"
        for name, found in by_subject.items()
    ]
