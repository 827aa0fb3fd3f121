"""Who needs whom: the order of start and stop, and who follows a reload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hot_reload.errors import CycleError, EngineMisuse, MissingDependency, VersionConflict
from hot_reload.manifest import Dependency


@dataclass(frozen=True)
class DependencyGraph:
    """Plugins and what each needs; immutable, complete and free of cycles.

    ``dependencies`` maps every plugin, isolated ones too, to what it declares. It
    is copied. Every operation is linear in plugins plus dependencies and its
    result depends on names only, never on the order of insertion.

    Several edges change at once by ``DependencyGraph({**graph.dependencies, ...})``;
    one after the other they could pass through a cycle that is not meant.

    Raises:
        MissingDependency: a plugin needs one that is not a key of the mapping.
        CycleError: plugins need each other in a circle.
    """

    dependencies: Mapping[str, tuple[Dependency, ...]] = field(default_factory=dict)
    _needs: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _needed_by: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        declared = {name: tuple(needed) for name, needed in self.dependencies.items()}
        needs = {
            name: tuple(sorted({each.name for each in needed})) for name, needed in declared.items()
        }
        needed_by: dict[str, list[str]] = {name: [] for name in declared}
        for name in sorted(needs):
            for needed_name in needs[name]:
                if needed_name not in needed_by:
                    raise MissingDependency(name, needed_name)
                needed_by[needed_name].append(name)
        object.__setattr__(self, "dependencies", MappingProxyType(declared))
        object.__setattr__(self, "_needs", needs)
        object.__setattr__(self, "_needed_by", {k: tuple(v) for k, v in needed_by.items()})
        for _ in self._dependencies_first(declared):
            pass  # the walk itself finds a cycle

    @property
    def names(self) -> frozenset[str]:
        """Every plugin of the graph."""
        return frozenset(self.dependencies)

    def levels(self, names: Iterable[str] | None = None) -> tuple[tuple[str, ...], ...]:
        """The start order of ``names`` (None: of all) in levels.

        No plugin of a level needs another one of it, not even through plugins
        outside ``names``: a level may start in parallel. Each plugin is in the
        earliest level that its dependencies allow; names are sorted in a level.

        Raises:
            EngineMisuse: a name is not in the graph.
        """
        chosen = self._known(self.dependencies if names is None else names)
        # How many chosen plugins lie on the longest way down from each plugin:
        # counting through the others keeps the order across the gaps they leave.
        height: dict[str, int] = {}
        levels: dict[int, list[str]] = {}
        for name in self._dependencies_first(chosen):
            below = max((height[needed] for needed in self._needs[name]), default=0)
            if name in chosen:
                levels.setdefault(below, []).append(name)
                below += 1
            height[name] = below
        return tuple(tuple(sorted(levels[index])) for index in sorted(levels))

    def start_order(self, names: Iterable[str] | None = None) -> tuple[str, ...]:
        """``names`` (None: all), each dependency before its dependents."""
        return tuple(name for level in self.levels(names) for name in level)

    def stop_order(self, names: Iterable[str] | None = None) -> tuple[str, ...]:
        """``names`` (None: all), each dependent before its dependencies."""
        return self.start_order(names)[::-1]

    def dependents(self, name: str) -> tuple[str, ...]:
        """Who needs ``name`` directly, sorted.

        Raises:
            EngineMisuse: the name is not in the graph.
        """
        self._known((name,))
        return self._needed_by[name]

    def closure(self, *names: str) -> tuple[str, ...]:
        """``names`` and everyone who needs one of them, however far; in start order.

        Raises:
            EngineMisuse: a name is not in the graph.
        """
        reached = set(self._known(names))
        waiting = list(reached)
        while waiting:
            new = set(self._needed_by[waiting.pop()]) - reached
            reached |= new
            waiting += new
        return self.start_order(reached) if len(reached) > 1 else tuple(reached)

    def with_edges(self, edges: Mapping[str, Iterable[Dependency]]) -> DependencyGraph:
        """A graph in which each key, new or known, needs exactly its dependencies.

        It is this graph where that changes nothing, so that a reload which keeps its
        dependencies costs the same beside ten plugins as beside ten thousand.

        Raises:
            MissingDependency: one of them is not in the graph.
            CycleError: plugins would need each other in a circle.
        """
        declared = {name: tuple(needed) for name, needed in edges.items()}
        changed = {k: v for k, v in declared.items() if self.dependencies.get(k) != v}
        return DependencyGraph({**self.dependencies, **changed}) if changed else self

    def without(self, name: str) -> DependencyGraph:
        """A graph without ``name``.

        Raises:
            EngineMisuse: the name is not in the graph.
            MissingDependency: another plugin needs it.
        """
        self._known((name,))
        return DependencyGraph({k: v for k, v in self.dependencies.items() if k != name})

    def check_versions(
        self, versions: Mapping[str, str], *, of: Iterable[str] | None = None
    ) -> None:
        """Hold declared ranges against ``versions`` (name to PEP 440 version).

        ``of`` None: every range. Else only what those plugins need, and what is needed
        of them.

        Raises:
            VersionConflict: a version is outside a range; the alphabetically first
                plugin that is not served is named.
            MissingDependency: ``versions`` lacks a plugin that is needed.
        """
        touched = None if of is None else frozenset(of)
        checked: Iterable[str] = self.dependencies
        if touched is not None:
            checked = {*touched, *(user for name in touched for user in self.dependents(name))}
        for name in sorted(checked):
            for needed in self.dependencies[name]:
                if touched is not None and name not in touched and needed.name not in touched:
                    continue
                found = versions.get(needed.name)
                if found is None:
                    raise MissingDependency(name, needed.name)
                if needed.versions and not needed.admits(found):
                    raise VersionConflict(name, needed.name, needed.versions, found)

    def _known(self, names: Iterable[str]) -> frozenset[str]:
        chosen = frozenset(names)
        unknown = sorted(name for name in chosen if name not in self.dependencies)
        if unknown:
            raise EngineMisuse(
                f"not in the dependency graph: {', '.join(map(repr, unknown))}; "
                "add a plugin with with_edges() before asking for its order"
            )
        return chosen

    def _dependencies_first(self, roots: Iterable[str]) -> Iterator[str]:
        """Everything that ``roots`` need and they themselves, each once, bottom up."""
        done: set[str] = set()
        for root in sorted(roots):
            # A stack of its own, since a long chain would exceed the recursion
            # limit; its keys are the way from the root to where the walk stands.
            path: dict[str, Iterator[str]] = {}
            if root not in done:
                path[root] = iter(self._needs[root])
            while path:
                name, remaining = next(reversed(path.items()))
                needed = next((each for each in remaining if each not in done), None)
                if needed is None:
                    path.popitem()
                    done.add(name)
                    yield name
                elif needed in path:
                    raise CycleError(_smallest_first([*path], needed))
                else:
                    path[needed] = iter(self._needs[needed])


def _smallest_first(path: list[str], entry: str) -> tuple[str, ...]:
    members = path[path.index(entry) :]
    start = members.index(min(members))
    return (*members[start:], *members[:start])
