"""The adapter of the reference engine: the kit's positive control.

The only module of the kit that knows the engine as a host.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hot_reload import AuditLog, ConfigReloader, Engine, Health, Settings, acting_as
from hot_reload.events import LifecycleEvent, OperationStarted, StageEntered
from hot_reload.watch.hints import WatchfilesHints
from hot_reload.watch.settings import WatchSettings
from hot_reload.watch.watcher import Watcher
from hot_reload_conformance.adapter import (
    ALL_STAGES,
    Claim,
    Event,
    HostAdapter,
    HostEvent,
    PluginSpec,
    Ports,
    Reply,
)
from hot_reload_conformance.dialect import dependency_lines, package_files
from hot_reload_conformance.operated import AuditRecord, Counts, HostHealth, PluginHealth
from hot_reload_conformance.pace import Pace

if TYPE_CHECKING:
    from hot_reload import Metrics

ROLES = {"filter": "filter", "enricher": "enrich", "processor": "process", "redactor": "redact"}
WATCH = WatchSettings()
HOOKS = ("setup", "start", "on_reload", "flush", "stop", "teardown")


def _has(package: str) -> bool:
    """Whether ``package`` is there: some of what the engine can do needs an extra."""
    return importlib.util.find_spec(package) is not None


class ReferenceAdapter(HostAdapter):
    """``hot_reload.Engine`` as the kit sees it."""

    name = "reference"
    claims = frozenset(
        {
            Claim.AUDIT,
            Claim.BLUE_GREEN,
            Claim.CANCEL,
            Claim.CLOCK,
            Claim.CONFIG,
            Claim.CONNECTIONS,
            Claim.DEPENDENCIES,
            Claim.DISCOVER,
            Claim.ENABLE,
            Claim.ENABLE_WATCH,
            Claim.EVENTS,
            Claim.EXACTLY_ONCE,
            Claim.HEALTH,
            Claim.HOOKS,
            Claim.INPUTS,
            Claim.LAZY,
            *((Claim.METRICS,) if _has("prometheus_client") else ()),
            Claim.OWNERSHIP,
            Claim.PACKAGES,
            Claim.RATE_LIMIT,
            Claim.RELOAD,
            Claim.RETRY,
            Claim.ROLLBACK_CASCADE,
            Claim.SINKS,
            Claim.SNAPSHOT,
            Claim.STAGES,
            Claim.STATE,
            Claim.STATE_MIGRATION,
            Claim.STOP_FIRST,
            Claim.THREADS,
            Claim.TIMEOUTS,
            Claim.UNLOAD,
            Claim.VALIDATE,
            Claim.WATCH,
        }
    )
    stages = ALL_STAGES
    config_formats = (".json", ".toml", *((".yaml",) if _has("ruamel") else ()))
    watch_settings = WATCH
    pace = Pace(
        quiet_seconds=WATCH.quiet_seconds,
        max_wait_seconds=WATCH.max_wait_seconds,
        notice_seconds=WATCH.sweep_seconds,
        converge_seconds=WATCH.cooldown_seconds + WATCH.max_wait_seconds + WATCH.sweep_seconds,
        delete_grace_seconds=WATCH.delete_grace_seconds,
        unloads_deleted=WATCH.unload_deleted,
        limit=WATCH.limit,
        window_seconds=WATCH.window_seconds,
        cooldown_seconds=WATCH.cooldown_seconds,
        tries=WATCH.retry_tries,
        retry_seconds=WATCH.retry_base_seconds * (1 + WATCH.retry_jitter),
    )

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.workdir = workdir
        self.ports = ports
        self.watcher: Watcher | None = None
        settings = Settings(
            hook_deadline_seconds=ports.hook_deadline_seconds,
            drain_deadline_seconds=ports.drain_deadline_seconds,
        )
        self.engine = await Engine(settings=settings, clock=ports.clock).__aenter__()
        self.heard: list[LifecycleEvent] = []
        self.engine.listen(self.heard.append)
        self.reloaders: dict[Path, ConfigReloader] = {}

    async def close(self) -> None:
        if self.watcher is not None:
            await self.watcher.stop()
        for reloader in self.reloaders.values():
            await reloader.stop()
        await self.engine.close()
        if "kept_audit" in vars(self):
            self.kept_audit.close()
            self.audit_file.unlink(missing_ok=True)

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        text = _module(spec)
        return package_files(spec, text) if spec.package else {f"{spec.ref}.py": text}

    async def load(self, ref: str) -> Reply:
        return _reply(await self.engine.load(self._path(ref), name=_name(ref)))

    async def reload(self, ref: str) -> Reply:
        return _reply(await self.engine.reload(_name(ref)))

    async def unload(self, ref: str) -> Reply:
        return _reply(await self.engine.unload(_name(ref)))

    async def reload_many(self, refs: Sequence[str]) -> Reply:
        return _all_of((await self.engine.reload_many([_name(ref) for ref in refs])).values())

    async def unload_with_dependents(self, ref: str) -> Reply:
        return _reply(await self.engine.unload(_name(ref), cascade=True))

    async def force_reload(self, ref: str) -> Reply:
        return _reply(await self.engine.reload(_name(ref), force=True))

    def acting_as(self, by: str, why: str) -> AbstractContextManager[object]:
        return acting_as(by, reason=why)

    def render_config(self, settings: Mapping[str, Mapping[str, Any]], ending: str) -> str:
        return _CONFIGS[ending](settings)

    async def apply_config(self, path: Path) -> Reply:
        result = await self._reloader(path).apply()
        return Reply(ok=result.success, message=result.describe())

    async def configure(self, settings: Mapping[str, Mapping[str, Any]]) -> Reply:
        named = {_name(ref): each for ref, each in settings.items()}
        return _all_of((await self.engine.reconfigure(named)).values())

    async def start_config_watch(self, path: Path) -> None:
        await self._reloader(path).start()

    async def health(self) -> HostHealth:
        report = self.kept_health.report()
        plugins: dict[str, PluginHealth] = {}
        for each in report.plugins:
            running, last = each.running, each.last
            plugins[each.name] = PluginHealth(
                version=running.version if running else "",
                sha256=running.sha256 if running else "",
                result=_RESULTS[last.verdict.value] if last else "",
                at=last.at.isoformat() if last else "",
                error=(last.error if last else each.error) or "",
            )
        return HostHealth(reloading=report.reloading, plugins=plugins)

    async def metrics(self) -> Counts:
        totals = dict.fromkeys(("attempts", "success", "failure", "refused", "durations"), 0)
        deferred = 0
        for family in self.kept_metrics.registry.collect():
            for sample in family.samples:
                result, value = sample.labels.get("result", ""), int(sample.value)
                if sample.name == "hot_reload_attempts_total":
                    totals["attempts"] += value
                elif sample.name == "hot_reload_results_total" and result == "deferred":
                    deferred += value
                elif sample.name == "hot_reload_results_total":
                    totals[_RESULTS[result]] += value
                elif sample.name == "hot_reload_duration_seconds_count":
                    totals["durations"] += value
        return Counts(
            attempts=totals["attempts"] - deferred,
            successes=totals["success"],
            failures=totals["failure"],
            refusals=totals["refused"],
            durations=totals["durations"] - deferred,
        )

    async def audit(self) -> Sequence[AuditRecord]:
        self.kept_audit.flush()
        lines = self.audit_file.read_text("utf-8").splitlines() if self.audit_file.exists() else ()
        return [_record(json.loads(line)) for line in lines]

    # Made when they are first asked for, which is before the first operation: most checks
    # have no use for them.

    @functools.cached_property
    def kept_health(self) -> Health:
        return Health(self.engine)

    @functools.cached_property
    def kept_metrics(self) -> Metrics:
        from hot_reload import Metrics  # needs an extra, see the claims

        return Metrics(self.engine)

    @functools.cached_property
    def kept_audit(self) -> AuditLog:
        return AuditLog(self.engine, self.audit_file)

    @property
    def audit_file(self) -> Path:
        # Beside the plugins' folder, not in it, where a watch would find it.
        return self.workdir.with_name(f"{self.workdir.name}.audit.jsonl")

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

    async def events(self) -> Sequence[HostEvent]:
        return tuple(map(_event, self.heard))

    async def healthy(self, ref: str) -> bool:
        status = self.engine.status(_name(ref))
        return status.running is not None and not status.failed

    async def dropped_by_sink(self) -> Mapping[str, int]:
        return dict(self.engine.counts.dropped)

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

    async def start_watch(self, directory: Path) -> None:
        # Real events come in real time: under the kit's clock they come from the kit too.
        self.watcher = Watcher(
            self.engine,
            [directory],
            settings=self.watch_settings,
            clock=self.ports.clock,
            hints=self.ports.hints or WatchfilesHints,
        )
        await self.watcher.start()

    async def stop_watch(self) -> None:
        await self._watcher.stop()

    async def enable_watch(self) -> None:
        self._watcher.enable()

    async def disable_watch(self) -> None:
        self._watcher.disable()

    async def watch_trouble(self) -> str:
        health = self._watcher.health
        ended = () if health.running else (health.degraded or "ended",)
        return "; ".join((*ended, *health.errors, *health.missing_roots))

    async def listen(self, callback: Callable[[], None]) -> bool:
        self.engine.listen(lambda _event: callback())
        return True

    @property
    def _watcher(self) -> Watcher:
        assert self.watcher is not None, "start_watch was not called"
        return self.watcher

    def _reloader(self, path: Path) -> ConfigReloader:
        if path not in self.reloaders:
            self.reloaders[path] = ConfigReloader(
                self.engine,
                path,
                settings=self.watch_settings,
                clock=self.ports.clock,
                hints=self.ports.hints or WatchfilesHints,
                environment={},
            )
        return self.reloaders[path]

    def _path(self, ref: str) -> Path:
        place = os.path.join(self.workdir, ref)
        return Path(place if os.path.isdir(place) else f"{place}.py")


def _name(ref: str) -> str:
    return ref.replace("/", "-")


def _event(event: LifecycleEvent) -> HostEvent:
    attempt = str(event.attempt)
    if isinstance(event, StageEntered):
        return HostEvent(attempt, "progress", event.plugin)
    phase = "start" if isinstance(event, OperationStarted) else "end"
    return HostEvent(attempt, phase, event.plugin, event.operation.value)


def _reply(outcome: Any) -> Reply:
    state = getattr(outcome, "state", None)
    return Reply(
        ok=outcome.success,
        message=outcome.describe(),
        stage=outcome.failure.stage.value if hasattr(outcome, "failure") else None,
        state_carried=None if state is None else state.name == "CARRIED",
        warnings=tuple(str(warning) for warning in outcome.warnings),
        old=outcome.old.version if outcome.old else "",
        new=outcome.running.version if outcome.running else "",
    )


def _all_of(outcomes: Iterable[Any]) -> Reply:
    replies = [_reply(each) for each in outcomes]
    message = "\n".join(each.message for each in replies)
    return Reply(ok=all(each.ok for each in replies), message=message)


_RESULTS = {
    "success": "success",
    "failure": "failure",
    "cancelled": "failure",
    "refused": "refused",
    "deferred": "deferred",
}


def _record(line: Mapping[str, Any]) -> AuditRecord:
    runs = line["new"] if line["verdict"] == "success" else line["still_running"]
    runs = runs or line["still_running"] or line["old"] or {}
    return AuditRecord(
        when=line["when"],
        operation=line["operation"],
        plugin=line["plugin"],
        by=line["actor"],
        why=line["reason"],
        sha256=runs.get("sha256", ""),
        result=_RESULTS[line["verdict"]],
        forced=line["forced"],
    )


# Settings files: the section ``plugins`` of a host's, with one setting on each line.


def _json_config(settings: Mapping[str, Mapping[str, Any]]) -> str:
    plugins = {_name(ref): {"path": f"{ref}.py", "config": each} for ref, each in settings.items()}
    return json.dumps({"plugins": plugins}, indent=1) + "\n"


def _yaml_config(settings: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["plugins:"]
    for ref, each in settings.items():
        lines += [f"  {_name(ref)}:", f"    path: {json.dumps(f'{ref}.py')}", "    config:"]
        lines += [f"      {key}: {json.dumps(value)}" for key, value in each.items()]
    return "\n".join(lines) + "\n"


def _toml_config(settings: Mapping[str, Mapping[str, Any]]) -> str:
    lines = []
    for ref, each in settings.items():
        lines += [f"[plugins.{_name(ref)}]", f"path = {json.dumps(f'{ref}.py')}"]
        lines += [f"[plugins.{_name(ref)}.config]"]
        lines += [f"{key} = {_toml(value)}" for key, value in each.items()]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)


_CONFIGS: Mapping[str, Callable[[Mapping[str, Mapping[str, Any]]], str]] = {
    ".json": _json_config,
    ".toml": _toml_config,
    ".yaml": _yaml_config,
}


def _module(spec: PluginSpec) -> str:
    lines = [
        "from hot_reload_conformance import probe",
        f"P = probe.attach({spec.name!r}, {spec.version!r})",
        *dependency_lines(spec),
    ]
    for number in range(spec.copies):
        name = f"Plugin{number or ''}"
        lines += _class(spec, f"Base{name}" if spec.inherited else name)
        if spec.inherited:
            lines.append(f"class {name}(Base{name}): pass")
    return "\n".join(lines) + "\n"


_SCHEMA = {
    "type": "object",
    "properties": {"size": {"type": "integer"}},
    "additionalProperties": True,
}


def _class(spec: PluginSpec, name: str) -> list[str]:
    lines = [f"class {name}:", f"    name = {spec.name!r}"]
    if spec.metadata:
        lines.append(f"    version = {(spec.release or '1.0') + '+'!r} + P.version")
    else:
        lines.append("    version = 'not a version'")
    if spec.stop_first:
        lines.append("    swap_policy = 'stop-first'")
    if spec.inputs:
        lines.append(f"    inputs = {list(spec.inputs)!r}")
    if spec.dependencies:
        lines.append(f"    dependencies = {list(spec.dependencies)!r}")
    lines.append("    def __init__(self): self.p = P.construct(self)")
    if spec.settings:
        lines.insert(-1, f"    config_schema = {_SCHEMA!r}")
    if spec.background or spec.settings or spec.connection:
        lines[-1] = "    def __init__(self, context):"
        lines.append("        self.p, self.context = P.construct(self), context")
    for hook in HOOKS:
        lines.append(f"    async def {hook}(self): await self.p.ahook({hook!r})")
        if spec.background and hook == "start":
            lines[-1] += "; self.context.spawn(self.p.background(self.context.spawn))"
        if spec.settings and hook == "start":
            lines[-1] += "; self.p.configure(self.context.config)"
    lines.append("    async def health_check(self): return await self.p.ahealth_check()")
    if spec.state:
        lines.append("    async def get_reload_state(self): return await self.p.aget_state()")
        lines.append("    async def set_reload_state(self, s): await self.p.aset_state(s)")
    if spec.migrates:
        lines.append("    def migrate_state(self, s, version): self.p.learn(version); return s")
    if spec.connection:
        lines.append("    def adopt_connection(self, _, wire): self.p.handed(wire)")
    for role in spec.roles:
        lines.append(f"    def {ROLES[role]}(self, event): return self.p.stage(event, {role!r})")
    if spec.sink and spec.awaits:
        lines.append("    async def write(self, event): await self.p.areceive(event)")
    elif spec.sink:
        lines.append("    def write(self, event): self.p.receive(event)")
    elif not spec.roles:
        handlers = repr(spec.handlers)
        lines.append("    async def handle(self, event):")
        if spec.connection:
            # start() cannot know whether there is an old one whose connection it will be given.
            lines.append("        if self.p.connection is None:")
            lines.append("            self.context.register_connection('wire', self.p.connect())")
        lines.append(f"        return [await self.p.areply(event, h) for h in {handlers}]")
    return lines
