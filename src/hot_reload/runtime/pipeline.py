"""The pipeline: which generation stands at which stage, and what waits while one is swapped."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, NamedTuple

from hot_reload.outcome import Role
from hot_reload.runtime.dispatch import Counts, Deliver, Dispatch, Gate, View
from hot_reload.runtime.generation import TRANSFORMS, Generation
from hot_reload.runtime.immediate import immediate
from hot_reload.runtime.mailbox import Mailbox
from hot_reload.settings import Settings

_STAGES = frozenset({*TRANSFORMS, Role.SINK})


class Placed(NamedTuple):
    """What stands under a name from now on; ``generation`` None: nobody."""

    name: str
    generation: Generation | None
    enabled: bool = True


class Pipeline:
    """The stages of one engine. All but ``dispatch.emit`` belongs to the loop's thread.

    A sink whose ``write`` is ``async def`` is delivered to through a mailbox that
    belongs to its name and outlives its generations; others by a direct call.
    """

    def __init__(self, settings: Settings) -> None:
        self.counts = Counts()
        self._settings = settings
        self.dispatch = Dispatch(self.counts)
        self._members: dict[str, Generation] = {}
        self._staged: dict[str, Generation] = {}
        """Those of them that events pass or reach: among ten thousand services only a few."""
        self._outdated = False
        """What is published is not what is placed."""
        self._places: dict[str, int] = {}
        """The number of each member, in the order of placing."""
        self._numbers = itertools.count()
        self._gates: dict[str, Gate] = {}
        self._mailboxes: dict[str, Mailbox] = {}
        self._entry = self._gate("(entry)", self.dispatch.run_current)
        self._entry_held_for: set[str] = set()
        self._required_redactors = set(settings.required_redactors)
        self._missing_redactors = set(self._required_redactors)
        """Redactors that are required, or failed and could not be brought back: no event passes
        without them."""

    def place(self, placed: Iterable[Placed]) -> None:
        """Let these generations take part, all at once, and open what was held.

        From here on events reach them and them alone. What waited is delivered first. One
        that is not enabled gets only what its mailbox holds from before.
        """
        placed = list(placed)
        names = {name for name, _, _ in placed}
        # Noted before anything of it is done: whoever is interrupted in here does it again.
        self._outdated |= self._concerns_events(names)
        for name, generation, enabled in placed:
            if name in self._required_redactors and not _redacts(generation, enabled):
                self._missing_redactors.add(name)
            elif generation is not None or name not in self._entry_held_for:
                self._missing_redactors.discard(name)
            if generation is None or not enabled:
                self._members.pop(name, None)
                self._places.pop(name, None)
            else:
                self._members[name] = generation
                if name not in self._places:
                    self._places[name] = next(self._numbers)
            self._stage(name)
            self._aim(name, generation)
        if self._outdated or self._concerns_events(names):
            self._publish()
        for name, generation, enabled in placed:
            self._open(name, generation if enabled else None)

    def close(self, name: str) -> None:
        """Let events for ``name`` wait until ``place``; what is inside it goes on."""
        mailbox = self._mailboxes.get(name)
        if mailbox is not None:
            mailbox.pause()
        generation = self._members.get(name)
        if generation is None:  # disabled
            return
        if any(role in TRANSFORMS for role in generation.roles):
            self._entry.close()
            self._entry_held_for.add(name)
        if Role.SINK in generation.roles and mailbox is None:
            gate = self._gate(name, self._guarded(name, generation))
            gate.close()
            self._gates[name] = gate
        if name in self._staged:
            self._publish()

    def is_quiet(self, name: str) -> bool:
        """Whether ``quiet`` would return at once."""
        mailbox = self._mailboxes.get(name)
        return self.dispatch.forget_left() and (mailbox is None or mailbox.is_idle)

    async def quiet(self, name: str) -> None:
        """Return when nothing is inside a generation that ``place`` or ``close`` replaced."""
        await self.dispatch.drained()
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
        """Let nothing be delivered to ``name``, of which nothing runs, until ``place``.

        Called before nobody is placed there. Where it was a redactor, events are dropped and
        counted under its name until one is placed, or it is unloaded or disabled.
        """
        if _redacts(self._members.get(name)):
            self._missing_redactors.add(name)
        if name in self._mailboxes:
            self._mailboxes[name].orphan()

    def deliver_again(self, name: str, events: Iterable[Any]) -> int:
        """Give ``events``, accepted once and never written, to the sink that serves as ``name``.

        Returns:
            How many were taken; the others, where no sink of the name serves, are dropped
            and counted under it.
        """
        generation = self._members.get(name)
        serves = generation is not None and Role.SINK in generation.roles
        deliver = self.dispatch.sink(name) if serves else None
        taken = 0
        for event in events:
            if deliver is None:
                self.counts.drop(name)
            else:
                deliver(event)
                taken += 1
        return taken

    def seal(self) -> None:
        """Let no event pass any more without the redactors that stand here now.

        For a close, which takes them out one by one, and perhaps before the sinks.
        """
        self._required_redactors |= {name for name, each in self._members.items() if _redacts(each)}

    async def forget(self, name: str, grace: Callable[[Any], Awaitable[object]]) -> None:
        """Drop what belongs to the name itself; its last generation is gone."""
        mailbox = self._mailboxes.pop(name, None)
        if mailbox is not None:
            await mailbox.end(grace)

    def _concerns_events(self, names: Collection[str]) -> bool:
        return any(name in self._staged or name in self._missing_redactors for name in names)

    def _stage(self, name: str) -> None:
        generation = self._members.get(name)
        if generation is not None and not _STAGES.isdisjoint(generation.roles):
            self._staged[name] = generation
        else:
            self._staged.pop(name, None)

    def _aim(self, name: str, generation: Generation | None) -> None:
        if generation is None or Role.SINK not in generation.roles:
            return
        write = generation.method(Role.SINK)
        if inspect.iscoroutinefunction(write) and name not in self._mailboxes:
            self._mailboxes[name] = Mailbox(name, self.counts, self._settings.gate_limit_events)
        if name in self._mailboxes:
            # Once a mailbox, always one: direct calls could overtake what it holds.
            self._mailboxes[name].aim(self.dispatch.guarded_async(name, write))

    def _open(self, name: str, generation: Generation | None) -> None:
        gate = self._gates.get(name)
        if gate is not None:
            serves = generation is not None and Role.SINK in generation.roles
            gate.open(self._guarded(name, generation) if serves else self._drop(name))
            del self._gates[name]
            self._publish()
        if name in self._entry_held_for:
            if self._entry_held_for == {name}:
                self._entry.open(self.dispatch.run_current, here=self.dispatch.run_here)
                self._outdated = True
            self._entry_held_for.discard(name)
            if self._outdated:
                self._publish()

    def _publish(self) -> None:
        members = sorted(self._staged.items(), key=lambda each: self._places[each[0]])
        steps = [
            (role, name, immediate(generation.method(role)))
            for role in TRANSFORMS
            for name, generation in members
            if role in generation.roles
        ]
        steps += [(Role.REDACTOR, name, _withhold) for name in sorted(self._missing_redactors)]
        sinks = [
            (name, self._deliver(name, each)) for name, each in members if Role.SINK in each.roles
        ]
        entry = self._entry if self._entry_held_for else None
        self.dispatch.install(View(steps, sinks, entry))
        self._outdated = False

    def _deliver(self, name: str, generation: Generation) -> Deliver:
        if name in self._gates:
            return self._gates[name].pass_
        if name in self._mailboxes:
            return self._mailboxes[name].post
        deliver: Deliver = generation.method(Role.SINK)
        return deliver

    def _gate(self, name: str, deliver: Deliver) -> Gate:
        settings = self._settings
        return Gate(
            name,
            deliver,
            self.counts,
            settings.gate_limit_events,
            settings.gate_patience_seconds,
        )

    def _guarded(self, name: str, generation: Generation | None) -> Deliver:
        if name in self._mailboxes:
            return self._mailboxes[name].post
        assert generation is not None
        return self.dispatch.guarded(name, generation.method(Role.SINK))

    def _drop(self, name: str) -> Deliver:
        return lambda _event: self.counts.drop(name)


def _redacts(generation: Generation | None, enabled: bool = True) -> bool:
    return enabled and generation is not None and Role.REDACTOR in generation.roles


def _withhold(_event: Any) -> Any:
    raise RuntimeError("the redactor is missing, and nothing passes unredacted")
