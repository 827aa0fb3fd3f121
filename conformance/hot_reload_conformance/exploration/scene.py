"""The scene: a script is done on it, one operation after the other, and each is judged.

What the operations are is a world's matter: of plugins, of a graph, of a watch.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING

from hot_reload_conformance.adapter import Event, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.operation import Op
from hot_reload_conformance.verdict import CannotJudge, Step, Violation

if TYPE_CHECKING:
    from hot_reload_conformance.exploration.invariant import Invariant

_TELLING = ("disabled", "failed", "absent", "live")
"""Of several plugins the state that tells most is the one that counts."""


class LeftToOthers(CannotJudge):
    """The example cannot go on: the host went wrong where another clause says so."""


class Scene(ABC):
    """A host beside its model. One event loop; one operation at a time."""

    def __init__(self, case: Case, armed: Invariant) -> None:
        self.case = case
        self.armed = armed
        self.applied: list[Op] = []
        self.story: list[Step] = []
        self.facts: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.transitions: Counter[str] = Counter()
        self.overlapping = False
        """Whether what is done now is a part of ``together``."""

    async def begin(self) -> None:  # noqa: B027 - most worlds begin with nothing
        """What has to be there before the first operation."""

    @abstractmethod
    def able(self, rule: str) -> bool:
        """Whether operations of ``rule`` can be asked of this host at all, by its claims."""

    @abstractmethod
    def applies(self, op: Op) -> bool:
        """Whether ``op`` makes sense now; the others are left out of scripts."""

    @abstractmethod
    async def _do(self, op: Op) -> Done:
        """Do ``op`` to the model and the host."""

    @abstractmethod
    def state_of(self, name: str) -> str:
        """The state of the plugin, for coverage."""

    @abstractmethod
    def expectation(self) -> str:
        """What the model says, for the story."""

    def resolved(self, op: Op) -> Op:
        """``op`` with what it leaves open decided."""
        return op

    async def _done(self, op: Op) -> Done:
        """``_do``, with whatever a world does around it."""
        return await self._do(op)

    async def apply(self, op: Op) -> None:
        """Do ``op`` to the model and the host, and ask the armed invariant.

        Raises:
            Violation: the armed clause is broken.
            CannotJudge: something else is, so that it could not be judged.
        """
        op = self.resolved(op)
        if not self.applies(op):
            return
        self.applied.append(op)
        state, done = self._state(op), None
        asked = set(op.names) <= set(self.armed.names)
        try:
            if asked:
                await self.armed.before(self, op)
            done = await self._done(op)
            self._count(state, op, done)
            if asked:
                await (self.armed.overlapped if done.parts else self.armed.after)(self, op, done)
        except Violation as violation:
            self._tell(op, done, violation)
            raise
        self._tell(op, done, None)

    async def _together(self, op: Op) -> Done:
        """Begin all parts in one turn of the loop, in their order, and wait for all of them."""
        self.overlapping = True
        try:
            done = await asyncio.gather(
                *(self._do(part) for part in op.parts), return_exceptions=True
            )
        finally:
            self.overlapping = False
        for each in done:
            if isinstance(each, BaseException):
                raise each
        parts = tuple(each for each in done if isinstance(each, Done))
        self.facts["operations overlapped"] += 1
        said = "\n".join(each.reply.everything for each in parts if not each.reply.ok)
        return Done(Reply(ok=all(each.reply.ok for each in parts), message=said), parts=parts)

    def _state(self, op: Op) -> str:
        found = {self.state_of(name) for name in op.names}
        return next((each for each in _TELLING if each in found), "any")

    def _count(self, state: str, op: Op, done: Done) -> None:
        self.rules[op.rule] += 1
        self.transitions[f"{state}: {op.rule} → {done.outcome}"] += 1

    def _tell(self, op: Op, done: Done | None, violation: Violation | None) -> None:
        seen = ""
        if done is not None:
            words = " ".join(done.reply.everything.split())
            words = words.replace(f"{self.case.workdir}/", "")  # it is another one every time
            seen = "ok" if done.reply.ok else f"failed: {words or 'no word why'}"
        if violation is not None:
            seen = f"{seen}; then {violation.seen}" if seen else violation.seen
        expected = f"{self.expectation()} serve"
        self.story.append(Step(str(op), expected, seen[:400], violation is not None))

    # Looking

    async def ask(self, kind: str) -> list[str]:
        """What all handlers answer, or what the call raised instead."""
        try:
            return await self.case.replies(Event(kind), tell=False)
        except Violation as violation:
            return [violation.message]

    def expect(self, holds: bool, message: str, expected: object, seen: object) -> None:
        if not holds:
            raise Violation(message, expected=expected, seen=seen)
