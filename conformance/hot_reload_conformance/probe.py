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
import contextlib
import dataclasses
import gc
import inspect
import itertools
import json
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hot_reload_conformance import worker_thread

Action: TypeAlias = Callable[["Probe"], "Awaitable[None] | None"]
"""Done when a plan's moment comes; may raise, and may be async where the hook is."""


_HEAP_TYPE = 1 << 9
"""The flag of classes that are made as a program runs: a plugin's own are."""


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


REDACTED = "redacted"
"""What an event's value is once it went through a redactor."""


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
    pause: Callable[[Probe, str], Awaitable[None]] | None = None
    """Awaited wherever a plugin's coroutine could wait, before what is planned there: the
    simulation's way in. Given what ``plan`` would be given; may raise."""
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

    def _note(self, probe: Probe, what: str, phase: str) -> None:
        moment = self.noted(probe.plugin, probe.version, probe.serial, what, phase)
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

    def _pass(self, probe: Probe, role: str, event: Any) -> None:
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

    def _deliver(self, probe: Probe, event: Any) -> None:
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


class Probe:
    """One instance's line to the kit. Plugins of every dialect call these."""

    def __init__(self, recording: Recording, plugin: str, version: str) -> None:
        self.recording = recording
        self.plugin = plugin
        self.version = version
        self.serial = next(recording._serials)
        self.state: Any = {}
        self.connection: Connection | None = None
        self.settings: Any = None
        self.uses: tuple[Any, ...] = ()
        """The modules of other plugins that this one imports; each has a ``P`` of its own."""
        self.ways: Mapping[str, Callable[[], str]] = {}
        recording._track(self, "probe", self)

    def construct(self, instance: object) -> Probe:
        """The constructor ran: a probe of its own for ``instance``, with a fresh state."""
        own = Probe(self.recording, self.plugin, self.version)
        own.ways, own.uses = self.ways, self.uses
        self.recording._track(own, "instance", instance)
        if type(instance).__flags__ & _HEAP_TYPE:  # a function's or a list's is nobody's own
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
        self.recording._deliver(self, event)

    async def areceive(self, event: Any) -> None:
        """An asynchronous sink was given an event. It gives the loop a turn, as real ones do."""
        await self._aact("receive")
        await asyncio.sleep(0)
        self.recording._deliver(self, event)

    def stage(self, event: Any, role: str) -> Any:
        """One stage of the pipeline: notes that ``event`` came by, and gives it on.

        A redactor's has ``REDACTED`` for its value.
        """
        self._act(role)
        self.recording._pass(self, role, event)
        return dataclasses.replace(event, value=REDACTED) if role == "redactor" else event

    async def background(self, spawn: Callable[[Any], object] | None = None) -> None:
        """What a task of the plugin's own runs until it is cancelled; its end takes turns.

        ``spawn`` gives the host a coroutine to own: where "respawn" is planned, the task
        starts another by it as it ends.
        """
        self.recording._note(self, "background", "begin")
        try:
            await asyncio.Event().wait()
        finally:
            if spawn is not None and self.recording._due(self, "respawn"):
                with contextlib.suppress(Exception):  # a host may refuse, and closes it
                    spawn(self.background())
            for _ in range(10):
                await asyncio.sleep(0)
            self.recording._note(self, "background", "end")

    def needs(self, *modules: Any) -> None:
        """This plugin's module imported those of other plugins, whose probes are their ``P``."""
        self.uses = modules

    def seen(self) -> str:
        """``top v1 (base v2)``: this plugin, and what it reaches by its imports, right now."""
        below = ", ".join(module.P.seen() for module in self.uses)
        return f"{self.plugin} {self.version}" + (f" ({below})" if below else "")

    def configure(self, settings: Any) -> None:
        """The plugin was given ``settings``: it keeps the very object, or raises as planned."""
        self.hook("configure")
        self.settings = settings

    def connect(self) -> Connection:
        """Open a connection, for the host to keep; it is this instance's now."""
        return self.handed(Connection(self.serial))

    def handed(self, connection: Connection) -> Connection:
        """The host gave ``connection`` to this instance."""
        self.connection = connection
        self.recording._note(self, "handed", "end")
        return connection

    def get_state(self) -> Any:
        """What a state hook hands out: a plain copy of the state."""
        self.hook("get_reload_state")
        return _copied(self.state)

    async def aget_state(self) -> Any:
        """``get_state`` for an asynchronous hook."""
        await self.ahook("get_reload_state")
        return _copied(self.state)

    async def aset_state(self, state: Any, learned: str | None = None) -> None:
        """``set_state`` for an asynchronous hook."""
        self.learn(learned)
        await self.ahook("set_reload_state")
        self.state = state

    async def ahealth_check(self) -> Any:
        """``health_check`` for an asynchronous hook."""
        await self.ahook("health_check")
        return self.recording.health.get((self.plugin, self.version), True)

    def set_state(self, state: Any, learned: str | None = None) -> None:
        """What a state hook was given; ``learned`` is the old version, where it was told."""
        self.learn(learned)
        self.hook("set_reload_state")
        self.state = state

    def learn(self, version: str | None) -> None:
        """A hook was told the old generation's version."""
        if version is not None:
            self.recording.learned.append((self.plugin, self.version, str(version)))

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
        elif kind == "needs":
            return self.seen()
        elif kind == "change settings":
            self.settings["greeting"] = f"changed by {self.plugin}"
        elif kind == "settings":
            return f"{self.plugin} {json.dumps(self.settings, sort_keys=True, default=repr)}"
        elif kind == "connection":
            wire = self.connection
            return "none" if wire is None else f"{wire.number} {'open' if wire.open else 'closed'}"
        if handler in self.ways:
            return f"{self.ways[handler]()}{suffix}"
        return f"{self.version}{suffix}"

    def _act(self, what: str) -> None:
        action = self.recording._due(self, what)
        if action is None:
            return
        answer = action(self)
        if not inspect.isawaitable(answer):
            return
        recording = self.recording
        if not getattr(answer, "blocks_thread", False) and worker_thread.foreign(recording.loop):
            assert recording.loop is not None
            worker_thread.wait_on(recording.loop, answer, recording.released)
            return
        try:
            _drive(answer)
        except NotDrivable:
            self.recording.undrivable = True
            raise

    async def _aact(self, what: str) -> None:
        if self.recording.pause is not None:
            await self.recording.pause(self, what)
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

REPORT_VARIABLE = "HOT_RELOAD_CONFORMANCE_REPORT"
"""In the environment of a host's process: the file to which the plugins there report."""

_current: Recording | None = None


def current() -> Recording | None:
    """The recording of the case that runs; None: none does."""
    return _current


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

    In a process that a host started, moments go to the file that ``REPORT_VARIABLE``
    names (``report_file.ReportFile``); where it names none, nobody listens, and what the
    plugin reports is dropped.

    Raises:
        RuntimeError: no case runs; a rendered plugin is of no use outside the kit.
    """
    recording = _current or _of_another_process()
    if recording is None and os.environ.get(CASE_VARIABLE):
        recording = Recording()
    if recording is None:
        raise RuntimeError("hot_reload_conformance.probe: no conformance case is running")
    probe = Probe(recording, plugin, version)
    probe.ways = ways or {}
    probe.hook("import")
    return probe


def _of_another_process() -> Recording | None:
    """The recording of a host's own process, made at the first call; it writes to the file."""
    path = os.environ.get(REPORT_VARIABLE)
    if not path:
        return None
    recording = Recording()
    # Instances are told apart across processes too, and the file has one line for a moment.
    recording._serials = itertools.count(os.getpid() * 1000 + 1)
    recording.listeners.append(lambda moment: _append(path, moment))
    install(recording)
    return recording


def _append(path: str, moment: Moment) -> None:
    line = json.dumps(
        [moment.plugin, moment.version, moment.serial, moment.what, moment.phase]
    ).encode()
    # One write to a descriptor opened for appending: lines of several processes do not mix.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line + b"\n")
    finally:
        os.close(descriptor)


def reach(plugin: str, version: str, what: str) -> None:
    """Called by a line that the kit put into a plugin's module: it was reached.

    Where nobody listens, nothing happens.
    """
    if _current is not None:
        Probe(_current, plugin, version).hook(what)
