"""WATCH: what is edited runs, however it was saved, whenever it happened."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold
from hot_reload_conformance.bench.watching import ALPHA, Watching, manual_ports
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.probe import Probe
from hot_reload_conformance.verdict import CannotJudge, NotClaimed
from hot_reload_fixtures.mutators import SaveStyle

Doing: TypeAlias = Callable[[Watching], Awaitable[str]]
"""Edits under watch; gives the version that lies on disk in the end."""

DEADLINE_SECONDS = 60.0
"""For a variant; only in real time does any come near to it."""


def version(number: int) -> PluginSpec:
    """ALPHA in a version of three characters: all sources of it are of one length."""
    return ALPHA.at(f"v{number:02}")


def planned(watching: Watching, what: str, spec: PluginSpec, act: Callable[[], object]) -> None:
    """Have ``act`` done when ``spec`` comes to ``what`` the next time."""

    def action(_: Probe) -> None:
        act()

    watching.case.recording.plan(what, action, plugin=spec.name, version=spec.version)


def failing(watching: Watching, spec: PluginSpec, *, what: str = "import", times: int = 1) -> None:
    """Have ``spec`` raise at ``what``, so often."""
    action = raising(PlannedError, "the kit made this version fail")
    watching.case.recording.plan(what, action, plugin=spec.name, version=spec.version, times=times)


def held(watching: Watching, hold: Hold) -> None:
    """A plugin stands in the hook in which it was to be held.

    Raises:
        NotClaimed: the host's hooks are synchronous.
        CannotJudge: it never came there.
    """
    if hold.refused:
        raise NotClaimed("hooks that wait: the hooks of this host are synchronous")
    if not hold.gate.arrived:
        raise CannotJudge("the reload never came to the hook in which it was to be held")


async def held_in_start(watching: Watching) -> Hold:
    """Save v2; its reload stands in start until the hold is opened.

    Raises:
        NotClaimed, CannotJudge: it does not, as ``held`` says.
    """
    hold = Hold()
    watching.case.recording.plan("start", hold, plugin=ALPHA.name, version=version(2).version)
    watching.save(version(2))
    await watching.settle()
    held(watching, hold)
    return hold


# HR-WATCH-01


async def _edit(watching: Watching) -> str:
    watching.save(version(2))
    return version(2).version


async def _edit_before(watching: Watching) -> str:
    """What runs is compared with the disk, and not what lay there as the watch began."""
    await watching.case.loaded(version(1))
    watching.save(version(2), told=False)
    await watching.start()
    return version(2).version


async def _untold(watching: Watching) -> str:
    watching.save(version(2), told=False)
    return version(2).version


async def _burst(watching: Watching) -> str:
    for number in range(2, 12):
        watching.save(version(number))
        await watching.run(watching.pace.quiet_seconds / 3)
    return version(11).version


def _saved_inside(what: str, of: int, then: int) -> Doing:
    """While v2 is loaded, and version ``of`` is in ``what``, version ``then`` is saved untold."""

    async def do(watching: Watching) -> str:
        planned(watching, what, version(of), lambda: watching.save(version(then), told=False))
        watching.save(version(2))
        return version(then).version

    return do


_during_its_import = _saved_inside("import", 2, 3)
"""The bytes change between the moment when they were read and the commit."""
_while_the_old_stops = _saved_inside("stop", 1, 3)
_there_and_back = _saved_inside("import", 2, 1)
"""v2 is loaded while v1 is back on disk already: v1 is an edit again."""


async def _while_a_hook_waits(watching: Watching) -> str:
    hold = await held_in_start(watching)
    watching.save(version(3))
    await watching.run(watching.pace.notice_seconds + 3 * watching.pace.quiet_seconds)
    hold.open()
    return version(3).version


async def _in_the_cooldown(watching: Watching) -> str:
    watching.save(version(2))
    await watching.run(watching.pace.notice_seconds + 3 * watching.pace.quiet_seconds)
    for number in range(3, 6):
        watching.save(version(number), told=number % 2 == 0)
        await watching.run(2 * watching.pace.quiet_seconds)
    return version(5).version


async def _after_a_failure(watching: Watching) -> str:
    failing(watching, version(2))
    watching.save(version(2))
    await watching.settle()
    watching.save(version(3))
    return version(3).version


async def _during_a_failure(watching: Watching) -> str:
    def act(_: Probe) -> None:
        watching.save(version(3), told=False)
        raise PlannedError("the edit before this one is no good")

    watching.case.recording.plan("import", act, plugin=ALPHA.name, version=version(2).version)
    watching.save(version(2))
    return version(3).version


async def _after_a_syntax_error(watching: Watching) -> str:
    watching.put(watching.path(ALPHA), b"def broken(:\n")
    watching.noted(ALPHA.name, "save a syntax error")
    await watching.settle()
    watching.save(version(3))
    return version(3).version


async def _back_to_what_runs(watching: Watching) -> str:
    watching.save(version(2))
    await watching.settle()
    watching.put(watching.path(ALPHA), b"def broken(:\n")
    watching.noted(ALPHA.name, "save a syntax error")
    await watching.settle()
    watching.save(version(2))
    return version(2).version


async def _flip_flop(watching: Watching) -> str:
    for number in (2, 1, 2, 1, 2):
        watching.save(version(number))
        await watching.run(watching.pace.quiet_seconds / 2)
    return version(2).version


async def random_history(watching: Watching, choose: random.Random, steps: int) -> str:
    """Saves of every kind at random moments; ends with a good one, whose version it gives."""
    number, pace = 1, watching.pace
    styles = [each for each in SaveStyle if each is not SaveStyle.DATA_DIRECTORY_SWAP]
    pauses = (0.0, pace.quiet_seconds / 2, pace.quiet_seconds * 1.5, pace.notice_seconds)
    for step in range(steps):
        last = step == steps - 1
        kind = "good" if last else choose.choice(("good", "good", "good", "bad", "gone", "failing"))
        if kind == "bad":
            watching.put(watching.path(ALPHA), b"def broken(:\n", told=choose.random() < 0.5)
            watching.noted(ALPHA.name, "save a syntax error")
        elif kind == "gone":
            watching.path(ALPHA).unlink(missing_ok=True)
            watching.noted(ALPHA.name, "delete it")
            await watching.run(pace.delete_grace_seconds / 3)
            watching.save(version(number))
        else:
            number = number if choose.random() < 0.2 and not last else number + 1
            if kind == "failing":
                # Once; a host that tries it again finds it well.
                failing(watching, version(number))
                number += 1
            watching.save(version(number), _style(watching, choose, styles))
        if not last:
            await watching.run(choose.choice((*pauses, pace.converge_seconds * choose.random())))
    return version(number).version


def _style(watching: Watching, choose: random.Random, styles: Sequence[SaveStyle]) -> SaveStyle:
    style = choose.choice(styles)
    path = watching.path(ALPHA)
    same_size = path.is_file() and path.stat().st_size == len(watching.text(version(1)))
    if style is SaveStyle.SAME_SIZE_AND_MTIME and not same_size:
        return SaveStyle.RENAME
    return style


def _history(seed: int) -> Doing:
    async def do(watching: Watching) -> str:
        budget = watching.case.budget
        choose = random.Random((budget.seed or 0) * 1_000 + seed)
        for _ in range(max(1, budget.examples // 20)):
            last = await random_history(watching, choose, steps=8)
            await watching.settle()
            watching.case.recording.unplanned()
            await watching.expect_serving(last, "after saves of all kinds the last one got lost")
        return last

    return do


CONVERGES: dict[str, tuple[str, Doing]] = {
    "edit": ("after one edit", _edit),
    "untold": ("after an edit of which no event came", _untold),
    "burst": ("after a burst of edits", _burst),
    "during-its-import": ("after an edit during the import of the one before", _during_its_import),
    "while-a-hook-waits": ("after an edit while a reload's hook waited", _while_a_hook_waits),
    "while-the-old-stops": ("after an edit while the old version stopped", _while_the_old_stops),
    "in-the-cooldown": ("after edits right behind a reload", _in_the_cooldown),
    "after-a-failure": ("after a failed reload and a good edit", _after_a_failure),
    "during-a-failure": ("after a good edit during a reload that fails", _during_a_failure),
    "after-a-syntax-error": ("after a syntax error and a good edit", _after_a_syntax_error),
    "back-to-what-runs": ("after a syntax error was taken back", _back_to_what_runs),
    "there-and-back": ("after an edit that was taken back while it was loaded", _there_and_back),
    "flip-flop": ("after edits there and back again", _flip_flop),
}
BEFORE_IT_BEGAN = "before-it-began"
"""An edit between the load and the begin of the watch."""
HISTORIES = 4
_HOOKED = ("while-a-hook-waits", "while-the-old-stops")


def _ways_to_converge(adapter: type[HostAdapter]) -> Sequence[Variant]:
    histories = {
        f"history-{seed}": ("after saves of all kinds", _history(seed))
        for seed in range(HISTORIES if Claim.CLOCK in adapter.claims else 1)
    }
    early = {BEFORE_IT_BEGAN: ("after an edit before the watch began", _edit_before)}
    return [
        Variant(name, each)
        for name, each in {**CONVERGES, **early, **histories}.items()
        if (Claim.HOOKS in adapter.claims or name not in _HOOKED)
        and (Claim.CLOCK in adapter.claims or name != "untold")
    ]


@check(
    "HR-WATCH-01",
    variants=_ways_to_converge,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def converges(case: Case, what: tuple[str, Doing]) -> None:
    text, do = what
    watching = Watching(case)
    if do is not _edit_before:
        await watching.serving(version(1))
    last = await do(watching)
    await watching.settle()
    if case.recording.pending():
        raise CannotJudge(f"what was planned never happened: {case.recording.pending()}")
    await watching.expect_serving(
        last,
        f"{text}, what lies on disk ({last}) does not run {watching.pace.converge_seconds:g}"
        " s after the last one",
    )
