"""OBS-05: each operation leaves one record of who did what, why, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec, Reply, implements
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold, turns
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.obs_counts import ALPHA, cancelled
from hot_reload_conformance.checks.stages import CAUSE
from hot_reload_conformance.operated import AuditRecord
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

BETA = PluginSpec(name="beta")

# HR-OBS-05


Judge: TypeAlias = Callable[[Case], Awaitable[None]]
"""What a variant brings: it sees to it that something is recorded, and looks at that."""


@dataclass(frozen=True)
class Deed:
    """One operation on a running ``alpha``, and what its record has to say."""

    what: str
    operation: str
    act: Callable[[Case], Awaitable[Reply | None]]
    result: str = "success"
    plugin: str = "alpha"
    forced: bool = False

    async def recorded(self, case: Case) -> None:
        """That it leaves one record, which is right."""
        await _recorded(case, self)


async def _good(case: Case) -> Reply:
    return await case.reloaded(ALPHA.at("v2"))


async def _bad(case: Case) -> Reply:
    case.write(ALPHA.at("v2"))
    case.recording.plan("import", raising(PlannedError, CAUSE), plugin="alpha")
    return await case.reload("alpha")


async def _forced(case: Case) -> Reply:
    if not implements(case.adapter, "force_reload"):
        raise NotClaimed("a forced operation: give the adapter force_reload(ref)")
    return await case.force_reload("alpha")


def _nobody(case: Case) -> Awaitable[Reply]:
    return case.reload("nobody")


def _refused(operation: str) -> Deed:
    """The operation on a plugin that is not there."""

    def act(case: Case) -> Awaitable[Reply]:
        asked: Awaitable[Reply] = getattr(case, operation)("nobody")
        return asked

    return Deed(f"a refused {operation}", operation, act, "no success", plugin="nobody")


async def _aborted(case: Case) -> None:
    if await cancelled(case) != "failure":
        raise CannotJudge("the reload ended before it could be cancelled")


def _new(case: Case) -> Awaitable[Reply]:
    return case.loaded(BETA)


def _bad_new(case: Case) -> Awaitable[Reply]:
    case.write(BETA)
    case.recording.plan("import", raising(PlannedError, CAUSE), plugin="beta")
    return case.load("beta")


def _deeds(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [
        Deed("a load", "load", _new, plugin="beta"),
        Deed("a failed load", "load", _bad_new, "failure", plugin="beta"),
        Deed("a second load", "load", lambda case: case.load("alpha"), "no success"),
    ]
    if Claim.RELOAD in adapter.claims:
        found += [
            Deed("a reload", "reload", _good),
            Deed("a failed reload", "reload", _bad, "failure"),
            Deed("a forced reload", "reload", _forced, forced=True),
            Deed("an unknown plugin", "reload", _nobody, "no success", plugin="nobody"),
        ]
        if Claim.CANCEL in adapter.claims and "start" in adapter.stages:
            found.append(Deed("a cancelled reload", "reload", _aborted, "failure"))
    if Claim.UNLOAD in adapter.claims:
        found.append(Deed("an unload", "unload", lambda case: case.unload("alpha")))
        found.append(_refused("unload"))
    if Claim.ENABLE in adapter.claims:
        found.append(Deed("a disable", "disable", lambda case: case.disable("alpha")))
        found.append(_refused("disable"))
    judges: dict[str, Judge] = {each.what: each.recorded for each in found}
    if Claim.RELOAD in adapter.claims and implements(adapter, "acting_as"):
        judges["a reload that a plugin asks for"] = _asked_for_by_a_plugin
        if "start" in adapter.stages:
            judges["reloads of two actors at once"] = _of_two_actors
    return [Variant(name, judge) for name, judge in judges.items()]


@check("HR-OBS-05", variants=_deeds)
async def audit(case: Case, judge: Judge) -> None:
    await judge(case)


async def _recorded(case: Case, deed: Deed) -> None:
    what = deed.what
    await _audited(case)
    await case.loaded(ALPHA)
    before = await _audited(case)
    acting: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    told = implements(case.adapter, "acting_as")
    if told:
        acting = case.adapter.acting_as("alice", "hotfix 4711")
    with acting:
        reply = await deed.act(case)
    case.recording.unplanned()
    if reply is not None and reply.ok is not (deed.result == "success"):
        raise CannotJudge(f"{what} came out otherwise than it was meant to: {reply.everything}")
    await turns()
    after = await _audited(case)
    case.expect(
        list(after[: len(before)]) == list(before),
        f"{what} changed the audit records that were there",
        expected=[str(each) for each in before],
        seen=[str(each) for each in after],
    )
    new = after[len(before) :]
    case.expect(
        len(new) == 1,
        f"{what} left {len(new) or 'no'} audit record{'s' * (len(new) != 1)}",
        expected="one",
        seen=[str(each) for each in new],
    )
    _expect_record(case, new[0], deed, told=told)
    if before and new[0].when:
        case.expect(
            new[0].when >= before[-1].when,
            f"the audit record of {what} says that it was before the operations before it",
            expected=f"{before[-1].when} or later",
            seen=new[0].when,
        )
    same = deed.result != "success" or deed.operation != "reload" or deed.forced
    if new[0].plugin == "alpha" and new[0].sha256 and before[-1].sha256:
        case.expect(
            (new[0].sha256 == before[-1].sha256) is same,
            f"the audit record of {what} has the hash of other source than that which serves",
            expected="the hash of what was there before" if same else "another hash than before",
            seen=f"{before[-1].sha256}, then {new[0].sha256}",
        )


def _expect_record(case: Case, record: AuditRecord, deed: Deed, *, told: bool) -> None:
    case.tell(f"the audit record of {deed.what}", seen=str(record))
    fields: list[tuple[str, object, bool]] = [
        ("what was done", record.operation, deed.operation in record.operation),
        ("to which plugin", record.plugin, record.plugin == deed.plugin),
        ("when", record.when, bool(record.when)),
        ("whether it was forced", record.forced, record.forced is deed.forced),
    ]
    good = record.result == "success"
    fields.append(("the result", record.result, good is (deed.result == "success")))
    if told:
        fields.append(("by whom", record.by, record.by == "alice"))
        fields.append(("why", record.why, record.why == "hotfix 4711"))
    if deed.result == "success":
        fields.append(
            ("the hash", record.sha256, bool(record.sha256) or deed.operation == "unload")
        )
    for name, seen, right in fields:
        case.expect(
            right,
            f"the audit record of {deed.what} does not tell {name}",
            expected=f"{deed.operation} of {deed.plugin}, {deed.result}",
            seen=repr(seen),
        )


async def _asked_for_by_a_plugin(case: Case) -> None:
    """Whether it is refused or deferred, its records tell in whose name it was asked for."""
    await _audited(case)
    await case.loaded(ALPHA)
    before = await _audited(case)
    asked: list[object] = []

    async def ask() -> None:
        with case.adapter.acting_as("alice", "hotfix 4711"):
            try:
                asked.append(await case.adapter.reload("alpha"))
            except Exception as error:  # a refusal, in this host's way
                asked.append(error)

    case.recording.plan("start", lambda _: ask(), plugin="alpha", version="v2")
    await case.reloaded(ALPHA.at("v2"))
    if not asked or isinstance(asked[0], probe.NotDrivable):
        raise NotClaimed("a start hook that asks for a reload: this host's hooks cannot wait")
    for _ in range(20):  # what is deferred comes when the first is over
        await turns()
    new = (await _audited(case))[len(before) :]
    for record in new:
        case.tell("a new audit record", seen=str(record))
    hers = [record for record in new if (record.by, record.why) == ("alice", "hotfix 4711")]
    case.expect(
        bool(hers) and len(new) - len(hers) <= 1,
        "a plugin asked for its own reload in alice's name, and not every audit record of that "
        "tells so",
        expected="one record of the reload that nobody asked for, and behind it hers",
        seen=[f"{record.operation}, {record.result}, by {record.by!r}" for record in new],
    )


async def _of_two_actors(case: Case) -> None:
    """Whoever asks later, and is done sooner, does not lend the first one's record his name."""
    await _audited(case)
    actors = {"alpha": ("alice", "hotfix 4711"), "beta": ("bob", "ticket 12")}
    for spec in (ALPHA, BETA):
        await case.loaded(spec)
    before = await _audited(case)
    hold = Hold()
    case.recording.plan("start", hold, plugin="alpha", version="v2")
    asked: list[asyncio.Future[Reply]] = []
    try:
        for spec in (ALPHA, BETA):
            case.write(spec.at("v2"))
            with case.adapter.acting_as(*actors[spec.name]):
                asked.append(asyncio.ensure_future(case.reload(spec.ref)))
                # In its name from beginning to end, or as far as it comes without the first.
                await (hold.reached(asked[0]) if spec is ALPHA else turns())
    finally:
        hold.open()
    replies = [await each for each in asked]
    if not all(reply.ok for reply in replies):
        raise CannotJudge("two reloads at once did not both succeed")
    for record in (await _audited(case))[len(before) :]:
        by, why = actors.get(record.plugin, ("", ""))
        case.expect(
            (record.by, record.why) == (by, why),
            f"two reloaded at once, and the audit record of {record.plugin} tells another's name: "
            f"{record.by!r}, because of {record.why!r}",
            expected=f"{by!r}, because of {why!r}",
            seen=str(record),
        )


async def _audited(case: Case) -> Sequence[AuditRecord]:
    return tuple(await case.guarded(case.adapter.audit(), "audit"))
