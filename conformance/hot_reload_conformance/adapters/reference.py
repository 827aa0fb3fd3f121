"""The adapter of the reference engine: the kit's positive control.

The only module of the kit that knows the engine as a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hot_reload import Engine, Settings
from hot_reload_conformance.adapter import (
    ALL_STAGES,
    Claim,
    Event,
    HostAdapter,
    PluginSpec,
    Ports,
    Reply,
)
from hot_reload_conformance.dialect import package_files

HOOKS = ("setup", "start", "on_reload", "flush", "stop", "teardown")


class ReferenceAdapter(HostAdapter):
    """``hot_reload.Engine`` as the kit sees it."""

    name = "reference"
    claims = frozenset(
        {
            Claim.BLUE_GREEN,
            Claim.CANCEL,
            Claim.CLOCK,
            Claim.ENABLE,
            Claim.EVENTS,
            Claim.EXACTLY_ONCE,
            Claim.HOOKS,
            Claim.LAZY,
            Claim.OWNERSHIP,
            Claim.PACKAGES,
            Claim.RELOAD,
            Claim.SINKS,
            Claim.SNAPSHOT,
            Claim.STAGES,
            Claim.STATE,
            Claim.STOP_FIRST,
            Claim.THREADS,
            Claim.TIMEOUTS,
            Claim.UNLOAD,
            Claim.VALIDATE,
        }
    )
    stages = ALL_STAGES

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.workdir = workdir
        settings = Settings(
            hook_deadline_seconds=ports.hook_deadline_seconds,
            drain_deadline_seconds=ports.drain_deadline_seconds,
        )
        self.engine = await Engine(settings=settings, clock=ports.clock).__aenter__()

    async def close(self) -> None:
        await self.engine.close()

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        text = _module(spec)
        return package_files(spec, text) if spec.package else {f"{spec.ref}.py": text}

    async def load(self, ref: str) -> Reply:
        return _reply(await self.engine.load(self._path(ref), name=_name(ref)))

    async def reload(self, ref: str) -> Reply:
        return _reply(await self.engine.reload(_name(ref)))

    async def unload(self, ref: str) -> Reply:
        return _reply(await self.engine.unload(_name(ref)))

    async def enable(self, ref: str) -> Reply:
        return _reply(await self.engine.enable(_name(ref)))

    async def disable(self, ref: str) -> Reply:
        return _reply(await self.engine.disable(_name(ref)))

    async def call(self, event: Event | None = None) -> list[str]:
        return [reply for replies in await self.engine.call(event) for reply in replies]

    async def emit(self, event: Event) -> bool:
        return self.engine.emit(event)

    async def settle(self) -> None:
        await self.engine.settle()

    async def dropped(self) -> int:
        return self.engine.counts.dropped_total

    async def snapshot(self) -> Mapping[str, object]:
        roles = [role.value for n in self.engine.names for role in self.engine.status(n).roles]
        return {"plugins": sorted(self.engine.names), "roles": sorted(roles)}

    async def register_lazy(self, ref: str) -> Reply:
        self.engine.register(self._path(ref), name=_name(ref))
        return Reply(ok=True)

    async def use(self, ref: str, event: Event | None = None) -> str:
        replies: list[str] = await self.engine.use(_name(ref), event)
        return replies[0]

    async def validated_sha256(self, ref: str) -> str:
        return next(iter(self.engine.source_hashes(_name(ref)).values()))

    def _path(self, ref: str) -> Path:
        package = self.workdir / ref
        return package if package.is_dir() else self.workdir / f"{ref}.py"


def _name(ref: str) -> str:
    return ref.replace("/", "-")


def _reply(outcome: Any) -> Reply:
    state = getattr(outcome, "state", None)
    return Reply(
        ok=outcome.success,
        message=outcome.describe(),
        stage=outcome.failure.stage.value if hasattr(outcome, "failure") else None,
        state_carried=None if state is None else state.name == "CARRIED",
        warnings=tuple(str(warning) for warning in outcome.warnings),
    )


def _module(spec: PluginSpec) -> str:
    lines = [
        "from hot_reload_conformance import probe",
        f"P = probe.attach({spec.name!r}, {spec.version!r})",
    ]
    for number in range(spec.copies):
        name = f"Plugin{number or ''}"
        lines += _class(spec, f"Base{name}" if spec.inherited else name)
        if spec.inherited:
            lines.append(f"class {name}(Base{name}): pass")
    return "\n".join(lines) + "\n"


def _class(spec: PluginSpec, name: str) -> list[str]:
    lines = [f"class {name}:", f"    name = {spec.name!r}"]
    if spec.metadata:
        lines.append("    version = '1.0+' + P.version")
    else:
        lines.append("    version = 'not a version'")
    if spec.stop_first:
        lines.append("    swap_policy = 'stop-first'")
    if spec.dependencies:
        lines.append(f"    dependencies = {list(spec.dependencies)!r}")
    lines.append("    def __init__(self): self.p = P.construct(self)")
    for hook in HOOKS:
        lines.append(f"    async def {hook}(self): await self.p.ahook({hook!r})")
    lines.append("    async def health_check(self): return await self.p.ahealth_check()")
    if spec.state:
        lines.append("    async def get_reload_state(self): return await self.p.aget_state()")
        lines.append("    async def set_reload_state(self, s): await self.p.aset_state(s)")
    if spec.sink:
        lines.append("    def write(self, event): self.p.receive(event)")
    else:
        handlers = repr(spec.handlers)
        lines.append("    async def handle(self, event):")
        lines.append(f"        return [await self.p.areply(event, h) for h in {handlers}]")
    return lines
