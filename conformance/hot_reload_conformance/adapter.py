"""The adapter: how the kit reaches a host that it knows nothing about.

Subclass ``HostAdapter``, say what the host claims, and fill in the methods that
the claims need; five are enough for the smallest. The kit never takes a host's
word: ``call`` is the back door through which it sees who really answers.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from hot_reload.ports import Clock, LoopClock


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
    """``emit`` may be called from any thread."""
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
    Claim.LAZY: ("register_lazy", "use"),
    Claim.VALIDATE: ("validated_sha256",),
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
    state to ``value``) and ``get`` (answer with the state's ``repr``). For sinks
    ``log``, with a producer and a sequence number from 1.
    """

    kind: str = "ask"
    value: Any = None
    producer: str = ""
    sequence: int = 0


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
    """The order of hooks in a successful reload; hooks that the host lacks are left out."""

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
        """How many accepted events the host counted as dropped (claim ``sinks``)."""
        return 0

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
    return not inherited or method in ("close", "add_sink", "remove_sink", "dropped", "settle")
