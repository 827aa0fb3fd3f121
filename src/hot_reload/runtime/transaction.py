"""The transaction: how generations come to serve, give way to the next ones, and leave.

A reload reads, from top to bottom, in ``Transaction.renew``. It is about one plugin and
all that need it, or about several asked for together: each has a ``Part``. Two rules
hold it up: before the commit nothing touches an old generation but reading its state, so
that a failure of any part rolls all of them back to old ones that never noticed; after
the commit nothing can fail it, so that every mishap there is a warning of a success.
(What is declared stop-first breaks the first rule, and is brought back instead.)

A transaction runs in a task of its own. Its caller's cancellation reaches it only while
it is ``abortable``: before the commit it rolls back, after it nothing can undo it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from hot_reload.config.equality import same
from hot_reload.errors import DependencyFault, HookFailed, PluginFault
from hot_reload.hooks import FLUSH, GET_RELOAD_STATE, ON_RELOAD, STOP, TEARDOWN
from hot_reload.manifest import Dependency
from hot_reload.outcome import Failure, Stage, StateCarried
from hot_reload.ports import SavedState
from hot_reload.runtime.building import Building
from hot_reload.runtime.fault import failure_of
from hot_reload.runtime.levels import Levels, by_level
from hot_reload.runtime.machinery import Machinery
from hot_reload.runtime.neighbourhood import Neighbourhood
from hot_reload.runtime.part import Part
from hot_reload.runtime.pipeline import Placed
from hot_reload.runtime.roster import Roster
from hot_reload.runtime.slot import Slot
from hot_reload.runtime.steps import ENDING, Steps
from hot_reload.source.declared import declared_dependencies


@dataclass(frozen=True, slots=True)
class Wanted:
    """One plugin that is to be renewed.

    ``force``: also where the bytes are the same. ``only_sha256``: from no other bytes.
    ``config``: from the bytes that run, with this configuration; ``reread``: from those on
    disk. ``restore``: its first generation gets what the engine's store has of it.
    """

    slot: Slot
    force: bool = False
    only_sha256: str | None = None
    config: Mapping[str, Any] | None = None
    reread: bool = False
    restore: bool = False


class Overtaken(Exception):
    """What a transaction was built upon changed before its commit: it rolled back, try again."""


class Transaction:
    """One operation on one slot, or on several at once.

    ``on_stage`` hears of each stage of each slot; ``on_commit`` is called in the same
    breath as the commit, with the slots that it changed.
    """

    def __init__(
        self,
        machinery: Machinery,
        roster: Roster,
        *,
        on_stage: Callable[[Slot, Stage], None],
        on_commit: Callable[[Sequence[Slot]], None],
    ) -> None:
        self._machinery = machinery
        self._roster = roster
        self._on_stage = on_stage
        self._on_commit = on_commit
        self.task = asyncio.current_task()
        self.parts: list[Part] = []
        """What is wanted and differs from what runs, then all that need it."""
        self._neighbours = Neighbourhood(roster, self.parts)
        self._old_order: Levels = ()
        """The parts, dependencies first, by what the old generations need."""
        self._new_order: Levels = ()
        """The same by what the new ones need."""
        self._needed: dict[str, set[str]] = {}
        """What each part needs, by name, as in ``_new_order``; in that of an unload, as it was."""
        self.failure: Failure | None = None
        """Why it rolled back."""
        self.committed = False
        self._settling = False
        self._leaving = False
        """It is an unload: there is no way back."""
        self._settled = False

    @property
    def abortable(self) -> bool:
        """Whether a cancellation may reach it now: not once it has committed, nor while it
        rolls back, which a cancellation would leave half done."""
        return not (self.committed or self._settling)

    async def renew(self, wanted: Sequence[Wanted]) -> None:
        """Let generations made of what is wanted serve in place of the old ones, if any.

        Raises:
            Overtaken: it rolled back, for no plugin's fault.
        """
        try:
            self._look(wanted)
            if not self.parts:
                return
            self._begin()
            await by_level(self._new_order, self._build)
            self._admit(Stage.METADATA)
            await self._stop_exclusive()
            await by_level(self._new_order, self._start)
            await self._hand_over()
            await by_level(self._new_order, self._check_health)
            await by_level(self._new_order, self._on_reload)
            self._commit()
        except PluginFault as fault:
            self._blame(fault)
        except BaseException as error:
            if not self.committed:
                text = f"{type(error).__name__} reached the engine"
                stage = self.parts[0].steps.stage if self.parts else Stage.READ
                self.failure = Failure(stage, text)
            raise
        finally:
            await self.settle()

    async def unload(self, slots: Iterable[Slot]) -> None:
        """Let nothing of ``slots`` serve any more, those who need others first."""
        for slot in slots:
            self._join(slot)
        self._old_order = self._new_order = self._levels(self._needs(old=True))
        self._leaving = True
        await self.settle()

    async def settle(self) -> None:
        """Bring it to its end, whichever that is; after an interruption it goes on where it was.

        Whoever holds the transaction calls it once more when all is done: at any line a signal
        may raise an exception, or memory run out.
        """
        if self._settled:
            return
        if self.committed:
            await self._retire()
        elif self._leaving:
            await self._leave()
        else:
            await self._roll_back()
        self._settled = True

    async def _leave(self) -> None:
        leaving = [part.slot for level in reversed(self._old_order) for part in level]
        for slot in leaving:
            slot.current = None
        self._serve(self.parts)
        self._committed(leaving)
        await self._retire()

    # Before the commit: each part raises a PluginFault, and all of them roll back

    def _look(self, wanted: Sequence[Wanted]) -> None:
        """Read what is wanted; what differs becomes a part, and so does whoever needs it."""
        # All of them first: where one cannot be read, the others roll back with it.
        for part, want in [(self._join(want.slot), want) for want in wanted]:
            try:
                differs = self._read(part, want)
            except PluginFault as fault:
                part.blame(part.steps.stage, fault)
                raise
            if not differs:
                self.parts.remove(part)
        if not self.parts:
            return
        names = {part.name for part in self.parts}
        for name in self._roster.followers(names):
            slot = self._roster.slots[name]
            # Of a plugin that failed nothing runs that could go stale.
            if slot.current is not None and name not in names:
                self._join(slot).snapshot = slot.current.snapshot
        self._old_order = self._levels(self._needs(old=True))
        self._new_order = self._levels(self._needs(old=False))

    def _read(self, part: Part, want: Wanted) -> bool:
        """Whether there is something to make anew of what is wanted."""
        part.forced, part.restores = want.force, want.restore
        if want.config is not None:
            part.config = want.config
            if part.old is not None and not want.reread:
                part.snapshot = part.old.snapshot
                return not same(part.config, part.slot.config)
        part.snapshot = part.steps.read()
        if part.old is not None and part.snapshot.sha256 == part.old.snapshot.sha256:
            return want.force or not same(part.config, part.slot.config)
        part.steps.check_bytes(part.snapshot, want.only_sha256)
        return True

    def _join(self, slot: Slot) -> Part:
        steps = Steps(self._machinery, slot, partial(self._on_stage, slot))
        part = Part(slot, steps, Building(self._machinery, slot, steps))
        settings = self._machinery.settings
        steps.ends_at = self._machinery.hooks.now() + settings.reload_limit_seconds
        self.parts.append(part)
        return part

    def _begin(self) -> None:
        """A generation for each part, before anything of one of them runs: an import of one
        by another reaches the new one, in whichever order they are built."""
        for part in self.parts:
            assert part.snapshot is not None
            part.new = part.building.begin(part.snapshot, part.config, self._neighbours)

    async def _build(self, part: Part) -> None:
        await part.building.build(part.built, force=part.forced)

    def _admit(self, stage: Stage) -> None:
        """Ask whether all of them may run, early, and again right before the commit."""
        coming = {
            self._roster.name_of(part.slot, part.built): (part.slot, part.built)
            for part in self.parts
        }
        if self._neighbours.moved():
            raise Overtaken
        for part in self.parts:
            part.steps.stage = stage
        self._roster.admit(coming)
        for name, (slot, new) in coming.items():
            slot.name = name
            assert new.context is not None
            new.context.name = name
        self._new_order = self._levels(
            {name: new.described.dependencies for name, (_, new) in coming.items()}
        )

    async def _start(self, part: Part) -> None:
        await part.steps.start(part.built)

    async def _stop_exclusive(self) -> None:
        """Stop the old ones that give way first, and with them whoever needs them."""
        exclusive = [part.name for part in self.parts if part.wants_stop_first]
        if not exclusive:
            return
        names = self._roster.followers(exclusive)
        for part in self.parts:
            part.exclusive = part.old is not None and part.name in names
        await by_level(self._old_order[::-1], self._hold_exclusive)
        # A cancellation that reached an old one's stop would leave it half stopped, and serving.
        self._settling = True
        await by_level(self._old_order[::-1], self._stop_first)
        self._settling = False

    async def _hold_exclusive(self, part: Part) -> None:
        if part.exclusive and part.old is not None:
            await part.steps.hold(part.old)
            if part.old.hooks.has(GET_RELOAD_STATE):
                part.state = await part.steps.capture(part.old)

    async def _stop_first(self, part: Part) -> None:
        if part.exclusive and part.old is not None:
            part.stopped = True
            for hook in (FLUSH, STOP):
                part.warnings += await part.steps.guarded(part.old, hook)

    async def _hand_over(self) -> None:
        """Carry the states, while events and calls wait at the gates.

        Who needs others is held before them: what is inside it may be calling them.
        """
        await by_level(self._old_order[::-1], self._hold)
        await by_level(self._new_order, self._carry)

    async def _hold(self, part: Part) -> None:
        if part.hands_over and not part.exclusive:
            assert part.old is not None
            await part.steps.hold(part.old)
            if part.carries_state:
                part.state = await part.steps.capture(part.old)

    async def _carry(self, part: Part) -> None:
        """State, then connections: its old one stands still, or has stopped."""
        old, new, steps = part.old, part.built, part.steps
        if old is not None:
            earlier: SavedState | None = SavedState(part.state, old.described.version)
        else:
            earlier = part.slot.rescued or (await steps.saved() if part.restores else None)
        if old is not None and not part.carries_state:
            part.carried = StateCarried.NO_HOOKS
        elif earlier is not None:
            version = None if earlier.version == new.described.version else earlier.version
            part.carried = await steps.restore(new, earlier.state, version)
        if old is not None and part.hands_over and old.context is not None:
            await steps.adopt(old, new, old.context.connections, part.handed)

    async def _check_health(self, part: Part) -> None:
        await part.steps.check_health(part.built)

    async def _on_reload(self, part: Part) -> None:
        if part.old is not None:
            await part.steps.hook(part.built, ON_RELOAD)

    def _commit(self) -> None:
        """From here on the new ones serve, alone. Does not suspend."""
        for part in self.parts:
            part.steps.enter(Stage.COMMIT)
        self._admit(Stage.COMMIT)
        try:
            self._install()
        except BaseException:  # a signal's: what is half committed is committed
            self._install()
            raise

    def _install(self) -> None:
        for part in self.parts:
            slot = part.slot
            slot.current, slot.config = part.built, part.config
            slot.failed, slot.rescued = False, None
        self._serve(self.parts)
        self._committed([part.slot for part in self.parts])

    # Both ways

    def _serve(self, parts: Iterable[Part]) -> None:
        """Let what is current serve, and what waited go on to it."""
        slots = [part.slot for part in parts]
        self._machinery.pipeline.place(
            Placed(slot.name, slot.current, slot.enabled) for slot in slots
        )
        for slot in slots:
            self._machinery.calls.open(slot.name)

    def _committed(self, slots: Sequence[Slot]) -> None:
        self._on_commit(slots)
        self.committed = True  # last: whoever is interrupted before it does it again

    # After the commit: every mishap is a warning

    async def _retire(self) -> None:
        """Drain, flush, stop, teardown, release the old ones: each guarded, each once."""
        await by_level(self._old_order[::-1], self._retire_part)

    async def _retire_part(self, part: Part) -> None:
        old, steps = part.old, part.steps
        steps.ends_at = None
        if part.new is not None:
            part.warnings = [*part.new.remarks, *part.warnings]
        if old is None:
            if part.new is None:  # it had FAILED: what waited for it can go nowhere
                await self._machinery.pipeline.forget(part.name, steps.grace)
            return
        last_sink = part.last_sink_gone
        if not part.stopped:
            part.warnings += await steps.drain(old, last_sink=last_sink)
        if part.new is None:
            part.warnings += await steps.keep_last(old)
        for hook in (TEARDOWN,) if part.stopped else (FLUSH, STOP, TEARDOWN):
            part.warnings += await steps.guarded(old, hook)
        if last_sink:
            await self._machinery.pipeline.forget(part.name, steps.grace)
        part.warnings += await steps.release(old)

    # Instead of the commit

    async def _roll_back(self) -> None:
        """Let what waited go on to the old ones, release the new ones, bring back what stopped."""
        self._settling = True
        await by_level(self._new_order[::-1], self._give_back)
        held = [part for part in self.parts if part.old is not None and not part.stopped]
        if held:
            self._serve(held)
        await by_level(self._new_order[::-1], self._discard)
        stopped = [part.slot for part in self.parts if part.stopped]
        if stopped:
            await by_level(self._old_order, self._bring_back)
            self._committed(stopped)

    async def _give_back(self, part: Part) -> None:
        old, new, steps = part.old, part.new, part.steps
        if old is None or new is None or not part.handed:
            return
        stage, steps.ends_at = steps.stage, None
        part.warnings += await steps.give_back(new, old, part.handed, tell=not part.stopped)
        steps.stage = stage

    async def _discard(self, part: Part) -> None:
        """Release a generation that never served: stop it if it may hold something."""
        new = part.new
        if new is None:
            return
        steps, stage = part.steps, part.steps.stage
        steps.ends_at = None
        part.warnings += new.remarks
        if new.started:
            for hook in (STOP, TEARDOWN):
                part.warnings += await steps.guarded(new, hook)
        part.warnings += await steps.release(new)
        steps.stage = stage
        part.new = None

    async def _bring_back(self, part: Part) -> None:
        """Let a fresh instance of the old bytes serve; where that fails too, it has FAILED."""
        old, slot, steps = part.old, part.slot, part.steps
        if old is None or not part.stopped:
            return
        steps.ends_at = None
        for hook in ENDING:
            part.warnings += await steps.guarded(old, hook)
        if slot.current in (old, None):
            await self._make_again(part)
        self._serve([part])
        part.warnings += await steps.release(old)

    async def _make_again(self, part: Part) -> None:
        old, slot, steps = part.old, part.slot, part.steps
        assert old is not None
        await self._discard(part)  # what an interrupted try left
        slot.current = None
        try:
            try:
                await self._anew(part)
            except HookFailed as fault:
                # At no line of the plugin's, or in the import of bytes that were imported before:
                # a signal or a full memory may have hit it in our own code.
                if fault.file is not None and steps.stage is not Stage.IMPORT:
                    raise
                await self._discard(part)
                await self._anew(part)
        except PluginFault as fault:
            part.beyond_repair = failure_of(steps.stage, fault)
            await self._discard(part)
            slot.failed, slot.rescued = True, SavedState(part.state, old.described.version)
            self._machinery.pipeline.orphan(slot.name)
        else:
            part.restored = part.built.running
            slot.current, part.new = part.new, None

    async def _anew(self, part: Part) -> None:
        assert part.old is not None
        part.snapshot, part.config = part.old.snapshot, part.slot.config
        part.new = part.building.begin(part.snapshot, part.config, self._neighbours)
        await self._build(part)
        await self._start(part)
        await self._carry(part)
        await self._check_health(part)

    # Who, and in which order

    def followers(self, name: str) -> list[str]:
        """The other parts that need ``name``, in the order of starting."""
        reached, found = {name}, []
        for part in [part for level in self._new_order for part in level]:
            if part.name != name and not reached.isdisjoint(self._needed[part.name]):
                reached.add(part.name)
                found.append(part.name)
        return found

    def _blame(self, fault: PluginFault) -> None:
        """Keep why it rolls back: the first part that failed, or what the set of them fails by."""
        first = self.parts[0]
        if isinstance(fault, DependencyFault) and len(self.parts) == 1 and first.snapshot:
            fault.file = fault.file or str(first.snapshot.main.path)
        self.failure = failure_of(first.steps.stage, fault)
        for part in self.parts:
            if part.failure is not None:
                self.failure = replace(part.failure, plugin=part.name)
                return

    def _needs(self, *, old: bool) -> dict[str, Sequence[Dependency]]:
        found: dict[str, Sequence[Dependency]] = {}
        for part in self.parts:
            declared = None
            # The text is read only where an order has to follow from it: that takes longer
            # than compiling it.
            if not old and part.differs and len(self.parts) > 1:
                assert part.snapshot is not None
                declared = declared_dependencies(part.snapshot)
            known = self._roster.graph.dependencies.get(part.name, ())
            found[part.name] = known if declared is None else declared
        return found

    def _levels(self, needs: Mapping[str, Iterable[Dependency]]) -> Levels:
        """The parts, dependencies first; those of a level need none of it."""
        if len(self.parts) == 1:
            return (self.parts,)
        self._needed = {name: {need.name for need in needed} for name, needed in needs.items()}
        by_name = {part.name: part for part in self.parts}
        try:
            levels = self._roster.graph.with_edges(needs).levels(by_name)
        except DependencyFault:  # what only the text says; the metadata will say it again
            levels = tuple((name,) for name in by_name)
        return tuple([by_name[name] for name in level] for level in levels)
