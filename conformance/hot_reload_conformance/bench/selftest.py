"""The adapter's self-test: before a host is judged, the adapter has to be right.

Nine of the first sixteen adapters that were ever written for the kit were wrong,
so a failure here is a kit-error that names the adapter, never a failed clause.
"""

from __future__ import annotations

from typing import Any

from hot_reload_conformance.adapter import METHODS, Claim, HostAdapter, PluginSpec, implements
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import ONE, Check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.contract.clauses import CONTRACT

CORE_METHODS = ("open", "render", "load", "call")


def missing_methods(
    adapter: type[HostAdapter], claims: frozenset[Claim] | None = None
) -> str | None:
    """What the adapter claims but does not have, in words; None: nothing."""
    for method in CORE_METHODS:
        if not implements(adapter, method):
            return f"your adapter {adapter.name!r} has no {method}(), which every adapter needs"
    for claim in sorted(adapter.claims if claims is None else claims, key=lambda each: each.value):
        for method in METHODS.get(claim, ()):
            if not implements(adapter, method):
                return (
                    f"your adapter {adapter.name!r} claims {claim.value!r} but has no {method}(): "
                    "write it, or drop the claim"
                )
    return None


async def _self_test(case: Case, _: Any) -> None:
    before = await case.replies()
    case.expect(
        before == [],
        "before anything was loaded, your adapter's call() already answers: "
        "open() must make a fresh host",
        expected=[],
        seen=before,
    )
    spec = PluginSpec()
    case.write(spec)
    case.expect(
        case.recording.mark() == 0,
        "your adapter's open() or render() ran the plugin before load() was called",
        expected="nothing run",
        seen=[str(moment) for moment in case.recording.moments],
    )
    reply = await case.load(spec.ref)
    case.expect(
        reply.ok,
        f"your adapter cannot load a plain plugin: {reply.everything or 'no reason given'}",
        expected="loaded",
        seen="failed",
    )
    case.expect(
        case.recording.mark() > 0,
        "your adapter's load() said ok, but the plugin that render() wrote never ran: "
        "does load() look where render() says, and does the text call probe.attach()?",
        expected="an import seen by the probe",
        seen="nothing",
    )
    for moment in ("after load", "after nothing more was done"):
        replies = await case.replies()
        case.expect(
            replies == ["v1"],
            f"{moment}, your adapter's call() does not give the one reply of the one handler: "
            "does the rendered handler return probe.reply(event)?",
            expected=["v1"],
            seen=replies,
        )


SELF_TEST = Check(
    clause=CONTRACT["HR-LOAD-01"],
    kind=Kind.EXAMPLE,
    run=_self_test,
    variants=lambda _: ONE,
    needs=frozenset(),
    deadline_seconds=10.0,
    order=-1,
)
"""Run through the same bench as any check."""
