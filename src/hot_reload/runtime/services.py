"""Services: plugins that answer requests, and are loaded by the first one if need be."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any

from hot_reload.errors import EngineMisuse, HookFailed
from hot_reload.outcome import Role
from hot_reload.runtime import calls
from hot_reload.runtime.fault import closed_from_outside, hook_failed
from hot_reload.runtime.first_use import FirstUses
from hot_reload.runtime.machinery import Machinery
from hot_reload.runtime.operations import Operations
from hot_reload.runtime.roster import Roster
from hot_reload.runtime.slot import Slot

_log = logging.getLogger("hot_reload")


class Services:
    """Asks the services of one engine. Used on the loop's thread, by any task."""

    def __init__(
        self, machinery: Machinery, roster: Roster, operations: Operations, first_uses: FirstUses
    ) -> None:
        self._machinery = machinery
        self._roster = roster
        self._operations = operations
        self._first_uses = first_uses

    async def call(self, request: Any) -> list[Any]:
        """The replies of all; see ``Engine.call``."""
        self._operations.check_loop()
        replies = []
        for slot in [each for each in self._roster.slots.values() if each.answers]:
            try:
                replies.append(await self._ask(slot, request))
            except HookFailed as fault:
                _log.error("service %r failed: %s", slot.name, fault)
                self._machinery.pipeline.counts.error(slot.name)
            except EngineMisuse:
                continue  # it went while another one answered
        return replies

    async def use(self, name: str, request: Any) -> Any:
        """The reply of one; see ``Engine.use``."""
        if name in self._roster.lazy:
            outcome = await self._first_uses.of(name)
            if outcome is not None:
                outcome.unwrap()
        return await self._ask(self._roster.service(name), request)

    async def _ask(self, slot: Slot, request: Any) -> Any:
        self._operations.check_loop()
        await self._machinery.calls.passed(slot.name)
        slot = self._roster.service(slot.name)  # it may have gone while the call waited
        generation = slot.current
        assert generation is not None
        host = self._machinery.app
        inside = calls.inside(slot.name, hook=False, leases=generation.leases, host=host)
        try:
            try:
                with inside:
                    answer = generation.method(Role.SERVICE)(request)
                    return await answer if inspect.isawaitable(answer) else answer
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                if closed_from_outside(error):
                    raise
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                    raise  # the caller's own, not the plugin's
                fault = hook_failed(error, f"handle of {slot.name!r}", generation.origin)
        finally:
            inside.leave()  # once more: an interruption may strike in the ``with`` itself
        raise fault
