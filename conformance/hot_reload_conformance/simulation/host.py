"""A host as the subject of a simulation: any ``HostAdapter`` that is pure asyncio.

Operations: ``load a v1``, ``reload a v2`` (which writes v2 first; without a version it
reads what is there), ``unload a``, ``enable a``, ``disable a``, ``emit`` (``emit p2 5``:
five events of the producer p2), ``flood`` (events until all else has ended), ``call``,
``add`` (count one up in every handler's state), ``cancel a`` (the operation on ``a``
that began first), ``write a v2`` (and nobody is told), ``spoil d start`` (whatever version
of d starts next raises) and ``close``. A version may be broken, ``v2!start`` (its start
raises), hang, ``v2~start``, or ask the host for a reload of another plugin, ``v2^start``.
Who is what, ``cast`` says.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, Ports, Reply
from hot_reload_conformance.bench.isolation import recording_installed
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.probe import Probe
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.simulation.cast import NEVER_LOADED, SINKS, STATEFUL, spec
from hot_reload_conformance.simulation.fitting import LAST_HOOKS, VERSION
from hot_reload_conformance.simulation.happenings import Happenings
from hot_reload_conformance.simulation.invariants import ALL, Invariants
from hot_reload_conformance.simulation.loop import SimulatedClock, simulation
from hot_reload_conformance.simulation.oracle import CANCEL, FAULT
from hot_reload_conformance.simulation.script import Op
from hot_reload_conformance.simulation.subject import Subject, SubjectFactory
from hot_reload_conformance.simulation.workdir import DatedFiles, Workdir

BLOCKED_TIMES = 2
_ALWAYS = 1_000_000_000
_OF_SWAPS = ("reload", "call", "add", "emit", "flood")
FLOOD_EVENTS = 1_000
FLOOD_SECONDS = 0.001
"""Between two events of a flood; no drain's deadline is as long as all of it."""


def hosts(
    adapter: Callable[[], HostAdapter],
    *,
    invariants: Collection[str] = ALL,
    seen: Callable[[Happenings], None] | None = None,
) -> SubjectFactory:
    """Hosts of ``adapter`` as subjects; ``invariants`` are those that are asked, which may
    change from run to run. ``seen`` is shown each run's happenings.

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
            host = SimulatedHost(adapter(), recording, workdir, invariants)
            yield host
            if seen is not None:
                seen(host.happenings)

    return fresh


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
        self.happenings = Happenings(recording, str(workdir))
        self._invariants = Invariants(self, self.happenings, frozenset(invariants))
        self.look = self._invariants.look
        self._running: list[tuple[Op, asyncio.Task[object]]] = []
        self._files = DatedFiles(workdir)
        self._closed = False
        recording.pause = self._pause
        self.blocked_seconds = BLOCKED_TIMES * adapter.operation_deadline_seconds
        """How long it may make no step: no operation is said to take that long."""
        self.operations = 0
        """How many operations were begun that may overlap."""
        self.swaps_only = Claim.BLUE_GREEN in adapter.claims
        """Whether nothing but good blue-green reloads and traffic has been asked for."""

    # The subject

    async def open(self) -> None:
        loop = simulation()
        self.ports = Ports(clock=SimulatedClock(loop))
        await self.adapter.open(self.workdir, self.ports)
        if self._invariants.health:
            await self.adapter.health()  # an adapter may follow its host from the first time on

    async def perform(self, op: Op) -> None:
        act = _VERBS.get(op.verb)
        if act is None:
            raise ValueError(f"{op}: no operation {op.verb!r}; known: {', '.join(_VERBS)}")
        task = asyncio.current_task()
        assert task is not None
        loop = simulation()
        self.operations += loop.exploring
        if loop.exploring:
            self.swaps_only &= op.verb in _OF_SWAPS and not set("!~^") & set(op.value)
            self.swaps_only &= not {CANCEL, FAULT} & loop.oracle.open
        entry = (op, task)
        self._running.append(entry)
        try:
            await act(self, op)
        finally:
            self._running.remove(entry)
            if not simulation().exploring:
                self.happenings.given_moments = len(self.recording.moments)

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
        found = VERSION.fullmatch(version)
        if found is None:
            raise ValueError(f"{version!r} is no version: write v2, v2!start, v2~start, v2^start")
        full = f"{name}.{found['good']}"
        if found["how"]:
            actions = {"!": raising(PlannedError), "~": _hang, "^": self._asks}
            action = actions[found["how"]]
            self.happenings.asks_back |= found["how"] == "^"
            self.happenings.anything_may_fail |= self.happenings.asks_back
            # Two that ask for each other would do so for ever in a host without locks.
            times = 1 if found["how"] == "^" else _ALWAYS
            self.recording.plan(found["stage"], action, plugin=name, version=full, times=times)
        plugin = spec(name, full, state=self.stateful(name))
        for relative, text in self.adapter.render(plugin).items():
            self._files.put(relative, text)
        bad = found["how"] in ("!", "~") and found["stage"] not in LAST_HOOKS
        self.happenings.written(name, full, good=not bad)

    async def _asks(self, probe: Probe) -> None:
        """A plugin asks its host from inside of a hook for a reload of another plugin."""
        loaded = self.happenings.touched("load") - SINKS - {probe.plugin}
        for name in sorted(loaded)[:1]:
            await self.reload(Op("reload", (name,)), asked=True)

    def stateful(self, name: str) -> bool:
        return name in STATEFUL and Claim.STATE in self.adapter.claims

    async def _write(self, op: Op) -> None:
        await self.write(op.name, op.value)

    async def _load(self, op: Op) -> None:
        if op.value:
            await self.write(op.name, op.value)
        act = self.adapter.add_sink if op.name in SINKS else self.adapter.load
        with self.happenings.operation(op) as told:
            told(await act(op.name))

    async def reload(self, op: Op, *, asked: bool = False) -> Reply:
        """``reload a v2``; gives the host's own word. ``asked``: from inside of a hook."""
        if op.value:
            await self.write(op.name, op.value)
        loop = simulation()
        with self.happenings.operation(op, asked=asked) as told:
            began = loop.steps
            told(await self.adapter.reload(op.name))
            self.happenings.waits |= loop.steps > began
        return self.happenings.last_reply

    async def reload_loads(self) -> bool:
        """Try it on a plugin of its own, which is none of the script's happenings."""
        name = NEVER_LOADED.partition(".")[0]
        for relative, text in self.adapter.render(spec(name, NEVER_LOADED, state=False)).items():
            self._files.put(relative, text)

        async def tried() -> bool:
            try:
                return Reply.of(await self.adapter.reload(name)).ok
            except Exception:
                return False

        task = asyncio.ensure_future(tried())
        # A host that has come to a wrong end may not answer at all any more.
        done, _ = await asyncio.wait({task}, timeout=FLOOD_EVENTS * FLOOD_SECONDS)
        if not done:
            task.cancel()
            await asyncio.wait({task}, timeout=FLOOD_SECONDS)
            return False
        loads = not task.cancelled() and task.result()
        return loads and NEVER_LOADED in await self.adapter.call(Event("ask"))

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
        for number in range(int(op.value or 1)):
            if number:
                await simulation().pause(f"before event {number + 1} of {op}")
                await asyncio.sleep(0)
            await self.emit(op.name or "p1")

    async def emit(self, producer: str = "p1") -> Event:
        """Emit the next event; it is noted as accepted unless the host says otherwise."""
        event = self.happenings.next_event(producer)
        with self.happenings.emitting(event) as told:
            told(await self.adapter.emit(event))
        return event

    async def _flood(self, op: Op) -> None:
        for _ in range(FLOOD_EVENTS):
            if all(each.verb in ("flood", "emit") for each, _ in self._running):
                return
            await self.emit("p1")
            await asyncio.sleep(FLOOD_SECONDS)
        self.happenings.endless = FLOOD_EVENTS

    async def _spoil(self, op: Op) -> None:
        self.happenings.anything_may_fail = True
        self.swaps_only = False
        self.recording.plan(op.value, raising(PlannedError), plugin=op.name, times=_ALWAYS)

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
        moment = self.recording.mark()
        with self.happenings.operation(op) as told:
            await self.adapter.close()
            told(True)
        later = self.recording.moments[moment:]
        self.happenings.stopped_by_close = any(each.what == "stop" for each in later)

    async def _pause(self, probe: Probe, what: str) -> None:
        loop = simulation()
        if not loop.exploring:
            return
        if what == "start":
            await self._health(probe)
        label = f"{what} of {probe.version}"
        await loop.pause(label)
        if what.partition(":")[0] not in ("reply", "receive"):
            try:
                loop.fault(label)
            except Exception:
                self.happenings.faulted(probe.plugin, label)
                raise

    async def _health(self, probe: Probe) -> None:
        """In a reload's start, health has to say that something runs."""
        op = next((op for op, _ in self._running if op.verb == "reload"), None)
        health = self._invariants.health
        if op is None or op.name != probe.plugin or not health:
            return
        self.happenings.health_told = True
        if not (await self.adapter.health()).reloading:
            self.happenings.silent_health.append(str(op))


_VERBS = {
    "write": SimulatedHost._write,
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
    "flood": SimulatedHost._flood,
    "spoil": SimulatedHost._spoil,
}
VERBS = tuple(_VERBS)
"""The operations of hosts."""


async def _hang(_: Probe) -> None:
    await asyncio.Event().wait()
