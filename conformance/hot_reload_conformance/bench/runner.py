"""The bench: sets up one case, runs one variant of a check in it, clears everything away.

Each variant gets a fresh folder, event loop, recording and adapter, and leaves
nothing behind for the next: not in ``sys.modules``, not on ``sys.path``, no
logging handler. What a subject hangs in synchronously is interrupted by a timer
signal where there is a main thread to interrupt.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import HostAdapter, Ports
from hot_reload_conformance.bench.case import Budget, Case
from hot_reload_conformance.bench.isolation import (
    PLANNED,
    Overdue,
    alarm,
    folder,
    recording_installed,
    run_in_own_loop,
    user_interrupts,
    within,
)
from hot_reload_conformance.bench.tally import judged
from hot_reload_conformance.check import Check, Variant
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import (
    CannotJudge,
    CheckResult,
    Finding,
    KitError,
    NotClaimed,
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
) -> CheckResult:
    """Run every variant of ``check`` on fresh hosts of ``subject`` (``only``: just that one).

    ``stop_at_first`` ends the run with the first finding, where that is all one asks.

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
    return judged(
        check,
        subject.name,
        variants,
        lambda variant: _judged(subject, check, variant, budget),
        stop_at_first=stop_at_first,
    )


def _judged(subject: HostSubject, check: Check, variant: Variant, budget: Budget) -> Finding | None:
    if check.kind is not Kind.MACHINE:
        return run_variant(subject, _bound(check, variant), variant, check, budget)
    try:  # a machine makes a case of its own for each of its examples
        found: Finding | None = check.run(subject, budget)
    except (NotClaimed, CannotJudge, KitError):
        raise
    except Exception as error:
        raise _broken(error) from error
    return found


def _broken(error: Exception) -> KitError:
    text = "".join(traceback.format_exception(error))
    return KitError(f"the check itself broke: {type(error).__name__}: {error}\n{text}")


def _bound(check: Check, variant: Variant) -> Callable[[Case], Awaitable[None]]:
    return lambda case: check.run(case, variant.value)


def run_variant(
    subject: HostSubject,
    run: Callable[[Case], Awaitable[None]],
    variant: Variant,
    check: Check,
    budget: Budget,
) -> Finding | None:
    """Run ``run`` in a fresh case; what it found, or None: the clause held.

    Raises:
        KitError: the adapter broke.
        CannotJudge: the check could not find out.
        NotClaimed: the check needs more than the subject claims.
    """
    case: Case | None = None

    async def main(workdir: Path, recording: probe.Recording) -> None:
        nonlocal case
        case = Case(make_adapter(subject), recording, workdir, Ports(), budget)
        await opened(case)
        try:
            await within(run(case), check.deadline_seconds)
        finally:
            recording.unplanned()
            recording.released.set()
            await closed(case)

    def finding(violation: Violation) -> Finding:
        story = list(case.story) if case else []
        story.append(Step(violation.message, violation.expected, violation.seen, broken=True))
        moments = case.recording.moments if case else []
        return Finding(
            message=violation.message,
            variant=variant.name,
            expected=violation.expected,
            seen=violation.seen,
            story=tuple(story),
            timeline=tuple(str(moment) for moment in moments[-60:]),
        )

    try:
        with (
            user_interrupts(),
            folder() as workdir,
            recording_installed() as recording,
            alarm(check.deadline_seconds + BLOCKED_GRACE_SECONDS),
        ):
            _contain_exits(lambda: run_in_own_loop(lambda: main(workdir, recording)))
    except Violation as violation:
        return finding(violation)
    except (NotClaimed, CannotJudge, KitError):
        raise
    except Overdue:
        return finding(
            Violation(
                f"the host blocked its thread beyond {check.deadline_seconds:g} s",
                expected="control returned to the event loop",
                seen="a blocked thread",
            )
        )
    except _Exited as exited:
        return finding(
            Violation(
                f"{exited.kind}, raised by a plugin, ended the event loop: "
                "a real program would be gone",
                expected="a failed operation",
                seen=exited.kind,
            )
        )
    except Exception as error:
        raise _broken(error) from error
    return None


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


def self_test(subject: HostSubject) -> str | None:
    """Whether the adapter does what every check relies on; the first problem, or None.

    Load v1 → it answers; nothing → it still does; a second run → the same; what is
    claimed is there.
    """
    from hot_reload_conformance.bench.selftest import SELF_TEST, missing_methods

    problem = missing_methods(subject.adapter, subject.claims)
    if problem:
        return problem
    for attempt in ("first", "second"):
        try:
            found = run_variant(
                subject, lambda case: SELF_TEST.run(case, None), Variant(""), SELF_TEST, Budget()
            )
        except (KitError, CannotJudge, NotClaimed) as error:
            return str(error)
        if found is not None:
            again = (
                ""
                if attempt == "first"
                else " (the first run was fine: the adapter keeps something)"
            )
            return f"{found.message}{again}"
    return None


def make_adapter(subject: HostSubject) -> HostAdapter:
    """A fresh adapter; what it raises is a ``KitError``."""
    try:
        return subject.factory()
    except Exception as error:
        raise KitError(
            f"your adapter could not be made: {type(error).__name__}: {error}"
        ) from error


BLOCKED_GRACE_SECONDS = 5.0
"""How much longer than its deadline a check may block the thread before it is interrupted."""
OPEN_DEADLINE_SECONDS = 10.0
"""For an adapter's ``open`` and its ``close``."""


async def opened(case: Case) -> None:
    """Open the case's adapter; what it raises is a ``KitError``."""
    try:
        await within(case.adapter.open(case.workdir, case.ports), OPEN_DEADLINE_SECONDS)
    except Violation as late:
        raise KitError(f"your adapter's open() {late.message}") from None
    except Exception as error:
        raise KitError(f"your adapter's open() raised {type(error).__name__}: {error}") from error


async def closed(case: Case) -> None:
    """Close the case's adapter; what it raises is a ``KitError``."""
    try:
        await within(case.adapter.close(), OPEN_DEADLINE_SECONDS)
    except Violation as late:
        raise KitError(f"your adapter's close() {late.message}") from None
    except Exception as error:
        raise KitError(f"your adapter's close() raised {type(error).__name__}: {error}") from error
