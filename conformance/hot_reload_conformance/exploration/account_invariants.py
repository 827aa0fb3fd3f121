"""The invariants of the operations machine about its books: the counters, and the audit log."""

from __future__ import annotations

from collections.abc import Sequence

from hot_reload_conformance.bench.hold import turns
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import HANDLERS, Op
from hot_reload_conformance.exploration.world import World
from hot_reload_conformance.operated import AuditRecord, Counts

_ATTEMPTS = ("load", "reload", "unload", "cancel")
_RESULTS = {"ok": "success", "failed": "failure", "cancelled": "failure"}
"""What an attempt that came to this counts as; whether a refused one is one, the host decides."""
_COUNTERS = ("attempts", "successes", "failures", "refusals", "durations")


class Conserved(Invariant):
    """Each attempt is counted once, with one result and a duration; no counter ever goes down."""

    code = "HR-OBS-02"
    machine = "operations"
    names = HANDLERS
    needs = "attempts were counted"
    about_failures = True
    cost = 3

    async def before(self, world: World, op: Op) -> None:
        self.counts = await self._counts(world)

    async def _counts(self, world: World) -> Counts:
        await turns()
        return await world.case.guarded(world.case.adapter.metrics(), "metrics")

    async def after(self, world: World, op: Op, done: Done) -> None:
        result = _RESULTS.get(done.outcome) if op.verb in _ATTEMPTS else None
        before, now = self.counts, await self._counts(world)
        for name in _COUNTERS:
            was, is_now = getattr(before, name), getattr(now, name)
            world.expect(
                is_now >= was,
                f"in {op} the counter of {name} went down, from {was} to {is_now}",
                f"{was} or more",
                is_now,
            )
        world.facts["attempts were counted"] += now.attempts > before.attempts
        results = now.successes + now.failures + now.refusals
        world.expect(
            now.attempts == results == now.durations,
            f"after {op}, {now.attempts} attempts are counted, {results} results, and "
            f"{now.durations} durations",
            "attempts = successes + failures + refusals = durations",
            str(now),
        )
        more = (now.successes - before.successes, now.failures - before.failures)
        world.expect(
            result is None or more == ((1, 0) if result == "success" else (0, 1)),
            f"{op} was a {result}, and {more[0]} successes and {more[1]} failures more are counted",
            f"one {result} more",
            f"{before}, then {now}",
        )

    async def overlapped(self, world: World, op: Op, done: Done) -> None:
        await self.after(world, op, done)  # of what shares an attempt only the sum is known


class Audited(Invariant):
    """Each operation leaves one record, which says how it ended; earlier ones stay as they are."""

    code = "HR-OBS-05"
    machine = "operations"
    names = HANDLERS
    needs = "operations were recorded"
    about_failures = True
    cost = 3

    async def before(self, world: World, op: Op) -> None:
        self.records = await self._records(world)

    async def _records(self, world: World) -> Sequence[AuditRecord]:
        await turns()
        return tuple(await world.case.guarded(world.case.adapter.audit(), "audit"))

    async def after(self, world: World, op: Op, done: Done) -> None:
        before, now = self.records, await self._records(world)
        world.expect(
            now[: len(before)] == before,
            f"{op} changed the audit records that were there",
            [str(each) for each in before],
            [str(each) for each in now],
        )
        new = now[len(before) :]
        world.facts["operations were recorded"] += bool(new)
        for part, each in zip(op.parts or (op,), done.parts or (done,), strict=True):
            result = _RESULTS.get(each.outcome)
            if result is None or part.verb not in (*_ATTEMPTS, "disable"):
                continue
            mine = [record for record in new if record.plugin == part.name]
            self._one(world, part, result, mine, alone=not op.parts)

    def _one(
        self, world: World, op: Op, result: str, mine: list[AuditRecord], *, alone: bool
    ) -> None:
        world.expect(
            len(mine) == 1 if alone else bool(mine),
            f"{op} left {len(mine) or 'no'} audit record{'s' * (len(mine) != 1)}",
            "one",
            [str(each) for each in mine],
        )
        said = mine[-1].result
        world.expect(
            not alone or said in ("", result),
            f"{op} was a {result}, and its audit record says {said!r}",
            result,
            said,
        )

    async def overlapped(self, world: World, op: Op, done: Done) -> None:
        await self.after(world, op, done)


ACCOUNTS = (Conserved, Audited)
