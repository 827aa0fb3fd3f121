"""Judged: a simulated host, as those see it who ask whether it holds."""

from __future__ import annotations

from typing import Protocol

from hot_reload_conformance.adapter import Event, HostAdapter, Ports, Reply
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.simulation.script import Op


class JudgedHost(Protocol):
    """What the invariants and the explanation know of a host, and what they may do to it."""

    @property
    def adapter(self) -> HostAdapter: ...

    @property
    def recording(self) -> Recording: ...

    @property
    def ports(self) -> Ports: ...

    @property
    def operations(self) -> int:
        """How many operations were begun that may overlap."""

    @property
    def swaps_only(self) -> bool:
        """Whether nothing but good blue-green reloads and traffic has been asked for."""

    def stateful(self, name: str) -> bool:
        """Whether the plugin ``name`` has a state that this host carries."""

    async def reload(self, op: Op, *, asked: bool = False) -> Reply:
        """``reload a v2``; gives the host's own word. ``asked``: from inside of a hook."""

    async def reload_loads(self) -> bool:
        """Whether a reload of a plugin that nobody has loaded loads it: ``NEVER_LOADED`` serves
        from then on."""

    async def emit(self, producer: str = "p1") -> Event:
        """Emit the next event of ``producer``."""
