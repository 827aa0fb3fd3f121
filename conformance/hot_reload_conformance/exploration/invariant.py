"""The invariant: one clause, asked before and after each operation of a script."""

from __future__ import annotations

from typing import Any, ClassVar

from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.operation import HANDLERS, SINKS, Op


class Invariant:
    """One clause, asked before and after each operation.

    A fresh object for each example. ``world`` is the world of the machine that it is of.
    """

    code: ClassVar[str]
    machine: ClassVar[str]
    """The profile whose machine explores for it."""
    names: tuple[str, ...] = (*HANDLERS, *SINKS)
    """The plugins that the clause is about: the others are left out of explorations."""
    traffic = False
    """Whether events flow while operations run."""
    needs: str = ""
    """The fact without which nothing was verified."""
    instead: str = ""
    """What stands in the way of that fact, and what to do about it, where one can know."""
    about_failures = False
    """Whether what comes after a failure belongs to it: of the others none is required to have
    seen a plugin recover, which a host may be unable to, and other clauses ask for."""
    cost = 1
    """By how many times fewer examples are drawn for it: where the scripts go far, chance has
    little to add."""
    stirs = False
    """Whether saves without a pause are drawn: each of them is as long as fifty others."""
    stops = False
    """Whether the watch may be stopped for good in the middle."""
    watches = False
    """Whether the settings file is watched, where the host can."""
    retries = False
    """Whether loads are made to fail in passing, and nothing else asks for one."""
    draws: frozenset[str] = frozenset()
    """Verbs of the trials that are done for it: no other clause has to bear them."""
    about_overlaps = False
    """Whether it speaks of what overlaps alone: what breaks one by one too is not its matter."""

    def broke(self) -> frozenset[str]:
        """Of one about overlaps: the plugins that it saw go wrong, overlapped or not."""
        return frozenset()

    async def before(self, world: Any, op: Op) -> None:
        """Look at what the operation may not change."""

    async def after(self, world: Any, op: Op, done: Done) -> None:
        """Raise ``Violation`` where the clause is broken."""
        raise NotImplementedError

    async def overlapped(self, world: Any, op: Op, done: Done) -> None:
        """The same after operations that overlapped, where the clause has a word on them."""
