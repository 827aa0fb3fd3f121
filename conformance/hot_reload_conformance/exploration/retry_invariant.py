"""The invariant of retries: what fails in passing is tried again, as often as is declared.

How long the pauses are is judged where nothing else explains them: with the watch on all the
time, and with fewer loads in the window than the declared rate allows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from hot_reload_conformance.bench.watching import SLACK_SECONDS
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import BROKEN, HANDLERS, PASSING, Op
from hot_reload_conformance.exploration.watch_world import Save, WatchWorld


class Retries(Invariant):
    """Each edit that fails in passing has tries of its own, later each time; a broken text one."""

    code = "HR-LIMIT-03"
    machine = "watching"
    names = HANDLERS
    needs = "a load that failed was tried again"
    retries = True
    cost = 5

    async def after(self, world: WatchWorld, op: Op, done: Done) -> None:
        settled = (op.verb, op.name) == ("wait", "long") and world.on
        seen = await world.ask("ask") if settled else []
        for save, until in _edits(world):
            if any(save.at <= each <= until for each in world.switched):
                continue  # what is tried anew as the watch is switched on is HR-WATCH-12's matter
            if save.fault == BROKEN:
                self._one_try(world, save, until)
                continue
            runs = [r.at for r in world.watching.runs if r.version == save.version]
            self._bounded(world, save, runs)
            if save is _last(world, save.plugin) and settled:
                self._came(world, save, runs, seen)
            self._paces(world, save, runs)

    def _one_try(self, world: WatchWorld, save: Save, until: float) -> None:
        times = [at for at, name in world.compiled if name == save.plugin and save.at < at < until]
        late = [at for at in times if at > times[0] + SLACK_SECONDS]
        world.expect(
            not late,
            f"a syntax error in {save.plugin} was tried again "
            f"{late[0] - times[0] if late else 0:.2f} s after the first time: no waiting mends it",
            "one try until the next edit",
            ", ".join(f"compiled at {each:.2f} s" for each in dict.fromkeys(times)),
        )

    def _bounded(self, world: WatchWorld, save: Save, runs: list[float]) -> None:
        tries = world.watching.pace.tries
        world.expect(
            len(runs) <= tries or not save.fault,
            f"{save.plugin} {save.version}, which fails, was tried {len(runs)} times; the declared "
            f"number is {tries}",
            f"at most {tries} tries",
            _said(runs),
        )

    def _came(self, world: WatchWorld, save: Save, runs: list[float], seen: list[str]) -> None:
        """A long time later: what passes in the end serves, and what does not had its tries."""
        tries = world.watching.pace.tries
        passes = f"{save.plugin} {save.version}, whose trouble passes after {tries - 1} tries of "
        if save.fault == PASSING:
            world.expect(
                save.version in seen,
                f"{passes}{tries}, does not serve: it was tried {len(runs)} times",
                save.version,
                f"{', '.join(seen)}; {_said(runs)}",
            )
        elif save.fault:
            world.expect(
                len(runs) > 1,
                f"{save.plugin} {save.version}, which fails in passing, is not tried again",
                f"2 to {tries} tries",
                _said(runs),
            )
        else:
            world.expect(
                save.version in seen,
                f"{save.plugin} {save.version}, a good edit behind one that failed, does not serve",
                save.version,
                seen,
            )

    def _paces(self, world: WatchWorld, save: Save, runs: list[float]) -> None:
        pace = world.watching.pace
        delays = [behind - before for before, behind in itertools.pairwise(runs)]
        if not save.fault or not delays or not self._free(world, save, runs):
            return
        world.facts["a load that failed was tried again"] += 1
        # What a poll adds to a delay is no growth, and takes none away.
        world.expect(
            all(b > a * 1.2 - pace.notice_seconds for a, b in itertools.pairwise(delays))
            and (len(delays) < 3 or delays[-1] > delays[0] * 1.2),
            f"the retries of {save.plugin} {save.version} come without a growing delay",
            "each wait longer than the one before",
            ", ".join(f"{each:.2f} s" for each in delays),
        )
        for number, each in enumerate(delays):
            declared = pace.retry_seconds * 2.0**number
            world.expect(
                pace.retry_seconds * 0.25 <= each <= 1.5 * declared + 2 * pace.notice_seconds,
                f"retry {number + 1} of {save.plugin} {save.version} came after {each:.2f} s; the "
                f"declared delay is at most {declared:g} s",
                "no retry at once, and none later than that, but for a poll",
                ", ".join(f"{each:.2f} s" for each in delays),
            )

    def _free(self, world: WatchWorld, save: Save, runs: list[float]) -> bool:
        """Whether the declared rate had no say in when the retries came."""
        pace = world.watching.pace
        since = runs[0] - pace.window_seconds - pace.notice_seconds
        loads = [r for r in world.watching.runs if r.plugin == save.plugin and r.at > since]
        return not pace.limit or len([r for r in loads if r.at <= runs[-1]]) <= pace.limit


def _edits(world: WatchWorld) -> Iterator[tuple[Save, float]]:
    """Each save, and until when it lay there: what is in the middle of a try may end later."""
    for place, save in enumerate(world.saves):
        later = (each.at for each in world.saves[place + 1 :] if each.plugin == save.plugin)
        yield save, next(later, world.watching.now() + SLACK_SECONDS)


def _last(world: WatchWorld, plugin: str) -> Save:
    return next(each for each in reversed(world.saves) if each.plugin == plugin)


def _said(runs: list[float]) -> str:
    return ", ".join(f"tried at {each:.2f} s" for each in runs) or "never tried"
