"""LIMIT: what failed in passing is tried again, with growing pauses, up to a number."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence

from hot_reload_conformance.adapter import Claim, HostAdapter
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.compiling import compiling
from hot_reload_conformance.bench.watching import (
    ALPHA,
    SLACK_SECONDS,
    Watching,
    manual_ports,
)
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.watch import DEADLINE_SECONDS, version
from hot_reload_conformance.planned import raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

# HR-LIMIT-03

FOREVER = 1_000


def _fails(watching: Watching, number: int, stage: str, times: int) -> None:
    action = raising(ConnectionError, "the server that it needs does not answer now")
    spec = version(number)
    watching.case.recording.plan(stage, action, plugin=spec.name, version=spec.version, times=times)
    watching.case.tell(f"{spec.version} fails {times} times at {stage}, as by a passing trouble")


async def _passes(watching: Watching, stage: str) -> None:
    tries = watching.pace.tries
    _fails(watching, 2, stage, tries - 1)
    watching.save(version(2))
    await watching.run(watching.pace.retrying_seconds)
    await watching.expect_serving(
        "v02", f"a failure that passes after {tries - 1} tries of {tries} is not tried again"
    )
    moments = [each.at for each in watching.runs_of(version="v02")]
    delays = [after - before for before, after in itertools.pairwise(moments)]
    said = ", ".join(f"{each:.2f} s" for each in delays)
    # What a poll adds to a delay is no growth, and takes none away.
    grows = all(
        after > before * 1.2 - watching.pace.notice_seconds
        for before, after in itertools.pairwise(delays)
    )
    watching.case.expect(
        grows and (len(delays) < 2 or delays[-1] > delays[0] * 1.2),
        f"the retries come without a growing delay: {said}",
        expected="each wait longer than the one before",
        seen=said,
    )
    for number, each in enumerate(delays):
        most = 1.5 * watching.pace.retry_seconds * 2.0**number + 2 * watching.pace.notice_seconds
        watching.case.expect(
            watching.pace.retry_seconds * 0.25 <= each <= most,
            f"retry {number + 1} came after {each:.2f} s; the declared delay is at most "
            f"{watching.pace.retry_seconds * 2.0**number:g} s",
            expected=f"at most about {most:.2f} s, and no retry at once",
            seen=said,
        )


async def _hopeless(watching: Watching, stage: str) -> None:
    tries = watching.pace.tries
    _fails(watching, 2, stage, FOREVER)
    watching.save(version(2))
    await watching.run(watching.pace.retrying_seconds)
    await watching.run(4 * watching.pace.retrying_seconds)
    found = len(watching.runs_of(version="v02"))
    watching.case.expect(
        1 < found <= tries,
        f"what fails for ever was tried {found} times; the declared number is {tries}",
        expected=f"2 to {tries} tries",
        seen=", ".join(map(str, watching.runs_of(version="v02"))),
    )


async def _reset(watching: Watching, stage: str) -> None:
    """The budget of v2 is used up; v3 is another matter."""
    tries = watching.pace.tries
    _fails(watching, 2, stage, FOREVER)
    watching.save(version(2))
    await watching.run(2 * watching.pace.retrying_seconds)
    _fails(watching, 3, stage, tries - 1)
    watching.save(version(3))
    await watching.run(watching.pace.retrying_seconds)
    await watching.expect_serving("v03", "a new edit does not reset the budget of retries")


async def _edited_meanwhile(watching: Watching, stage: str) -> None:
    """An edit while the next try waits is loaded at once, and has a budget of its own."""
    tries = watching.pace.tries
    _fails(watching, 2, stage, FOREVER)
    watching.save(version(2))
    for _ in range(1_000):
        await watching.run(watching.pace.quiet_seconds / 2)
        if len(watching.runs_of(version="v02")) == tries - 1:
            break
    _fails(watching, 3, stage, tries - 1)
    watching.save(version(3))
    await watching.run(watching.pace.retrying_seconds)
    await watching.expect_serving(
        "v03", "an edit between two tries does not reset the budget of retries"
    )


async def _syntax(watching: Watching, stage: str) -> None:
    times: list[float] = []
    path = watching.path(ALPHA)
    with compiling(path, lambda: times.append(watching.now())):
        watching.put(path, b"def broken(:\n")
        watching.noted(ALPHA.name, "save a syntax error")
        await watching.run(4 * watching.pace.retrying_seconds)
    if not times:
        raise CannotJudge("nothing was compiled in this process, so retries cannot be seen")
    later = [each for each in times if each > times[0] + SLACK_SECONDS]
    watching.case.expect(
        not later,
        f"a syntax error was tried again {later[0] - times[0] if later else 0:.2f} s after the "
        "first time: no waiting mends it",
        expected="one try until the next edit",
        seen=", ".join(f"compiled at {each:.2f} s" for each in dict.fromkeys(times)),
    )


RETRIES: dict[str, Callable[[Watching, str], Awaitable[None]]] = {
    "passes": _passes,
    "hopeless": _hopeless,
    "a-new-edit-resets": _reset,
    "edited-between-two-tries": _edited_meanwhile,
}


def _retries(adapter: type[HostAdapter]) -> Sequence[Variant]:
    stages = ["import", "start"] if Claim.HOOKS in adapter.claims else ["import"]
    found = [
        Variant(f"{name}-at-{stage}", (do, stage))
        for name, do in RETRIES.items()
        for stage in stages
    ]
    return [*found, Variant("syntax-error", (_syntax, "syntax"))]


@check(
    "HR-LIMIT-03",
    variants=_retries,
    needs=(Claim.WATCH,),
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
)
async def retry_backoff(
    case: Case, what: tuple[Callable[[Watching, str], Awaitable[None]], str]
) -> None:
    do, stage = what
    watching = Watching(case)
    if watching.pace.tries < 2:
        raise NotClaimed("a declared number of tries: give tries, 2 or more, in the pace")
    await watching.serving(version(1))
    await do(watching, stage)
