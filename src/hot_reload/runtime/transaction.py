"""The transaction: how a generation comes to serve, gives way to the next, and leaves.

A swap reads, from top to bottom, in ``Transaction.swap``. Two rules hold it up:
before the commit nothing touches the old generation but reading its state, so that
a failure anywhere rolls back to an old one that never noticed; after the commit
nothing can fail the swap, so that every mishap there is a warning of a success.

A transaction runs in a task of its own. Its caller's cancellation reaches it only while
it is ``abortable``: before the commit it rolls back, after it nothing can undo it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hot_reload.errors import PluginFault
from hot_reload.hooks import FLUSH, GET_RELOAD_STATE, ON_RELOAD, STOP, TEARDOWN
from hot_reload.manifest import SwapPolicy
from hot_reload.outcome import Failure, Role, Stage, StateCarried
from hot_reload.runtime.building import Building
from hot_reload.runtime.fault import failure_of
from hot_reload.runtime.generation import Generation
from hot_reload.runtime.machinery import Machinery
from hot_reload.runtime.slot import Slot
from hot_reload.runtime.state import copied
from hot_reload.runtime.steps import Steps
from hot_reload.source.snapshot import SourceSnapshot


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
        self._admit = admit
        self._on_commit = on_commit
        self._steps = Steps(machinery, slot, on_stage)
        self._building = Building(machinery, slot, self._steps.enter)
        self.committed = False
        self._settling = False

    @property
    def abortable(self) -> bool:
        """Whether a cancellation may reach it now: not once it has committed, nor while it
        rolls back, which a cancellation would leave half done."""
        return not (self.committed or self._settling)

    async def load(self, *, only_sha256: str | None = None) -> Done | Undone:
        """Bring the first generation to serve, or the next one after FAILED."""
        new: Generation | None = None
        try:
            snapshot = self._steps.read()
            self._steps.check_bytes(snapshot, only_sha256)
            new = await self._prepare(snapshot)
            self._precheck(new)
            await self._steps.start(new)
            carried = await self._steps.restore_rescued(new)
            await self._steps.check_health(new)
            self._commit(new)
        except PluginFault as fault:
            failure = failure_of(self._steps.stage, fault)
            return Undone(failure, await self._discard(new))
        except BaseException:
            await self._discard(new)
            raise
        return Done(new, carried, new.remarks)

    async def swap(
        self, old: Generation, *, force: bool = False, only_sha256: str | None = None
    ) -> Done | Undone:
        """Let a generation made of what is on disk now serve in place of ``old``."""
        new: Generation | None = None
        try:
            snapshot = self._steps.read()
            if snapshot.sha256 == old.snapshot.sha256 and not force:
                return Done(old, unchanged=True)
            self._steps.check_bytes(snapshot, only_sha256)
            new = await self._prepare(snapshot)
            self._precheck(new)
            if SwapPolicy.STOP_FIRST in (old.described.swap_policy, new.described.swap_policy):
                return await self._swap_stop_first(old, new)
            await self._steps.start(new)
            carried = await self._steps.hand_over(old, new)
            await self._steps.check_health(new)
            await self._steps.hook(new, ON_RELOAD)
            self._commit(new)
        except PluginFault as fault:
            failure = failure_of(self._steps.stage, fault)
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

    # Pieces

    async def _prepare(self, snapshot: SourceSnapshot) -> Generation:
        """A generation of ``snapshot``, constructed; what fails is released here."""
        new = self._building.begin(snapshot)
        try:
            await self._building.build(new)
        except BaseException:
            await self._discard(new)
            raise
        return new

    def _precheck(self, new: Generation) -> None:
        """Ask early whether ``new`` would be admitted: before anything of it is started."""
        self._admit(new)
        assert new.context is not None
        new.context.name = self._slot.name  # on a first load only the plugin says its name

    def _commit(self, new: Generation) -> None:
        """From here on ``new`` serves, alone. Does not suspend."""
        self._steps.enter(Stage.COMMIT)
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

    async def _retire(self, old: Generation, *, last_sink: bool) -> tuple[Failure, ...]:
        """Drain, flush, stop, teardown, release: each guarded, each once.

        ``last_sink``: no generation after it is a sink, so its mailbox is emptied into it.
        """
        warnings = await self._steps.drain(old, last_sink=last_sink)
        for hook in (FLUSH, STOP, TEARDOWN):
            warnings += await self._steps.guarded(old, hook)
        if last_sink:
            await self._machinery.pipeline.forget(self._slot.name, self._steps.grace)
        return tuple(warnings + await self._steps.release(old))

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
        stage = self._steps.stage
        warnings: list[Failure] = []
        if new.started:
            for hook in (STOP, TEARDOWN):
                warnings += await self._steps.guarded(new, hook)
        warnings += await self._steps.release(new)
        self._steps.stage = stage
        return tuple(warnings)

    async def _swap_stop_first(self, old: Generation, new: Generation) -> Done | Undone:
        """For an exclusive resource: ``old`` stops before ``new`` starts, and comes back, as a
        fresh instance of the same bytes, where that fails."""
        state: Any = None
        try:
            self._steps.enter(Stage.CAPTURE)
            await self._steps.hold(old)
            if old.hooks.has(GET_RELOAD_STATE):
                state = copied(await self._steps.hook(old, GET_RELOAD_STATE))
        except PluginFault as fault:
            return Undone(failure_of(self._steps.stage, fault), await self._roll_back(old, new))
        # A cancellation that reached the old one's stop would leave it half stopped, and serving.
        self._settling = True
        warnings = [*await self._steps.guarded(old, FLUSH), *await self._steps.guarded(old, STOP)]
        self._settling = False
        try:
            carried = await self._steps.start_with_state(new, state)
            await self._steps.hook(new, ON_RELOAD)
            self._commit(new)
        except PluginFault as fault:
            failure = failure_of(self._steps.stage, fault)
            warnings += await self._discard(new)
            return await self._bring_back(old, state, failure, warnings)
        except BaseException as error:
            cancelled = Failure(self._steps.stage, f"{type(error).__name__} reached the engine")
            await self._discard(new)
            await self._bring_back(old, state, cancelled, warnings)
            raise
        warnings += await self._steps.guarded(old, TEARDOWN)
        return Done(new, carried, (*new.remarks, *warnings, *await self._steps.release(old)))

    async def _bring_back(
        self, old: Generation, state: Any, failure: Failure, warnings: list[Failure]
    ) -> Undone:
        warnings += await self._steps.guarded(old, TEARDOWN)
        again: Generation | None = None
        try:
            again = await self._prepare(old.snapshot)
            await self._steps.start_with_state(again, state)
        except PluginFault as fault:
            beyond_repair = failure_of(self._steps.stage, fault)
            warnings += [*await self._discard(again), *await self._steps.release(old)]
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
        return Undone(failure, (*warnings, *await self._steps.release(old)))
