"""DEPS-02 and 05 for plugins that their first use loads: it loads what they need before them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant
from hot_reload_conformance.checks.graphs import CHAIN, DIAMOND, Edges, Graph, expect_order
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation


@dataclass(frozen=True)
class FirstUse:
    """All of ``edges`` are registered, and the last of them, which needs the others, is used."""

    edges: Edges


def first_uses(adapter: type[HostAdapter]) -> list[Variant]:
    """The variants, for hosts that load a plugin at its first use."""
    if Claim.LAZY not in adapter.claims:
        return []
    return [
        Variant("a first use, in a chain", FirstUse(CHAIN)),
        Variant("a first use, in a diamond", FirstUse(DIAMOND)),
    ]


async def loads_what_it_needs(case: Case, doing: FirstUse) -> None:
    """Dependencies start first, each once; or nothing is loaded, and what is missing is named."""
    graph = Graph.of(case, doing.edges, lone=False)
    *needed, top = graph.edges
    for name in reversed(graph.edges):
        case.write(graph.spec(name))
        if not (await case.register_lazy(name)).ok:
            raise CannotJudge(f"{name!r} cannot be registered for its first use")
    try:
        await case.use(top)
    except Violation as violation:
        _refused(case, graph, needed, violation)
    starts = [m for m in case.recording.moments if (m.what, m.phase) == ("start", "begin")]
    more = sorted(name for name, times in Counter(m.plugin for m in starts).items() if times > 1)
    case.expect(
        not more,
        f"at the first use of {top!r} {', '.join(map(repr, more))} started more than once",
        expected="one start of each",
        seen=[str(m) for m in starts],
    )
    how = f"at the first use of {top!r}"
    if not expect_order(case, graph.edges, case.recording.moments, "start", how):
        raise NotClaimed(
            "plugins that are started: no start hook was seen of those that are needed"
        )
    seen = await graph.seen()
    case.expect(
        seen == graph.trees(),
        f"{how} it was loaded, and not all that it needs serves",
        expected=sorted(graph.trees().values()),
        seen=sorted(seen.values()),
    )


def _refused(case: Case, graph: Graph, needed: list[str], violation: Violation) -> None:
    """A host need not load what nobody has used; it says so, then, and begins nothing.

    Raises:
        NotClaimed: it is such a host.
    """
    top = list(graph.edges)[-1]
    begun = sorted({m.plugin for m in case.recording.moments if m.what == "start"} & {*needed})
    case.expect(
        not begun,
        f"the first use of {top!r} began to load what it needs ({', '.join(begun)}), and failed: "
        f"{violation.message}",
        expected=f"{', '.join(needed)} loaded, then {top}",
        seen=violation.message,
    )
    case.expect(
        any(each in violation.message for each in graph.edges[top]),
        f"the first use of {top!r} failed, and does not say what of {', '.join(graph.edges[top])}, "
        f"which it needs and nobody has loaded, is missing: {violation.message}",
        expected="it loads what it needs, or names it",
        seen=violation.message,
    )
    raise NotClaimed("a first use that loads what the plugin needs: this host has it loaded before")


@dataclass(frozen=True)
class Circle:
    """A first use of a plugin that needs one of two, which need each other."""


def circles(adapter: type[HostAdapter]) -> list[Variant]:
    """The variant, for hosts that load a plugin at its first use."""
    return [Variant("at a first use", Circle())] if Claim.LAZY in adapter.claims else []


async def names_the_circle(case: Case) -> None:
    """The use fails, says who needs whom, and nothing of them is started."""
    needs = {"chick": ("hen",), "egg": ("hen",), "hen": ("egg",)}
    for name, needed in needs.items():
        case.write(PluginSpec(name=name, dependencies=needed))
        if not (await case.register_lazy(name)).ok:
            raise NotClaimed(f"a cycle at a first use: {name!r} is refused as it is registered")
    message = ""
    try:
        answer = await case.use("chick")
    except Violation as violation:
        answer, message = "", violation.message
    case.expect(
        bool(message),
        "the first use of 'chick' is answered, and the plugin that it needs is one of a cycle",
        expected="a refusal that names hen, egg",
        seen=answer,
    )
    unsaid = [name for name in ("hen", "egg") if name not in message]
    case.expect(
        not unsaid,
        "the first use of 'chick', which needs one of a cycle of hen, egg, fails and does not name "
        f"{', '.join(map(repr, unsaid))}: {message}",
        expected="hen, egg in the message",
        seen=message,
    )
    begun = sorted({m.plugin for m in case.recording.moments if m.what == "start"})
    case.expect(
        not begun,
        f"the first use of 'chick' failed at a cycle, and yet started {', '.join(begun)}",
        expected="nothing started",
        seen=begun,
    )
