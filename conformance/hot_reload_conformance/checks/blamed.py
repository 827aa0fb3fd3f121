"""Who it was: of several plugins that are reloaded together one fails, or one file of several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant
from hot_reload_conformance.checks.graphs import Edges, Graph
from hot_reload_conformance.checks.stages import CAUSE
from hot_reload_conformance.dialect import PACKAGE_HANDLERS
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

FAN: Edges = {"base": (), "hazel": ("base",), "larch": ("base",), "rowan": ("base",)}
"""Three that need one, and none of the others: they are made anew side by side."""


@dataclass(frozen=True)
class OneOfSeveral:
    """``name`` fails at ``what`` while ``base`` is reloaded, which it needs."""

    name: str
    what: str


BROKEN_PART = "a broken module of a package"


def one_of_several(adapter: type[HostAdapter]) -> Sequence[Variant]:
    """Variants for a host whose dependents follow, or that loads packages.

    Their values are ``OneOfSeveral``, and ``BROKEN_PART``.
    """
    found = []
    if Claim.PACKAGES in adapter.claims:
        found.append(Variant(BROKEN_PART, BROKEN_PART))
    if Claim.DEPENDENCIES not in adapter.claims:
        return found
    return found + [
        Variant(f"{what} of {name}, one of three side by side", OneOfSeveral(name, what))
        for what in ("import", "start", "health_check")
        if what in adapter.stages
        for name in ("hazel", "rowan")
    ]


async def expect_file_named(case: Case) -> None:
    """The caller learns which file of a package is broken."""
    spec = PluginSpec(package=True, handlers=PACKAGE_HANDLERS)
    await case.loaded(spec)
    *_, part = case.write(spec.at("v2")).values()
    part.write_text(f"{part.read_text(encoding='utf-8')}def broken(:\n", encoding="utf-8")
    case.tell(f"then the text of {part.name} is broken")
    reply = await case.reload(spec.ref)
    if reply.ok:
        raise CannotJudge(f"{part.name} of a package is broken, and its reload says ok")
    told = "\n".join((reply.message, *reply.warnings))
    case.expect(
        re.search(rf"\b{part.stem}\b", told) is not None,
        "one file of a package is broken, and the caller of its reload is not told which",
        expected=f"a message with {part.name!r} in it",
        seen=told or "no word",
    )


async def expect_blamed(case: Case, culprit: OneOfSeveral) -> None:
    """The caller learns which of them it was, and the cause."""
    graph = Graph.of(case, FAN)
    await graph.load()
    graph.edit("base")
    fault = raising(PlannedError, CAUSE)
    case.recording.plan(culprit.what, fault, plugin=culprit.name)
    reply = await case.reload("base")
    if case.recording.pending():
        case.recording.unplanned()
        raise NotClaimed(
            f"{culprit.what} of {culprit.name!r} in a reload of 'base': this host does not run it"
        )
    how = f"{culprit.what} of {culprit.name!r} failed in a reload of 'base', which it needs"
    told = "\n".join((reply.message, *reply.warnings))
    case.expect(
        CAUSE in told,
        f"{how}, and what its caller got does not have the original cause",
        expected=CAUSE,
        seen=told or "no word",
    )
    # The path of its file names it too, but only to somebody who reads paths.
    words = re.sub(r"\S*/\S*", "", told)
    case.expect(
        re.search(rf"\b{culprit.name}\b", words) is not None,
        f"{how}, and its caller is not told which of the plugins that were reloaded together it "
        "was",
        expected=f"a message with {culprit.name!r} in it",
        seen=told,
    )
