"""The invariants of when a watch loads: after the quiet, within the longest wait, not too often.

They speak of what the watch does by itself. What came while somebody had asked for a reload is
left out, and of saves in a row only those are judged that began at rest: behind others a limit
may hold, or a longest wait be over, and then a reload in their middle is right.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from hot_reload_conformance.bench.watching import SLACK_SECONDS, Run
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import HANDLERS, Op
from hot_reload_conformance.exploration.watch_world import Save, WatchWorld


class _Pace(Invariant):
    machine = "watching"
    names = HANDLERS
    cost = 3

    def __init__(self) -> None:
        self.judged = 0

    async def overlapped(self, world: WatchWorld, op: Op, done: Done) -> None:
        await self.after(world, op, done)

    def new_runs(self, world: WatchWorld) -> Iterator[tuple[int, Run]]:
        """The runs that the watch began by itself since this was asked last, with their places."""
        begin, self.judged = self.judged, len(world.watching.runs)
        for place, run in enumerate(world.watching.runs[begin:], begin):
            if place not in world.asked:
                yield place, run


def _edits_before(world: WatchWorld, place: int, run: Run) -> list[Save]:
    return [each for each in world.saves if each.plugin == run.plugin and each.runs <= place]


class Coalesces(_Pace):
    """Saves at rest, none of them later than the quiet period of the one before, load once."""

    code = "HR-WATCH-03"
    needs = "saves came in a burst"

    async def after(self, world: WatchWorld, op: Op, done: Done) -> None:
        if (op.verb, op.name) != ("wait", "long"):
            return
        quiet = world.watching.pace.quiet_seconds
        for name in world.plugins:  # the earlier ones too: nothing is to load them a second time
            for burst in _bursts([each for each in world.saves if each.plugin == name], quiet):
                self._once(world, burst)

    def _once(self, world: WatchWorld, burst: list[Save]) -> None:
        pace = world.watching.pace
        versions = {each.version for each in burst}
        loads = [
            each
            for place, each in enumerate(world.watching.runs)
            if each.version in versions and place not in world.asked
        ]
        asked = any(
            each.version in versions
            for place, each in enumerate(world.watching.runs)
            if place in world.asked
        )
        lasts = burst[-1].at - burst[0].at
        if asked or not burst[0].at_rest or lasts > pace.max_wait_seconds - 2 * pace.quiet_seconds:
            return
        world.facts["saves came in a burst"] += len(burst) > 1 and bool(loads)
        what = f"{burst[0].plugin} {burst[0].version}, saved once, was"
        if len(burst) > 1:
            what = (
                f"{len(burst)} saves of {burst[0].plugin} within {lasts:.2f} s, each within the "
                f"quiet period of {pace.quiet_seconds:g} s behind the one before, were"
            )
        world.expect(
            len(loads) <= 1,
            f"{what} loaded {len(loads)} times",
            "one reload",
            ", ".join(map(str, loads)),
        )


def _bursts(saves: list[Save], quiet_seconds: float) -> Iterator[list[Save]]:
    burst: list[Save] = []
    for each in saves:
        if burst and each.at - burst[-1].at >= quiet_seconds - SLACK_SECONDS:
            yield burst
            burst = []
        burst.append(each)
    if burst:
        yield burst


class QuietPeriod(_Pace):
    """Between a save and the load that follows lies the quiet period, or the longest wait is up."""

    code = "HR-WATCH-04"
    needs = "an edit was loaded"

    async def after(self, world: WatchWorld, op: Op, done: Done) -> None:
        pace = world.watching.pace
        for place, run in self.new_runs(world):
            edits = _edits_before(world, place, run)
            if not edits:
                continue
            world.facts["an edit was loaded"] += 1
            since = run.at - edits[-1].at
            # Of all since the last rest the oldest is the one that may have waited too long.
            begun = next((each.at for each in reversed(edits) if each.at_rest), edits[0].at)
            overdue = run.at - begun >= pace.max_wait_seconds - 2 * pace.quiet_seconds
            world.expect(
                overdue or since >= pace.quiet_seconds - SLACK_SECONDS,
                f"{run.plugin} is loaded {since:.3f} s after an edit of it; the quiet period is "
                f"{pace.quiet_seconds:g} s, and the longest wait was not over",
                f"a load at least {pace.quiet_seconds:g} s after the last edit",
                str(run),
            )


class MaxWait(_Pace):
    """Under saves without a pause that begin at rest, one is loaded within the longest wait."""

    code = "HR-WATCH-05"
    needs = "saves came without a pause"
    stirs = True

    async def after(self, world: WatchWorld, op: Op, done: Done) -> None:
        if op.verb != "stir" or not world.on:
            return
        first = next(each for each in reversed(world.saves) if each.stirred)
        if not first.at_rest:
            return
        world.facts["saves came without a pause"] += 1
        pace = world.watching.pace
        bound = pace.max_wait_seconds + pace.notice_seconds
        later = [each for each in world.watching.runs[first.runs :] if each.plugin == op.name]
        world.expect(
            bool(later) and later[0].at - first.at <= bound + pace.quiet_seconds / 2,
            f"{op.name} is saved again and again, and not loaded within the longest wait of "
            f"{pace.max_wait_seconds:g} s",
            f"a load within {bound:g} s of the first save",
            f"after {later[0].at - first.at:.2f} s" if later else "none",
        )


class Rate(_Pace):
    """Between two loads of a plugin lies the cooldown, and in no window are there too many."""

    code = "HR-LIMIT-01"
    needs = "a plugin was loaded again"

    def __init__(self) -> None:
        super().__init__()
        self.loads: dict[str, list[Run]] = {}

    async def after(self, world: WatchWorld, op: Op, done: Done) -> None:
        pace = world.watching.pace
        for _, run in self.new_runs(world):
            loads = self.loads.setdefault(run.plugin, [])
            loads.append(run)
            for before, behind in itertools.pairwise(loads[-2:]):
                world.facts["a plugin was loaded again"] += 1
                gap = behind.at - before.at
                world.expect(
                    gap >= pace.cooldown_seconds - SLACK_SECONDS,
                    f"{run.plugin} is loaded again {gap:.2f} s later; the declared cooldown is "
                    f"{pace.cooldown_seconds:g} s",
                    f"at least {pace.cooldown_seconds:g} s",
                    f"{before}, {behind}",
                )
            begin = run.at - pace.window_seconds + SLACK_SECONDS
            recent = [each for each in loads if each.at > begin]
            world.expect(
                not pace.limit or len(recent) <= pace.limit,
                f"{run.plugin} is loaded {len(recent)} times within {pace.window_seconds:g} s; "
                f"the declared rate is {pace.limit}",
                f"at most {pace.limit}",
                ", ".join(map(str, recent)),
            )


class Deferred(_Pace):
    """An edit that came while the cooldown held is loaded when it is over."""

    code = "HR-LIMIT-02"
    needs = "an edit came in the cooldown"

    def __init__(self) -> None:
        super().__init__()
        self.early: set[str] = set()

    async def after(self, world: WatchWorld, op: Op, done: Done) -> None:
        for each in world.saves[self.judged :]:
            ran = [r.at for r in world.watching.runs[: each.runs] if r.plugin == each.plugin]
            if ran and each.at < ran[-1] + world.watching.pace.cooldown_seconds:
                self.early.add(each.plugin)
        self.judged = len(world.saves)
        if (op.verb, op.name) != ("wait", "long") or not world.on:
            return
        seen = await world.ask("ask")
        for name in sorted(self.early):
            plugin = world.plugins[name]
            world.facts["an edit came in the cooldown"] += 1
            world.expect(
                plugin.failed or plugin.version in seen,
                f"{name} {plugin.version}, an edit that came while the cooldown held, was dropped",
                plugin.version,
                seen,
            )
        self.early.clear()


PACE = (Coalesces, QuietPeriod, MaxWait, Rate, Deferred)
