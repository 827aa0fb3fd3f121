"""The tally: every variant of a check, and the one verdict that they come to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from hot_reload_conformance.bench.stall import Stalls
from hot_reload_conformance.check import Check, Variant
from hot_reload_conformance.verdict import (
    CannotJudge,
    CheckResult,
    Finding,
    KitError,
    LeftOut,
    NotClaimed,
    Verdict,
)


class Unusable(CannotJudge):
    """The subject does not come so far as to be judged: not in this variant, nor in any other."""


def judged(
    check: Check,
    subject: str,
    variants: Sequence[Variant],
    judge: Callable[[Variant], Finding | None],
    stalls: Stalls,
    *,
    stop_at_first: bool = False,
) -> CheckResult:
    """What ``check`` found on ``subject``, by ``judge``-ing each of ``variants``.

    ``judge`` gives a finding, or None where the clause held, or raises ``NotClaimed``,
    ``CannotJudge`` or ``KitError``; ``stalls`` learns from it where the subject hung. One that
    hangs where it hung before most likely does in its other variants, which are left out.
    ``stop_at_first`` ends with the first finding.
    """
    started = time.perf_counter()
    ran: list[str] = []
    findings: list[Finding] = []
    unknown: list[str] = []
    broken: list[str] = []
    skipped: list[str] = []
    left_out: list[LeftOut] = []
    for number, variant in enumerate(variants, 1):
        where = f"{variant.name}: " if variant.name else ""
        hung, places = stalls.count, len(stalls.places)
        try:
            finding = judge(variant)
        except NotClaimed as error:
            skipped.append(str(error))
            left_out.append(LeftOut(variant.name, str(error)))
            continue
        except Unusable as error:
            # It would fail so in every variant, perhaps each time only at a deadline.
            unknown.append(str(error))
            break
        except CannotJudge as error:
            unknown.append(f"{where}{error}")
            continue
        except KitError as error:
            broken.append(f"{where}{error}")
            break
        ran.append(variant.name)
        if finding is not None:
            findings.append(finding)
            if stalls.count > hung and len(stalls.places) == places:
                why = "the subject had hung in this check, where it hung before"
                left_out += [LeftOut(each.name, why) for each in variants[number:]]
                break
            if stop_at_first:
                break
    findings.sort(key=lambda each: each.advisory)  # what fails the run is told first
    verdict, reason = _sum_up(ran, findings, unknown, broken, skipped)
    return CheckResult(
        code=check.clause.code,
        check=check.id,
        subject=subject,
        verdict=verdict,
        reason=reason,
        variants=tuple(ran),
        findings=tuple(findings),
        duration_seconds=time.perf_counter() - started,
        left_out=tuple(left_out),
    )


def _sum_up(
    ran: list[str],
    findings: list[Finding],
    unknown: list[str],
    broken: list[str],
    skipped: list[str],
) -> tuple[Verdict, str]:
    """The verdict of a check from what its variants gave, and the reason."""
    if broken:
        return Verdict.KIT_ERROR, broken[0]
    if findings:
        return Verdict.FAIL, findings[0].message
    if unknown:
        return Verdict.UNKNOWN, "; ".join(dict.fromkeys(unknown))
    if ran:
        return Verdict.PASS, ""
    if skipped:
        return Verdict.NOT_CLAIMED, "; ".join(dict.fromkeys(skipped))
    return Verdict.UNKNOWN, "no variant of this check applies to the subject"
