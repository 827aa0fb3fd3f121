"""OBS: what a host's health and status say of what it does, did and runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec, implements
from hot_reload_conformance.bench.begin import Ended, begin_in_hook
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import IF_LACKING, Hold, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.stages import CAUSE, few, plain
from hot_reload_conformance.operated import HostHealth, PluginHealth
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

ALPHA, BETA = PluginSpec(), PluginSpec(name="beta")


async def _health(case: Case) -> HostHealth:
    if not implements(case.adapter, "health"):
        raise NotClaimed("a report of the host's health: give the adapter health()")
    return await case.guarded(case.adapter.health(), "health")


# HR-OBS-01


def _reloads(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant("a good reload", None), Variant("a failed reload", "fails")]
    if Claim.CANCEL in adapter.claims:
        found.append(Variant("a cancelled reload", "cancelled"))
    found += [Variant("two reloads", "two"), Variant("what is no reload", "others")]
    return [*found, *few(adapter)]


@check("HR-OBS-01", variants=_reloads, needs=(Claim.RELOAD,))
async def in_progress(case: Case, what: Fault | str | None) -> None:
    await _expect_reloading(case, False, "before anything was done")
    spec = plain(case)
    await case.loaded(spec)
    await _expect_reloading(case, False, "after a load")
    if isinstance(what, Fault):
        await what.strike(case, spec.at("v2"))
        await _expect_reloading(case, False, f"after a reload that failed at {what.stage}")
        return
    if what == "others":
        await _no_reload(case)
        return
    if what == "two":
        await case.loaded(BETA)
    if "start" not in case.adapter.stages:
        raise NotClaimed("no stage 'start' in `stages`: a reload cannot be held open")
    if not case.recording.asynchronous:
        await _asked_from_inside(case, what)
        return
    hold = Hold(raising(PlannedError, CAUSE) if what == "fails" else None)
    case.write(spec.at("v2"))
    case.recording.plan("start", hold, plugin=spec.name, version="v2")
    reload = asyncio.ensure_future(case.adapter.reload(spec.ref))
    try:
        await hold.reached(reload)
        await _expect_reloading(case, True, "while a reload runs, in the new one's start")
        if what == "two":
            await case.reloaded(BETA.at("v2"))
            await _expect_reloading(
                case, True, "while one of two reloads still runs, and the other has ended"
            )
        if what == "cancelled":
            reload.cancel()
    finally:
        hold.open()
        await patiently({reload}, 2)
    if not reload.cancelled():
        reload.exception()
    await turns()
    ended = {None: "succeeded", "fails": "failed", "cancelled": "was cancelled"}.get(what, "ended")
    await _expect_reloading(case, False, f"after a reload that {ended}")


async def _no_reload(case: Case) -> None:
    """Whatever else is done, and however it ends, leaves no mark behind."""
    case.spoil(BETA, lambda text: text + "\ndef broken(:\n", "and broken")
    await case.load(BETA.ref)
    await _expect_reloading(case, False, "after a load that failed")
    await case.load("alpha")
    await _expect_reloading(case, False, "after a load that was refused")
    await case.reload("nobody")
    await _expect_reloading(case, False, "after a reload of an unknown plugin")
    if Claim.UNLOAD in case.claims:
        await case.unload("nobody")
        await _expect_reloading(case, False, "after an unload of an unknown plugin")
        await case.unload("alpha")
        await _expect_reloading(case, False, "after an unload")


async def _asked_from_inside(case: Case, what: str | None) -> None:
    """The same where hooks are synchronous: health is asked inside of one."""
    if what in ("two", "cancelled"):
        raise NotClaimed("a reload that waits in its start: this host's hooks are synchronous")
    told: list[tuple[HostHealth, bool]] = []
    inside = False

    async def look() -> None:
        # Not under the case's deadline: that would wait, and a synchronous hook cannot.
        health = await case.adapter.health()
        told.append((health, inside))

    def ask(_: probe.Probe) -> None:
        nonlocal inside
        inside = True
        asked.append(begin_in_hook(look(), case.recording))
        inside = False
        if what == "fails":
            raise PlannedError(CAUSE)

    asked: list[asyncio.Future[Ended[None]]] = []
    case.write(plain(case, "v2"))
    case.recording.plan("start", ask, plugin="alpha", version="v2")
    await case.reload("alpha")
    if not asked:
        raise CannotJudge(f"the reload ended without the new one's start{IF_LACKING}")
    ended = await asked[0]
    if ended.error is not None:
        raise ended.error
    health, in_time = told[0]
    if not in_time:
        raise NotClaimed("health() that answers while a hook runs: this one waits for its end")
    _judge_reloading(case, health.reloading, True, "while a reload runs, in the new one's start")
    ending = "failed" if what == "fails" else "succeeded"
    await _expect_reloading(case, False, f"after a reload that {ending}")


async def _expect_reloading(case: Case, runs: bool, when: str) -> None:
    _judge_reloading(case, (await _health(case)).reloading, runs, when)


def _judge_reloading(case: Case, told: bool, runs: bool, when: str) -> None:
    case.tell(f"health, {when}", seen=f"reloading: {told}")
    case.expect(
        told is runs,
        f"{when}, health says that {'no reload runs' if runs else 'a reload runs'}",
        expected=f"reloading: {runs}",
        seen=f"reloading: {told}",
    )


# HR-OBS-06


@check(
    "HR-OBS-06",
    variants=lambda adapter: [
        Variant("good reloads", None),
        Variant("each its own", "each"),
        *few(adapter),
    ],
    needs=(Claim.RELOAD,),
)
async def last_result(case: Case, fault: Fault | str | None) -> None:
    await _health(case)
    spec = plain(case)
    if isinstance(fault, str):
        await _each_its_own(case, spec)
        return
    await case.loaded(spec)
    loaded = await _status(case, "a load")
    _expect_status(case, loaded, "success", "v1", "a load")
    if fault is not None:
        reply = await fault.strike(case, spec.at("v2"))
        if reply.ok:
            raise NotClaimed(f"a failure at {fault.stage}: this host takes it for a success")
        what = f"a reload that failed at {fault.stage}"
        failed = await _status(case, what)
        _expect_status(case, failed, "failure", "v1", what)
        case.expect(
            failed.sha256 == loaded.sha256,
            f"after {what}, status tells another hash of what runs than before, and the same runs",
            expected=loaded.sha256,
            seen=failed.sha256,
        )
    await case.reloaded(spec.at("v3"))
    again = await _status(case, "a good reload")
    _expect_status(case, again, "success", "v3", "a good reload")
    case.expect(
        again.sha256 != loaded.sha256 and again.at >= loaded.at,
        "after a good reload, status tells the hash, or the time, of what was before",
        expected="another hash, and a later time",
        seen=f"{loaded.sha256} at {loaded.at}, then {again.sha256} at {again.at}",
    )


async def _each_its_own(case: Case, spec: PluginSpec) -> None:
    """What befalls one plugin is not told of another."""
    await case.loaded(BETA)
    await case.loaded(spec)
    before = await _status(case, "a load")
    for what, change in (("failed", "\ndef broken(:\n"), ("succeeded", "")):
        case.spoil(BETA.at("v2"), lambda text, change=change: text + change, "or broken")  # type: ignore[misc]
        await case.reload(BETA.ref)
        now = await _status(case, f"a reload of another plugin {what}")
        case.expect(
            now == before,
            f"a reload of beta {what}, and the status of alpha, on which nothing was done, is "
            "another one",
            expected=str(before),
            seen=str(now),
        )


async def _status(case: Case, what: str) -> PluginHealth:
    plugins = (await _health(case)).plugins
    found = plugins.get("alpha")
    case.expect(
        found is not None,
        f"after {what}, status does not know 'alpha', which serves",
        expected="alpha",
        seen=sorted(plugins),
    )
    assert found is not None
    return found


def _expect_status(case: Case, told: PluginHealth, result: str, version: str, what: str) -> None:
    case.tell(f"status after {what}", seen=str(told))
    case.expect(
        told.result == result,
        f"after {what}, status tells {told.result or 'nothing'!r} as the last result",
        expected=result,
        seen=told.result,
    )
    case.expect(
        told.version.endswith(version),
        f"after {what}, status tells {told.version or 'no version'!r} as what runs, and {version} "
        "does",
        expected=version,
        seen=told.version,
    )
    for field, there in (("time", told.at), ("hash of what runs", told.sha256)):
        case.expect(bool(there), f"after {what}, status tells no {field}", expected=field)
    case.expect(
        bool(told.error) is (result != "success"),
        f"after {what}, status still tells of an error"
        if told.error
        else f"after {what}, status tells no error",
        expected="an error" if result != "success" else "none",
        seen=told.error,
    )
