"""STATE: what a host owes to the state that a plugin carries across a reload."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.graphs import CHAIN, PAIR, Edges, Graph
from hot_reload_conformance.checks.roll import restored_as_itself
from hot_reload_conformance.checks.sample_states import (
    STATES,
    States,
    difference,
    random_states,
    same,
)
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.planned import (
    PlannedBase,
    PlannedCancel,
    PlannedError,
    PlannedExit,
    raising,
)
from hot_reload_conformance.probe import Probe
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

STATEFUL = PluginSpec(state=True)
STATELESS = PluginSpec(stop_first=True)


@dataclass(frozen=True)
class Followers:
    """All of a graph, of which one is edited, have state."""

    edges: Edges


def states(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [*STATES, *(Variant(f"random {number}", number) for number in range(6))]
    if Claim.DEPENDENCIES in adapter.claims:
        found.append(Variant("of a dependent", Followers(PAIR)))
        found.append(Variant("of a chain of dependents", Followers(CHAIN)))
    return found


@check("HR-STATE-01", variants=states, also=(Kind.PROPERTY,))
async def round_trip(case: Case, given: States | int | Followers) -> None:
    if isinstance(given, Followers):
        await _of_dependents(case, given.edges)
        return
    if isinstance(given, int):
        given = random_states((case.budget.seed or 0) * 1000 + given)
    await case.loaded(STATEFUL)
    for number, value in enumerate(given.values, start=2):
        await case.replies(Event("put", value))
        before = await case.replies(Event("get"))
        if before != [repr(value)]:
            raise CannotJudge(f"the plugin was given the state {value!r:.80}, but has {before}")
        case.write(STATEFUL.at(f"v{number}"))
        mark = case.recording.mark()
        reply = await case.reload(STATEFUL.ref)
        _handed_over(case, reply, value, mark)
        case.expect(
            reply.ok or not given.must,
            f"plain data in the state makes a reload fail: {value!r:.200}",
            expected="reloaded",
            seen=reply.everything or "refused",
        )
        after = await case.replies(Event("get"), tell=False)
        case.tell("call get", expected=repr(value)[:200], seen=str(after)[:200])
        who = "the new generation" if reply.ok else "after a reload that was refused the old one"
        case.expect(
            len(after) == 1 and same(after[0], value),
            f"{who} does not have the state that the old one gave: {difference(after, value)}",
            expected=repr(value)[:300],
            seen=(after[0] if after else "no answer")[:300],
        )


def _handed_over(case: Case, reply: Reply, value: Any, mark: int) -> None:
    """An empty state is one as well: a new version may begin with another."""
    ran = {m.what for m in case.recording.moments[mark:] if m.phase == "end"}
    case.expect(
        not reply.ok or "get_reload_state" not in ran or "set_reload_state" in ran,
        f"the old generation was asked for its state, gave {value!r:.80}, and the new one was "
        "never given it",
        expected="set_reload_state of the new one",
        seen="no such call",
    )


async def _of_dependents(case: Case, edges: Edges) -> None:
    """Who is reloaded because of another one has its state carried as well."""
    graph = Graph.of(case, edges, state=True)
    await graph.load()
    for round_ in range(1, 3):
        value = {"count": round_, "items": [round_, (2.5, "text")]}
        await case.replies(Event("put", value))
        graph.edit("base")
        await case.reloaded(graph.spec("base"), write=False)
        seen = await case.replies(Event("get"))
        lost = sum(not same(each, value) for each in seen)
        case.expect(
            not lost,
            f"after a reload of 'base', {lost} of {len(seen)} plugins do not have the state that "
            "they had before: a dependent's old generation was not asked for it, or the new one "
            "was not given it",
            expected=[repr(value)] * len(graph.edges),
            seen=seen,
        )


def _old_clears(at: Probe) -> None:
    at.state["items"].clear()
    at.state["deep"]["list"].append("from the old one")
    at.state.clear()


def _new_spoils(at: Probe) -> None:
    if "items" not in at.state:
        raise PlannedError("no state was given: there is nothing to share")
    at.state["items"].append("from the new one")
    at.state["deep"]["list"].clear()


async def _nothing_shared_in_a_tuple(case: Case) -> None:
    """A tuple cannot be changed, and what lies in it can."""
    await case.replies(Event("put", {"pair": ("kept", [1, 2])}))
    case.recording.plan("stop", _old_clears_in_a_tuple, plugin=STATEFUL.name, version="v1")
    await case.reloaded(STATEFUL.at("v2"))
    _came(case, "stop")
    seen = await case.replies(Event("get"))
    case.expect(
        # Whether it came as a tuple is HR-STATE-01's matter.
        any("[1, 2]" in each for each in seen),
        "the old generation changed in stop a list that lies in a tuple of its state, and the new "
        "one's changed too: both hold the same list. A tuple is to be copied like a list, as what "
        "it holds may change",
        expected="('kept', [1, 2])",
        seen=seen,
    )


def _old_clears_in_a_tuple(at: Probe) -> None:
    at.state["pair"][1].clear()


_SHARED = {"items": [1, 2], "deep": {"list": [{"a": 1}]}}


@check(
    "HR-STATE-03",
    variants=(
        Variant("old clears it in stop", "stop"),
        Variant("old clears it in teardown", "teardown"),
        Variant("old clears it in flush", "flush"),
        Variant("new changes it, then fails", "on_reload"),
        Variant("new changes it in health_check, then fails", "health_check"),
        Variant("new changes it, the caller's stays", "caller"),
        Variant("old clears in stop what lies in a tuple", "tuple"),
    ),
)
async def no_aliasing(case: Case, where: str) -> None:
    await case.loaded(STATEFUL)
    if where == "tuple":
        await _nothing_shared_in_a_tuple(case)
        return
    fresh = ast.literal_eval(repr(_SHARED))
    await case.replies(Event("put", fresh))
    if where == "caller":
        await case.reloaded(STATEFUL.at("v2"))
        fresh["items"].append("from outside")
        await _expect_state(case, _SHARED, "the new generation shares what the old one held")
        return
    if where in ("stop", "teardown", "flush"):
        case.recording.plan(where, _old_clears, plugin=STATEFUL.name, version="v1")
        await case.reloaded(STATEFUL.at("v2"))
        _came(case, where)
        await _expect_state(
            case,
            _SHARED,
            f"the old generation changed its own state in {where}, and the new one's changed too: "
            "both hold the same object",
        )
        return
    if where not in case.adapter.stages:
        raise NotClaimed(f"{where}: not among the adapter's stages")

    def spoil(at: Probe) -> None:
        _new_spoils(at)
        raise PlannedError("after it changed its state")

    case.recording.plan(where, spoil, plugin=STATEFUL.name, version="v2")
    case.write(STATEFUL.at("v2"))
    await case.reload(STATEFUL.ref)
    _came(case, where)
    await _expect_state(
        case,
        _SHARED,
        f"a new generation changed the state it was given and then failed in {where}, and the old "
        "one's changed too: both hold the same object",
    )


def _came(case: Case, what: str) -> None:
    if case.recording.pending():
        raise NotClaimed(f"{what}: this host's reload runs no such hook")


async def _expect_state(case: Case, value: object, message: str) -> None:
    seen = await case.replies(Event("get"))
    case.expect(
        len(seen) == 1 and same(seen[0], value),
        message,
        expected=repr(value),
        seen=seen[0] if seen else "no answer",
    )


def _halfway(at: Probe) -> None:
    at.state = {"count": "half"}
    raise PlannedError("half of the state is restored")


_RESTORES: tuple[Variant, ...] = (
    Variant("an exception", raising(PlannedError)),
    Variant("halfway", _halfway),
    Variant("SystemExit", raising(PlannedExit)),
    Variant("CancelledError", raising(PlannedCancel)),
    Variant("a bare BaseException", raising(PlannedBase)),
)


@check("HR-STATE-04", variants=_RESTORES)
async def restore_failure_rolls_back(case: Case, action: Callable[[Probe], None]) -> None:
    await case.loaded(STATEFUL)
    await case.replies(Event("put", {"count": 7}))
    who = await case.replies(Event("who"))
    case.recording.plan("set_reload_state", action, plugin=STATEFUL.name, version="v2")
    case.write(STATEFUL.at("v2"))
    reply = await case.reload(STATEFUL.ref)
    if case.recording.pending():
        raise CannotJudge(f"the new generation was never given its state: {reply.everything}")
    seen = await case.replies(Event("who"))
    same = restored_as_itself(case)
    case.expect(
        seen == who if same else [each.partition("#")[0] for each in seen] == ["v1"],
        "the new generation raised as it was given its state, and the old one does not serve as "
        "before",
        expected=who,
        seen=seen,
    )
    await _expect_state(case, {"count": 7}, "after a failed restore the old state is another one")
    case.expect(
        not reply.ok,
        "the new generation raised as it was given its state, and the caller was told that the "
        "reload worked",
        expected="a failed reload",
        seen=f"{reply}",
    )
    await case.reloaded(STATEFUL.at("v3"))
    await case.expect_replies(["v3"], "after a failed restore the next good edit does not serve")
    await _expect_state(case, {"count": 7}, "after a failed restore the next reload lost the state")


@check(
    "HR-STATE-06",
    variants=(
        Variant("neither has hooks", (False, False)),
        Variant("the new one has hooks", (False, True)),
        Variant("the old one had hooks", (True, False)),
    ),
)
async def no_hooks_no_trouble(case: Case, hooks: tuple[bool, bool]) -> None:
    old, new = hooks
    await case.loaded(PluginSpec(state=old))
    await case.replies(Event("put", {"count": 5}))
    case.write(PluginSpec(version="v2", state=new))
    reply = await case.reload(PluginSpec().ref)
    case.expect(
        reply.ok,
        "a plugin without state hooks does not reload on a host that carries state: "
        f"{reply.everything or 'no word why'}",
        expected="reloaded",
        seen="refused",
    )
    await case.expect_replies(["v2"], "after a reload without state hooks the new one is not alone")
    case.expect(
        reply.state_carried is not None,
        "the reload does not say whether state was carried: let your adapter's reload() return "
        "Reply(ok=True, state_carried=...) from what the host tells",
        expected="state_carried=False",
        seen=f"{reply}",
    )
    case.expect(
        not (reply.state_carried and hooks == (False, False)),
        "the reload says that state was carried for a plugin that has no state hooks",
        expected="state_carried=False",
        seen=f"{reply}",
    )
    seen = await case.replies(Event("get"))
    case.expect(
        not (reply.state_carried and seen == ["{}"]),
        "the reload says that state was carried, and none was",
        expected="state_carried=False",
        seen=f"{reply}",
    )


def _cycle() -> Any:
    turn: dict[str, Any] = {"turn": []}
    turn["turn"].append(turn)
    return {"jobs": [{"at": turn}]}


_UNCOPYABLE: tuple[Variant, ...] = (
    Variant("a lock", lambda: {"jobs": [{"done": 1}, {"at": threading.Lock()}]}),
    Variant("a generator", lambda: {"jobs": [{"at": (n for n in range(3))}]}),
    Variant("a cycle", _cycle),
)


@check("HR-STATE-07", variants=_UNCOPYABLE)
async def uncopyable_state(case: Case, make: Callable[[], Any]) -> None:
    await case.loaded(STATEFUL)
    value = make()
    await case.replies(Event("put", value))
    who = await case.replies(Event("who"))
    before = await case.replies(Event("get"))
    case.write(STATEFUL.at("v2"))
    reply = await case.reload(STATEFUL.ref)
    after = await case.replies(Event("get"))
    if reply.ok:
        case.expect(
            make is _cycle and after == before,
            "state that cannot be carried was carried or dropped, and the reload counts as good",
            expected="a failed reload, or for a cycle an equal state",
            seen=after,
        )
        return
    case.expect(
        all(key in reply.everything for key in ("jobs", "at")),
        "the reload failed on state that cannot be carried, but its message does not name the "
        "path to the value",
        expected="the keys 'jobs' and 'at'",
        seen=reply.everything,
    )
    case.expect(
        await case.replies(Event("who")) == who and after == before,
        "the reload failed on state that cannot be carried, and the old generation does not "
        "serve as before",
        expected=who,
        seen=after,
    )


def _given(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant("state", True)]
    if Claim.HOOKS in adapter.claims:
        found.append(Variant("none, back from FAILED", False))
    return found


@check("HR-STATE-08", variants=_given)
async def only_what_was_given(case: Case, given: bool) -> None:
    if not given:
        await _nothing_was_given(case)
        return
    await case.loaded(STATEFUL)
    await case.replies(Event("put", {"count": 3}))
    who = await case.replies(Event("who"))
    await case.reloaded(STATEFUL.at("v2"))
    await case.expect_replies(
        ["v2"], "restoring the state brought the old version back: more was copied than was given"
    )
    seen = await case.replies(Event("who"))
    case.expect(
        len(seen) == 1 and seen[0].startswith("v2#") and seen != who,
        "restoring the state put the old instance's own attributes over the new one's",
        expected="a new instance of v2",
        seen=seen,
    )
    await _expect_state(case, {"count": 3}, "the new generation does not have the state given")


async def _nothing_was_given(case: Case) -> None:
    """The first version has no state, and fails for good; the one that brings it back has some."""

    def refuse(at: Probe) -> None:
        struck.add(at.version)
        raise PlannedError("neither starts")

    struck: set[str] = set()
    await case.loaded(STATELESS)
    for version in ("v1", "v2"):
        case.recording.plan("start", refuse, version=version, times=1000)
    case.write(STATELESS.at("v2"))
    await case.reload(STATELESS.ref)
    if struck != {"v1", "v2"}:
        raise NotClaimed("a plugin in FAILED state: this host never starts the old one again")
    case.recording.unplanned()
    case.write(STATEFUL.at("v3"))
    reply = await case.reload(STATEFUL.ref)
    case.expect(
        reply.ok,
        "a plugin in FAILED state is not brought back by an edit that has state hooks, though no "
        f"state waits for it: {reply.everything or 'no word why'}",
        expected="reloaded",
        seen="refused",
    )
    case.expect(
        case.recording.count("set_reload_state", STATEFUL.name, "v3") == 0,
        "a plugin that had no state is given one: its set_reload_state was called as it came back "
        "from its FAILED state",
        expected="no set_reload_state",
        seen="set_reload_state",
    )
