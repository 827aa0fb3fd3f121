"""First uses: plugins that were registered, loaded when they are wanted.

Wanted is one that is used, and one that a plugin needs which is about to be loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from hot_reload.errors import SourceError
from hot_reload.outcome import Outcome
from hot_reload.ports import Files
from hot_reload.runtime.roster import Roster
from hot_reload.runtime.slot import Slot
from hot_reload.source.declared import declared_dependencies
from hot_reload.source.snapshot import take_snapshot


class FirstUses:
    """Loads what ``roster.lazy`` holds. Used on the loop's thread."""

    def __init__(
        self, roster: Roster, files: Files, load: Callable[[Slot], Coroutine[Any, Any, Outcome]]
    ) -> None:
        self._roster = roster
        self._files = files
        self._load = load
        self._loads: dict[str, asyncio.Task[Outcome]] = {}

    async def of(self, name: str) -> Outcome | None:
        """Load the registered plugin ``name``, and before it the registered ones that it needs.

        All who come meanwhile share each of these loads. Gives the first failure, whosesoever
        it is, or what became of ``name``; None: somebody else has loaded it meanwhile.
        """
        failed = await self.of_those_needed_by(self._roster.lazy[name])
        if failed is not None or name not in self._roster.lazy:
            return failed
        return await self._shared(name)

    async def of_those_needed_by(self, slot: Slot) -> Outcome | None:
        """Load the registered plugins that ``slot``'s text says it needs; gives a failure."""
        for name in self._needed(slot, {slot.name}):
            if name in self._roster.lazy:
                outcome = await self._shared(name)
                if not outcome.success:
                    return outcome
        return None

    def _needed(self, slot: Slot, seen: set[str]) -> list[str]:
        """Those in the order of loading. Of a circle whoever closes it is left out: he will say
        what he misses."""
        lazy, found = self._roster.lazy, list[str]()
        if not lazy.keys() - seen:
            return found
        try:
            declared = declared_dependencies(take_snapshot(slot.path, self._files))
        except SourceError:
            return found  # the load will tell
        for each in declared or ():
            if each.name in lazy and each.name not in seen:
                seen.add(each.name)
                found += [*self._needed(lazy[each.name], seen), each.name]
        return found

    def _shared(self, name: str) -> Awaitable[Outcome]:
        # Such a task loads one plugin and waits for no other one of them: none waits for itself.
        task = self._loads.get(name)
        if task is None:
            task = asyncio.get_running_loop().create_task(
                self._load(self._roster.lazy[name]), name=f"first use of {name!r}"
            )
            self._loads[name] = task
            task.add_done_callback(lambda _: self._loads.pop(name, None))
        # Shielded: a waiter that is cancelled takes the load from nobody else.
        return asyncio.shield(task)
