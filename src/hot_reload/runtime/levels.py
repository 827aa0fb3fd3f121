"""Levels: the same step for many parts, those of a level beside each other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from hot_reload.errors import PluginFault
from hot_reload.runtime.part import Part

Levels: TypeAlias = Sequence[Sequence[Part]]


async def by_level(levels: Levels, step: Callable[[Part], Awaitable[None]]) -> None:
    """Do ``step`` for every part, one level after the other.

    The first that raises ends its level: the others of it are cancelled, and waited for.
    A fault is kept with its part.

    Raises:
        PluginFault: a step's own; where several fail at once, that of the first part.
    """
    for level in levels:
        if len(level) == 1:
            await _one(level[0], step)
            continue
        try:
            async with asyncio.TaskGroup() as group:
                for part in level:
                    group.create_task(_one(part, step))
        except BaseExceptionGroup as raised:
            first = _first(raised)
        else:
            continue
        raise first


async def _one(part: Part, step: Callable[[Part], Awaitable[None]]) -> None:
    try:
        await step(part)
    except PluginFault as fault:
        part.blame(part.steps.stage, fault)
        raise


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    faults = [error for error in group.exceptions if isinstance(error, PluginFault)]
    return faults[0] if faults else group.exceptions[0]
