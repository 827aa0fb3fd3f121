"""The table of faults: each is where it says, strikes there, and is gone afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from hot_reload_conformance.adapter import ALL_STAGES as STAGES
from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Budget, Case
from hot_reload_conformance.bench.runner import run_variant
from hot_reload_conformance.bench.selftest import SELF_TEST
from hot_reload_conformance.check import Variant
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.stages import (
    CAUSE,
    KINDS,
    STATE_STAGES,
    WORST_HANG,
    few,
    few_and_a_hang,
    plain,
    stages,
)
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.specimens.sync_host import SyncAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

FAULTS = [variant.value for variant in stages(BlueGreenAdapter)]


def in_a_case(
    run: Callable[[Case], Awaitable[None]], adapter: type[HostAdapter] = BlueGreenAdapter
) -> None:
    found = run_variant(HostSubject(adapter), run, Variant(""), SELF_TEST, Budget())
    assert found is None, found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_reload_fails_at_the_stage_that_the_fault_names(fault: Fault) -> None:
    async def run(case: Case) -> None:
        await case.loaded(plain(case))
        reply = await fault.strike(case, plain(case, "v2"))
        assert not reply.ok
        # A file that stands for nothing is found out by reading; what it lacks, later.
        assert f"failed at {fault.stage}" in reply.message
        if fault.cause:
            assert any(word in reply.message.lower() for word in fault.cause)

    if fault.stage == "setup":  # this host runs setup at the first load only
        with pytest.raises(NotClaimed, match="setup at a reload"):
            in_a_case(run)
    else:
        in_a_case(run)


@pytest.mark.parametrize(
    "fault",
    [f for f in FAULTS if f.stage not in (*STATE_STAGES, "on_reload")],
    ids=lambda fault: fault.name,
)
def test_a_load_fails_by_the_same_fault(fault: Fault) -> None:
    async def run(case: Case) -> None:
        spec = plain(case, "v1")
        arranged = fault.arrange(case, spec)
        assert not (await case.load(spec.ref)).ok
        assert arranged.fired

    in_a_case(run)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_nothing_of_the_fault_is_left_for_the_same_version(fault: Fault) -> None:
    async def run(case: Case) -> None:
        await case.loaded(plain(case))
        arranged = fault.arrange(case, plain(case, "v2"))
        await case.reload("alpha")
        arranged.undo()
        case.recording.unplanned()
        case.write(plain(case, "v2"))
        assert (await case.reload("alpha")).ok
        assert await case.replies() == ["v2"]

    in_a_case(run)


def test_every_stage_has_a_fault() -> None:
    assert {fault.stage for fault in FAULTS} == set(STAGES)


def test_every_stage_in_which_a_plugin_acts_has_every_kind() -> None:
    for stage in STAGES[STAGES.index("construct") :]:
        kinds = {fault.kind for fault in FAULTS if fault.stage == stage}
        assert kinds >= set(KINDS), stage
    assert {fault.kind for fault in FAULTS if fault.stage == "import"} == set(KINDS)


def test_names_are_unique() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names)


def test_variants_follow_stages_and_claims() -> None:
    class Small(HostAdapter):
        stages = ("read", "start", "get_reload_state")
        claims = frozenset({Claim.RELOAD})

    found = [variant.value for variant in stages(Small)]
    assert {fault.stage for fault in found} == {"read", "start"}
    assert not any(fault.hangs for fault in found)
    assert not any(variant.value.hangs for variant in few(BlueGreenAdapter))
    hangs = [v.value for v in few_and_a_hang(BlueGreenAdapter) if v.value.hangs]
    assert hangs == [WORST_HANG]
    assert not [v for v in few_and_a_hang(Small) if v.value.hangs]


def test_base_tells_what_except_exception_lets_through() -> None:
    by_kind = {fault.kind: fault.base for fault in FAULTS}
    assert by_kind[PlannedError] is False
    assert by_kind[None] is False
    for kind in KINDS[1:]:
        assert by_kind[kind] is True


def test_a_fault_that_never_happens_is_no_verdict() -> None:
    class NeverAsksHealth(BlueGreenAdapter):
        async def open(self, workdir, ports):  # type: ignore[no-untyped-def]
            await super().open(workdir, ports)

            async def healthy(new: object) -> None:
                return None

            self.host.check_health = healthy  # type: ignore[method-assign]

    async def run(case: Case) -> None:
        await case.loaded(plain(case))
        fault = next(f for f in FAULTS if f.stage == "health_check" and f.kind is KINDS[0])
        await fault.strike(case, plain(case, "v2"))

    with pytest.raises(CannotJudge, match="never came to 'health_check'"):
        in_a_case(run, NeverAsksHealth)


def test_a_reload_that_fails_elsewhere_is_no_verdict() -> None:
    async def run(case: Case) -> None:
        await case.loaded(plain(case))
        case.recording.plan("construct", raising(PlannedError), version="v2")
        fault = next(f for f in FAULTS if f.stage == "start")
        await fault.strike(case, plain(case, "v2"))

    with pytest.raises(CannotJudge, match="failed before it came to 'start'"):
        in_a_case(run)


def test_a_hang_in_a_synchronous_hook_is_not_claimed() -> None:
    async def run(case: Case) -> None:
        await case.loaded(PluginSpec())
        await WORST_HANG.strike(case, PluginSpec(version="v2"))

    with pytest.raises(NotClaimed, match="no deadline can end them"):
        in_a_case(run, SyncAdapter)


def test_a_render_that_cannot_spoil_the_metadata_is_told_so() -> None:
    class NoMetadata(BlueGreenAdapter):
        def render(self, spec: PluginSpec):  # type: ignore[no-untyped-def]
            return super().render(spec.at(spec.version, metadata=True))

    async def run(case: Case) -> None:
        await case.loaded(plain(case))
        fault = next(f for f in FAULTS if f.stage == "metadata")
        await fault.strike(case, plain(case, "v2"))

    with pytest.raises(NotClaimed, match=r"same text for metadata=False"):
        in_a_case(run, NoMetadata)


def test_the_cause_is_the_text_of_what_was_raised() -> None:
    for fault in FAULTS:
        if fault.kind in KINDS:
            assert fault.cause == (CAUSE,)
