"""What a host tells those who operate it, as plain data that the kit can compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginHealth:
    """What status says of one plugin. Leave empty what the host does not tell."""

    version: str = ""
    """What runs, in the host's own way of writing it."""
    sha256: str = ""
    """The hash of the source that runs."""
    result: str = ""
    """How the last operation on it ended: ``success``, ``failure`` or ``refused``."""
    at: str = ""
    """When that was; later moments sort behind earlier ones."""
    error: str = ""
    """What went wrong in it; "": nothing did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostHealth:
    """The health of a host at one moment."""

    reloading: bool
    """Whether it says that an operation runs."""
    plugins: Mapping[str, PluginHealth] = field(default_factory=dict)
    """By name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The counters of a host since it was made. An attempt that was cancelled is a failure;
    one that only became another one is none."""

    attempts: int
    successes: int
    failures: int
    refusals: int
    durations: int
    """Of how many attempts the duration was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One record of an audit log. Leave empty what the host does not write."""

    when: str
    """Later moments sort behind earlier ones."""
    operation: str
    plugin: str
    by: str = ""
    why: str = ""
    sha256: str = ""
    """Of the source that serves behind the operation, or served before where nothing does."""
    result: str = ""
    """``success``, ``failure`` or ``refused``; a cancelled one is a failure."""
    forced: bool = False
