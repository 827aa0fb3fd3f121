"""A generation: one loaded version of one plugin, and all that belongs to it."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from hot_reload.hooks import GET_RELOAD_STATE, SET_RELOAD_STATE, BoundHooks, Hook
from hot_reload.manifest import ROLE_METHOD, Manifest
from hot_reload.outcome import Failure, Role, Running
from hot_reload.runtime.calls import Leases
from hot_reload.runtime.context import PluginContext
from hot_reload.runtime.fault import Origin
from hot_reload.runtime.lifecycle import HookCall
from hot_reload.source.namespace import Namespace
from hot_reload.source.snapshot import SourceSnapshot

TRANSFORMS = (Role.FILTER, Role.ENRICHER, Role.PROCESSOR, Role.REDACTOR)
"""The roles that an event passes before it reaches the sinks, in this order."""


class Generation:
    """One version, from its namespace to its plugin object. Used on the loop's thread."""

    def __init__(
        self, number: int, snapshot: SourceSnapshot, namespace: Namespace, config: Mapping[str, Any]
    ) -> None:
        self.number = number
        self.snapshot = snapshot
        self.namespace = namespace
        self.config = config
        self.origin = Origin(
            frozenset(str(file.path) for file in snapshot.files.values()), top=snapshot.top
        )
        self.context: PluginContext | None = None
        self.manifest: Manifest | None = None
        self.plugin: Any = None
        self.hooks = BoundHooks({})
        self.remarks: tuple[Failure, ...] = ()
        """What whoever reviews its source should know; no failure, but told like one."""
        self.started = False
        """Its setup or start has begun: it may hold something, so its stop has to run."""
        self.ending: dict[str, HookCall | None] = {}
        """The hooks of its end that were asked for, by name; None: it has no such hook."""
        self.leases = Leases()

    @property
    def described(self) -> Manifest:
        """The manifest of a generation that was built."""
        assert self.manifest is not None
        return self.manifest

    @property
    def running(self) -> Running:
        version = self.manifest.version if self.manifest else "?"
        return Running(version, self.snapshot.sha256, self.number)

    @property
    def roles(self) -> tuple[Role, ...]:
        return self.manifest.roles if self.manifest else ()

    def has_begun(self, hook: Hook) -> bool:
        """Whether ``hook`` is one of its end that has begun: each runs once, whoever asks again."""
        if hook.name not in self.ending:
            return False
        call = self.ending[hook.name]
        return call is None or call.begun

    def method(self, role: Role) -> Any:
        """The plugin's method for ``role``; None: it has none."""
        return getattr(self.plugin, ROLE_METHOD[role], None)

    def hands_over_to(self, new: Generation) -> bool:
        """Whether state goes from this generation to ``new``."""
        return self.hooks.has(GET_RELOAD_STATE) and new.hooks.has(SET_RELOAD_STATE)

    def witnesses(self) -> list[weakref.ref[Any]]:
        """Weak references to its plugin object, that one's class, and its modules.

        A class that is not of its modules, such as ``types.SimpleNamespace``, stays: no witness.
        """
        modules = self.namespace.modules()
        found: list[weakref.ref[Any]] = [weakref.ref(each) for each in modules.values()]
        if self.plugin is not None:
            kind = type(self.plugin)
            for thing in (self.plugin, kind) if kind.__module__ in modules else (self.plugin,):
                try:
                    found.append(weakref.ref(thing))
                except TypeError:
                    continue  # an object with slots and no __weakref__ cannot be watched
        return found

    def let_go(self) -> None:
        """Drop every reference to the plugin's own objects."""
        self.namespace.release()
        self.plugin = None
        self.context = None
        self.hooks = BoundHooks({})
        self.ending = {}
