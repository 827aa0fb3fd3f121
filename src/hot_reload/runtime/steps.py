"""Steps: what a transaction does with one plugin, each under its deadline and by its stage."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hot_reload.config.secret import conceal
from hot_reload.errors import HookTimeout, PluginFault, SourceError, UnhealthyError
from hot_reload.hooks import (
    ADOPT_CONNECTION,
    FLUSH,
    GET_RELOAD_STATE,
    HEALTH_CHECK,
    MIGRATE_STATE,
    SET_RELOAD_STATE,
    SETUP,
    START,
    STOP,
    TEARDOWN,
    Hook,
)
from hot_reload.outcome import Failure, Stage, StateCarried
from hot_reload.ports import SavedState
from hot_reload.runtime.fault import failure_of, hook_failed
from hot_reload.runtime.generation import Generation
from hot_reload.runtime.keeping import keep, kept
from hot_reload.runtime.leftover import told_tasks, told_threads
from hot_reload.runtime.lifecycle import HookCall
from hot_reload.runtime.machinery import Machinery
from hot_reload.runtime.rescue import rescue
from hot_reload.runtime.slot import Slot
from hot_reload.runtime.state import copied
from hot_reload.source.snapshot import SourceSnapshot, take_snapshot

ENDING = (FLUSH, STOP, TEARDOWN)
"""The hooks of a generation's end, in their order."""
HEALTHY_WORDS = frozenset(
    {"ok", "healthy", "up", "pass", "passing", "running", "good", "ready", "true", "yes"}
)


class Steps:
    """The steps of one transaction on one slot. ``stage`` is where it is now.

    Those that come before the commit raise a ``PluginFault``; ``guarded``, ``drain`` and
    ``release`` give warnings instead.
    """

    def __init__(self, machinery: Machinery, slot: Slot, on_stage: Callable[[Stage], None]) -> None:
        self._machinery = machinery
        self._slot = slot
        self._on_stage = on_stage
        self.stage = Stage.READ
        self.ends_at: float | None = None
        """When the whole reload has to be over, on the engine's clock; None: it has committed."""

    def read(self) -> SourceSnapshot:
        self.enter(Stage.READ)
        running = self._slot.current
        snapshot = take_snapshot(
            self._slot.path,
            self._machinery.files,
            known=running.snapshot if running is not None else None,
        )
        if self._machinery.imports.lock is not None:
            self._machinery.imports.lock.check(snapshot)
        return snapshot

    def check_bytes(self, snapshot: SourceSnapshot, only_sha256: str | None) -> None:
        if only_sha256 is not None and snapshot.sha256 != only_sha256:
            path = self._slot.path
            raise SourceError(
                f"{path} changed after it was looked at: it is sha256:{snapshot.sha256[:12]} now",
                file=str(path),
                hint="wait until it is written completely, then reload it",
            )

    def enter(self, stage: Stage) -> None:
        self.stage = stage
        self._on_stage(stage)

    async def start(self, new: Generation) -> None:
        new.started = True  # from here on it may hold something
        await self.hook(new, SETUP)
        await self.hook(new, START)

    async def capture(self, old: Generation) -> Any:
        """A copy of the state of ``old``, which is held; None: there is nothing to carry.

        Where the engine has a store it is saved there first: a disk that is full stops the
        hand-over, and not the plugin that follows it.
        """
        state = copied(await self.hook(old, GET_RELOAD_STATE))
        saved = SavedState(state, old.described.version)
        seconds = self.time_left("saving the state")
        await keep(self._machinery, self._slot.name, saved, seconds=seconds)
        return state

    async def keep_last(self, old: Generation) -> list[Failure]:
        """Save what ``old``, which leaves for good and is drained, knows; for a later load."""
        if self._machinery.states is None or not old.hooks.has(GET_RELOAD_STATE):
            return []
        try:
            await self.capture(old)
        except PluginFault as fault:
            return [failure_of(Stage.CAPTURE, fault)]
        return []

    async def saved(self) -> SavedState | None:
        """What an earlier process, or an unload, saved of this plugin."""
        self.enter(Stage.RESTORE)
        seconds = self.time_left("loading the saved state")
        return await kept(self._machinery, self._slot.name, seconds=seconds)

    async def restore(self, new: Generation, state: Any, version: str | None) -> StateCarried:
        """Give ``new`` the state of another ``version``; None: it is of no other."""
        if not new.hooks.has(SET_RELOAD_STATE):
            return StateCarried.NO_HOOKS
        if state is None:
            return StateCarried.NOTHING_TO_CARRY
        state = copied(state)
        if version is not None and new.hooks.has(MIGRATE_STATE):
            state = copied(await self.hook(new, MIGRATE_STATE, state, version))
        await self.hook(new, SET_RELOAD_STATE, state)
        return StateCarried.CARRIED

    async def adopt(
        self, giver: Generation, taker: Generation, ids: Iterable[str], handed: list[str]
    ) -> None:
        """Let ``taker`` have these connections of ``giver``; ``handed`` grows with each."""
        assert giver.context is not None
        assert taker.context is not None
        if not taker.hooks.has(ADOPT_CONNECTION):
            return
        given, taken = giver.context.connections, taker.context.connections
        for each in list(ids):
            if each not in taken:
                handed.append(each)  # first: to give back what was never given does nothing
                taken[each] = given[each]
                del given[each]
                await self.hook(taker, ADOPT_CONNECTION, each, taken[each])

    async def give_back(
        self, taker: Generation, giver: Generation, handed: list[str], *, tell: bool
    ) -> list[Failure]:
        """Let ``giver`` have what ``taker`` was handed again; ``tell``: by its hook, too."""
        assert giver.context is not None
        assert taker.context is not None
        warnings: list[Failure] = []
        given, taken = giver.context.connections, taker.context.connections
        for each in handed:
            if each in taken:
                given[each] = taken[each]
                if tell:
                    warnings += await self.guarded(giver, ADOPT_CONNECTION, each, given[each])
                taken.pop(each, None)  # last: until then whoever is interrupted does it again
        handed.clear()
        return warnings

    async def hold(self, old: Generation) -> None:
        """Close the gates, and wait until nothing is inside ``old``: its state stands still."""
        self.enter(Stage.CAPTURE)
        machinery = self._machinery
        machinery.calls.close(self._slot.name)

        machinery.pipeline.close(self._slot.name)
        if self._is_still(old):
            return

        async def still() -> None:
            await machinery.pipeline.quiet(self._slot.name)
            await old.leases.returned()

        if not await self.in_time(still()):
            raise HookTimeout(
                "events or calls were still inside the running generation after "
                f"{machinery.settings.drain_deadline_seconds:g} s",
                hint="look for a handler or write() that hangs, or raise drain_deadline_seconds",
            )

    def _is_still(self, old: Generation) -> bool:
        """Whether nothing is inside ``old``, as mostly: then no task has to wait for it."""
        return old.leases.idle and self._machinery.pipeline.is_quiet(self._slot.name)

    async def drain(self, old: Generation, *, last_sink: bool) -> list[Failure]:
        pipeline, name = self._machinery.pipeline, self._slot.name
        self.enter(Stage.DRAIN)
        if self._is_still(old) and not last_sink:
            return []

        async def drained() -> None:
            await pipeline.quiet(name)
            if last_sink:
                await pipeline.empty([name])
            await old.leases.returned()

        if await self.in_time(drained()):
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

    async def hook(self, generation: Generation, hook: Hook, *arguments: Any) -> Any:
        """What the hook returns; None where the plugin has no such hook."""
        if generation.has_begun(hook):
            return None
        self.enter(hook.stage)
        method = generation.hooks.get(hook)
        call = None if method is None else HookCall(method, arguments)
        if hook in ENDING:
            # Noted before it is done, and without risk: the note itself knows whether it began.
            generation.ending[hook.name] = call
        if call is None:
            return None
        return await self._machinery.hooks.run(
            hook.name,
            call,
            origin=generation.origin,
            deadline_seconds=self.time_left(hook.name),
        )

    def time_left(self, what: str) -> float | None:
        """How long a hook may take, where the whole reload leaves it less than its own."""
        if self.ends_at is None:
            return None
        settings = self._machinery.settings
        left = self.ends_at - self._machinery.hooks.now()
        if left <= 0:
            raise HookTimeout(
                f"{what} was not begun: the whole reload was still under way after "
                f"{settings.reload_limit_seconds:g} s",
                hint="make its hooks shorter, or raise reload_deadline_seconds",
            )
        return min(left, settings.hook_deadline_seconds)

    async def guarded(self, generation: Generation, hook: Hook, *arguments: Any) -> list[Failure]:
        try:
            await self.hook(generation, hook, *arguments)
        except PluginFault as fault:
            failures = [failure_of(hook.stage, fault)]
            if hook is FLUSH:
                failures += await rescue(self._machinery, self._slot.name, generation)
            return failures
        return []

    async def release(self, generation: Generation) -> list[Failure]:
        """Let go of all that belongs to ``generation``; idempotent."""
        self.enter(Stage.RELEASE)
        warnings: list[Failure] = []
        context = generation.context
        if context is not None:
            cleanups, origin = context.cleanups(), generation.origin
            while cleanups:
                if not cleanups[0].begun:
                    try:
                        await self._machinery.hooks.run("a cleanup", cleanups[0], origin=origin)
                    except PluginFault as fault:
                        warnings.append(failure_of(Stage.RELEASE, fault))
                del cleanups[0]
            running = context.cancel_tasks()
            for task in running:
                if not await self.grace(task):
                    cause = f"task {task.get_name()!r} swallowed its cancellation and is leaked"
                    warnings.append(Failure(Stage.RELEASE, cause))
            warnings += await told_tasks(generation)
        warnings += await told_threads(generation, self.grace)
        self._machinery.graveyard.bury(self._slot.name, generation)
        generation.let_go()
        return warnings

    async def grace(self, task: asyncio.Future[Any]) -> bool:
        return await self._machinery.hooks.wait(task, self._machinery.settings.cancel_grace_seconds)

    async def in_time(self, waiting: Any) -> bool:
        """Whether ``waiting`` ends within the drain deadline; it is cancelled where not."""
        task = asyncio.ensure_future(waiting)
        try:
            in_time = await self._machinery.hooks.wait(
                task, self._machinery.settings.drain_deadline_seconds
            )
            return in_time and task.result() is None  # result(): an error in it is told
        finally:
            task.cancel()

    async def check_health(self, new: Generation) -> None:
        answer = await self.hook(new, HEALTH_CHECK)
        try:
            told = None if is_healthy(answer) else conceal(repr(answer), new.origin.secrets)
        except BaseException as error:  # its __bool__ or __repr__ is the plugin's own
            fault = hook_failed(error, "the answer of health_check", new.origin)
        else:
            if told is not None:
                raise UnhealthyError(
                    f"health_check answered {told:.200}", file=str(new.snapshot.main.path)
                )
            return
        raise fault


def is_healthy(answer: object) -> bool:
    """What a health_check's answer means: a bool, a mapping with ``healthy`` or ``status``,
    or nothing, which is as good as True.

    So do an object with such an attribute, a word or an enum of it, and a pair of answer and
    reason: each is true as Python sees it, whatever it says.
    """
    if isinstance(answer, enum.Enum):
        answer = answer.value
    if isinstance(answer, str):
        return answer.lower() in HEALTHY_WORDS
    if isinstance(answer, tuple) and answer:
        return is_healthy(answer[0])
    if isinstance(answer, Mapping):
        if "healthy" in answer:
            return answer["healthy"] is not None and is_healthy(answer["healthy"])
        status = answer.get("status", "ok")
        return is_healthy(status if isinstance(status, enum.Enum) else str(status))
    for name in ("healthy", "status"):
        said = getattr(answer, name, None)
        if said is not None:
            return is_healthy(said)
    return answer is None or bool(answer)
