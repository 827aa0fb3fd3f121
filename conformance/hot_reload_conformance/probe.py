"""The probe: what a rendered plugin reports through, and how the kit bends it.

A rendered plugin does three things with it::

    from hot_reload_conformance import probe
    P = probe.attach("alpha", "v1")          # as the module runs: stage "import"

    class Plugin:
        def __init__(self): self.p = P.construct(self)       # stage "construct"
        async def start(self): await self.p.ahook("start")   # any hook of the host
        def stop(self): self.p.hook("stop")
        def on_message(self, event): return self.p.reply(event)

What happens at a stage (an exception, a hang, a call back into the host) is
planned by the kit in the ``Recording`` of the case, so the rendered text does
not depend on it. A recording holds plain data and weak references: it never
keeps a generation alive.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import itertools
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Action: TypeAlias = Callable[["Probe"], "Awaitable[None] | None"]
"""Done when a plan's moment comes; may raise, and may be async where the hook is."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that a plugin reported. ``serial`` tells instances of a version apart."""

    order: int
    plugin: str
    version: str
    serial: int
    what: str
    phase: str
    """``begin``, ``end`` or ``raise``."""

    def __str__(self) -> str:
        return f"{self.plugin} {self.version}#{self.serial} {self.what} {self.phase}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event that reached a sink's instance."""

    order: int
    plugin: str
    version: str
    serial: int
    producer: str
    sequence: int


@dataclass(slots=True)
class _Plan:
    what: str
    action: Action
    plugin: str | None
    version: str | None
    times: int


class PlannedError(Exception):
    """An ordinary exception that the kit made a plugin raise."""


class PlannedExit(SystemExit):
    """``sys.exit()`` called by a plugin."""


class PlannedInterrupt(KeyboardInterrupt):
    """KeyboardInterrupt raised by a plugin; told apart from the user's own Ctrl-C."""


class PlannedCancel(asyncio.CancelledError):
    """CancelledError raised by a plugin, though nobody cancelled it."""


class PlannedBase(BaseException):
    """A bare BaseException of a plugin's own."""


def raising(kind: type[BaseException], text: str = "planned by the kit") -> Action:
    """An action that raises a fresh ``kind(text)``."""

    def action(_: Probe) -> None:
        raise kind(text)

    return action


@dataclass
class Recording:
    """All that the plugins of one case reported. Thread-safe."""

    moments: list[Moment] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    health: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What ``health`` answers for (plugin, version); True where nothing is set."""
    released: threading.Event = field(default_factory=threading.Event)
    """Set as the case ends: synchronous hangs let go."""
    listeners: list[Callable[[Moment], None]] = field(default_factory=list)
    """Told of each moment as it is noted, in the thread and inside the hook that it is
    about; must not raise. For checks that do something at every moment of a reload."""
    asynchronous: bool = False
    """Whether a hook or handler was ever awaited: the host's plugins are coroutines."""
    _plans: list[_Plan] = field(default_factory=list)
    _tracked: list[tuple[str, int, str, weakref.ref[Any]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)
    _serials: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def plan(
        self,
        what: str,
        action: Action,
        *,
        plugin: str | None = None,
        version: str | None = None,
        times: int = 1,
    ) -> None:
        """Do ``action`` the next ``times`` that ``what`` begins (None matches any).

        ``what`` is a stage or hook (``import``, ``construct``, ``start`` …), ``receive``,
        ``reply``, or one of these with ``:end`` for the moment at which it would return.
        """
        with self._lock:
            self._plans.append(_Plan(what, action, plugin, version, times))

    def unplanned(self) -> None:
        """Forget every plan that has not come true yet."""
        with self._lock:
            self._plans.clear()

    def pending(self) -> list[str]:
        """The plans that have not come true: a check that needs them was vacuous."""
        with self._lock:
            return [f"{each.plugin or 'any'} {each.what}" for each in self._plans]

    def whats(self, plugin: str, version: str | None = None, phase: str = "begin") -> list[str]:
        """What a plugin reported, in order."""
        return [
            m.what
            for m in list(self.moments)
            if m.plugin == plugin and m.phase == phase and version in (None, m.version)
        ]

    def count(self, what: str, plugin: str, version: str | None = None) -> int:
        return self.whats(plugin, version).count(what)

    def mark(self) -> int:
        """A place in ``moments``, to look at what came after it."""
        return len(self.moments)

    def alive(self, plugin: str) -> list[str]:
        """The versions and instances of ``plugin`` that are still in memory, after a collection."""
        for _ in range(3):  # objects with finalizers need another round
            gc.collect()
        return [
            f"{label}#{serial} ({kind})"
            for label, serial, kind, ref in self._tracked
            if label.startswith(f"{plugin} ") and ref() is not None
        ]

    def _note(self, probe: Probe, what: str, phase: str) -> None:
        with self._lock:
            moment = Moment(
                next(self._order), probe.plugin, probe.version, probe.serial, what, phase
            )
            self.moments.append(moment)
        for listener in tuple(self.listeners):
            listener(moment)

    def _due(self, probe: Probe, what: str) -> Action | None:
        with self._lock:
            for plan in self._plans:
                if (
                    plan.what == what
                    and plan.plugin in (None, probe.plugin)
                    and plan.version in (None, probe.version)
                ):
                    plan.times -= 1
                    if plan.times <= 0:
                        self._plans.remove(plan)
                    return plan.action
        return None

    def _track(self, probe: Probe, kind: str, thing: object) -> None:
        try:
            ref = weakref.ref(thing)
        except TypeError:
            return  # a type without weak references cannot be watched
        with self._lock:
            self._tracked.append((f"{probe.plugin} {probe.version}", probe.serial, kind, ref))

    def _deliver(self, probe: Probe, producer: str, sequence: int) -> None:
        with self._lock:
            self.deliveries.append(
                Delivery(
                    next(self._order),
                    probe.plugin,
                    probe.version,
                    probe.serial,
                    producer,
                    sequence,
                )
            )


class Probe:
    """One instance's line to the kit. Plugins of every dialect call these."""

    def __init__(self, recording: Recording, plugin: str, version: str) -> None:
        self.recording = recording
        self.plugin = plugin
        self.version = version
        self.serial = next(recording._serials)
        self.state: Any = {}
        self.ways: Mapping[str, Callable[[], str]] = {}
        recording._track(self, "probe", self)

    def construct(self, instance: object) -> Probe:
        """The constructor ran: a probe of its own for ``instance``, with a fresh state."""
        own = Probe(self.recording, self.plugin, self.version)
        own.ways = self.ways
        self.recording._track(own, "instance", instance)
        self.recording._track(own, "class", type(instance))
        own.hook("construct")
        return own

    def hook(self, what: str) -> None:
        """A synchronous hook ran."""
        self.recording._note(self, what, "begin")
        try:
            self._act(what)
            self._act(f"{what}:end")
        except BaseException:
            self.recording._note(self, what, "raise")
            raise
        self.recording._note(self, what, "end")

    async def ahook(self, what: str) -> None:
        """An asynchronous hook ran. It gives the loop a turn, as real hooks do."""
        self.recording.asynchronous = True
        self.recording._note(self, what, "begin")
        try:
            await self._aact(what)
            await asyncio.sleep(0)
            await self._aact(f"{what}:end")
        except BaseException:
            self.recording._note(self, what, "raise")
            raise
        self.recording._note(self, what, "end")

    def reply(self, event: Any = None, handler: str = "main") -> str:
        """A handler's answer."""
        self._act("reply")
        return self._answer(event, handler)

    async def areply(self, event: Any = None, handler: str = "main") -> str:
        """An asynchronous handler's answer; the way for checks of calls in flight."""
        self.recording.asynchronous = True
        self.recording._note(self, "reply", "begin")
        await self._aact("reply")
        answer = self._answer(event, handler)
        self.recording._note(self, "reply", "end")
        return answer

    def receive(self, event: Any) -> None:
        """A sink was given an event."""
        self._act("receive")
        self.recording._deliver(self, event.producer, event.sequence)

    async def areceive(self, event: Any) -> None:
        """An asynchronous sink was given an event."""
        await self._aact("receive")
        self.recording._deliver(self, event.producer, event.sequence)

    def get_state(self) -> Any:
        """What a state hook hands out: a plain copy of the state."""
        self.hook("get_reload_state")
        return _copied(self.state)

    async def aget_state(self) -> Any:
        """``get_state`` for an asynchronous hook."""
        await self.ahook("get_reload_state")
        return _copied(self.state)

    async def aset_state(self, state: Any) -> None:
        """``set_state`` for an asynchronous hook."""
        await self.ahook("set_reload_state")
        self.state = state

    async def ahealth_check(self) -> Any:
        """``health_check`` for an asynchronous hook."""
        await self.ahook("health_check")
        return self.recording.health.get((self.plugin, self.version), True)

    def set_state(self, state: Any) -> None:
        """What a state hook was given."""
        self.hook("set_reload_state")
        self.state = state

    def health_check(self) -> Any:
        """What a health hook answers."""
        self.hook("health_check")
        return self.recording.health.get((self.plugin, self.version), True)

    def _answer(self, event: Any, handler: str) -> str:
        kind = "ask" if event is None else event.kind
        suffix = "" if handler == "main" else f"/{handler}"
        if kind == "add":
            self.state["count"] = self.state.get("count", 0) + event.value
        elif kind == "put":
            self.state = event.value
        elif kind == "get":
            return repr(self.state)
        elif kind == "who":
            return f"{self.version}#{self.serial}"
        if handler in self.ways:
            return f"{self.ways[handler]()}{suffix}"
        return f"{self.version}{suffix}"

    def _act(self, what: str) -> None:
        action = self.recording._due(self, what)
        if action is None:
            return
        answer = action(self)
        if inspect.isawaitable(answer):
            _drive(answer)

    async def _aact(self, what: str) -> None:
        action = self.recording._due(self, what)
        if action is None:
            return
        answer = action(self)
        if inspect.isawaitable(answer):
            await answer


def _copied(state: Any) -> Any:
    # A shallow copy of the top level: what is below is the plugin's own, as in real plugins,
    # whose get_reload_state returns {"items": self.items}.
    return dict(state) if type(state) is dict else state


def _drive(awaitable: Awaitable[None]) -> None:
    """Run a coroutine inside a synchronous hook; it may not wait for anything."""
    step = awaitable.__await__()
    try:
        next(step)
    except StopIteration:
        return
    step.close() if hasattr(step, "close") else None
    raise NotDrivable("an asynchronous action cannot wait inside a synchronous hook")


class NotDrivable(Exception):
    """The kit asked for something that this host's synchronous hooks cannot show."""


CASE_VARIABLE = "HOT_RELOAD_CONFORMANCE_CASE"
"""Set in the environment while a case runs, for the processes that its host starts."""

_current: Recording | None = None


def install(recording: Recording | None) -> Recording | None:
    """Make ``recording`` the one that ``attach`` reports to; gives the one before."""
    global _current
    before, _current = _current, recording
    if recording is None:
        os.environ.pop(CASE_VARIABLE, None)
    else:
        os.environ[CASE_VARIABLE] = "1"
    return before


def attach(plugin: str, version: str, ways: Mapping[str, Callable[[], str]] | None = None) -> Probe:
    """Called by a rendered plugin's module as it runs.

    ``ways``: handler → what gives the version that this handler answers with, for
    packages (``dialect.package_files`` writes them).

    In a process that a host started to try an import, nobody listens: what the
    plugin reports there is dropped.

    Raises:
        RuntimeError: no case runs; a rendered plugin is of no use outside the kit.
    """
    recording = _current
    if recording is None and os.environ.get(CASE_VARIABLE):
        recording = Recording()
    if recording is None:
        raise RuntimeError("hot_reload_conformance.probe: no conformance case is running")
    probe = Probe(recording, plugin, version)
    probe.ways = ways or {}
    probe.hook("import")
    return probe


def reach(plugin: str, version: str, what: str) -> None:
    """Called by a line that the kit put into a plugin's module: it was reached.

    Where nobody listens, nothing happens.
    """
    if _current is not None:
        Probe(_current, plugin, version).hook(what)
