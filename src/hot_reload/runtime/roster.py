"""The roster: which plugins there are, and what may become of them.

It holds the live slots beside the pure ``Registry`` that the guards decide on, and
keeps the two saying the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hot_reload.errors import EngineMisuse, ManifestError, NotAdmitted
from hot_reload.manifest import Dependency
from hot_reload.outcome import Outcome, RefusalReason, Role, Running
from hot_reload.policy.graph import DependencyGraph
from hot_reload.policy.guards import Refusal, may_load, may_reload
from hot_reload.policy.registry import Entry, Registry
from hot_reload.runtime.generation import Generation
from hot_reload.runtime.slot import Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStatus:
    """What is known of one plugin. Plain data."""

    name: str
    running: Running | None
    roles: tuple[Role, ...] = ()
    enabled: bool = True
    failed: bool = False
    loaded: bool = True
    """False: registered for lazy loading, and not used yet."""
    last_outcome: Outcome | None = None
    error: str | None = None
    """The last failure, until an operation on the plugin succeeds."""
    path: Path
    """Its module file or package directory, absolute."""
    inputs: tuple[str, ...] = ()
    """The data files that what runs declares, relative to the plugin's directory."""


_NO_PLUGINS, _NO_NEEDS = Registry(), DependencyGraph()


class Roster:
    """Slots by name. Used on the loop's thread; no method suspends."""

    def __init__(self) -> None:
        self.registry = _NO_PLUGINS
        self.graph = _NO_NEEDS
        """Who needs whom, of what runs."""
        self.slots: dict[str, Slot] = {}
        self.lazy: dict[str, Slot] = {}
        """Registered, and not loaded yet."""
        self._by_top: dict[str, set[str]] = {}
        self._tops: dict[str, str] = {}
        """The same the other way round."""
        self._last: dict[str, Outcome] = {}
        self._errors: dict[str, str] = {}
        self._borne: dict[str, str] = {}
        """What they failed by of which their own files are not the cause."""

    def register(self, slot: Slot) -> None:
        """Make ``slot`` known without loading it.

        Raises:
            EngineMisuse: its name is taken.
        """
        if slot.name in self.slots or slot.name in self.lazy:
            raise EngineMisuse(f"plugin {slot.name!r} is registered or loaded already")
        self.lazy[slot.name] = slot

    def may_load(self, slot: Slot) -> Refusal | None:
        """Refuse a name that is taken, where it is sure that the plugin will have it.

        Another file of the same name may hold a plugin that calls itself otherwise.
        """
        known = self.slots.get(slot.name)
        if known is None or slot.named_by_caller or known.path == slot.path:
            return may_load(self.registry, slot.name)
        return None

    def not_yet(self, name: str) -> Refusal | None:
        """Refuse what only a loaded plugin can take, where ``name`` is registered alone."""
        if name not in self.lazy:
            return None
        return Refusal(
            RefusalReason.UNKNOWN_PLUGIN,
            f"plugin {name!r} is registered, and not loaded yet; use it, or load its file, first",
        )

    def name_of(self, slot: Slot, new: Generation) -> str:
        """What ``slot`` is called once ``new`` runs: only a loaded plugin says its own name."""
        known = self.slots.get(slot.name) is slot
        return slot.name if known or slot.named_by_caller else new.described.name

    def admit(self, coming: Mapping[str, tuple[Slot, Generation]]) -> None:
        """Let these generations run, all of them, as far as the other plugins are concerned.

        Raises:
            NotAdmitted: a name is taken, or the last sink would be no sink any more.
            ManifestError: a redactor would be none any more.
            DependencyFault: a dependency is missing or in a wrong version, here or in a
                dependent, or they form a cycle.
        """
        registry = self.registry
        for name, (slot, new) in coming.items():
            if self.slots.get(name) is not slot:
                refusal = may_load(registry, name)
            else:
                refusal = may_reload(registry, name, new_roles=new.roles)
            if refusal is not None:
                own = refusal.reason is RefusalReason.REDACTOR  # whoever else there is
                kind = ManifestError if own else NotAdmitted
                raise kind(refusal.explanation, file=str(new.snapshot.main.path))
            if len(coming) > 1:  # one after the other, two could take the last two sinks
                registry = registry.with_entry(_entry(name, slot, new))
        needs = {name: new.described.dependencies for name, (_, new) in coming.items()}
        if any(needs.values()) or not needs.keys() >= set(self.followers(coming)):
            self._check_versions(coming, needs)

    def _check_versions(
        self,
        coming: Mapping[str, tuple[Slot, Generation]],
        needs: Mapping[str, Sequence[Dependency]],
    ) -> None:
        graph = self.graph.with_edges(needs)
        versions = {
            needed.name: _version(self.slots[needed.name])
            for name in graph.closure(*coming)
            for needed in graph.dependencies[name]
            if needed.name in self.slots
        }
        versions.update({name: new.described.version for name, (_, new) in coming.items()})
        graph.check_versions(versions, of=coming)

    def followers(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of ``names`` that are loaded, and all who need them, in the order of starting."""
        known = self.graph.dependencies
        return self.graph.closure(*[each for each in names if each in known])

    def groups(self, names: Sequence[str]) -> list[list[str]]:
        """``names``, those together whose followers meet; in the order of ``names``."""
        graph = self.graph
        head = dict.fromkeys(names, "")
        """By whom each is led, on the way to the first of its group; empty: it is that itself."""

        def first(name: str) -> str:
            while led_by := head[name]:
                head[name] = head[led_by] or led_by  # shorter for whoever comes next
                name = led_by
            return name

        waiting = [*names] if len(names) > 1 else []
        while waiting:
            name = waiting.pop()
            for user in graph.dependents(name) if name in graph.dependencies else ():
                if user not in head:
                    head[user] = name
                    waiting.append(user)
                elif (one := first(user)) != (other := first(name)):
                    head[one] = other
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(first(name), []).append(name)
        return [*groups.values()]

    def enlist(self, *slots: Slot) -> None:
        """Say what is so with ``slots`` now; called in the same breath as a commit."""
        edges, registry = {}, self.registry
        for slot in slots:
            self.lazy.pop(slot.name, None)
            self.slots[slot.name] = slot
            known = self.registry.get(slot.name)
            entry = _entry(slot.name, slot, slot.current, known)
            if slot.current is not None:
                top = self._tops[slot.name] = slot.current.snapshot.top
                self._by_top.setdefault(top, set()).add(slot.name)
            if entry != known:
                registry = registry.with_entry(entry)
                edges[slot.name] = entry.dependencies
        # All at once: one after the other they could pass through a cycle that is not meant. The
        # registry last: as long as it says nothing, whoever was interrupted here does it again.
        self.graph = self.graph.with_edges(edges)
        self.registry = registry

    def forget(self, *slots: Slot) -> None:
        """``slots`` are unloaded."""
        for slot in slots:
            self.slots.pop(slot.name, None)
            self.registry = self.registry.without(slot.name)
            top = self._tops.pop(slot.name, None)
            if top is not None:
                self._by_top[top].discard(slot.name)
                if not self._by_top[top]:
                    del self._by_top[top]
        self.graph = self.graph.without(
            *[slot.name for slot in slots if slot.name in self.graph.dependencies]
        )

    def importable(self, top: str) -> frozenset[str]:
        """The plugins that run and whose module is imported as ``top``."""
        return frozenset(self._by_top.get(top, ()))

    def remember(self, slot: Slot, outcome: Outcome, *, own: bool = True) -> None:
        """Keep ``outcome`` as the last of ``slot``.

        ``own``: it is about what lies on disk of it, or its configuration. What such a one has
        failed by stays its error until such a one succeeds; any other, until it is made anew.
        """
        name = slot.name
        known = self.slots.get(name) or self.lazy.get(name)
        if known is None:
            for noted in (self._last, self._errors, self._borne):
                noted.pop(name, None)
        if known is not slot:
            return  # gone, never loaded, or the namesake of one that is
        self._last[name] = outcome
        if not outcome.success:
            (self._errors if own else self._borne)[name] = outcome.describe()
            return
        self._borne.pop(name, None)
        if own:
            self._errors.pop(name, None)

    def live(self, name: str) -> Generation:
        """The generation that serves as ``name``.

        Raises:
            EngineMisuse: there is none.
        """
        slot = self.slots.get(name)
        if slot is None or slot.current is None:
            raise EngineMisuse(f"no plugin {name!r} runs{self._meant(name)}")
        return slot.current

    def service(self, name: str) -> Slot:
        """The slot that calls to ``name`` are for.

        Raises:
            EngineMisuse: there is no such service, or it is disabled.
        """
        slot = self.slots.get(name)
        if slot is None or not slot.answers:
            known = ", ".join(each for each, s in self.slots.items() if s.answers) or "none"
            why = f"{_why_not(name, slot)}; services that" if slot else "; these"
            raise EngineMisuse(f"no service {name!r} is loaded and enabled{why} are: {known}")
        return slot

    def slot(self, name: str) -> Slot:
        """Where ``name`` is loaded or registered.

        Raises:
            EngineMisuse: there is no such plugin.
        """
        slot = self.slots.get(name) or self.lazy.get(name)
        if slot is None:
            raise EngineMisuse(f"no plugin {name!r} is loaded{self._meant(name)}")
        return slot

    def status(self, name: str) -> PluginStatus:
        """What is known of ``name``.

        Raises:
            EngineMisuse: there is no such plugin.
        """
        slot = self.slot(name)
        current = slot.current
        return PluginStatus(
            name=name,
            running=current.running if current else None,
            roles=current.roles if current else (),
            enabled=slot.enabled,
            failed=slot.failed,
            loaded=name in self.slots,
            last_outcome=self._last.get(name),
            error=self._errors.get(name) or self._borne.get(name),
            path=slot.path,
            inputs=current.described.inputs if current else (),
        )

    def _meant(self, name: str) -> str:
        guess = self.registry.suggest(name)
        return f"; did you mean {guess!r}?" if guess else ""


def _entry(name: str, slot: Slot, runs: Generation | None, known: Entry | None = None) -> Entry:
    """What the guards are told of ``slot``; where nothing of it runs, what was known of it."""
    if runs is not None:
        roles, dependencies = runs.roles, runs.described.dependencies
    else:
        roles, dependencies = (known.roles, known.dependencies) if known else ((), ())
    return Entry(
        name=name,
        roles=roles,
        enabled=slot.enabled,
        failed=slot.failed and runs is None,
        dependencies=dependencies,
    )


def _why_not(name: str, slot: Slot) -> str:
    """Why a plugin that is there answers no call, and what to do."""
    if slot.current is None:
        return f": nothing of {name!r} runs since its last reload failed; mend and reload it"
    if not slot.enabled:
        return f": {name!r} is disabled; enable it"
    return f": {name!r} has no handle(self, request), or is none by its roles"


def _version(slot: Slot) -> str:
    return slot.current.described.version if slot.current else "0"
