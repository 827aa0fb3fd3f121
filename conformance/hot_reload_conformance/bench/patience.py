"""Patience: how long something may take before it counts as hanging."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

LOOKS = 100
"""How often it is looked at in that time; the loop turns at least once between two looks."""


async def patiently(
    tasks: Iterable[asyncio.Future[T]],
    seconds: float,
    *,
    return_when: str = asyncio.ALL_COMPLETED,
) -> tuple[set[asyncio.Future[T]], set[asyncio.Future[T]]]:
    """``asyncio.wait`` under a deadline that a busy machine does not run into.

    Where another program has the processor, seconds pass in which the host does nothing: that
    is no hang. So whatever is not done after ``seconds`` has had ``LOOKS`` turns of the loop
    as well, which is more than any operation takes that only goes on.
    """
    waiting = set(tasks)
    done: set[asyncio.Future[T]] = set()
    for _ in range(LOOKS):
        done, rest = await asyncio.wait(waiting, timeout=seconds / LOOKS, return_when=return_when)
        if not rest or (done and return_when == asyncio.FIRST_COMPLETED):
            return done, rest
    return done, waiting - done
