"""DEPS: whoever needs a plugin follows its reload, in order, and nobody else is touched."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hot_reload_conformance.adapter import Claim, HostAdapter, Reply, implements
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import turns
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.deps_lazy import FirstUse, first_uses, loads_what_it_needs
from hot_reload_conformance.checks.graph_holds import all_stand_in
from hot_reload_conformance.checks.graphs import (
    CHAIN,
    DIAMOND,
    PAIR,
    Edges,
    Graph,
    expect_order,
    random_edges,
    touched,
)
from hot_reload_conformance.checks.stages import CAUSE, STATE_STAGES
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.probe import Probe
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

# HR-DEPS-01


@dataclass(frozen=True)
class Edit:
    """An edit of one plugin of a graph, and what happened before it."""

    edges: Edges
    name: str = "base"
    before: str = ""


_EDITS = (
    Variant("one dependent", Edit(PAIR)),
    Variant("a chain of four", Edit(CHAIN)),
    Variant("the middle of a chain", Edit(CHAIN, "second")),
    Variant("a diamond", Edit(DIAMOND)),
    Variant("after the dependent was reloaded", Edit(PAIR, before="dependent reloaded")),
    Variant("after a failed reload", Edit(PAIR, before="failed reload")),
    Variant("after the dependent was loaded anew", Edit(PAIR, before="dependent loaded anew")),
)


@check("HR-DEPS-01", variants=_EDITS, needs=(Claim.RELOAD,))
async def dependents_follow(case: Case, edit: Edit) -> None:
    graph = Graph.of(case, edit.edges)
    await graph.load()
    if edit.before == "dependent reloaded":
        graph.edit("user")
        await case.reloaded(graph.spec("user"), write=False)
    elif edit.before == "failed reload":
        case.spoil(graph.spec("base", 9), lambda text: text + "\ndef broken(:\n", "and broken")
        await case.reload("base")
    elif edit.before == "dependent loaded anew":
        if Claim.UNLOAD not in case.claims:
            raise NotClaimed("unload")
        await case.unload("user")
        await case.loaded(graph.spec("user"))
    for _ in range(2):
        graph.edit(edit.name)
        await case.reloaded(graph.spec(edit.name), write=False)
        seen = await graph.seen()
        gone = sorted(set(graph.edges) - set(seen))
        case.expect(
            not gone,
            f"after a reload of {edit.name!r}, plugins that need it are gone: {', '.join(gone)}",
            expected=sorted(graph.edges),
            seen=sorted(seen),
        )
        stale = sorted(name for name, tree in graph.trees().items() if seen[name] != tree)
        case.expect(
            not stale,
            f"after a reload of {edit.name!r} to {graph.spec(edit.name).version}, "
            f"{', '.join(stale)} still {'uses' if len(stale) == 1 else 'use'} an old version of "
            "what they import",
            expected=[graph.tree(name) for name in stale],
            seen=[seen[name] for name in stale],
        )


# HR-DEPS-02 and 03: for any acyclic graph


@dataclass(frozen=True)
class Drawn:
    """A graph that is drawn by ``seed``, and edits that are."""

    size: int
    seed: int

    def dice(self, case: Case) -> random.Random:
        return random.Random(
            self.seed if case.budget.seed is None else case.budget.seed + self.seed
        )


_DRAWN = [
    Variant(f"{size} plugins, seed {seed}", Drawn(size, seed))
    for size in (2, 3, 4, 6)
    for seed in range(2)
]


def _orders(adapter: type[HostAdapter]) -> Sequence[Variant]:
    return [*_DRAWN, *first_uses(adapter)]


@check("HR-DEPS-02", variants=_orders, needs=(Claim.RELOAD, Claim.HOOKS), kind=Kind.PROPERTY)
async def dependency_order(case: Case, drawn: Drawn | FirstUse) -> None:
    if isinstance(drawn, FirstUse):
        await loads_what_it_needs(case, drawn)
        return
    dice = drawn.dice(case)
    edges: Edges = {}
    while not any(edges.values()):
        edges = random_edges(dice, drawn.size)
    graph = Graph.of(case, edges, lone=False)
    case.tell(f"the graph: {described(edges)}")
    await graph.load()
    pairs = {"start": 0, "stop": 0}
    for _ in range(case.budget.repeats):
        name = dice.choice([each for each in edges if len(graph.closure(each)) > 1])
        graph.edit(name)
        mark = case.recording.mark()
        await case.reloaded(graph.spec(name), write=False)
        for what in pairs:
            done = case.recording.moments[mark:]
            pairs[what] += expect_order(case, edges, done, what, f"in a reload of {name!r}")
    if implements(case.adapter, "unload_with_dependents"):
        name = dice.choice([each for each in edges if len(graph.closure(each)) > 1])
        mark = case.recording.mark()
        await case.unload_with_dependents(name)
        done = case.recording.moments[mark:]
        how = f"in an unload of {name!r} with its dependents"
        pairs["stop"] += expect_order(case, edges, done, "stop", how)
    mark, case.closed = case.recording.mark(), True
    await case.guarded(case.adapter.close(), "close")
    case.tell("close the host")
    done = case.recording.moments[mark:]
    pairs["stop"] += expect_order(case, edges, done, "stop", "as the host closed")
    # A host that binds dependents anew without reloading them starts none of them.
    if not any(pairs.values()):
        raise NotClaimed("dependents that are started and stopped: this host leaves them running")


@check("HR-DEPS-03", variants=_DRAWN, needs=(Claim.RELOAD, Claim.HOOKS), kind=Kind.PROPERTY)
async def only_affected(case: Case, drawn: Drawn) -> None:
    dice = drawn.dice(case)
    graph = Graph.of(case, random_edges(dice, drawn.size))
    case.tell(f"the graph: {described(graph.edges)}")
    await graph.load()
    for _ in range(case.budget.repeats):
        name = dice.choice(list(graph.edges))
        graph.edit(name)
        before, mark = await graph.seen(), case.recording.mark()
        await case.reloaded(graph.spec(name), write=False)
        closure = graph.closure(name)
        strange = sorted(touched(case.recording.moments[mark:]) - closure)
        case.expect(
            not strange,
            f"a reload of {name!r} touched {', '.join(strange)}, "
            f"which {'does' if len(strange) == 1 else 'do'} not need it",
            expected=f"at most {', '.join(sorted(closure))}",
            seen=[str(m) for m in case.recording.moments[mark:] if m.plugin in strange],
        )
        after = await graph.seen()
        lost = sorted(each for each in before if each not in closure and each not in after)
        case.expect(
            not lost,
            f"after a reload of {name!r}, {', '.join(lost)} does not answer any more",
            expected=sorted(before),
            seen=sorted(after),
        )


def described(edges: Edges) -> str:
    """``a; b needs a``."""
    return "; ".join(f"{n} needs {', '.join(each)}" if each else n for n, each in edges.items())


# HR-DEPS-04


@dataclass(frozen=True)
class Culprit:
    name: str
    what: str
    says_no: bool = False
    """Its health check answers no, instead of raising."""
    beside: str = ""
    """What is in its start meanwhile, and comes out of it long after."""

    @property
    def text(self) -> str:
        meanwhile = f", while {self.beside!r} stood in its start," if self.beside else ""
        return f"{self.what} of {self.name!r}{meanwhile}"


def _culprits(adapter: type[HostAdapter]) -> Sequence[Variant]:
    hooks = ("import", "construct", "setup", "start", *sorted(STATE_STAGES), "health_check")
    found = []
    for what in (*hooks, "on_reload"):
        if what in adapter.stages and (what not in STATE_STAGES or Claim.STATE in adapter.claims):
            # Of the one that was edited it is HR-ROLL-01's matter, as long as nobody follows.
            edited = ("base",) * (what in ("import", "start", "on_reload"))
            for name in (*edited, "left", "top"):
                found.append(Variant(f"{what} of {name}", Culprit(name, what)))
    if "health_check" in adapter.stages:
        for name in ("left", "top"):
            culprit = Culprit(name, "health_check", says_no=True)
            found.append(Variant(f"health_check of {name} says no", culprit))
    if "start" in adapter.stages and Claim.HOOKS in adapter.claims:
        for name, beside in (("left", "right"), ("right", "left")):
            culprit = Culprit(name, "start", beside=beside)
            found.append(Variant(f"start of {name}, {beside} still in its own", culprit))
    return found


@check("HR-DEPS-04", variants=_culprits, needs=(Claim.RELOAD,))
async def cascade_is_atomic(case: Case, culprit: Culprit) -> None:
    graph = Graph.of(case, DIAMOND, state=culprit.what in STATE_STAGES)
    await graph.load()
    before, serials = await graph.seen(), await graph.serials()
    mark = case.recording.mark()
    graph.edit("base")
    reply = await _struck(case, graph, culprit)
    failed = case.recording.moments[mark:]
    case.expect(
        not reply.ok,
        f"{culprit.text} failed in a reload of 'base', which it needs or is, "
        "and the reload says success",
        expected="a failed reload",
        seen="success",
    )
    after = await graph.seen()
    moved = sorted(name for name in before if after.get(name) != before[name])
    case.expect(
        not moved,
        f"after {culprit.text} failed in a reload of 'base', "
        f"{', '.join(moved)} did not go back to what they ran and imported",
        expected=[before[name] for name in moved],
        seen=[after.get(name, "no answer") for name in moved],
    )
    now = await graph.serials()
    if Claim.BLUE_GREEN in case.claims:
        case.expect(
            now == serials,
            f"after {culprit.text} failed in a reload of 'base', other instances serve than before",
            expected=serials,
            seen=now,
        )
    graph.edit("base")
    await case.reloaded(graph.spec("base"), write=False)
    seen = await graph.seen()
    case.expect(
        seen == graph.trees(),
        "after a cascade that failed, the next good reload does not reach all of it",
        expected=sorted(graph.trees().values()),
        seen=sorted(seen.values()),
    )
    if Claim.HOOKS in case.claims and any(m.what == "stop" for m in case.recording.moments):
        _expect_stopped(case, graph, culprit, failed, serials)


_LONG_TURNS = 40


def _long(at: Probe) -> Any:
    """Many turns of the loop, where hooks can wait."""
    return turns(_LONG_TURNS) if at.recording.asynchronous else None


async def _struck(case: Case, graph: Graph, culprit: Culprit) -> Reply:
    """The reload of ``base`` in which ``culprit`` fails.

    Raises:
        NotClaimed: this host does not come to it.
    """
    recording = case.recording
    key = (culprit.name, graph.spec(culprit.name).version)
    if culprit.says_no:
        recording.health[key] = False
    else:
        recording.plan(culprit.what, raising(PlannedError, CAUSE), plugin=culprit.name)
    if culprit.beside:
        recording.plan("start", _long, plugin=culprit.beside)
    mark = recording.mark()
    reply = await case.reload("base")
    if culprit.beside:
        await turns(2 * _LONG_TURNS)  # what nobody waits for comes to its end
    came = any((m.plugin, m.what) == (culprit.name, culprit.what) for m in recording.moments[mark:])
    recording.health.pop(key, None)
    recording.unplanned()
    if not came:
        raise NotClaimed(f"{culprit.text} in a reload of 'base': this host does not run it")
    return reply


def _expect_stopped(
    case: Case, graph: Graph, culprit: Culprit, failed: Sequence[Moment], serving: Sequence[str]
) -> None:
    """Each new generation of the cascade that had started was stopped, dependents first."""
    serves = {int(reply.rpartition("#")[2]) for reply in serving}
    moments = [m for m in failed if m.serial not in serves]
    started = {(m.plugin, m.serial) for m in moments if (m.what, m.phase) == ("start", "end")}
    stopped = {(m.plugin, m.serial) for m in moments if m.what == "stop"}
    left = sorted({plugin for plugin, _ in started - stopped})
    case.expect(
        not left,
        f"{culprit.text} failed in a reload of 'base', and the new {', '.join(left)}, which had "
        f"started before, {'was' if len(left) == 1 else 'were'} never stopped",
        expected="stop of all that had started",
        seen=[str(m) for m in moments if m.what in ("start", "stop")],
    )
    ended = {(m.plugin, m.serial): m.order for m in moments if m.what == "stop"}
    late = sorted(
        m.plugin
        for m in moments
        if (m.what, m.phase) == ("start", "end") and m.order > ended[(m.plugin, m.serial)]
    )
    case.expect(
        not late,
        f"{culprit.text} failed in a reload of 'base', and the start of the new {', '.join(late)} "
        "went on behind its stop: what it acquires there is never released. Cancel what starts "
        "beside a failure, and wait for it, before anything is stopped",
        expected="no start that goes on behind its stop",
        seen=[str(m) for m in moments if m.what in ("start", "stop")],
    )
    expect_order(
        case, graph.edges, moments, "stop", f"as {culprit.text} failed, and it rolled back"
    )


# HR-DEPS-08


@check(
    "HR-DEPS-08",
    variants=[Variant(name, name) for name in ("each once", "in order", "in parallel")],
    needs=(Claim.RELOAD,),
)
async def batch(case: Case, script: str) -> None:
    if not implements(case.adapter, "reload_many"):
        raise NotClaimed("batches: give the adapter reload_many(refs), if the host can do that")
    graph = Graph.of(case, DIAMOND)
    await graph.load()
    if script == "in parallel":
        await _in_parallel(case, graph)
        return
    for name in ("top", "lone", "base"):
        graph.edit(name)
    mark = case.recording.mark()
    reply = await case.reload_many(["top", "lone", "base"])
    case.expect(
        reply.ok,
        f"a batch of three good edits is not reloaded: {reply.everything or 'no word why'}",
        expected="reloaded",
        seen="refused",
    )
    seen = await graph.seen()
    case.expect(
        seen == graph.trees(),
        "after a batch, not every plugin of it and what needs it runs and imports the new versions",
        expected=sorted(graph.trees().values()),
        seen=sorted(seen.values()),
    )
    moments = case.recording.moments[mark:]
    if script == "in order":
        if Claim.HOOKS not in case.claims:
            raise NotClaimed("hooks")
        pairs = [
            expect_order(case, graph.edges, moments, what, "in a batch")
            for what in ("start", "stop")
        ]
        if not any(pairs):
            raise NotClaimed("plugins that are started and stopped: this host leaves them running")
        return
    for name in graph.edges:
        times = sum((m.plugin, m.what, m.phase) == (name, "import", "begin") for m in moments)
        case.expect(
            times <= 1,
            f"in a batch that edits 'top', 'lone' and 'base', {name!r} was reloaded {times} times",
            expected="once each",
            seen=f"{times} times",
        )


async def _in_parallel(case: Case, graph: Graph) -> None:
    if Claim.HOOKS not in case.claims:
        raise NotClaimed("hooks")
    for name in ("left", "right", "lone"):
        graph.edit(name)
    names = ["left", "right", "lone"]
    stood = await all_stand_in(case, "start", names, case.reload_many(names))
    if not stood:
        raise CannotJudge("no plugin of the batch came to start")
    case.expect(
        stood == set(names),
        "in a batch, plugins that do not need each other are started one after the other: while "
        f"{', '.join(sorted(stood))} stood in start, "
        f"{', '.join(sorted(set(names) - stood))} did not begin",
        expected="all of them in start at the same time",
        seen=sorted(stood),
    )
