"""What a generation leaves behind: tasks and threads of its own that nobody else knows of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hot_reload.outcome import Failure, Stage
from hot_reload.runtime.fault import shown, standing
from hot_reload.runtime.generation import Generation
from hot_reload.source.threads import TELLTALES, own_threads

TOLD_LIMIT = 5
NAME_LIMIT = 80
LAST_STEPS = 20
"""How many turns of the loop a task has to end that was told to, as by a mark in its queue."""


def own_tasks(generation: Generation) -> set[asyncio.Task[Any]]:
    """The tasks on the running loop that run a function of its modules."""
    files = generation.snapshot.files.values()
    if not any(b"async" in file.data for file in files):
        return set()  # quicker than a look at every task of a busy host
    top = generation.namespace.top
    return {task for task in asyncio.all_tasks() if _runs(task, top)}


async def told_tasks(generation: Generation) -> list[Failure]:
    """A warning for each that goes on although all of its hooks and cleanups have been called.

    One that is being cancelled, or ends within the next turns of the loop, is none.
    """
    left = own_tasks(generation)
    for _ in range(LAST_STEPS):
        left = {task for task in left if not task.done() and not task.cancelling()}
        if not left:
            return []
        await asyncio.sleep(0)
    told = []
    for task in sorted(left, key=lambda task: task.get_name())[:TOLD_LIMIT]:
        file, line = standing(task.get_coro(), generation.origin)
        told.append(
            Failure(
                Stage.RELEASE,
                f"task {shown(task.get_name(), NAME_LIMIT)!r} of its own goes on after its end",
                file,
                line,
                hint="cancel it in stop(), or start it by context.spawn()",
            )
        )
    return told


async def told_threads(
    generation: Generation, grace: Callable[[asyncio.Future[Any]], Awaitable[object]]
) -> list[Failure]:
    """A warning for each that goes on after ``grace``, which is how long one may take to end."""
    files = generation.snapshot.files.values()
    if not any(each in file.data for file in files for each in TELLTALES):
        return []
    owns = generation.namespace.owns
    if not own_threads(owns):
        return []
    await grace(asyncio.get_running_loop().create_future())
    return [
        Failure(
            Stage.RELEASE,
            f"thread {shown(each.name, NAME_LIMIT)!r} runs its code on after its end",
            each.file,
            each.line,
            hint="end it in stop(), and join it there",
        )
        for each in own_threads(owns)[:TOLD_LIMIT]
    ]


def _runs(task: asyncio.Task[Any], top: str) -> bool:
    """Whether ``task`` runs a function of the modules below ``top``."""
    frame = getattr(task.get_coro(), "cr_frame", None)
    name = str(frame.f_globals.get("__name__", "")) if frame is not None else ""
    return name.partition(".")[0] == top
