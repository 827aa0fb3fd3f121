"""FLOW while a plugin of the stages before the sinks is reloaded: its events wait, and go on."""

from __future__ import annotations

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.check import Variant
from hot_reload_conformance.checks.under_traffic import ALL_THE_TIME, Doing, Operation, Windows
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

STAGE = PluginSpec(name="stage", roles=("processor",))


def staged(adapter: type[HostAdapter]) -> list[Variant]:
    """The variants, for hosts that have stages: every sink gets what passes them."""
    if Claim.STAGES not in adapter.claims or Claim.RELOAD not in adapter.claims:
        return []
    text = "while a stage before the sinks was reloaded"
    found = [Variant("a stage reloads", Doing(text, _reloading(state=False)))]
    if Claim.STATE in adapter.claims:
        text += " with its state"
        found.append(Variant("a stage reloads with state", Doing(text, _reloading(state=True))))
        if "health_check" in adapter.stages:
            doing = Doing(f"{text}, in vain", _reloading(state=True, fails=True))
            found.append(Variant("a stage fails with state", doing))
    return found


def _reloading(*, state: bool, fails: bool = False) -> Operation:
    async def operation(case: Case, _: Traffic) -> Windows:
        await case.loaded(STAGE.at("v1", state=state))
        if fails:
            # Behind the reading of its state, while events may be held for it.
            case.recording.plan(
                "health_check", raising(PlannedError), plugin=STAGE.name, version="v2"
            )
            case.write(STAGE.at("v2", state=state))
            reply = await case.reload(STAGE.ref)
            if reply.ok or case.recording.pending():
                raise CannotJudge(f"the reload was to fail at health_check: {reply}")
        else:
            await case.reloaded(STAGE.at("v2", state=state))
        if not case.recording.passes:
            raise NotClaimed(
                "stages: no event went through a stage; have render() obey `spec.roles`"
            )
        return ALL_THE_TIME

    return operation
