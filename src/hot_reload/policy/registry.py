"""What is loaded, as a value: the decisions look at it, the runtime replaces it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from hot_reload.manifest import Dependency
from hot_reload.outcome import Role
from hot_reload.policy.graph import DependencyGraph
from hot_reload.policy.layered import Layered


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One loaded plugin. ``failed``: it is known, but nothing of it runs."""

    name: str
    roles: tuple[Role, ...] = ()
    enabled: bool = True
    failed: bool = False
    dependencies: tuple[Dependency, ...] = ()

    @property
    def serves(self) -> bool:
        """Whether events reach it."""
        return self.enabled and not self.failed

    @property
    def is_sink(self) -> bool:
        return Role.SINK in self.roles


@dataclass(frozen=True)
class Registry:
    """Every loaded plugin by name, in the order of loading; immutable.

    A change gives a new registry, so whoever holds one holds a consistent view,
    in any thread or task. It holds names and facts, never a generation: the
    runtime keeps its live objects beside it, under the same names.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        entries = {entry.name: entry for entry in self.entries.values()}
        if entries.keys() != self.entries.keys():
            raise ValueError("each key of a registry's entries must be the name of its entry")
        object.__setattr__(self, "entries", Layered(self.entries))

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of loading."""
        return tuple(self.entries)

    def get(self, name: str) -> Entry | None:
        return self.entries.get(name)

    def with_entry(self, entry: Entry) -> Registry:
        """A registry in which ``entry`` stands for its name; a known name keeps its place."""
        return self._changed({entry.name: entry})

    def without(self, name: str) -> Registry:
        """A registry without ``name``; an unknown name makes no difference."""
        return self._changed({}, (name,))

    def _changed(self, entries: Mapping[str, Entry], without: Collection[str] = ()) -> Registry:
        assert isinstance(self.entries, Layered)
        registry = object.__new__(Registry)
        object.__setattr__(registry, "entries", self.entries.changed(entries, without))
        return registry

    def suggest(self, name: str) -> str | None:
        """The known name that was probably meant by the unknown ``name``, if one is near."""
        close = difflib.get_close_matches(name.lower(), self.entries, n=1)
        return close[0] if close else None

    def sinks(self) -> tuple[Entry, ...]:
        """The sinks that events reach: enabled and not failed."""
        return tuple(entry for entry in self if entry.is_sink and entry.serves)

    def dependents(self, name: str) -> tuple[str, ...]:
        """Who declares ``name`` as a dependency, sorted."""
        return tuple(
            sorted(entry.name for entry in self if any(d.name == name for d in entry.dependencies))
        )

    def graph(self) -> DependencyGraph:
        """The dependency graph of what is loaded.

        Raises:
            MissingDependency: an entry needs a plugin that is not in the registry.
            CycleError: entries need each other in a circle.
        """
        return DependencyGraph({entry.name: entry.dependencies for entry in self})
