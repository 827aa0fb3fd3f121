"""Correct hosts with one unusual trait each: the checks that met it wrongly once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance.adapter import Event, HostAdapter, Ports
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import Check, host_checks
from hot_reload_conformance.specimens.nursery_host import NurseryAdapter
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
    ],
)
def test_trait_is_no_fault(adapter: type[HostAdapter], code: str) -> None:
    result = _judged(adapter, code)
    assert result.verdict is Verdict.PASS, result.reason


def test_a_bound_host_is_still_judged_at_every_moment() -> None:
    result = _judged(BoundAndTornDownFirst, "HR-SWAP-06")
    assert result.verdict is Verdict.FAIL
    assert "absent" in result.reason
