"""What became of an operation: a closed set of outcomes, returned, never raised.

``Outcome`` is one of::

    Loaded      the first generation of a plugin serves
    Unloaded    nothing of the plugin serves any more
    Swapped     a new generation serves in place of the old one
    Switched    it was enabled or disabled
    Unchanged   the bytes on disk are the bytes that run; nothing was done
    RolledBack  it failed before the commit; what served before still serves
    Refused     it was not tried, and nothing changed
    Deferred    it was taken, and will be done when what runs now has ended
    Failed      neither the new nor the old generation could be brought to serve

Outcomes and what they hold are plain data. They keep no exception, traceback or
object of a plugin, so a kept outcome never keeps an old generation alive.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from hot_reload.errors import OperationFailed


class Operation(enum.Enum):
    """What was asked for."""

    LOAD = "load"
    RELOAD = "reload"
    UNLOAD = "unload"
    ENABLE = "enable"
    DISABLE = "disable"


class Stage(enum.Enum):
    """Where in the transaction something happened, in the order in which they come."""

    READ = "read"
    SYNTAX = "syntax"
    IMPORT = "import"
    PLUGIN = "plugin"
    METADATA = "metadata"
    CONFIG = "config"
    CONSTRUCT = "construct"
    SETUP = "setup"
    START = "start"
    CAPTURE = "get_reload_state"
    MIGRATE = "migrate_state"
    RESTORE = "set_reload_state"
    ADOPT = "adopt_connection"
    HEALTH = "health_check"
    ON_RELOAD = "on_reload"
    COMMIT = "commit"
    DRAIN = "drain"
    FLUSH = "flush"
    STOP = "stop"
    TEARDOWN = "teardown"
    RELEASE = "release"


class Role(enum.Enum):
    """What a plugin does in its host."""

    FILTER = "filter"
    ENRICHER = "enricher"
    PROCESSOR = "processor"
    REDACTOR = "redactor"
    SINK = "sink"
    COMMAND = "command"
    SERVICE = "service"


class StateCarried(enum.Enum):
    """What became of the old generation's state in a swap."""

    CARRIED = "carried"
    NO_HOOKS = "no state hooks"
    NOTHING_TO_CARRY = "nothing to carry"


class RefusalReason(enum.Enum):
    """Why an operation was not tried."""

    UNKNOWN_PLUGIN = "unknown plugin"
    ALREADY_LOADED = "already loaded"
    LAST_SINK = "last sink"
    REDACTOR = "it redacts"
    HAS_DEPENDENTS = "other plugins depend on it"
    CLOSING = "the engine is closing"
    BARRED = "barred by the host"
    RESTLESS = "its neighbours kept changing"


@dataclass(frozen=True, slots=True)
class Running:
    """One generation: what serves, served or was meant to.

    ``sha256`` is the hash of the source bytes that were executed, in hex.
    """

    version: str
    sha256: str
    generation: int

    def __str__(self) -> str:
        return f"{self.version} sha256:{self.sha256[:12]} (generation {self.generation})"


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, in words only.

    ``file`` and ``line`` point into the plugin's source where the cause does. ``plugin``
    is the one that failed, where that is another one than the operation was asked for.
    ``hangs_on_others``: it may pass once other plugins come, go or change.
    """

    stage: Stage
    cause: str
    file: str | None = None
    line: int | None = None
    traceback: str = ""
    hint: str | None = None
    plugin: str | None = None
    hangs_on_others: bool = False

    def __str__(self) -> str:
        whose = f" of {self.plugin!r}" if self.plugin else ""
        line = f":{self.line}" if self.line else ""
        named = self.file and not line and self.file in self.cause
        place = f" at {self.file}{line}" if self.file and not named else ""
        hint = f". {self.hint}" if self.hint else ""
        return f"{self.stage.value}{whose}: {self.cause}{place}{hint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What every outcome tells."""

    operation: Operation
    plugin: str
    roles: tuple[Role, ...] = ()
    old: Running | None = None
    new: Running | None = None
    duration_seconds: float = 0.0
    warnings: tuple[Failure, ...] = ()
    cascade: tuple[Outcome, ...] = ()
    """What became of the plugins that followed since they need this one, in the order of
    starting: all of it committed, or all of it rolled back. Who was asked for in the same
    batch has an outcome of his own instead, and nobody is listed twice."""

    success: ClassVar[bool] = False

    @property
    def running(self) -> Running | None:
        """What serves now that the operation has ended; None: nothing does."""
        return self.old

    def describe(self) -> str:
        """One line for a log or a terminal."""
        return f"{self.operation.value} of {self.plugin!r}: {type(self).__name__.lower()}"

    def unwrap(self) -> Result:
        """The result itself where it is a success.

        Raises:
            OperationFailed: it is none; the message is ``describe()``.
        """
        if not self.success:
            raise OperationFailed(self.describe())
        return self

    def _still(self) -> str:
        return f"still running: {self.running}" if self.running else "nothing of it runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Result):
    success: ClassVar[bool] = True

    @property
    def running(self) -> Running | None:
        return self.new

    def describe(self) -> str:
        return f"loaded {self.plugin!r} {self.new}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unloaded(Result):
    success: ClassVar[bool] = True

    @property
    def running(self) -> Running | None:
        return None

    def describe(self) -> str:
        return (
            f"unloaded {self.plugin!r}, which ran {self.old}"
            if self.old
            else (f"unloaded {self.plugin!r}, of which nothing ran")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapped(Result):
    success: ClassVar[bool] = True
    state: StateCarried

    @property
    def running(self) -> Running | None:
        return self.new

    def describe(self) -> str:
        followers = ", ".join(repr(each.plugin) for each in self.cascade)
        return (
            f"swapped {self.plugin!r} from {self.old} to {self.new}, state: {self.state.value}"
            + (f"; with it, since they need it: {followers}" if followers else "")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched(Result):
    success: ClassVar[bool] = True
    enabled: bool

    def describe(self) -> str:
        now = self.running or "of which nothing runs"
        return f"{'enabled' if self.enabled else 'disabled'} {self.plugin!r}, {now}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged(Result):
    success: ClassVar[bool] = True

    def describe(self) -> str:
        return f"{self.plugin!r} is unchanged: {self.running or 'nothing of it runs'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack(Result):
    failure: Failure
    restored: Running | None = None
    """The fresh generation of the old bytes that serves, where the old one had to stop first."""

    @property
    def running(self) -> Running | None:
        return self.restored or self.old

    def describe(self) -> str:
        return (
            f"{self.operation.value} of {self.plugin!r} rolled back at "
            f"{self.failure}; {Result._still(self)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Result):
    reason: RefusalReason
    explanation: str

    def describe(self) -> str:
        return (
            f"{self.operation.value} of {self.plugin!r} refused, {self.reason.value}: "
            f"{self.explanation}; {Result._still(self)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred(Result):
    """Taken, not done: ask ``status`` or listen for the terminal event."""

    explanation: str

    def describe(self) -> str:
        return f"{self.operation.value} of {self.plugin!r} deferred: {self.explanation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Result):
    """The new generation failed and the old one could not be brought back."""

    failure: Failure
    rollback_failure: Failure

    @property
    def running(self) -> Running | None:
        return None

    def describe(self) -> str:
        return (
            f"{self.operation.value} of {self.plugin!r} FAILED at {self.failure}; "
            f"restoring {self.old} failed too at {self.rollback_failure}; nothing of it runs"
        )


Outcome: TypeAlias = (
    Loaded | Unloaded | Swapped | Switched | Unchanged | RolledBack | Refused | Deferred | Failed
)
