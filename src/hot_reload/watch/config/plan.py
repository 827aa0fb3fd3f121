"""The plan: from the settings that run to those that shall, step by step. Pure.

The order is that of least harm: what is new comes first, what goes goes last, so that a
new sink is there before the old one leaves. ``check_plan`` walks the steps over a
``Registry`` and says what would be refused on the way, before anything is done.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from hot_reload.config.equality import same
from hot_reload.config.problem import Problem, nearest
from hot_reload.errors import CycleError, MissingDependency
from hot_reload.manifest import Dependency
from hot_reload.policy.graph import DependencyGraph
from hot_reload.policy.guards import may_disable, may_unload
from hot_reload.policy.registry import Entry, Registry
from hot_reload.watch.config.model import HostConfig, PluginEntry


@dataclass(frozen=True, slots=True)
class Load:
    """Load a plugin that is new in the files."""

    entry: PluginEntry


@dataclass(frozen=True, slots=True)
class Replace:
    """Unload a plugin and load its name from another place."""

    old: PluginEntry
    new: PluginEntry


@dataclass(frozen=True, slots=True)
class Reconfigure:
    """Give plugins their new config, all of them or none.

    Those that were ``edited`` get it with the bytes on disk where the code that runs does
    not take it: code and config were saved together. ``objections``: what the schemas of
    some of them, as they run, have against it.
    """

    old: Mapping[str, PluginEntry]
    new: Mapping[str, PluginEntry]
    edited: frozenset[str] = frozenset()
    objections: tuple[Problem, ...] = ()

    @property
    def refusing(self) -> frozenset[str]:
        """The edited plugins whose code, as it runs, would not take it."""
        return frozenset(str(each.path[1]) for each in self.objections)


@dataclass(frozen=True, slots=True)
class Switch:
    """Enable or disable a plugin."""

    name: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Unload:
    """Unload a plugin that is in the files no more."""

    entry: PluginEntry


Step: TypeAlias = Load | Replace | Reconfigure | Switch | Unload


@dataclass(frozen=True, slots=True)
class Plan:
    """``steps`` in their order; ``later`` names what takes effect at the host's next start."""

    steps: tuple[Step, ...] = ()
    later: tuple[str, ...] = ()

    @property
    def affected(self) -> frozenset[str]:
        """The plugins that a step touches."""
        return frozenset(name for each in self.steps for name in _names(each))


Needs: TypeAlias = Mapping[str, tuple[Dependency, ...]]
"""What plugins that are not loaded declare that they need, as far as their text says it."""


def plan(
    old: HostConfig | None,
    new: HostConfig,
    loaded: Registry,
    needs: Needs,
    strayed: Collection[str] = (),
) -> Plan:
    """The steps from ``old`` (None: nothing was applied yet) to ``new``.

    ``loaded`` is what runs: a plugin of ``new`` that is not there is loaded, one that a
    host loaded itself is configured, and so is one of ``strayed``, which have another config
    than ``old`` gave them. A plugin that never was in the files is left alone.
    """
    before: Mapping[str, PluginEntry] = old.plugins if old else {}
    replaced = tuple(
        Replace(before[name], entry)
        for name, entry in new.plugins.items()
        if name in loaded and name in before and _moved(before[name], entry)
    )
    moved = {each.new.name for each in replaced}
    changed = {
        name: entry
        for name, entry in new.plugins.items()
        if name in loaded
        and name not in moved
        and (name not in before or name in strayed or not same(before[name].config, entry.config))
    }
    steps: list[Step] = [Load(each) for each in _load_order(new, loaded, needs)]
    steps += replaced
    turns = [_turn(name, before, new, loaded, moved) for name in new.plugins]
    for wanted in (True, False):
        steps += [turn for turn in turns if turn is not None and turn.enabled is wanted]
    if changed:
        known = {n: before[n] for n in changed if n in before and n not in strayed}
        steps.append(Reconfigure(known, changed))
    gone = [name for name in before if name not in new.plugins and name in loaded]
    steps += [Unload(before[name]) for name in _unload_order(gone, loaded)]
    return Plan(tuple(steps), tuple(_later(old, new)))


def check_plan(planned: Plan, new: HostConfig, loaded: Registry, needs: Needs) -> list[Problem]:
    """What would be refused on the way: a missing dependency, a cycle, the last sink."""
    problems = _graph_problems(planned, new, loaded, needs)
    if problems:
        return problems
    registry = loaded
    # What a new plugin does is known when it is there; until then it may be a sink.
    unknown = any(isinstance(each, (Load, Replace)) for each in planned.steps)
    for each in planned.steps:
        refused = None
        match each:
            case Load(entry):
                declared = _needs_of(entry, needs)
                registry = registry.with_entry(Entry(name=entry.name, dependencies=declared))
            case Switch(name, enabled):
                refused = None if enabled else may_disable(registry, name)
                known = registry.get(name)
                if known:
                    registry = registry.with_entry(replace(known, enabled=enabled))
            case Unload(entry) | Replace(entry, _):
                refused = may_unload(registry, entry.name)
                if isinstance(each, Unload):
                    registry = registry.without(entry.name)
            case Reconfigure():
                pass
        if refused is None or (unknown and _only_sinks(refused.reason.value)):
            continue
        name = next(iter(_names(each)))
        path = ("plugins", name, "enabled") if isinstance(each, Switch) else ("plugins", name)
        problems.append(
            Problem(text=f"refused, {refused.reason.value}", path=path, hint=refused.explanation)
        )
    return problems


def _only_sinks(reason: str) -> bool:
    return reason == "last sink"


def _graph_problems(
    planned: Plan, new: HostConfig, loaded: Registry, needs: Needs
) -> list[Problem]:
    gone = {each.entry.name for each in planned.steps if isinstance(each, Unload)}
    edges = {each.name: each.dependencies for each in loaded if each.name not in gone}
    for name, entry in new.plugins.items():
        declared = _needs_of(entry, needs) if name in needs else edges.get(name, ())
        known = {each.name for each in declared}
        extra = tuple(Dependency(each) for each in entry.needs if each not in known)
        edges[name] = (*declared, *extra)
    try:
        DependencyGraph(edges)
    except CycleError as error:
        names = [each for each in error.members if each in new.plugins]
        path = ("plugins", names[0]) if names else ("plugins",)
        return [Problem(text=str(error), path=path, hint=error.hint or "")]
    except MissingDependency as error:
        path = ("plugins", error.needer if error.needer in new.plugins else error.dependency)
        if error.dependency in gone:
            hint = f"keep {error.dependency!r}, or take out {error.needer!r} as well"
            text = f"is taken out, and plugin {error.needer!r} needs it"
            return [Problem(text=text, path=("plugins", error.dependency), hint=hint)]
        guess = nearest(error.dependency, edges)
        hint = f"did you mean {guess!r}?" if guess else f"add [plugins.{error.dependency}]"
        return [Problem(text=str(error), path=path, hint=hint)]
    return []


def _needs_of(entry: PluginEntry, needs: Needs) -> tuple[Dependency, ...]:
    declared = needs.get(entry.name, ())
    known = {each.name for each in declared}
    return (*declared, *(Dependency(each) for each in entry.needs if each not in known))


def _load_order(new: HostConfig, loaded: Registry, needs: Needs) -> list[PluginEntry]:
    """The new plugins, each after those that it needs, otherwise as the files order them."""
    waiting = {each.name: each for each in new.ordered() if each.name not in loaded}
    ordered: list[PluginEntry] = []
    while waiting:
        ready = next(
            (
                entry
                for entry in waiting.values()
                if not any(each.name in waiting for each in _needs_of(entry, needs))
            ),
            None,
        )
        if ready is None:  # a cycle; ``check_plan`` names it
            return ordered + list(waiting.values())
        ordered.append(waiting.pop(ready.name))
    return ordered


def _unload_order(names: list[str], loaded: Registry) -> list[str]:
    """``names``, dependents before what they need, last loaded first."""
    waiting = [each for each in reversed(loaded.names) if each in names]
    ordered: list[str] = []
    while waiting:
        free = [name for name in waiting if not set(loaded.dependents(name)) & set(waiting)]
        ordered += free or waiting
        waiting = [each for each in waiting if each not in ordered]
    return ordered


def _moved(old: PluginEntry, new: PluginEntry) -> bool:
    return (old.path, old.entry_point) != (new.path, new.entry_point)


def _turn(
    name: str,
    before: Mapping[str, PluginEntry],
    new: HostConfig,
    loaded: Registry,
    moved: Collection[str],
) -> Switch | None:
    """The switch that ``name`` needs. Where the files say what they said, a host's own stays."""
    wanted, known = new.plugins[name].enabled, loaded.get(name)
    if known is None or name in moved:
        return None if wanted else Switch(name, False)  # it is enabled when it is loaded
    said = name in before and before[name].enabled is wanted
    return None if said or known.enabled is wanted else Switch(name, wanted)


def _later(old: HostConfig | None, new: HostConfig) -> list[str]:
    if old is None:
        return []
    found: list[str] = []
    pairs: tuple[tuple[str, Any, Any], ...] = (
        ("engine", old.engine, new.engine),
        ("watch", old.watch, new.watch),
    )
    for section, was, shall in pairs:
        keys = type(was).__dataclass_fields__
        found += [f"{section}.{k}" for k in keys if getattr(was, k) != getattr(shall, k)]
    if old.choice and new.choice:
        for key in ("plugin_paths", "enabled"):
            if getattr(old.choice, key) != getattr(new.choice, key):
                found.append(f"watch.{key}")
    both = [name for name in new.plugins if name in old.plugins]
    found += [
        f"plugins.{name}.{key}"
        for name in both
        for key in ("order", "restore")
        if getattr(old.plugins[name], key) != getattr(new.plugins[name], key)
    ]
    return found


def _names(step: Step) -> tuple[str, ...]:
    match step:
        case Load(entry) | Unload(entry):
            return (entry.name,)
        case Replace(old, _):
            return (old.name,)
        case Reconfigure(new=new):
            return tuple(new)
        case Switch(name, _):
            return (name,)
