"""Correct hosts with one unusual trait each: the checks that met it wrongly once."""

from __future__ import annotations

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
from hot_reload_conformance.specimens.nursery_host import NurseryAdapter
from hot_reload_conformance.specimens.operated_host import OperatedAdapter
from hot_reload_conformance.specimens.package_host import PackageAdapter
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


def _check(code: str) -> Check:
    return next(e for e in host_checks() if e.clause.code == code and not e.explores)


def _judged(adapter: type[HostAdapter], code: str) -> CheckResult:
    return run_host_check(HostSubject(adapter), _check(code))


@pytest.mark.parametrize(
    ("adapter", "code"),
    [
        pytest.param(HandlersInAnotherOrder, "HR-SWAP-04", id="handlers in another order"),
        pytest.param(BoundToItsThread, "HR-SWAP-06", id="bound to its thread"),
        # A task for each plugin is no task that was left behind.
        pytest.param(NurseryAdapter, "HR-RACE-01", id="a task for each generation"),
        # Its stop cannot run before its start has let go.
        pytest.param(NurseryAdapter, "HR-ROLL-03", id="start and stop in one coroutine"),
        # "it took too long" tells a reader of a deadline as well as "time-out".
        pytest.param(NurseryAdapter, "HR-ROLL-04", id="a deadline in other words"),
        # What a thread of the host's drops in the next moment is not kept.
        pytest.param(LetsGoInAThread, "HR-OBS-07", id="lets go in a thread"),
        pytest.param(LetsGoInAThread, "HR-LEAK-01", id="lets go in a thread, of all"),
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
