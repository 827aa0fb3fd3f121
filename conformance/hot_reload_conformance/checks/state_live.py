"""STATE while a reload runs: no change is lost, and what is disabled stays so at every moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec
from hot_reload_conformance.bench.begin import Ended, begin, begin_in_hook
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.observe import Calls
from hot_reload_conformance.checks.sample_states import same
from hot_reload_conformance.checks.state_sinks import Deliveries, no_lost_delivery, of_sinks
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.probe import Probe
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

STATEFUL = PluginSpec(state=True)
UNINVITED = (
    "a change made while a reload runs: the hooks of this host are synchronous, so that another "
    "thread alone could make one. Claim 'threads' if its callers may come from any"
)


@dataclass(frozen=True)
class While:
    """Where in the reload the state is changed, and whether the reload fails in the end."""

    owner: str
    what: str
    fails: bool = False

    @property
    def text(self) -> str:
        end = ", in a reload that failed," if self.fails else ""
        return f"while the {self.owner} generation was in {self.what}{end}"


_MOMENTS = (
    ("new", "construct"),
    ("new", "start"),
    ("old", "get_reload_state"),
    ("new", "set_reload_state"),
    ("new", "health_check"),
    ("new", "on_reload"),
    ("old", "flush"),
    ("old", "stop"),
)


def updates(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant(f"{owner} {what}", While(owner, what)) for owner, what in _MOMENTS]
    if "on_reload" in adapter.stages:
        found += [
            Variant(f"{owner} {what}, then it fails", While(owner, what, True))
            for owner, what in _MOMENTS[:6]
        ]
    return [*found, Variant("a call in flight", None), *of_sinks(adapter)]


@check("HR-STATE-02", variants=updates)
async def no_lost_update(case: Case, during: While | Deliveries | None) -> None:
    if isinstance(during, Deliveries):
        await no_lost_delivery(case, during)
        return
    await case.loaded(STATEFUL)
    await case.replies(Event("put", {"count": 100}))
    if during is None:
        await _update_in_flight(case)
        return
    version = "v2" if during.owner == "new" else "v1"

    def there(moment: Moment) -> bool:
        # At its begin and at its end: the state is read and written between them.
        hook = (moment.version, moment.what)
        return hook == (version, during.what) and moment.serial not in modules

    modules = {m.serial for m in case.recording.moments if m.what == "import"}
    if during.fails:
        action = raising(PlannedError)
        case.recording.plan("on_reload:end", action, plugin=STATEFUL.name, version="v2")
    case.write(STATEFUL.at("v2"))
    with Calls(case, Event("add", 1), at=there) as calls:
        reply = await case.reload(STATEFUL.ref)
    adds = [answer for _, answer in await calls.finished()]
    case.tell(f"call add 1, {len(adds)} times while the reload ran")
    if not adds:
        raise NotClaimed(f"{during.owner} {during.what}: this host's reload runs no such hook")
    if calls.uninvited:
        raise NotClaimed(UNINVITED)
    if reply.ok == during.fails:
        raise CannotJudge(f"the reload was to {'fail' if during.fails else 'work'}: {reply}")
    answered = sum(1 for answer in adds if isinstance(answer, list) and answer)
    await _expect_count(case, 100, answered, len(adds), during.text)


async def _update_in_flight(case: Case) -> None:
    """A call that the old generation is at work on while the reload runs."""
    if not case.recording.asynchronous:
        raise NotClaimed("a call in flight: this host's handlers are not coroutines")
    gate, begun = asyncio.Event(), asyncio.Event()

    async def wait(_: Probe) -> None:
        begun.set()
        await gate.wait()

    case.recording.plan("reply", wait, plugin=STATEFUL.name, version="v1")
    call = begin(case.adapter.call(Event("add", 1)), as_task=True)
    await case.guarded(begun.wait(), "a call that reaches its handler")
    mark = case.recording.mark()
    case.write(STATEFUL.at("v2"))
    reload = asyncio.ensure_future(case.reload(STATEFUL.ref))
    # A host may wait for the call before it reads the state, or read at once: some turns for
    # the second, and then the call ends.
    for _turn in range(60):
        if any(m.what == "set_reload_state" for m in case.recording.moments[mark:]):
            break
        await asyncio.sleep(0)
    gate.set()
    reply = await reload
    if not reply.ok:
        raise CannotJudge(f"the reload failed: {reply.everything}")
    answered = await _answered(case, [call])
    await _expect_count(case, 100, answered, 1, "by a call that was in flight as the reload began")


async def _answered(case: Case, adds: list[asyncio.Future[Ended[list[str]]]]) -> int:
    done, waiting = await patiently(adds, 3)
    for each in waiting:
        each.cancel()
    case.expect(
        not waiting,
        f"{len(waiting)} of {len(adds)} calls made while the reload ran never came back",
        expected="an answer, or an error",
        seen="still waiting",
    )
    case.tell(f"call add 1, {len(adds)} times while the reload ran")
    return sum(1 for each in done if each.result().value)


async def _expect_count(case: Case, before: int, answered: int, asked: int, when: str) -> None:
    if not answered:
        raise NotClaimed(f"a change made {when}: this host answers no call then")
    seen = await case.replies(Event("get"))
    case.expect(
        len(seen) == 1
        and any(same(seen[0], {"count": before + n}) for n in range(answered, asked + 1)),
        f"a change of the state made {when} was answered, and is lost",
        expected={"count": before + answered},
        seen=seen[0] if seen else "no answer",
    )


@check(
    "HR-STATE-05",
    variants=(
        Variant("reload", ""),
        Variant("a reload that fails in start", "start"),
        Variant("a sink", "sink"),
    ),
)
async def enabled_flag(case: Case, how: str) -> None:
    if how == "sink":
        await _disabled_sink(case)
        return
    spec = PluginSpec()
    await case.loaded(spec)
    await case.disable(spec.ref)
    if await case.replies():
        raise CannotJudge("a disabled plugin answers before any reload: disable() does nothing")
    if how:
        action = raising(PlannedError)
        case.recording.plan(f"{how}:end", action, plugin=spec.name, version="v2")
    answers: list[tuple[Moment, asyncio.Future[Ended[list[str]]]]] = []

    def ask(moment: Moment) -> None:
        if moment.what != "reply":
            answers.append((moment, begin_in_hook(case.adapter.call(None), case.recording)))

    case.write(spec.at("v2"))
    case.recording.listeners.append(ask)
    reply = await case.reload(spec.ref)
    case.recording.listeners.remove(ask)
    if answers:
        await patiently([each for _, each in answers], 3)
    for moment, each in answers:
        said = each.result().value if each.done() else None
        case.expect(
            not said,
            "a disabled plugin was enabled for a moment: it answered while its reload was at "
            f"{moment.what} of {moment.version}",
            expected="no answer",
            seen=said,
        )
    seen = await case.replies()
    case.expect(
        seen == [],
        f"a disabled plugin is enabled after {'a failed ' if how else 'its '}reload",
        expected=[],
        seen=seen,
    )
    await case.enable(spec.ref)
    seen = await case.replies()
    wanted = ["v2"] if reply.ok and not how else ["v1"]
    case.expect(
        seen == wanted,
        "a plugin that was disabled through a reload does not serve once it is enabled again",
        expected=wanted,
        seen=seen,
    )


async def _disabled_sink(case: Case) -> None:
    if Claim.SINKS not in case.claims:
        raise NotClaimed("a disabled sink: claim 'sinks'")
    spec = PluginSpec(name="silent", sink=True)
    for each in (PluginSpec(name="keeper", sink=True), spec):
        case.write(each)
        await case.add_sink(each.ref)
    await case.disable(spec.ref)

    def emit(moment: Moment) -> None:
        if not pending or pending[-1].done():
            event = Event("log", producer="probe", sequence=len(pending) + 1)
            pending.append(begin_in_hook(case.adapter.emit(event), case.recording))

    pending: list[asyncio.Future[Ended[bool | None]]] = []
    case.recording.listeners.append(emit)
    reply = await case.reloaded(spec.at("v2"))
    case.recording.listeners.remove(emit)
    if pending:
        await patiently(pending, 3)
    await case.emit("after")
    await case.settle()
    sinks = {each.plugin for each in case.recording.deliveries}
    if "keeper" not in sinks:
        raise CannotJudge(f"no sink got an event: {reply}")
    got = [f"{d.producer}#{d.sequence}" for d in case.recording.deliveries if d.plugin == "silent"]
    case.expect(
        not got,
        f"a disabled sink got events during and after its reload: {', '.join(got[:5])}",
        expected="no event",
        seen=got,
    )
