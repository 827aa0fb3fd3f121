"""Building: from a plugin's bytes to a plugin object that nothing has been started of."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from hot_reload.errors import HookFailed, ManifestError, PluginFault
from hot_reload.hooks import bind
from hot_reload.manifest import read_manifest
from hot_reload.outcome import Failure, Role, Stage
from hot_reload.runtime.context import PluginContext
from hot_reload.runtime.discovery import find_factory
from hot_reload.runtime.fault import hook_failed
from hot_reload.runtime.generation import Generation
from hot_reload.runtime.machinery import Machinery
from hot_reload.runtime.slot import Slot
from hot_reload.source.lookalike import remarks
from hot_reload.source.namespace import Namespace
from hot_reload.source.snapshot import SourceSnapshot


class Building:
    """Makes the generations of one slot. ``enter`` hears of each stage.

    Every step raises a ``PluginFault`` where the plugin cannot pass it; whoever called
    ``build`` then releases the generation.
    """

    def __init__(self, machinery: Machinery, slot: Slot, enter: Callable[[Stage], None]) -> None:
        self._machinery = machinery
        self._slot = slot
        self._enter = enter

    def begin(self, snapshot: SourceSnapshot) -> Generation:
        """A generation of ``snapshot``, of which nothing has run yet."""
        number = next(self._machinery.numbers)
        namespace = Namespace(snapshot, number, self._machinery.codes)
        return Generation(number, snapshot, namespace, self._slot.config)

    async def build(self, new: Generation) -> None:
        """Compile, import, find the plugin, construct it, and read what it says of itself."""
        self._enter(Stage.SYNTAX)
        new.namespace.compile_all()
        new.remarks = _remarks(new.snapshot)
        self._enter(Stage.IMPORT)
        module = await self._import(new)
        self._enter(Stage.PLUGIN)
        factory = self._find(new, module)
        self._enter(Stage.CONSTRUCT)
        await self._construct(new, factory)
        self._enter(Stage.METADATA)
        self._describe(new, module)

    async def _import(self, new: Generation) -> ModuleType:
        missing: list[str] = []

        def execute() -> ModuleType:
            try:
                return new.namespace.execute()
            except ModuleNotFoundError as error:
                missing.append(str(error.name))
                raise

        try:
            module: ModuleType = await self._machinery.hooks.call(
                "the module's body", execute, sources=new.sources
            )
        except HookFailed as fault:
            if missing:
                fault.hint = (
                    f"if it is a distribution of that name: python -m pip install {missing[0]}"
                )
            raise
        return module

    def _find(self, new: Generation, module: ModuleType) -> Callable[[PluginContext], Any]:
        try:
            return find_factory(module, self._machinery.app)
        except PluginFault:
            raise
        except BaseException as error:  # a __getattr__ or a descriptor of the module's own raised
            fault = hook_failed(error, "the module, as its plugin was looked for,", new.sources)
        raise fault

    async def _construct(self, new: Generation, factory: Callable[[PluginContext], Any]) -> None:
        new.context = PluginContext(
            self._slot.name, new.number, self._slot.config, self._machinery.app
        )
        new.plugin = await self._machinery.hooks.call(
            "the constructor", factory, new.context, sources=new.sources
        )
        if new.plugin is None:
            raise ManifestError("register() or create() returned None", hint="return the plugin")

    def _describe(self, new: Generation, module: ModuleType) -> None:
        try:
            slot = self._slot
            default = slot.name if slot.named_by_caller else _file_name(new.snapshot.top)
            new.manifest = read_manifest(module, new.plugin, default_name=default)
            new.hooks = bind(new.plugin)
            self._check_steps(new)
        except PluginFault as fault:
            fault.file = fault.file or str(new.snapshot.main.path)
            raise
        except BaseException as error:  # a property of the plugin's own raised
            raised = hook_failed(error, "its metadata", new.sources)
        else:
            self._keep_name(new)
            return
        raise raised

    def _check_steps(self, new: Generation) -> None:
        for role in (Role.FILTER, Role.ENRICHER, Role.PROCESSOR, Role.REDACTOR):
            if role in new.roles and inspect.iscoroutinefunction(new.method(role)):
                raise ManifestError(
                    f"the {role.value}'s method is async def, which emit() cannot await",
                    file=str(new.snapshot.main.path),
                    hint="make it def; what has to wait belongs into a sink or a background task",
                )

    def _keep_name(self, new: Generation) -> None:
        name = new.described.name
        if self._slot.current is None or self._slot.named_by_caller or name == self._slot.name:
            return
        raise ManifestError(
            f"the new version calls itself {name!r}, the running one {self._slot.name!r}",
            file=str(new.snapshot.main.path),
            hint="keep the name, or unload the old plugin and load the new one",
        )


def _remarks(snapshot: SourceSnapshot) -> tuple[Failure, ...]:
    return tuple(
        Failure(Stage.SYNTAX, each.text, each.file, each.line)
        for file in snapshot.files.values()
        for each in remarks(file)
    )


def _file_name(top: str) -> str:
    return top.lower()
