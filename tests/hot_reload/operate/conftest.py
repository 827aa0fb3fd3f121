"""A stage: one engine with small plugins that a test can break, hold up and cancel."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hot_reload import Engine
from hot_reload.outcome import Outcome
from hot_reload_fixtures import Gate, PluginDirectory

PROBE = "operate_probe"

SOURCE = """
import operate_probe

class Served:
    name, version = {name!r}, {version!r}
    roles = {roles!r}

    async def start(self):
        await operate_probe.stage.arrive({name!r}, {version!r})

    def handle(self, request):
        return {version!r}

    def write(self, event):
        if event == "break":
            raise ValueError("no room")
{extra}
"""


class WallClock:
    """A time of day that goes on by one second at each look."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


class Stage:
    """Writes plugins, and holds the gates at which their ``start`` waits. One for each test."""

    def __init__(self, plugins: PluginDirectory) -> None:
        self.plugins = plugins
        self.gates: dict[tuple[str, str], Gate] = {}
        self.raises: dict[tuple[str, str], BaseException] = {}
        self.wall_clock = WallClock()

    async def arrive(self, name: str, version: str) -> None:
        error = self.raises.get((name, version))
        if error is not None:
            raise type(error)(*error.args)
        gate = self.gates.get((name, version))
        if gate is not None:
            await gate.enter()

    def plugin(
        self,
        name: str = "counter",
        version: str = "1.0",
        *,
        roles: tuple[str, ...] = ("service",),
        extra: str = "",
    ) -> Path:
        """Write version ``version`` of ``name``; its path."""
        return self.plugins.write(
            name, SOURCE.format(name=name, version=version, roles=roles, extra=extra)
        )

    def broken(self, name: str = "counter") -> Path:
        """Write a version that does not compile, because of its line 3."""
        return self.plugins.write(name, "class Served:\n    version = '9'\n    def (\n")

    def gate(self, name: str, version: str) -> Gate:
        """Where the ``start`` of that version waits."""
        return self.gates.setdefault((name, version), Gate())

    async def cancelled(self, gate: Gate, operation: Coroutine[Any, Any, Outcome]) -> None:
        """Begin ``operation``, and cancel its caller when it has come to ``gate``."""
        task = asyncio.create_task(operation)
        await gate.reached(gate.arrived + 1)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()


@contextlib.contextmanager
def stage_in(directory: Path) -> Iterator[Stage]:
    """A stage on which plugins of ``directory`` can be loaded."""
    stage = Stage(PluginDirectory(directory))
    probe = ModuleType(PROBE)
    probe.stage = stage  # type: ignore[attr-defined]
    sys.modules[PROBE] = probe
    try:
        yield stage
    finally:
        del sys.modules[PROBE]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path / "plugins") as stage:
        yield stage


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with Engine() as engine:
        yield engine
