"""RACE-05: what a plugin asks of its host from inside a hook comes to an end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hot_reload_conformance import worker_thread
from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec
from hot_reload_conformance.bench.begin import begin
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import IF_LACKING, turns
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.flow_bounds import BOUND_SECONDS, hooks_of_a_reload, patient
from hot_reload_conformance.checks.race_live import plain_spec
from hot_reload_conformance.verdict import CannotJudge, NotClaimed


@dataclass(frozen=True)
class Request:
    """What a plugin asks of the host from inside one of its hooks in a reload."""

    owner: str
    hook: str
    what: str


REQUESTS = ("call", "emit", "reload-other", "load-other", "unload-other", "each-other", "unload-me")
ASKING_HOOKS = ("start", "set_reload_state", "on_reload", "flush", "stop")


def _requests(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = []
    for owner, hook in hooks_of_a_reload(adapter):
        for what in REQUESTS:
            if hook not in ASKING_HOOKS:
                continue
            if what.startswith("unload") and Claim.UNLOAD not in adapter.claims:
                continue
            if what == "emit" and Claim.SINKS not in adapter.claims:
                continue
            found.append(Variant(f"{what} in {owner} {hook}", Request(owner, hook, what)))
    return found or [Variant("nowhere", None)]


@check("HR-RACE-05", variants=_requests, ports=patient, needs=(Claim.HOOKS,))
async def no_deadlock(case: Case, request: Request | None) -> None:
    if request is None:
        raise NotClaimed(
            "no hook of a reload is declared in which a plugin could ask for something"
        )
    spec, other = plain_spec(case), PluginSpec(name="beta")
    await case.loaded(spec)
    await case.loaded(other)
    if request.what == "emit":
        sink = PluginSpec(name="sink", sink=True)
        case.write(sink)
        await case.add_sink(sink.ref)
    case.write(spec.at("v2"))
    case.write(other.at("v2"))
    case.write(PluginSpec(name="gamma"))
    asked: list[asyncio.Future[Any]] = []
    elsewhere: list[str] = []

    def ask(at: Any) -> Any:
        if worker_thread.foreign(at.recording.loop):
            elsewhere.append(request.hook)
            return None
        coroutine = _asked(case, request.what, other.ref if at.plugin == spec.name else spec.ref)
        asked.append(begin(coroutine, as_task=case.recording.asynchronous))
        if request.what == "call" or asked[-1].done():
            return None  # a host may hold calls while it swaps: its plugin must not wait for one
        return asyncio.wait({asked[-1]})

    version = "v2" if request.owner == "new" else "v1"
    case.recording.plan(request.hook, ask, plugin=spec.name, version=version)
    if request.what == "each-other":
        case.recording.plan("start", ask, plugin=other.name)
    reload = asyncio.ensure_future(case.reload(spec.ref))
    await patiently({reload}, BOUND_SECONDS)
    stuck = [each for each in asked if not each.done()]
    if reload.done() and stuck:
        await patiently(stuck, BOUND_SECONDS)
    ended = reload.done() and all(each.done() for each in asked)
    for each in (reload, *asked):
        each.cancel()
    words = _WORDS[request.what]
    case.expect(
        ended,
        f"a deadlock: in a reload the {request.owner} one's {request.hook} asked the host for "
        f"{words}, and neither came to an end",
        expected="an answer, a refusal or a deferral",
        seen="still waiting",
    )
    if elsewhere:
        raise NotClaimed(
            "what a plugin asks of its host from a hook: this host runs the hook in a thread of "
            "its own, and the kit could ask from the thread of the event loop only"
        )
    if not asked:
        raise CannotJudge(
            f"{request.hook} never ran in the reload, so nothing was asked{IF_LACKING}"
        )
    await turns()
    case.recording.unplanned()
    await case.replies()
    if request.what in ("unload-me", "each-other"):
        return
    reply = await case.reloaded(spec.at("v3"))
    case.expect(reply.ok, f"after {words} from a hook, the next reload fails: {reply.everything}")


_WORDS = {
    "call": "a call",
    "emit": "an event to be taken",
    "load-other": "the load of another plugin",
    "reload-other": "the reload of another plugin",
    "unload-other": "the unload of another plugin",
    "unload-me": "the unload of itself",
    "each-other": "the reload of another plugin, whose start asked for a reload of this one",
}


async def _asked(case: Case, what: str, other: str) -> Any:
    adapter = case.adapter
    if what == "call":
        return await adapter.call()
    if what == "emit":
        return await case.adapter.emit(Event("log", producer="hook", sequence=1))
    if what == "unload-me":
        return await adapter.unload(PluginSpec().ref)
    if what == "load-other":
        return await adapter.load("gamma")
    if what == "unload-other":
        return await adapter.unload(other)
    return await adapter.reload(other)
