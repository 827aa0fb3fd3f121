"""Building: from a plugin's bytes to a plugin object that nothing has been started of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import AsyncGeneratorType, GeneratorType, ModuleType
from typing import Any

from hot_reload.config.problem import ConfigError
from hot_reload.config.schema import schema_of, secret_paths, validate_config
from hot_reload.config.secret import secret_texts
from hot_reload.errors import (
    DependencyFault,
    EngineMisuse,
    HookFailed,
    ImportRefused,
    ManifestError,
    MissingDependency,
    PluginFault,
    SourceSyntaxError,
)
from hot_reload.hooks import bind, check_arguments, check_call
from hot_reload.manifest import ROLE_METHOD, read_manifest
from hot_reload.outcome import Failure, Role, Stage
from hot_reload.runtime.context import PluginContext
from hot_reload.runtime.discovery import find
from hot_reload.runtime.fault import cause_of, failure_of, hook_failed
from hot_reload.runtime.generation import TRANSFORMS, Generation
from hot_reload.runtime.immediate import may_wait
from hot_reload.runtime.leftover import own_tasks
from hot_reload.runtime.machinery import Machinery
from hot_reload.runtime.slot import Slot
from hot_reload.runtime.steps import Steps
from hot_reload.source.declared import declared_dependencies
from hot_reload.source.lookalike import remarks
from hot_reload.source.namespace import Namespace, Neighbours
from hot_reload.source.process_state import Watch
from hot_reload.source.snapshot import SourceSnapshot
from hot_reload.source.validate import UNREACHED, validate

_GENERATORS = frozenset({AsyncGeneratorType, GeneratorType})
_NO_PLUGINS = _GENERATORS | {bool, bytes, dict, float, frozenset, int, list, set, str, tuple}


class Building:
    """Makes the generations of one slot, in the course of ``steps``.

    Every step raises a ``PluginFault`` where the plugin cannot pass it; whoever called
    ``begin`` then releases the generation.
    """

    def __init__(self, machinery: Machinery, slot: Slot, steps: Steps) -> None:
        self._machinery = machinery
        self._slot = slot
        self._steps = steps
        self._enter = steps.enter

    def begin(
        self, snapshot: SourceSnapshot, config: Mapping[str, Any], neighbours: Neighbours
    ) -> Generation:
        """A generation of ``snapshot``, of which nothing has run yet."""
        number = next(self._machinery.numbers)
        namespace = Namespace(
            snapshot,
            number,
            self._machinery.codes,
            neighbours=neighbours,
            declared=partial(self._declared, snapshot),
        )
        return Generation(number, snapshot, namespace, config)

    def _declared(self, snapshot: SourceSnapshot) -> frozenset[str]:
        declared = declared_dependencies(snapshot)
        if declared is None:  # its text does not say; the running one's metadata do
            current = self._slot.current
            declared = current.described.dependencies if current else ()
        return frozenset(each.name for each in declared)

    async def build(self, new: Generation, *, force: bool = False) -> None:
        """Compile, import, find the plugin, construct it, and read what it says of itself."""
        self._enter(Stage.SYNTAX)
        new.remarks = _remarks(new.snapshot, new.namespace.compile_all())
        if self._machinery.imports.validate:
            self._validate(new, force=force)
        self._ask_host(new)
        self._enter(Stage.IMPORT)
        await self._preflight(new)
        module = await self._import(new)
        self._enter(Stage.PLUGIN)
        factory, classes = self._find(new, module)
        schema = schema_of(module, classes[0] if len(classes) == 1 else None)
        config = self._configure(new, schema)
        self._enter(Stage.CONSTRUCT)
        await self._construct(new, factory, config)
        self._enter(Stage.METADATA)
        self._describe(new, module)
        late = new.described.config_schema
        if late is not schema and isinstance(late, (type, Mapping)):
            self._configure(new, late)  # only the object could say it: a property, a factory's

    def _validate(self, new: Generation, *, force: bool) -> None:
        current = self._slot.current
        found = validate(
            new.snapshot,
            roles=current.roles if current else (),
            configured=bool(new.config),
        )
        fault = found.fault(force=force)
        if fault is not None:
            raise fault

    def _ask_host(self, new: Generation) -> None:
        for check in self._machinery.imports.checks:
            try:
                why = check(new.snapshot)
                if why is not None and not isinstance(why, str):
                    raise TypeError(f"it gave {why!r:.80} where a reason or None belongs")
            except KeyboardInterrupt:  # the user's
                raise
            except BaseException as error:
                why = f"it raised {cause_of(error)}; mend it, or take it out"
            if why is not None:
                file = str(new.snapshot.main.path)
                raise ImportRefused(f"a check of the host refuses it: {why}", file=file)

    async def _preflight(self, new: Generation) -> None:
        preflight = self._machinery.imports.preflight
        if preflight is None:
            return
        needed = [each.snapshot for each in new.namespace.reachable()]
        fault: PluginFault | None
        try:
            fault = (await preflight.check(new.snapshot, needed)).fault()
        except (EngineMisuse, OSError) as error:  # no process can be had now
            fault = ImportRefused(
                f"no preflight could be made, and nothing is imported without: {error}",
                file=str(new.snapshot.main.path),
                hint="reload it when the machine has processes and descriptors to spare",
            )
        if fault is not None:
            raise fault

    async def _import(self, new: Generation) -> ModuleType:
        missing: list[str] = []
        absent: list[str] = []
        unforeseen: list[SourceSyntaxError] = []

        def execute() -> ModuleType:
            try:
                return new.namespace.execute()
            except ModuleNotFoundError as error:
                missing.append(str(error.name))
                raise
            except SourceSyntaxError as error:  # of a module that it imports by a computed name
                again = SourceSyntaxError(str(error), file=error.file, line=error.line)
                unforeseen.append(again)  # the one that was raised holds the body's frames
                raise

        file = str(new.snapshot.main.path)
        watch = Watch(self._machinery.imports.process_changes, own=new.namespace.top, file=file)
        try:
            with watch:
                module: ModuleType = await self._machinery.hooks.call(
                    "the module's body", execute, origin=new.origin
                )
        except HookFailed as fault:
            fault.file = fault.file or file
            await self._end_tasks(new)
            absent = new.namespace.absent() if missing else []
            if not (absent or unforeseen):
                if missing and fault.hint is None:
                    fault.hint = (
                        f"if it is a distribution of that name: python -m pip install {missing[0]}"
                    )
                raise
        finally:
            new.remarks += tuple(Failure(Stage.IMPORT, text, file) for text in watch.remarks)
        if unforeseen:
            self._enter(Stage.SYNTAX)
            raise unforeseen[0]
        if absent:
            self._enter(Stage.METADATA)  # where a dependency that nothing imports is missed, too
            unmet = MissingDependency(self._slot.name, absent[0])
            unmet.file = file
            raise unmet
        return module

    async def _end_tasks(self, new: Generation) -> None:
        """End the tasks that a body began before it failed: nobody else knows of them."""
        own = own_tasks(new)
        for task in own:
            task.cancel()
        if own:
            grace = self._machinery.settings.cancel_grace_seconds
            await self._machinery.hooks.wait(asyncio.ensure_future(asyncio.wait(own)), grace)

    def _find(
        self, new: Generation, module: ModuleType
    ) -> tuple[Callable[[PluginContext], Any], list[type]]:
        try:
            return find(module, self._machinery.app)
        except PluginFault as fault:
            fault.file = fault.file or str(new.snapshot.main.path)
            raise
        except BaseException as error:  # a __getattr__ or a descriptor of the module's own raised
            raised = hook_failed(error, "the module, as its plugin was looked for,", new.origin)
        raise raised

    def _configure(self, new: Generation, schema: Any) -> Mapping[str, Any]:
        """The config as the plugin is given it: by a mapping, with the defaults that this has."""
        if schema is None and not new.config:
            return new.config
        if schema is not None:
            self._enter(Stage.CONFIG)
        new.origin.secrets = secret_texts(new.config, secret_paths(schema))
        try:
            made = validate_config(schema, new.config)
            return made if isinstance(schema, Mapping) else new.config
        except ConfigError as error:
            text = "; ".join(map(str, error.problems))
        raise ManifestError(
            f"its configuration does not fit its config_schema: {text}",
            file=str(new.snapshot.main.path),
            hint="mend the configuration that it is loaded with",
        )

    async def _construct(
        self, new: Generation, factory: Callable[[PluginContext], Any], config: Mapping[str, Any]
    ) -> None:
        new.context = PluginContext(self._slot.name, new.number, config, self._machinery.app)
        made = await self._machinery.hooks.call(
            "the constructor",
            factory,
            new.context,
            origin=new.origin,
            deadline_seconds=self._steps.time_left("the constructor"),
        )
        fault = _no_plugin(made, (self._machinery.app, new.context))
        if fault is not None:
            fault.file = str(new.snapshot.main.path)
            raise fault
        new.plugin = made  # now: of the host's own object nothing would have to end

    def _describe(self, new: Generation, module: ModuleType) -> None:
        try:
            slot = self._slot
            default = slot.name if slot.named_by_caller else _file_name(new.snapshot.top)
            new.manifest = read_manifest(module, new.plugin, default_name=default)
            new.hooks = bind(new.plugin)
            self._check_steps(new)
            self._check_imports(new)
        except PluginFault as fault:
            fault.file = fault.file or str(new.snapshot.main.path)
            raise
        except BaseException as error:  # a property of the plugin's own raised
            raised = hook_failed(error, "its metadata", new.origin)
        else:
            self._keep_name(new)
            return
        raise raised

    def _check_steps(self, new: Generation) -> None:
        handle = new.method(Role.SERVICE)
        if Role.SERVICE in new.roles and handle is not None:
            check_arguments(  # a generator is an answer, too: whoever asks goes through it
                f"{type(new.plugin).__name__}.handle",
                handle,
                1,
                hint="it is called with the request: write def handle(self, request); if it is "
                "for something else, give it another name",
            )
        for role in (*TRANSFORMS, Role.SINK):
            if role not in new.roles:
                continue
            check_call(
                f"{type(new.plugin).__name__}.{ROLE_METHOD[role]}",
                new.method(role),
                1,
                hint=f"a {role.value}'s method is called with the event; if this one is no "
                f'{role.value}, say which roles it has, such as roles = ["service"]',
            )
            if role is not Role.SINK and may_wait(new.method(role)):
                raise ManifestError(
                    f"the {role.value}'s method waits for something, which emit() cannot await",
                    file=str(new.snapshot.main.path),
                    hint="take the await out; what has to wait belongs into a sink or a task",
                )

    def _check_imports(self, new: Generation) -> None:
        undeclared = new.namespace.seal([each.name for each in new.described.dependencies])
        if undeclared:
            names = " and ".join(map(repr, sorted(undeclared)))
            raise DependencyFault(
                f"it imports the plugin {names}, which it does not declare: a reload of {names} "
                "would not reach it",
                hint=f"add {names} to its dependencies",
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


def _no_plugin(made: Any, strangers: Sequence[object]) -> ManifestError | None:
    """Why what a module gave for its plugin cannot be one, where that is beyond doubt."""
    if made is None:
        return ManifestError("register() or create() returned None", hint="return the plugin")
    kind = type(made)  # not made.__class__: that is what it says itself
    if issubclass(kind, type):
        return ManifestError(
            f"register() or create() returned the class {made.__name__}, not a plugin",
            hint=f"return an object of it, such as {made.__name__}()",
        )
    if kind in _NO_PLUGINS or any(made is each for each in strangers):
        return ManifestError(
            f"register(), create() or the constructor gave a {kind.__name__}, not a plugin",
            hint="return the plugin's own object"
            + ("; take the yield out" if kind in _GENERATORS else ""),
        )
    return None


def _remarks(
    snapshot: SourceSnapshot, unread: Mapping[str, SourceSyntaxError]
) -> tuple[Failure, ...]:
    """What to tell of a plugin's text; ``unread`` does not compile, and nothing imports it."""
    found: list[Failure] = []
    for name, file in snapshot.files.items():
        fault = unread.get(name)
        if fault is not None:
            fault.hint = UNREACHED
            found.append(failure_of(Stage.SYNTAX, fault))
            continue
        found += [Failure(Stage.SYNTAX, e.text, e.file, e.line) for e in remarks(file)]
    return tuple(found)


def _file_name(top: str) -> str:
    return top.lower()
