"""Coroutine functions that never wait: which they are, and that they run on the spot."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from hot_reload.runtime.immediate import immediate, may_wait


async def adds(event: Any) -> Any:
    return event + 1


async def raises(event: Any) -> Any:
    raise LookupError(event)


async def awaits(event: Any) -> Any:
    return await adds(event)


async def enters(event: Any) -> Any:
    async with event:
        return event


async def loops(event: Any) -> Any:
    async for each in event:
        return each
    return None


async def collects(event: Any) -> Any:
    return [each async for each in event]


@functools.wraps(adds)
async def wraps(event: Any) -> Any:
    return await adds(event)


class Callee:
    async def __call__(self, event: Any) -> Any:
        return event


@pytest.mark.parametrize("method", [adds, raises, len, lambda event: event, Callee()])
def test_f04_what_cannot_wait_is_admitted(method: Callable[..., Any]) -> None:
    assert not may_wait(method)


@pytest.mark.parametrize(
    "method", [awaits, enters, loops, collects, wraps, functools.partial(adds, 1)]
)
def test_f04_what_may_wait_is_found(method: Callable[..., Any]) -> None:
    assert may_wait(method)


def test_f04_it_runs_on_the_spot() -> None:
    assert immediate(adds)(1) == 2
    assert immediate(abs) is abs
    with pytest.raises(LookupError):
        immediate(raises)(1)
    with pytest.raises(AssertionError, match="without an await waited"):
        immediate(_deceives)(1)


class _Pause:
    def __await__(self) -> Any:
        yield


async def _deceives(event: Any) -> Any:
    await _Pause()
