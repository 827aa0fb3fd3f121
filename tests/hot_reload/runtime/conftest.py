"""A bench: plugins that report what happens to them, and what they report to."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hot_reload_fixtures import (
    EventLedger,
    FaultPlan,
    Gate,
    LifecycleRecorder,
    ManualClock,
    PluginDirectory,
)

PROBE = "bench_probe"
HOOKS = (
    "setup",
    "start",
    "health_check",
    "on_reload",
    "flush",
    "stop",
    "teardown",
)

_HEAD = """
from bench_probe import bench

NAME, VERSION = {name!r}, {version!r}
bench.faults.check(NAME, "import", VERSION)


class {kind}:
    name, version = NAME, VERSION
    roles = {roles!r}
    swap_policy = {policy!r}

    def __init__(self, context):
        self.context, self.number = context, context.generation
        self.count = 0
        bench.recorder.record(NAME, self.number, "construct")
        bench.live.append((NAME, self.number))
        bench.faults.check(NAME, "construct", VERSION)

    def handle(self, request):
        self.count += 1
        return f"{{VERSION}} {{self.count}}" if request == "count" else VERSION
"""

_ASYNC_HOOK = """
    async def {hook}(self):
        with bench.recorder.hook(NAME, self.number, {hook!r}):
            await bench.faults.arrive(NAME, {hook!r}, VERSION)
"""

_SYNC_HOOK = """
    def {hook}(self):
        with bench.recorder.hook(NAME, self.number, {hook!r}):
            bench.faults.check(NAME, {hook!r}, VERSION)
"""

_STATE = """
    async def get_reload_state(self):
        with bench.recorder.hook(NAME, self.number, "get_reload_state"):
            await bench.faults.arrive(NAME, "get_reload_state", VERSION)
            return {"count": self.count}

    async def set_reload_state(self, state):
        with bench.recorder.hook(NAME, self.number, "set_reload_state"):
            await bench.faults.arrive(NAME, "set_reload_state", VERSION)
            self.count = state["count"]
"""

_SINK = """
    def write(self, event):
        bench.write(NAME, VERSION, self.number, event)
"""

_ASYNC_SINK = """
    async def write(self, event):
        await bench.write_async(NAME, VERSION, self.number, event)
"""


class Bench:
    """Writes plugins, and holds what they report. One for each test."""

    def __init__(self, plugins: PluginDirectory, faults: FaultPlan) -> None:
        self.plugins = plugins
        self.recorder = LifecycleRecorder()
        self.faults = faults
        self.ledger = EventLedger()
        self.clock = ManualClock()
        self.written: list[tuple[str, str, Any]] = []
        """(sink, version, event), in the order of arrival."""
        self.live: list[tuple[str, int]] = []
        """Every (plugin, generation) that was constructed."""
        self.gates: dict[str, Gate] = {}
        """Where an asynchronous write of a sink waits, by the sink's name."""
        self.things: dict[str, Any] = {}
        """Whatever a test and its plugins have to share."""

    def plugin(
        self,
        name: str = "counter",
        version: str = "1.0",
        *,
        roles: Sequence[str] = ("service",),
        hooks: Sequence[str] = HOOKS,
        asynchronous: bool = True,
        state: bool = True,
        sink: str = "",
        policy: str = "blue-green",
        extra: str = "",
        file: str | None = None,
    ) -> Path:
        """Write a plugin with hooks that report; ``sink`` is "", "sync" or "async"."""
        source = _HEAD.format(
            name=name,
            version=version,
            roles=[*roles, *(["sink"] if sink else [])],
            policy=policy,
            kind=name.title(),
        )
        template = _ASYNC_HOOK if asynchronous else _SYNC_HOOK
        source += "".join(template.format(hook=hook) for hook in hooks)
        source += _STATE if state else ""
        source += {"": "", "sync": _SINK, "async": _ASYNC_SINK}[sink]
        return self.plugins.write(file or name, source + extra)

    def write(self, name: str, version: str, number: int, event: Any) -> None:
        self.faults.check(name, "write", version)
        self.written.append((name, version, event))
        if isinstance(event, Mapping) and "stamp" in event:
            self.ledger.delivered(event["stamp"], sink=name)

    async def write_async(self, name: str, version: str, number: int, event: Any) -> None:
        await self.faults.arrive(name, "write", version)
        if name in self.gates:
            await self.gates[name].enter()
        self.write(name, version, number, event)

    def events(self, sink: str) -> list[Any]:
        """What ``sink`` has got, in order."""
        return [event for name, _, event in self.written if name == sink]

    def hooks(self, plugin: str, generation: int) -> tuple[str, ...]:
        """The hooks of one generation in the order in which they were entered."""
        return self.recorder.hooks(plugin, generation)


@pytest.fixture
def bench(
    hot_reload_dir: PluginDirectory,
    hot_reload_faults: FaultPlan,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bench]:
    bench = Bench(hot_reload_dir, hot_reload_faults)
    probe = ModuleType(PROBE)
    probe.bench = bench  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, PROBE, probe)
    # Full collections are what these tests spend their time on: what was there before the test
    # needs none.
    gc.freeze()
    yield bench
    gc.unfreeze()
