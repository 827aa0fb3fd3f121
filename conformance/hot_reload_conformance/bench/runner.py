"""The bench: sets up one case, runs one variant of a check in it, clears everything away.

Each variant gets a fresh folder, event loop, recording and adapter, and leaves
nothing behind for the next: not in ``sys.modules``, not on ``sys.path``, no
logging handler. What a subject hangs in synchronously is interrupted by a timer
signal where there is a main thread to interrupt.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from hot_reload.ports import LoopClock
from hot_reload_conformance.adapter import (
    OPERATION_DEADLINE_SECONDS,
    Claim,
    HostAdapter,
    Ports,
)
from hot_reload_conformance.bench.alarm import Alarm, Overdue, alarm
from hot_reload_conformance.bench.blame import at, of_the_kit, place
from hot_reload_conformance.bench.case import Budget, Case
from hot_reload_conformance.bench.isolation import (
    PLANNED,
    folder,
    recording_installed,
    run_in_own_loop,
    user_interrupts,
    within,
)
from hot_reload_conformance.bench.stall import Stalls
from hot_reload_conformance.bench.tally import judged
from hot_reload_conformance.check import Check, Variant
from hot_reload_conformance.explored import Explored
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import (
    CannotJudge,
    CheckResult,
    Exploration,
    Finding,
    KitError,
    NotClaimed,
    NotVerified,
    Step,
    Verdict,
    Violation,
)


def run_host_check(
    subject: HostSubject,
    check: Check,
    budget: Budget | None = None,
    *,
    only: str | None = None,
    stop_at_first: bool = False,
    stalls: Stalls | None = None,
) -> CheckResult:
    """Run every variant of ``check`` on fresh hosts of ``subject`` (``only``: just that one).

    ``stop_at_first`` ends the run with the first finding, where that is all one asks;
    ``stalls`` are those of the subject up to now, and learns of more.

    Never raises but for the user's own Ctrl-C; a broken adapter is a kit-error.
    """
    budget = budget or Budget()
    missing = check.needs - subject.claims
    if missing:
        names = ", ".join(sorted(claim.value for claim in missing))
        return CheckResult(
            code=check.clause.code,
            check=check.id,
            subject=subject.name,
            verdict=Verdict.NOT_CLAIMED,
            reason=f"not claimed: {names}. Add it to the adapter's claims to have it checked.",
        )
    variants = [each for each in check.variants(subject.adapter) if only in (None, each.name)]
    explored: list[Explored] = []
    seen = Stalls() if stalls is None else stalls

    result = judged(
        check,
        subject.name,
        variants,
        lambda variant: _judged(subject, check, variant, budget, explored, seen),
        seen,
        stop_at_first=stop_at_first,
    )
    return replace(result, explored=explored[0]) if explored else result


def _judged(
    subject: HostSubject,
    check: Check,
    variant: Variant,
    budget: Budget,
    explored: list[Explored],
    stalls: Stalls,
) -> Finding | None:
    if not check.explores:
        return run_variant(subject, _bound(check, variant), variant, check, budget, stalls)
    seconds = EXPLORED_TIMES * blocked_seconds_of(check, subject.adapter)
    watch = Alarm(seconds, stalls)
    try:  # it makes a case of its own for each of its examples
        with alarm(seconds, stalls) as watch:
            found: Exploration | Finding | None = check.run(subject, budget)
    except Overdue:
        return simulated(blocked_finding("the host", watch), watch, check)
    except NotVerified as error:
        explored.append(error.explored)
        raise
    except (NotClaimed, CannotJudge, KitError):
        raise
    except Exception as error:
        raise _broken(subject, error) from error
    if not isinstance(found, Exploration):
        return found
    if found.explored is not None:
        explored.append(found.explored)
    return found.finding


def _broken(subject: HostSubject, error: Exception) -> KitError:
    text = "".join(traceback.format_exception(error))
    if not of_the_kit(subject.adapter, error):
        where = place(subject.adapter, error)
        return KitError(f"your adapter raised {type(error).__name__}: {error} at {where}\n{text}")
    return KitError(f"the check itself broke: {type(error).__name__}: {error}\n{text}")


def _bound(check: Check, variant: Variant) -> Callable[[Case], Awaitable[None]]:
    return lambda case: check.run(case, variant.value)


def run_variant(
    subject: HostSubject,
    run: Callable[[Case], Awaitable[None]],
    variant: Variant,
    check: Check,
    budget: Budget,
    stalls: Stalls | None = None,
) -> Finding | None:
    """Run ``run`` in a fresh case; what it found, or None: the clause held.

    ``stalls`` are those of the subject up to now, and learns of this one.

    Raises:
        KitError: the adapter broke.
        CannotJudge: the check could not find out.
        NotClaimed: the check needs more than the subject claims.
    """
    case: Case | None = None
    found: Violation | None = None
    deadline_seconds = deadline_of(check, subject.adapter)
    blocked_seconds = blocked_seconds_of(check, subject.adapter)
    watch = Alarm(blocked_seconds, stalls or Stalls())

    async def main(workdir: Path, recording: Recording) -> None:
        nonlocal case, found
        ports = lent(subject, variant.ports or check.ports)
        case = Case(make_adapter(subject), recording, workdir, ports, budget)
        case.main = asyncio.current_task()
        await opened(case)
        try:
            await within(run(case), deadline_seconds)
        except Violation as violation:
            # A host that is broken may not close either: what was found is the news.
            # What came of the interruption is no news: that it had to be interrupted is.
            found = None if watch.stall is not None else violation
            with contextlib.suppress(KitError):
                await let_go(case, CLOSE_BROKEN_SECONDS * deadline_seconds / check.deadline_seconds)
            raise
        except Overdue:
            # A lock that was never let go may block its close, too.
            await let_go(case, CLOSE_BROKEN_SECONDS * deadline_seconds / check.deadline_seconds)
            raise
        except BaseException:
            await let_go(case)
            raise
        await let_go(case)

    def finding(violation: Violation) -> Finding:
        story = list(case.story) if case else []
        story.append(Step(violation.message, violation.expected, violation.seen, broken=True))
        return Finding(
            message=violation.message,
            variant=variant.name,
            expected=violation.expected,
            seen=violation.seen,
            advisory=violation.advisory,
            story=tuple(story),
            timeline=case.recording.timeline() if case else (),
        )

    try:
        with (
            user_interrupts(),
            folder() as workdir,
            recording_installed() as recording,
            alarm(blocked_seconds, stalls) as watch,
        ):
            _contain_exits(lambda: run_in_own_loop(lambda: main(workdir, recording)))
    except Violation as violation:
        if recording.undrivable:
            raise NotClaimed(
                "a hook that waits: this host calls the hook synchronously, so the kit cannot "
                "have it wait"
            ) from violation
        return finding(violation)
    except (NotClaimed, CannotJudge, KitError):
        raise
    except Overdue:
        if found is not None:
            return finding(found)
        return replace(blocked_finding("the host", watch), variant=variant.name)
    except _Exited as exited:
        if case is not None and case.close_cancels:
            raise KitError(CLOSE_CANCELS) from None
        return finding(
            Violation(
                f"{exited.kind}, raised by a plugin, ended the event loop: "
                "a real program would be gone",
                expected="a failed operation",
                seen=exited.kind,
            )
        )
    except Exception as error:
        raise _broken(subject, error) from error
    return None


def blocked_finding(who: str, watch: Alarm, advice: str = "") -> Finding:
    """What is said of a thread that ``watch`` had to interrupt.

    Raises:
        CannotJudge: it was the kit, or what runs it, that stood.
    """
    stall = watch.stall
    if stall is None or not stall.own:
        at_all = f": {stall.frames[-1]}" if stall and stall.frames else ""
        raise CannotJudge(
            f"nothing went on for {watch.seconds:g} s, and no line of the subject's was being run"
            f"{at_all}"
        )
    message = f"{who} blocked its thread at {stall.where}"
    case = watch.case
    asked = getattr(case, "doing", "")
    told = [
        stall.how_long,
        f"during {asked}" if asked else "",
        f"inside {', '.join(stall.inside)}" if stall.inside else "",
        "and had to be interrupted",
    ]
    message += f"\n{', '.join(each for each in told if each)}{advice}"
    story = list(case.story) if case is not None else []
    story.append(
        Step(
            asked or "the next operation",
            expected="control returned to the event loop",
            seen=f"a blocked thread, at {stall.own[-1]}",
            broken=True,
        )
    )
    return Finding(
        message=message,
        expected="control returned to the event loop",
        seen="a blocked thread",
        story=tuple(story),
        timeline=case.recording.timeline() if isinstance(case, Case) else (),
        traceback=stall.describe(),
    )


def simulated(found: Finding, watch: Alarm, check: Check) -> Finding:
    """``found``, with its script and its replay where what was interrupted is a simulation's."""
    replay = getattr(watch.case, "replay", "")
    if not replay:
        return found
    script = str(watch.case.script)
    return replace(found, variant=script, replay=f"{check.clause.code}={replay}")


def lent(subject: HostSubject, make: Callable[[], Ports]) -> Ports:
    """What ``make`` gives; real time for a host that does not claim to take the clock."""
    ports = make()
    if Claim.CLOCK in subject.claims:
        return ports
    return replace(ports, clock=LoopClock(), hints=None)


class _Exited(Exception):
    """Something that is no ``Exception`` came out of the loop; a plugin or its host raised it."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def _contain_exits(run: Callable[[], None]) -> None:
    try:
        run()
    except PLANNED as error:
        raise _Exited(type(error).__bases__[0].__name__) from None
    except (SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:
        # The user's own Ctrl-C is remembered by ``user_interrupts`` and raised again there.
        raise _Exited(type(error).__name__) from None


def deadline_of(check: Check, adapter: type[HostAdapter]) -> float:
    """How long one variant may take: more than usual where the host's operations do."""
    slower = adapter.operation_deadline_seconds / OPERATION_DEADLINE_SECONDS
    return check.deadline_seconds * max(1.0, slower)


def blocked_seconds_of(check: Check, adapter: type[HostAdapter]) -> float:
    """How long the host may stand still: longer than one of its operations may take."""
    return max(check.blocked_seconds, BLOCKED_TIMES * adapter.operation_deadline_seconds)


def self_test(
    subject: HostSubject, *, thorough: bool = False, stalls: Stalls | None = None
) -> str | None:
    """Whether the adapter does what every check relies on; the first problem, or None.

    Load v1 → it answers; nothing → it still does; a second run → the same; two
    handlers answer; what is claimed is there. ``thorough`` looks at what ``close`` leaves,
    at a plain reload, and at plugins beside each other, too: there it may be the host that is
    to blame, so no verdict depends on it.
    """
    from hot_reload_conformance.bench.holdings import Holdings, settled
    from hot_reload_conformance.bench.selftest import (
        MORE,
        SELF_TEST,
        THOROUGH,
        missing_methods,
        not_async,
        plainly,
        shadowed_by,
    )

    problem = missing_methods(subject.adapter, subject.claims)
    if not problem and thorough:
        problem = shadowed_by(sys.path)
    if problem:
        return problem
    left: list[str] = []
    before = Holdings()

    async def looked_after(case: Case, check: Check) -> None:
        await check.run(case, None)
        await let_go(case)
        await settled()
        left[:] = Holdings.now().left_since(before)

    more = (*MORE, *THOROUGH) if thorough else MORE
    for attempt, check in enumerate((SELF_TEST, SELF_TEST, *more)):
        before = Holdings.now()
        try:
            found = run_variant(
                subject,
                # Bound now: a loop's variable would have moved on.
                lambda case, check=check: looked_after(case, check),  # type: ignore[misc]
                Variant(""),
                check,
                Budget(),
                stalls,
            )
        except (KitError, CannotJudge, NotClaimed) as error:
            return not_async(subject.adapter, str(error))
        if found is not None:
            again = " (the first run was fine: the adapter keeps something)" if attempt == 1 else ""
            return not_async(subject.adapter, f"{plainly(found)}{again}")
        # What the first run left may be made once and kept for good, as a library's thread is.
        if thorough and attempt and left:
            return (
                f"your adapter's close() leaves something: {', '.join(left)}. Every case makes a "
                "fresh host, so these add up; end here what open() and load() began. Where the "
                "host itself does not let go, say so beside its result"
            )
    return None


def make_adapter(subject: HostSubject) -> HostAdapter:
    """A fresh adapter; what it raises is a ``KitError``."""
    try:
        return subject.factory()
    except Exception as error:
        raise KitError(
            f"your adapter could not be made: {type(error).__name__}: {error}"
            f"{at(subject.adapter, error)}"
        ) from error


BLOCKED_TIMES = 2
"""How many times as long as an operation may take a host may block its thread."""
EXPLORED_TIMES = 2
"""How much more for a check that makes hosts of its own: it may be busy with what it found."""
OPEN_DEADLINE_SECONDS = 10.0
"""For an adapter's ``open`` and its ``close``."""
CLOSE_BROKEN_SECONDS = 2.0
"""For the ``close`` of a host in which something was found: it may wait for what never ends."""


async def opened(case: Case) -> None:
    """Open the case's adapter; what it raises is a ``KitError``."""
    try:
        await within(case.adapter.open(case.workdir, case.ports), OPEN_DEADLINE_SECONDS)
    except Violation as late:
        raise KitError(f"your adapter's open() {late.message}") from None
    except Exception as error:
        where = at(type(case.adapter), error)
        raise KitError(
            f"your adapter's open() raised {type(error).__name__}: {error}{where}"
        ) from error


CLOSE_CANCELS = (
    "your adapter's close() cancels tasks that are the kit's: of asyncio.all_tasks() take none but "
    "those that your host began, the difference of what is there before and after it is made in "
    "open(), say"
)


async def let_go(case: Case, deadline_seconds: float = OPEN_DEADLINE_SECONDS) -> None:
    """End the case: no plan comes true any more, what hangs may end, the host is closed."""
    case.recording.unplanned()
    case.recording.released.set()
    await closed(case, deadline_seconds)


async def closed(case: Case, deadline_seconds: float = OPEN_DEADLINE_SECONDS) -> None:
    """Close the case's adapter, unless the check did; what it raises is a ``KitError``."""
    if case.closed:
        return
    case.closed = True
    kits = [each for each in (case.main, asyncio.current_task()) if each is not None]
    before = [each.cancelling() for each in kits]

    async def close() -> None:
        try:
            await case.adapter.close()
        finally:
            case.close_cancels = [each.cancelling() for each in kits] != before

    try:
        await within(close(), deadline_seconds)
    except asyncio.CancelledError:
        if not case.close_cancels:
            raise  # it came out of the host, which awaited something cancelled
        raise KitError(CLOSE_CANCELS) from None
    except Violation as late:
        raise KitError(f"your adapter's close() {late.message}") from None
    except Exception as error:
        where = at(type(case.adapter), error)
        raise KitError(
            f"your adapter's close() raised {type(error).__name__}: {error}{where}"
        ) from error
