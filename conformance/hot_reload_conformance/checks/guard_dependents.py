"""GUARD-04: what others need is not taken away from under them."""

from __future__ import annotations

from collections.abc import Sequence

from hot_reload_conformance.adapter import Claim, HostAdapter, implements
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.deps_edges import expect_refused
from hot_reload_conformance.checks.graphs import (
    CHAIN,
    DIAMOND,
    PAIR,
    Graph,
    expect_order,
)
from hot_reload_conformance.verdict import NotClaimed


def _leavings(adapter: type[HostAdapter]) -> Sequence[Variant]:
    names = ["unload", "of the middle of a chain", "of one that two need", "free again", "cascade"]
    if Claim.ENABLE in adapter.claims:
        names.append("its dependent is disabled")
    if Claim.RELOAD in adapter.claims:
        names.append("after a reload")
    return [Variant(name, name) for name in names]


@check("HR-GUARD-04", variants=_leavings, needs=(Claim.UNLOAD,))
async def dependents_protected(case: Case, script: str) -> None:
    chain = script == "of the middle of a chain"
    graph = Graph.of(case, CHAIN if chain else DIAMOND if script.startswith("of one") else PAIR)
    if script == "cascade":
        await _cascaded(case)
        return
    await graph.load()
    if script == "free again":
        await _free_again(case, graph)
        return
    if script == "its dependent is disabled":
        await case.disable("user")
    elif script == "after a reload":
        graph.edit("base")
        await case.reloaded(graph.spec("base"), write=False)
    name = "second" if chain else "base"
    mark = case.recording.mark()
    reply = await case.unload(name)
    if script == "its dependent is disabled":
        await case.enable("user")
    direct = [user for user, needs in graph.edges.items() if name in needs]
    what = f"an unload of {name!r}, which {' and '.join(map(repr, direct))} need,"
    await expect_refused(case, graph, reply, what, direct, mark)


async def _free_again(case: Case, graph: Graph) -> None:
    """The guard goes with the dependent."""
    for name in ("user", "base"):
        reply = await case.unload(name)
        case.expect(
            reply.ok,
            f"{name!r} may not be unloaded, though nobody needs it any more",
            expected="unloaded",
            seen=reply.everything or "no word why",
        )
    seen = await graph.seen()
    case.expect(
        list(seen) == ["lone"],
        "after the dependent and then its dependency were unloaded, others answer than the rest",
        expected=["lone"],
        seen=sorted(seen),
    )


async def _cascaded(case: Case) -> None:
    if not implements(case.adapter, "unload_with_dependents"):
        raise NotClaimed(
            "a cascade that is asked for: give the adapter unload_with_dependents(ref), if the "
            "host can do that"
        )
    graph = Graph.of(case, DIAMOND)
    await graph.load()
    mark = case.recording.mark()
    reply = await case.unload_with_dependents("base")
    case.expect(
        reply.ok,
        "an unload of 'base' with all that need it is refused",
        expected="all of them unloaded",
        seen=reply.everything or "no word why",
    )
    seen = await graph.seen()
    case.expect(
        list(seen) == ["lone"],
        "after an unload of 'base' with all that need it, "
        f"{', '.join(sorted(set(seen) - {'lone'})) or 'no plugin'} still answers"
        if "lone" in seen
        else "an unload of 'base' with all that need it took 'lone' away, which does not need it",
        expected=["lone"],
        seen=sorted(seen),
    )
    how = "in an unload of 'base' with all that need it"
    expect_order(case, graph.edges, case.recording.moments[mark:], "stop", how)
