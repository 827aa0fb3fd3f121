"""The engine: the public face of the reference implementation."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from hot_reload.config.equality import same
from hot_reload.errors import EngineMisuse
from hot_reload.events import Listener
from hot_reload.outcome import Operation, Outcome, Switched, Unchanged
from hot_reload.policy.guards import may_disable, may_enable, may_reload, may_unload
from hot_reload.ports import Clock, Files, LoopClock, StateStore
from hot_reload.runtime import calls
from hot_reload.runtime.arguments import (
    given_callback,
    given_config,
    given_configs,
    given_name,
    given_names,
    given_one_of,
    given_path,
    new_name,
)
from hot_reload.runtime.calls import CallGates
from hot_reload.runtime.dispatch import Counts, Dispatch
from hot_reload.runtime.fault import cause_of
from hot_reload.runtime.first_use import FirstUses
from hot_reload.runtime.graveyard import Graveyard
from hot_reload.runtime.lifecycle import HookRunner
from hot_reload.runtime.machinery import Machinery
from hot_reload.runtime.operations import Operations
from hot_reload.runtime.pipeline import Pipeline, Placed
from hot_reload.runtime.roster import PluginStatus, Roster
from hot_reload.runtime.services import Services
from hot_reload.runtime.slot import Slot
from hot_reload.runtime.transaction import Transaction, Wanted
from hot_reload.settings import Settings
from hot_reload.source.code import CODES, CodeCache
from hot_reload.source.import_policy import ImportPolicy
from hot_reload.source.snapshot import DiskFiles


class Engine:
    """Loads plugins, swaps them while they serve, and takes them out again.

    Use it as an asynchronous context manager. Everything but ``emit`` belongs to the
    event loop that it was opened on; ``emit`` may be called from any thread or task.
    Operations return an ``Outcome`` and raise only for misuse; operations on one
    plugin run one after the other, those on different plugins beside each other.

    Example::

        async with Engine() as engine:
            print((await engine.load("plugins/counter.py")).describe())
            ...                                   # edit the file
            print((await engine.reload("counter")).describe())

    With a ``state_store`` what plugins know outlives the process: their state is saved in
    each reload before it is handed over, and when they are unloaded; see ``load``.

    Raises:
        EngineMisuse: any method that needs it, before the engine is opened or after it
            was closed.
    """

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        clock: Clock | None = None,
        files: Files | None = None,
        imports: ImportPolicy | None = None,
        state_store: StateStore | None = None,
    ) -> None:
        self.settings = given_one_of(Settings, settings, "settings")
        self._clock = clock or LoopClock()
        self._files = files or DiskFiles()
        self._imports = given_one_of(ImportPolicy, imports, "imports")
        for each in self._imports.checks:
            given_callback(each, "a check")
        if state_store is not None and not hasattr(state_store, "save"):
            raise EngineMisuse(
                f"state_store is a {type(state_store).__name__}; give one such as "
                "StateFiles('state')"
            )
        self._states = state_store
        self._roster = Roster()
        self._first_uses = FirstUses(
            self._roster, self._files, lambda slot: self._load(slot, restore=slot.restores)
        )
        self._parts: tuple[Machinery, Operations, Services] | None = None
        self._accepting: Dispatch | _Nobody = _Nobody()
        self._closed = False
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Engine:
        if self._parts is not None or self._closed:
            raise EngineMisuse("an engine is opened once; make a new one")
        kept = self._imports.code_files
        machinery = Machinery(
            settings=self.settings,
            files=self._files,
            app=self,
            hooks=HookRunner(self._clock, self.settings),
            pipeline=Pipeline(self.settings),
            calls=CallGates(self),
            graveyard=Graveyard(),
            imports=self._imports,
            states=self._states,
            codes=CODES if kept is None else CodeCache(files=kept),
        )
        if self._imports.preflight is not None:
            await self._imports.preflight.start()
        operations = Operations(machinery, self._roster, self._clock)
        services = Services(machinery, self._roster, operations, self._first_uses)
        self._parts = machinery, operations, services
        self._accepting = machinery.pipeline.dispatch
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # Operations

    async def load(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        only_sha256: str | None = None,
        restore: bool = False,
    ) -> Outcome:
        """Load the module file or package directory at ``path``.

        ``name`` None: the plugin's own, or else the file's. ``config`` is copied.
        ``only_sha256``: run no other bytes than those with this hash (see ``Running``).
        ``restore``: give it the state that the engine's ``state_store`` has of it, if any,
        through its ``migrate_state`` where that is another version's.

        Raises:
            EngineMisuse: ``restore``, and the engine has no ``state_store``.

        Returns:
            ``Loaded``, ``RolledBack`` (nothing of it is left), ``Refused``, or ``Deferred``
            where it was asked for from a hook.
        """
        self._check_restore(restore)
        slot = _slot(path, name, config)
        await self._first_uses.of_those_needed_by(slot)
        return await self._load(slot, only_sha256, restore=restore)

    async def reload(
        self, name: str, *, force: bool = False, only_sha256: str | None = None
    ) -> Outcome:
        """Swap ``name`` to what is on disk now; ``force``: also when the bytes are the same.

        Whoever needs it follows in the same transaction, made anew of the bytes that run, so
        that all of them commit or none does; see ``Result.cascade``.

        ``only_sha256``: run no other bytes than those with this hash; where the disk has
        others by now, it rolls back at ``Stage.READ``.

        Returns:
            ``Swapped``, ``Unchanged``, ``RolledBack`` (the old generation serves on),
            ``Failed``, ``Refused``, or ``Deferred`` where it was asked for from a hook,
            or from a handler of the plugin itself.
        """

        only = None if only_sha256 is None else {name: only_sha256}
        return (await self.reload_many([name], force=force, only_sha256=only))[name]

    async def reload_many(
        self,
        names: Iterable[str] | None = None,
        *,
        force: bool = False,
        only_sha256: Mapping[str, str] | None = None,
    ) -> dict[str, Outcome]:
        """Swap several plugins (None: all) to what is on disk now, each of them once.

        Plugins that share somebody who needs them, or need each other, are swapped in one
        transaction, all or none; the others beside each other.

        Returns:
            The outcome for each name, as of ``reload``, in the order of ``names``.
        """
        roster, operations = self._roster, self._operations
        wanted = given_names(self.names if names is None else names)
        for slot in [roster.slots[each] for each in wanted if each in roster.slots]:
            await self._first_uses.of_those_needed_by(slot)
        only = only_sha256 or {}

        async def group(members: Sequence[str]) -> dict[str, Outcome]:
            async def act() -> dict[str, Outcome]:
                return await self._renew(
                    Operation.RELOAD,
                    members,
                    lambda name: Wanted(roster.slots[name], force, only.get(name)),
                )

            return await operations.run(
                Operation.RELOAD,
                members,
                lambda: (*members, *roster.followers(members)),
                act,
                alike=(*members, force, *(only.get(name) for name in members)),
            )

        groups = roster.groups(wanted)
        if len(groups) == 1:
            return await group(groups[0])
        done: dict[str, Outcome] = {}
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(group(members)) for members in groups]
        for task in running:
            done.update(task.result())
        return {name: done[name] for name in wanted}

    async def reconfigure(
        self, configs: Mapping[str, Mapping[str, Any]], *, reread: Collection[str] = ()
    ) -> dict[str, Outcome]:
        """Give plugins a new configuration: all of them, or none where one refuses it.

        Each is swapped to a generation made of the bytes that run, and so is whoever
        needs it; those named in ``reread`` are made of the bytes on disk, for code and
        configuration of which neither fits the other's old half. One whose configuration
        (and, where it is reread, whose code) is what it was is left alone. ``configs`` is
        copied.

        Returns:
            The outcome for each name: ``Swapped``, ``Unchanged``, ``RolledBack``, ``Failed``,
            ``Refused`` or ``Deferred``.

        Raises:
            EngineMisuse: a configuration is none, or there is none for a name in ``reread``.
        """
        roster, copies = self._roster, given_configs(configs)
        names, anew = list(copies), given_names(reread)
        for name in anew:
            if name not in copies:
                raise EngineMisuse(f"reread names {name!r}, which configs has nothing for")

        async def act() -> dict[str, Outcome]:
            return await self._renew(
                Operation.RELOAD,
                names,
                lambda name: Wanted(roster.slots[name], config=copies[name], reread=name in anew),
            )

        return await self._operations.run(
            Operation.RELOAD, names, lambda: (*names, *roster.followers(names)), act
        )

    async def unload(self, name: str, *, cascade: bool = False) -> Outcome:
        """Drain, flush, stop and forget ``name``; ``cascade``: and before it all who need it.

        Returns:
            ``Unloaded``, ``Refused`` (the last sink; others depend on it) or ``Deferred``.
        """
        roster, operations, name = self._roster, self._operations, given_name(name)

        async def act() -> Outcome:
            slots = [roster.slots[each] for each in roster.followers([name])]
            done = await operations.attempt(Operation.UNLOAD, slots[:1], partial(_unload, slots))
            return done[name]

        outcomes = await operations.run(
            Operation.UNLOAD,
            [name],
            lambda: (name, *roster.followers([name])) if cascade else (name,),
            lambda: operations.guarded(
                Operation.UNLOAD,
                name,
                lambda: roster.not_yet(name) or may_unload(roster.registry, name, cascade=cascade),
                act,
            ),
        )
        return outcomes[name]

    async def enable(self, name: str) -> Outcome:
        """Let events and calls reach ``name`` again; ``Unchanged`` if they did."""
        return await self._switch(Operation.ENABLE, name, True)

    async def disable(self, name: str) -> Outcome:
        """Keep ``name`` loaded, but let nothing reach it; ``Refused`` for the last sink."""
        return await self._switch(Operation.DISABLE, name, False)

    def register(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        restore: bool = False,
    ) -> str:
        """Make a plugin known without loading it. Gives its name.

        Its first ``use`` loads it, and so does the load or reload of one whose text declares
        that it needs it. ``restore`` is as for ``load``, when that comes.

        Raises:
            EngineMisuse: the name is taken; or ``restore``, and the engine has no
                ``state_store``.
        """
        self._check_restore(restore)
        slot = _slot(path, name, config)
        slot.named_by_caller = True  # it is known by this name already
        slot.restores = restore
        self._roster.register(slot)
        return slot.name

    # Traffic

    def emit(self, event: Any) -> bool:
        """Send ``event`` through the pipeline. From any thread or task; waits for no swap.

        Returns:
            Whether it was accepted: an accepted event reaches each sink, or is counted in
            ``counts`` as filtered or dropped. False: there is no sink, or the engine is
            not open.
        """
        emit = self._accepting.emit  # two lines: Python calls what is no method quicker so
        return emit(event)

    async def settle(self) -> None:
        """Return when asynchronous sinks have written all that was accepted before."""
        self._operations.check_loop()
        await self._machinery.pipeline.empty()

    async def call(self, request: Any, *, plugin: str | None = None) -> list[Any]:
        """The replies of every enabled service to ``request``, in the order of loading.

        A service whose ``handle`` raises is left out, logged, and counted in
        ``counts.errors``. ``plugin`` names just one.

        Raises:
            HookFailed: the named plugin's ``handle`` raised.
            EngineMisuse: no such service is loaded and enabled.
        """
        if plugin is not None:
            return [await self.use(plugin, request)]
        return await self._services.call(request)

    async def use(self, name: str, request: Any = None) -> Any:
        """The reply of the service ``name``; its first use loads one that was registered.

        Concurrent first uses share one load, and its failure.

        Raises:
            HookFailed: its ``handle`` raised.
            EngineMisuse: no such service is loaded and enabled.
            OperationFailed: its first load failed, or that of a registered one that it needs.
        """
        return await self._services.use(given_name(name), request)

    # What is known

    @property
    def counts(self) -> Counts:
        """What became of events; see ``Counts``."""
        return self._machinery.pipeline.counts

    @property
    def keeps_state(self) -> bool:
        """Whether it has a ``state_store``, so that ``restore=True`` means something."""
        return self._states is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The loaded plugins, in the order of loading."""
        return self._roster.registry.names

    @property
    def history(self) -> Sequence[Outcome]:
        """The last outcomes, oldest first."""
        return tuple(self._operations.history)

    def plugin(self, name: str) -> Any:
        """The live plugin object of ``name``. Do not keep it beyond a reload.

        Raises:
            EngineMisuse: nothing of that name runs.
        """
        return self._roster.live(given_name(name)).plugin

    def cause_of(self, name: str, error: BaseException) -> str:
        """What code of the plugin ``name`` raised, on one line, to be shown: it is trimmed, and
        secrets of the plugin's configuration are masked.

        Raises:
            EngineMisuse: nothing of that name runs.
        """
        return cause_of(error, self._roster.live(given_name(name)).origin.secrets)

    def status(self, name: str) -> PluginStatus:
        """What is known of ``name``.

        Raises:
            EngineMisuse: there is no such plugin.
        """
        return self._roster.status(given_name(name))

    def is_configured(self, name: str, config: Mapping[str, Any]) -> bool:
        """Whether ``config`` is what ``name``, loaded or registered, is configured with.

        Raises:
            EngineMisuse: there is no such plugin.
        """
        return same(self._roster.slot(given_name(name)).config, config)

    def source_hashes(self, name: str) -> dict[str, str]:
        """Each source file that runs, relative to the plugin, with the SHA-256 of its bytes.

        Raises:
            EngineMisuse: nothing of that name runs.
        """
        snapshot = self._roster.live(given_name(name)).snapshot
        root = snapshot.main.path.parent
        return {
            each.path.relative_to(root).as_posix(): each.sha256 for each in snapshot.files.values()
        }

    def lingering(self) -> tuple[str, ...]:
        """The old generations that are still in memory after a full garbage collection.

        Empty is the proof that reloads leak none. The collection takes time in
        proportion to the heap.
        """
        return self._machinery.graveyard.lingering()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every lifecycle event, on the loop's thread; gives the way out.

        What a listener raises is logged and harms nobody.

        Raises:
            EngineMisuse: it is ``async def``, or cannot be called.
        """
        given_callback(listener, "the listener")
        listeners = self._operations.listeners
        listeners.append(listener)

        def stop() -> None:
            with contextlib.suppress(ValueError):
                listeners.remove(listener)

        return stop

    def guard(self, guard: Callable[[Operation, str], str | None]) -> Callable[[], None]:
        """Ask ``guard`` before each operation on a plugin begins; gives the way out.

        It returns why the operation must not begin, and what to do next; None: it may. Where
        it raises, the operation is refused too. ``close`` asks nobody.

        Raises:
            EngineMisuse: it is ``async def``, or cannot be called.
        """
        given_callback(guard, "the guard")
        guards = self._operations.guards
        guards.append(guard)

        def stop() -> None:
            with contextlib.suppress(ValueError):
                guards.remove(guard)

        return stop

    async def close(self) -> None:
        """Roll back or finish what runs, unload everything, accept nothing more.

        Idempotent; whoever calls it returns when the engine is closed. A caller that is
        cancelled does not stop it, and waits for its end too.

        Raises:
            EngineMisuse: a plugin called it, from inside of what it would wait for; or it was
                called on another event loop.
        """
        if self._parts is not None:
            self._operations.check_loop()
        self._closed = True
        if self._parts is None:
            return
        plugin = calls.inside_any(self)
        if plugin is not None:
            self._closed = self._closing is not None
            raise EngineMisuse(
                f"close() was called from inside plugin {plugin!r}, whose end it would wait for; "
                "let the host close the engine"
            )
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(
                self._close(), name="close of the engine"
            )
        try:
            await asyncio.shield(self._closing)
        except asyncio.CancelledError:
            await asyncio.wait({self._closing})
            raise

    async def _close(self) -> None:
        operations = self._operations
        await operations.close()
        self._machinery.pipeline.seal()
        for name in self._roster.graph.stop_order():
            # One that failed, too: as long as it is there, nobody that it needs may leave.
            slots = [self._roster.slots[name]]
            await operations.attempt(Operation.UNLOAD, slots, partial(_unload, slots))
        if self._imports.preflight is not None:
            await self._imports.preflight.close()
        self._parts, self._accepting = None, _Nobody()

    # Pieces

    def _check_restore(self, restore: bool) -> None:
        if restore and self._states is None:
            raise EngineMisuse(
                "restore=True needs a store: give the engine one, such as "
                "Engine(state_store=StateFiles('state'))"
            )

    @property
    def _machinery(self) -> Machinery:
        return self._opened()[0]

    @property
    def _operations(self) -> Operations:
        return self._opened()[1]

    @property
    def _services(self) -> Services:
        return self._opened()[2]

    def _opened(self) -> tuple[Machinery, Operations, Services]:
        if self._parts is None:
            raise EngineMisuse(
                "the engine is closed"
                if self._closed
                else "the engine is not open: write `async with Engine() as engine:`"
            )
        return self._parts

    async def _load(
        self, slot: Slot, only_sha256: str | None = None, *, restore: bool = False
    ) -> Outcome:
        operations, name = self._operations, slot.name

        async def act() -> Outcome:
            wanted = [Wanted(slot, only_sha256=only_sha256, restore=restore)]
            done = await operations.attempt(Operation.LOAD, [slot], lambda t: t.renew(wanted))
            return done[slot.name]

        outcomes = await operations.run(
            Operation.LOAD,
            [name],
            lambda: [name],
            lambda: operations.guarded(
                Operation.LOAD, name, lambda: self._roster.may_load(slot), act
            ),
        )
        return outcomes[name]

    async def _renew(
        self, operation: Operation, names: Sequence[str], wanted: Callable[[str], Wanted]
    ) -> dict[str, Outcome]:
        """One transaction over those of ``names`` that are loaded; the others are refused."""
        roster, registry, operations = self._roster, self._roster.registry, self._operations
        refusals = {
            name: roster.not_yet(name)
            or may_reload(registry, name)
            or operations.barred(operation, name)
            for name in names
        }
        known = [wanted(name) for name in names if refusals[name] is None]
        done = {
            name: operations.refuse(operation, name, refusal)
            for name, refusal in refusals.items()
            if refusal is not None
        }
        if known:
            slots = [each.slot for each in known]
            forced = any(each.force for each in known)
            done.update(
                await operations.attempt(operation, slots, lambda t: t.renew(known), forced=forced)
            )
        return {name: done[name] for name in names}

    async def _switch(self, operation: Operation, name: str, enabled: bool) -> Outcome:
        roster, pipeline, operations = self._roster, self._machinery.pipeline, self._operations
        name = given_name(name)

        async def act() -> Outcome:
            slot = roster.slots[name]
            return await operations.noted(operation, slot, lambda: switch(slot))

        async def switch(slot: Slot) -> Outcome:
            running = slot.current.running if slot.current else None
            if slot.enabled is enabled:
                return Unchanged(operation=operation, plugin=name, old=running)
            slot.enabled = enabled
            roster.enlist(slot)
            pipeline.place([Placed(name, slot.current, enabled)])
            await pipeline.quiet(name)
            return Switched(operation=operation, plugin=name, old=running, enabled=enabled)

        guard = may_enable if enabled else may_disable
        outcomes = await operations.run(
            operation,
            [name],
            lambda: [name],
            lambda: operations.guarded(
                operation, name, lambda: roster.not_yet(name) or guard(roster.registry, name), act
            ),
        )
        return outcomes[name]


class _Nobody:
    """Who accepts events before the engine is open, and after it was closed."""

    def emit(self, event: Any) -> bool:
        return False


async def _unload(slots: Sequence[Slot], transaction: Transaction) -> None:
    await transaction.unload(slots)


def _slot(path: str | Path, name: str | None, config: Mapping[str, Any] | None) -> Slot:
    name, where = new_name(name), given_path(path)
    return Slot(name or where.stem.lower(), where, given_config(config), named_by_caller=bool(name))
