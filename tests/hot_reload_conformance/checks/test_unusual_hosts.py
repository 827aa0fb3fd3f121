"""Correct hosts with one unusual trait each: the checks that met it wrongly once."""

from __future__ import annotations

import ast
import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance.adapter import Event, HostAdapter, Ports, Reply
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import Check, host_checks
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.configured_host import ConfiguredAdapter, ConfiguredHost
from hot_reload_conformance.specimens.locked_host import LockedAdapter, LockedHost
from hot_reload_conformance.specimens.nursery_host import NurseryAdapter
from hot_reload_conformance.specimens.operated_host import OperatedAdapter
from hot_reload_conformance.specimens.package_host import PackageAdapter
from hot_reload_conformance.specimens.patching_host import (
    PatchingAdapter,
    PatchingError,
    PatchingHost,
)
from hot_reload_conformance.specimens.sync_host import SyncAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CheckResult, Verdict


class HandlersInAnotherOrder(PackageAdapter):
    """It keeps handlers by name, as many a registry does."""

    async def call(self, event: Event | None = None) -> list[str]:
        return sorted(await super().call(event), reverse=True)


class BoundToItsThread(SyncAdapter):
    """It keeps something that is usable in the thread that made it only, such as SQLite's."""

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.thread = threading.get_ident()
        await super().open(workdir, ports)

    async def call(self, event: Event | None = None) -> list[str]:
        if threading.get_ident() != self.thread:
            raise RuntimeError("made in another thread")
        return await super().call(event)


class BoundAndTornDownFirst(BoundToItsThread):
    """The same with a bug: nobody answers while a reload starts the new one."""

    async def open(self, workdir: Path, ports: Ports) -> None:
        await super().open(workdir, ports)
        host: Any = self.host
        prepared = host.prepared

        def absent_meanwhile(name: str, old: Any) -> Any:
            host.live.pop(name, None)
            try:
                return prepared(name, old)
            finally:
                if old is not None:
                    host.live[name] = old

        host.prepared = absent_meanwhile


class LetsGoInAThread(OperatedAdapter):
    """A worker thread of its own holds a failure for a moment behind the answer."""

    async def reload(self, ref: str) -> Reply | bool | None:
        try:
            return await super().reload(ref)
        except BaseException as error:
            threading.Timer(0.02, repr, [error]).start()
            raise


class CancelsTooLate(BlueGreenAdapter):
    """A reload whose caller has given up is finished all the same, and is there wholly."""

    async def reload(self, ref: str) -> Reply | bool | None:
        task = asyncio.ensure_future(super().reload(ref))
        given_up = False
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                given_up = True
        if given_up:
            task.exception()
            raise asyncio.CancelledError
        return task.result()


class _SaysNoNumber(ConfiguredHost):
    def parse(self, text: str, path: Path) -> Any:
        try:
            return super().parse(text, path)
        except HostError:
            raise HostError(f"{path}: Unterminated string (at end of document)") from None


class AtTheEndOfTheDocument(ConfiguredAdapter):
    """Its parser says of a file that was cut that it is at its end, as tomllib does."""

    host_class = _SaysNoNumber


class _LineByLine(PatchingHost):
    def reload(self, name: str) -> None:
        live, path = self.known(name, "reload"), self.root / f"{name}.py"
        failed: BaseException | None = None
        for statement in ast.parse(path.read_bytes()).body:
            one = ast.Module([statement], type_ignores=[])
            try:
                exec(compile(one, str(path), "exec", dont_inherit=True), live)
            except BaseException as error:
                failed = failed or error.with_traceback(None)
        if failed is not None:
            self.failed = failed
            raise PatchingError(f"{name!r} failed at import: {failed}")


class LineByLine(PatchingAdapter):
    """Of an edit that fails it takes what works (HR-ROLL-01); but it keeps one generation only."""

    host_class = _LineByLine


class _LineByLineAndAll(_LineByLine):
    def reload(self, name: str) -> None:
        self.__dict__.setdefault("all", []).append(self.known(name, "reload").get("P"))
        super().reload(name)


class LineByLineAndAll(PatchingAdapter):
    """The same, and what failed before stays in memory too."""

    host_class = _LineByLineAndAll


class ReloadLoads(SyncAdapter):
    """It loads what it is to reload and does not have, as interactions.py does."""

    async def reload(self, ref: str) -> Reply:
        if ref not in self.host.live:
            await self.load(ref)
            return Reply(ok=True)
        return await super().reload(ref)


class ReloadLoadsAndForgets(ReloadLoads):
    """The same with a bug: an unload is done and forgotten."""

    async def unload(self, ref: str) -> Reply:
        self.host.known("unload", ref)
        return Reply(ok=True)


class RemembersWhatFailed(BlueGreenAdapter):
    """A name that failed once is taken for good, as in interactions.py."""

    async def open(self, workdir: Path, ports: Ports) -> None:
        await super().open(workdir, ports)
        self.failed: set[str] = set()

    async def load(self, ref: str) -> Reply | bool | None:
        if ref in self.failed:
            raise HostError(f"load of {ref!r} refused: it is loaded already")
        self.failed.add(ref)
        return await super().load(ref)


class _BoundsTheWhole(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        whole = asyncio.ensure_future(super().reload(name))
        if not await self.in_time(whole, max(30, 2 * self.ports.hook_deadline_seconds)):
            whole.cancel()
            raise HostError(f"reload of {name!r} given up: it took too long")
        return whole.result()


class BoundsTheWhole(BlueGreenAdapter):
    """It has a bound for a reload beside the deadlines of its hooks."""

    host_class = _BoundsTheWhole


class _TriesAgain(LockedHost):
    def emit(self, event: Event) -> bool:
        with self.serving:
            sinks = [each for each in self.plugins.values() if each.enabled and each.is_sink]
            for each in sinks:
                for last in (False, True):
                    try:
                        each.parts["write"](event)
                    except Exception:
                        self.lost[each.name] += last
                    else:
                        break
            return bool(sinks)


class TriesAgain(LockedAdapter):
    """What a sink raises for is given to it once more, and counted only then."""

    host_class = _TriesAgain


class CountsNothing(LockedAdapter):
    """Its host has no counter of events."""

    dropped = HostAdapter.dropped

    async def dropped_by_sink(self) -> Mapping[str, int] | None:  # type: ignore[override]
        return None


def _check(code: str) -> Check:
    return next(e for e in host_checks() if e.clause.code == code and not e.explores)


def _judged(adapter: type[HostAdapter], code: str) -> CheckResult:
    return run_host_check(HostSubject(adapter), _check(code))


@pytest.mark.parametrize(
    ("adapter", "code"),
    [
        pytest.param(HandlersInAnotherOrder, "HR-SWAP-04", id="handlers in another order"),
        pytest.param(BoundToItsThread, "HR-SWAP-06", id="bound to its thread"),
        # One that came first has loaded it, and the load behind it is refused.
        pytest.param(ReloadLoads, "HR-RACE-02", id="a reload of what is not there loads it"),
        # A task for each plugin is no task that was left behind.
        pytest.param(NurseryAdapter, "HR-RACE-01", id="a task for each generation"),
        # Its stop cannot run before its start has let go.
        pytest.param(NurseryAdapter, "HR-ROLL-03", id="start and stop in one coroutine"),
        # "it took too long" tells a reader of a deadline as well as "time-out".
        pytest.param(NurseryAdapter, "HR-ROLL-04", id="a deadline in other words"),
        # What a thread of the host's drops in the next moment is not kept.
        pytest.param(LetsGoInAThread, "HR-OBS-07", id="lets go in a thread"),
        pytest.param(LetsGoInAThread, "HR-LEAK-01", id="lets go in a thread, of all"),
        # The failed generation is in use, HR-ROLL-01's matter, and no more of them gather.
        pytest.param(LineByLine, "HR-LEAK-01", id="half of a failed edit is taken"),
        # Slow hooks that are in time are in the bound for all of them, too.
        pytest.param(BoundsTheWhole, "HR-LIMIT-04", id="a bound for a whole reload"),
        pytest.param(TriesAgain, "HR-FLOW-08", id="an event is given to its sink again"),
        pytest.param(CountsNothing, "HR-FLOW-08", id="no counter of events"),
        pytest.param(AtTheEndOfTheDocument, "HR-CONF-02", id="the end of the document is a line"),
    ],
)
def test_trait_is_no_fault(adapter: type[HostAdapter], code: str) -> None:
    result = _judged(adapter, code)
    assert result.verdict is Verdict.PASS, result.reason


def test_a_bound_host_is_still_judged_at_every_moment() -> None:
    result = _judged(BoundAndTornDownFirst, "HR-SWAP-06")
    assert result.verdict is Verdict.FAIL
    assert "absent" in result.reason


def test_a_patcher_that_keeps_what_failed_before_is_still_found() -> None:
    result = _judged(LineByLineAndAll, "HR-LEAK-01")
    assert result.verdict is Verdict.FAIL
    (found,) = [each for each in result.findings if each.variant == "failed-import-error"]
    assert "old generations are kept in memory" in found.message


def test_a_change_from_a_thread_that_a_host_takes_no_calls_from_is_not_judged() -> None:
    """Whoever is synchronous, and for one thread, cannot lose what nobody else may do."""
    result = _judged(SyncAdapter, "HR-STATE-02")
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "Claim 'threads'" in result.reason
    assert _judged(LockedAdapter, "HR-STATE-02").verdict is Verdict.PASS


def test_overlaps_of_a_host_whose_reload_loads_are_still_judged() -> None:
    result = _judged(ReloadLoadsAndForgets, "HR-RACE-02")
    assert result.verdict is Verdict.FAIL
    assert "no order of them" in result.reason


def test_a_load_that_the_first_failed_one_stands_in_the_way_of_names_the_clause() -> None:
    """Its leak cannot be counted, and the stage is not to blame."""
    result = _judged(RemembersWhatFailed, "HR-LEAK-01")
    assert result.verdict is not Verdict.UNKNOWN, result.reason
    assert "more than one load that fails (construct-raises)" in str(result.left_out)
    assert "Mend first what HR-LOAD-02 finds" in str(result.left_out)


def test_a_cancelled_reload_may_end_fully_new() -> None:
    machine = next(e for e in host_checks() if e.clause.code == "HR-ROLL-05" and e.explores)
    result = run_host_check(HostSubject(CancelsTooLate), machine)
    assert result.verdict is Verdict.PASS, result.reason


class GivesUpWithItsDrainHost(BlueGreenHost):
    """It does not take over from an old one that is still answering as the drain's time is up."""

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        await super().build(new, files)
        old = self.live.get(new.name)
        if old is not None and old.calls:
            try:
                await asyncio.wait_for(old.idle.wait(), self.ports.drain_deadline_seconds)
            except TimeoutError:
                raise HostError(f"reload of {new.name!r} given up: a call does not end") from None


class GivesUpWithItsDrain(BlueGreenAdapter):
    name = "gives-up-with-its-drain"
    host_class = GivesUpWithItsDrainHost


def test_a_host_may_give_a_reload_up_as_its_drain_ends() -> None:
    result = _judged(GivesUpWithItsDrain, "HR-SWAP-10")
    assert result.verdict is Verdict.PASS, result.reason
