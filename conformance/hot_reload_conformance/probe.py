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
import inspect
import itertools
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hot_reload_conformance import worker_thread
from hot_reload_conformance.recording import Connection, Moment, Recording

_HEAP_TYPE = 1 << 9
"""The flag of classes that are made as a program runs: a plugin's own are."""


REDACTED = "redacted"
"""What an event's value is once it went through a redactor."""


class Probe:
    """One instance's line to the kit. Plugins of every dialect call these."""

    def __init__(self, recording: Recording, plugin: str, version: str) -> None:
        self.recording = recording
        self.plugin = plugin
        self.version = version
        self.serial = next(recording.serials)
        self.state: Any = {}
        self.connection: Connection | None = None
        self.settings: Any = None
        self.uses: tuple[Any, ...] = ()
        """The modules of other plugins that this one imports; each has a ``P`` of its own."""
        self.ways: Mapping[str, Callable[[], str]] = {}
        recording.track(self, "probe", self)

    def construct(self, instance: object) -> Probe:
        """The constructor ran: a probe of its own for ``instance``, with a fresh state."""
        own = Probe(self.recording, self.plugin, self.version)
        own.ways, own.uses = self.ways, self.uses
        self.recording.track(own, "instance", instance)
        if type(instance).__flags__ & _HEAP_TYPE:  # a function's or a list's is nobody's own
            self.recording.track(own, "class", type(instance))
        own.hook("construct")
        return own

    def hook(self, what: str) -> None:
        """A synchronous hook ran."""
        self.recording.note(self, what, "begin")
        try:
            self._act(what)
            self._act(f"{what}:end")
        except BaseException:
            self.recording.note(self, what, "raise")
            raise
        self.recording.note(self, what, "end")

    async def ahook(self, what: str) -> None:
        """An asynchronous hook ran. It gives the loop a turn, as real hooks do."""
        self.recording.asynchronous = True
        self.recording.note(self, what, "begin")
        try:
            await self._aact(what)
            await asyncio.sleep(0)
            await self._aact(f"{what}:end")
        except BaseException:
            self.recording.note(self, what, "raise")
            raise
        self.recording.note(self, what, "end")

    def reply(self, event: Any = None, handler: str = "main") -> str:
        """A handler's answer."""
        self._act("reply")
        return self._answer(event, handler)

    async def areply(self, event: Any = None, handler: str = "main") -> str:
        """An asynchronous handler's answer; the way for checks of calls in flight."""
        self.recording.asynchronous = True
        self.recording.note(self, "reply", "begin")
        await self._aact("reply")
        answer = self._answer(event, handler)
        self.recording.note(self, "reply", "end")
        return answer

    def receive(self, event: Any) -> None:
        """A sink was given an event."""
        self._act("receive")
        self.recording.delivered(self, event)
        self._act("receive:end")

    async def areceive(self, event: Any) -> None:
        """An asynchronous sink was given an event. It gives the loop a turn, as real ones do."""
        await self._aact("receive")
        await asyncio.sleep(0)
        self.recording.delivered(self, event)
        await self._aact("receive:end")

    def stage(self, event: Any, role: str) -> Any:
        """One stage of the pipeline: notes that ``event`` came by, and gives it on.

        A redactor's has ``REDACTED`` for its value.
        """
        self._act(role)
        self.recording.passed(self, role, event)
        return dataclasses.replace(event, value=REDACTED) if role == "redactor" else event

    async def background(self, spawn: Callable[[Any], object] | None = None) -> None:
        """What a task of the plugin's own runs until it is cancelled; its end takes turns.

        ``spawn`` gives the host a coroutine to own: where "respawn" is planned, the task
        starts another by it as it ends.
        """
        self.recording.note(self, "background", "begin")
        try:
            await asyncio.Event().wait()
        finally:
            if spawn is not None and self.recording.due(self, "respawn"):
                with contextlib.suppress(Exception):  # a host may refuse, and closes it
                    spawn(self.background())
            for _ in range(10):
                await asyncio.sleep(0)
            self.recording.note(self, "background", "end")

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
        self.recording.note(self, "handed", "end")
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
        action = self.recording.due(self, what)
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
        action = self.recording.due(self, what)
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
    recording.serials = itertools.count(os.getpid() * 1000 + 1)
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
