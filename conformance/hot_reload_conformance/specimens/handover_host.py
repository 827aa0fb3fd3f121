"""A correct host of another design: it hands more over than state, and claims most of all.

The restoring hook is told the old version, and connections that a plugin registered
stay with the host, which gives them to one generation after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Claim, PluginSpec, Ports
from hot_reload_conformance.recording import Connection
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenHost,
    Generation,
)
from hot_reload_conformance.specimens.operated_host import OperatedAdapter, OperatedHost


class HandoverHost(OperatedHost):
    """Everything but what is handed over is as in the operated host."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.connections: dict[str, Connection] = {}

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        await super().build(new, files)
        new.plugin.keep = lambda connection: self.connections.update({new.name: connection})
        if new.name in self.connections:
            self.hand(new, self.connections[new.name])

    def hand(self, new: Generation, connection: Connection) -> None:
        """The old one has it too until it is stopped: a roll-back need not give it back."""
        new.plugin.p.handed(connection)

    async def restore_state(self, old: Generation, new: Generation, state: Any) -> None:
        if "migrates" in vars(type(new.plugin)):
            await self.hook(new, "set_reload_state", state, self.told(old))
        else:
            await super().restore_state(old, new, state)

    def told(self, old: Generation) -> str:
        return str(old.plugin.version)

    async def unload(self, name: str) -> None:
        await super().unload(name)
        connection = self.connections.pop(name, None)
        if connection is not None:
            connection.close()


class HandoverAdapter(OperatedAdapter):
    """The adapter of ``HandoverHost``; a specimen sets ``host_class``."""

    name = "handover"
    claims = OperatedAdapter.claims | {Claim.STATE_MIGRATION, Claim.CONNECTIONS}
    host_class: type[BlueGreenHost] = HandoverHost

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        [(path, text)] = super().render(spec).items()
        if spec.migrates:
            plain = "def set_reload_state(self, state): self.p.set_state(state)"
            told = "def set_reload_state(self, state, old): self.p.set_state(state, learned=old)"
            text = text.replace(plain, told) + "    migrates = True\n"
        if spec.connection:
            start = "    async def start(self): await self.p.ahook('start')"
            first = "; self.p.connection or self.keep(self.p.connect())"
            text = text.replace(start, start + first)
        return {path: text}
