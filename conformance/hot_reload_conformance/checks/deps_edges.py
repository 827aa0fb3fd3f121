"""DEPS: which graphs a host takes, and how they change."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec, Reply, implements
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.deps_lazy import Circle, circles, names_the_circle
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
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.verdict import NotClaimed


async def expect_refused(
    case: Case, graph: Graph, reply: Reply, what: str, names: Sequence[str], mark: int
) -> None:
    """``what`` was refused with all of ``names`` said, and nothing of ``graph`` changed."""
    case.expect(
        not reply.ok,
        f"{what} is accepted",
        expected=f"a refusal that names {', '.join(names)}",
        seen="success",
    )
    unsaid = [name for name in names if name not in reply.everything]
    case.expect(
        not unsaid,
        f"the refusal of {what} does not name {', '.join(map(repr, unsaid))}",
        expected=f"{', '.join(names)} in the message",
        seen=reply.everything or "no word why",
    )
    seen = await graph.seen()
    case.expect(
        seen == graph.trees(),
        f"{what} was refused, and yet something changed: other plugins answer than before",
        expected=sorted(graph.trees().values()),
        seen=sorted(seen.values()),
    )
    stopped = {(m.plugin, m.serial) for m in case.recording.moments[mark:] if m.what == "stop"}
    before = {(m.plugin, m.serial) for m in case.recording.moments[:mark]}
    case.expect(
        not stopped & before,
        f"{what} was refused, and yet running plugins were stopped for it",
        expected="nothing stopped",
        seen=sorted(name for name, _ in stopped & before),
    )


# HR-DEPS-05


@dataclass(frozen=True)
class Cycle:
    """An edit of one plugin of ``edges``, the first or ``edited``, by which it needs ``last``."""

    edges: Edges
    last: str
    members: tuple[str, ...]
    edited: str = ""

    @property
    def first(self) -> str:
        return self.edited or next(iter(self.edges))


def _drawn_cycle(seed: int) -> Cycle:
    """An acyclic graph, in which a plugin comes to need one that needs it, however far."""
    dice = random.Random(seed)
    edges: Edges = {}
    while not any(edges.values()):
        edges = random_edges(dice, dice.randint(3, 6))
    needed = sorted({each for needs in edges.values() for each in needs})
    first = dice.choice([name for name in needed if edges[name]] or needed)  # the middle tells more
    found = {first}
    while more := {name for name, needs in edges.items() if found & {*needs}} - found:
        found |= more
    last = dice.choice(sorted(found - {first}))
    # Of several ways around these two are on each.
    return Cycle(edges, last, (first, last), first)


_CYCLES = [
    Variant("of two", Cycle(PAIR, "user", ("base", "user"))),
    Variant("of four", Cycle(CHAIN, "fourth", ("base", "second", "third", "fourth"))),
    Variant("of one", Cycle(PAIR, "base", ("base",))),
    Variant("beside others", Cycle(DIAMOND, "right", ("base", "right"))),
    Variant("at the first load", None),
    *(Variant(f"drawn, seed {seed}", seed) for seed in range(4)),
]


def _cycles(adapter: type[HostAdapter]) -> Sequence[Variant]:
    return [*_CYCLES, *circles(adapter)]


@check("HR-DEPS-05", variants=_cycles, needs=(Claim.RELOAD,), also=(Kind.PROPERTY,))
async def cycle_named(case: Case, cycle: Cycle | Circle | int | None) -> None:
    if isinstance(cycle, Circle):
        await names_the_circle(case)
        return
    if isinstance(cycle, int):
        cycle = _drawn_cycle((case.budget.seed or 0) * 1000 + cycle)
    graph = Graph.of(case, PAIR if cycle is None else cycle.edges)
    await graph.load()
    mark = case.recording.mark()
    if cycle is None:
        hen = PluginSpec(name="hen", dependencies=("egg",))
        case.write(hen)
        case.write(PluginSpec(name="egg", dependencies=("hen",)))
        reply = await case.load(hen.ref)
        members: tuple[str, ...] = ("hen", "egg")
    else:
        spec = graph.spec(cycle.first, 2)
        case.write(spec.at("v2", dependencies=(*graph.edges[cycle.first], cycle.last)))
        reply, members = await case.reload(cycle.first), cycle.members
    what = f"a cycle of {', '.join(members)}"
    await expect_refused(case, graph, reply, what, members, mark)
    if cycle is not None:
        graph.edit(cycle.first)
        await case.reloaded(graph.spec(cycle.first), write=False)


# HR-DEPS-06

RANGED = ("base<2",)
_TENTH = "the tenth release"
"""Compared as texts, 10.0 comes before 2."""


@check(
    "HR-DEPS-06",
    variants=[
        Variant(name, name)
        for name in (
            "the new one is outside",
            "inside, then outside",
            "a narrower range",
            "a load",
            _TENTH,
        )
    ],
    needs=(Claim.RELOAD,),
)
async def version_range(case: Case, script: str) -> None:
    graph = Graph.of(case, {"base": (), "user": ("base",)})
    base = PluginSpec(name="base", release="1.0")
    user = PluginSpec(name="user", dependencies=RANGED, release="1.0")
    if dict(case.adapter.render(base)) == dict(case.adapter.render(base.at("v1", release="2.0"))):
        raise NotClaimed("releases: have render() obey `spec.release` to show versions and ranges")
    await case.loaded(PluginSpec(name="lone"))
    if script == "a load":
        graph.edges = {"base": (), "lone": ()}
        await case.loaded(base.at("v1", release="2.0"))
        case.write(user)
        mark = case.recording.mark()
        reply = await case.load("user")
        what = "a load of 'user', which needs 'base<2', beside 'base' 2.0"
        await expect_refused(case, graph, reply, what, ("user", "base"), mark)
        return
    await case.loaded(base)
    await case.loaded(
        user if script != "a narrower range" else user.at("v1", dependencies=("base",))
    )
    if script == "inside, then outside":
        graph.numbers["base"] = 2
        await case.reloaded(base.at("v2", release="1.5"))
    elif script == "a narrower range":
        case.write(user.at("v2", dependencies=("base<1",)))
        mark = case.recording.mark()
        reply = await case.reload("user")
        what = "an edit of 'user' that needs 'base<1' beside 'base' 1.0"
        await expect_refused(case, graph, reply, what, ("user", "base"), mark)
        return
    mark = case.recording.mark()
    release = "10.0" if script == _TENTH else "2.0"
    case.write(base.at("v8", release=release))
    reply = await case.reload("base")
    what = f"'base' {release}, of which 'user' needs 'base<2',"
    await expect_refused(case, graph, reply, what, ("user", "base"), mark)


# HR-DEPS-07


def _changes(adapter: type[HostAdapter]) -> Sequence[Variant]:
    names = ["adds one", "drops one", "changes one for another", "adds one to a dependent"]
    if Claim.UNLOAD in adapter.claims:
        names += ["dropped ones may go", "added ones may not go"]
    return [Variant(name, name) for name in (*names, "turns around")]


_TWO: Edges = {"old": (), "new": (), "user": ("old",)}


@check("HR-DEPS-07", variants=_changes, needs=(Claim.RELOAD,))
async def changed_edges(case: Case, script: str) -> None:
    graph = Graph.of(case, _TWO if script != "turns around" else PAIR)
    await graph.load()
    if script == "turns around":
        await _turned_around(case, graph)
        return
    graph.edges["user"] = {
        "adds one": ("old", "new"),
        "adds one to a dependent": ("old", "new"),
        "added ones may not go": ("old", "new"),
        "changes one for another": ("new",),
    }.get(script, ())
    graph.edit("user")
    await case.reloaded(graph.spec("user"), write=False)
    await _expect_trees(case, graph, "an edit of 'user' that changes what it needs")
    if script.endswith("may go"):
        reply = await case.unload("old")
        case.expect(
            reply.ok,
            "'user' does not need 'old' any more, and yet 'old' may not be unloaded",
            expected="unloaded",
            seen=reply.everything or "no word why",
        )
        return
    if script.endswith("may not go"):
        reply = await case.unload("new")
        case.expect(
            not reply.ok,
            "'user' needs 'new' since its last edit, and yet 'new' may be unloaded",
            expected="a refusal",
            seen="success",
        )
        return
    for name in ("new", "old"):
        graph.edit(name)
        mark = case.recording.mark()
        await case.reloaded(graph.spec(name), write=False)
        await _expect_trees(case, graph, f"a reload of {name!r}, which came behind that")
        strange = sorted(touched(case.recording.moments[mark:]) - graph.closure(name))
        case.expect(
            not strange,
            f"a reload of {name!r} touched {', '.join(strange)}, which does not need it any more",
            expected=f"at most {', '.join(sorted(graph.closure(name)))}",
            seen=strange,
        )


async def _expect_trees(case: Case, graph: Graph, behind: str) -> None:
    seen, wanted = await graph.seen(), graph.trees()
    wrong = sorted(name for name, tree in wanted.items() if seen.get(name) != tree)
    case.expect(
        not wrong,
        f"after {behind}, {', '.join(wrong)} runs or imports something else",
        expected=[wanted[name] for name in wrong],
        seen=[seen.get(name, "no answer") for name in wrong],
    )


async def _turned_around(case: Case, graph: Graph) -> None:
    """Who was needed needs: in one batch, or it would be a cycle on the way."""
    if not implements(case.adapter, "reload_many"):
        raise NotClaimed("batches: give the adapter reload_many(refs), if the host can do that")
    if Claim.HOOKS not in case.claims:
        raise NotClaimed("hooks")
    old = dict(graph.edges)
    graph.edges |= {"base": ("user",), "user": ()}
    for name in ("base", "user"):
        graph.edit(name)
    mark = case.recording.mark()
    reply = await case.reload_many(["base", "user"])
    case.expect(
        reply.ok,
        f"two edits by which 'base' needs 'user', not 'user' 'base', are not reloaded: "
        f"{reply.everything or 'no word why'}",
        expected="reloaded",
        seen="refused",
    )
    await _expect_trees(case, graph, "a batch that turns a dependency around")
    how = "in a batch that turns a dependency around"
    done = case.recording.moments[mark:]
    pairs = expect_order(case, graph.edges, done, "start", how)
    pairs += expect_order(case, old, done, "stop", how)
    if not pairs:
        raise NotClaimed("plugins that are started and stopped: this host leaves them running")


# HR-DEPS-09


@check(
    "HR-DEPS-09",
    variants=[Variant(name, name) for name in ("a load", "an edit", "one of two", "not imported")],
    needs=(Claim.RELOAD,),
)
async def missing(case: Case, script: str) -> None:
    graph = Graph.of(case, PAIR)
    await graph.load()
    mark = case.recording.mark()
    if script == "an edit":
        case.write(graph.spec("user", 2).at("v2", dependencies=("base", "nowhere")))
        name, reply = "user", await case.reload("user")
    else:
        needs = ("base", "nowhere") if script == "one of two" else ("nowhere",)
        imports = script != "not imported"
        case.write(PluginSpec(name="fresh", dependencies=needs, imports=imports))
        name, reply = "fresh", await case.load("fresh")
    what = f"{'an edit' if script == 'an edit' else 'a load'} of {name!r}, whose dependency "
    what += "'nowhere' is missing,"
    await expect_refused(case, graph, reply, what, ("nowhere", name), mark)
