"""LOAD-02 for a plugin that its first use loads: what failed once is not remembered for good."""

from __future__ import annotations

from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation


@dataclass(frozen=True)
class FailedFirstUse:
    """A first use whose load fails in start, and another one once it is mended."""


def first_uses(adapter: type[HostAdapter]) -> list[Variant]:
    """The variants, for hosts that load a plugin at its first use."""
    if Claim.LAZY not in adapter.claims or "start" not in adapter.stages:
        return []
    return [Variant("a first use that fails", FailedFirstUse())]


async def loads_at_the_next_use(case: Case) -> None:
    """The next use loads it, or, where the host wants that, the next registration and use."""
    spec = PluginSpec()
    case.write(spec)
    case.recording.plan("start", raising(PlannedError), plugin=spec.name)
    if not (await case.register_lazy(spec.ref)).ok:
        raise CannotJudge("a good plugin cannot be registered for its first use")
    if not await _refused(case, spec):
        raise CannotJudge("the plugin's start was to fail at its first use, and it answers")
    if case.recording.pending():
        raise NotClaimed("a first use that fails in start: this host's plugins have no start hook")
    why = await _refused(case, spec)
    if why:  # perhaps it is registered no more
        await case.register_lazy(spec.ref)
        why = await _refused(case, spec)
    case.expect(
        not why,
        "after a first use that failed, the plugin is mended, and the next use of it fails "
        f"all the same: {why}",
        expected="it is loaded, and answers",
        seen=why,
    )
    await case.expect_replies(
        ["v1"],
        "after a first use that failed, the mended plugin answers its use and does not serve",
    )


async def _refused(case: Case, spec: PluginSpec) -> str:
    """Why a use is not answered; empty: it is."""
    try:
        answer = await case.use(spec.ref)
    except Violation as violation:
        return violation.message
    return "" if answer == "v1" else f"the answer is {answer!r}"
