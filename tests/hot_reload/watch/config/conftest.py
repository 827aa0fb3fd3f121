"""An engine that keeps books, and settings files on a clock that the test moves."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from hot_reload.errors import EngineMisuse
from hot_reload.outcome import (
    Failure,
    Loaded,
    Operation,
    Outcome,
    Refused,
    Role,
    RolledBack,
    Running,
    Stage,
    StateCarried,
    Swapped,
    Switched,
    Unchanged,
    Unloaded,
)
from hot_reload.policy.guards import Refusal, may_disable, may_unload
from hot_reload.policy.registry import Entry, Registry
from hot_reload.runtime.roster import PluginStatus
from hot_reload.watch.config.reloader import ConfigReloader
from hot_reload.watch.config.result import ConfigResult
from hot_reload.watch.settings import WatchSettings
from hot_reload_fixtures import ManualClock, ScriptedHints


class BookEngine:
    """Does what an engine says it does, in books: configs, switches, guards; runs no plugin.

    ``refuses`` has the configs that a plugin rolls back on, by name.
    """

    def __init__(self) -> None:
        self.registry = Registry()
        self.paths: dict[str, Path] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.refuses: dict[str, Callable[[Mapping[str, Any]], str]] = {}
        self.generation = 0

    keeps_state = False

    @property
    def names(self) -> tuple[str, ...]:
        return self.registry.names

    @property
    def state(self) -> dict[str, Any]:
        """All that a configuration may change."""
        return {
            each.name: (each.enabled, self.paths[each.name], self.configs[each.name])
            for each in self.registry
        }

    def status(self, name: str) -> PluginStatus:
        entry = self.registry.get(name)
        if entry is None:
            raise EngineMisuse(f"no plugin {name!r}")
        return PluginStatus(
            name=name,
            running=Running("1", "0" * 64, 1),
            roles=entry.roles,
            enabled=entry.enabled,
            path=self.paths[name],
        )

    def plugin(self, name: str) -> Any:
        return None

    def is_configured(self, name: str, config: Mapping[str, Any]) -> bool:
        return self.configs[name] == config

    async def load(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        restore: bool = False,
    ) -> Outcome:
        assert name is not None
        self.calls.append(("load", name))
        held = dict(config or {})
        refusal = self._told(name, held)
        if refusal:
            return self._rolled_back(Operation.LOAD, name, refusal)
        roles = (Role.SINK,) if "sink" in Path(path).read_text() else (Role.SERVICE,)
        self.registry = self.registry.with_entry(Entry(name=name, roles=roles))
        self.paths[name], self.configs[name] = Path(path), held
        return Loaded(operation=Operation.LOAD, plugin=name)

    async def unload(self, name: str) -> Outcome:
        self.calls.append(("unload", name))
        refusal = may_unload(self.registry, name)
        if refusal:
            return self._refused(Operation.UNLOAD, name, refusal)
        self.registry = self.registry.without(name)
        return Unloaded(operation=Operation.UNLOAD, plugin=name)

    async def enable(self, name: str) -> Outcome:
        return self._switch(Operation.ENABLE, name, True)

    async def disable(self, name: str) -> Outcome:
        refusal = may_disable(self.registry, name)
        if refusal:
            self.calls.append(("disable", name))
            return self._refused(Operation.DISABLE, name, refusal)
        return self._switch(Operation.DISABLE, name, False)

    async def reconfigure(
        self, configs: Mapping[str, Mapping[str, Any]], *, reread: Collection[str] = ()
    ) -> dict[str, Outcome]:
        self.calls.append(("reconfigure", *sorted(configs)))
        told = {name: self._told(name, config) for name, config in configs.items()}
        if any(told.values()):
            return {
                name: self._rolled_back(Operation.RELOAD, name, words)
                if words
                else Unchanged(operation=Operation.RELOAD, plugin=name)
                for name, words in told.items()
            }
        self.configs |= {name: dict(config) for name, config in configs.items()}
        return {
            name: Swapped(
                operation=Operation.RELOAD, plugin=name, state=StateCarried.NOTHING_TO_CARRY
            )
            for name in configs
        }

    def _told(self, name: str, config: Mapping[str, Any]) -> str:
        return self.refuses[name](config) if name in self.refuses else ""

    def _switch(self, operation: Operation, name: str, enabled: bool) -> Outcome:
        self.calls.append((operation.value, name))
        entry = self.registry.get(name)
        assert entry is not None
        self.registry = self.registry.with_entry(
            Entry(name=name, roles=entry.roles, enabled=enabled, dependencies=entry.dependencies)
        )
        return Switched(operation=operation, plugin=name, enabled=enabled)

    def _refused(self, operation: Operation, name: str, refusal: Refusal) -> Outcome:
        return Refused(
            operation=operation,
            plugin=name,
            reason=refusal.reason,
            explanation=refusal.explanation,
        )

    def _rolled_back(self, operation: Operation, name: str, words: str) -> Outcome:
        return RolledBack(operation=operation, plugin=name, failure=Failure(Stage.START, words))


class Desk:
    """One host: its settings file, its plugins' files, its engine, its reloader."""

    def __init__(self, folder: Path, engine: Any, clock: ManualClock) -> None:
        self.folder = folder
        self.engine = engine
        self.clock = clock
        self.hints = ScriptedHints()
        self.file = folder / "settings.toml"
        self.results: list[ConfigResult] = []
        self.reloader = self.make()

    def make(self, *paths: Path, **options: Any) -> ConfigReloader:
        given: dict[str, Any] = {
            "settings": WatchSettings(cooldown_seconds=5),
            "clock": self.clock,
            "hints": self.hints,
            "environment": {},
            "on_result": self.results.append,
        }
        self.reloader = ConfigReloader(self.engine, *(paths or (self.file,)), **(given | options))
        return self.reloader

    def plugin(self, name: str, text: str = "# a service") -> Path:
        path = self.folder / f"{name}.py"
        path.write_text(text)
        return path

    def write(self, text: str) -> None:
        self.file.write_text(text)
        self.hints.tell(self.file)

    async def run(self, seconds: float) -> None:
        await self.clock.advance_async(seconds)

    @property
    def verdicts(self) -> list[str]:
        """The results so far, by their verdicts, and none of them any more."""
        found = [each.verdict.value for each in self.results]
        self.results.clear()
        return found


@contextlib.asynccontextmanager
async def desk_at(folder: Path, engine: Any = None) -> AsyncIterator[Desk]:
    clock = ManualClock(start_seconds=100.0)
    desk = Desk(folder, engine or BookEngine(), clock)
    try:
        yield desk
    finally:
        await desk.reloader.stop()
        assert desk.hints.open_count == 0, "a change source was left open"
        assert clock.pending == 0, "a timer was left"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_at(tmp_path) as desk:
        yield desk


@pytest.fixture(scope="session")
def open_desk() -> Callable[..., contextlib.AbstractAsyncContextManager[Desk]]:
    """``desk_at`` itself, for tests with an engine of their own."""
    return desk_at
