"""The recording of one case: what its plugins reported, and what is planned for them.

It holds plain data and weak references, so it never keeps a generation alive.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import itertools
import threading
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from hot_reload_conformance.planned import Action


class Reporter(Protocol):
    """Who reports: one instance of a plugin's version."""

    plugin: str
    version: str
    serial: int


class Moment(NamedTuple):
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


class Delivery(NamedTuple):
    """One event that reached a sink's instance."""

    order: int
    plugin: str
    version: str
    serial: int
    producer: str
    sequence: int
    value: Any = None
    """What the event held when it arrived."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One event that went through one stage of the pipeline in an instance."""

    order: int
    plugin: str
    version: str
    serial: int
    role: str
    producer: str
    sequence: int


class Connection:
    """A connection that a host keeps for its plugins; ``close`` ends it for good."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.open = True

    def close(self) -> None:
        self.open = False


@dataclass(slots=True)
class _Plan:
    what: str
    action: Action
    plugin: str | None
    version: str | None
    times: int


@dataclass
class Recording:
    """All that the plugins of one case reported. Thread-safe."""

    moments: list[Moment] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    learned: list[tuple[str, str, str]] = field(default_factory=list)
    """What restoring hooks were told: plugin, its version, and the old version as given."""
    health: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What ``health`` answers for (plugin, version); True where nothing is set."""
    released: threading.Event = field(default_factory=threading.Event)
    """Set as the case ends: synchronous hangs let go."""
    hanging: list[asyncio.Event] = field(default_factory=list)
    """One for each coroutine that hangs; with ``let_go`` it is set."""
    listeners: list[Callable[[Moment], None]] = field(default_factory=list)
    """Told of each moment as it is noted, in the thread and inside the hook that it is
    about; must not raise. For checks that do something at every moment of a reload."""
    asynchronous: bool = False
    """Whether a hook or handler was ever awaited: the host's plugins are coroutines."""
    undrivable: bool = False
    """Whether an action that has to wait met a synchronous hook: what followed proves nothing."""
    loop: asyncio.AbstractEventLoop | None = None
    """The case's: what a hook in a worker thread is to wait for is awaited there."""
    outside: contextvars.Context = field(default_factory=contextvars.copy_context)
    """That of the case itself: what others ask of the host while a hook runs is begun in it.
    A host may know by a context variable what a hook of a plugin's asks."""
    pause: Callable[[Any, str], Awaitable[None]] | None = None
    """Awaited wherever a plugin's coroutine could wait, before what is planned there: the
    simulation's way in. Given the ``Probe`` and what ``plan`` would be given; may raise."""
    _plans: list[_Plan] = field(default_factory=list)
    _tracked: list[tuple[str, int, str, weakref.ref[Any]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)
    serials: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
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

    def let_go(self) -> None:
        """Have everything that hangs go on, and nothing hang any more; on the loop's thread."""
        self.released.set()
        for each in self.hanging:
            each.set()

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

    def timeline(self, most: int = 60) -> tuple[str, ...]:
        """The last moments as text, and between them how many events reached which sink."""
        with self._lock:
            reported: list[Moment | Delivery] = [*self.moments, *self.deliveries]
        reported.sort(key=lambda each: each.order)
        told: list[str] = []
        for arrived, group in itertools.groupby(reported, key=lambda m: isinstance(m, Delivery)):
            if not arrived:
                told += [str(each) for each in group]
                continue
            counts = Counter(f"{each.plugin} {each.version}#{each.serial}" for each in group)
            told += [f"{who} {_events(count)} taken" for who, count in counts.items()]
        return tuple(told[-most:])

    def alive(self, plugin: str) -> list[str]:
        """The versions and instances of ``plugin`` that are still in memory, after a collection."""
        for _ in range(3):  # objects with finalizers need another round
            gc.collect()
        return [
            f"{label}#{serial} ({kind})"
            for label, serial, kind, ref in self._tracked
            if label.startswith(f"{plugin} ") and ref() is not None
        ]

    def living(self, entry: str) -> object:
        """The object behind an entry of ``alive``; None: it has gone since."""
        for label, serial, kind, ref in self._tracked:
            if f"{label}#{serial} ({kind})" == entry and ref() is not None:
                return ref()
        return None

    def forget_tracked(self) -> None:
        """Watch no longer over what has been tracked up to now."""
        with self._lock:
            self._tracked.clear()

    def noted(self, plugin: str, version: str, serial: int, what: str, phase: str) -> Moment:
        """Add a moment that a plugin in another process reported; it is over, so no listener
        is told."""
        with self._lock:
            moment = Moment(next(self._order), plugin, version, serial, what, phase)
            self.moments.append(moment)
        return moment

    def note(self, probe: Reporter, what: str, phase: str) -> None:
        moment = self.noted(probe.plugin, probe.version, probe.serial, what, phase)
        for listener in tuple(self.listeners):
            listener(moment)

    def due(self, probe: Reporter, what: str) -> Action | None:
        if not self._plans:  # as nearly always, and asked twice at every hook
            return None
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

    def track(self, probe: Reporter, kind: str, thing: object) -> None:
        try:
            ref = weakref.ref(thing)
        except TypeError:
            return  # a type without weak references cannot be watched
        with self._lock:
            self._tracked.append((f"{probe.plugin} {probe.version}", probe.serial, kind, ref))

    def passed(self, probe: Reporter, role: str, event: Any) -> None:
        with self._lock:
            self.passes.append(
                Pass(
                    next(self._order),
                    probe.plugin,
                    probe.version,
                    probe.serial,
                    role,
                    event.producer,
                    event.sequence,
                )
            )

    def delivered(self, probe: Reporter, event: Any) -> None:
        with self._lock:
            self.deliveries.append(
                Delivery(
                    next(self._order),
                    probe.plugin,
                    probe.version,
                    probe.serial,
                    event.producer,
                    event.sequence,
                    event.value,
                )
            )


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"
