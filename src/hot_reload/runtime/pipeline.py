"""The pipeline: which generation stands at which stage, and what waits while one is swapped."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from hot_reload.outcome import Role
from hot_reload.runtime.dispatch import Counts, Deliver, Dispatch, Gate, Mailbox, View
from hot_reload.runtime.generation import TRANSFORMS, Generation
from hot_reload.settings import Settings


class Pipeline:
    """The stages of one engine. All but ``emit`` belongs to the loop's thread.

    A sink whose ``write`` is ``async def`` is delivered to through a mailbox that
    belongs to its name and outlives its generations; others by a direct call.
    """

    def __init__(self, settings: Settings) -> None:
        self.counts = Counts()
        self._settings = settings
        self._dispatch = Dispatch(self.counts)
        self._members: dict[str, Generation] = {}
        self._gates: dict[str, Gate] = {}
        self._mailboxes: dict[str, Mailbox] = {}
        self._entry = self._gate("(entry)", self._dispatch.run_current)
        self._entry_held_for: set[str] = set()

    def emit(self, event: Any) -> bool:
        """Accept ``event`` from any thread or task; False: there is no sink."""
        return self._dispatch.emit(event)

    def place(self, name: str, generation: Generation | None, *, enabled: bool = True) -> None:
        """Let ``generation`` take part under ``name`` (None: nobody), and open what was held.

        From here on events reach it and it alone. What waited is delivered first. Where it
        is not ``enabled``, it gets only what its mailbox holds from before.
        """
        if generation is None or not enabled:
            self._members.pop(name, None)
        else:
            self._members[name] = generation
        self._aim(name, generation)
        self._publish()
        self._open(name, generation if enabled else None)

    async def hold(self, name: str) -> None:
        """Let events for ``name`` wait until ``place``, and nothing be inside it any more."""
        mailbox = self._mailboxes.get(name)
        if mailbox is not None:
            mailbox.pause()
        generation = self._members.get(name)
        if generation is None:  # disabled: but its mailbox may hold something from before
            await self.quiet(name)
            return
        if any(role in TRANSFORMS for role in generation.roles):
            self._entry.close()
            self._entry_held_for.add(name)
        if Role.SINK in generation.roles and mailbox is None:
            gate = self._gate(name, self._direct(name, generation))
            gate.close()
            self._gates[name] = gate
        self._publish()
        await self.quiet(name)

    async def quiet(self, name: str) -> None:
        """Return when nothing is inside a generation that ``place`` or ``hold`` replaced."""
        await self._dispatch.drained()
        if name in self._mailboxes:
            await self._mailboxes[name].idle()

    async def empty(self, names: Iterable[str] | None = None) -> None:
        """Return when all that the mailboxes (of ``names``) held has been delivered."""
        for name in list(self._mailboxes) if names is None else names:
            if name in self._mailboxes:
                await self._mailboxes[name].empty()

    def abandon(self, name: str) -> None:
        """Give up the delivery that is under way to ``name``; it is counted as dropped."""
        if name in self._mailboxes:
            self._mailboxes[name].abandon()

    def orphan(self, name: str) -> None:
        """Let nothing be delivered to ``name``, of which nothing runs, until ``place``."""
        if name in self._mailboxes:
            self._mailboxes[name].orphan()

    async def forget(self, name: str, grace: Callable[[Any], Awaitable[object]]) -> None:
        """Drop what belongs to the name itself; its last generation is gone."""
        mailbox = self._mailboxes.pop(name, None)
        if mailbox is not None:
            await mailbox.end(grace)

    def _aim(self, name: str, generation: Generation | None) -> None:
        if generation is None or Role.SINK not in generation.roles:
            return
        write = generation.method(Role.SINK)
        if inspect.iscoroutinefunction(write) and name not in self._mailboxes:
            self._mailboxes[name] = Mailbox(name, self.counts, self._settings.gate_limit_events)
        if name in self._mailboxes:
            # Once a mailbox, always one: direct calls could overtake what it holds.
            self._mailboxes[name].aim(self._dispatch.guarded_async(name, write))

    def _open(self, name: str, generation: Generation | None) -> None:
        gate = self._gates.get(name)
        if gate is not None:
            serves = generation is not None and Role.SINK in generation.roles
            gate.open(self._deliver(name, generation) if serves else self._drop(name))
            del self._gates[name]
            self._publish()
        if name in self._entry_held_for:
            self._entry_held_for.discard(name)
            if not self._entry_held_for:
                self._entry.open(self._dispatch.run_current)
                self._publish()

    def _publish(self) -> None:
        members = self._members.items()
        steps = [
            (role, name, generation.method(role))
            for role in TRANSFORMS
            for name, generation in members
            if role in generation.roles
        ]
        sinks = [
            (name, self._gates[name].pass_ if name in self._gates else self._deliver(name, each))
            for name, each in members
            if Role.SINK in each.roles
        ]
        entry = self._entry if self._entry_held_for else None
        self._dispatch.install(View(steps, sinks, entry))

    def _deliver(self, name: str, generation: Generation | None) -> Deliver:
        if name in self._mailboxes:
            return self._mailboxes[name].post
        assert generation is not None
        return self._direct(name, generation)

    def _gate(self, name: str, deliver: Deliver) -> Gate:
        settings = self._settings
        return Gate(
            name,
            deliver,
            self.counts,
            settings.gate_limit_events,
            settings.gate_patience_seconds,
        )

    def _direct(self, name: str, generation: Generation) -> Deliver:
        return self._dispatch.guarded(name, generation.method(Role.SINK))

    def _drop(self, name: str) -> Deliver:
        return lambda _event: self.counts.drop(name)
