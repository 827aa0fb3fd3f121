"""STATE, continued: what goes from the old generation to the new one beside its state."""

from __future__ import annotations

from collections.abc import Sequence

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.observe import serial_of, who
from hot_reload_conformance.checks.stages import CAUSE, few
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

SPEC = PluginSpec(state=True, migrates=True)
_MIGRATIONS = ("learns", "learns again", "learns after a failure", "refuses")


@check("HR-STATE-09", variants=[Variant(n, n) for n in _MIGRATIONS], needs=(Claim.STATE,))
async def migration(case: Case, script: str) -> None:
    _renders(case, SPEC, PluginSpec(state=True), "migrates")
    await case.loaded(SPEC)
    await case.replies(Event("put", {"count": 3}))
    versions = ["v2"]
    if script == "refuses":
        await _refused(case)
        return
    if script == "learns again":
        versions.append("v3")
    elif script == "learns after a failure":
        case.write(SPEC.at("v2"))
        case.recording.plan("on_reload", raising(PlannedError), plugin=SPEC.name, version="v2")
        await case.reload(SPEC.ref)
        if case.recording.pending():
            case.recording.unplanned()
            raise NotClaimed("a failed reload in between: this host has no on_reload hook")
        case.recording.learned.clear()
        versions = ["v3"]
    old = "v1"
    for version in versions:
        await case.reloaded(SPEC.at(version))
        told = [each for _, to, each in case.recording.learned if to == version]
        case.expect(
            bool(told),
            f"the restoring hook of {version} was not told the old one's version",
            expected=old,
            seen="nothing",
        )
        case.expect(
            told[-1] == old or told[-1].endswith(old),
            f"the restoring hook of {version} was told another version than the one whose state "
            f"it was given: {told[-1]!r}, and the state is {old}'s",
            expected=old,
            seen=told[-1],
        )
        old = version
    seen = await case.replies(Event("get"))
    case.expect(
        seen == ["{'count': 3}"],
        "the state did not arrive beside the version",
        expected=["{'count': 3}"],
        seen=seen,
    )


async def _refused(case: Case) -> None:
    before = await who(case)
    case.write(SPEC.at("v2"))
    case.recording.plan("set_reload_state", raising(PlannedError, CAUSE), plugin=SPEC.name)
    reply = await case.reload(SPEC.ref)
    if case.recording.pending():
        raise CannotJudge("the restoring hook of the new generation was never called")
    case.expect(
        not reply.ok,
        "the new generation refused the state of the old version, and the reload says success",
        expected="a failed reload",
        seen="success",
    )
    case.expect(
        await who(case) == before,
        "after a refused migration another instance serves than before",
        expected=before,
        seen=await case.replies(Event("who")),
    )
    seen = await case.replies(Event("get"))
    case.expect(
        seen == ["{'count': 3}"],
        "after a refused migration the old generation's state is another",
        expected=["{'count': 3}"],
        seen=seen,
    )


CONNECTED = PluginSpec(connection=True)
WIRE = Event("connection")


def _swaps(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant("a reload", 1), Variant("three reloads", 3)]
    return [*found, *few(adapter)]


@check("HR-STATE-10", variants=_swaps)
async def connections(case: Case, what: Fault | int) -> None:
    _renders(case, CONNECTED, PluginSpec(), "connection")
    spec = CONNECTED
    if isinstance(what, Fault):
        spec = spec.at("v1", state=Claim.STATE in case.claims)
    await case.loaded(spec)
    wire = await case.replies(WIRE)
    if len(wire) != 1 or not wire[0].endswith(" open"):
        raise CannotJudge(f"no connection is there after the first load: {wire}")
    if isinstance(what, Fault):
        before = await who(case)
        await what.strike(case, spec.at("v2"))
        case.expect(
            await who(case) == before and await case.replies(WIRE) == wire,
            f"after a reload that failed at {what.stage} the old generation does not have its "
            "connection open",
            expected=wire,
            seen=await case.replies(WIRE),
        )
        await case.reloaded(spec.at("v3"))
    else:
        for number in range(2, 2 + what):
            await case.reloaded(spec.at(f"v{number}"))
    seen = await case.replies(WIRE)
    broken = seen == [wire[0].replace("open", "closed")]
    case.expect(
        seen == wire,
        "the connection was closed by the reload"
        if broken
        else "the new generation was not handed the connection that the old one had",
        expected=wire,
        seen=seen,
    )
    now = serial_of(await who(case))
    handed = sum((m.serial, m.what) == (now, "handed") for m in case.recording.moments)
    case.expect(
        handed == 1,
        f"the connection was handed to the new generation {handed} times",
        expected="once",
        seen=f"{handed} times",
    )


def _renders(case: Case, spec: PluginSpec, plain: PluginSpec, field: str) -> None:
    if dict(case.adapter.render(spec)) == dict(case.adapter.render(plain)):
        raise NotClaimed(
            f"{field}: have render() obey `spec.{field}` to show what the new one is given"
        )
