"""Who needs whom: the order of start and stop, and who follows a reload."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any

from hot_reload.errors import CycleError, EngineMisuse, MissingDependency, VersionConflict
from hot_reload.manifest import Dependency
from hot_reload.policy.layered import Layered


@dataclass(frozen=True)
class DependencyGraph:
    """Plugins and what each needs; immutable, complete and free of cycles.

    ``dependencies`` maps every plugin, isolated ones too, to what it declares. It
    is copied. A question takes as long as what it is about is large, a change as long as
    what changes; the results depend on names only, never on the order of insertion.

    Several edges change at once by ``DependencyGraph({**graph.dependencies, ...})``;
    one after the other they could pass through a cycle that is not meant.

    Raises:
        MissingDependency: a plugin needs one that is not a key of the mapping.
        CycleError: plugins need each other in a circle.
    """

    dependencies: Mapping[str, tuple[Dependency, ...]] = field(default_factory=dict)
    _needs: Layered[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _needed_by: Layered[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        empty: Layered[str, Any] = Layered()
        self._become(empty, empty, empty, self.dependencies)

    def _become(
        self,
        declared: Layered[str, tuple[Dependency, ...]],
        needs: Layered[str, tuple[str, ...]],
        needed_by: Layered[str, tuple[str, ...]],
        edges: Mapping[str, Iterable[Dependency]],
        without: Collection[str] = (),
    ) -> None:
        """Be the graph of these with ``edges``, and ``without`` some names that nobody needs."""
        new = {name: tuple(needed) for name, needed in edges.items()}
        declared = declared.changed(new, without)
        changed = {
            name: tuple(sorted({each.name for each in needed})) for name, needed in new.items()
        }
        users: dict[str, set[str]] = {name: set() for name in new if name not in needed_by}
        for name in sorted(changed):
            for needed in set(changed[name]).symmetric_difference(needs.get(name, ())):
                if needed not in declared:
                    raise MissingDependency(name, _first_missing(changed[name], declared))
                known = users.setdefault(needed, set(needed_by.get(needed, ())))
                known ^= {name}
        for name in without:
            for needed in needs.get(name, ()):
                users.setdefault(needed, set(needed_by[needed])).discard(name)
        told = {name: tuple(sorted(each)) for name, each in users.items() if name not in without}
        object.__setattr__(self, "dependencies", declared)
        object.__setattr__(self, "_needs", needs.changed(changed, without))
        object.__setattr__(self, "_needed_by", needed_by.changed(told, without))
        # The walk itself finds a cycle, and a new one leads through what changed.
        for _ in self._dependencies_first(name for name in changed if changed[name]):
            pass

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
        if names is None:
            return self._all_levels()
        chosen = self._known(names)
        # How many chosen plugins lie on the longest way down from each plugin:
        # counting through the others keeps the order across the gaps they leave.
        needs = self._quick(self._needs, chosen)
        height: dict[str, int] = {}
        levels: dict[int, list[str]] = {}
        for name in self._dependencies_first(chosen):
            below = max((height[needed] for needed in needs[name]), default=0)
            if name in chosen:
                levels.setdefault(below, []).append(name)
                below += 1
            height[name] = below
        return tuple(tuple(sorted(levels[index])) for index in sorted(levels))

    def _all_levels(self) -> tuple[tuple[str, ...], ...]:
        """The same for everyone: without gaps, it is enough to count who still waits for whom."""
        needs = self._quick(self._needs, self.dependencies)
        needed_by = self._quick(self._needed_by, self.dependencies)
        missing = {name: len(needed) for name, needed in needs.items()}
        level = [name for name, needed in missing.items() if not needed]
        levels = []
        while level:
            levels.append(tuple(sorted(level)))
            following = []
            for name in level:
                for user in needed_by[name]:
                    missing[user] -= 1
                    if not missing[user]:
                        following.append(user)
            level = following
        return tuple(levels)

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
        if len(names) == 1 and self._needed_by.get(names[0]) == ():
            return names  # as mostly, and asked several times in each reload
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
        return self._with(changed) if changed else self

    def without(self, *names: str) -> DependencyGraph:
        """A graph without ``names``.

        Raises:
            EngineMisuse: a name is not in the graph.
            MissingDependency: another plugin needs one of them.
        """
        leaving = self._known(names)
        for name in sorted(leaving):
            for user in self._needed_by[name]:
                if user not in leaving:
                    raise MissingDependency(user, name)
        return self._with({}, leaving)

    def _with(
        self, edges: Mapping[str, Iterable[Dependency]], without: Collection[str] = ()
    ) -> DependencyGraph:
        graph = object.__new__(DependencyGraph)
        declared = self.dependencies
        assert isinstance(declared, Layered)
        graph._become(declared, self._needs, self._needed_by, edges, without)
        return graph

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
        unknown = [name for name in chosen if name not in self.dependencies]
        if unknown:
            raise EngineMisuse(
                f"not in the dependency graph: {', '.join(map(repr, sorted(unknown)))}; "
                "add a plugin with with_edges() before asking for its order"
            )
        return chosen

    @staticmethod
    def _quick(edges: Mapping[str, tuple[str, ...]], of: Sized) -> Mapping[str, tuple[str, ...]]:
        if isinstance(edges, Layered) and len(of) > len(edges) // 8:
            return edges.flat()
        return edges

    def _dependencies_first(self, roots: Iterable[str]) -> Iterator[str]:
        """Everything that ``roots`` need and they themselves, each once, bottom up."""
        done: set[str] = set()
        roots = sorted(roots)
        needs = self._quick(self._needs, roots)
        for root in roots:
            # A stack of its own, since a long chain would exceed the recursion
            # limit; its keys are the way from the root to where the walk stands.
            path: dict[str, Iterator[str]] = {}
            if root not in done:
                path[root] = iter(needs[root])
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
                    path[needed] = iter(needs[needed])


def _first_missing(needed: Iterable[str], known: Collection[str]) -> str:
    return next(name for name in needed if name not in known)


def _smallest_first(path: list[str], entry: str) -> tuple[str, ...]:
    members = path[path.index(entry) :]
    start = members.index(min(members))
    return (*members[start:], *members[:start])
