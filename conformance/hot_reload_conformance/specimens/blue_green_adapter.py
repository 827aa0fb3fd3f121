"""The adapter of the blue-green host, and the dialect of its plugins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hot_reload_conformance.adapter import (
    ALL_STAGES,
    Claim,
    Event,
    HostAdapter,
    PluginSpec,
    Ports,
    Reply,
)
from hot_reload_conformance.specimens.blue_green_host import BlueGreenHost


class BlueGreenAdapter(HostAdapter):
    """The adapter of ``BlueGreenHost``; a specimen sets ``host_class``."""

    name = "blue-green"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.BLUE_GREEN,
            Claim.CANCEL,
            Claim.CLOCK,
            Claim.STATE,
            Claim.SINKS,
            Claim.EXACTLY_ONCE,
            Claim.ENABLE,
            Claim.LAZY,
            Claim.THREADS,
            Claim.TIMEOUTS,
            Claim.VALIDATE,
        }
    )
    stages = ALL_STAGES
    host_class: type[BlueGreenHost] = BlueGreenHost

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.host = self.host_class(workdir, ports)

    async def close(self) -> None:
        await self.host.close()

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        return {f"{spec.ref}.py": render_class(spec)}

    async def load(self, ref: str) -> Reply | bool | None:
        await self.host.load(ref)
        return None

    async def reload(self, ref: str) -> Reply | bool | None:
        warnings = tuple(await self.host.reload(ref))
        carried = self.host.known(ref, "status").carried
        return Reply(ok=True, warnings=warnings, state_carried=carried)

    async def unload(self, ref: str) -> Reply | bool | None:
        await self.host.unload(ref)
        return None

    async def call(self, event: Event | None = None) -> list[str]:
        return await self.host.call(event)

    async def snapshot(self) -> Mapping[str, object]:
        return {"live": sorted(self.host.live), "gates": len(self.host.gates)}

    async def emit(self, event: Event) -> bool | None:
        return self.host.emit(event)

    async def enable(self, ref: str) -> Reply | bool | None:
        await self.host.enable(ref)
        return None

    async def disable(self, ref: str) -> Reply | bool | None:
        await self.host.disable(ref)
        return None

    async def register_lazy(self, ref: str) -> Reply | bool | None:
        self.host.lazy.add(ref)
        return None

    async def use(self, ref: str, event: Event | None = None) -> str:
        return await self.host.use(ref, event)

    async def validated_sha256(self, ref: str) -> str:
        return self.host.known(ref, "status").sha256


WRITE = "def write(self, event): self.p.receive(event)"


def render_class(spec: PluginSpec) -> str:
    """A plugin as a class ``Plugin`` with coroutine hooks; two of them for ``copies=2``."""
    handlers = ", ".join(
        f"lambda event=None: self.p.areply(event, {handler!r})" for handler in spec.handlers
    )
    hooks = ["setup", "start", "on_reload", "flush", "stop", "teardown"]
    lines = [
        "from hot_reload_conformance import probe",
        f"P = probe.attach({spec.name!r}, {spec.version!r})",
    ]
    for number in range(spec.copies):
        lines += [
            f"class {'Base' if spec.inherited else 'Plugin'}{number or ''}:",
            f"    version = {spec.version!r}" if spec.metadata else "    pass",
            f"    is_sink = {spec.sink}",
            "    def __init__(self): self.p = P.construct(self)",
            f"    def handlers(self): return [{'' if spec.sink else handlers}]",
            f"    {WRITE}",
            "    async def health_check(self):",
            "        await self.p.ahook('health_check')",
            "        return self.p.recording.health.get((self.p.plugin, self.p.version), True)",
        ]
        for hook in hooks:
            lines.append(f"    async def {hook}(self): await self.p.ahook({hook!r})")
        if spec.state:
            lines += [
                "    async def get_reload_state(self): return self.p.get_state()",
                "    async def set_reload_state(self, state): self.p.set_state(state)",
            ]
        if spec.inherited:
            lines.append(f"class Plugin{number or ''}(Base{number or ''}): pass")
    return "\n".join(lines) + "\n"
