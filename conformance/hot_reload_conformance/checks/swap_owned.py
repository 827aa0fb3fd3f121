"""SWAP, continued: what generations own, and a plugin that asks for its own reload."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hot_reload_conformance import probe, worker_thread
from hot_reload_conformance.adapter import Claim, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.observe import answers, turns, who
from hot_reload_conformance.checks.stages import good_and_failing, plain
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.planned import PlannedError
from hot_reload_conformance.verdict import CannotJudge, NotClaimed


@check("HR-SWAP-11", variants=[Variant("quick"), Variant("slow stop", True)])
async def old_stop_spares_new(case: Case, slow: bool | None) -> None:
    handlers = ("main", "extra")
    await case.loaded(plain(case, handlers=handlers))
    await case.loaded(PluginSpec(name="beta", version="v7"))
    before = await case.registries() if Claim.SNAPSHOT in case.claims else {}
    if slow and not case.recording.asynchronous:
        raise NotClaimed("a slow stop: the hooks of this host's plugins are synchronous")
    for old, version in (("v1", "v2"), ("v2", "v3")):
        if slow:
            case.recording.plan("stop", lambda _: turns(), plugin="alpha", version=old)
        mark = case.recording.mark()
        await case.reloaded(plain(case, version, handlers=handlers))
        await turns(2 * 60)
        if "stop" not in [m.what for m in case.recording.moments[mark:] if m.version == old]:
            raise CannotJudge("the host claims hooks, but the old one's stop never ran")
        await case.expect_replies(
            [*answers(version, handlers), "v7"],
            "after the old one's stop, what the new one had registered is gone or changed",
        )
        if before:
            now = await case.registries()
            case.expect(
                now == before,
                "after the old one's stop the host's registries are not what they were",
                expected=before,
                seen=now,
            )


class Exclusive:
    """A thing that one instance can hold: a port, a lock file. Taken in start, given in stop."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.holder: str | None = None

    def used_by(self, version: str) -> None:
        """Have every instance of ``version`` take it in its start and give it in its stop."""
        for what, action in (("start", self._take), ("stop", self._give)):
            self.case.recording.plan(what, action, plugin="alpha", version=version, times=1000)

    def _take(self, at: probe.Probe) -> None:
        if self.holder is not None:
            raise PlannedError(f"address in use: {self.holder} holds it")
        self.holder = f"{at.version}#{at.serial}"

    def _give(self, at: probe.Probe) -> None:
        if self.holder == f"{at.version}#{at.serial}":
            self.holder = None


@check("HR-SWAP-12", needs=[Claim.HOOKS], kind=Kind.REAL, variants=good_and_failing)
async def exclusive_resource(case: Case, fault: Fault | None) -> None:
    def spec(version: str) -> PluginSpec:
        return plain(case, version, stop_first=True)

    resource = Exclusive(case)
    resource.used_by("v1")
    resource.used_by("v2")
    await case.loaded(spec("v1"))
    await case.reloaded(spec("v2"))
    await case.expect_replies(["v2"], "a plugin with an exclusive resource does not reload")
    _held_by(case, resource, await who(case))
    if fault is None:
        return
    arranged = fault.arrange(case, spec("v3"))
    resource.used_by("v3")  # planned behind the fault, which comes first where both are due
    arranged.require(await case.reload(spec("v3").ref))
    await case.expect_replies(
        ["v2"], "the new one failed, and the old one, stopped for it, did not come back"
    )
    _held_by(case, resource, await who(case))


def _held_by(case: Case, resource: Exclusive, holder: str) -> None:
    case.expect(
        resource.holder == holder,
        "the one that serves does not hold its exclusive resource",
        expected=holder,
        seen=resource.holder or "nobody holds it",
    )


@check(
    "HR-SWAP-13",
    variants=[
        Variant("from a handler", ("reply", "v1")),
        Variant("from the new one's start", ("start", "v2")),
        Variant("from the new one's on_reload", ("on_reload", "v2")),
        Variant("from the old one's stop", ("stop", "v1")),
    ],
)
async def self_reload(case: Case, where: tuple[str, str]) -> None:
    what, version = where
    if what != "reply" and Claim.HOOKS not in case.claims:
        raise NotClaimed(f"not claimed: hooks. A reload asked for in {what} was not tried.")
    answered: list[Reply | BaseException] = []
    asked = False
    elsewhere: list[str] = []

    def ask(at: probe.Probe) -> Awaitable[None] | None:
        nonlocal asked
        asked = True
        if worker_thread.foreign(at.recording.loop):
            elsewhere.append(what)
            return None
        return _ask(case.adapter.reload, answered)

    await case.loaded(PluginSpec())
    case.recording.plan(what, ask, plugin="alpha", version=version)
    if what == "reply":
        case.write(PluginSpec(version="v2"))
        await case.guarded(case.adapter.call(), "a call whose handler reloads its own plugin")
    else:
        await case.reloaded(PluginSpec(version="v2"))
    await turns()
    if not asked:
        raise NotClaimed(f"{what}: this host has no such hook in a reload")
    if elsewhere:
        raise NotClaimed(
            f"{what}: this host runs it in a thread of its own, and the kit could ask for a reload "
            "from the thread of the event loop only"
        )
    case.expect(
        bool(answered) and not isinstance(answered[0], asyncio.CancelledError),
        f"a plugin that asked for its own reload in its {what} waited for itself: it got no "
        "answer until a deadline ended it",
        expected="a deferral or a refusal",
        seen="a deadlock",
    )
    answer = answered[0]
    if isinstance(answer, probe.NotDrivable):
        raise NotClaimed(f"{what}: a synchronous hook of this host cannot await a reload")
    if isinstance(answer, Reply) and not answer.ok:
        case.expect(
            bool(answer.everything.strip()),
            f"a plugin that asked for its own reload in its {what} was refused without a word",
        )
    if not (isinstance(answer, Reply) and answer.ok):
        said = answer.everything if isinstance(answer, Reply) else f"{answer}"
        case.expect(
            "alpha" in said,
            f"a plugin that asked for its own reload in its {what} was refused in words that do "
            "not name it: nobody can tell them from a crash",
            expected="a deferral, or a refusal with 'alpha' in it",
            seen=said or repr(answer),
        )
    case.recording.unplanned()
    if what == "reply" and isinstance(answer, Reply) and answer.ok:
        await case.expect_replies(
            ["v2"],
            "a plugin asked for its own reload in a handler, was told that it is done or deferred, "
            "and its edit never came to run",
        )
    await case.reloaded(PluginSpec(version="v3"))
    await turns()
    await case.expect_replies(
        ["v3"], f"after a plugin asked for its own reload in its {what}, an edit is not taken"
    )


async def _ask(
    reload: Callable[[str], Awaitable[Reply | bool | None]], answered: list[Reply | BaseException]
) -> None:
    try:
        answered.append(Reply.of(await reload("alpha")))
    except asyncio.CancelledError as error:
        answered.append(error)
        raise
    except Exception as error:
        answered.append(error)
