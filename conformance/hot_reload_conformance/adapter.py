"""The adapter: how the kit reaches a host that it knows nothing about.

Subclass ``HostAdapter``, say what the host claims, and fill in the methods that
the claims need; five are enough for the smallest. The kit never takes a host's
word: ``call`` is the back door through which it sees who really answers.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from hot_reload.ports import ChangeSource, Clock, LoopClock
from hot_reload_conformance.operated import AuditRecord, Counts, HostHealth
from hot_reload_conformance.pace import Pace


class Claim(enum.Enum):
    """What a host says that it can do. What is claimed is tested."""

    AUDIT = "audit"
    BLUE_GREEN = "blue-green"
    CANCEL = "cancel"
    CLOCK = "clock"
    CONFIG = "config"
    CONNECTIONS = "connections"
    DEPENDENCIES = "dependencies"
    DISCOVER = "discover"
    ENABLE = "enable"
    ENABLE_WATCH = "enable-watch"
    EVENTS = "events"
    EXACTLY_ONCE = "exactly-once"
    HEALTH = "health"
    HOOKS = "hooks"
    HTTP = "http"
    INPUTS = "inputs"
    ISOLATED_IMPORT = "isolated-import"
    LAZY = "lazy"
    METRICS = "metrics"
    OWNERSHIP = "ownership"
    PACKAGES = "packages"
    PROCESS = "process"
    RATE_LIMIT = "rate-limit"
    RELOAD = "reload"
    RETRY = "retry"
    ROLLBACK_CASCADE = "rollback-cascade"
    SINK = "sink"
    SINKS = "sinks"
    SNAPSHOT = "snapshot"
    STAGES = "stages"
    STATE = "state"
    STATE_MIGRATION = "state-migration"
    STOP_FIRST = "stop-first"
    THREADS = "threads"
    """``emit``, and ``call`` while an operation runs, may be called from any thread."""
    TIMEOUTS = "timeouts"
    UNLOAD = "unload"
    VALIDATE = "validate"
    WATCH = "watch"


METHODS: Mapping[Claim, tuple[str, ...]] = {
    Claim.RELOAD: ("reload",),
    Claim.UNLOAD: ("unload",),
    Claim.SNAPSHOT: ("snapshot",),
    Claim.SINKS: ("emit", "add_sink", "remove_sink"),
    Claim.ENABLE: ("enable", "disable"),
    Claim.EVENTS: ("events",),
    Claim.HEALTH: ("healthy",),
    Claim.LAZY: ("register_lazy", "use"),
    Claim.AUDIT: ("audit",),
    Claim.CONFIG: ("render_config", "apply_config"),
    Claim.METRICS: ("metrics",),
    Claim.VALIDATE: ("validated_sha256",),
    Claim.WATCH: ("start_watch", "stop_watch"),
    Claim.ENABLE_WATCH: ("enable_watch", "disable_watch"),
}
"""The methods that a claim needs; a claim that is not listed needs none beyond the core."""


class Channel(enum.Enum):
    """How a host let its caller know."""

    RAISED = "raised"
    RETURNED = "returned"
    LOGGED = "logged"
    PRINTED = "printed"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the host said of an operation: its own word, which proves nothing.

    An adapter may return one, or simply raise, or return ``None`` or a bool: the
    kit makes a ``Reply`` of it and adds what was logged and printed meanwhile.
    """

    ok: bool
    message: str = ""
    channel: Channel = Channel.RETURNED
    stage: str | None = None
    state_carried: bool | None = None
    """For a reload, where the host tells: was state carried?"""
    old: str = ""
    """The version that served before, where the host tells; in its own way of writing it."""
    new: str = ""
    """The version that serves now, where the host tells."""
    warnings: tuple[str, ...] = ()
    said: str = ""
    """What was logged and printed while the operation ran; filled in by the kit."""

    @property
    def everything(self) -> str:
        """All that a caller could have read of it."""
        return "\n".join(part for part in (self.message, *self.warnings, self.said) if part)

    @classmethod
    def of(cls, answer: object) -> Reply:
        """A reply from what an adapter's method returned."""
        if isinstance(answer, Reply):
            return answer
        if answer is None or answer is True:
            return cls(ok=True)
        if answer is False:
            return cls(ok=False)
        raise TypeError(
            f"an operation of an adapter returns a Reply, None or a bool, not {answer!r:.80}"
        )


@dataclass(frozen=True, slots=True)
class Event:
    """What the kit sends through a host: to handlers by ``call``, to sinks by ``emit``.

    Kinds for handlers: ``ask`` (answer with the version), ``who`` (version and
    instance), ``add`` (add ``value`` to the state's counter), ``put`` (set the
    state to ``value``), ``get`` (answer with the state's ``repr``), ``needs`` (answer
    with the name, the version, and those of what it imports), ``settings`` (answer with
    the name and the settings) and ``change settings`` (change them in place). For sinks
    ``log``, with a producer and a sequence number from 1.
    """

    kind: str = "ask"
    value: Any = None
    producer: str = ""
    sequence: int = 0


class HostEvent(NamedTuple):
    """One of the events that a host emits about its operations, as plain data."""

    attempt: str
    """What all events of one attempt have in common: the host's own number or id."""
    phase: str
    """``start``, ``progress`` or ``end``."""
    plugin: str
    operation: str = ""


REFERENCE_ORDER: tuple[str, ...] = (
    "new construct",
    "new setup",
    "new start",
    "old get_reload_state",
    "new set_reload_state",
    "new health_check",
    "new on_reload",
    "old flush",
    "old stop",
    "old teardown",
)
"""The order of hooks in a reload of the reference engine: a blue-green host's."""

ALL_STAGES: tuple[str, ...] = (
    "read",
    "syntax",
    "import",
    "plugin",
    "metadata",
    "construct",
    "setup",
    "start",
    "get_reload_state",
    "set_reload_state",
    "health_check",
    "on_reload",
)
"""Every stage at which a reload can fail, in the order in which they come."""

CORE_STAGES: tuple[str, ...] = ("read", "syntax", "import", "plugin", "start")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSpec:
    """A neutral plugin, to be rendered in the host's own dialect.

    Every handler named in ``handlers`` answers with ``probe.reply(event, handler)``.
    A sink (``sink=True``) passes each event to ``probe.receive(event)``.
    """

    name: str = "alpha"
    version: str = "v1"
    handlers: tuple[str, ...] = ("main",)
    sink: bool = False
    package: bool = False
    """Render as a package, ``alpha/__init__.py`` with a module of its own (claim ``packages``).

    The version stands in the own module alone, so that an edit touches nothing else, and
    the handlers ``absolute``, ``relative`` and ``late`` answer with the version that they
    reach by that kind of import. ``dialect.package_files(spec, text)`` makes all of that
    out of the text of a single-file plugin.
    """
    state: bool = False
    """Render the state hooks (claim ``state``)."""
    stop_first: bool = False
    """Render the declaration of an exclusive resource (claim ``stop-first``)."""
    metadata: bool = True
    """False: leave out or spoil the metadata that the host demands (stage ``metadata``)."""
    copies: int = 1
    """2: two plugins in one module, and nothing that chooses (stage ``plugin``)."""
    dependencies: tuple[str, ...] = ()
    """Render the declaration of these plugins, each by its name, with a range of releases
    behind it at times (``base``, ``base<2``), and ``dialect.dependency_lines(spec)``, by which
    its own code imports them (claim ``dependencies``)."""
    imports: bool = True
    """False: its code does not import what it needs; ``dependency_lines`` sees to that."""
    release: str = ""
    """Render this as the version that the host reads (``1.5``), of which ranges speak."""
    settings: bool = False
    """Render a plugin that takes settings, and the declaration that ``size`` among them is a
    whole number, where the host knows such; it calls ``self.p.configure(settings)`` whenever
    it is given some, which raises where they are to be refused (claim ``config``)."""
    roles: tuple[str, ...] = ()
    """Stages of the pipeline that it takes part in (claim ``stages``), of: filter, enricher,
    processor, redactor. The method of each is ``return self.p.stage(event, role)``, and a
    filter's lets the event pass."""
    awaits: bool = False
    """Render a sink that is a coroutine, ``await self.p.areceive(event)``, if there are such."""
    background: bool = False
    """Render a start that begins, behind its probe call, a task which the host owns and which
    runs ``self.p.background()`` (claim ``ownership``); ``self.p.background(spawn)``, where
    ``spawn(coroutine)`` has the host own one more, shows a task that starts another."""
    migrates: bool = False
    """Render a restoring hook that is told the old version, ``self.p.set_state(state,
    learned=version)`` (claim ``state-migration``)."""
    connection: bool = False
    """Render a plugin that has the host keep a connection (claim ``connections``): a first
    generation registers ``self.p.connect()``, as it starts or when it is first called, and
    whoever is given it calls ``self.p.handed(connection)``."""
    inputs: tuple[str, ...] = ()
    """Render the declaration of these data files, by paths relative to the main file's
    directory (claim ``inputs``)."""
    inherited: bool = False
    """Render the hooks in a base class of the plugin's, where the dialect has classes."""
    directory: str = ""
    """A folder below the working directory, for two plugins of one file name."""

    def at(self, version: str, **changes: Any) -> PluginSpec:
        """The same plugin in another version."""
        return replace(self, version=version, **changes)

    @property
    def ref(self) -> str:
        """What ``load`` is given: the name, behind its folder where it has one."""
        return f"{self.directory}/{self.name}" if self.directory else self.name


@dataclass(frozen=True, slots=True)
class Ports:
    """What the kit lends to a host that can take it; ignore what yours can't."""

    clock: Clock = field(default_factory=LoopClock)
    hook_deadline_seconds: float = 0.25
    """How long a hook may take in checks of hangs; hand it to a host that has deadlines."""
    drain_deadline_seconds: float = 0.5
    hints: Callable[[tuple[Path, ...]], ChangeSource] | None = None
    """Where the kit's clock rules, the system's events come from here as well: some of them.
    Ignore it in a host whose events cannot be replaced, and let it poll by the clock."""


OPERATION_DEADLINE_SECONDS = 5.0
"""For an operation of a host that declares nothing else."""


class HostAdapter:
    """One host as the kit sees it. A fresh object is made for every case.

    Methods are called from one event loop. A synchronous host just never awaits.
    An operation that fails raises, or returns ``False`` or a ``Reply``.
    """

    name: ClassVar[str] = "host"
    claims: ClassVar[frozenset[Claim]] = frozenset({Claim.RELOAD})
    stages: ClassVar[tuple[str, ...]] = CORE_STAGES
    """Where a reload of this host can fail, of: read, syntax, import, plugin, metadata,
    construct, setup, start, get_reload_state, set_reload_state, health_check, on_reload."""
    hook_order: ClassVar[Sequence[str]] = REFERENCE_ORDER
    """The order of hooks in a successful reload. Leave out the hooks that your host never calls:
    what stands here is waited for."""
    producer_pause_seconds: ClassVar[float] = 0.1
    """The declared bound: how long a reload may hold a producer up inside ``emit``."""
    memory_per_reload_bytes: ClassVar[int] = 8_192
    """The declared bound: how much memory a reload may leave, in the mean of many."""

    config_formats: ClassVar[tuple[str, ...]] = (".json",)
    """The endings of the settings files that the host reads, of: .json, .toml, .yaml (claim
    ``config``); the first is used where the format does not matter."""
    operation_deadline_seconds: ClassVar[float] = OPERATION_DEADLINE_SECONDS
    """The declared bound: how long one operation may take. More gives each check more time. A host
    that blocks its thread for twice as long is interrupted."""

    pace: ClassVar[Pace] = Pace()
    """The declared durations and numbers of a host that watches, limits or retries."""

    async def open(self, workdir: Path, ports: Ports) -> None:
        """Make a fresh host that finds its plugins in ``workdir``."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of everything that the host holds."""

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        """``spec`` in the host's dialect: relative path → text of the file.

        The first file is the plugin's main one. The text imports
        ``hot_reload_conformance.probe`` and reports through it.
        """
        raise NotImplementedError

    async def load(self, ref: str) -> Reply | bool | None:
        """Load the plugin that ``render`` wrote under ``ref``."""
        raise NotImplementedError

    async def call(self, event: Event | None = None) -> list[str]:
        """The replies of ALL live handlers of all plugins to ``event`` (None: ``ask``)."""
        raise NotImplementedError

    # What claims ask for. The names are those in METHODS.

    async def reload(self, ref: str) -> Reply | bool | None:
        """Reload from what is on disk now (claim ``reload``)."""
        raise NotImplementedError

    async def unload(self, ref: str) -> Reply | bool | None:
        """Take the plugin out (claim ``unload``)."""
        raise NotImplementedError

    async def snapshot(self) -> Mapping[str, object]:
        """The host's registries: name → size or sorted names (claim ``snapshot``)."""
        raise NotImplementedError

    async def emit(self, event: Event) -> bool | None:
        """Send one event into the sinks; False: it was not accepted (claim ``sinks``)."""
        raise NotImplementedError

    async def add_sink(self, ref: str) -> Reply | bool | None:
        """Add a sink; the same as ``load`` unless the host tells them apart (claim ``sinks``)."""
        return await self.load(ref)

    async def remove_sink(self, ref: str) -> Reply | bool | None:
        """Remove a sink; the same as ``unload`` unless the host differs (claim ``sinks``)."""
        return await self.unload(ref)

    async def dropped(self) -> int:
        """How many accepted events the host counted as dropped (claim ``sinks``): once for each
        sink that did not take one, for what its write raised too, if it has a counter of that."""
        return 0

    async def dropped_by_sink(self) -> Mapping[str, int] | None:
        """The same by the sink's name; None: the host does not count by name."""
        return None

    async def settle(self) -> None:
        """Return once what was emitted has reached its sinks, for hosts that queue."""

    async def enable(self, ref: str) -> Reply | bool | None:
        """Claim ``enable``."""
        raise NotImplementedError

    async def disable(self, ref: str) -> Reply | bool | None:
        """Claim ``enable``."""
        raise NotImplementedError

    async def register_lazy(self, ref: str) -> Reply | bool | None:
        """Register without loading (claim ``lazy``)."""
        raise NotImplementedError

    async def use(self, ref: str, event: Event | None = None) -> str:
        """One plugin's reply; its first use loads it (claim ``lazy``)."""
        raise NotImplementedError

    async def events(self) -> Sequence[HostEvent]:
        """All events since ``open``, in the order in which they were emitted (``events``)."""
        raise NotImplementedError

    async def healthy(self, ref: str) -> bool:
        """Whether the host takes the plugin for healthy now (claim ``health``)."""
        raise NotImplementedError

    async def start_watch(self, directory: Path) -> None:
        """Begin to watch ``directory``, in which the loaded plugins lie (claim ``watch``)."""
        raise NotImplementedError

    async def stop_watch(self) -> None:
        """End the watch; after that nothing of it runs (claim ``watch``)."""
        raise NotImplementedError

    async def enable_watch(self) -> None:
        """Go on watching (claim ``enable-watch``)."""
        raise NotImplementedError

    async def disable_watch(self) -> None:
        """Pause the watch (claim ``enable-watch``)."""
        raise NotImplementedError

    async def watch_trouble(self) -> str:
        """Why the host says that edits are not seen now; "": it says that they are."""
        return ""

    async def listen(self, callback: Callable[[], None]) -> bool:
        """Have ``callback`` called at each reload; False: the host has no callbacks."""
        return False

    async def reload_many(self, refs: Sequence[str]) -> Reply | bool | None:
        """Reload all of these in one go, for hosts with ``dependencies`` that can."""
        raise NotImplementedError

    async def unload_with_dependents(self, ref: str) -> Reply | bool | None:
        """Take the plugin out with all that need it, for hosts with ``dependencies`` that can."""
        raise NotImplementedError

    def render_config(self, settings: Mapping[str, Mapping[str, Any]], ending: str) -> str:
        """A settings file in the host's dialect, which gives each of these plugins, by its
        ref, these settings; ``ending`` is one of ``config_formats`` (claim ``config``).

        Keys keep their order, and each setting begins a line of its own. The file will lie
        in the working directory.
        """
        raise NotImplementedError

    async def apply_config(self, path: Path) -> Reply | bool | None:
        """Have the host take up what the settings file holds now (claim ``config``)."""
        raise NotImplementedError

    async def configure(self, settings: Mapping[str, Mapping[str, Any]]) -> Reply | bool | None:
        """Hand the host this very mapping of plugins to settings, for hosts with ``config``
        that take one."""
        raise NotImplementedError

    async def start_config_watch(self, path: Path) -> None:
        """Begin to watch a settings file that was applied, for hosts with ``config`` that can."""
        raise NotImplementedError

    # Of the next three the kit asks once before the first operation, too.

    async def health(self) -> HostHealth:
        """What the host's health says now, for hosts with ``health`` that report it."""
        raise NotImplementedError

    async def metrics(self) -> Counts:
        """The host's own counters now (claim ``metrics``)."""
        raise NotImplementedError

    async def audit(self) -> Sequence[AuditRecord]:
        """All audit records since ``open``, the oldest first (claim ``audit``)."""
        raise NotImplementedError

    def acting_as(self, by: str, why: str) -> AbstractContextManager[object]:
        """While it is entered, operations are asked for by ``by``, because of ``why``; for
        hosts with ``audit`` that can be told."""
        raise NotImplementedError

    async def force_reload(self, ref: str) -> Reply | bool | None:
        """Reload past a check that would refuse it, or though nothing changed; for hosts with
        ``audit`` that can be forced."""
        raise NotImplementedError

    async def validated_sha256(self, ref: str) -> str:
        """The hash, in hex, of the main file's bytes that the host validated (``validate``)."""
        raise NotImplementedError


def implements(adapter: object, method: str) -> bool:
    """Whether ``adapter``, an object or a class, has ``method``, its own or one that works."""
    owner = adapter if isinstance(adapter, type) else type(adapter)
    found = getattr(owner, method, None)
    if not callable(found):
        return False
    inherited = found is getattr(HostAdapter, method, None)
    return not inherited or method in _WORKING


_WORKING = frozenset(
    {
        "close",
        "add_sink",
        "remove_sink",
        "dropped",
        "dropped_by_sink",
        "settle",
        "watch_trouble",
        "listen",
    }
)
"""Methods that do something useful as they are."""
