"""The view: what a plan has to know of an engine and of plugins that are not loaded."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from hot_reload.config.problem import ConfigError, KeyPath, Problem
from hot_reload.config.schema import schema_of, validate_config
from hot_reload.errors import EngineMisuse, SourceError
from hot_reload.manifest import Dependency
from hot_reload.outcome import Outcome
from hot_reload.policy.registry import Entry, Registry
from hot_reload.ports import Files
from hot_reload.runtime.roster import PluginStatus
from hot_reload.source.declared import declared_dependencies
from hot_reload.source.snapshot import take_snapshot
from hot_reload.watch.config.model import PluginEntry


class ConfigurableEngine(Protocol):
    """The part of an engine that a configuration is applied to."""

    @property
    def names(self) -> tuple[str, ...]:
        """See ``Engine.names``."""

    @property
    def keeps_state(self) -> bool:
        """See ``Engine.keeps_state``."""

    def status(self, name: str) -> PluginStatus:
        """See ``Engine.status``."""

    def plugin(self, name: str) -> Any:
        """See ``Engine.plugin``."""

    def is_configured(self, name: str, config: Mapping[str, Any]) -> bool:
        """See ``Engine.is_configured``."""

    async def load(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        restore: bool = False,
    ) -> Outcome:
        """See ``Engine.load``."""

    async def unload(self, name: str) -> Outcome:
        """See ``Engine.unload``."""

    async def enable(self, name: str) -> Outcome:
        """See ``Engine.enable``."""

    async def disable(self, name: str) -> Outcome:
        """See ``Engine.disable``."""

    async def reconfigure(
        self, configs: Mapping[str, Mapping[str, Any]], *, reread: Collection[str] = ()
    ) -> dict[str, Outcome]:
        """Give each named plugin its config; all take it, or each keeps what it had.

        Those in ``reread`` are made of the bytes on disk, the others of those that run.
        """


def registry_of(engine: ConfigurableEngine, files: Files) -> Registry:
    """What is loaded in ``engine``, with the dependencies that its text declares."""
    entries: dict[str, Entry] = {}
    for name in engine.names:
        status = engine.status(name)
        entries[name] = Entry(
            name=name,
            roles=status.roles,
            enabled=status.enabled,
            failed=status.failed,
            dependencies=needs_at(status.path, files),
        )
    # What is loaded has been loaded: a text that says otherwise by now is not about that.
    return Registry(
        {
            name: Entry(
                name=name,
                roles=each.roles,
                enabled=each.enabled,
                failed=each.failed,
                dependencies=tuple(d for d in each.dependencies if d.name in entries),
            )
            for name, each in entries.items()
        }
    )


def needs_at(path: Path, files: Files) -> tuple[Dependency, ...]:
    """What the plugin at ``path`` declares that it needs, as far as its text tells it."""
    try:
        return declared_dependencies(take_snapshot(path, files)) or ()
    except SourceError:
        return ()  # to load it says what is wrong


def is_edited(engine: ConfigurableEngine, name: str, files: Files) -> bool:
    """Whether other bytes of a plugin lie on disk than those that run."""
    status = engine.status(name)
    try:
        found = take_snapshot(status.path, files).sha256
    except SourceError:
        return False
    return status.running is not None and status.running.sha256 != found


def schema_problems(
    engine: ConfigurableEngine, entries: Mapping[str, PluginEntry]
) -> Iterator[Problem]:
    """What running plugins have against their new config, by their own schemas.

    It is the code that runs which gets the new config first, so it is its schema that counts.
    """
    for name, entry in entries.items():
        try:
            plugin = engine.plugin(name)
        except EngineMisuse:
            continue  # nothing of it runs
        path: KeyPath = ("plugins", name, "config")
        try:
            schema = schema_of(sys.modules.get(type(plugin).__module__), plugin)
            if schema is not None:
                validate_config(schema, entry.config)
        except ConfigError as error:
            yield from (each.below(path) for each in error.problems)
