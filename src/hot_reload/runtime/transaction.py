"""The transaction: how a generation comes to serve, gives way to the next, and leaves.

A swap reads, from top to bottom, in ``Transaction.swap``. Two rules hold it up:
before the commit nothing touches the old generation but reading its state, so that
a failure anywhere rolls back to an old one that never noticed; after the commit
nothing can fail the swap, so that every mishap there is a warning of a success.

A transaction runs in a task of its own. Its caller's cancellation reaches it only
through ``abort``, which before the commit rolls back and after it does nothing.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hot_reload.errors import HookFailed, HookTimeout, ManifestError, PluginFault, UnhealthyError
from hot_reload.hooks import (
    FLUSH,
    GET_RELOAD_STATE,
    HEALTH_CHECK,
    ON_RELOAD,
    SET_RELOAD_STATE,
    SETUP,
    START,
    STOP,
    TEARDOWN,
    Hook,
    bind,
)
from hot_reload.manifest import SwapPolicy, read_manifest
from hot_reload.outcome import Failure, Role, Stage, StateCarried
from hot_reload.ports import Files
from hot_reload.runtime.calls import CallGates
from hot_reload.runtime.context import EngineHandle, PluginContext
from hot_reload.runtime.discovery import find_factory
from hot_reload.runtime.fault import failure_of, hook_failed
from hot_reload.runtime.generation import Generation
from hot_reload.runtime.graveyard import Graveyard
from hot_reload.runtime.lifecycle import HookRunner
from hot_reload.runtime.pipeline import Pipeline
from hot_reload.runtime.slot import Slot
from hot_reload.runtime.state import copied
from hot_reload.settings import Settings
from hot_reload.source.code import CodeCache
from hot_reload.source.lookalike import remarks
from hot_reload.source.namespace import Namespace
from hot_reload.source.snapshot import SourceSnapshot, take_snapshot

HEALTHY_WORDS = frozenset({"ok", "healthy", "up", "pass", "passing", "running"})


@dataclass(frozen=True, slots=True)
class Machinery:
    """What the transactions of one engine work with."""

    settings: Settings
    files: Files
    app: EngineHandle
    hooks: HookRunner
    pipeline: Pipeline
    calls: CallGates
    graveyard: Graveyard
    codes: CodeCache = field(default_factory=CodeCache)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))


@dataclass(frozen=True, slots=True)
class Done:
    """A transaction that committed (or had nothing to do: ``unchanged``)."""

    new: Generation | None
    state: StateCarried = StateCarried.NOTHING_TO_CARRY
    warnings: tuple[Failure, ...] = ()
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Undone:
    """A transaction that rolled back; ``beyond_repair``: the old generation is gone too."""

    failure: Failure
    warnings: tuple[Failure, ...] = ()
    beyond_repair: Failure | None = None


class Transaction:
    """One operation on one slot.

    ``on_stage`` hears of each stage; ``admit`` is asked right before the commit and may
    raise a ``PluginFault``; ``on_commit`` is called in the same breath as the commit.
    """

    def __init__(
        self,
        machinery: Machinery,
        slot: Slot,
        *,
        on_stage: Callable[[Stage], None],
        admit: Callable[[Generation], None],
        on_commit: Callable[[], None],
    ) -> None:
        self._machinery = machinery
        self._slot = slot
        self._on_stage = on_stage
        self._admit = admit
        self._on_commit = on_commit
        self.stage = Stage.READ
        self.committed = False
        self._settling = False

    @property
    def abortable(self) -> bool:
        """Whether a cancellation may reach it now: not once it has committed, nor while it
        rolls back, which a cancellation would leave half done."""
        return not (self.committed or self._settling)

    async def load(self) -> Done | Undone:
        """Bring the first generation to serve, or the next one after FAILED."""
        new: Generation | None = None
        try:
            snapshot = self._read()
            new = await self._prepare(snapshot)
            self._precheck(new)
            await self._start(new)
            carried = await self._restore_rescued(new)
            await self._check_health(new)
            self._commit(new)
        except PluginFault as fault:
            failure = failure_of(self.stage, fault)
            return Undone(failure, await self._discard(new))
        except BaseException:
            await self._discard(new)
            raise
        return Done(new, carried, new.remarks)

    async def swap(self, old: Generation, *, force: bool = False) -> Done | Undone:
        """Let a generation made of what is on disk now serve in place of ``old``."""
        new: Generation | None = None
        try:
            snapshot = self._read()
            if snapshot.sha256 == old.snapshot.sha256 and not force:
                return Done(old, unchanged=True)
            new = await self._prepare(snapshot)
            self._precheck(new)
            if SwapPolicy.STOP_FIRST in (old.described.swap_policy, new.described.swap_policy):
                return await self._swap_stop_first(old, new)
            await self._start(new)
            carried = await self._hand_over(old, new)
            await self._check_health(new)
            await self._hook(new, ON_RELOAD)
            self._commit(new)
        except PluginFault as fault:
            failure = failure_of(self.stage, fault)
            return Undone(failure, await self._roll_back(old, new))
        except BaseException:
            await self._roll_back(old, new)
            raise
        gone = Role.SINK in old.roles and Role.SINK not in new.roles
        return Done(new, carried, (*new.remarks, *await self._retire(old, last_sink=gone)))

    def forget_failed(self) -> None:
        """Take out a plugin of which nothing runs."""
        self._committed()

    async def unload(self, old: Generation) -> Done:
        """Let nothing of the slot serve any more."""
        self._slot.current = None
        self._machinery.pipeline.place(self._slot.name, None)
        self._machinery.calls.open(self._slot.name)
        self._committed()
        return Done(None, warnings=await self._retire(old, last_sink=True))

    # Before the commit: each step raises a PluginFault, and self.stage says where it was.

    def _read(self) -> SourceSnapshot:
        self._enter(Stage.READ)
        return take_snapshot(self._slot.path, self._machinery.files)

    async def _prepare(self, snapshot: SourceSnapshot) -> Generation:
        """From bytes to a constructed plugin with a manifest; what fails is released here."""
        number = next(self._machinery.numbers)
        namespace = Namespace(snapshot, number, self._machinery.codes)
        new = Generation(number, snapshot, namespace, self._slot.config)
        try:
            self._enter(Stage.SYNTAX)
            namespace.compile_all()
            new.remarks = _remarks(snapshot)
            self._enter(Stage.IMPORT)
            module = await self._import(new)
            self._enter(Stage.PLUGIN)
            factory = self._find(new, module)
            self._enter(Stage.CONSTRUCT)
            await self._construct(new, factory)
            self._enter(Stage.METADATA)
            self._describe(new, module)
        except BaseException:
            await self._discard(new)
            raise
        return new

    async def _import(self, new: Generation) -> Any:
        missing: list[str] = []

        def execute() -> Any:
            try:
                return new.namespace.execute()
            except ModuleNotFoundError as error:
                missing.append(str(error.name))
                raise

        try:
            return await self._machinery.hooks.call(
                "the module's body", execute, sources=new.sources
            )
        except HookFailed as fault:
            if missing:
                fault.hint = (
                    f"if it is a distribution of that name: python -m pip install {missing[0]}"
                )
            raise

    def _find(self, new: Generation, module: Any) -> Callable[[PluginContext], Any]:
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

    def _describe(self, new: Generation, module: Any) -> None:
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

    def _precheck(self, new: Generation) -> None:
        """Ask early whether ``new`` would be admitted: before anything of it is started."""
        self._admit(new)
        assert new.context is not None
        new.context.name = self._slot.name  # on a first load only the plugin says its name

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

    async def _start(self, new: Generation) -> None:
        new.started = True  # from here on it may hold something
        await self._hook(new, SETUP)
        await self._hook(new, START)

    async def _hand_over(self, old: Generation, new: Generation) -> StateCarried:
        """Carry the state, while events and calls wait at the gate."""
        if not old.hands_over_to(new):
            return StateCarried.NO_HOOKS
        self._enter(Stage.CAPTURE)
        await self._hold(old)
        state = copied(await self._hook(old, GET_RELOAD_STATE))
        if state is None:
            return StateCarried.NOTHING_TO_CARRY
        await self._hook(new, SET_RELOAD_STATE, state)
        return StateCarried.CARRIED

    async def _hold(self, old: Generation) -> None:
        """Close the gates, and wait until nothing is inside ``old``: its state stands still."""
        machinery = self._machinery
        machinery.calls.close(self._slot.name)

        async def still() -> None:
            await machinery.pipeline.hold(self._slot.name)
            await old.leases.returned()

        if not await self._in_time(still()):
            raise HookTimeout(
                "events or calls were still inside the running generation after "
                f"{machinery.settings.drain_deadline_seconds:g} s",
                hint="look for a handler or write() that hangs, or raise drain_deadline_seconds",
            )

    async def _restore_rescued(self, new: Generation) -> StateCarried:
        state = self._slot.rescued_state
        if state is None or not new.hooks.has(SET_RELOAD_STATE):
            return StateCarried.NOTHING_TO_CARRY
        await self._hook(new, SET_RELOAD_STATE, copied(state))
        return StateCarried.CARRIED

    async def _check_health(self, new: Generation) -> None:
        answer = await self._hook(new, HEALTH_CHECK)
        try:
            said = "" if is_healthy(answer) else f"health_check answered {answer!r:.200}"
        except BaseException as error:  # its __bool__ or __repr__ is the plugin's own
            fault = hook_failed(error, "the answer of health_check", new.sources)
        else:
            if said:
                raise UnhealthyError(said, file=str(new.snapshot.main.path))
            return
        raise fault

    # The commit

    def _commit(self, new: Generation) -> None:
        """From here on ``new`` serves, alone. Does not suspend."""
        self._enter(Stage.COMMIT)
        self._admit(new)
        slot = self._slot
        slot.current = new
        slot.failed = False
        slot.rescued_state = None
        self._serve(new)
        self._committed()

    def _serve(self, generation: Generation) -> None:
        slot = self._slot
        self._machinery.pipeline.place(slot.name, generation, enabled=slot.enabled)
        self._machinery.calls.open(self._slot.name)

    def _committed(self) -> None:
        self.committed = True
        self._on_commit()

    # After the commit: every mishap is a warning.

    async def _retire(self, old: Generation, *, last_sink: bool) -> tuple[Failure, ...]:
        """Drain, flush, stop, teardown, release: each guarded, each once.

        ``last_sink``: no generation after it is a sink, so its mailbox is emptied into it.
        """
        warnings = await self._drain(old, last_sink=last_sink)
        for hook in (FLUSH, STOP, TEARDOWN):
            warnings += await self._guarded(old, hook)
        if last_sink:
            await self._machinery.pipeline.forget(self._slot.name, self._grace)
        return tuple(warnings + await self._release(old))

    async def _drain(self, old: Generation, *, last_sink: bool) -> list[Failure]:
        pipeline, name = self._machinery.pipeline, self._slot.name
        self._enter(Stage.DRAIN)

        async def drained() -> None:
            await pipeline.quiet(name)
            if last_sink:
                await pipeline.empty([name])
            await old.leases.returned()

        if await self._in_time(drained()):
            return []
        pipeline.abandon(name)
        seconds = self._machinery.settings.drain_deadline_seconds
        return [
            Failure(
                stage=Stage.DRAIN,
                cause=f"events or calls were still inside the old generation after {seconds:g} s",
                hint="it was stopped all the same; look for a handler or write() that hangs",
            )
        ]

    # The way back

    async def _roll_back(self, old: Generation, new: Generation | None) -> tuple[Failure, ...]:
        """Let what waited go on to ``old``, and release ``new``; ``stage`` stays where it was."""
        if self._slot.current is old:
            self._serve(old)
        return await self._discard(new)

    async def _discard(self, new: Generation | None) -> tuple[Failure, ...]:
        """Release a generation that never served: stop it if it may hold something."""
        if new is None:
            return ()
        self._settling = True
        stage = self.stage
        warnings: list[Failure] = []
        if new.started:
            for hook in (STOP, TEARDOWN):
                warnings += await self._guarded(new, hook)
        warnings += await self._release(new)
        self.stage = stage
        return tuple(warnings)

    # Stop-first

    async def _swap_stop_first(self, old: Generation, new: Generation) -> Done | Undone:
        """For an exclusive resource: ``old`` stops before ``new`` starts, and comes back, as a
        fresh instance of the same bytes, where that fails."""
        state: Any = None
        try:
            self._enter(Stage.CAPTURE)
            await self._hold(old)
            if old.hooks.has(GET_RELOAD_STATE):
                state = copied(await self._hook(old, GET_RELOAD_STATE))
        except PluginFault as fault:
            return Undone(failure_of(self.stage, fault), await self._roll_back(old, new))
        # A cancellation that reached the old one's stop would leave it half stopped, and serving.
        self._settling = True
        warnings = [*await self._guarded(old, FLUSH), *await self._guarded(old, STOP)]
        self._settling = False
        try:
            carried = await self._start_with_state(new, state)
            await self._hook(new, ON_RELOAD)
            self._commit(new)
        except PluginFault as fault:
            failure = failure_of(self.stage, fault)
            warnings += await self._discard(new)
            return await self._bring_back(old, state, failure, warnings)
        except BaseException as error:
            cancelled = Failure(self.stage, f"{type(error).__name__} reached the engine")
            await self._discard(new)
            await self._bring_back(old, state, cancelled, warnings)
            raise
        warnings += await self._guarded(old, TEARDOWN)
        return Done(new, carried, (*new.remarks, *warnings, *await self._release(old)))

    async def _start_with_state(self, new: Generation, state: Any) -> StateCarried:
        await self._start(new)
        carried = StateCarried.NO_HOOKS
        if state is not None and new.hooks.has(SET_RELOAD_STATE):
            await self._hook(new, SET_RELOAD_STATE, copied(state))
            carried = StateCarried.CARRIED
        await self._check_health(new)
        return carried

    async def _bring_back(
        self, old: Generation, state: Any, failure: Failure, warnings: list[Failure]
    ) -> Undone:
        warnings += await self._guarded(old, TEARDOWN)
        again: Generation | None = None
        try:
            again = await self._prepare(old.snapshot)
            await self._start_with_state(again, state)
        except PluginFault as fault:
            beyond_repair = failure_of(self.stage, fault)
            warnings += [*await self._discard(again), *await self._release(old)]
            slot = self._slot
            slot.current, slot.failed, slot.rescued_state = None, True, state
            self._machinery.pipeline.place(slot.name, None)
            self._machinery.pipeline.orphan(slot.name)
            self._machinery.calls.open(slot.name)
            self._committed()
            return Undone(failure, tuple(warnings), beyond_repair)
        self._slot.current = again
        self._serve(again)
        self._committed()
        return Undone(failure, (*warnings, *await self._release(old)))

    # Pieces

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self._on_stage(stage)

    async def _hook(self, generation: Generation, hook: Hook, *arguments: Any) -> Any:
        """What the hook returns; None where the plugin has no such hook."""
        self._enter(hook.stage)
        method = generation.hooks.get(hook)
        if method is None:
            return None
        return await self._machinery.hooks.call(
            hook.name, method, *arguments, sources=generation.sources
        )

    async def _guarded(self, generation: Generation, hook: Hook) -> list[Failure]:
        try:
            await self._hook(generation, hook)
        except PluginFault as fault:
            return [failure_of(hook.stage, fault)]
        return []

    async def _release(self, generation: Generation) -> list[Failure]:
        """Let go of all that belongs to ``generation``; idempotent."""
        self._enter(Stage.RELEASE)
        warnings: list[Failure] = []
        context = generation.context
        if context is not None:
            for cleanup in context.take_cleanups():
                try:
                    await self._machinery.hooks.call(
                        "a cleanup", cleanup, sources=generation.sources
                    )
                except PluginFault as fault:
                    warnings.append(failure_of(Stage.RELEASE, fault))
            running = context.cancel_tasks()
            for task in running:
                if not await self._grace(task):
                    cause = f"task {task.get_name()!r} swallowed its cancellation and is leaked"
                    warnings.append(Failure(Stage.RELEASE, cause))
        self._machinery.graveyard.bury(self._slot.name, generation)
        generation.let_go()
        return warnings

    async def _grace(self, task: asyncio.Future[Any]) -> bool:
        return await self._machinery.hooks.wait(task, self._machinery.settings.cancel_grace_seconds)

    async def _in_time(self, waiting: Any) -> bool:
        """Whether ``waiting`` ends within the drain deadline; it is cancelled where not."""
        task = asyncio.ensure_future(waiting)
        try:
            in_time = await self._machinery.hooks.wait(
                task, self._machinery.settings.drain_deadline_seconds
            )
            return in_time and task.result() is None  # result(): an error in it is told
        finally:
            task.cancel()


def is_healthy(answer: object) -> bool:
    """What a health_check's answer means: a bool, a mapping with ``healthy`` or ``status``,
    or nothing, which is as good as True."""
    if isinstance(answer, Mapping):
        if "healthy" in answer:
            return bool(answer["healthy"])
        return str(answer.get("status", "ok")).lower() in HEALTHY_WORDS
    return answer is None or bool(answer)


def _remarks(snapshot: SourceSnapshot) -> tuple[Failure, ...]:
    return tuple(
        Failure(Stage.SYNTAX, each.text, each.file, each.line)
        for file in snapshot.files.values()
        for each in remarks(file)
    )


def _file_name(top: str) -> str:
    return top.lower()
