"""The bench is honest: it blames who broke it, and no run is a pass by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.bench import runner as bench
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import ONE, Check, Variant, host_checks
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.planned import PlannedExit, PlannedInterrupt
from hot_reload_conformance.specimens import faulty_adapters as faulty
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CannotJudge, CheckResult, NotClaimed, Verdict


async def _load_serves(one: Case, _: Any) -> None:
    await one.loaded(PluginSpec())
    await one.expect_replies(["v1"], "it does not answer exactly once")


CHECK = Check(
    clause=CONTRACT["HR-LOAD-01"],
    kind=Kind.EXAMPLE,
    run=_load_serves,
    variants=lambda _: ONE,
    needs=frozenset(),
    deadline_seconds=10.0,
    order=0,
)


def judged(adapter: type[HostAdapter] = BlueGreenAdapter, **changes: Any) -> CheckResult:
    return run_host_check(HostSubject(adapter), replace(CHECK, **changes))


def test_correct_host_passes_and_says_which_variants_ran() -> None:
    result = judged()
    assert (result.verdict, result.variants, result.findings) == (Verdict.PASS, ("",), ())


def test_a_variant_may_lend_the_host_other_ports() -> None:
    lent: dict[str, float] = {}

    async def looked(one: Case, value: str) -> None:
        lent[value] = one.ports.hook_deadline_seconds

    variants = (
        Variant("as the others", "usual"),
        Variant("its own", "own", lambda: Ports(hook_deadline_seconds=7)),
    )
    result = judged(
        run=looked, variants=lambda _: variants, ports=lambda: Ports(hook_deadline_seconds=3)
    )
    assert result.verdict is Verdict.PASS
    assert lent == {"usual": 3, "own": 7}


@pytest.mark.parametrize(
    ("adapter", "says"),
    [
        (faulty.CannotBeMade, "could not be made: RuntimeError: no database"),
        (faulty.OpenRaises, "open() raised RuntimeError: no database"),
        (faulty.OpenHangs, "open() did not end within"),
        (faulty.CloseRaises, "close() raised RuntimeError: no database"),
        (faulty.RendersNothing, "render gave no file for 'alpha'"),
        (faulty.LoadReturnsNumber, "load(): an operation of an adapter returns a Reply"),
        (faulty.LoadHasTypo, "has no attribute 'hots' at "),
        (faulty.CallReturnsText, "call() returned 'v1', not a list of strings"),
        (faulty.CallReturnsNumbers, "call() returned [1], not a list of strings"),
    ],
)
def test_broken_adapter_is_a_kit_error_and_never_a_failed_clause(
    adapter: type[HostAdapter], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "OPEN_DEADLINE_SECONDS", 0.05)
    result = judged(adapter)
    assert result.verdict is Verdict.KIT_ERROR
    assert says in result.reason
    assert "adapter" in result.reason


def test_operation_that_hangs_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faulty.LoadHangs, "operation_deadline_seconds", 0.05)
    result = judged(faulty.LoadHangs)
    assert result.verdict is Verdict.FAIL
    assert "load alpha did not come back within 0.05 s" in result.reason


@pytest.mark.parametrize("adapter", [faulty.LoadBlocks, faulty.ContainsTheAlarm])
def test_blocked_thread_is_a_finding(
    adapter: type[HostAdapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "operation_deadline_seconds", 0.1)
    result = judged(adapter)
    assert result.verdict is Verdict.FAIL
    assert "the host blocked its thread at faulty_adapters.py:" in result.reason
    assert f"in {adapter.__qualname__}.load(): " in result.reason
    assert "for 0.2 s, during load alpha" in result.reason
    assert "faulty_adapters.py" in result.findings[0].traceback


def test_host_that_lies_is_found_by_what_the_kit_sees() -> None:
    result = judged(faulty.LoadDoesNothing)
    assert (result.verdict, result.findings[0].seen) == (Verdict.FAIL, "[]")


def test_claimed_method_that_is_missing_is_a_kit_error() -> None:
    class LacksUnload(BlueGreenAdapter):
        unload = HostAdapter.unload

    async def unload(one: Case, _: Any) -> None:
        await one.loaded(PluginSpec())
        await one.unload("alpha")

    result = judged(LacksUnload, run=unload)
    assert result.verdict is Verdict.KIT_ERROR
    assert "your adapter does not implement unload('alpha')" in result.reason


@pytest.mark.parametrize("kind", [SystemExit, PlannedExit, PlannedInterrupt])
def test_exit_in_the_loop_is_a_finding_and_the_kit_goes_on(kind: type[BaseException]) -> None:
    adapter = type("Exits", (faulty.ExitsTheLoop,), {"kind": kind})
    result = judged(adapter)
    assert result.verdict is Verdict.FAIL
    assert "ended the event loop" in result.reason
    assert judged().verdict is Verdict.PASS


def test_exit_out_of_an_operation_is_kept_for_the_check() -> None:
    class LetsOut(BlueGreenAdapter):
        async def load(self, ref: str) -> Reply | bool | None:
            sys.exit(3)

    escaped: list[str] = []

    async def look(one: Case, _: Any) -> None:
        reply = await one.load("alpha")
        escaped.extend([type(one.escaped[0]).__name__, reply.message])

    assert judged(LetsOut, run=look).verdict is Verdict.PASS
    assert escaped == ["SystemExit", "SystemExit: 3"]


def test_host_that_cancels_every_task_is_a_finding() -> None:
    assert judged(faulty.CancelsEverything).verdict is Verdict.FAIL


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What a shell starts in its background ignores SIGINT, and so would the tests of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_the_run() -> None:
    async def interrupted(one: Case, _: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0)

    with pytest.raises(KeyboardInterrupt):
        judged(run=interrupted)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_in_a_hook_that_the_host_contains_ends_the_run() -> None:
    async def interrupted(one: Case, _: Any) -> None:
        def action(_: probe.Probe) -> None:
            os.kill(os.getpid(), signal.SIGINT)

        one.write(PluginSpec())
        one.recording.plan("start", action)
        reply = await one.load("alpha")
        assert "KeyboardInterrupt" in reply.message  # the host took it for the plugin's

    with pytest.raises(KeyboardInterrupt):
        judged(run=interrupted)


def test_zero_variants_is_never_a_pass() -> None:
    result = judged(variants=lambda _: ())
    assert result.verdict is Verdict.UNKNOWN
    assert "no variant of this check applies" in result.reason


def test_a_variant_that_is_not_there_is_never_a_pass() -> None:
    result = run_host_check(HostSubject(BlueGreenAdapter), CHECK, only="misspelt")
    assert result.verdict is Verdict.UNKNOWN


def test_variants_that_all_skip_are_not_claimed_with_the_reasons() -> None:
    async def skip(_: Case, value: str) -> None:
        raise NotClaimed(f"add {value}")

    two = (Variant("a", "this"), Variant("b", "that"))
    result = judged(run=skip, variants=lambda _: two)
    assert (result.verdict, result.reason) == (Verdict.NOT_CLAIMED, "add this; add that")


def test_one_variant_that_cannot_judge_spoils_the_pass() -> None:
    async def doubt(one: Case, value: str) -> None:
        if value == "doubtful":
            raise CannotJudge("the fault never happened")
        await _load_serves(one, value)

    two = (Variant("good", "good"), Variant("doubtful", "doubtful"))
    result = judged(run=doubt, variants=lambda _: two)
    assert (result.verdict, result.reason) == (
        Verdict.UNKNOWN,
        "doubtful: the fault never happened",
    )


def test_check_that_breaks_is_a_kit_error() -> None:
    async def broken(_: Case, __: Any) -> None:
        raise ZeroDivisionError("in the check")

    result = judged(run=broken)
    assert result.verdict is Verdict.KIT_ERROR
    assert "the check itself broke: ZeroDivisionError" in result.reason


def test_missing_claim_is_not_claimed_and_runs_nothing() -> None:
    async def never(_: Case, __: Any) -> None:
        raise AssertionError("it ran")

    result = judged(run=never, needs=frozenset({Claim.WATCH}))
    assert (result.verdict, result.variants) == (Verdict.NOT_CLAIMED, ())
    assert "watch" in result.reason


def test_finding_tells_the_story_and_the_timeline() -> None:
    async def wrong(one: Case, _: Any) -> None:
        await one.loaded(PluginSpec())
        await one.expect_replies(["v9"], "v9 does not serve")

    finding = judged(run=wrong).findings[0]
    assert [step.text for step in finding.story] == [
        "write alpha v1",
        "load alpha",
        "call ask",
        "v9 does not serve",
    ]
    assert (finding.story[-1].expected, finding.story[-1].seen) == ("['v9']", "['v1']")
    assert any("alpha v1" in line and "start end" in line for line in finding.timeline)


def test_stop_at_first_runs_no_variant_after_a_finding() -> None:
    async def wrong(one: Case, _: Any) -> None:
        one.expect(False, "wrong")

    many = tuple(Variant(str(number)) for number in range(3))
    check = replace(CHECK, run=wrong, variants=lambda _: many)
    subject = HostSubject(BlueGreenAdapter)
    assert len(run_host_check(subject, check).findings) == 3
    assert run_host_check(subject, check, stop_at_first=True).variants == ("0",)


def test_a_case_leaves_nothing_for_the_next() -> None:
    seen: list[Path] = []

    async def litter(one: Case, _: Any) -> None:
        await one.loaded(PluginSpec())
        seen.append(one.workdir)
        sys.path.insert(0, str(one.workdir))
        sys.modules["littered"] = type(sys)("littered")
        sys.modules["littered"].__file__ = str(one.workdir / "alpha.py")
        asyncio.get_running_loop().create_task(asyncio.Event().wait())

    before = (list(sys.path), set(sys.modules))
    assert judged(run=litter).verdict is Verdict.PASS
    assert (list(sys.path), set(sys.modules)) == before
    assert not seen[0].exists()


def _new_code_serves() -> Check:
    return next(each for each in host_checks() if each.id == "new-code-serves")


def test_an_operation_that_the_host_does_not_have_is_not_claimed() -> None:
    class OneLoad(BlueGreenAdapter):
        async def reload(self, ref: str) -> Reply | bool | None:
            raise NotClaimed("reload by name: there are no names")

    result = run_host_check(HostSubject(OneLoad), _new_code_serves())
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "there are no names" in result.reason


def test_a_wait_planned_for_a_synchronous_hook_is_nothing_against_the_host() -> None:
    async def run(case: Case, _: Any) -> None:
        at = probe.Probe(case.recording, "alpha", "v1")

        async def wait(_: probe.Probe) -> None:
            await asyncio.sleep(0)

        case.recording.plan("stop", wait)
        with pytest.raises(probe.NotDrivable):
            at.hook("stop")
        case.expect(False, "the host is in disorder")

    result = judged(run=run)
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "synchronously" in result.reason


class _ClosesNever(BlueGreenAdapter):
    async def call(self, event: Event | None = None) -> list[str]:
        return ["a stale reply"]

    async def close(self) -> None:
        await asyncio.Event().wait()


class _ClosesNeverAndBlocks(_ClosesNever):
    operation_deadline_seconds = 0.1

    async def close(self) -> None:
        threading.Lock().acquire()
        threading.Event().wait()


@pytest.mark.parametrize("adapter", [_ClosesNever, _ClosesNeverAndBlocks])
def test_what_was_found_is_the_news_where_the_host_does_not_close_either(
    adapter: type[HostAdapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "CLOSE_BROKEN_SECONDS", 0.1)
    result = judged(adapter)
    assert result.verdict is Verdict.FAIL
    assert "it does not answer exactly once" in result.findings[0].message
