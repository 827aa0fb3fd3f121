"""A host as the subject of a simulation: any ``HostAdapter`` that is pure asyncio.

Operations: ``load a v1``, ``reload a v2`` (which writes v2 first; without a version it
reads what is there), ``unload a``, ``enable a``, ``disable a``, ``emit``, ``call``,
``add`` (count one up in every handler's state), ``cancel a`` (the operation on ``a``
that began first) and ``close``. A version may be broken, ``v2!start`` (its start
raises), or hang, ``v2~start``. ``s``, ``t`` and ``u`` are sinks, other names have a
handler; ``a`` and ``s`` have a state.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.bench.isolation import recording_installed
from hot_reload_conformance.probe import PlannedError, Probe, Recording, raising
from hot_reload_conformance.simulation.happenings import Happenings
from hot_reload_conformance.simulation.invariants import ALL, Invariants
from hot_reload_conformance.simulation.loop import SimulatedClock, simulation
from hot_reload_conformance.simulation.oracle import CANCEL
from hot_reload_conformance.simulation.script import Op, Script
from hot_reload_conformance.simulation.serial import SINKS
from hot_reload_conformance.simulation.subject import Subject, SubjectFactory
from hot_reload_conformance.simulation.workdir import Workdir

STATEFUL = frozenset({"a", "s"})

_ALWAYS = 1_000_000_000
_VERSION = re.compile(r"(?P<good>\w+)(?:(?P<how>[!~])(?P<stage>\w+))?")
_NEEDS: dict[str, frozenset[Claim]] = {
    "reload": frozenset({Claim.RELOAD}),
    "unload": frozenset({Claim.UNLOAD}),
    "enable": frozenset({Claim.ENABLE}),
    "disable": frozenset({Claim.ENABLE}),
    "emit": frozenset({Claim.SINKS}),
    "cancel": frozenset({Claim.CANCEL}),
    "add": frozenset({Claim.STATE}),
}


def hosts(
    adapter: Callable[[], HostAdapter], *, invariants: Collection[str] = ALL
) -> SubjectFactory:
    """Hosts of ``adapter`` as subjects; ``invariants`` are those that are asked.

    Raises:
        ValueError: one of them does not exist.
    """
    unknown = set(invariants) - set(ALL)
    if unknown:
        raise ValueError(
            f"no invariant is called {', '.join(sorted(unknown))}; there are {', '.join(ALL)}"
        )

    place = Workdir()

    @contextlib.contextmanager
    def fresh() -> Iterator[Subject]:
        with place.entered() as workdir, recording_installed() as recording:
            yield SimulatedHost(adapter(), recording, workdir, invariants)

    return fresh


def fits(adapter: type[HostAdapter], script: Script) -> bool:
    """Whether a host with these claims can be asked to do all of ``script``."""
    ops = (*script.given, *script.operations)
    needed = frozenset().union(*(_NEEDS.get(op.verb, frozenset()) for op in ops))
    if any(op.name in SINKS for op in ops):
        needed |= {Claim.SINKS}
    if any("~" in op.value for op in ops):
        needed |= {Claim.TIMEOUTS}
    if CANCEL in script.kinds:
        needed |= {Claim.CANCEL}
    return needed <= adapter.claims


class SimulatedHost:
    """One fresh host, the recording of its plugins, and what was done to it."""

    def __init__(
        self,
        adapter: HostAdapter,
        recording: Recording,
        workdir: Path,
        invariants: Collection[str] = ALL,
    ) -> None:
        self.adapter = adapter
        self.recording = recording
        self.workdir = workdir
        self.happenings = Happenings(recording)
        self._invariants = Invariants(self, self.happenings, frozenset(invariants))
        self._running: list[tuple[Op, asyncio.Task[object]]] = []
        self._closed = False
        recording.pause = self._pause

    # The subject

    async def open(self) -> None:
        loop = simulation()
        await self.adapter.open(self.workdir, Ports(clock=SimulatedClock(loop)))

    async def perform(self, op: Op) -> None:
        act = _VERBS.get(op.verb)
        if act is None:
            raise ValueError(f"{op}: no operation {op.verb!r}; known: {', '.join(_VERBS)}")
        task = asyncio.current_task()
        assert task is not None
        entry = (op, task)
        self._running.append(entry)
        try:
            await act(self, op)
        finally:
            self._running.remove(entry)

    def look(self) -> None:
        self._invariants.look()

    async def finish(self) -> None:
        await self._invariants.finish()

    async def close(self) -> None:
        self.recording.unplanned()
        if not self._closed:
            await self.adapter.close()

    def story(self) -> tuple[str, ...]:
        return tuple(self.happenings.lines())

    # Operations

    async def write(self, name: str, version: str) -> None:
        """Put ``version`` of ``name`` on the disk, and plan what is wrong with it."""
        found = _VERSION.fullmatch(version)
        if found is None:
            raise ValueError(f"{version!r} is no version: write v2, v2!start or v2~start")
        full = f"{name}.{found['good']}"
        if found["how"]:
            action = raising(PlannedError) if found["how"] == "!" else _hang
            self.recording.plan(found["stage"], action, plugin=name, version=full, times=_ALWAYS)
        spec = PluginSpec(name=name, version=full, sink=name in SINKS, state=self.stateful(name))
        for relative, text in self.adapter.render(spec).items():
            path = self.workdir / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.happenings.written(name, full, good=not found["how"])

    def stateful(self, name: str) -> bool:
        return name in STATEFUL and Claim.STATE in self.adapter.claims

    async def _load(self, op: Op) -> None:
        if op.value:
            await self.write(op.name, op.value)
        act = self.adapter.add_sink if op.name in SINKS else self.adapter.load
        with self.happenings.operation(op) as told:
            told(await act(op.name))

    async def reload(self, op: Op) -> Reply:
        """``reload a v2``; gives the host's own word."""
        if op.value:
            await self.write(op.name, op.value)
        with self.happenings.operation(op) as told:
            told(await self.adapter.reload(op.name))
        return self.happenings.last_reply

    async def _reload(self, op: Op) -> None:
        await self.reload(op)

    async def _unload(self, op: Op) -> None:
        act = self.adapter.remove_sink if op.name in SINKS else self.adapter.unload
        with self.happenings.operation(op) as told:
            told(await act(op.name))

    async def _enable(self, op: Op) -> None:
        with self.happenings.operation(op) as told:
            told(await self.adapter.enable(op.name))

    async def _disable(self, op: Op) -> None:
        with self.happenings.operation(op) as told:
            told(await self.adapter.disable(op.name))

    async def _emit(self, op: Op) -> None:
        await self.emit()

    async def emit(self) -> Event:
        """Emit the next event; it is noted as accepted unless the host says otherwise."""
        event = self.happenings.next_event()
        if await self.adapter.emit(event) is not False:
            self.happenings.accepted.append(event)
        return event

    async def _call(self, op: Op) -> None:
        with self.happenings.calling(op) as told:
            told(await self.adapter.call(Event("ask")))

    async def _add(self, op: Op) -> None:
        with self.happenings.calling(op) as told:
            told(await self.adapter.call(Event("add", value=1)))

    async def _cancel(self, op: Op) -> None:
        for each, task in self._running:
            if each is not op and each.name == op.name and each.verb != "cancel":
                self.happenings.note(f"{each} is cancelled")
                task.cancel()
                return

    async def _close(self, op: Op) -> None:
        self._closed = True
        with self.happenings.operation(op) as told:
            await self.adapter.close()
            told(True)

    async def _pause(self, probe: Probe, what: str) -> None:
        loop = simulation()
        label = f"{what} of {probe.version}"
        await loop.pause(label)
        if what.partition(":")[0] not in ("reply", "receive"):
            try:
                loop.fault(label)
            except Exception:
                self.happenings.faulted(probe.plugin, label)
                raise


_VERBS = {
    "load": SimulatedHost._load,
    "reload": SimulatedHost._reload,
    "unload": SimulatedHost._unload,
    "enable": SimulatedHost._enable,
    "disable": SimulatedHost._disable,
    "emit": SimulatedHost._emit,
    "call": SimulatedHost._call,
    "add": SimulatedHost._add,
    "cancel": SimulatedHost._cancel,
    "close": SimulatedHost._close,
}


async def _hang(_: Probe) -> None:
    await asyncio.Event().wait()
