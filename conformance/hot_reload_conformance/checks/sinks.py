"""Sinks as preconditions: the two that are operated on and looked at, added, removed, named."""

from __future__ import annotations

from collections.abc import Sequence

from hot_reload_conformance.adapter import PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_fixtures.stamp import Stamped

KEEPER = PluginSpec(name="keeper", sink=True)
"""Stands beside the one that is operated on."""
SUBJECT = PluginSpec(name="subject", sink=True)
"""Is operated on."""


async def added(case: Case, spec: PluginSpec) -> None:
    """Write and add a sink, as a precondition."""
    case.write(spec)
    reply = await case.add_sink(spec.ref)
    case.expect(
        reply.ok,
        f"a good sink {spec.ref} {spec.version} is not added: {reply.everything or 'no word why'}",
        expected="added",
        seen="refused",
    )


async def removed(case: Case, spec: PluginSpec) -> None:
    """Remove one of two sinks, as a precondition."""
    reply = await case.remove_sink(spec.ref)
    case.expect(
        reply.ok,
        f"one of two sinks is not removed: {reply.everything or 'no word why'}",
        expected="removed",
        seen="refused",
    )


def named(stamps: Sequence[Stamped], limit: int = 8) -> str:
    """``p1#17, p1#18``, and how many more."""
    more = len(stamps) - limit
    return ", ".join(str(each) for each in stamps[:limit]) + (f" and {more} more" * (more > 0))
