"""Coroutine functions that never wait, run on the spot.

``emit`` goes through filters, enrichers, processors and redactors in whichever thread it is
called from, and waits for nothing. Some systems make all their plugins' methods
``async def``, though; one without a single ``await`` is a function all the same.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable
from typing import Any

_WAITING = frozenset({"GET_AWAITABLE", "GET_AITER", "GET_ANEXT"})
"""What ``await``, ``async with`` and ``async for`` are compiled to, comprehensions included."""


def may_wait(method: Callable[..., Any]) -> bool:
    """Whether ``method`` is ``async def`` and its text has anything that can wait."""
    if not inspect.iscoroutinefunction(method):
        return False
    code = getattr(method, "__code__", None)
    return code is None or any(each.opname in _WAITING for each in dis.get_instructions(code))


def immediate(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``method`` as a plain function, where it is ``async def`` and ``may_wait`` says no."""
    if not inspect.iscoroutinefunction(method):
        return method

    def run(event: Any) -> Any:
        try:
            method(event).send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("a coroutine without an await waited")

    return run
